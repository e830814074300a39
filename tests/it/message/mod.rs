//! Messages on the wire: what is written is exactly what was meant or nothing at all, what is read
//! is what was written wherever it is cut, and what is no HTTP is told from it without losing a byte.

mod hostile;
#[cfg(feature = "test-util")]
mod in_memory;
mod reading;
mod there_and_back;
mod written;

use http_aio::bytes::Bytes;
use http_aio::http::{Request, Response, request, response};
use http_aio::{Aio, Conn, ErrorKind, InFlight, Reason, Written};

use crate::support::*;

/// What `write` puts on the wire, all of it.
#[track_caller]
fn wire(write: impl FnOnce(&Conn) -> Aio<Written, InFlight>) -> String {
    let (conn, mut peer) = pair(Family::Unix);
    let written = settle(write(&conn)).expect("it can be written");
    drop(conn);
    let bytes = peer.drain().bytes;
    assert_eq!(written.count(), bytes.len() as u64);
    // Latin-1, so that every byte shows.
    bytes.into_iter().map(char::from).collect()
}

/// `write` is refused before a byte goes out, and the connection is as good as before.
#[track_caller]
fn refused(what: &str, write: impl FnOnce(&Conn) -> Aio<Written, InFlight>) {
    let (conn, mut peer) = pair(Family::Unix);
    let result = settle(write(&conn));
    match result {
        Ok(written) => {
            let bytes = peer.expect(written.count() as usize);
            panic!("{what}: sent {:?}", String::from_utf8_lossy(&bytes));
        }
        Err(error) => {
            assert_eq!((error.kind(), error.count()), (ErrorKind::InvalidInput, 0));
            assert!(error.detail().is_some(), "{error} does not say what");
        }
    }
    settle(conn.write_request(Aio::new(), Request::new(Bytes::new()))).unwrap();
    drop(conn);
    assert_eq!(
        peer.drain().bytes,
        b"GET / HTTP/1.1\r\nhost: \r\n\r\n",
        "{what}"
    );
}

fn request(method: &str, uri: &str) -> request::Builder {
    Request::builder().method(method).uri(uri)
}

fn response(status: u16) -> response::Builder {
    Response::builder().status(status)
}

/// A kind of message, so that the same checks do for both.
trait Message: Send + Sized + std::fmt::Debug + 'static {
    type Head: Send + std::fmt::Debug + 'static;

    fn read(conn: &Conn, aio: Aio<Self::Head>) -> Aio<Self::Head, InFlight>;
    fn new(head: Self::Head, content: Bytes) -> Self;
    fn write(self, conn: &Conn) -> Aio<Written, InFlight>;
    fn header(&self, name: &str) -> Option<&str>;
    fn content(&mut self) -> &mut Bytes;
    /// Everything of it but the extensions.
    fn text(&self) -> String;
}

impl Message for Request<Bytes> {
    type Head = Request<()>;

    fn read(conn: &Conn, aio: Aio<Self::Head>) -> Aio<Self::Head, InFlight> {
        conn.read_request(aio)
    }

    fn new(head: Self::Head, content: Bytes) -> Self {
        head.map(|()| content)
    }

    fn write(self, conn: &Conn) -> Aio<Written, InFlight> {
        conn.write_request(Aio::new(), self)
    }

    fn header(&self, name: &str) -> Option<&str> {
        self.headers().get(name)?.to_str().ok()
    }

    fn content(&mut self) -> &mut Bytes {
        self.body_mut()
    }

    fn text(&self) -> String {
        let (start, headers) = ((self.method(), self.uri(), self.version()), self.headers());
        format!("{start:?} {headers:?} {:?}", self.body())
    }
}

impl Message for Response<Bytes> {
    type Head = Response<()>;

    fn read(conn: &Conn, aio: Aio<Self::Head>) -> Aio<Self::Head, InFlight> {
        conn.read_response(aio)
    }

