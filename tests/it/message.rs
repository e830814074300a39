//! Messages on the wire: what is written is exactly what was meant or nothing at all, what is read
//! is what was written wherever it is cut, and what is no HTTP is told from it without losing a byte.

use std::net::Shutdown;
use std::thread;
use std::time::Duration;

use http_aio::bytes::Bytes;
use http_aio::http::header::{HeaderName, HeaderValue};
use http_aio::http::{Method, Request, Response, StatusCode, Uri, Version, request, response};
use http_aio::{Aio, Conn, ErrorKind, InFlight, Interim, Limits, Reason, Written};

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
            let (plain, full) = (error.kind().to_string(), error.to_string());
            assert!(full.len() > plain.len() + 2, "{full} does not say what");
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

// ------------------------------------------------------------------------------------------ write

#[test]
fn requests_on_the_wire() {
    #[track_caller]
    fn check(request: request::Builder, body: &'static str, expected: &str) {
        let request = request.body(Bytes::from_static(body.as_bytes())).unwrap();
        assert_eq!(
            wire(|conn| conn.write_request(Aio::new(), request)),
            expected
        );
    }
    // Targets.
    check(request("GET", "/"), "", "GET / HTTP/1.1\r\nhost: \r\n\r\n");
    check(
        request("GET", "/a/b?c=d&e"),
        "",
        "GET /a/b?c=d&e HTTP/1.1\r\nhost: \r\n\r\n",
    );
    check(
        request("GET", "//x/../y"),
        "",
        "GET //x/../y HTTP/1.1\r\nhost: \r\n\r\n",
    );
    check(
        request("OPTIONS", "*"),
        "",
        "OPTIONS * HTTP/1.1\r\nhost: \r\n\r\n",
    );
    check(
        request("GET", "http://example.com"),
        "",
        "GET / HTTP/1.1\r\nhost: example.com\r\n\r\n",
    );
    check(
        request("GET", "http://example.com?q"),
        "",
        "GET /?q HTTP/1.1\r\nhost: example.com\r\n\r\n",
    );
    check(
        request("CONNECT", "example.com:443"),
        "",
        "CONNECT example.com:443 HTTP/1.1\r\nhost: example.com:443\r\n\r\n",
    );
    // Host: from the authority, without credentials; a given one wins, wherever it leads.
    check(
        request("GET", "http://user:pass@example.com:8080/p"),
        "",
        "GET /p HTTP/1.1\r\nhost: example.com:8080\r\n\r\n",
    );
    check(
        request("GET", "http://[::1]:80/"),
        "",
        "GET / HTTP/1.1\r\nhost: [::1]:80\r\n\r\n",
    );
    check(
        request("GET", "http://example.com/").header("Host", "other"),
        "",
        "GET / HTTP/1.1\r\nhost: other\r\n\r\n",
    );
    // An empty one says that there is none to say (RFC 9112 section 3.2); in 1.0 there need be none.
    check(
        request("GET", "/").header("Host", ""),
        "",
        "GET / HTTP/1.1\r\nhost: \r\n\r\n",
    );
    check(
        request("GET", "http://h/").version(Version::HTTP_10),
        "",
        "GET / HTTP/1.0\r\nhost: h\r\n\r\n",
    );
    // Versions and methods.
    check(
        request("GET", "/").version(Version::HTTP_10),
        "",
        "GET / HTTP/1.0\r\n\r\n",
    );
    check(
        request("M-SEARCH", "/"),
        "",
        "M-SEARCH / HTTP/1.1\r\nhost: \r\n\r\n",
    );
    check(
        request("!#$%&'*+-.^_`|~09azAZ", "/"),
        "",
        "!#$%&'*+-.^_`|~09azAZ / HTTP/1.1\r\nhost: \r\n\r\n",
    );
    // Lengths.
    check(
        request("PUT", "/"),
        "hello",
        "PUT / HTTP/1.1\r\nhost: \r\ncontent-length: 5\r\n\r\nhello",
    );
    check(
        request("PUT", "/").header("Content-Length", "5"),
        "hello",
        "PUT / HTTP/1.1\r\nhost: \r\ncontent-length: 5\r\n\r\nhello",
    );
    check(
        request("GET", "/"),
        "odd but legal",
        "GET / HTTP/1.1\r\nhost: \r\ncontent-length: 13\r\n\r\nodd but legal",
    );
    check(
        request("POST", "/"),
        "",
        "POST / HTTP/1.1\r\nhost: \r\ncontent-length: 0\r\n\r\n",
    );
    // Declared, to be written later; 5 GiB is more than 32 bits hold.
    check(
        request("POST", "/").header("Content-Length", "5368709120"),
        "",
        "POST / HTTP/1.1\r\nhost: \r\ncontent-length: 5368709120\r\n\r\n",
    );
    check(
        request("POST", "/").header("Transfer-Encoding", "chunked"),
        "",
        "POST / HTTP/1.1\r\nhost: \r\ntransfer-encoding: chunked\r\n\r\n",
    );
    // Values: tab and what is above ASCII are legal; two lines stay two.
    let odd = HeaderValue::from_bytes(b"a\tb \xe9\xff").unwrap();
    check(
        request("GET", "/").header("X", odd),
        "",
        "GET / HTTP/1.1\r\nhost: \r\nx: a\tb \u{e9}\u{ff}\r\n\r\n",
    );
    check(
        request("GET", "/")
            .header("A", "1")
            .header("a", "2")
            .header("B", ""),
        "",
        "GET / HTTP/1.1\r\nhost: \r\na: 1\r\na: 2\r\nb: \r\n\r\n",
    );
}

