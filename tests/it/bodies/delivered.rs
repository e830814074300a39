//! What is read is what was sent, in every framing and every way to read it.

use std::io::{self, Read};
use std::net::Shutdown;
use std::thread;
use std::time::{Duration, Instant};

use http_aio::bytes::Bytes;
use http_aio::http::Response;
use http_aio::{Aio, Error, ErrorKind};

use super::cases::{Framing, NEXT, legal, next};
use super::{How, WAYS, assert_next, assert_whole, interim, prompt, read_body, read_message};
use crate::support::*;

/// On sockets, in every way, and with the next response right behind it.
#[test]
fn every_legal_body_is_delivered() {
    for case in legal() {
        for (n, how) in WAYS.into_iter().enumerate() {
            let what = format!("{how:?}: {}", case.describe());
            let (conn, mut peer) = pair(FAMILIES[n % 2]);
            settle(conn.write_request(Aio::new(), case.request())).unwrap();
            peer.say(case.wire());
            if case.framing == Framing::Stream {
                peer.shutdown(Shutdown::Write);
            } else {
                settle(conn.write_request(Aio::new(), next().request())).unwrap();
                peer.say(NEXT);
            }
            let (got, result) = read_message(&conn, how);
            if let Err(error) = result {
                panic!("{what}: {error:?}");
            }
            assert_whole(&got, &case, &what);
            if case.framing == Framing::Stream {
                let again = settle(conn.read_response(Aio::new()));
                assert!(again.unwrap_err().is_closed(), "{what}");
                assert!(!conn.is_reusable(), "{what}");
            } else if case.reusable {
                assert_next(&conn, &what);
                assert!(conn.is_reusable(), "{what}");
            }
        }
    }
}

#[test]
fn a_connection_is_reusable_if_the_messages_allow_it() {
    for case in legal() {
        let what = case.describe();
        let (conn, mut peer) = pair(Family::Unix);
        assert!(conn.is_reusable(), "nothing was asked: {what}");
        let answered = conn.transact(prompt(), case.request());
        peer.head();
        peer.say(case.wire());
        if case.framing == Framing::Stream {
            peer.shutdown(Shutdown::Write);
        }
        let response = match settle(answered) {
            Ok(response) => response,
            Err(error) => panic!("{what}: {error:?}"),
        };
        assert_eq!(response.status(), case.status, "{what}");
        assert_eq!(interim(&response), case.interim, "{what}");
        assert_eq!(response.body(), &case.body, "{what}");
        assert_eq!(conn.is_reusable(), case.reusable, "{what}");
    }
}

#[test]
fn a_connection_that_owes_an_answer_is_not_reusable() {
    // To us.
    let (conn, mut peer) = pair(Family::Unix);
    settle(conn.write_request(Aio::new(), next().request())).unwrap();
    assert!(!conn.is_reusable());
    peer.say(NEXT);
    assert_next(&conn, "owed");
    assert!(conn.is_reusable());
    // From us.
    let (conn, mut peer) = pair(Family::Unix);
    peer.say("GET / HTTP/1.1\r\nHost: h\r\n\r\n");
    settle(conn.read_request(Aio::new())).unwrap();
    assert!(!conn.is_reusable());
    settle(conn.write_response(Aio::new(), Response::new(Bytes::from("answer")))).unwrap();
    assert!(conn.is_reusable());
}

/// As a server reads them: no request ends with the stream.
#[test]
fn every_legal_request_is_delivered() {
    let cases = [
        ("GET / HTTP/1.1\r\nHost: h\r\n\r\n", ""),
        (
            "DELETE / HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n",
            "",
        ),
        (
            "PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhello",
            "hello",
        ),
        (
            "GET / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhello",
            "hello",
        ),
        (
            "PUT / HTTP/1.0\r\nConnection: keep-alive\r\nContent-Length: 5\r\n\r\nhello",
            "hello",
        ),
        (
            "PUT / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: Chunked\r\n\r\n5;x\r\nhello\r\n0\r\nA: b\r\n\r\n",
            "hello",
        ),
        (
            "PUT / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            "",
        ),
    ];
    for how in WAYS {
        for (said, body) in cases {
            let (conn, mut peer) = pair(Family::Unix);
            peer.say(said);
            peer.say("GET /next HTTP/1.1\r\nHost: h\r\n\r\n");
            settle(conn.read_request(Aio::new())).unwrap();
            let mut read = Vec::new();
            read_body(&conn, how, &mut read).unwrap();
            assert_eq!(String::from_utf8_lossy(&read), body, "{how:?}: {said:?}");
            let next = settle(conn.read_request(Aio::new())).unwrap();
            assert_eq!(next.uri().path(), "/next", "{how:?}: {said:?}");
        }
    }
}

