//! Proves that a deadline is total: neither a dripping peer nor a
//! place in the queue stretches it, one that passes in the queue harms nobody else, and one that
//! passes in flight ends the write side and nothing more.

use std::net::Shutdown;
use std::thread;
use std::time::{Duration, Instant};

use http_aio::{Aio, Conn, ErrorKind};

use crate::support::*;

/// What the contract allows beyond the deadline, in flight and in the queue.
const LATE_IN_FLIGHT: Duration = Duration::from_millis(100);
const LATE_IN_QUEUE: Duration = Duration::from_millis(50);

fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

// -------------------------------------------------------------------------------------- in flight

/// The upload would take minutes at this rate, and each drip moves some of it.
#[track_caller]
fn check_drip(family: Family, bytes: usize, every: Duration) {
    let deadline = millis(400);
    // Making it takes longer than a deadline may be late.
    let data = pattern(0, 64 << 20);
    in_time(|| {
        let (conn, peer) = pair(family);
        let peer = peer.run([Step::Drip { bytes, every }]);
        let start = Instant::now();
        let aio = Aio::new().timeout(deadline).iov([data.clone()]);
        let aio = conn.write_all(aio);
        let result = settle(aio);
        let took = start.elapsed();
        let (kind, count) = failure(result);
        assert_eq!(kind, ErrorKind::TimedOut);
        assert!(took >= deadline, "{took:?}");
        // Not the whole drip, which takes its time: the peer is let go, and the stream with it.
        drop((conn, peer));
        assert!(count > 0);
        at_most("the upload", took, deadline + LATE_IN_FLIGHT)
    });
}

#[test]
fn dripping_peer_cannot_stretch_it_tcp() {
    check_drip(Family::Tcp, 64 << 10, millis(100));
}

#[test]
fn dripping_peer_cannot_stretch_it_unix() {
    check_drip(Family::Unix, 64 << 10, millis(100));
}

#[test]
fn trickling_peer_cannot_stretch_it_tcp() {
    check_drip(Family::Tcp, 4 << 10, millis(5));
}

#[test]
fn trickling_peer_cannot_stretch_it_unix() {
    check_drip(Family::Unix, 4 << 10, millis(5));
}

/// The remaining time is taken anew before each call: a thousand short calls are no excuse.
#[cfg(feature = "test-util")]
#[test]
fn total_over_many_calls() {
    use http_aio::testing::memory::Faults;
    let deadline = millis(150);
    in_time(|| {
        let mut faults = Faults::none();
        faults.call_bytes = 1;
        let (conn, peer) = memory_pair(1, faults);
        let start = Instant::now();
        let aio = write_pattern(&conn, Aio::new().timeout(deadline), 0, 100_000);
        let reader = thread::spawn(move || {
            use http_aio::transport::{Transport, Wait};
            let mut received = 0_u64;
            let mut byte = [0];
            while let Ok(1) = peer.read(&mut byte, Wait::For(PATIENCE)) {
                received += 1;
                thread::sleep(millis(1));
            }
            received
        });
        let result = settle(aio);
        let took = start.elapsed();
        drop(conn);
        let (kind, count) = failure(result);
        assert_eq!((kind, count), (ErrorKind::TimedOut, join(reader)));
        assert!(took >= deadline, "{took:?}");
        at_most("the upload", took, deadline + LATE_IN_FLIGHT)
    });
}

#[track_caller]
fn check_stuck(family: Family, deadline: Duration) {
    in_time(|| {
        let (conn, mut peer) = pair(family);
        let start = Instant::now();
        let aio = Aio::new().timeout(deadline);
        let (told, _) = tell(write_pattern(&conn, aio, 0, MORE_THAN_FITS));
        let told = receive(&told);
        let took = told.at - start;
        let (kind, count) = failure(told.result);
        assert_eq!(kind, ErrorKind::TimedOut);
        assert!(is_ours(&told.thread), "{}", told.thread);
        assert!(took >= deadline, "{took:?}");
        drop(conn); // A deadline this short may have passed in the queue: nothing has ended then.
        assert_eq!(peer.drain().count(), count);
        at_most("the upload", took, deadline + LATE_IN_FLIGHT)
    });
}

#[test]
fn stuck_peer() {
    for family in FAMILIES {
        for deadline in [1, 30, 250] {
            check_stuck(family, millis(deadline));
        }
    }
}

