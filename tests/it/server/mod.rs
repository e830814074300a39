//! The server, seen through raw sockets: what it answers, what becomes of the connection, what it tells its
//! observer, and that nothing is left of it.

mod bodies;
#[cfg(target_os = "linux")]
mod crowd;
mod duties;
mod error_pages;
mod example;
mod faults;
pub(crate) mod files;
mod foreign;
mod forward;
mod hijack;
mod late;
mod limits;
mod listeners;
mod proxied;
mod redirects;
mod routes;
mod slow;
mod static_content;
mod stats;
mod stop;
#[cfg(feature = "tls")]
mod tls;
mod watched;

use std::io::{ErrorKind as IoErrorKind, Read};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use http_aio::{Addr, Aio, Conn, ErrorKind, Rejection, Server, ServerEvent, ServerLimits, Threads};

use crate::support::*;

/// A server that listens on loopback, and what its observer was told.
pub(crate) struct Host {
    pub(crate) server: Server,
    pub(crate) address: SocketAddr,
    pub(crate) told: Arc<Told>,
}

/// Which threads serve connections in this run of the tests: with `HTTP_AIO_THREADS=connection`, one for each.
pub(crate) fn chosen_threads() -> Threads {
    match std::env::var("HTTP_AIO_THREADS").as_deref() {
        Ok("connection") => Threads::PerConnection,
        _ => Threads::Watched,
    }
}

/// What an observer was told, in order.
#[derive(Default)]
pub(crate) struct Told(Mutex<Vec<Event>>);

/// An event, without what differs from run to run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Event {
    Accepted,
    Answered(String, u16, u64),
    Refused(u16, ErrorKind),
    HandlerFailed(String, String),
    HandlerSlow(String),
    Hijacked(String),
    OutOfThreads(usize),
    AnswerFailed(String, ErrorKind, u64),
    Rejected(Rejection),
    HandshakeFailed(ErrorKind),
    AcceptFailed,
    Ended(u64),
    Draining,
    Closed,
}

impl From<&ServerEvent<'_>> for Event {
    fn from(event: &ServerEvent<'_>) -> Self {
        match event {
            ServerEvent::Accepted { .. } => Self::Accepted,
            ServerEvent::Answered {
                method,
                uri,
                status,
                written,
                ..
            } => Self::Answered(format!("{method} {uri}"), status.as_u16(), *written),
            ServerEvent::Refused { status, error, .. } => {
                Self::Refused(status.as_u16(), error.kind())
            }
            ServerEvent::HandlerFailed { uri, text, .. } => {
                Self::HandlerFailed(uri.to_string(), (*text).to_owned())
            }
            ServerEvent::AnswerFailed { uri, error, .. } => {
                Self::AnswerFailed(uri.to_string(), error.kind(), error.count())
            }
            ServerEvent::Rejected { reason, .. } => Self::Rejected(*reason),
            ServerEvent::HandshakeFailed { error, .. } => Self::HandshakeFailed(error.kind()),
            ServerEvent::AcceptFailed { .. } => Self::AcceptFailed,
            ServerEvent::Ended { requests, .. } => Self::Ended(*requests),
            ServerEvent::HandlerSlow { method, uri, .. } => {
                Self::HandlerSlow(format!("{method} {uri}"))
            }
            ServerEvent::Hijacked { uri, .. } => Self::Hijacked(uri.to_string()),
            ServerEvent::OutOfThreads { threads, .. } => Self::OutOfThreads(*threads),
            ServerEvent::Draining { .. } => Self::Draining,
            ServerEvent::Closed { .. } => Self::Closed,
            other => panic!("a new event: {other:?}"),
        }
    }
}

impl Told {
    pub(crate) fn all(&self) -> Vec<Event> {
        self.0.lock().unwrap().clone()
    }

    /// Those that fit, once the server has stopped or there are as many.
    pub(crate) fn count(&self, fits: impl Fn(&Event) -> bool) -> usize {
        self.all().iter().filter(|event| fits(event)).count()
    }

    /// Waits for an event, which is returned.
    #[track_caller]
    pub(crate) fn wait_for(&self, what: &str, fits: impl Fn(&Event) -> bool) -> Event {
        wait_until(what, || self.count(&fits) > 0);
        self.all().into_iter().find(fits).expect("it was there")
    }
}

impl Host {
    pub(crate) fn new(routes: impl FnOnce(&Server)) -> Self {
        Self::with(ServerLimits::default(), routes)
    }

