//! Heads as they are read: cut, pipelined, interim.

use std::net::Shutdown;
use std::time::Duration;

use http_aio::bytes::Bytes;
use http_aio::http::header::HeaderValue;
use http_aio::http::{Request, Response, StatusCode};
use http_aio::{Aio, Conn, ErrorKind, Interim, Reason};

use super::{Message, read_whole, with_content};
use crate::support::*;

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
            let message: M = with_content(&conn, settle(aio).unwrap());
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
        let last: Response<Bytes> = with_content(&conn, last);
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