/// The kernel's timers are late by up to an eighth of their length; deadlines are not.
#[test]
fn stuck_peer_for_seconds() {
    let deadline = millis(3000);
    in_time(|| {
        let start = Instant::now();
        let stuck = FAMILIES.map(|family| {
            let (conn, peer) = pair(family);
            let aio = Aio::new().timeout(deadline);
            let (told, _) = tell(write_pattern(&conn, aio, 0, MORE_THAN_FITS));
            (told, conn, peer)
        });
        for (told, _conn, _peer) in stuck {
            let told = receive(&told);
            let took = told.at - start;
            assert_eq!(failure(told.result).0, ErrorKind::TimedOut);
            assert!(took >= deadline, "{took:?}");
            at_most("the upload", took, deadline + LATE_IN_FLIGHT)?;
        }
        Ok(())
    });
}

/// What fails in flight leaves a stream that is cut: those behind it, and those that come later,
/// are `Closed`. The answer of a peer that has seen enough can still be read.
#[test]
fn in_flight_ends_the_write_side_only() {
    for family in FAMILIES {
        let (conn, mut peer) = pair(family);
        let upload = jam(&conn, Aio::new().timeout(millis(500)));
        let queued: Vec<_> = (0..3)
            .map(|_| write_pattern(&conn, Aio::new(), 0, 100))
            .collect();
        let answer = conn.read_all(Aio::new(), 5);
        let (kind, count) = failure(settle(upload));
        assert_eq!(kind, ErrorKind::TimedOut);
        for aio in queued {
            assert_eq!(failure(settle(aio)), (ErrorKind::Closed, 0));
        }
        let later = write_pattern(&conn, Aio::new(), 0, 100);
        assert_eq!(failure(settle(later)), (ErrorKind::Closed, 0));
        assert!(!answer.is_done());
        let drained = peer.drain();
        assert_eq!((drained.count(), drained.end), (count, End::OfStream));
        peer.say("early, later");
        assert_eq!(settle(answer).expect("it was sent"), "early");
        let rest = settle(conn.read_all(Aio::new(), 7));
        assert_eq!(rest.expect("it was sent"), ", later");
    }
}

/// The network has timeouts of its own. They are no deadline, which these operations do not have,
/// and what they leave of the stream is not its orderly end.
#[cfg(target_os = "linux")]
mod peer_that_has_vanished {
    use super::*;

    /// The peer's window is shut, and after 100 ms that counts as being gone.
    fn shut_window() -> (Conn, Peer) {
        let (near, far) = tcp_pair();
        socket2::SockRef::from(&near)
            .set_tcp_user_timeout(Some(millis(100)))
            .expect("Linux has it");
        let conn = Conn::from(near);
        let filled = settle(conn.write(Aio::new().iov([pattern(0, 64 << 20)])));
        assert!(filled.expect("there is room for some").count() > 0);
        (conn, Peer::from(far))
    }

    #[test]
    fn is_a_reset_for_the_write_in_flight() {
        let (conn, _peer) = shut_window();
        let stuck = write_pattern(&conn, Aio::new(), 0, 64 << 20);
        assert_eq!(failure(settle(stuck)).0, ErrorKind::Reset);
    }

    #[test]
    fn is_a_reset_for_the_next_write() {
        let (conn, _peer) = shut_window();
        // Nothing shows it but an operation, and that would change it.
        thread::sleep(millis(1500));
        let next = settle(write_pattern(&conn, Aio::new(), 0, 10));
        assert_eq!(failure(next), (ErrorKind::Reset, 0));
    }

    #[test]
    fn is_no_end_of_stream_for_a_read() {
        let (conn, _peer) = shut_window();
        let error = settle(conn.read(Aio::new(), 10)).expect_err("nothing was sent");
        assert_eq!(error.kind(), ErrorKind::Reset);
        assert!(!error.is_end_of_stream(), "{error:?}");
    }
}

// -------------------------------------------------------------------------------------- the queue

