//! The example `get`, run as its users run it, against servers of every temper.

mod answers;
mod continued;
mod ctrl_c;
mod deadlines;
mod downloads;
mod errors;
#[cfg(target_os = "linux")]
mod linux;
mod options;
mod proxies;
mod redirections;
mod repeated;
mod retries;
#[cfg(feature = "tls")]
mod secure;
mod several;

use std::ffi::OsStr;
use std::fs;
use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::Receiver;
use std::time::Duration;

use crate::examples::{Ended, LIMIT, Peer, Request, Scratch, Tool, answer, binary, collect};

/// What `get --timeout 1` may take, measured around the process.
const TIMEOUT_1: Duration = Duration::from_millis(1100);

/// More than the kernel buffers on loopback and in a pipe.
const LARGE: usize = 64 << 20;

const HELLO: &str = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";
const OK: &str = "ok (200 OK)";

impl Ended {
    /// Nothing but the last line is on standard error.
    #[track_caller]
    fn expect_read(&self, code: i32, read: usize, result: &str) {
        assert_eq!(self.stderr, format!("read {read} bytes: {result}\n"));
        assert_eq!(self.code, Some(code));
    }

    /// All that was read is on standard output.
    #[track_caller]
    fn expect_body(&self, code: i32, body: &[u8], result: &str) {
        self.expect_read(code, body.len(), result);
        assert!(self.stdout == body, "another body");
    }
}

fn start<A: AsRef<OsStr>>(arguments: impl IntoIterator<Item = A>) -> Tool {
    Tool::start("get", arguments)
}

fn get<A: AsRef<OsStr>>(arguments: impl IntoIterator<Item = A>) -> Ended {
    start(arguments).end()
}

/// `get OPTIONS -o FILE URL`
fn get_file(options: &[&str], file: &Scratch, url: &str) -> Ended {
    let output = [OsStr::new("-o"), file.as_ref(), OsStr::new(url)];
    get(options.iter().map(OsStr::new).chain(output))
}

/// Reads the request, then says `text`, and closes.
fn answering(text: impl Into<Vec<u8>>) -> Peer<Request> {
    let text = text.into();
    Peer::new(move |stream| {
        let request = Request::read(&stream)?;
        (&stream).write_all(&text)?;
        Ok(request)
    })
}

fn message(head: &str, body: &[u8]) -> Vec<u8> {
    [head.as_bytes(), body].concat()
}

fn whole(body: &[u8]) -> Vec<u8> {
    let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", body.len());
    message(&head, body)
}

/// In chunks of `size` bytes, with all that may be around them.
fn chunked(body: &[u8], size: usize) -> Vec<u8> {
    let mut text = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n".to_vec();
    for chunk in body.chunks(size) {
        text.extend(format!("{:X};name=\"value\"\r\n", chunk.len()).into_bytes());
        text.extend(chunk);
        text.extend(b"\r\n");
    }
    text.extend(b"0\r\nX-Trailer: yes\r\n\r\n");
    text
}

/// A part of `all`, as a server would send it.
fn part(all: &[u8], from: usize, to: usize) -> Vec<u8> {
    let head = format!(
        "HTTP/1.1 206 Partial Content\r\nContent-Range: bytes {from}-{}/{}\r\n\
         Content-Length: {}\r\n\r\n",
        to - 1,
        all.len(),
        to - from
    );
    message(&head, &all[from..to])
}

#[track_caller]
fn expect_content(file: &Scratch, content: &[u8]) {
    let now = fs::read(&file.0).expect("it is there");
    assert!(now == content, "{} bytes, {}", now.len(), content.len());
}

fn has_line(request: &Request, line: &str) -> bool {
    request.head.lines().any(|is| is.eq_ignore_ascii_case(line))
}

/// For each connection, what the server answers, and how often until it closes.
fn server(answers: &[(&'static str, usize)]) -> Peer<Vec<Request>> {
    let answers = answers.to_owned();
    Peer::listening(move |listener| {
        let mut requests = Vec::new();
        for (text, times) in answers {
            let (stream, _) = listener.accept()?;
            for _ in 0..times {
                requests.push(Request::read(&stream)?);
                answer(&stream, text)?;
            }
        }
        Ok(requests)
    })
}

/// An address at which nobody listens.
fn nobody() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("there is a loopback");
    listener.local_addr().expect("it has one").to_string()
}

/// A `get` whose standard output is read by the test, or not.
struct Unread {
    child: Child,
    stdout: std::process::ChildStdout,
    stderr: Receiver<Vec<u8>>,
}

impl Unread {
    fn start(arguments: &[&str]) -> Self {
        let mut child = Command::new(binary("get"))
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("get starts");
        let stdout = child.stdout.take().expect("it is piped");
        let stderr = collect(child.stderr.take().expect("it is piped"));
        Self {
            child,
            stdout,
            stderr,
        }
    }

    /// What comes first.
    fn read_some(&mut self) -> Vec<u8> {
        let mut bytes = vec![0; 4096];
        let count = self.stdout.read(&mut bytes).expect("it writes");
        bytes.truncate(count);
        bytes
    }

    /// Waits for its end, and only then reads the rest.
    #[track_caller]
    fn end(mut self) -> Ended {
        let Ok(stderr) = self.stderr.recv_timeout(LIMIT) else {
            let _ = self.child.kill();
            panic!("get does not end");
        };
        let status = self.child.wait().expect("it can be waited for");
        let mut rest = Vec::new();
        self.stdout.read_to_end(&mut rest).expect("it has ended");
        Ended {
            code: status.code(),
            stdout: rest,
            stderr: String::from_utf8_lossy(&stderr).into_owned(),
            time: Duration::ZERO,
        }
    }
}

/// Sends without end, and says so once it has begun to.
fn flood(stream: &TcpStream) -> io::Result<()> {
    Request::read(stream)?;
    answer(stream, "HTTP/1.1 200 OK\r\n\r\n")?;
    while (&*stream).write_all(&[b'x'; 64 << 10]).is_ok() {}
    Ok(())
}
