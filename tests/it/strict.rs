//! Messages that two readers could take for different ones. Each is fed whole, and byte by byte.

use std::io::IoSlice;
use std::net::Shutdown;

use http_aio::bytes::Bytes;
use http_aio::http::{Method, Request, Uri};
use http_aio::transport::memory::{Faults, MemoryStream};
use http_aio::transport::{Transport, Wait};
use http_aio::{Aio, Conn, ErrorKind};

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
