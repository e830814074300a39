//! Answers that come before the request is out.

use std::net::Shutdown;

use http_aio::Aio;
use http_aio::http::StatusCode;

use super::{assert_closed, assert_usable, large, large_head, playing, post, written};
use crate::site::answer;
use crate::support::*;

#[test]
fn an_early_refusal_stops_the_upload_and_is_delivered() {
    for family in FAMILIES {
        for closes in [false, true] {
            let (conn, peer) = pair(family);
            let close = if closes { "Connection: close\r\n" } else { "" };
            let refusal = format!("HTTP/1.1 413 No\r\n{close}Content-Length: 9\r\n\r\ntoo large");
            let (go, gone) = gate();
            let playing = playing(peer, move |peer| {
                let head = peer.head();
                let start = peer.expect(1 << 20);
                peer.say(refusal);
                receive(&gone);
                let rest = peer.drain().bytes;
                assert_pattern(0, &[start, rest.clone()].concat());
                head.len() as u64 + (1 << 20) + rest.len() as u64
            });
            let response = settle(conn.transact(Aio::new(), post(large()))).unwrap();
            assert_eq!(response.status(), StatusCode::PAYLOAD_TOO_LARGE);
            assert_eq!(response.body(), "too large");
            assert_closed(&conn);
            go.send(()).unwrap();
            // Without waiting for us to drop it.
            let (drained, _peer) = join(playing);
            assert_eq!(written(&response), drained);
            assert!(drained < large().len() as u64);
        }
    }
}

/// Even if it has no length, and ends with the connection.
#[test]
fn an_early_refusal_may_come_in_any_framing() {
    let refusals = [
        "HTTP/1.1 413 No\r\nTransfer-Encoding: chunked\r\n\r\n9\r\ntoo large\r\n0\r\n\r\n",
        "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 302 No\r\nContent-Length: 9\r\n\r\ntoo large",
        "HTTP/1.1 500 No\r\n\r\ntoo large",
    ];
    for refusal in refusals {
        let (conn, peer) = pair(Family::Tcp);
        let playing = playing(peer, move |peer| {
            let head = peer.head();
            peer.say(refusal);
            peer.shutdown(Shutdown::Write);
            head.len() as u64 + peer.drain().count()
        });
        let response = settle(conn.transact(Aio::new(), post(large()))).unwrap();
        assert!(response.status().as_u16() >= 300);
        assert_eq!(response.body(), "too large");
        assert!(!conn.is_reusable() || written(&response) > large().len() as u64);
        let count = written(&response);
        drop(conn);
        assert_eq!(join(playing).0, count, "{refusal:?}");
    }
}

#[test]
fn an_early_success_does_not_stop_the_upload() {
    let (conn, peer) = pair(Family::Tcp);
    let playing = playing(peer, |peer| {
        peer.head();
        peer.say(answer("fine so far"));
        let mut body = Vec::new();
        while body.len() < large().len() {
            body.extend(peer.expect(MORE_THAN_FITS));
        }
        assert_pattern(0, &body);
    });
    let response = settle(conn.transact(Aio::new(), post(large()))).unwrap();
    assert_eq!(response.body(), "fine so far");
    assert_eq!(
        written(&response),
        (large_head().len() + large().len()) as u64
    );
    let peer = join(playing).1;
    assert_usable(&conn, peer);
}

/// Wherever the upload is at that moment, even if it has just ended.
#[test]
fn an_early_refusal_may_come_at_any_byte() {
    for round in 0..60 {
        let head = large_head().len();
        let size = [200_000, 1 << 20, 16 << 20][round % 3];
        let taken = [1, 100, 70_000, 150_000][round % 4];
        let (conn, peer) = pair(FAMILIES[round % 2]);
        let playing = playing(peer, move |peer| {
            let start = peer.head().len() + peer.expect(taken).len();
            peer.say("HTTP/1.1 413 No\r\nContent-Length: 2\r\n\r\nno");
            start as u64 + peer.drain().count()
        });
        let response = settle(conn.transact(Aio::new(), post(pattern(0, size)))).unwrap();
        assert_eq!(response.status(), StatusCode::PAYLOAD_TOO_LARGE);
        assert_eq!(response.body(), "no");
        let count = written(&response);
        if count < size as u64 {
            assert_closed(&conn);
        }
        assert!(count <= (head + size) as u64);
        drop(conn);
        assert_eq!(join(playing).0, count, "{size}, refused after {taken}");
    }
}

#[test]
fn an_early_refusal_before_anything_was_taken() {
    // The peer never reads: the refusal is already there when the upload begins to block.
    let (conn, mut peer) = pair(Family::Unix);
    let uploading = conn.transact(Aio::new(), post(large()));
    let taken = peer.head().len() as u64;
    peer.say("HTTP/1.1 401 No\r\nContent-Length: 2\r\n\r\nno");
    let response = settle(uploading).unwrap();
    assert_eq!(
        (response.status(), &response.body()[..]),
        (StatusCode::UNAUTHORIZED, &b"no"[..])
    );
    assert_closed(&conn);
    assert_eq!(peer.drain().count() + taken, written(&response));
}