#[test]
fn a_head_does_not_come_before_the_end_of_the_body() {
    let bodies = [
        "Content-Length: 5\r\n\r\nhello",
        "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
    ];
    for body in bodies {
        let (conn, mut peer) = pair(Family::Tcp);
        for _ in 0..2 {
            settle(conn.write_request(Aio::new(), next().request())).unwrap();
        }
        peer.say(format!("HTTP/1.1 200 OK\r\n{body}{NEXT}"));
        settle(conn.read_response(Aio::new())).unwrap();
        for taken in ["he", "llo"] {
            let error = settle(conn.read_response(Aio::new())).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidInput, "{error:?}");
            let error = settle(conn.read_request(Aio::new())).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidInput, "{error:?}");
            let read = settle(conn.read_all(Aio::new(), taken.len())).unwrap();
            assert_eq!(read, taken);
        }
        // All of it was read, if not its end.
        assert_next(&conn, body);
        assert!(conn.is_reusable());
    }
}

#[test]
fn trailers_come_after_the_content() {
    let (conn, mut peer) = pair(Family::Tcp);
    settle(conn.write_request(Aio::new(), next().request())).unwrap();
    peer.say("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n");
    settle(conn.read_response(Aio::new())).unwrap();
    let error = settle(conn.read_trailers(Aio::new())).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput, "{error:?}");
    assert_eq!(settle(conn.read_all(Aio::new(), 5)).unwrap(), "hello");
    // They are on their way; a read of them that is given up takes nothing.
    peer.say("0\r\nA: b\r\n");
    let given_up = settle(conn.read_trailers(Aio::new().timeout(Duration::from_millis(20))));
    assert_eq!(failure(given_up).0, ErrorKind::TimedOut);
    peer.say("\r\n");
    let trailers = settle(conn.read_trailers(Aio::new())).unwrap();
    assert_eq!(trailers["a"], "b");
    assert!(settle(conn.read(Aio::new(), 1)).unwrap().is_empty());
}

/// They cost framing, not copies of all that was before.
#[test]
fn a_body_of_tiny_chunks_takes_no_time_to_speak_of() {
    const LEN: usize = 1 << 20;
    let wire = {
        let chunks: String = (0..LEN).map(|n| format!("1\r\n{}\r\n", n % 10)).collect();
        format!("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{chunks}0\r\n\r\n")
    };
    let wire = Bytes::from(wire);
    in_time(|| {
        for whole in [true, false] {
            let (conn, mut peer) = pair(Family::Unix);
            let said = wire.clone();
            let saying = thread::spawn(move || {
                peer.head();
                peer.say(said);
            });
            let start = Instant::now();
            let mut body = Vec::new();
            if whole {
                let answered = settle(conn.transact(Aio::new(), next().request()));
                body.extend_from_slice(answered.unwrap().body());
            } else {
                settle(conn.transact_streaming(Aio::new(), next().request())).unwrap();
                read_body(&conn, How::Some(usize::MAX), &mut body).unwrap();
            }
            let took = start.elapsed();
            join(saying);
            assert_eq!(body.len(), LEN);
            assert!(
                body.iter()
                    .zip(0..)
                    .all(|(&byte, n)| byte == b'0' + (n % 10) as u8)
            );
            at_most("the body", took, Duration::from_secs(5))?;
        }
        Ok(())
    });
}

/// The end of a raw stream is one for `std` too, and a message that is cut short is none.
#[test]
fn the_end_as_std_sees_it() {
    let (conn, mut peer) = pair(Family::Tcp);
    peer.say("raw");
    peer.shutdown(Shutdown::Write);
    let mut read = String::new();
    conn.io().read_to_string(&mut read).unwrap();
    assert_eq!(read, "raw");
    let (conn, mut peer) = pair(Family::Tcp);
    settle(conn.write_request(Aio::new(), next().request())).unwrap();
    peer.say("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhell");
    peer.shutdown(Shutdown::Write);
    settle(conn.read_response(Aio::new())).unwrap();
    let mut read = String::new();
    let error = conn.io().read_to_string(&mut read).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof);
    assert!(Error::from(error).is_incomplete_message());
}
