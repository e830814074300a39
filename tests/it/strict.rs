//! Messages that two readers could take for different ones. From a server's side they are refused;
//! from a client's, what is delivered of them is not followed by anything. Each is fed whole, and byte
//! by byte.

use std::io::IoSlice;
use std::net::Shutdown;

use http_aio::bytes::Bytes;
use http_aio::http::{Method, Request, Uri};
use http_aio::testing::memory::{Faults, MemoryStream};
use http_aio::transport::{Transport, Wait};
use http_aio::{Aio, Conn, Error, ErrorKind};

use crate::support::*;

/// A connection to a peer that has said this, all at once or a byte a call, and ends.
fn told(said: &[u8], call_bytes: usize) -> (Conn, MemoryStream) {
    let mut faults = Faults::none();
    faults.call_bytes = call_bytes;
    let (conn, peer) = memory_pair(said.len() + (1 << 16), faults);
    let mut rest = said;
    while !rest.is_empty() {
        let count = peer.write(&[IoSlice::new(rest)], Wait::Never).unwrap();
        rest = &rest[count..];
    }
    peer.shutdown(Shutdown::Write).unwrap();
    (conn, peer)
}

/// Reads a request to the end of its trailers.
fn read_request(conn: &Conn) -> Result<Request<Bytes>, Error> {
    let request = settle(conn.read_request(Aio::new()))?;
    let mut body = Vec::new();
    loop {
        let part = settle(conn.read(Aio::new(), 1 << 10))?;
        if part.is_empty() {
            break;
        }
        body.extend_from_slice(&part);
    }
    settle(conn.read_trailers(Aio::new()))?;
    Ok(request.map(|()| body.into()))
}

const OK: Result<(), ErrorKind> = Ok(());
const PROTOCOL: Result<(), ErrorKind> = Err(ErrorKind::Protocol);
const TOO_LARGE: Result<(), ErrorKind> = Err(ErrorKind::TooLarge);
const NOT_SUPPORTED: Result<(), ErrorKind> = Err(ErrorKind::NotSupported);

#[track_caller]
fn check_request(said: &str, expected: Result<(), ErrorKind>) {
    for call_bytes in [usize::MAX, 1] {
        let (conn, _peer) = told(said.as_bytes(), call_bytes);
        let read = read_request(&conn).map(drop).map_err(|e| e.kind());
        assert_eq!(read, expected, "{said:?}, {call_bytes} bytes a call");
        if read.is_err() {
            // For good: nobody finds a message behind it.
            let again = read_request(&conn).unwrap_err().kind();
            let is_known = again == ErrorKind::InvalidInput || Err(again) == expected;
            assert!(is_known, "{said:?}: {again:?}");
        }
    }
}

#[test]
fn targets() {
    for (line, expected) in [
        ("GET /", OK),
        ("GET /%23%c3%a9?a=b", OK),
        ("GET http://h/", OK),
        ("GET HTTPS://h:8443/x", OK),
        ("GET http://[::1]:80", OK),
        ("OPTIONS *", OK),
        ("CONNECT h:443", OK),
        ("GET /#a", PROTOCOL),
        ("GET http://h/#a", PROTOCOL),
        ("GET /\u{e9}", PROTOCOL),
        ("GET http://h/?\u{e9}", PROTOCOL),
        ("GET ftp://h/", PROTOCOL),
        ("GET ws://h/", PROTOCOL),
        ("GET x:/y", PROTOCOL),
        ("GET http:///y", PROTOCOL),
        ("GET http://:80/", PROTOCOL),
        ("GET http://h:0/", PROTOCOL),
        ("GET http://h:65536/", PROTOCOL),
        ("GET http://u@h/", PROTOCOL),
        ("GET http://u:p@h/", PROTOCOL),
        ("GET http://a,b/", PROTOCOL),
        ("GET h", PROTOCOL),
        ("GET *", PROTOCOL),
        ("CONNECT h", PROTOCOL),
        ("CONNECT h:0", PROTOCOL),
        ("CONNECT h:65536", PROTOCOL),
        ("CONNECT u@h:443", PROTOCOL),
        ("CONNECT u:p@h:443", PROTOCOL),
        ("CONNECT http://h:443", PROTOCOL),
    ] {
        check_request(&format!("{line} HTTP/1.1\r\nHost: h\r\n\r\n"), expected);
    }
}

