//! The example `put`, run as its users run it, against servers of every temper.

mod answers;
mod chunked;
mod continued;
mod ctrl_c;
mod deadlines;
mod delivered;
mod errors;
#[cfg(target_os = "linux")]
mod linux;
mod options;
mod permission;
mod proxies;
mod redirections;
mod retries;
#[cfg(feature = "tls")]
mod secure;
mod uploads;

use std::ffi::OsStr;
use std::io::{self, Read};
use std::net::TcpStream;
use std::time::Duration;

use crate::examples::{Ended, Peer, Request, Scratch, Tool, answer};

/// What `put --timeout 1` may take, measured around the process: a server that does not take what was
/// sent gets another second for that.
const TIMEOUT_1: Duration = Duration::from_millis(2100);

/// More than the kernel buffers on loopback.
const LARGE: u64 = 64 << 20;

/// The last line, in parts.
#[derive(Debug, PartialEq)]
struct Line {
    written: u64,
    /// None if the tool did not know.
    total: Option<u64>,
    result: String,
}

impl Ended {
    /// The last line of standard output.
    #[track_caller]
    fn line(&self) -> Line {
        let line = &self.stdout[self.answer().len()..];
        let line = String::from_utf8_lossy(line);
        parse(&line).unwrap_or_else(|| panic!("not the last line: {line:?}, {:?}", self.stderr))
    }

    /// What is before the last line, with the end of the line that the answer may lack.
    fn answer(&self) -> &[u8] {
        let lines = self.stdout.strip_suffix(b"\n").unwrap_or(&self.stdout);
        let end = lines.iter().rposition(|byte| *byte == b'\n');
        &self.stdout[..end.map_or(0, |end| end + 1)]
    }

    /// One line, and nothing else on standard output.
    #[track_caller]
    fn expect(&self, code: i32, written: u64, total: impl Into<Option<u64>>, result: &str) {
        self.expect_answer(code, written, total, result, "");
    }

    /// The answer comes before the line.
    #[track_caller]
    fn expect_answer(
        &self,
        code: i32,
        written: u64,
        total: impl Into<Option<u64>>,
        result: &str,
        answer: &str,
    ) {
        let expected = Line {
            written,
            total: total.into(),
            result: result.to_owned(),
        };
        assert_eq!(self.line(), expected, "{}", self.stderr);
        assert_eq!(self.code, Some(code));
        assert_eq!(String::from_utf8_lossy(self.answer()), answer);
    }
}

fn parse(stdout: &str) -> Option<Line> {
    let line = stdout.strip_suffix('\n')?;
    if line.contains('\n') {
        return None;
    }
    let (counts, result) = line.strip_prefix("wrote ")?.split_once(" bytes: ")?;
    let (written, total) = match counts.split_once(" of ") {
        Some((written, total)) => (written, Some(total.parse().ok()?)),
        None => (counts, None),
    };
    Some(Line {
        written: written.parse().ok()?,
        total,
        result: result.to_owned(),
    })
}

/// Reads everything, then says `text`.
fn answering(text: &'static str) -> Peer<Request> {
    Peer::new(move |stream| {
        let request = Request::read(&stream)?;
        answer(&stream, text)?;
        Ok(request)
    })
}

/// For each connection, what is said to the request that comes over it.
fn server(answers: &[&'static str]) -> Peer<Vec<Request>> {
    let answers = answers.to_owned();
    Peer::listening(move |listener| {
        let serve = |text| {
            let (stream, _) = listener.accept()?;
            let request = Request::read(&stream)?;
            answer(&stream, text)?;
            Ok(request)
        };
        answers.into_iter().map(serve).collect()
    })
}

const CREATED: &str = "HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n";
const TOO_LARGE: &str = "HTTP/1.1 413 Payload Too Large\r\nContent-Length: 5\r\n\r\nlarge";

fn start<A: AsRef<OsStr>>(arguments: impl IntoIterator<Item = A>) -> Tool {
    Tool::start("put", arguments)
}

fn put<A: AsRef<OsStr>>(arguments: impl IntoIterator<Item = A>) -> Ended {
    start(arguments).end()
}

fn put_file(file: &Scratch, url: &str) -> Ended {
    put([file.as_ref(), url.as_ref()])
}

/// The content of a chunked body, and whether it was whole.
fn content(mut body: &[u8]) -> (Vec<u8>, bool) {
    let mut content = Vec::new();
    while let Some(end) = body.windows(2).position(|two| two == b"\r\n") {
        let size = std::str::from_utf8(&body[..end]).expect("a size is text");
        let size = usize::from_str_radix(size, 16).expect("a size is a number");
        body = &body[end + 2..];
        if size == 0 {
            return (content, body == b"\r\n");
        }
        content.extend(&body[..size.min(body.len())]);
        body = body.get(size + 2..).unwrap_or_default();
    }
    (content, false)
}

/// Reads on until there is `end`.
fn read_until(request: &mut Request, mut stream: &TcpStream, end: &[u8]) -> io::Result<()> {
    let mut part = vec![0; 64 << 10];
    while !request.body.ends_with(end) {
        match stream.read(&mut part)? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            count => request.body.extend(&part[..count]),
        }
    }
    Ok(())
}

/// Reads a chunked body to its end, then says `text`.
fn answering_chunks(text: &'static str) -> Peer<Request> {
    Peer::new(move |stream| {
        let mut request = Request::begin(&stream)?;
        read_until(&mut request, &stream, b"\r\n0\r\n\r\n")?;
        answer(&stream, text)?;
        Ok(request)
    })
}