/// The contract's own example: 100 ms, behind one that is stuck without a deadline.
#[test]
fn queued_behind_a_stuck_one_expires_on_time() {
    for family in FAMILIES {
        in_time(|| {
            let deadline = millis(100);
            let (conn, mut peer) = pair(family);
            let stuck = jam(&conn, Aio::new());
            let before = stuck.count();
            let start = Instant::now();
            let queued = write_pattern(&conn, Aio::new().timeout(deadline), 0, 1000);
            let (told, _) = tell(queued);
            let told = receive(&told);
            let took = told.at - start;
            assert_eq!(failure(told.result), (ErrorKind::TimedOut, 0));
            assert!(is_ours(&told.thread), "{}", told.thread);
            assert!(took >= deadline, "{took:?}");

            // The other one has not noticed, and nothing of the queued one was sent.
            assert!(!stuck.is_done());
            assert_eq!(stuck.count(), before);
            let last = write_pattern(&conn, Aio::new(), MORE_THAN_FITS as u64, 10);
            let received = peer.expect(MORE_THAN_FITS + 10);
            assert_pattern(0, &received);
            let written = settle(stuck).expect("the peer has read it");
            assert_eq!(written.count(), MORE_THAN_FITS as u64);
            settle(last).expect("the connection is as good as new");
            drop(conn);
            assert_eq!(peer.drain().count(), 0);
            at_most("the queued write", took, deadline + LATE_IN_QUEUE)
        });
    }
}

/// Each at its own time, in whatever order they were submitted; those without one stay.
#[test]
fn queued_with_different_deadlines_each_at_its_own_time() {
    in_time(|| {
        let (conn, mut peer) = pair(Family::Tcp);
        let stuck = jam(&conn, Aio::new());
        let mut kept = Vec::new();
        let mut offset = MORE_THAN_FITS as u64;
        let mut expiring = Vec::new();
        for i in 0..60 {
            // 40 to 276 ms, scattered; every fourth has none, every tenth one that will not pass.
            let deadline = millis(40 + (i * 37 % 60) * 4);
            let aio = match i {
                _ if i % 4 == 0 => Aio::new(),
                _ if i % 10 == 3 => Aio::new().timeout(PATIENCE),
                _ => {
                    let start = Instant::now();
                    let aio = Aio::new().deadline(start + deadline);
                    let (told, _) = tell(write_pattern(&conn, aio, 0, 500));
                    expiring.push((told, start, deadline));
                    continue;
                }
            };
            kept.push(write_pattern(&conn, aio, offset, 500));
            offset += 500;
        }
        let mut late = Ok(());
        for (told, start, deadline) in expiring {
            let told = receive(&told);
            assert_eq!(failure(told.result), (ErrorKind::TimedOut, 0));
            let took = told.at - start;
            assert!(took >= deadline, "{took:?} of {deadline:?}");
            late = late.and(at_most("a queued write", took, deadline + LATE_IN_QUEUE));
        }
        assert!(!stuck.is_done());
        assert!(kept.iter().all(|aio| !aio.is_done()));
        let received = peer.expect(usize::try_from(offset).expect("megabytes"));
        assert_pattern(0, &received);
        settle(stuck).expect("the peer has read it");
        for aio in kept {
            assert_eq!(settle(aio).expect("the peer has read it").count(), 500);
        }
        late
    });
}

/// Time in the queue is not given back when the operation gets its turn.
#[test]
fn time_in_the_queue_counts() {
    in_time(|| {
        let deadline = millis(300);
        let (conn, mut peer) = pair(Family::Tcp);
        let first = jam(&conn, Aio::new());
        let start = Instant::now();
        let aio = Aio::new().timeout(deadline);
        let second = write_pattern(&conn, aio, MORE_THAN_FITS as u64, MORE_THAN_FITS);
        thread::sleep(deadline / 2);
        assert_pattern(0, &peer.expect(MORE_THAN_FITS));
        settle(first).expect("the peer has read it");
        let result = settle(second);
        let took = start.elapsed();
        let (kind, count) = failure(result);
        assert_eq!(kind, ErrorKind::TimedOut);
        assert!(took >= deadline, "{took:?}");
        drop(conn);
        assert_eq!(peer.drain().count(), count);
        at_most("the second upload", took, deadline + LATE_IN_FLIGHT)
    });
}

/// A closure that takes long is one more thing that a queued operation may be stuck behind; so is
/// one that the kernel has accepted the first bytes of.
#[cfg(feature = "test-util")]
#[test]
fn behind_a_slow_closure_expires_on_time() {
    use http_aio::testing::memory::Faults;
    for accepted in [0, 2] {
        in_time(|| {
            let deadline = millis(100);
            let (conn, peer, gate) = gated_pair(11 + accepted, Faults::none());
            // The gate holds the first, so that the next two are there for one call.
            let head = write_pattern(&conn, Aio::new(), 0, 1);
            gate.arrived();
            let (go, wait) = crate::support::gate();
            let slow = write_pattern(&conn, Aio::new(), 1, 10);
            let _ = slow.on_complete(move |_, _| {
                let _ = wait.recv_timeout(millis(500));
            });
            let start = Instant::now();
            let aio = Aio::new().timeout(deadline);
            let (told, _) = tell(write_pattern(&conn, aio, 11, 10));
            drop(gate.open());
            settle(head).expect("there is room");
            let told = receive(&told);
            let took = told.at - start;
            let _ = go.send(());
            let (kind, count) = failure(told.result);
            assert_eq!(kind, ErrorKind::TimedOut);
            if count < accepted as u64 {
                return Err("expired before it was offered".to_owned());
            }
            assert_eq!(count, accepted as u64);
            assert!(took >= deadline, "{took:?}");
            conn.close();
            assert_eq!(drain_memory(peer).len(), 11 + accepted);
            at_most("the write in hand", took, deadline + LATE_IN_FLIGHT)
        });
    }
}

