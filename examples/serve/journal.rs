//! The access log, in the common log format, and what goes wrong, on standard error.
//!
//! A thread of its own writes them, so that those that serve wait for no disk. When it falls behind by a good many
//! lines, they do: no line is lost.

use std::fs::OpenOptions;
use std::io::{self, BufWriter, ErrorKind, Write};
use std::path::Path;
use std::thread::{self, JoinHandle};
use std::time::SystemTime;

use crossbeam_channel::{Receiver, Sender, bounded};
use http_aio::ServerEvent;

use crate::common::exit::Exit;
use crate::common::failure::{Failure, plain};
use crate::screen::Screen;

/// Lines that may wait to be written.
const BEHIND: usize = 4096;

/// Where lines are sent that are to be written.
#[derive(Clone)]
pub(crate) struct Journal {
    lines: Sender<Line>,
    has_log: bool,
}

/// Writes them, until it is told that there are no more.
pub(crate) struct Scribe {
    lines: Sender<Line>,
    thread: JoinHandle<io::Result<()>>,
}

enum Line {
    Access(String),
    Trouble(String),
    /// There are no more.
    End,
}

impl Journal {
    /// Begins to write to standard output, or to a file.
    pub(crate) fn open(
        log: Option<&Option<impl AsRef<Path>>>,
        screen: &Screen,
    ) -> Result<(Self, Scribe), Failure> {
        let out: Box<dyn Write + Send> = match log {
            None => Box::new(io::sink()),
            Some(None) => screen.stdout(),
            Some(Some(path)) => Box::new(append_to(path.as_ref())?),
        };
        let (lines, written) = bounded(BEHIND);
        let screen = screen.clone();
        let thread = thread::Builder::new()
            .name("journal".into())
            .spawn(move || write(&written, out, &screen))
            .map_err(|error| Failure::new(Exit::Memory, plain(&error)))?;
        let scribe = Scribe {
            lines: lines.clone(),
            thread,
        };
        let has_log = log.is_some();
        Ok((Self { lines, has_log }, scribe))
    }

    /// Notes what a server does.
    pub(crate) fn note(&self, event: &ServerEvent<'_>) {
        let line = match event {
            ServerEvent::Answered { .. } | ServerEvent::Refused { .. } if self.has_log => {
                entry(event).map(Line::Access)
            }
            _ => trouble(event).map(Line::Trouble),
        };
        if let Some(line) = line {
            let _ = self.lines.send(line); // After the end nothing is served.
        }
    }
}

impl Scribe {
    /// Waits until all is written that was noted before. Fails if it is not whole.
    pub(crate) fn finish(self) -> Result<(), Failure> {
        let _ = self.lines.send(Line::End);
        let written = self.thread.join().unwrap_or(Ok(()));
        written.map_err(|error| {
            let text = format!("the access log has gaps: {}", plain(&error));
            Failure::new(Exit::Write, text)
        })
    }
}

fn append_to(path: &Path) -> Result<std::fs::File, Failure> {
    let opened = OpenOptions::new().create(true).append(true).open(path);
    opened.map_err(|error| {
        let text = format!("cannot write {}: {}", path.display(), plain(&error));
        Failure::new(Exit::Write, text)
    })
}

/// Writes what there is in one call, and then waits for more. Returns why not all of it was written.
fn write(lines: &Receiver<Line>, out: Box<dyn Write + Send>, screen: &Screen) -> io::Result<()> {
    let mut out = BufWriter::new(out);
    let mut whole = Ok(());
    while let Ok(first) = lines.recv() {
        let mut is_end = false;
        let mut written = Ok(());
        for line in [first].into_iter().chain(lines.try_iter().take(BEHIND)) {
            match line {
                Line::Access(line) => written = written.and(out.write_all(line.as_bytes())),
                Line::Trouble(line) => screen.say(&line),
                Line::End => is_end = true,
            }
        }
        match written.and(out.flush()) {
            // Where nobody reads, there is nobody to tell.
            Err(error) if whole.is_ok() && error.kind() != ErrorKind::BrokenPipe => {
                screen.say(&format!(
                    "the access log cannot be written: {}",
                    plain(&error)
                ));
                whole = Err(error);
            }
            _ => {}
        }
        if is_end {
            break;
        }
    }
    whole
}

/// A line of the log: host, identity, user, date, request, status and bytes, where `-` is what nobody knows.
fn entry(event: &ServerEvent<'_>) -> Option<String> {
    let (peer, request, status, bytes) = match event {
        ServerEvent::Answered {
            peer,
            method,
            uri,
            version,
            status,
            written,
            ..
        } => {
            let request = escaped(&format!("{method} {uri} {version:?}"));
            (peer, request, status, written.to_string())
        }
        ServerEvent::Refused { peer, status, .. } => (peer, "-".into(), status, "-".into()),
        _ => return None,
    };
    let host = peer
        .ip()
        .map_or("-".into(), |peer| peer.ip().to_canonical().to_string());
    let (status, now) = (status.as_u16(), now());
    Some(format!(
        "{host} - - [{now}] \"{request}\" {status} {bytes}\n"
    ))
}

/// What stands between quotes, as Apache writes it.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'"' | b'\\' => escaped.extend(['\\', char::from(byte)]),
            b' '..=b'~' => escaped.push(char::from(byte)),
            _ => escaped.push_str(&format!("\\x{byte:02x}")),
        }
    }
    escaped
}

/// What whoever runs it wants to know. Errors say with whom.
fn trouble(event: &ServerEvent<'_>) -> Option<String> {
    match event {
        ServerEvent::HandlerFailed { uri, text, .. } => Some(format!("{uri}: {text}")),
        ServerEvent::AcceptFailed { error, .. } => Some(format!("accepting: {error}")),
        ServerEvent::OutOfThreads { threads, error, .. } => {
            Some(format!("{threads} threads and no more: {error}"))
        }
        _ => None,
    }
}

/// `06/Nov/1994:08:49:37 +0000`, from `Sun, 06 Nov 1994 08:49:37 GMT`.
fn now() -> String {
    let date = httpdate::fmt_http_date(SystemTime::now());
    let date = date[5..25].replacen(' ', "/", 2).replacen(' ', ":", 1);
    format!("{date} +0000")
}