    pub(crate) fn with(limits: ServerLimits, routes: impl FnOnce(&Server)) -> Self {
        Self::on(chosen_threads(), limits, routes)
    }

    pub(crate) fn on(threads: Threads, limits: ServerLimits, routes: impl FnOnce(&Server)) -> Self {
        let told = Arc::<Told>::default();
        let theirs = Arc::clone(&told);
        let server = Server::builder()
            .limits(limits)
            .threads(threads)
            .observe(move |event| theirs.0.lock().unwrap().push(event.into()))
            .build();
        routes(&server);
        let address = match server.bind("127.0.0.1:0").expect("a port") {
            Addr::Ip(address) => address,
            other => panic!("{other} is no address of TCP"),
        };
        Self {
            server,
            address,
            told,
        }
    }

    /// Connects.
    #[track_caller]
    pub(crate) fn visit(&self) -> Visitor {
        Visitor::to(self.address)
    }

    /// Over a socket of this family: TCP through the listener, or a Unix pair that a thread serves.
    #[track_caller]
    pub(crate) fn visit_over(&self, family: Family) -> Visitor {
        if family == Family::Tcp {
            return self.visit();
        }
        let (near, far) = unix_pair();
        let server = self.server.clone();
        Visitor {
            peer: Peer::from(far),
            serving: Some(thread::spawn(move || server.serve(Conn::from(near)))),
        }
    }

    /// Connects, asks one thing, and reads the answer.
    #[track_caller]
    pub(crate) fn get(&self, path: &str) -> Reply {
        self.visit().get(path)
    }

    /// Stops in order: everybody has gone, and nothing is left.
    #[track_caller]
    pub(crate) fn stop(&self) {
        let drained = settle(self.server.drain(Aio::new().timeout(PATIENCE)));
        if let Err(error) = drained {
            panic!("{} connections are left: {error}", error.count());
        }
        assert_eq!(self.server.connections(), 0);
    }

    /// A number that the server shows of itself.
    #[track_caller]
    pub(crate) fn shows(&self, what: &str) -> usize {
        let shown = format!("{:?}", self.server);
        let (_, rest) = shown
            .split_once(&format!(" {what}: "))
            .expect("it is shown");
        let number: String = rest.chars().take_while(char::is_ascii_digit).collect();
        number.parse().expect("a number")
    }

    /// Waits until so many connections wait for a request.
    #[track_caller]
    pub(crate) fn wait_for_waiting(&self, count: usize) {
        wait_until("connections wait", || self.shows("waiting") == count);
    }

    #[track_caller]
    pub(crate) fn wait_for_connections(&self, count: usize) {
        wait_until("connections come and go", || {
            self.server.connections() == count
        });
    }
}

/// A client that speaks plainly.
pub(crate) struct Visitor {
    pub(crate) peer: Peer,
    serving: Option<JoinHandle<()>>,
}

/// An answer, read off the wire.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
}

impl Reply {
    /// The values of a field.
    pub(crate) fn all(&self, name: &str) -> Vec<&str> {
        let fields = self.head.lines().filter_map(|line| line.split_once(": "));
        fields
            .filter(|(field, _)| field.eq_ignore_ascii_case(name))
            .map(|(_, value)| value)
            .collect()
    }

    /// The value of a field that is there once, or not at all.
    #[track_caller]
    pub(crate) fn field(&self, name: &str) -> Option<&str> {
        let all = self.all(name);
        assert!(all.len() <= 1, "{name} more than once: {}", self.head);
        all.first().copied()
    }

    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).expect("text")
    }

    /// Whether it says that the connection closes.
    #[track_caller]
    pub(crate) fn closes(&self) -> bool {
        match self.field("connection") {
            Some("close") => true,
            None | Some("keep-alive") => false,
            Some(other) => panic!("Connection: {other}"),
        }
    }
}

