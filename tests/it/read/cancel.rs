//! Cancels, deadlines, and connections that are dropped while a read is in the kernel.

use std::io::Write;
use std::net::Shutdown;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use http_aio::bytes::Bytes;
use http_aio::{Aio, Error, ErrorKind};

use super::{SOON, assert_alive, expect, let_it_block, pair_with_unread};
use crate::support::*;

#[test]
fn canceling_a_blocked_read_takes_effect_at_once_and_shuts_nothing_down() {
    for family in FAMILIES {
        in_time(|| {
            let (conn, mut peer) = pair(family);
            let aio = conn.read(Aio::new(), 1);
            let_it_block(&aio, 0);
            let start = Instant::now();
            aio.cancel();
            assert_eq!(failure(settle(aio)), (ErrorKind::Canceled, 0));
            let took = start.elapsed();
            assert_alive(&conn, &mut peer);
            at_most("the cancel", took, SOON)
        });
    }
}

#[test]
fn a_read_behind_a_stale_call_expires_in_time_and_gets_what_comes() {
    for family in FAMILIES {
        in_time(|| {
            let (conn, mut peer) = pair(family);
            let stale = conn.read(Aio::new(), 1);
            let_it_block(&stale, 0);
            stale.cancel();
            let start = Instant::now();
            let aio = conn.read(Aio::new().timeout(SOON), 1);
            assert_eq!(failure(settle(aio)), (ErrorKind::TimedOut, 0));
            let took = start.elapsed();
            assert!(took >= SOON, "{took:?}");
            let aio = conn.read_all(Aio::new().timeout(PATIENCE), 3);
            peer.say("abc");
            assert_eq!(settle(aio).unwrap(), "abc");
            assert_alive(&conn, &mut peer);
            at_most("the deadline", took, SOON + Duration::from_millis(50))
        });
    }
}

/// Also when the stale call itself has a time, which is not that of the read that waits now.
#[test]
fn a_read_behind_a_stale_call_with_a_deadline_keeps_its_own() {
    let (conn, mut peer) = pair(Family::Tcp);
    let stale = conn.read(Aio::new().timeout(Duration::from_millis(150)), 1);
    let_it_block(&stale, 0);
    stale.cancel();
    let start = Instant::now();
    let long = Duration::from_millis(400);
    let aio = conn.read(Aio::new().timeout(long), 1);
    assert_eq!(failure(settle(aio)), (ErrorKind::TimedOut, 0));
    assert!(start.elapsed() >= long);
    let forever = conn.read(Aio::new(), 1);
    thread::sleep(Duration::from_millis(20));
    peer.say("x");
    assert_eq!(settle(forever).unwrap(), "x");
    assert_alive(&conn, &mut peer);
}

#[test]
fn each_queued_read_expires_at_its_own_time_and_the_one_in_front_goes_on() {
    in_time(|| {
        let (conn, mut peer) = pair(Family::Tcp);
        let front = conn.read_all(Aio::new(), 2);
        let_it_block(&front, 0);
        let start = Instant::now();
        let told = [150, 50, 100].map(|millis| {
            let after = Duration::from_millis(millis);
            let aio = conn.read(Aio::new().timeout(after), 1);
            (after, tell(aio).0)
        });
        let mut late = Ok(());
        for (after, told) in told {
            let told = receive(&told);
            assert_eq!(failure(told.result), (ErrorKind::TimedOut, 0));
            let took = told.at - start;
            assert!(took >= after, "{took:?} of {after:?}");
            let what = format!("the deadline of {after:?}");
            late = late.and(at_most(&what, took, after + Duration::from_millis(50)));
        }
        assert!(!front.is_done());
        peer.say("ok");
        assert_eq!(settle(front).unwrap(), "ok");
        assert_alive(&conn, &mut peer);
        late
    });
}

/// A peer that drips cannot stretch it.
#[test]
fn a_deadline_is_total() {
    let total = Duration::from_millis(200);
    in_time(|| {
        let (conn, mut peer) = pair(Family::Tcp);
        let start = Instant::now();
        let aio = conn.read_all(Aio::new().timeout(total), 1000);
        let dripping = thread::spawn(move || {
            for _ in 0..40 {
                // Fails once the connection is gone.
                let _ = peer.write_all(b"x");
                thread::sleep(Duration::from_millis(10));
            }
        });
        let (kind, count) = failure(settle(aio));
        let took = start.elapsed();
        assert_eq!(kind, ErrorKind::TimedOut);
        assert!(took >= total && count > 0, "{took:?}, {count}");
        drop(conn);
        join(dripping);
        at_most("the deadline", took, total + Duration::from_millis(50))
    });
}

