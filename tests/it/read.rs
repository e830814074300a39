//! Reading loses nothing: what a read that fails has seen is there for the next one, reads end in
//! time whatever the kernel is doing, and neither the connection nor its other direction is harmed.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::Shutdown;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use http_aio::bytes::Bytes;
use http_aio::http::Request;
use http_aio::{Aio, Conn, Error, ErrorKind, InFlight, Limits, Parts, Stream};
use socket2::SockRef;

use crate::support::*;

const SOON: Duration = Duration::from_millis(100);

/// A pair where the peer has said `text`.
fn pair_with(family: Family, text: &str) -> (Conn, Peer) {
    let (conn, mut peer) = pair(family);
    peer.say(text);
    (conn, peer)
}

/// A pair where `rest` is in the connection's buffer, not in the kernel's.
#[track_caller]
fn pair_with_unread(family: Family, rest: &str) -> (Conn, Peer) {
    let (conn, peer) = pair_with(family, &format!("+{rest}"));
    assert_eq!(settle(conn.read(Aio::new(), 1)).unwrap(), "+");
    (conn, peer)
}

/// Reads `text`, and asserts that it comes although the peer says nothing more.
#[track_caller]
fn expect(conn: &Conn, text: &str) {
    let mut got = Vec::new();
    while got.len() < text.len() {
        let aio = Aio::new().timeout(PATIENCE / 3);
        let part = settle(conn.read(aio, text.len() - got.len()));
        match part {
            Ok(part) if part.is_empty() => panic!("a body ends after {got:?} of {text:?}"),
            Ok(part) => got.extend_from_slice(&part),
            Err(error) => panic!("{error}; before that {got:?} of {text:?}"),
        }
    }
    assert_eq!(got, text.as_bytes());
}

/// Both directions still work.
#[track_caller]
fn assert_alive(conn: &Conn, peer: &mut Peer) {
    assert!(
        !peer.has_input(),
        "the peer got something, or the end of the stream"
    );
    settle(conn.write_all(Aio::new().iov(["ping"]))).expect("the write side is open");
    assert_eq!(peer.expect(4), b"ping");
    peer.say("pong");
    expect(conn, "pong");
}

/// Waits until `aio` waits in the kernel with `count` bytes. Before the first arrival nothing
/// shows from outside that it does, so this only gives the thread time to get there.
fn let_it_block<T: Send + 'static>(aio: &Aio<T, InFlight>, count: u64) {
    wait_until("the bytes arrive", || aio.count() == count);
    thread::sleep(Duration::from_millis(20));
}

// --------------------------------------------------------------------------------------- success

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
        assert_eq!(Read::read(&mut &*conn, &mut []).unwrap(), 0);
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

// --------------------------------------------------------------------------------------- failure

/// What ends a read early.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Cause {
    Cancel,
    Deadline,
    EndOfStream,
}

impl Cause {
    const ALL: [Self; 3] = [Self::Cancel, Self::Deadline, Self::EndOfStream];

    fn options<T>(self) -> Aio<T> {
        match self {
            Self::Deadline => Aio::new().timeout(SOON),
            Self::Cancel | Self::EndOfStream => Aio::new(),
        }
    }

    /// Lets it happen to a read that waits for more.
    #[track_caller]
    fn happen<T: Send + std::fmt::Debug + 'static>(
        self,
        aio: Aio<T, InFlight>,
        peer: &Peer,
    ) -> Error {
        match self {
            Self::Cancel => aio.cancel(),
            Self::Deadline => {}
            Self::EndOfStream => peer.shutdown(Shutdown::Write),
        }
        let error = settle(aio).unwrap_err();
        let kind = match self {
            Self::Cancel => ErrorKind::Canceled,
            Self::Deadline => ErrorKind::TimedOut,
            Self::EndOfStream => ErrorKind::Reset,
        };
        assert_eq!(error.kind(), kind);
        assert_eq!(error.is_end_of_stream(), self == Self::EndOfStream);
        error
    }

    #[track_caller]
    fn assert_unharmed(self, conn: &Conn, peer: &mut Peer) {
        if self == Self::EndOfStream {
            // Ours is still open.
            settle(conn.write_all(Aio::new().iov(["ping"]))).unwrap();
            assert_eq!(peer.expect(4), b"ping");
        } else {
            assert_alive(conn, peer);
        }
    }
}