// -------------------------------------------------------------------------------------- the edges

/// Nothing is tried, and the connection is as good as before.
#[track_caller]
fn check_expired(what: &str, aio: impl Fn() -> Aio<http_aio::Written>) {
    for family in FAMILIES {
        let (conn, mut peer) = pair(family);
        // On a connection that has no thread yet, on an idle one, and on one that is busy.
        let first = settle(conn.write_all(aio().iov(["x"])));
        assert_eq!(failure(first), (ErrorKind::TimedOut, 0), "{what}");
        settle(write_pattern(&conn, Aio::new(), 0, 100)).expect("nothing has happened to it");
        let second = settle(conn.write_all(aio().iov(["x"])));
        assert_eq!(failure(second), (ErrorKind::TimedOut, 0), "{what}");
        let stuck = write_pattern(&conn, Aio::new(), 100, MORE_THAN_FITS);
        let (told, _) = tell(conn.write_all(aio().iov(["x"])));
        let told = receive(&told);
        assert_eq!(failure(told.result), (ErrorKind::TimedOut, 0), "{what}");
        assert!(is_ours(&told.thread), "{}", told.thread);
        assert_pattern(0, &peer.expect(100 + MORE_THAN_FITS));
        settle(stuck).expect("the peer has read it");
        drop(conn);
        assert_eq!(peer.drain().count(), 0, "{what}: something was sent");
    }
}

#[test]
fn zero_timeout_tries_nothing() {
    check_expired("zero timeout", || Aio::new().timeout(Duration::ZERO));
}

#[test]
fn deadline_in_the_past_tries_nothing() {
    let past = Instant::now();
    thread::sleep(millis(1));
    check_expired("deadline in the past", || Aio::new().deadline(past));
    check_expired("now", || Aio::new().deadline(Instant::now()));
}

#[test]
fn timeout_and_deadline_the_earlier_counts() {
    let soon = millis(60);
    for timeout_first in [true, false] {
        in_time(|| {
            let (conn, _peer) = pair(Family::Tcp);
            let (timeout, deadline) = match timeout_first {
                true => (soon, PATIENCE),
                false => (PATIENCE, soon),
            };
            let start = Instant::now();
            let aio = Aio::new().timeout(timeout).deadline(start + deadline);
            let result = settle(write_pattern(&conn, aio, 0, MORE_THAN_FITS));
            let took = start.elapsed();
            assert_eq!(failure(result).0, ErrorKind::TimedOut);
            assert!(took >= soon, "{took:?}");
            at_most("the upload", took, soon + LATE_IN_FLIGHT)
        });
    }
}

/// Timeouts that the clock, or `SO_SNDTIMEO`, cannot hold.
#[test]
fn endless_timeouts_never_pass() {
    let endless = [
        Duration::MAX,
        Duration::from_secs(u64::MAX),
        Duration::from_secs(u64::MAX / 1_000_000),
        Duration::from_secs(i64::MAX as u64 / 2),
        Duration::from_secs(1 << 40),
        Duration::from_secs(u64::from(u32::MAX)),
    ];
    for timeout in endless {
        for family in FAMILIES {
            let (conn, mut peer) = pair(family);
            let stuck = jam(&conn, Aio::new().timeout(timeout));
            let queued = write_pattern(
                &conn,
                Aio::new().timeout(timeout),
                MORE_THAN_FITS as u64,
                10,
            );
            let queued = match queued.wait_timeout(millis(5)) {
                Ok(result) => panic!("{timeout:?}: {result:?}"),
                Err(aio) => aio,
            };
            assert!(!stuck.is_done(), "{timeout:?}");
            assert_pattern(0, &peer.expect(MORE_THAN_FITS + 10));
            settle(stuck).expect("the peer has read it");
            settle(queued).expect("the peer has read it");
        }
    }
}

