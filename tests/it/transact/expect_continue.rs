//! Requests with `Expect: 100-continue`.

use std::thread;
use std::time::{Duration, Instant};

use http_aio::bytes::Bytes;
use http_aio::http::{Request, StatusCode};
use http_aio::{Aio, Conn, ErrorKind, Limits};

use super::{assert_closed, assert_given_up, assert_usable, get, large, playing, post, written};
use crate::site::answer;
use crate::support::*;

fn expecting(body: &'static str) -> Request<Bytes> {
    let request = Request::post("/").header("Expect", "100-continue");
    request.body(Bytes::from_static(body.as_bytes())).unwrap()
}

const EXPECTING: &str =
    "POST / HTTP/1.1\r\nhost: \r\nexpect: 100-continue\r\ncontent-length: 5\r\n\r\n";

/// Longer than a test lasts: what goes out has been asked for.
fn patient(conn: Conn) -> Conn {
    conn.limits(Limits::default().continue_wait(PATIENCE * 2))
}

#[test]
fn a_body_is_held_until_it_is_asked_for() {
    for said in [
        "HTTP/1.1 100 Continue\r\n\r\n",
        "HTTP/1.1 100\r\nA: b\r\n\r\n",
        "HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n",
    ] {
        let (conn, peer) = pair(Family::Tcp);
        let conn = patient(conn);
        let playing = playing(peer, move |peer| {
            assert_eq!(
                String::from_utf8_lossy(&peer.expect(EXPECTING.len())),
                EXPECTING
            );
            if let Some((hints, asking)) = said.split_once("103 ") {
                peer.say(format!("{hints}103 "));
                thread::sleep(Duration::from_millis(50));
                assert!(!peer.has_input(), "a hint is no leave to send");
                peer.say(asking);
            } else {
                // Nothing can be waited for that does not come.
                thread::sleep(Duration::from_millis(50));
                assert!(!peer.has_input(), "it goes out before it is asked for");
                peer.say(said);
            }
            assert_eq!(peer.expect(5), b"hello");
            peer.say(answer("thanks"));
        });
        let response = settle(conn.transact(Aio::new(), expecting("hello"))).unwrap();
        assert_eq!(response.body(), "thanks");
        assert_eq!(interim(&response).last(), Some(&100));
        assert_eq!(written(&response), EXPECTING.len() as u64 + 5);
        assert_usable(&conn, join(playing).1);
    }
}

#[test]
fn a_body_that_is_never_asked_for_goes_out_after_the_wait() {
    for late in [false, true] {
        let (conn, peer) = pair(Family::Unix);
        let wait = Duration::from_millis(100);
        let conn = conn.limits(Limits::default().continue_wait(wait));
        let start = Instant::now();
        let playing = playing(peer, move |peer| {
            assert_eq!(peer.expect(EXPECTING.len()).len(), EXPECTING.len());
            assert_eq!(peer.expect(5), b"hello");
            let waited = start.elapsed();
            if late {
                peer.say("HTTP/1.1 100 Continue\r\n\r\n");
            }
            peer.say(answer("thanks"));
            waited
        });
        let response = settle(conn.transact(Aio::new(), expecting("hello"))).unwrap();
        assert_eq!(response.body(), "thanks");
        assert_eq!(interim(&response), if late { vec![100] } else { vec![] });
        let (waited, peer) = join(playing);
        assert!(waited >= wait, "{waited:?}");
        assert_usable(&conn, peer);
    }
}

/// The leave to send and the end of the wait at the same time: the body goes out once.
#[test]
fn a_body_that_is_asked_for_as_the_wait_ends_goes_out_once() {
    for round in 0..200 {
        let (conn, peer) = pair(FAMILIES[round % 2]);
        let conn = conn.limits(Limits::default().continue_wait(Duration::from_millis(1)));
        let playing = playing(peer, move |peer| {
            let _ = peer.expect(EXPECTING.len());
            let start = Instant::now();
            while start.elapsed() < Duration::from_micros(900 + round as u64) {
                std::hint::spin_loop();
            }
            peer.say("HTTP/1.1 100 Continue\r\n\r\n");
            assert_eq!(peer.expect(5), b"hello");
            peer.say(answer("thanks"));
        });
        let response = settle(conn.transact(Aio::new(), expecting("hello"))).unwrap();
        assert_eq!(response.body(), "thanks");
        assert_eq!(written(&response), EXPECTING.len() as u64 + 5);
        assert_usable(&conn, join(playing).1);
    }
}