    fn new(head: Self::Head, content: Bytes) -> Self {
        head.map(|()| content)
    }

    fn write(self, conn: &Conn) -> Aio<Written, InFlight> {
        conn.write_response(Aio::new(), self)
    }

    fn header(&self, name: &str) -> Option<&str> {
        self.headers().get(name)?.to_str().ok()
    }

    fn content(&mut self) -> &mut Bytes {
        self.body_mut()
    }

    fn text(&self) -> String {
        let reason = self.extensions().get::<Reason>();
        let (start, headers) = ((self.status(), reason, self.version()), self.headers());
        format!("{start:?} {headers:?} {:?}", self.body())
    }
}

/// Reads a message with its body, which does not end with the stream.
#[track_caller]
fn read_whole<M: Message>(conn: &Conn) -> M {
    let head = settle(M::read(conn, Aio::new())).unwrap();
    with_content(conn, head)
}

/// Attaches the content that the head declares, and asserts that it ends there.
#[track_caller]
fn with_content<M: Message>(conn: &Conn, head: M::Head) -> M {
    let mut message = M::new(head, Bytes::new());
    if let Some(length) = message.header("content-length") {
        let length = length.parse().unwrap();
        *message.content() = settle(conn.read_all(Aio::new(), length)).unwrap();
    } else if message.header("transfer-encoding").is_some() {
        let mut content = Vec::new();
        loop {
            let part = settle(conn.read(Aio::new(), usize::MAX)).unwrap();
            if part.is_empty() {
                break;
            }
            content.extend_from_slice(&part);
        }
        *message.content() = content.into();
    }
    assert_eq!(settle(conn.read(Aio::new(), usize::MAX)).unwrap(), "");
    message
}

const REQUESTS: [&str; 10] = [
    "GET / HTTP/1.1\r\nhost: h\r\n\r\n",
    "GET /a%20b/c;d?e=f&g=%00 HTTP/1.0\r\nconnection: keep-alive\r\n\r\n",
    "OPTIONS * HTTP/1.1\r\nhost: \r\n\r\n",
    "CONNECT h:443 HTTP/1.1\r\nhost: h:443\r\n\r\n",
    "PUT /x HTTP/1.1\r\nhost: h\r\ncontent-length: 5\r\n\r\nhello",
    "POST / HTTP/1.1\r\nhost: h\r\ncontent-length: 0\r\n\r\n",
    "POST / HTTP/1.1\r\nhost: h\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
    "POST / HTTP/1.1\r\nhost: h\r\ntransfer-encoding: chunked\r\n\r\nc\r\nhello, chunk\r\n0\r\n\r\n",
    "PROPFIND / HTTP/1.1\r\nhost: h\r\na: 1\r\na: 2\r\nb: \r\nc: x\ty z\r\n\r\n",
    "!#$%&'*+-.^_`|~ /\"{}| HTTP/1.1\r\nhost: h\r\nx: \u{e9}\r\n\r\n",
];

const RESPONSES: [&str; 9] = [
    "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n",
    "HTTP/1.0 404 Not Found\r\nconnection: keep-alive\r\ncontent-length: 3\r\n\r\nno\n",
    "HTTP/1.1 200 \r\ncontent-length: 0\r\n\r\n",
    "HTTP/1.1 200 As you like it\r\ncontent-length: 0\r\n\r\n",
    "HTTP/1.1 999 \r\ncontent-length: 0\r\n\r\n",
    "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nc\r\nhello, chunk\r\n0\r\n\r\n",
    "HTTP/1.1 304 Not Modified\r\netag: \"x\"\r\n\r\n",
    "HTTP/1.1 200 OK\r\nset-cookie: a=1; Path=/\r\nset-cookie: b=2\r\ncontent-length: 0\r\n\r\n",
    "HTTP/1.1 200 OK\r\nx: \u{e9}\t.\r\ncontent-length: 1\r\n\r\n\0",
];