impl Visitor {
    #[track_caller]
    pub(crate) fn to(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).expect("it listens");
        stream.set_nodelay(true).expect("a TCP socket");
        Self {
            peer: Peer::from(stream),
            serving: None,
        }
    }

    #[track_caller]
    pub(crate) fn say(&mut self, bytes: impl AsRef<[u8]>) -> &mut Self {
        self.peer.say(bytes);
        self
    }

    /// Asks for a path with no more than belongs to a request.
    #[track_caller]
    pub(crate) fn ask(&mut self, method: &str, path: &str) -> &mut Self {
        self.say(format!("{method} {path} HTTP/1.1\r\nHost: h\r\n\r\n"))
    }

    /// Asks with these lines of header fields.
    #[track_caller]
    pub(crate) fn with(&mut self, method: &str, path: &str, fields: &str) -> &mut Self {
        self.say(format!(
            "{method} {path} HTTP/1.1\r\nHost: h\r\n{fields}\r\n"
        ))
    }

    #[track_caller]
    pub(crate) fn get(&mut self, path: &str) -> Reply {
        self.ask("GET", path).reply()
    }

    #[track_caller]
    pub(crate) fn post(&mut self, path: &str, body: &str) -> Reply {
        let length = body.len();
        self.say(format!(
            "POST {path} HTTP/1.1\r\nHost: h\r\nContent-Length: {length}\r\n\r\n{body}"
        ));
        self.reply()
    }

    #[track_caller]
    pub(crate) fn head(&mut self) -> Reply {
        let head = self.peer.head();
        let status = head.split(' ').nth(1).and_then(|text| text.parse().ok());
        assert!(head.starts_with("HTTP/1.1 "), "no answer: {head}");
        Reply {
            status: status.expect("a status"),
            head,
            body: Vec::new(),
        }
    }

    /// Reads an answer, with its body as it is delimited.
    #[track_caller]
    pub(crate) fn reply(&mut self) -> Reply {
        let mut reply = self.head();
        if reply.status < 200 || matches!(reply.status, 204 | 304) {
            return reply;
        }
        let length = reply.field("content-length").map(|text| text.parse());
        reply.body = match (reply.field("transfer-encoding"), length) {
            (Some("chunked"), None) => self.chunks(),
            (None, Some(Ok(length))) => self.peer.expect(length),
            (None, None) if reply.closes() => self.peer.drain().bytes,
            _ => panic!("an answer without an end: {}", reply.head),
        };
        reply
    }

    /// Reads an answer to HEAD, of which nothing follows the head.
    #[track_caller]
    pub(crate) fn reply_to_head(&mut self) -> Reply {
        self.head()
    }

    /// Reads a chunked body to its end. Trailers are kept behind the content.
    #[track_caller]
    fn chunks(&mut self) -> Vec<u8> {
        let mut content = Vec::new();
        loop {
            let line = self.line();
            let size = usize::from_str_radix(&line, 16).expect("the size of a chunk");
            content.extend(self.peer.expect(size));
            if size == 0 {
                loop {
                    match self.line() {
                        line if line.is_empty() => return content,
                        line => content.extend(line.into_bytes()),
                    }
                }
            }
            assert_eq!(self.line(), "");
        }
    }

    #[track_caller]
    pub(crate) fn line(&mut self) -> String {
        let mut line = Vec::new();
        while !line.ends_with(b"\r\n") {
            line.extend(self.peer.expect(1));
        }
        line.truncate(line.len() - 2);
        String::from_utf8(line).expect("ASCII")
    }

    /// The connection ends in order, and nothing comes before that.
    #[track_caller]
    pub(crate) fn ends(&mut self) {
        let last = self.peer.drain();
        let text = String::from_utf8_lossy(&last.bytes);
        assert_eq!((&*text, last.end), ("", End::OfStream));
    }

    /// As `ends`, and says when.
    #[track_caller]
    pub(crate) fn ends_after(&mut self, start: Instant) -> Duration {
        self.ends();
        start.elapsed()
    }

    /// The connection goes on: another request is answered in step.
    #[track_caller]
    pub(crate) fn goes_on(&mut self) {
        let reply = self.get("/still/there");
        assert_eq!(reply.status, 404, "{}", reply.head);
    }

    /// Whether nothing has come, and the connection is open.
    pub(crate) fn is_quiet(&mut self) -> bool {
        let Peer::Tcp(stream) = &self.peer else {
            return !self.peer.has_input();
        };
        stream.set_nonblocking(true).expect("a socket");
        let peeked = stream.peek(&mut [0]);
        stream.set_nonblocking(false).expect("a socket");
        matches!(peeked, Err(error) if error.kind() == IoErrorKind::WouldBlock)
    }

    /// Hangs up, and waits for whoever serves the connection on a thread of ours.
    #[track_caller]
    pub(crate) fn leave(self) {
        drop(self.peer);
        if let Some(serving) = self.serving {
            join(serving);
        }
    }
}

impl Read for Visitor {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        self.peer.read(buffer)
    }
}
