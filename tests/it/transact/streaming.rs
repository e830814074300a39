//! Exchanges that complete with the head.

use std::thread;
use std::time::{Duration, Instant};

use http_aio::http::StatusCode;
use http_aio::{Aio, ErrorKind, Limits};

use super::{assert_closed, assert_given_up, assert_usable, get, large, playing, post, written};
use crate::site::answer;
use crate::support::*;

#[test]
fn a_streaming_exchange_completes_with_the_head() {
    for family in FAMILIES {
        let (conn, peer) = pair(family);
        let (go, gone) = gate();
        let playing = playing(peer, move |peer| {
            peer.head();
            peer.say(
                "HTTP/1.1 103 Hints\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 4194304\r\n\r\n",
            );
            receive(&gone);
            peer.say(pattern(0, 4 << 20));
        });
        // The limit is for what is kept, and here nothing is.
        let conn = conn.limits(Limits::default().body_bytes(10));
        let response = settle(conn.transact_streaming(Aio::new(), post("hello"))).unwrap();
        assert_eq!(response.headers()["content-length"], "4194304");
        assert_eq!(interim(&response), [103]);
        assert_eq!(
            written(&response),
            "POST / HTTP/1.1\r\nhost: \r\ncontent-length: 5\r\n\r\nhello".len() as u64
        );
        assert!(!conn.is_reusable());
        go.send(()).unwrap();
        let mut read = 0;
        loop {
            let part = settle(conn.read(Aio::new(), 100_000)).unwrap();
            if part.is_empty() {
                break;
            }
            assert_pattern(read, &part);
            read += part.len() as u64;
        }
        assert_eq!(read, 4 << 20);
        let conn = conn.limits(Limits::default());
        assert_usable(&conn, join(playing).1);
    }
}

/// It would take the rest of a body for its answer. As any failure: nothing went out and nothing has
/// changed, or the connection is closed.
#[test]
fn an_exchange_behind_a_body_that_is_not_read_is_refused() {
    let (conn, peer) = pair(Family::Unix);
    let playing = playing(peer, |peer| {
        peer.head();
        peer.say(answer("body"));
    });
    settle(conn.transact_streaming(Aio::new(), get("/"))).unwrap();
    let (_, mut peer) = join(playing);
    let (kind, count) = failure(settle(conn.transact(Aio::new(), get("/again"))));
    assert_eq!(kind, ErrorKind::InvalidInput);
    if count == 0 {
        assert!(!peer.has_input());
        assert_eq!(settle(conn.read_all(Aio::new(), 4)).unwrap(), "body");
        assert_usable(&conn, peer);
    } else {
        assert_closed(&conn);
        assert_eq!(peer.drain().count(), count);
    }
}

/// If it is read before its turn comes, all is well.
#[test]
fn an_exchange_waits_for_the_body_before_it() {
    let (conn, peer) = pair(Family::Unix);
    let playing = playing(peer, |peer| {
        for body in ["first", "second"] {
            peer.head();
            peer.say(answer(body));
        }
    });
    let first = conn.transact_streaming(Aio::new(), get("/"));
    let body = conn.read_all(Aio::new(), 5);
    let second = conn.transact(Aio::new(), get("/"));
    assert_eq!(settle(first).unwrap().status(), StatusCode::OK);
    assert_eq!(settle(body).unwrap(), "first");
    assert_eq!(settle(second).unwrap().body(), "second");
    assert_usable(&conn, join(playing).1);
}

#[test]
fn a_streaming_exchange_is_refused_early_like_any_other() {
    let (conn, peer) = pair(Family::Tcp);
    let playing = playing(peer, |peer| {
        let head = peer.head();
        peer.say("HTTP/1.1 413 No\r\nContent-Length: 9\r\n\r\ntoo large");
        head.len() as u64 + peer.drain().count()
    });
    let response = settle(conn.transact_streaming(Aio::new(), post(large()))).unwrap();
    assert_eq!(response.status(), StatusCode::PAYLOAD_TOO_LARGE);
    assert_eq!(settle(conn.read_all(Aio::new(), 9)).unwrap(), "too large");
    assert!(!conn.is_reusable());
    let count = written(&response);
    drop(conn);
    assert_eq!(join(playing).0, count);
}

#[test]
fn a_streaming_exchange_has_a_deadline_until_the_head() {
    let (conn, mut peer) = pair(Family::Tcp);
    let timeout = Duration::from_millis(100);
    let streaming = conn.transact_streaming(Aio::new().timeout(timeout), get("/"));
    let taken = peer.head().len();
    peer.say("HTTP/1.1 200 OK\r\n");
    let error = settle(streaming).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TimedOut);
    assert_given_up("the head", &conn, peer, taken, &error);
    // With the head it is done; the body may take longer.
    let (conn, mut peer) = pair(Family::Tcp);
    let start = Instant::now();
    let streaming = conn.transact_streaming(Aio::new().timeout(timeout), get("/"));
    peer.head();
    peer.say("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n");
    match settle(streaming) {
        Ok(_) => {}
        // Late on a busy machine.
        Err(error) if start.elapsed() >= timeout && error.is_timeout() => return,
        Err(error) => panic!("{error:?}"),
    }
    thread::sleep(timeout.saturating_sub(start.elapsed()) + Duration::from_millis(20));
    peer.say("late");
    assert_eq!(settle(conn.read_all(Aio::new(), 4)).unwrap(), "late");
    assert_usable(&conn, peer);
}