#[test]
fn nothing_is_tried_when_there_is_no_time() {
    let (conn, mut peer) = pair_with_unread(Family::Tcp, "abc");
    for aio in [
        Aio::new().timeout(Duration::ZERO),
        Aio::new().deadline(Instant::now()),
    ] {
        let read = conn.read(aio, 1);
        assert_eq!(failure(settle(read)).0, ErrorKind::TimedOut);
    }
    expect(&conn, "abc");
    assert_alive(&conn, &mut peer);
}

/// A read may lose the race, its bytes may not (A4).
#[test]
fn a_cancel_that_races_with_the_arrival_loses_nothing() {
    const ROUNDS: usize = 10_000;
    const STEP: usize = 3;
    for family in FAMILIES {
        let (conn, mut peer) = pair(family);
        let turn = Arc::new(AtomicUsize::new(0));
        let theirs = Arc::clone(&turn);
        let sender = thread::spawn(move || {
            for round in 0..ROUNDS / 2 {
                // Bounded by the reader, who sets it to the last round even when it fails.
                while theirs.load(Ordering::Acquire) <= round {
                    thread::yield_now();
                }
                peer.say(pattern((round * STEP) as u64, STEP));
            }
            peer.shutdown(Shutdown::Write);
            peer
        });
        struct LetGo(Arc<AtomicUsize>);
        impl Drop for LetGo {
            fn drop(&mut self) {
                self.0.store(ROUNDS, Ordering::Release);
            }
        }
        let let_go = LetGo(turn);
        let mut at = 0;
        let mut take = |result: Result<Bytes, Error>| match result {
            Ok(bytes) => {
                assert_pattern(at, &bytes);
                at += bytes.len() as u64;
                true
            }
            Err(error) => {
                assert!(error.is_canceled() || error.is_end_of_stream(), "{error:?}");
                error.is_canceled()
            }
        };
        for round in 1..=ROUNDS / 2 {
            let aio = match round % 3 {
                0 => conn.read(Aio::new(), 2),
                1 => conn.read(Aio::new(), 100),
                _ => conn.read_all(Aio::new(), 4),
            };
            let_go.0.store(round, Ordering::Release);
            for _ in 0..(round * 7919) % 500 {
                std::hint::spin_loop();
            }
            aio.cancel();
            take(settle(aio));
        }
        while take(settle(conn.read(Aio::new(), 1000))) {}
        assert_eq!(at, (ROUNDS / 2 * STEP) as u64);
        join(sender);
    }
}

/// Nobody can read any more what a stale call would bring, so it must not keep the socket open.
#[test]
fn a_stale_call_does_not_keep_a_dropped_connection_open() {
    for family in FAMILIES {
        // Canceled, then dropped.
        let (conn, mut peer) = pair(family);
        let aio = conn.read(Aio::new(), 1);
        let_it_block(&aio, 0);
        aio.cancel();
        drop(conn);
        assert_eq!(peer.drain().end, End::OfStream);

        // Dropped, then canceled.
        let (conn, mut peer) = pair(family);
        let aio = conn.read(Aio::new(), 1);
        let_it_block(&aio, 0);
        drop(conn);
        aio.cancel();
        assert_eq!(peer.drain().end, End::OfStream);

        // Dropped, with reads queued behind the stale call that end in every way.
        let (conn, mut peer) = pair(family);
        let stale = conn.read(Aio::new(), 1);
        let_it_block(&stale, 0);
        stale.cancel();
        let expires = conn.read(Aio::new().timeout(SOON), 1);
        let canceled = conn.read(Aio::new(), 1);
        drop(conn);
        canceled.cancel();
        assert_eq!(peer.drain().end, End::OfStream);
        assert_eq!(failure(settle(expires)).0, ErrorKind::TimedOut);
    }
}

#[test]
fn a_connection_that_is_dropped_while_its_read_is_canceled_closes() {
    for round in 0..500 {
        let (conn, mut peer) = pair(Family::Unix);
        let aio = conn.read(Aio::new(), 1);
        let canceler = aio.canceler();
        for _ in 0..round * 20 {
            std::hint::spin_loop();
        }
        let cancel = thread::spawn(move || canceler.cancel());
        drop(conn);
        join(cancel);
        assert_eq!(failure(settle(aio)), (ErrorKind::Canceled, 0));
        assert_eq!(peer.drain().end, End::OfStream);
    }
}
