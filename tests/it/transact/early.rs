//! Answers that come before the request is out.

use std::net::Shutdown;

use http_aio::bytes::Bytes;
use http_aio::http::{Request, Response, StatusCode};
use http_aio::{Aio, Conn, Error, ErrorKind, InFlight};

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

// ------------------------------------------------------------------- a body that the caller writes

const REFUSAL: &str = "HTTP/1.1 413 No\r\nContent-Length: 2\r\n\r\nno";

/// An exchange whose body the caller writes, up to `length` bytes, or in chunks.
fn in_pieces(conn: &Conn, length: Option<usize>) -> Aio<Response<Bytes>, InFlight> {
    let head = match length {
        Some(length) => Request::put("/").header("Content-Length", length),
        None => Request::put("/").header("Transfer-Encoding", "chunked"),
    };
    conn.transact(Aio::new(), head.body(()).unwrap())
}

fn assert_ended_early(result: Result<http_aio::Written, Error>) -> u64 {
    let (kind, count) = failure(result);
    assert_eq!(kind, ErrorKind::Closed);
    count
}

/// The write side ends as soon as the refusal is there, although nobody is writing.
#[test]
fn a_body_in_pieces_ends_with_an_early_refusal() {
    for family in FAMILIES {
        for length in [Some(1 << 30), None] {
            let (conn, mut peer) = pair(family);
            let exchange = in_pieces(&conn, length);
            settle(write_pattern(&conn, Aio::new(), 0, 10)).unwrap();
            peer.head();
            peer.say(REFUSAL);
            let drained = peer.drain();
            assert_eq!(drained.end, End::OfStream);
            assert!(drained.count() >= 10);
            let response = settle(exchange).unwrap();
            assert_eq!(
                (response.status().as_u16(), &response.body()[..]),
                (413, &b"no"[..])
            );
            assert!(!conn.persists() && !conn.is_reusable());
            let next = settle(write_pattern(&conn, Aio::new(), 10, 10));
            assert_eq!(assert_ended_early(next), 0);
            assert_eq!(assert_ended_early(settle(conn.finish(Aio::new()))), 0);
            assert_closed(&conn);
        }
    }
}

/// Its piece is in a call that blocks, and others wait behind it.
#[test]
fn a_piece_that_is_stuck_ends_with_an_early_refusal() {
    for family in FAMILIES {
        let (conn, mut peer) = pair(family);
        let exchange = in_pieces(&conn, Some(2 * MORE_THAN_FITS));
        let stuck = jam(&conn, Aio::new());
        let behind = write_pattern(&conn, Aio::new(), MORE_THAN_FITS as u64, 10);
        peer.head();
        peer.say(REFUSAL);
        assert_eq!(settle(exchange).unwrap().status(), 413);
        let count = assert_ended_early(settle(stuck));
        assert_eq!(assert_ended_early(settle(behind)), 0);
        let drained = peer.drain();
        assert_eq!((drained.count(), drained.end), (count, End::OfStream));
        assert_pattern(0, &drained.bytes);
    }
}

#[test]
fn an_early_success_does_not_stop_a_body_in_pieces() {
    let (conn, mut peer) = pair(Family::Tcp);
    let exchange = in_pieces(&conn, Some(20));
    settle(write_pattern(&conn, Aio::new(), 0, 10)).unwrap();
    peer.head();
    peer.say(answer("fine so far"));
    assert_eq!(settle(exchange).unwrap().body(), "fine so far");
    settle(write_pattern(&conn, Aio::new(), 10, 10)).unwrap();
    assert_pattern(0, &peer.expect(20));
    assert_usable(&conn, peer);
}

/// A refusal of what is out already is an answer like any other.
#[test]
fn a_refusal_after_a_body_in_pieces_leaves_the_connection_as_it_was() {
    let (conn, mut peer) = pair(Family::Tcp);
    for length in [Some(10), None] {
        let exchange = in_pieces(&conn, length);
        settle(write_pattern(&conn, Aio::new(), 0, 10)).unwrap();
        settle(conn.finish(Aio::new())).unwrap();
        // The next is under way when the refusal of the first comes.
        let next = in_pieces(&conn, Some(10));
        settle(write_pattern(&conn, Aio::new(), 0, 5)).unwrap();
        peer.head();
        peer.say(REFUSAL);
        assert_eq!(settle(exchange).unwrap().status(), 413);
        settle(write_pattern(&conn, Aio::new(), 5, 5)).unwrap();
        let second = [&b"\r\n\r\n"[..], &pattern(0, 10)].concat();
        let mut received = Vec::new();
        while !received.ends_with(&second) {
            received.extend(peer.expect(1));
        }
        peer.say(answer("fine"));
        assert_eq!(settle(next).unwrap().body(), "fine");
    }
    assert_usable(&conn, peer);
}

/// Wherever the caller is with his body, even at its end.
#[test]
fn an_early_refusal_may_come_between_any_pieces() {
    for round in 0..90 {
        let (size, piece) = (
            [3_000, 300_000, 4 << 20][round % 3],
            [100, 70_000][round % 2],
        );
        let size: usize = size.min(40 * piece);
        let taken = [1, 50, 1_000, 60_000, size][round % 5].min(size);
        let (conn, peer) = pair(FAMILIES[round % 2]);
        let playing = playing(peer, move |peer| {
            peer.head();
            peer.expect(taken);
            peer.say(REFUSAL);
        });
        let exchange = in_pieces(&conn, Some(size));
        let mut sent = 0;
        let mut end = None;
        while sent < size && end.is_none() {
            let write = write_pattern(&conn, Aio::new(), sent as u64, piece.min(size - sent));
            let result = settle(write);
            sent += count(&result) as usize;
            end = result.err();
        }
        let response = settle(exchange).unwrap();
        assert_eq!(response.status(), 413);
        let (_, mut peer) = join(playing);
        if let Some(error) = end {
            assert_eq!(error.kind(), ErrorKind::Closed, "{round}");
            assert!(!conn.persists());
            assert_eq!(peer.drain().count(), (sent - taken) as u64, "{round}");
        } else {
            // Not a byte is missing, and so nothing has ended.
            peer.expect(size - taken);
            wait_until("it is at rest", || conn.is_reusable());
            assert_usable(&conn, peer);
        }
    }
}