#[test]
fn hosts() {
    for (target, host, expected) in [
        ("/", "h", OK),
        ("/", "h:80", OK),
        ("/", "h:", OK),
        ("/", "H.example_1:65535", OK),
        ("/", "127.0.0.1:1", OK),
        ("/", "[2001:db8::1]:8080", OK),
        ("/", "", PROTOCOL),
        ("/", " ", PROTOCOL),
        ("/", ":80", PROTOCOL),
        ("/", "a b", PROTOCOL),
        ("/", "a,b", PROTOCOL),
        ("/", "a, b", PROTOCOL),
        ("/", "a/b", PROTOCOL),
        ("/", "a\\b", PROTOCOL),
        ("/", "a?b", PROTOCOL),
        ("/", "a#b", PROTOCOL),
        ("/", "u@a", PROTOCOL),
        ("/", "u:p@a", PROTOCOL),
        ("/", "\u{e9}", PROTOCOL),
        ("/", "http://h", PROTOCOL),
        ("/", "h:65536", PROTOCOL),
        ("/", "h:0", PROTOCOL),
        ("/", "h:+1", PROTOCOL),
        ("/", "h:1:2", PROTOCOL),
        ("/", "h:x", PROTOCOL),
        ("/", "::1", PROTOCOL),
        ("/", "[::1", PROTOCOL),
        ("/", "[h]", PROTOCOL),
        // The target says it; what is none is wrong all the same.
        ("http://h/", "", OK),
        ("http://h/", "other", OK),
        ("http://h/", "a b", PROTOCOL),
        ("*", "", OK),
        ("*", "a,b", PROTOCOL),
    ] {
        let method = if target == "*" { "OPTIONS" } else { "GET" };
        let lines = format!("Host: {host}\r\n\r\n");
        check_request(&format!("{method} {target} HTTP/1.1\r\n{lines}"), expected);
        let keep = "Connection: keep-alive\r\n";
        check_request(
            &format!("{method} {target} HTTP/1.0\r\n{keep}{lines}"),
            expected,
        );
    }
}

#[test]
fn a_target_with_an_authority_is_the_host() {
    for (said, host) in [
        ("GET http://a/ HTTP/1.1\r\nHost: b\r\n\r\n", "a"),
        ("GET http://a:8080/x HTTP/1.1\r\nHost: a\r\n\r\n", "a:8080"),
        (
            "GET https://A.example HTTP/1.1\r\nHost: b:1\r\n\r\n",
            "A.example",
        ),
        ("GET http://a/ HTTP/1.1\r\nhost:\r\n\r\n", "a"),
        ("GET http://a/ HTTP/1.0\r\n\r\n", "a"),
        ("GET / HTTP/1.1\r\nHost: b\r\n\r\n", "b"),
        ("CONNECT a:1 HTTP/1.1\r\nHost: b\r\n\r\n", "b"),
    ] {
        for call_bytes in [usize::MAX, 1] {
            let (conn, _peer) = told(said.as_bytes(), call_bytes);
            let request = settle(conn.read_request(Aio::new())).unwrap();
            let hosts: Vec<_> = request.headers().get_all("host").iter().collect();
            assert_eq!(hosts, [host], "{said:?}");
        }
    }
}

#[test]
fn line_ends() {
    for (said, expected) in [
        ("GET / HTTP/1.1\r\nHost: h\r\n\r\n", OK),
        ("\r\nGET / HTTP/1.1\r\nHost: h\r\n\r\n", OK),
        ("GET / HTTP/1.1\nHost: h\r\n\r\n", PROTOCOL),
        ("GET / HTTP/1.1\r\nHost: h\n\r\n", PROTOCOL),
        ("GET / HTTP/1.1\r\nHost: h\r\n\n", PROTOCOL),
        ("GET / HTTP/1.1\r\nHost: h\n\n", PROTOCOL),
        ("GET / HTTP/1.1\nHost: h\n\n", PROTOCOL),
        ("GET / HTTP/1.1\r\nHost: h\r\nA: b\rC: d\r\n\r\n", PROTOCOL),
    ] {
        check_request(said, expected);
    }
    // A client has nobody behind it to whom it passes a response on.
    for call_bytes in [usize::MAX, 1] {
        let said = b"HTTP/1.1 200 OK\nContent-Length: 2\n\nok";
        let (conn, _peer) = told(said, call_bytes);
        settle(conn.read_response(Aio::new())).unwrap();
        assert_eq!(settle(conn.read_all(Aio::new(), 2)).unwrap(), "ok");
    }
}