#[test]
fn a_read_that_fails_takes_nothing_of_what_arrived_while_it_waited() {
    #[track_caller]
    fn check<T: Send + std::fmt::Debug + 'static>(
        said: &str,
        submit: impl Fn(&Conn, Aio<T>) -> Aio<T, InFlight>,
    ) {
        for (family, cause) in FAMILIES
            .into_iter()
            .flat_map(|f| Cause::ALL.map(|c| (f, c)))
        {
            let (conn, mut peer) = pair(family);
            let aio = submit(&conn, cause.options());
            peer.say(said);
            let count = said.len() as u64;
            if cause != Cause::Deadline {
                let_it_block(&aio, count);
            }
            let error = cause.happen(aio, &peer);
            assert_eq!(error.count(), count, "{family:?}, {cause:?}");
            expect(&conn, said);
            cause.assert_unharmed(&conn, &mut peer);
        }
    }
    check("abc", |conn, aio| conn.read_all(aio, 10));
    check("GET / HTTP/1.1\r\nHo", |conn, aio| conn.read_request(aio));
    check("HTTP/1.1 200 O", |conn, aio| conn.read_response(aio));
}

#[test]
fn a_read_that_fails_counts_what_was_there_before_it() {
    #[track_caller]
    fn check<T: Send + std::fmt::Debug + 'static>(
        rest: &str,
        submit: impl Fn(&Conn, Aio<T>) -> Aio<T, InFlight>,
    ) {
        for cause in Cause::ALL {
            let (conn, mut peer) = pair_with_unread(Family::Tcp, rest);
            let aio = submit(&conn, cause.options());
            let_it_block(&aio, rest.len() as u64);
            let error = cause.happen(aio, &peer);
            assert_eq!(error.count(), rest.len() as u64, "{cause:?}");
            expect(&conn, rest);
            cause.assert_unharmed(&conn, &mut peer);
        }
    }
    check("abc", |conn, aio| conn.read_all(aio, 10));
    check("GET / HTTP/1.1\r\n", |conn, aio| conn.read_request(aio));
}

/// A cancelled read leaves its system call behind. What is in the buffer does not need the call.
#[test]
fn what_a_cancelled_read_left_is_read_at_once_although_its_call_still_blocks() {
    let head = "PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\n\r\n";
    let (conn, mut peer) = pair_with_unread(Family::Tcp, &format!("{head}abc"));
    let stale = conn.read_all(Aio::new(), 1000);
    thread::sleep(Duration::from_millis(20));
    stale.cancel();
    assert_eq!(failure(settle(stale)).0, ErrorKind::Canceled);
    let aio = Aio::new().timeout(PATIENCE / 3);
    assert_eq!(settle(conn.read_request(aio)).unwrap().uri(), "/");
    assert_eq!(settle(conn.read_all(Aio::new(), 2)).unwrap(), "ab");
    // And one that needs more gets it, the rest included.
    let more = conn.read_all(Aio::new(), 3);
    peer.say("de");
    assert_eq!(settle(more).unwrap(), "cde");
    // The last four bytes of the body are among what it asks for.
    assert_alive(&conn, &mut peer);
    assert_eq!(settle(conn.read(Aio::new(), 1)).unwrap(), "");
}

#[test]
fn a_queued_read_that_fails_leaves_everything_as_it_was() {
    for family in FAMILIES {
        let (conn, mut peer) = pair(family);
        let first = conn.read_all(Aio::new(), 4);
        let canceled = conn.read(Aio::new(), 1);
        let expired = conn.read(Aio::new().timeout(SOON), 1);
        let last = conn.read_all(Aio::new(), 2);
        canceled.cancel();
        assert_eq!(failure(settle(canceled)), (ErrorKind::Canceled, 0));
        assert_eq!(failure(settle(expired)), (ErrorKind::TimedOut, 0));
        peer.say("abcdef");
        assert_eq!(settle(first).unwrap(), "abcd");
        assert_eq!(settle(last).unwrap(), "ef");
        assert_alive(&conn, &mut peer);
    }
}