/// 43: and then nobody knows what the peer makes of the next bytes.
#[test]
fn a_body_that_is_refused_does_not_go_out() {
    for status in [
        "417 Expectation Failed",
        "413 Too Large",
        "401 Who",
        "302 There",
        "200 OK",
    ] {
        let (conn, peer) = pair(Family::Tcp);
        let conn = patient(conn);
        let (go, gone) = gate();
        let playing = playing(peer, move |peer| {
            let head = peer.expect(EXPECTING.len());
            peer.say(format!("HTTP/1.1 {status}\r\nContent-Length: 2\r\n\r\nno"));
            receive(&gone);
            [head, peer.drain().bytes].concat()
        });
        let response = settle(conn.transact(Aio::new(), expecting("hello"))).unwrap();
        assert_eq!(response.body(), "no");
        let count = written(&response);
        assert!(interim(&response).is_empty());
        let reusable = conn.is_reusable();
        drop(conn);
        go.send(()).unwrap();
        let wire = join(playing).0;
        assert_eq!(count, wire.len() as u64, "{status}");
        if wire.len() == EXPECTING.len() {
            assert!(!reusable, "{status}: the body is owed");
        } else {
            assert!(status.starts_with('2'), "{status}: the body went out");
            assert!(wire.ends_with(b"hello"));
        }
    }
}

#[test]
fn a_refusal_may_come_after_the_leave_to_send() {
    let (conn, peer) = pair(Family::Unix);
    let conn = patient(conn);
    let playing = playing(peer, |peer| {
        let head = peer.head();
        peer.say("HTTP/1.1 100 Continue\r\n\r\n");
        let start = peer.expect(1000);
        peer.say("HTTP/1.1 413 No\r\nContent-Length: 2\r\n\r\nno");
        (head.len() + start.len()) as u64 + peer.drain().count()
    });
    let request = Request::post("/")
        .header("Expect", "100-Continue")
        .body(large());
    let response = settle(conn.transact(Aio::new(), request.unwrap())).unwrap();
    assert_eq!(response.status(), StatusCode::PAYLOAD_TOO_LARGE);
    assert_eq!(interim(&response), [100]);
    assert_closed(&conn);
    assert_eq!(join(playing).0, written(&response));
}

#[test]
fn leave_to_send_that_nobody_asked_for_is_harmless() {
    let (conn, peer) = pair(Family::Unix);
    let playing = playing(peer, |peer| {
        peer.head();
        peer.say("HTTP/1.1 100 Continue\r\n\r\n");
        assert_eq!(peer.expect(5), b"hello");
        peer.say(format!("HTTP/1.1 100 Continue\r\n\r\n{}", answer("thanks")));
    });
    let response = settle(conn.transact(Aio::new(), post("hello"))).unwrap();
    assert_eq!(response.body(), "thanks");
    assert_eq!(interim(&response), [100, 100]);
    assert_usable(&conn, join(playing).1);
}

/// There is nothing to hold back.
#[test]
fn without_a_body_nothing_waits() {
    let (conn, peer) = pair(Family::Unix);
    let conn = patient(conn);
    let playing = playing(peer, |peer| {
        peer.head();
        peer.say(answer("thanks"));
    });
    let response = settle(conn.transact(Aio::new(), expecting(""))).unwrap();
    assert_eq!(response.body(), "thanks");
    assert_usable(&conn, join(playing).1);
}

#[test]
fn giving_up_while_the_body_is_held_tells_that_only_the_head_went_out() {
    for cancel in [false, true] {
        let (conn, mut peer) = pair(Family::Tcp);
        let conn = patient(conn);
        let aio = if cancel {
            Aio::new()
        } else {
            Aio::new().timeout(Duration::from_millis(100))
        };
        let aio = conn.transact(aio, expecting("hello"));
        let taken = peer.expect(EXPECTING.len()).len();
        if cancel {
            aio.cancel();
        }
        let error = settle(aio).unwrap_err();
        let expected = if cancel {
            ErrorKind::Canceled
        } else {
            ErrorKind::TimedOut
        };
        assert_eq!((error.kind(), error.count()), (expected, taken as u64));
        assert_given_up("held", &conn, peer, taken, &error);
    }
}

/// One behind it must not be taken for the body. It is refused: how long it would have to wait nobody
/// knows.
#[test]
fn an_exchange_behind_one_that_holds_its_body_is_refused() {
    let (conn, mut peer) = pair(Family::Tcp);
    let conn = patient(conn);
    let holding = conn.transact(Aio::new(), expecting("hello"));
    let behind = conn.transact(Aio::new(), get("/behind"));
    assert_eq!(peer.expect(EXPECTING.len()), EXPECTING.as_bytes());
    assert_eq!(failure(settle(behind)), (ErrorKind::InvalidInput, 0));
    assert!(!peer.has_input());
    peer.say("HTTP/1.1 100 Continue\r\n\r\n");
    assert_eq!(peer.expect(5), b"hello");
    peer.say(answer("first"));
    assert_eq!(settle(holding).unwrap().body(), "first");
    assert_usable(&conn, peer);
}