#[test]
fn codings() {
    for (lines, expected) in [
        ("Transfer-Encoding: chunked", OK),
        ("Transfer-Encoding: gzip, chunked", NOT_SUPPORTED),
        (
            "Transfer-Encoding: x\r\nTransfer-Encoding: chunked",
            NOT_SUPPORTED,
        ),
        ("Transfer-Encoding: identity, chunked", NOT_SUPPORTED),
        ("Transfer-Encoding: gzip", PROTOCOL),
        ("Transfer-Encoding: chunked, gzip", PROTOCOL),
        ("Transfer-Encoding: chunked, chunked", PROTOCOL),
        (
            "Transfer-Encoding: gzip, chunked\r\nContent-Length: 5",
            PROTOCOL,
        ),
        ("Transfer-Encoding: gzip;q=1, chunked", PROTOCOL),
    ] {
        let head = format!("PUT / HTTP/1.1\r\nHost: h\r\n{lines}\r\n\r\n");
        check_request(&format!("{head}5\r\nhello\r\n0\r\n\r\n"), expected);
    }
    let said = "PUT / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: GZip, chunked\r\n\r\n0\r\n\r\n";
    let (conn, _peer) = told(said.as_bytes(), usize::MAX);
    let error = settle(conn.read_request(Aio::new())).unwrap_err();
    assert!(error.detail().unwrap().ends_with(": `GZip`"), "{error}");
    assert_eq!(error.count(), said.len() as u64, "nothing is taken");
    // A response may have it.
    let said = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n1\r\n!\r\n0\r\n\r\n";
    let (conn, _peer) = told(said, 1);
    settle(conn.read_response(Aio::new())).unwrap();
    assert_eq!(settle(conn.read_all(Aio::new(), 1)).unwrap(), "!");
}

#[test]
fn chunks() {
    let long = |size: usize| format!(";{}", "e".repeat(size - 1));
    let (fits, too_long) = (long(256), long(257));
    for (size, trailers, in_request, in_response) in [
        ("5", "", OK, OK),
        ("5;a;b=c ; d = \"e;\\\"\"", "A: b\r\n", OK, OK),
        ("0000000000000005", "", OK, OK),
        ("00000000000000005", "", TOO_LARGE, OK),
        ("10000000000000005", "", TOO_LARGE, TOO_LARGE),
        ("5 ", "", PROTOCOL, OK),
        ("5\t", "", PROTOCOL, OK),
        ("5 ;a", "", OK, OK),
        ("5;", "", PROTOCOL, OK),
        ("5;;a", "", PROTOCOL, OK),
        ("5;=a", "", PROTOCOL, OK),
        ("5;a@b", "", PROTOCOL, OK),
        ("5;a=", "", PROTOCOL, OK),
        ("5;a=\"b", "", PROTOCOL, OK),
        ("5;a=\"b\\\"", "", PROTOCOL, OK),
        ("5;a=\"b\"c", "", PROTOCOL, OK),
        ("5;a=b ", "", PROTOCOL, OK),
        ("5;a=\"\n\"", "", PROTOCOL, PROTOCOL),
        (&format!("5{fits}"), "", OK, OK),
        (&format!("5{too_long}"), "", TOO_LARGE, OK),
        ("5", "Content-Length: 5\r\n", PROTOCOL, OK),
        ("5", "transfer-encoding: chunked\r\n", PROTOCOL, OK),
        ("5", "A: b\r\nHost: other\r\n", PROTOCOL, OK),
        ("5", "CONNECTION: close\r\n", PROTOCOL, OK),
        ("5", "Authorization: Basic eA==\r\n", PROTOCOL, OK),
        ("5", "Cookie: a=b\r\n", PROTOCOL, OK),
        ("5", "Date: today\r\n", OK, OK),
    ] {
        let body = format!("{size}\r\nhello\r\n0\r\n{trailers}\r\n");
        let chunked = "Transfer-Encoding: chunked";
        let head = format!("PUT / HTTP/1.1\r\nHost: h\r\n{chunked}\r\n\r\n");
        check_request(&format!("{head}{body}"), in_request);
        let said = format!("HTTP/1.1 200 OK\r\n{chunked}\r\n\r\n{body}");
        for call_bytes in [usize::MAX, 1] {
            let (conn, _peer) = told(said.as_bytes(), call_bytes);
            settle(conn.read_response(Aio::new())).unwrap();
            let read = settle(conn.read_all(Aio::new(), 5));
            let read = read.and_then(|_| settle(conn.read_trailers(Aio::new())));
            let read = read.map(drop).map_err(|error| error.kind());
            assert_eq!(read, in_response, "{said:?}, {call_bytes} bytes a call");
        }
    }
}

/// More than that can be allowed.
#[test]
fn long_extensions_can_be_let_through() {
    let line = format!("5;{}\r\nhello\r\n0\r\n\r\n", "e".repeat(1000));
    let said = format!("PUT / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n{line}");
    let (conn, _peer) = told(said.as_bytes(), 7);
    let conn = conn.limits(http_aio::Limits::default().chunk_extensions(1001));
    assert_eq!(read_request(&conn).unwrap().body(), "hello");
}