/// The write that was in flight meanwhile notices nothing (B2).
#[test]
fn a_read_that_fails_leaves_a_write_in_flight_alone() {
    for (family, cause) in FAMILIES
        .into_iter()
        .flat_map(|f| Cause::ALL.map(|c| (f, c)))
    {
        let (conn, mut peer) = pair(family);
        let write = jam(&conn, Aio::new());
        let read = conn.read(cause.options(), 10);
        cause.happen(read, &peer);
        assert!(!write.is_done(), "{family:?}, {cause:?}");
        assert_pattern(0, &peer.expect(MORE_THAN_FITS));
        assert_eq!(settle(write).unwrap().count(), MORE_THAN_FITS as u64);
        cause.assert_unharmed(&conn, &mut peer);
    }
}

#[test]
fn a_write_that_fails_leaves_a_read_in_flight_alone() {
    for family in FAMILIES {
        let (conn, mut peer) = pair(family);
        let read = conn.read_all(Aio::new(), 4);
        let write = jam(&conn, Aio::new());
        write.cancel();
        assert_eq!(failure(settle(write)).0, ErrorKind::Canceled);
        assert!(!read.is_done());
        // The early answer to an upload that was given up.
        peer.say("late");
        assert_eq!(settle(read).unwrap(), "late");
    }
}

#[test]
fn the_end_of_the_stream_is_told_to_every_read() {
    for family in FAMILIES {
        let (conn, peer) = pair_with(family, "abc");
        let first = conn.read_all(Aio::new(), 9);
        peer.shutdown(Shutdown::Write);
        let error = settle(first).unwrap_err();
        assert!(error.is_end_of_stream() && error.is_closed() && error.count() == 3);
        expect(&conn, "abc");
        for _ in 0..3 {
            let error = settle(conn.read(Aio::new(), 1)).unwrap_err();
            assert!(error.is_end_of_stream() && error.count() == 0);
            let error = settle(conn.read_request(Aio::new())).unwrap_err();
            assert!(error.is_end_of_stream());
        }
    }
}

#[test]
fn a_reset_by_the_peer_is_not_an_end() {
    let (near, far) = tcp_pair();
    let conn = Conn::from(near);
    let aio = conn.read(Aio::new(), 1);
    let_it_block(&aio, 0);
    SockRef::from(&far)
        .set_linger(Some(Duration::ZERO))
        .unwrap();
    drop(far);
    for error in [settle(aio), settle(conn.read(Aio::new(), 1))].map(Result::unwrap_err) {
        assert_eq!(error.kind(), ErrorKind::Reset);
        assert!(!error.is_end_of_stream(), "{error:?}");
    }
}

/// Whoever has ended its own stream, before there was a connection, still hears the end of the other.
#[test]
fn a_stream_that_was_half_closed_before_ends_in_order() {
    let (near, far) = tcp_pair();
    near.shutdown(Shutdown::Write).unwrap();
    let conn = Conn::from(near);
    let mut peer = Peer::from(far);
    assert_eq!(peer.drain().end, End::OfStream);
    peer.say("abc");
    drop(peer);
    assert_eq!(settle(conn.read_all(Aio::new(), 3)).unwrap(), "abc");
    let error = settle(conn.read(Aio::new(), 1)).unwrap_err();
    assert!(error.is_end_of_stream(), "{error:?}");
}