#[test]
fn responses_on_the_wire() {
    #[track_caller]
    fn check(response: response::Builder, body: &'static str, expected: &str) {
        let response = response.body(Bytes::from_static(body.as_bytes())).unwrap();
        assert_eq!(
            wire(|conn| conn.write_response(Aio::new(), response)),
            expected
        );
    }
    // A body of no length is declared: a peer would wait for the end of the connection otherwise.
    check(
        response(200),
        "",
        "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n",
    );
    check(
        response(200).header("Content-Length", "0"),
        "",
        "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n",
    );
    check(
        response(201).header("Location", "/x"),
        "made",
        "HTTP/1.1 201 Created\r\nlocation: /x\r\ncontent-length: 4\r\n\r\nmade",
    );
    check(
        response(200).version(Version::HTTP_10),
        "x",
        "HTTP/1.0 200 OK\r\ncontent-length: 1\r\n\r\nx",
    );
    check(
        response(200)
            .header("Set-Cookie", "a=1")
            .header("Set-Cookie", "b=2, c"),
        "",
        "HTTP/1.1 200 OK\r\nset-cookie: a=1\r\nset-cookie: b=2, c\r\ncontent-length: 0\r\n\r\n",
    );
    // A phrase of one's own, none, and a status that has none.
    check(
        response(200).extension(Reason::from("So\tla la")),
        "",
        "HTTP/1.1 200 So\tla la\r\ncontent-length: 0\r\n\r\n",
    );
    check(
        response(404).extension(Reason::from(String::from("\u{e9}"))),
        "",
        "HTTP/1.1 404 \u{c3}\u{a9}\r\ncontent-length: 0\r\n\r\n",
    );
    check(
        response(200).extension(Reason::from("")),
        "",
        "HTTP/1.1 200 \r\ncontent-length: 0\r\n\r\n",
    );
    check(
        response(599),
        "",
        "HTTP/1.1 599 \r\ncontent-length: 0\r\n\r\n",
    );
    // Until the connection ends, and as chunks.
    check(
        response(200).header("Connection", "close"),
        "",
        "HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n",
    );
    check(
        response(200).version(Version::HTTP_10),
        "",
        "HTTP/1.0 200 OK\r\n\r\n",
    );
    check(
        response(200).header("Transfer-Encoding", "chunked"),
        "",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n",
    );
    // Without a body by definition; what a 304 declares is that of the 200.
    check(response(100), "", "HTTP/1.1 100 Continue\r\n\r\n");
    check(response(204), "", "HTTP/1.1 204 No Content\r\n\r\n");
    check(response(304), "", "HTTP/1.1 304 Not Modified\r\n\r\n");
    check(
        response(304).header("Content-Length", "5"),
        "",
        "HTTP/1.1 304 Not Modified\r\ncontent-length: 5\r\n\r\n",
    );
    // To a HEAD.
    check(
        response(200).header("Content-Length", "5368709120"),
        "",
        "HTTP/1.1 200 OK\r\ncontent-length: 5368709120\r\n\r\n",
    );
}

/// Credentials in a URI are not for the wire, and an authority-form has no place for them.
#[test]
fn the_target_of_a_connect_has_no_credentials() {
    let request = request("CONNECT", "user:pass@example.com:443").body(Bytes::new());
    let wire = wire(|conn| conn.write_request(Aio::new(), request.unwrap()));
    let expected = "CONNECT example.com:443 HTTP/1.1\r\nhost: example.com:443\r\n\r\n";
    assert_eq!(wire, expected);
}