/// A response that has no body whatever it says: it is delivered, and if it says too much, the
/// connection is not used again.
#[test]
fn responses_without_a_body() {
    const LENGTH: &str = "Content-Length: 5\r\n";
    const CHUNKED: &str = "Transfer-Encoding: chunked\r\n";
    for (method, status, lines, reusable) in [
        ("GET", 204, "", true),
        ("GET", 204, LENGTH, false),
        ("GET", 204, "Content-Length: 0\r\n", false),
        ("GET", 204, CHUNKED, false),
        (
            "GET",
            204,
            "Content-Length: 5\r\nContent-Length: 6\r\n",
            false,
        ),
        ("HEAD", 204, CHUNKED, false),
        ("GET", 304, "", true),
        ("GET", 304, LENGTH, true),
        ("GET", 304, CHUNKED, true),
        (
            "GET",
            304,
            "Content-Length: 5\r\nContent-Length: 6\r\n",
            false,
        ),
        (
            "GET",
            304,
            "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
            false,
        ),
        ("GET", 304, "Content-Length: +5\r\n", false),
        ("GET", 304, "Transfer-Encoding: chunked, chunked\r\n", false),
        ("GET", 304, "Transfer-Encoding: gzip\r\n", false),
        ("HEAD", 200, "", true),
        ("HEAD", 200, LENGTH, true),
        ("HEAD", 200, CHUNKED, true),
        ("HEAD", 404, LENGTH, true),
        ("HEAD", 200, "Content-Length: 5, 5\r\n", false),
        (
            "HEAD",
            200,
            "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
            false,
        ),
        ("HEAD", 200, "Transfer-Encoding: chunked;a\r\n", false),
        // Before the final one.
        ("GET", 103, "Link: x\r\n", true),
        ("GET", 103, LENGTH, false),
        ("GET", 100, "Content-Length: 0\r\n", false),
        ("HEAD", 102, CHUNKED, false),
    ] {
        let mut said = format!("HTTP/1.1 {status} Fine\r\n{lines}\r\n");
        let mut last = status;
        if status < 200 {
            said.push_str("HTTP/1.1 204 Fine\r\n\r\n");
            last = 204;
        }
        for call_bytes in [usize::MAX, 1] {
            let what = format!("{method} {said:?}, {call_bytes} bytes a call");
            let mut faults = Faults::none();
            faults.call_bytes = call_bytes;
            let (conn, peer) = memory_pair(1 << 16, faults);
            let request = |path| {
                let mut request = Request::new(Bytes::new());
                *request.method_mut() = Method::from_bytes(method.as_bytes()).unwrap();
                *request.uri_mut() = Uri::from_static(path);
                request
            };
            let asked = conn.transact(Aio::new(), request("http://h/"));
            // An answer that is no success, before all of the request is out, would stop that.
            let mut heard = Vec::new();
            while !heard.ends_with(b"\r\n\r\n") {
                let mut byte = [0];
                assert_eq!(peer.read(&mut byte, Wait::Forever).unwrap(), 1);
                heard.push(byte[0]);
            }
            let size = heard.len() as u64;
            wait_until("all of it is counted", || asked.count() == size);
            let mut rest = said.as_bytes();
            while !rest.is_empty() {
                let count = peer.write(&[IoSlice::new(rest)], Wait::Forever).unwrap();
                rest = &rest[count..];
            }
            let response = settle(asked).unwrap();
            assert_eq!(response.status(), last, "{what}");
            assert!(response.body().is_empty(), "{what}");
            assert_eq!(conn.is_reusable(), reusable, "{what}");
            let next = conn.transact(Aio::new(), request("http://h/next"));
            if reusable {
                next.cancel();
            } else {
                assert_eq!(failure(settle(next)), (ErrorKind::Closed, 0), "{what}");
            }
        }
    }
}

/// Also where each response is read by itself: the one that is still due comes, and no other.
#[test]
fn an_odd_interim_response_is_followed_by_the_final_one_alone() {
    let said = b"HTTP/1.1 103 Early\r\nContent-Length: 5\r\n\r\nHTTP/1.1 204 Fine\r\n\r\nhello";
    let (conn, _peer) = told(said, usize::MAX);
    for status in [103, 204] {
        let response = settle(conn.read_any_response(Aio::new())).unwrap();
        assert_eq!(response.status(), status);
        assert!(!conn.is_reusable());
    }
    let next = settle(conn.read_any_response(Aio::new()));
    assert_eq!(failure(next), (ErrorKind::Closed, 0));
}