/// A deadline that was used by one operation must not be left on the socket for the next.
#[test]
fn one_operations_deadline_is_not_the_nexts() {
    for family in FAMILIES {
        let (conn, mut peer) = pair(family);
        let first = jam(&conn, Aio::new().timeout(PATIENCE));
        assert_pattern(0, &peer.expect(MORE_THAN_FITS));
        settle(first).expect("in time");
        // Blocks in the kernel with a short deadline, and makes it.
        let second = write_pattern(&conn, Aio::new().timeout(millis(500)), 0, MORE_THAN_FITS);
        assert_pattern(0, &peer.expect(MORE_THAN_FITS));
        settle(second).expect("in time");
        let third = jam(&conn, Aio::new());
        let third = match third.wait_timeout(millis(600)) {
            Ok(result) => panic!("{result:?}"),
            Err(aio) => aio,
        };
        assert_pattern(0, &peer.expect(MORE_THAN_FITS));
        settle(third).expect("it had no deadline");
    }
}

/// Options stay with the aio that is handed back: each operation has the timeout anew.
#[test]
fn timeout_stays_for_the_next_operation() {
    in_time(|| {
        let timeout = millis(300);
        let (conn, mut peer) = pair(Family::Unix);
        let mut aio = Aio::new().timeout(timeout);
        for _ in 0..3 {
            let (result, again) = settle_and_reclaim(write_pattern(&conn, aio, 0, 10));
            result.expect("there is room");
            aio = again;
            peer.expect(10);
        }
        let start = Instant::now();
        let result = settle(write_pattern(&conn, aio, 0, MORE_THAN_FITS));
        let took = start.elapsed();
        assert_eq!(failure(result).0, ErrorKind::TimedOut);
        assert!(took >= timeout, "{took:?}");
        at_most("the upload", took, timeout + LATE_IN_FLIGHT)
    });
}

// ----------------------------------------------------------------------------------- wait_timeout

/// It bounds the wait, not the operation.
#[test]
fn wait_timeout_hands_the_handle_back() {
    let (conn, mut peer) = pair(Family::Tcp);
    let mut stuck = jam(&conn, Aio::new());
    for patience in [Duration::ZERO, millis(1), millis(20)] {
        let start = Instant::now();
        stuck = match stuck.wait_timeout(patience) {
            Ok(result) => panic!("{result:?}"),
            Err(aio) => aio,
        };
        assert!(start.elapsed() >= patience);
        assert!(!stuck.is_done());
    }
    assert_pattern(0, &peer.expect(MORE_THAN_FITS));
    let written = settle(stuck).expect("nothing was canceled");
    assert_eq!(written.count(), MORE_THAN_FITS as u64);
    let next = conn.write_all(Aio::new().iov(["next"]));
    wait_until("it is written", || next.is_done());
    // Completed: even no patience at all is enough, and endless patience is no overflow.
    assert!(matches!(next.wait_timeout(Duration::ZERO), Ok(Ok(_))));
    let last = conn.write_all(Aio::new().iov(["last"]));
    assert!(matches!(last.wait_timeout(Duration::MAX), Ok(Ok(_))));
    assert_eq!(peer.expect(8), b"nextlast");
}

// ---------------------------------------------------------------------------------------- after

/// The queue of a connection whose peer comes back late: the stuck one makes it, the expired ones
/// are gone, and a deadline that was near does not come due twice.
#[test]
fn connection_lives_on_after_many_expired() {
    let (conn, mut peer) = pair(Family::Unix);
    let stuck = jam(&conn, Aio::new());
    for round in 1..=5 {
        let expired: Vec<_> = (0..round)
            .map(|i| write_pattern(&conn, Aio::new().timeout(millis(5 + i)), 0, 1000))
            .collect();
        for aio in expired {
            assert_eq!(failure(settle(aio)), (ErrorKind::TimedOut, 0));
        }
    }
    assert_pattern(0, &peer.expect(MORE_THAN_FITS));
    settle(stuck).expect("the peer has read it");
    assert_usable(&conn, &mut peer);
}

#[track_caller]
fn assert_usable(conn: &Conn, peer: &mut Peer) {
    let aio = write_pattern(conn, Aio::new().timeout(PATIENCE), 7, 1000);
    assert_pattern(7, &peer.expect(1000));
    settle(aio).expect("the connection is usable");
    peer.say("and back");
    let back = settle(conn.read_all(Aio::new(), 8)).expect("the connection is usable");
    assert_eq!(back, "and back");
    peer.shutdown(Shutdown::Write);
}
