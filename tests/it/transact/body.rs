//! The body of a streaming exchange: it can be read through its own handle, which keeps the connection,
//! or through the connection; and it holds nobody up once it is dropped.

use std::io::Read;
use std::time::Duration;

use http_aio::http::{Request, StatusCode};
use http_aio::{Aio, Body, Conn, ErrorKind, ResponseExt};

use super::{CHUNKS, assert_usable, get, playing, post};
use crate::site::answer;
use crate::support::*;

/// The body of an answer that has come like this, and the raw peer.
#[track_caller]
fn answered(conn: &Conn, mut peer: Peer, answer: &str) -> (Body, Peer) {
    let streaming = conn.transact_streaming(Aio::new(), get("/"));
    peer.head();
    peer.say(answer);
    (settle(streaming).expect("an answer").into_body(), peer)
}

#[test]
fn a_body_outlives_the_handle_that_asked() {
    for family in FAMILIES {
        for way in 0..4 {
            let (conn, peer) = pair(family);
            let (mut body, mut peer) = answered(&conn, peer, CHUNKS);
            drop(conn);
            let content = match way {
                0 => settle(body.collect(Aio::new())).unwrap(),
                1 => {
                    let mut content = Vec::new();
                    body.read_to_end(&mut content).unwrap();
                    content.into()
                }
                2 => block_on(body.collect(Aio::new())).unwrap(),
                _ => {
                    let first = settle(body.read_some(Aio::new(), 4)).unwrap();
                    let rest = settle(body.conn().read_body(Aio::new())).unwrap();
                    [first, rest].concat().into()
                }
            };
            assert_eq!(content, "hello world");
            assert!(settle(body.read_trailers(Aio::new())).unwrap().is_empty());
            // It has the last handle: the next exchange can be made with it, and then it ends.
            peer = assert_usable(body.conn(), peer);
            drop(body);
            assert_eq!(peer.drain().end, End::OfStream);
        }
    }
}

/// It comes after the handle has gone, and after the response was asked for.
#[test]
fn a_body_that_is_still_to_come_is_waited_for() {
    for family in FAMILIES {
        let (conn, mut peer) = pair(family);
        let streaming = conn.transact_streaming(Aio::new(), post("hello"));
        drop(conn);
        let sent = peer.head().len() + peer.expect(5).len();
        peer.say("HTTP/1.1 200 OK\r\nContent-Length: 11\r\n\r\nhello");
        let response = settle(streaming).unwrap();
        assert_eq!(response.written().unwrap().count(), sent as u64);
        let collecting = response.body().collect(Aio::new());
        // Those who collect need the handle no more than those who wait for the head.
        drop(response);
        wait_until("it has arrived", || collecting.count() == 5);
        peer.say(" world");
        assert_eq!(settle(collecting).unwrap(), "hello world");
        assert_eq!(peer.drain().end, End::OfStream);
    }
}

/// A closure gets it, and may leave it to another thread or read it with an operation.
#[test]
fn a_closure_gets_the_body() {
    for conn_first in [false, true] {
        let (conn, mut peer) = pair(Family::Tcp);
        let (tell, told) = gate_of();
        let streaming = conn.transact_streaming(Aio::new(), get("/"));
        let conn = (!conn_first).then_some(conn);
        let _ = streaming.on_complete(move |result, _| {
            let body = result.unwrap().into_body();
            let _ = body.collect(Aio::new()).on_complete(move |result, _| {
                let _ = tell.send((result.unwrap(), body));
            });
        });
        peer.head();
        peer.say(answer("hello"));
        let (content, body) = receive(&told);
        assert_eq!(content, "hello");
        peer = assert_usable(body.conn(), peer);
        drop((body, conn));
        assert_eq!(peer.drain().end, End::OfStream);
    }
}