#[test]
fn close_ends_reads_in_flight_and_queued_and_later_ones() {
    for family in FAMILIES {
        let (conn, mut peer) = pair_with(family, "abc");
        let (flying, queued) = (conn.read_all(Aio::new(), 9), conn.read(Aio::new(), 1));
        let_it_block(&flying, 3);
        conn.close();
        assert_eq!(failure(settle(flying)), (ErrorKind::Closed, 3));
        assert_eq!(failure(settle(queued)), (ErrorKind::Closed, 0));
        let later = conn.read(Aio::new(), 1);
        assert_eq!(failure(settle(later)), (ErrorKind::Closed, 0));
        assert_eq!(peer.drain().end, End::OfStream);
    }
}

// ----------------------------------------------------------------------------------- cancel, time

#[test]
fn cancelling_a_blocked_read_takes_effect_at_once_and_shuts_nothing_down() {
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

// ---------------------------------------------------------------------------------- last handles

/// Nobody can read any more what a stale call would bring, so it must not keep the socket open.
#[test]
fn a_stale_call_does_not_keep_a_dropped_connection_open() {
    for family in FAMILIES {
        // Cancelled, then dropped.
        let (conn, mut peer) = pair(family);
        let aio = conn.read(Aio::new(), 1);
        let_it_block(&aio, 0);
        aio.cancel();
        drop(conn);
        assert_eq!(peer.drain().end, End::OfStream);

        // Dropped, then cancelled.
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
fn a_connection_that_is_dropped_while_its_read_is_cancelled_closes() {
    for round in 0..500 {
        let (conn, mut peer) = pair(Family::Unix);
        let aio = conn.read(Aio::new(), 1);
        let canceller = aio.canceller();
        for _ in 0..round * 20 {
            std::hint::spin_loop();
        }
        let cancel = thread::spawn(move || canceller.cancel());
        drop(conn);
        join(cancel);
        assert_eq!(failure(settle(aio)), (ErrorKind::Canceled, 0));
        assert_eq!(peer.drain().end, End::OfStream);
    }
}

// ------------------------------------------------------------------------------------ into_parts

#[track_caller]
fn parts(conn: Conn) -> Parts {
    match conn.into_parts() {
        Ok(parts) => parts,
        Err(conn) => panic!("refused: {conn:?}"),
    }
}

/// The stream blocks, has no timeouts, and nobody ends it.
#[track_caller]
fn assert_whole(stream: Stream, peer: &mut Peer) {
    let (mut stream, timeouts) = match stream {
        Stream::Tcp(stream) => {
            let timeouts = [stream.read_timeout(), stream.write_timeout()];
            (Peer::Tcp(stream), timeouts)
        }
        Stream::Unix(stream) => {
            let timeouts = [stream.read_timeout(), stream.write_timeout()];
            (Peer::Unix(stream), timeouts)
        }
        other => panic!("what is it? {other:?}"),
    };
    assert_eq!(timeouts.map(Result::unwrap), [None, None]);
    stream.say("mine");
    assert_eq!(peer.expect(4), b"mine");
    let reader = thread::spawn(move || stream.expect(4));
    thread::sleep(Duration::from_millis(20));
    assert!(!reader.is_finished(), "it does not block");
    peer.say("more");
    assert_eq!(join(reader), b"more");
}

#[test]
fn a_connection_gives_its_stream_back_with_what_was_not_read() {
    for family in FAMILIES {
        // Never used.
        let (conn, mut peer) = pair(family);
        let unused = parts(conn);
        assert_eq!(unused.unread, "");
        assert_whole(unused.stream, &mut peer);

        // Used, with timeouts that went to the kernel.
        let (conn, mut peer) = pair_with_unread(family, "abc");
        let aio = conn.read_all(Aio::new().timeout(Duration::from_millis(20)), 9);
        assert_eq!(failure(settle(aio)), (ErrorKind::TimedOut, 3));
        let aio = jam(&conn, Aio::new().timeout(PATIENCE));
        peer.expect(MORE_THAN_FITS);
        settle(aio).unwrap();
        let used = parts(conn);
        assert_eq!(used.unread, "abc");
        assert_whole(used.stream, &mut peer);
    }
}

/// Whoever has waited for the last operation has the connection to himself.
#[test]
fn a_connection_can_be_taken_apart_as_soon_as_the_last_operation_was_waited_for() {
    #[track_caller]
    fn check(last: impl Fn(&Conn)) {
        for round in 0..300 {
            let (conn, _peer) = pair_with(Family::Unix, "xyz");
            last(&conn);
            assert!(conn.into_parts().is_ok(), "refused in round {round}");
        }
    }
    check(|conn| drop(settle(conn.read(Aio::new(), 1)).unwrap()));
    check(|conn| drop(settle(conn.read_all(Aio::new(), 3)).unwrap()));
    check(|conn| {
        assert_eq!(
            settle(conn.write_all(Aio::new().iov(["abc"])))
                .unwrap()
                .count(),
            3
        )
    });
    check(|conn| {
        let expired = conn.read_all(Aio::new().timeout(Duration::from_millis(1)), 4);
        assert_eq!(failure(settle(expired)).0, ErrorKind::TimedOut);
    });
    check(|conn| {
        let queued = (conn.read(Aio::new(), 1), conn.read(Aio::new(), 1));
        settle(queued.1).unwrap();
        drop(queued.0);
    });
}

#[test]
fn a_connection_in_use_is_handed_back_whole() {
    /// `keep` makes the connection one that is in use.
    #[track_caller]
    fn check<K>(what: &str, keep: impl Fn(&Conn) -> K, and_then: impl Fn(K, &mut Peer)) {
        for family in FAMILIES {
            let (conn, mut peer) = pair(family);
            let conn = conn.limits(Limits::default().head_bytes(20));
            let kept = keep(&conn);
            let Err(conn) = conn.into_parts() else {
                panic!("{family:?}: taken apart with {what}");
            };
            and_then(kept, &mut peer);
            assert_alive(&conn, &mut peer);
            // The limits are still the handle's.
            peer.say("GET / HTTP/1.1\r\nHost: h\r\n\r\n");
            let head = settle(conn.read_request(Aio::new()));
            assert_eq!(failure(head).0, ErrorKind::TooLarge);
        }
    }
    check("another handle", Conn::clone, |_, _| {});
    check(
        "a read in flight",
        |conn| conn.read(Aio::new(), 1),
        |aio, peer| {
            peer.say("x");
            assert_eq!(settle(aio).unwrap(), "x");
        },
    );
    check(
        "reads queued",
        |conn| [conn.read_all(Aio::new(), 2), conn.read_all(Aio::new(), 2)],
        |aios, peer| {
            peer.say("abcd");
            assert_eq!(aios.map(|aio| settle(aio).unwrap()), ["ab", "cd"]);
        },
    );
    check(
        "a write in flight",
        |conn| jam(conn, Aio::new()),
        |aio, peer| {
            peer.expect(MORE_THAN_FITS);
            settle(aio).unwrap();
        },
    );
    check(
        "a detached write",
        |conn| drop(jam(conn, Aio::new())),
        |(), peer| drop(peer.expect(MORE_THAN_FITS)),
    );
}

/// Its call may take a moment to notice; until then the connection is handed back, and in use.
#[test]
fn a_connection_whose_read_was_cancelled_can_be_taken_apart() {
    for family in FAMILIES {
        let (conn, mut peer) = pair_with_unread(family, "abc");
        let aio = conn.read_all(Aio::new(), 9);
        let_it_block(&aio, 3);
        aio.cancel();
        assert_eq!(failure(settle(aio)), (ErrorKind::Canceled, 3));
        let mut whole = Some(conn);
        let mut taken = None;
        wait_until("it is taken apart", || {
            match whole.take().expect("handed back").into_parts() {
                Ok(parts) => taken = Some(parts),
                Err(conn) => whole = Some(conn),
            }
            taken.is_some()
        });
        let taken = taken.expect("just now");
        assert_eq!(taken.unread, "abc");
        assert_whole(taken.stream, &mut peer);
    }
}

/// As a protocol upgrade does it.
#[test]
fn a_connection_can_be_taken_apart_in_its_own_closure() {
    for family in FAMILIES {
        let (conn, mut peer) = pair(family);
        let (sender, taken) = crossbeam_channel::unbounded();
        let reader = conn.clone();
        let aio = reader.read_request(Aio::new());
        drop(reader);
        aio.on_complete(move |request, _| {
            let path = request.unwrap().uri().path().to_owned();
            let _ = sender.send((path, conn.into_parts()));
        });
        peer.say("GET /chat HTTP/1.1\r\nHost: h\r\n\r\nhello");
        let (path, taken) = receive(&taken);
        assert_eq!(path, "/chat");
        let taken = taken.expect("nothing else is in flight");
        assert_eq!(taken.unread, "hello");
        assert_whole(taken.stream, &mut peer);

        let (conn, mut peer) = pair(family);
        let (sender, taken) = crossbeam_channel::unbounded();
        let writer = conn.clone();
        let aio = writer.write_all(Aio::new().iov(["HTTP/1.1 101 \r\n\r\n"]));
        drop(writer);
        aio.on_complete(move |_, _| drop(sender.send(conn.into_parts())));
        let taken = receive(&taken).expect("nothing else is in flight");
        assert_eq!(peer.expect(17), b"HTTP/1.1 101 \r\n\r\n");
        assert_whole(taken.stream, &mut peer);
    }
}

// --------------------------------------------------------------------------------------- std::io

#[test]
fn std_io_reads_to_the_end() {
    for family in FAMILIES {
        let (conn, mut peer) = pair(family);
        let sender = thread::spawn(move || {
            peer.say("first line\nsecond ");
            peer.say("line\n");
            peer.say(pattern(0, 1 << 20));
            peer.shutdown(Shutdown::Write);
            peer
        });
        let mut reader = BufReader::new(&conn);
        let mut line = String::new();
        for expected in ["first line\n", "second line\n"] {
            line.clear();
            reader.read_line(&mut line).unwrap();
            assert_eq!(line, expected);
        }
        let mut rest = Vec::new();
        assert_eq!(reader.read_to_end(&mut rest).unwrap(), 1 << 20);
        assert_pattern(0, &rest);
        // The end stays.
        assert_eq!(Read::read(&mut &conn, &mut [0; 9]).unwrap(), 0);
        join(sender);
    }
}

#[test]
fn std_io_tells_a_reset_from_an_end() {
    let (near, far) = tcp_pair();
    let mut conn = Conn::from(near);
    SockRef::from(&far)
        .set_linger(Some(Duration::ZERO))
        .unwrap();
    drop(far);
    let error = Read::read(&mut conn, &mut [0; 9]).unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset);
    assert_eq!(Error::from(error).kind(), ErrorKind::Reset);

    let (conn, _peer) = pair(Family::Tcp);
    conn.close();
    let error = Read::read(&mut &conn, &mut [0; 9]).unwrap_err();
    assert_eq!(Error::from(error).kind(), ErrorKind::Closed);
}

// ---------------------------------------------------------------------------------------- memory

/// A number that the kernel tells about this process.
#[cfg(target_os = "linux")]
fn status(key: &str) -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with(key)).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

/// Many connections, of which each has brought much: it is gone when the caller has dropped it.
#[test]
#[cfg(target_os = "linux")]
fn connections_that_are_idle_hold_nothing_of_what_passed() {
    const CONNECTIONS: usize = 96;
    const BODY: usize = 4 << 20;
    if !alone("read::connections_that_are_idle_hold_nothing_of_what_passed") {
        return;
    }
    let body = pattern(0, BODY);
    let before = status("VmRSS");
    let idle: Vec<_> = (0..CONNECTIONS)
        .map(|_| {
            let (conn, mut peer) = pair(Family::Tcp);
            let request = Request::get("http://h/").body(Bytes::new()).unwrap();
            let asked = conn.transact(Aio::new(), request);
            let said = body.clone();
            let saying = thread::spawn(move || {
                peer.say(format!("HTTP/1.1 200 OK\r\nContent-Length: {BODY}\r\n\r\n"));
                peer.say(said);
                peer
            });
            assert_eq!(settle(asked).unwrap().body(), &body);
            (conn, join(saying))
        })
        .collect();
    let held = status("VmRSS").saturating_sub(before);
    assert!(idle.iter().all(|(conn, _)| conn.is_reusable()));
    // In KiB. An allocator keeps some of what it got back, but not for each connection.
    let all = (CONNECTIONS * BODY) as u64 >> 10;
    assert!(held < all / 3, "{held} KiB of {all}");
}

/// What a peer announces costs nothing until it is sent.
#[test]
#[cfg(target_os = "linux")]
fn a_gibibyte_that_is_asked_for_is_not_allocated() {
    if !alone("read::a_gibibyte_that_is_asked_for_is_not_allocated") {
        return;
    }
    let before = (status("VmHWM"), status("VmPeak"));
    let (conn, mut peer) = pair_with(Family::Tcp, "abc");
    let aio = conn.read_all(Aio::new(), 1 << 30);
    let_it_block(&aio, 3);
    peer.say("def");
    let_it_block(&aio, 6);
    let grown = (status("VmHWM") - before.0, status("VmPeak") - before.1);
    // In KiB. The peak counts address space, and each new thread reserves some.
    assert!(grown.0 < 16 << 10, "{} KiB resident", grown.0);
    assert!(grown.1 < 512 << 10, "{} KiB reserved", grown.1);
    peer.shutdown(Shutdown::Write);
    assert_eq!(failure(settle(aio)), (ErrorKind::Reset, 6));
    expect(&conn, "abcdef");
}

/// Having none is a state of the process that passes, and no fault of the connection's.
#[test]
#[cfg(target_os = "linux")]
fn running_out_of_descriptors_breaks_no_connection() {
    if !alone("read::running_out_of_descriptors_breaks_no_connection") {
        return;
    }
    let (conn, mut peer) = pair(Family::Tcp);
    let mut files = Vec::new();
    while let Ok(file) = std::fs::File::open("/dev/null") {
        files.push(file);
    }
    let failed = settle(conn.read(Aio::new().timeout(SOON), 1)).unwrap_err();
    drop(files);
    peer.say("abc");
    let read = settle(conn.read(Aio::new().timeout(PATIENCE), 3));
    match read {
        Ok(bytes) => assert_eq!(bytes, "abc"),
        Err(error) => panic!("first {failed:?}, and now {error:?}"),
    }
}

/// What was handed out is the caller's, and keeps nothing of what is read later from being reused.
#[test]
fn what_was_handed_out_does_not_change() {
    let (conn, mut peer) = pair(Family::Tcp);
    let sender = thread::spawn(move || {
        for offset in (0..8 << 20).step_by(1 << 20) {
            peer.say(pattern(offset, 1 << 20));
        }
        peer
    });
    let mut kept = Vec::new();
    let mut at = 0_u64;
    for most in [1, 10, 1000, 100_000, 1_000_000].into_iter().cycle() {
        if at == 8 << 20 {
            break;
        }
        let bytes = settle(conn.read(Aio::new(), most)).unwrap();
        at += bytes.len() as u64;
        kept.push(bytes);
    }
    let mut from = 0;
    for bytes in kept {
        assert_pattern(from, &bytes);
        from += bytes.len() as u64;
    }
    join(sender);
}

// --------------------------------------------------------------------------- every split and fault

#[cfg(feature = "test-util")]
mod in_memory {
    use std::error::Error as _;
    use std::io::{self, IoSlice};

    use http_aio::testing::memory::{Fault, Faults};
    use http_aio::transport::{Transport, Wait};

    use super::*;

    fn faults(call_bytes: usize) -> Faults {
        let mut faults = Faults::none();
        faults.call_bytes = call_bytes;
        faults
    }

    #[track_caller]
    fn say(peer: &impl Transport, bytes: &[u8]) {
        let said = peer.write(&[IoSlice::new(bytes)], Wait::Forever);
        assert_eq!(said.unwrap(), bytes.len());
    }

    #[test]
    fn every_size_of_call_and_of_read_yields_the_same_bytes() {
        const LEN: usize = 23;
        let data = pattern(0, LEN);
        for call_bytes in 1..=LEN {
            for size in 1..=LEN {
                let (conn, peer) = memory_pair(LEN, faults(call_bytes));
                say(&peer, &data);
                peer.shutdown(Shutdown::Write).unwrap();
                let mut got = Vec::new();
                let mut exact = true;
                let end = loop {
                    let left = LEN - got.len();
                    // By turns; `read_all` only where there is enough.
                    exact = !exact && left >= size;
                    let result = if exact {
                        settle(conn.read_all(Aio::new(), size))
                    } else {
                        settle(conn.read(Aio::new(), size))
                    };
                    match result {
                        Ok(bytes) if exact => {
                            assert_eq!(bytes.len(), size);
                            got.extend_from_slice(&bytes);
                        }
                        Ok(bytes) => {
                            assert!((1..=size).contains(&bytes.len()));
                            got.extend_from_slice(&bytes);
                        }
                        Err(error) => break error,
                    }
                };
                assert_eq!(got, data, "calls of {call_bytes}, reads of {size}");
                assert!(end.is_end_of_stream());
            }
        }
    }

    #[test]
    fn the_nth_call_fails_and_nothing_that_came_before_is_lost() {
        const LEN: usize = 10;
        let data = pattern(0, LEN);
        for call_bytes in 1..=LEN {
            for nth in 1..=LEN.div_ceil(call_bytes) + 1 {
                for kind in [io::ErrorKind::ConnectionReset, io::ErrorKind::StorageFull] {
                    let mut faults = faults(call_bytes);
                    faults.fail_read = Some((nth, Fault::Error(kind)));
                    let (conn, peer) = memory_pair(LEN, faults);
                    say(&peer, &data);
                    let arrived = ((nth - 1) * call_bytes).min(LEN);
                    let error = settle(conn.read_all(Aio::new(), LEN + 1)).unwrap_err();
                    let expected = Error::from(io::Error::from(kind)).kind();
                    assert_eq!((error.kind(), error.count()), (expected, arrived as u64));
                    assert!(error.source().is_some(), "{error:?} has lost its cause");
                    let left = settle(conn.read_all(Aio::new(), arrived));
                    assert_eq!(left.unwrap(), data[..arrived]);
                    let error = settle(conn.read(Aio::new(), 1)).unwrap_err();
                    assert_eq!((error.kind(), error.count()), (expected, 0));
                    // The other direction has its own fate.
                    settle(conn.write_all(Aio::new().iov(["ok"]))).unwrap();
                }
            }
        }
    }

    #[test]
    fn a_call_that_was_interrupted_is_made_again() {
        for kind in [
            io::ErrorKind::Interrupted,
            io::ErrorKind::WouldBlock,
            io::ErrorKind::TimedOut,
        ] {
            for nth in 1..=4 {
                let mut faults = faults(1);
                faults.fail_read = Some((nth, Fault::Error(kind)));
                let (conn, peer) = memory_pair(9, faults);
                say(&peer, b"abc");
                assert_eq!(settle(conn.read_all(Aio::new(), 3)).unwrap(), "abc");
            }
        }
    }

    #[test]
    fn a_transport_that_panics_ends_its_direction_and_strands_nobody() {
        let mut faults = faults(1);
        faults.fail_read = Some((3, Fault::Panic));
        let (conn, peer) = memory_pair(9, faults);
        say(&peer, b"abc");
        let (first, second) = (conn.read_all(Aio::new(), 3), conn.read(Aio::new(), 1));
        assert_eq!(failure(settle(first)).0, ErrorKind::Abandoned);
        assert_eq!(failure(settle(second)).0, ErrorKind::Closed);
        let later = conn.read(Aio::new(), 1);
        assert_eq!(failure(settle(later)).0, ErrorKind::Closed);
        settle(conn.write_all(Aio::new().iov(["ok"]))).unwrap();
    }
}
