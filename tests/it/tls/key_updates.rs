//! Key updates under traffic.

use std::io::{Read, Write};
use std::thread;

use http_aio::Aio;
use http_aio::rustls::version::TLS13;

use super::{Ending, conn_and_raw, drain_raw, expect_pattern, send};
use crate::support::*;

/// The peer renews its keys, and asks us to renew ours, while both directions are in use.
#[test]
fn keys_are_updated_under_traffic() {
    const TOTAL: usize = 4 << 20;
    let (conn, mut peer) = conn_and_raw(&TLS13);
    let echo = thread::spawn(move || {
        let mut buffer = vec![0; 32 << 10];
        let mut left = TOTAL;
        while left > 0 {
            let count = peer.read(&mut buffer).expect("data");
            peer.conn.refresh_traffic_keys().expect("TLS 1.3");
            peer.write_all(&buffer[..count]).expect("it is read");
            left -= count;
        }
        peer
    });
    let up = send(&conn, TOTAL);
    expect_pattern(&conn, TOTAL);
    for written in up {
        settle(written).expect("it was read");
    }
    join(echo);
}

/// What reading brings about, answers to key updates, must not get between the pieces of a record
/// that a write is stuck in.
#[test]
fn reading_does_not_disturb_a_write_that_is_stuck() {
    let (conn, mut peer) = conn_and_raw(&TLS13);
    let stuck = jam(&conn, Aio::new());
    for round in 0..20 {
        peer.conn.refresh_traffic_keys().expect("TLS 1.3");
        peer.write_all(&pattern(round * 1000, 1000)).expect("room");
    }
    expect_pattern(&conn, 20_000);
    assert!(!stuck.is_done());
    let draining = thread::spawn(move || {
        let mut received = vec![0; MORE_THAN_FITS];
        peer.read_exact(&mut received).expect("all of it");
        assert_pattern(0, &received);
        peer
    });
    settle(stuck).expect("it is read");
    let mut peer = join(draining);
    drop(conn);
    assert_eq!(drain_raw(&mut peer), (Vec::new(), Ending::InOrder));
}

/// Answers that nobody has taken along go out with the end.
#[test]
fn a_key_update_without_a_write_is_answered_at_the_end() {
    let (conn, mut peer) = conn_and_raw(&TLS13);
    peer.conn.refresh_traffic_keys().expect("TLS 1.3");
    peer.write_all(b"x").expect("room");
    assert_eq!(settle(conn.read_all(Aio::new(), 1)).expect("it came"), "x");
    drop(conn);
    assert_eq!(drain_raw(&mut peer), (Vec::new(), Ending::InOrder));
}