/// Where there is no body, the first look at it finds its end.
#[test]
fn an_answer_without_a_body_has_an_empty_one() {
    for said in [
        "HTTP/1.1 204 No Content\r\n\r\n",
        "HTTP/1.1 304 Not Modified\r\nContent-Length: 7\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
    ] {
        let (conn, peer) = pair(Family::Unix);
        let (mut body, peer) = answered(&conn, peer, said);
        assert_eq!(body.read(&mut [0; 8]).unwrap(), 0);
        assert!(settle(body.read_some(Aio::new(), 8)).unwrap().is_empty());
        assert!(settle(body.collect(Aio::new())).unwrap().is_empty());
        assert_usable(&conn, peer);
    }
    let (conn, mut peer) = pair(Family::Unix);
    let head = conn.transact_streaming(Aio::new(), Request::head("/").body(()).unwrap());
    peer.head();
    peer.say("HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\n");
    let response = settle(head).unwrap();
    assert!(
        settle(response.body().collect(Aio::new()))
            .unwrap()
            .is_empty()
    );
    assert_usable(&conn, peer);
}

/// After a 101 the body is none, and its connection speaks something else.
#[test]
fn a_body_leads_to_what_a_connection_was_upgraded_to() {
    let (conn, mut peer) = pair(Family::Tcp);
    let request = Request::get("/").header("upgrade", "x");
    let request = request.header("connection", "upgrade").body(()).unwrap();
    let streaming = conn.transact_streaming(Aio::new(), request);
    drop(conn);
    peer.head();
    peer.say("HTTP/1.1 101 Yes\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\nraw");
    let response = settle(streaming).unwrap();
    assert_eq!(response.status(), StatusCode::SWITCHING_PROTOCOLS);
    let collected = settle(response.body().collect(Aio::new()));
    assert_eq!(failure(collected).0, ErrorKind::InvalidInput);
    let raw = response.body().conn();
    assert_eq!(settle(raw.read_all(Aio::new(), 3)).unwrap(), "raw");
    settle(raw.write_all(Aio::new().iov(["back"]))).unwrap();
    assert_eq!(peer.expect(4), b"back");
}

/// Dropped unread, it leaves the connection to its other handles: what was not read is there.
#[test]
fn a_body_that_is_dropped_leaves_what_there_is() {
    for family in FAMILIES {
        let (conn, peer) = pair(family);
        let (body, peer) = answered(&conn, peer, &answer("hello"));
        assert_eq!(settle(body.read_some(Aio::new(), 2)).unwrap(), "he");
        drop(body);
        assert!(!conn.is_reusable());
        assert_eq!(settle(conn.read_body(Aio::new())).unwrap(), "llo");
        assert_usable(&conn, peer);
    }
    // And if nobody has another handle, the connection ends.
    let (conn, peer) = pair(Family::Unix);
    let (body, mut peer) = answered(&conn, peer, &answer("hello"));
    drop(conn);
    drop(body);
    assert_eq!(peer.drain().end, End::OfStream);
}

/// It is a handle: nobody can take the connection apart meanwhile.
#[test]
fn a_body_is_a_handle_of_its_connection() {
    let (conn, peer) = pair(Family::Unix);
    let (body, _peer) = answered(&conn, peer, &answer("hello"));
    let conn = conn.into_parts().expect_err("there is another handle");
    drop(body);
    assert_eq!(conn.into_parts().expect("it is alone").unread, "hello");
}

/// Nobody can receive its head any more, but the connection is there, and so is the body.
#[test]
fn the_answer_to_a_detached_exchange_is_left_to_the_connection() {
    for family in FAMILIES {
        let (conn, peer) = pair(family);
        drop(conn.transact_streaming(Aio::new(), get("/")));
        let playing = playing(peer, |peer| {
            peer.head();
            peer.say(answer("for whoever reads"));
        });
        let (_, peer) = join(playing);
        // Behind the head, which the exchange takes.
        assert_eq!(
            settle(conn.read_body(Aio::new())).unwrap(),
            "for whoever reads"
        );
        assert_usable(&conn, peer);
    }
}

/// A canceled or expired exchange lets the connection go as well.
#[test]
fn an_exchange_that_fails_keeps_no_handle() {
    for cancels in [false, true] {
        let (conn, mut peer) = pair(Family::Tcp);
        let aio = match cancels {
            true => Aio::new(),
            false => Aio::new().timeout(Duration::from_millis(30)),
        };
        let streaming = conn.transact_streaming(aio, get("/"));
        peer.head();
        if cancels {
            streaming.cancel();
        }
        let error = settle(streaming).unwrap_err();
        assert!(error.is_canceled() || error.is_timeout(), "{error:?}");
        // It was the last user of it.
        assert!(conn.into_parts().is_ok());
        drop(peer);
    }
}
