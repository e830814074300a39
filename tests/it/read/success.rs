//! Reads that succeed: how much they take, and in which order.

use std::io::Read;
use std::net::Shutdown;
use std::thread;

use http_aio::{Aio, Conn};

use super::{assert_alive, expect, pair_with};
use crate::support::*;

#[test]
fn a_read_takes_at_least_one_byte_and_at_most_what_was_asked() {
    #[track_caller]
    fn check(said: &str, most: usize, expected: &str) {
        for family in FAMILIES {
            let (conn, _peer) = pair_with(family, said);
            assert_eq!(settle(conn.read(Aio::new(), most)).unwrap(), expected);
            expect(&conn, &said[expected.len()..]);
        }
    }
    check("a", 1, "a");
    check("a", 100, "a");
    check("abcdef", 6, "abcdef");
    check("abcdef", 4, "abcd");
    check("abcdef", usize::MAX, "abcdef");
}

#[test]
fn read_all_takes_exactly_what_was_asked() {
    for family in FAMILIES {
        let (conn, mut peer) = pair(family);
        let first = conn.read_all(Aio::new(), 5);
        let second = conn.read_all(Aio::new(), 3);
        for part in ["ab", "c", "defg"] {
            peer.say(part);
        }
        assert_eq!(settle(first).unwrap(), "abcde");
        assert!(!second.is_done());
        peer.say("hij");
        assert_eq!(settle(second).unwrap(), "fgh");
        expect(&conn, "ij");
    }
}

#[test]
fn the_count_grows_with_what_arrives() {
    let (conn, mut peer) = pair(Family::Tcp);
    let aio = conn.read_all(Aio::new(), 3);
    for count in 1..3 {
        peer.say("x");
        wait_until("the byte is counted", || aio.count() == count);
    }
    peer.say("xyz");
    wait_until("it is complete", || aio.is_done());
    assert_eq!(aio.count(), 3);
    assert_eq!(settle(aio).unwrap(), "xxx");
}

/// Nothing is asked of the kernel for nothing, so nothing can be taken for an end (B3).
#[test]
fn a_read_of_nothing_succeeds_and_harms_nothing() {
    #[track_caller]
    fn check(conn: &Conn) {
        assert_eq!(settle(conn.read(Aio::new(), 0)).unwrap(), "");
        assert_eq!(settle(conn.read_all(Aio::new(), 0)).unwrap(), "");
        assert_eq!(conn.io().read(&mut []).unwrap(), 0);
    }
    for family in FAMILIES {
        let (conn, mut peer) = pair(family);
        check(&conn);
        assert_alive(&conn, &mut peer);
        peer.say("abc");
        check(&conn);
        expect(&conn, "a");
        check(&conn);
        expect(&conn, "bc");
        peer.shutdown(Shutdown::Write);
        assert!(
            settle(conn.read(Aio::new(), 1))
                .unwrap_err()
                .is_end_of_stream()
        );
        check(&conn);
    }
}

#[test]
fn reads_complete_in_the_order_of_their_submission() {
    let (conn, mut peer) = pair(Family::Tcp);
    let aios: Vec<_> = (0..100).map(|_| conn.read_all(Aio::new(), 7)).collect();
    peer.say(pattern(0, 700));
    for (index, aio) in (0..).zip(aios) {
        assert_pattern(index * 7, &settle(aio).unwrap());
    }
}

#[test]
fn both_directions_move_64_mib_at_the_same_time() {
    const TOTAL: u64 = 64 << 20;
    fn pump(conn: &Conn) {
        let part = 4 << 20;
        let writes: Vec<_> = (0..TOTAL)
            .step_by(part)
            .map(|offset| write_pattern(conn, Aio::new(), offset, part))
            .collect();
        let mut at = 0;
        while at < TOTAL {
            let bytes = settle(conn.read_all(Aio::new(), 1 << 20)).unwrap();
            assert_pattern(at, &bytes);
            at += bytes.len() as u64;
        }
        for write in writes {
            assert_eq!(settle(write).unwrap().count(), part as u64);
        }
    }
    let (tcp, unix) = (tcp_pair(), unix_pair());
    for (near, far) in [
        (Conn::from(tcp.0), Conn::from(tcp.1)),
        (Conn::from(unix.0), Conn::from(unix.1)),
    ] {
        let other = thread::spawn(move || pump(&far));
        pump(&near);
        join(other);
    }
}

#[test]
fn what_was_submitted_before_the_last_handle_went_still_completes() {
    for family in FAMILIES {
        let (conn, mut peer) = pair(family);
        let (first, second) = (conn.read_all(Aio::new(), 2), conn.read(Aio::new(), 9));
        drop(conn);
        peer.say("abc");
        assert_eq!(settle(first).unwrap(), "ab");
        assert_eq!(settle(second).unwrap(), "c");
        assert_eq!(peer.drain().end, End::OfStream);
    }
}