#[test]
fn a_head_that_must_not_be_written_is_refused_and_nothing_is_sent() {
    #[track_caller]
    fn check_request(request: request::Builder, body: &'static str) {
        let request = request.body(Bytes::from_static(body.as_bytes())).unwrap();
        let what = format!("{request:?}");
        refused(&what, |conn| conn.write_request(Aio::new(), request));
    }
    #[track_caller]
    fn check_response(response: response::Builder, body: &'static str) {
        let response = response.body(Bytes::from_static(body.as_bytes())).unwrap();
        let what = format!("{response:?}");
        refused(&what, |conn| conn.write_response(Aio::new(), response));
    }
    for version in [Version::HTTP_09, Version::HTTP_2, Version::HTTP_3] {
        check_request(request("GET", "/").version(version), "");
        check_response(response(200).version(version), "");
    }
    // A length that is not that of the body, or two that differ, or one beside a coding.
    check_request(request("PUT", "/").header("Content-Length", "4"), "hello");
    check_request(request("PUT", "/").header("Content-Length", "05"), "hello");
    check_request(request("PUT", "/").header("Content-Length", "0"), "hello");
    check_response(response(200).header("Content-Length", "6"), "hello");
    let two = request("PUT", "/").header("Content-Length", "5");
    check_request(two.header("Content-Length", "6"), "hello");
    let both = |body| {
        let both = request("PUT", "/").header("Content-Length", "5");
        check_request(both.header("Transfer-Encoding", "chunked"), body);
    };
    both("hello");
    both("");
    check_request(
        request("PUT", "/").header("Transfer-Encoding", "chunked"),
        "x",
    );
    check_response(response(200).header("Transfer-Encoding", "gzip"), "x");
    // Only OPTIONS asks about the server as a whole.
    check_request(request("GET", "*"), "");
    // A body that the peer would take for the next response.
    for status in [100, 101, 103, 199, 204, 304] {
        check_response(response(status), "x");
    }
    // What only a phrase or a target can smuggle past the types.
    for phrase in ["a\r\nb: c", "a\nb", "a\rb", "a\0b", "\u{7f}", "\u{1b}[2J"] {
        check_response(response(200).extension(Reason::from(phrase)), "");
    }
    if let Ok(target) = Uri::try_from(&b"/a\x7fb"[..]) {
        check_request(Request::builder().uri(target), "");
    }
}

/// Without an attached body the declaration is the caller's, and the peer will act on it.
#[test]
fn a_length_that_is_none_is_refused_without_a_body_too() {
    let values: [&[&str]; 9] = [
        &["+5"],
        &["-1"],
        &["0x5"],
        &["5x"],
        &[""],
        &["5, 5"],
        &["5 5"],
        &["5", "6"],
        &["99999999999999999999"],
    ];
    for values in values {
        let (mut request, mut response) = (request("POST", "/"), response(200));
        for value in values {
            request = request.header("Content-Length", *value);
            response = response.header("Content-Length", *value);
        }
        let what = format!("Content-Length: {values:?}");
        let request = request.body(Bytes::new()).unwrap();
        refused(&what, |conn| conn.write_request(Aio::new(), request));
        let response = response.body(Bytes::new()).unwrap();
        refused(&what, |conn| conn.write_response(Aio::new(), response));
    }
}

/// The types keep CR, LF and NUL out of everything else (C2, cases 32 and 33). Should they cease to,
/// this is where to see it.
#[test]
fn the_types_let_nothing_through_that_splits_a_message() {
    for bytes in ["a\r\nb", "a\nb", "a\rb", "a\0b"] {
        assert!(HeaderName::from_bytes(bytes.as_bytes()).is_err());
        assert!(HeaderValue::from_bytes(bytes.as_bytes()).is_err());
        assert!(Method::from_bytes(bytes.as_bytes()).is_err());
        assert!(format!("/{bytes}").parse::<Uri>().is_err());
        assert!(format!("http://{bytes}/").parse::<Uri>().is_err());
    }
    for method in ["", "GET /", "G(T", "G\u{e9}T"] {
        assert!(Method::from_bytes(method.as_bytes()).is_err());
    }
}

/// A message is written as it is when it is submitted, each time (C1).
#[test]
fn what_was_changed_is_sent_changed() {
    let (conn, mut peer) = pair(Family::Tcp);
    let mut request = request("GET", "/first")
        .header("X-Old", "1")
        .body(Bytes::new())
        .unwrap();
    settle(conn.write_request(Aio::new(), request.clone())).unwrap();
    *request.method_mut() = Method::DELETE;
    *request.uri_mut() = Uri::from_static("/second");
    request.headers_mut().remove("x-old");
    request
        .headers_mut()
        .insert("x-new", HeaderValue::from_static("2"));
    settle(conn.write_request(Aio::new(), request.clone())).unwrap();
    *request.body_mut() = Bytes::from_static(b"HELLO");
    settle(conn.write_request(Aio::new(), request)).unwrap();
    drop(conn);
    let expected = "GET /first HTTP/1.1\r\nhost: \r\nx-old: 1\r\n\r\n\
        DELETE /second HTTP/1.1\r\nhost: \r\nx-new: 2\r\n\r\n\
        DELETE /second HTTP/1.1\r\nhost: \r\nx-new: 2\r\ncontent-length: 5\r\n\r\nHELLO";
    assert_eq!(String::from_utf8(peer.drain().bytes).unwrap(), expected);
}

