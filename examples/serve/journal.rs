//! The access log, in the common log format, and what goes wrong, on standard error.
//!
//! A thread of its own writes them, so that those that serve wait for no disk. When it falls behind by a good many
//! lines, they do: no line is lost.

use std::fs::OpenOptions;
use std::io::{self, BufWriter, Write};
use std::path::Path;
use std::thread::{self, JoinHandle};
use std::time::SystemTime;

use crossbeam_channel::{Receiver, Sender, bounded};
use http_aio::ServerEvent;

use crate::common::exit::Exit;
use crate::common::failure::{Failure, plain};

/// Lines that may wait to be written.
const BEHIND: usize = 4096;

/// Where lines are sent that are to be written.
#[derive(Clone)]
pub(crate) struct Journal {
    lines: Sender<Line>,
    has_log: bool,
    is_quiet: bool,
}

/// Writes them, until it is told that there are no more.
pub(crate) struct Scribe {
    lines: Sender<Line>,
    thread: JoinHandle<()>,
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
        is_quiet: bool,
    ) -> Result<(Self, Scribe), Failure> {
        let out: Option<Box<dyn Write + Send>> = match log {
            None => None,
            Some(None) => Some(Box::new(io::stdout())),
            Some(Some(path)) => Some(Box::new(append_to(path.as_ref())?)),
        };
        let (lines, written) = bounded(BEHIND);
        let has_log = out.is_some();
        let scribe = thread::Builder::new()
            .name("journal".into())
            .spawn(move || write(&written, out.unwrap_or_else(|| Box::new(io::sink()))))
            .map_err(|error| Failure::new(Exit::Memory, plain(&error)))?;
        let scribe = Scribe {
            lines: lines.clone(),
            thread: scribe,
        };
        let journal = Self {
            lines,
            has_log,
            is_quiet,
        };
        Ok((journal, scribe))
    }

    /// Notes what a server does.
    pub(crate) fn note(&self, event: &ServerEvent<'_>) {
        let line = match event {
            ServerEvent::Answered { .. } if self.has_log => entry(event).map(Line::Access),
            _ if !self.is_quiet => trouble(event).map(Line::Trouble),
            _ => None,
        };
        if let Some(line) = line {
            let _ = self.lines.send(line); // After the end nothing is served.
        }
    }
}

impl Scribe {
    /// Waits until all is written that was noted before.
    pub(crate) fn finish(self) {
        let _ = self.lines.send(Line::End);
        let _ = self.thread.join();
    }
}

fn append_to(path: &Path) -> Result<std::fs::File, Failure> {
    let opened = OpenOptions::new().create(true).append(true).open(path);
    opened.map_err(|error| {
        let text = format!("cannot write {}: {}", path.display(), plain(&error));
        Failure::new(Exit::Write, text)
    })
}

/// Writes what there is in one call, and then waits for more.
fn write(lines: &Receiver<Line>, out: Box<dyn Write + Send>) {
    let mut out = BufWriter::new(out);
    while let Ok(first) = lines.recv() {
        for line in [first].into_iter().chain(lines.try_iter().take(BEHIND)) {
            // Where nobody reads, there is nobody to tell.
            let _ = match line {
                Line::Access(line) => out.write_all(line.as_bytes()),
                Line::Trouble(line) => writeln!(io::stderr(), "{line}"),
                Line::End => {
                    let _ = out.flush();
                    return;
                }
            };
        }
        let _ = out.flush();
    }
}

fn entry(event: &ServerEvent<'_>) -> Option<String> {
    let ServerEvent::Answered {
        peer,
        method,
        uri,
        version,
        status,
        written,
        ..
    } = event
    else {
        return None;
    };
    let host = peer.ip().map_or("-".into(), |peer| peer.ip().to_string());
    let (status, now) = (status.as_u16(), now());
    Some(format!(
        "{host} - - [{now}] \"{method} {uri} {version:?}\" {status} {written}\n"
    ))
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