#[test]
fn a_large_body_goes_out_with_its_head() {
    const LEN: usize = 8 << 20;
    let (conn, mut peer) = pair(Family::Tcp);
    let request = request("PUT", "/").body(pattern(0, LEN)).unwrap();
    let aio = conn.write_request(Aio::new(), request);
    let head = b"PUT / HTTP/1.1\r\nhost: \r\ncontent-length: 8388608\r\n\r\n";
    assert_eq!(peer.expect(head.len()), head);
    assert_pattern(0, &peer.expect(LEN));
    assert_eq!(settle(aio).unwrap().count() as usize, head.len() + LEN);
}

// ------------------------------------------------------------------------------- there and back

/// A kind of message, so that the same checks do for both.
trait Message: Send + Sized + std::fmt::Debug + 'static {
    fn read(conn: &Conn, aio: Aio<Self>) -> Aio<Self, InFlight>;
    fn write(self, conn: &Conn) -> Aio<Written, InFlight>;
    fn header(&self, name: &str) -> Option<&str>;
    fn content(&mut self) -> &mut Bytes;
    /// Everything of it but the extensions.
    fn text(&self) -> String;
}

impl Message for Request<Bytes> {
    fn read(conn: &Conn, aio: Aio<Self>) -> Aio<Self, InFlight> {
        conn.read_request(aio)
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
    fn read(conn: &Conn, aio: Aio<Self>) -> Aio<Self, InFlight> {
        conn.read_response(aio)
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
fn with_content<M: Message>(conn: &Conn, mut message: M) -> M {
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

/// Writes a message with its content, as one chunk if it says so.
#[track_caller]
fn write_whole<M: Message>(conn: &Conn, mut message: M) {
    if message.header("transfer-encoding").is_none() {
        settle(message.write(conn)).unwrap();
        return;
    }
    let content = std::mem::take(message.content());
    settle(message.write(conn)).unwrap();
    settle(conn.write_all(Aio::new().iov([content]))).unwrap();
    settle(conn.finish(Aio::new())).unwrap();
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

/// Serialising what was parsed gives the same bytes, and parsing these the same message.
#[test]
fn what_is_read_and_written_again_is_the_same() {
    #[track_caller]
    fn check<M: Message>(text: &str, read: impl Fn(&Conn) -> M) {
        let (conn, mut peer) = pair(Family::Unix);
        peer.say(text);
        let message = read(&conn);
        let seen = message.text();
        write_whole(&conn, message);
        let bytes = peer.expect(text.len());
        assert_eq!(String::from_utf8_lossy(&bytes), text);
        peer.say(bytes);
        assert_eq!(read(&conn).text(), seen);
        assert!(!peer.has_input());
    }
    for text in REQUESTS {
        check(text, read_whole::<Request<Bytes>>);
    }
    for text in RESPONSES {
        check(text, read_whole::<Response<Bytes>>);
    }
    check("HTTP/1.1 100 Continue\r\n\r\n", |conn| {
        with_content(conn, settle(conn.read_any_response(Aio::new())).unwrap())
    });
}

#[test]
fn messages_go_from_one_connection_to_another() {
    for (near, far) in [
        {
            let (near, far) = tcp_pair();
            (Conn::from(near), Conn::from(far))
        },
        {
            let (near, far) = unix_pair();
            (Conn::from(near), Conn::from(far))
        },
    ] {
        for body in [&b""[..], b"x", &[0; 100_000]] {
            let body = Bytes::from_static(body);
            let asked = far.read_request(Aio::new());
            let answered = near.read_response(Aio::new());
            let request = request("POST", "http://user@h:80/p?q")
                .header("X-A", "b")
                .body(body.clone());
            let sent = near.write_request(Aio::new(), request.unwrap());
            let asked = settle(asked).unwrap();
            assert_eq!(
                (asked.method(), asked.version()),
                (&Method::POST, Version::HTTP_11)
            );
            assert_eq!(asked.uri(), "/p?q");
            assert_eq!(asked.headers().len(), 3);
            assert_eq!(asked.headers()["host"], "h:80");
            assert_eq!(asked.headers()["x-a"], "b");
            assert_eq!(asked.headers()["content-length"], &*body.len().to_string());
            assert!(asked.body().is_empty());
            assert_eq!(settle(far.read_all(Aio::new(), body.len())).unwrap(), body);
            settle(sent).unwrap();
            let response = response(200).body(body.clone()).unwrap();
            settle(far.write_response(Aio::new(), response)).unwrap();
            assert_eq!(settle(answered).unwrap().status(), StatusCode::OK);
            assert_eq!(settle(near.read_all(Aio::new(), body.len())).unwrap(), body);
        }
    }
}

// ------------------------------------------------------------------------------------------- read

#[test]
fn a_head_is_the_same_wherever_it_is_cut() {
    #[track_caller]
    fn check<M: Message>(text: &str) {
        let bytes = text.as_bytes();
        let (conn, mut peer) = pair(Family::Unix);
        peer.say(bytes);
        let whole = read_whole::<M>(&conn).text();
        for cut in 1..bytes.len() {
            let (first, second) = bytes.split_at(cut);
            peer.say(first);
            let aio = M::read(&conn, Aio::new());
            wait_until("the first part has arrived", || {
                aio.is_done() || aio.count() == cut as u64
            });
            peer.say(second);
            let message = with_content(&conn, settle(aio).unwrap());
            assert_eq!(message.text(), whole, "cut at {cut}");
        }
        let next = M::read(&conn, Aio::new().timeout(Duration::from_millis(1)));
        assert_eq!(failure(settle(next)), (ErrorKind::TimedOut, 0));
    }
    check::<Request<Bytes>>("\r\n\r\nPUT /x HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhello");
    check::<Request<Bytes>>("GET http://other:7/x HTTP/1.1\r\nHost: h\r\n\r\n");
    check::<Response<Bytes>>("HTTP/1.1 200 OK\nContent-Length: 1\n\nx");
    check::<Response<Bytes>>("HTTP/1.1 200 OK\r\nSet-Cookie: a\r\nContent-Length: 1\r\n\r\nx");
    check::<Response<Bytes>>("HTTP/1.1 404\r\nContent-Length: 0\r\n\r\n");
    check::<Response<Bytes>>("HTTP/1.1 304\r\n\r\n");
    let chunked = "Transfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n3;x=y\r\nllo\r\n0\r\nA: b\r\n\r\n";
    check::<Request<Bytes>>(&format!("PUT /x HTTP/1.1\r\nHost: h\r\n{chunked}"));
    check::<Response<Bytes>>(&format!("HTTP/1.1 200 OK\r\n{chunked}"));
}

/// As many as fit a segment, and more than 8 KiB of them (B4, D17).
#[test]
fn pipelined_requests_are_answered_in_their_order() {
    const COUNT: usize = 200;
    let text: String = (0..COUNT)
        .map(|n| format!("GET /{n} HTTP/1.1\r\nHost: example.com\r\nAccept: */*\r\n\r\n"))
        .collect();
    assert!(text.len() > 8 << 10);
    for family in FAMILIES {
        let (conn, mut peer) = pair(family);
        peer.say(&text);
        let asked: Vec<_> = (0..COUNT).map(|_| conn.read_request(Aio::new())).collect();
        let answers: Vec<_> = asked
            .into_iter()
            .map(|asked| {
                let body = settle(asked).unwrap().uri().path().to_owned();
                let response = Response::new(Bytes::from(body));
                conn.write_response(Aio::new(), response)
            })
            .collect();
        let near = Conn::from(match peer {
            Peer::Tcp(stream) => stream,
            Peer::Unix(stream) => {
                for answer in answers {
                    settle(answer).unwrap();
                }
                drop(conn);
                let bytes = Peer::Unix(stream).drain().bytes;
                assert_eq!(String::from_utf8(bytes).unwrap(), expected(COUNT));
                continue;
            }
        });
        for n in 0..COUNT {
            let response: Response<Bytes> = read_whole(&near);
            assert_eq!(response.body(), &format!("/{n}"));
        }
    }

    fn expected(count: usize) -> String {
        (0..count)
            .map(|n| {
                let path = format!("/{n}");
                format!(
                    "HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{path}",
                    path.len()
                )
            })
            .collect()
    }
}

/// `read_any_response` tells each, `read_response` the final one, which knows those before it.
#[test]
fn an_interim_response_is_a_response() {
    /// Statuses that are read one by one, the rest is for `read_response`.
    #[track_caller]
    fn check(one_by_one: &[u16], skipped: &[u16]) {
        let (conn, mut peer) = pair(Family::Tcp);
        peer.say("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
        let mut last = None;
        for &status in one_by_one {
            let response = settle(conn.read_any_response(Aio::new())).unwrap();
            assert_eq!(response.status(), status);
            assert!(response.extensions().get::<Interim>().is_none());
            assert_eq!(response.headers().contains_key("link"), status == 103);
            last = (status == 200).then_some(response);
        }
        let last = last.unwrap_or_else(|| settle(conn.read_response(Aio::new())).unwrap());
        let interim = last.extensions().get::<Interim>();
        let interim = interim.map_or(&[][..], Interim::responses);
        let statuses: Vec<_> = interim.iter().map(|head| head.status().as_u16()).collect();
        assert_eq!(statuses, skipped);
        for head in interim {
            let link = head.headers().get("link").map(HeaderValue::as_bytes);
            assert_eq!(link, (head.status() == 103).then_some(&b"x"[..]));
        }
        let last = with_content(&conn, last);
        assert_eq!(
            (last.status(), &last.body()[..]),
            (StatusCode::OK, &b"ok"[..])
        );
    }
    check(&[], &[100, 103]);
    check(&[100], &[103]);
    check(&[100, 103], &[]);
    check(&[100, 103, 200], &[]);
}

#[test]
fn a_reason_that_is_missing_or_unusual_is_told() {
    #[track_caller]
    fn check(line: &[u8], status: u16, reason: Option<&str>) {
        let (conn, mut peer) = pair(Family::Unix);
        peer.say([line, b"\r\n\r\n"].concat());
        let response = settle(conn.read_response(Aio::new())).unwrap();
        assert_eq!(response.status(), status);
        let told = response.extensions().get::<Reason>();
        assert_eq!(told.map(Reason::as_bytes), reason.map(str::as_bytes));
    }
    check(b"HTTP/1.1 200 OK", 200, None);
    check(b"HTTP/1.1 200 ok", 200, Some("ok"));
    check(b"HTTP/1.1 200 Not Found", 200, Some("Not Found"));
    check(b"HTTP/1.1 200 ", 200, Some(""));
    check(b"HTTP/1.1 200", 200, Some(""));
    check(b"HTTP/1.0 799", 799, None);
}

#[test]
fn a_stream_that_ends_in_a_head_leaves_what_there_is() {
    #[track_caller]
    fn check<M: Message>(said: &str) {
        for family in FAMILIES {
            let (conn, mut peer) = pair(family);
            peer.say(said);
            peer.shutdown(Shutdown::Write);
            for _ in 0..2 {
                let error = settle(M::read(&conn, Aio::new())).unwrap_err();
                assert!(error.is_end_of_stream(), "{error:?}");
                // Blank lines before a head are nothing.
                assert_eq!(error.is_incomplete_message(), !said.trim().is_empty());
                assert_eq!(error.count(), said.len() as u64);
            }
            assert_eq!(settle(conn.read_all(Aio::new(), said.len())).unwrap(), said);
        }
    }
    for said in ["", "G", "GET / HTTP/1.1\r\nHost: h\r\n", "\r\n"] {
        check::<Request<Bytes>>(said);
    }
    for said in ["", "HTTP/1.1 200 OK\r", "HTTP/1.1 200 OK\r\nA: b\r\n"] {
        check::<Response<Bytes>>(said);
    }
}

// ------------------------------------------------------------------------------------- hostile input

/// The peer says no more than that, and does not close: the answer must not wait for it.
#[test]
fn what_is_no_http_is_told_promptly_and_can_still_be_read() {
    #[track_caller]
    fn check<M: Message>(said: &[u8]) {
        let (conn, mut peer) = pair(Family::Unix);
        peer.say(said);
        for _ in 0..2 {
            let aio = Aio::new().timeout(PATIENCE / 3);
            let (kind, count) = failure(settle(M::read(&conn, aio)));
            let shown = String::from_utf8_lossy(said);
            assert_eq!(kind, ErrorKind::Protocol, "{shown:?}");
            assert_eq!(count, said.len() as u64, "{shown:?}");
        }
        assert_eq!(settle(conn.read_all(Aio::new(), said.len())).unwrap(), said);
        // And then goes on with what is.
        peer.say(if said.starts_with(b"HTTP") {
            "HTTP/1.1 200 OK\r\n\r\n"
        } else {
            "GET / HTTP/1.1\r\nHost: h\r\n\r\n"
        });
        if said.starts_with(b"HTTP") {
            settle(conn.read_response(Aio::new())).unwrap();
        } else {
            settle(conn.read_request(Aio::new())).unwrap();
        }
    }
    let requests: [&[u8]; 40] = [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", // TLS
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"\x80\x2e\x01\x00\x02", // SSL 2
        b"\0",
        b" GET / HTTP/1.1\r\nHost: h\r\n\r\n",
        b"GET  / HTTP/1.1\r\nHost: h\r\n\r\n",
        b"GET /\tHTTP/1.1\r\nHost: h\r\n\r\n",
        b"GET / HTTP/1.1 \r\nHost: h\r\n\r\n",
        b"GET /\r\n\r\n", // 0.9
        b"GET / HTTP/0.9\r\nHost: h\r\n\r\n",
        b"GET / HTTP/2.0\r\nHost: h\r\n\r\n",
        b"GET / HTTP/1.2\r\nHost: h\r\n\r\n",
        b"GET / HTTP/1.10\r\nHost: h\r\n\r\n",
        b"GET / http/1.1\r\nHost: h\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: h\r\n\r\r\n",
        b"GET / HTTP/1.1\r\r\n",
        b"G\0T / HTTP/1.1\r\nHost: h\r\n\r\n",
        b"G(T / HTTP/1.1\r\nHost: h\r\n\r\n",
        b"GET /a\0b HTTP/1.1\r\nHost: h\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost : h\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: h\r\n folded\r\n\r\n",
        b"GET / HTTP/1.1\r\n Host: h\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: h\r\nno colon\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: h\r\n: v\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: h\r\nA\xe9: v\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: h\r\nA: b\0c\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: h\r\nA: b\rc\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: h\r\nA: b\x7f\r\n\r\n",
        // Whose it is, and where it ends, must be seen by all peers alike.
        b"GET / HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: h\r\nHost: h\r\n\r\n",
        b"PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: +1\r\n\r\nx",
        b"PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: 1, 1\r\n\r\nx",
        b"PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nxy",
        b"PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: 99999999999999999999\r\n\r\nx",
        b"PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"PUT / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: gzip\r\n\r\nx",
        b"PUT / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked, gzip\r\n\r\nx",
        b"PUT / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked, chunked\r\n\r\nx",
        b"PUT / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked;x\r\n\r\nx",
        b"PUT / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    ];
    requests.into_iter().for_each(check::<Request<Bytes>>);
    let responses: [&[u8]; 16] = [
        b"SSH-2.0-OpenSSH_9.9\r\n",
        b"220 mail.example.com ESMTP\r\n",
        b"\x15\x03\x01\x00\x02\x02\x46", // TLS alert
        b"HTTP/2.0 200 OK\r\n\r\n",
        b"HTTP/1.2 200 OK\r\n\r\n",
        b"HTTP/1.1  200 OK\r\n\r\n",
        b"HTTP/1.1 20 OK\r\n\r\n",
        b"HTTP/1.1 2000 OK\r\n\r\n",
        b"HTTP/1.1 099 Low\r\n\r\n",
        b"HTTP/1.1 200 a\0b\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nA : b\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nA: b\r\n c\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1x\r\n\r\nx",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nxy",
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked, gzip\r\n\r\nx",
    ];
    responses.into_iter().for_each(check::<Response<Bytes>>);
}

#[test]
fn limits_hold_at_the_edge_and_leave_the_bytes() {
    #[track_caller]
    fn check(limits: Limits, text: &str, ok: bool) {
        let (conn, peer) = pair(Family::Tcp);
        let conn = conn.limits(limits);
        let said = text.to_owned();
        let saying = thread::spawn(move || {
            let mut peer = peer;
            peer.say(said);
            peer
        });
        for _ in 0..2 {
            let aio = Aio::new().timeout(PATIENCE / 3);
            let read = settle(conn.read_request(aio));
            if ok {
                read.unwrap();
                return drop(join(saying));
            }
            assert_eq!(failure(read).0, ErrorKind::TooLarge);
        }
        assert_eq!(settle(conn.read_all(Aio::new(), text.len())).unwrap(), text);
        join(saying);
    }
    let default = Limits::default();
    let small = "GET / HTTP/1.1\r\nHost: h\r\nA: 1\r\n\r\n";
    check(default.head_bytes(small.len()), small, true);
    check(default.head_bytes(small.len() - 1), small, false);
    check(default.headers(2), small, true);
    check(default.headers(1), small, false);
    // What follows the head does not count.
    check(
        default.head_bytes(small.len()),
        &format!("{small}{small}"),
        true,
    );
    // The defaults, as documented.
    let sized = |len: usize| {
        let fill = len - "GET / HTTP/1.1\r\nHost: h\r\nA: \r\n\r\n".len();
        format!(
            "GET / HTTP/1.1\r\nHost: h\r\nA: {}\r\n\r\n",
            "x".repeat(fill)
        )
    };
    check(default, &sized(65_536), true);
    check(default, &sized(65_537), false);
    let many = |count: usize| {
        let lines = "A: b\r\n".repeat(count - 1);
        format!("GET / HTTP/1.1\r\nHost: h\r\n{lines}\r\n")
    };
    check(default, &many(128), true);
    check(default, &many(129), false);
    // Before the end is in sight.
    check(default.head_bytes(99), &"A".repeat(100), false);
    check(default.head_bytes(99), &"\r\n".repeat(50), false);
    check(
        default.head_bytes(99),
        &format!("GET /{}", "a".repeat(95)),
        false,
    );
}

/// "No limit" is a large number too, and a peer that uses it up must not bring the reader down.
#[test]
fn large_limits_are_only_limits() {
    #[track_caller]
    fn check(limits: Limits, lines: usize) {
        let (conn, peer) = pair(Family::Tcp);
        let conn = conn.limits(limits);
        let saying = thread::spawn(move || {
            let mut peer = peer;
            let lines = "a:b\r\n".repeat(lines);
            peer.say(format!("GET / HTTP/1.1\r\nHost: h\r\n{lines}\r\n"));
            peer
        });
        match settle(conn.read_request(Aio::new())) {
            Ok(request) => assert_eq!(request.headers().get_all("a").iter().count(), lines),
            // `HeaderMap` has a limit of its own.
            Err(error) => assert_eq!(error.kind(), ErrorKind::TooLarge),
        }
        join(saying);
    }
    let limits = Limits::default().head_bytes(usize::MAX);
    check(limits.headers(100_000), 10);
    check(limits.headers(100_000), 20_000);
    check(limits.headers(100_000), 30_000);
    check(limits.headers(100_000), 50_000);
    check(limits.headers(usize::MAX), 10);
}

// --------------------------------------------------------------------------------------- in memory

#[cfg(feature = "test-util")]
mod in_memory {
    use std::io::IoSlice;
    use std::time::Instant;

    use http_aio::testing::memory::Faults;
    use http_aio::transport::{Transport, Wait};

    use super::*;

    #[test]
    fn calls_of_any_size_read_the_same_messages() {
        let longest = REQUESTS.iter().map(|text| text.len()).max().unwrap();
        for call_bytes in 1..=longest {
            let mut faults = Faults::none();
            faults.call_bytes = call_bytes;
            let (conn, peer) = memory_pair(1 << 20, faults);
            for text in REQUESTS {
                peer.write(&[IoSlice::new(text.as_bytes())], Wait::Forever)
                    .unwrap();
            }
            for text in REQUESTS {
                let request: Request<Bytes> = read_whole(&conn);
                assert!(text.starts_with(request.method().as_str()));
                let (head, rest) = text.split_once("\r\n\r\n").unwrap();
                let content = match head.contains("chunked") {
                    true if rest.starts_with('0') => "",
                    true => "hello, chunk",
                    false => rest,
                };
                assert_eq!(request.body(), content);
            }
        }
    }

    /// One byte a call: what has been looked at is not looked at again for each.
    #[test]
    fn a_long_head_in_short_calls_takes_no_time_to_speak_of() {
        const LEN: usize = 65_536;
        let end = "GET / HTTP/1.1\r\nHost: h\r\n\r\n";
        let shapes = [
            format!(
                "GET / HTTP/1.1\r\nHost: h\r\nA: {}\r\n\r\n",
                "x".repeat(LEN - 32)
            ),
            format!("GET /{} HTTP/1.1\r\nHost: h\r\n\r\n", "x".repeat(LEN - 29)),
            format!(
                "GET / HTTP/1.1\r\nHost: h\r\n{}\r\n",
                format!("A: {}\r\n", "x".repeat(1000)).repeat(65)
            ),
            format!(
                "GET / HTTP/1.1\r\nHost: h\r\n{}\r\n",
                "A:\r\n".repeat(LEN / 4 - 8)
            ),
            format!("{}{end}", "\r\n".repeat((LEN - end.len()) / 2)),
            format!("{}{end}", "\n".repeat(LEN - end.len())),
        ];
        for text in shapes {
            assert!((60_000..=LEN).contains(&text.len()), "{}", text.len());
            in_time(|| {
                let mut faults = Faults::none();
                faults.call_bytes = 1;
                let (conn, peer) = memory_pair(512, faults);
                let conn = conn.limits(Limits::default().headers(LEN));
                let said = text.clone();
                let saying = thread::spawn(move || {
                    // Fails when the other end has gone before it has read all.
                    let _ = peer.write(&[IoSlice::new(said.as_bytes())], Wait::Forever);
                });
                let start = Instant::now();
                let read = settle(conn.read_request(Aio::new()));
                let took = start.elapsed();
                read.unwrap();
                drop(conn);
                join(saying);
                at_most(
                    &format!("{:?}...", &text[..20]),
                    took,
                    Duration::from_secs(3),
                )
            });
        }
    }
}
