//! Proves how a connection ends: `close` aborts everything at once with
//! `Closed` and exact counts, the last handle that is dropped lets submitted operations finish, and
//! nothing is left behind: no waiter, no thread, no descriptor.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crossbeam_channel::bounded;
use http_aio::{Aio, Conn, ErrorKind};

use crate::support::*;

/// "At once", on a machine that has other things to do.
const AT_ONCE: Duration = Duration::from_millis(50);

#[track_caller]
fn assert_closed(conn: &Conn) {
    let write = settle(conn.write_all(Aio::new().iov(["x"])));
    assert_eq!(failure(write), (ErrorKind::Closed, 0));
    let empty = settle(conn.write_all(Aio::new().iov([""])));
    assert_eq!(failure(empty), (ErrorKind::Closed, 0));
    let read = settle(conn.read(Aio::new(), 1));
    assert_eq!(failure(read), (ErrorKind::Closed, 0));
}

// ------------------------------------------------------------------------------------------ close

/// Reader and writer both block; others wait behind them, one of them with a closure.
#[test]
fn everything_is_aborted_at_once() {
    for family in FAMILIES {
        in_time(|| {
            let (conn, mut peer) = pair(family);
            let read = conn.read_all(Aio::new(), 10);
            let second_read = conn.read(Aio::new().timeout(PATIENCE), 10);
            let stuck = jam(&conn, Aio::new());
            let queued: Vec<_> = [10, 100_000, 0]
                .into_iter()
                .map(|len| write_pattern(&conn, Aio::new(), 0, len))
                .collect();
            let (told, _) = tell(write_pattern(&conn, Aio::new(), 0, 10));
            let start = Instant::now();
            conn.close();
            let closing = start.elapsed();
            let result = settle(stuck);
            let in_flight = start.elapsed();
            let (kind, count) = failure(result);
            assert_eq!(kind, ErrorKind::Closed);
            for aio in queued {
                assert_eq!(failure(settle(aio)), (ErrorKind::Closed, 0));
            }
            let told = receive(&told);
            assert_eq!(failure(told.result), (ErrorKind::Closed, 0));
            assert!(is_ours(&told.thread), "{}", told.thread);
            assert_eq!(failure(settle(read)), (ErrorKind::Closed, 0));
            assert_eq!(failure(settle(second_read)), (ErrorKind::Closed, 0));
            let all = start.elapsed();
            assert_closed(&conn);
            // What the kernel had accepted is still delivered.
            let drained = peer.drain();
            assert_eq!((drained.count(), drained.end), (count, End::OfStream));
            assert_pattern(0, &drained.bytes);
            at_most("close", closing, AT_ONCE)?;
            at_most("the write in flight", in_flight, AT_ONCE)?;
            at_most("the closure", told.at - start, AT_ONCE)?;
            at_most("everything", all, 2 * AT_ONCE)
        });
    }
}

#[test]
fn twice_and_from_every_handle() {
    let (conn, mut peer) = pair(Family::Tcp);
    let handles: Vec<_> = (0..4).map(|_| conn.clone()).collect();
    let stuck = jam(&conn, Aio::new());
    let threads: Vec<_> = handles
        .into_iter()
        .map(|conn| thread::spawn(move || conn.close()))
        .collect();
    for thread in threads {
        join(thread);
    }
    conn.close();
    let (kind, count) = failure(settle(stuck));
    assert_eq!(kind, ErrorKind::Closed);
    assert_closed(&conn);
    assert_eq!(peer.drain().count(), count);
}

/// Idle, and with no thread yet.
#[test]
fn before_the_first_operation() {
    for family in FAMILIES {
        let (conn, mut peer) = pair(family);
        conn.close();
        assert_eq!(peer.drain().count(), 0);
        assert_closed(&conn);
        let (told, _) = tell(conn.write_all(Aio::new().iov(["x"])));
        let told = receive(&told);
        assert_eq!(failure(told.result), (ErrorKind::Closed, 0));
        assert_ne!(told.thread, thread_name());
    }
}

/// The closure runs on the thread whose operation it aborts, and on the reader's.
#[test]
fn from_inside_a_closure() {
    for from_read in [false, true] {
        let (conn, mut peer) = pair(Family::Unix);
        let (sender, closed) = bounded(1);
        let clone = conn.clone();
        let close = move || {
            clone.close();
            let _ = sender.send(());
        };
        let stuck = if from_read {
            let read = conn.read(Aio::new(), 1);
            let _ = read.on_complete(move |_, _| close());
            let stuck = jam(&conn, Aio::new());
            peer.say("x");
            stuck
        } else {
            let first = conn.write_all(Aio::new().iov(["x"]));
            let _ = first.on_complete(move |_, _| close());
            write_pattern(&conn, Aio::new(), 0, MORE_THAN_FITS)
        };
        receive(&closed);
        let (kind, count) = failure(settle(stuck));
        assert_eq!(kind, ErrorKind::Closed);
        assert_closed(&conn);
        let first = if from_read { 0 } else { 1 };
        assert_eq!(peer.drain().count(), first + count);
    }
}

/// Whatever a submission meets, before, during or after, it completes, and the sum is right.
#[test]
fn races_with_submissions() {
    for round in 0..300 {
        let (conn, mut peer) = pair(Family::Unix);
        let drained = thread::spawn(move || peer.drain().count());
        let submitting = conn.clone();
        let submitter = thread::spawn(move || {
            let mut aios = Vec::new();
            for _ in 0..50 {
                aios.push(write_pattern(&submitting, Aio::new(), 0, 100));
            }
            aios
        });
        for _ in 0..round * 100 {
            std::hint::spin_loop();
        }
        conn.close();
        let mut sum = 0;
        for aio in join(submitter) {
            let result = settle(aio);
            sum += count(&result);
            if let Err(error) = result {
                assert_eq!(error.kind(), ErrorKind::Closed, "round {round}");
            }
        }
        assert_eq!(join(drained), sum);
    }
}

/// Closed while the writer is between two system calls: `Closed`, not what the next call makes of a
/// socket that is shut down.
#[cfg(feature = "test-util")]
#[test]
fn reason_is_closed_wherever_the_writer_is() {
    use http_aio::testing::memory::Faults;
    for passed in 0..=1 {
        let (conn, peer, gate) = gated_pair(3, Faults::none());
        let first = write_pattern(&conn, Aio::new(), 0, 10);
        for _ in 0..passed {
            gate.arrived();
            gate.permit();
        }
        let call = gate.arrived();
        assert_eq!(call.may_block, passed == 1);
        let queued = write_pattern(&conn, Aio::new(), 0, 10);
        conn.close();
        drop(gate.open());
        let count = 3 * passed;
        let what = format!("after {passed} calls");
        assert_eq!(failure(settle(first)), (ErrorKind::Closed, count), "{what}");
        assert_eq!(failure(settle(queued)), (ErrorKind::Closed, 0), "{what}");
        assert_eq!(drain_memory(peer).len() as u64, count, "{what}");
    }
}

/// The same for small ones that were to share the call.
#[cfg(feature = "test-util")]
#[test]
fn reason_is_closed_for_a_whole_batch() {
    use http_aio::testing::memory::Faults;
    let (conn, peer, gate) = gated_pair(100, Faults::none());
    let head = write_pattern(&conn, Aio::new(), 0, 1);
    gate.arrived();
    let batch: Vec<_> = (0..5)
        .map(|_| write_pattern(&conn, Aio::new(), 0, 10))
        .collect();
    gate.permit();
    assert_eq!(gate.arrived().offered, 50);
    conn.close();
    drop(gate.open());
    settle(head).expect("it was written before");
    for aio in batch {
        assert_eq!(failure(settle(aio)), (ErrorKind::Closed, 0));
    }
    assert_eq!(drain_memory(peer).len(), 1);
}

/// Also what the kernel has the first bytes of, while a closure has the writer's thread.
#[cfg(feature = "test-util")]
#[test]
fn while_a_closure_runs() {
    use http_aio::testing::memory::Faults;
    for accepted in [0, 2] {
        in_time(|| {
            let (conn, peer, gate) = gated_pair(11 + accepted, Faults::none());
            let head = write_pattern(&conn, Aio::new(), 0, 1);
            gate.arrived();
            let (entered, inside) = crate::support::gate();
            let (go, wait) = crate::support::gate();
            let slow = write_pattern(&conn, Aio::new(), 1, 10);
            let _ = slow.on_complete(move |_, _| {
                let _ = entered.send(());
                let _ = wait.recv_timeout(Duration::from_millis(500));
            });
            let next = write_pattern(&conn, Aio::new(), 11, 10);
            drop(gate.open());
            receive(&inside);
            let start = Instant::now();
            conn.close();
            let result = settle(next);
            let took = start.elapsed();
            let _ = go.send(());
            settle(head).expect("there is room");
            let expected = (ErrorKind::Closed, accepted as u64);
            assert_eq!(failure(result), expected);
            assert_eq!(drain_memory(peer).len(), 11 + accepted);
            at_most("closing", took, AT_ONCE)
        });
    }
}

/// What the peer has sent and nobody has read must not cost it what was written: a socket that is
/// closed with unread input is reset, and the reset overtakes.
#[test]
fn unread_input_costs_no_output() {
    for sent in [1, 100_000, 300_000, 1_000_000] {
        let (near, far) = tcp_pair();
        let socket = socket2::SockRef::from(&near);
        socket.set_recv_buffer_size(2 << 20).expect("a size");
        let (conn, mut peer) = (Conn::from(near), Peer::from(far));
        peer.say(pattern(0, sent));
        let stuck = jam(&conn, Aio::new());
        conn.close();
        let (kind, count) = failure(settle(stuck));
        assert_eq!(kind, ErrorKind::Closed);
        drop(conn);
        let drained = peer.drain();
        let what = format!("with {sent} unread");
        assert_eq!(
            (drained.count(), drained.end),
            (count, End::OfStream),
            "{what}"
        );
    }
}

/// A reset ends both directions, and neither may take it for the orderly end: a body that is
/// delimited by the end would be cut without a word. The kernel tells one of them only.
#[test]
fn reset_is_an_orderly_end_for_neither_direction() {
    for round in 0..20 {
        let (conn, peer) = pair(Family::Tcp);
        let read = (round % 2 == 0).then(|| conn.read(Aio::new(), 10));
        let stuck = jam(&conn, Aio::new());
        drop(peer);
        let write = settle(stuck).expect_err("the peer is gone");
        let read = read.unwrap_or_else(|| conn.read(Aio::new(), 10));
        let read = settle(read).expect_err("the peer is gone");
        for error in [&write, &read] {
            assert_eq!(error.kind(), ErrorKind::Reset, "round {round}");
            assert!(!error.is_end_of_stream(), "round {round}: {error:?}");
        }
    }
}

// ------------------------------------------------------------------------------------------- drop

/// Dropping is not closing: what was submitted is written, then the stream ends.
#[test]
fn last_handle_lets_submitted_writes_finish() {
    for family in FAMILIES {
        for detached in [false, true] {
            let (conn, mut peer) = pair(family);
            let clone = conn.clone();
            let mut aios = vec![jam(&conn, Aio::new())];
            let mut offset = MORE_THAN_FITS as u64;
            for len in [10, 100_000, 0, 5] {
                aios.push(write_pattern(&clone, Aio::new(), offset, len));
                offset += len as u64;
            }
            drop(conn);
            drop(clone);
            if detached {
                aios.clear();
            }
            assert!(aios.iter().all(|aio| !aio.is_done()));
            let drained = peer.drain();
            assert_eq!((drained.count(), drained.end), (offset, End::OfStream));
            assert_pattern(0, &drained.bytes);
            for aio in aios {
                settle(aio).expect("it was submitted before");
            }
        }
    }
}

/// It can still be canceled, and its deadline still counts.
#[test]
fn last_handle_leaves_cancelers_and_deadlines() {
    for family in FAMILIES {
        let (conn, mut peer) = pair(family);
        let stuck = jam(&conn, Aio::new());
        let timeout = Aio::new().timeout(Duration::from_millis(20));
        let expiring = write_pattern(&conn, timeout, 0, 10);
        let behind = write_pattern(&conn, Aio::new(), 0, 10);
        drop(conn);
        assert_eq!(failure(settle(expiring)), (ErrorKind::TimedOut, 0));
        stuck.cancel();
        let (kind, count) = failure(settle(stuck));
        assert_eq!(kind, ErrorKind::Canceled);
        assert_eq!(failure(settle(behind)), (ErrorKind::Closed, 0));
        assert_eq!(peer.drain().count(), count);
    }
}

/// The last handle is the one that the closure owns.
#[test]
fn last_handle_inside_its_own_closure() {
    for family in FAMILIES {
        let (conn, mut peer) = pair(family);
        let (sender, dropped) = bounded(1);
        let aio = conn.write_all(Aio::new().iov(["last words"]));
        let _ = aio.on_complete(move |result, _| {
            drop(conn);
            let _ = sender.send(result);
        });
        receive(&dropped).expect("there is room");
        assert_eq!(peer.drain().bytes, b"last words");
    }
}

/// A closure that resubmits keeps the connection alive, until it does not.
#[test]
fn last_handle_at_the_end_of_a_chain() {
    fn step(conn: Conn, aio: Aio<http_aio::Written>, left: u64) {
        let offset = (1000 - left) * 7;
        let lent = write_pattern(&conn, aio, offset, 7);
        let _ = lent.on_complete(move |result, aio| {
            result.expect("the peer reads");
            if left > 1 {
                step(conn, aio, left - 1);
            }
        });
    }
    let (conn, mut peer) = pair(Family::Tcp);
    step(conn, Aio::new(), 1000);
    let drained = peer.drain();
    assert_eq!((drained.count(), drained.end), (7000, End::OfStream));
    assert_pattern(0, &drained.bytes);
}

/// A read that nobody can cancel any more, on a connection that nobody has any more, keeps neither
/// from ending once the peer ends.
#[test]
fn last_handle_with_a_read_in_flight() {
    let (conn, mut peer) = pair(Family::Tcp);
    let (told, _) = tell(conn.read_all(Aio::new(), 5));
    conn.write_all(Aio::new().iov(["question"]))
        .wait()
        .expect("there is room");
    drop(conn);
    assert_eq!(peer.expect(8), b"question");
    peer.say("reply");
    assert_eq!(receive(&told).result.expect("it was sent"), "reply");
    assert_eq!(peer.drain().count(), 0);
}

/// Canceled instead of answered: the connection ends without the peer's help.
#[test]
fn last_handle_with_a_canceled_read() {
    for cancel_first in [false, true] {
        let (conn, mut peer) = pair(Family::Unix);
        let read = conn.read_all(Aio::new(), 5);
        let canceler = read.canceler();
        thread::sleep(Duration::from_millis(2)); // Likely in the call by then.
        if cancel_first {
            canceler.cancel();
            drop(conn);
        } else {
            drop(conn);
            canceler.cancel();
        }
        assert_eq!(failure(settle(read)), (ErrorKind::Canceled, 0));
        assert_eq!(peer.drain().end, End::OfStream);
    }
}

// -------------------------------------------------------------------------------- nothing is left

fn descriptors() -> usize {
    std::fs::read_dir("/proc/self/fd").expect("procfs").count()
}

/// In every way that a connection can end.
#[test]
fn threads_and_descriptors_are_gone() {
    if !cfg!(target_os = "linux") || !alone("close::threads_and_descriptors_are_gone") {
        return;
    }
    let before = descriptors();
    let ended = Arc::new(AtomicUsize::new(0));
    for round in 0..60 {
        let family = FAMILIES[round % 2];
        let (conn, mut peer) = pair(family);
        let read = conn.read_all(Aio::new(), 5);
        let write = jam(&conn, Aio::new());
        let behind = write_pattern(&conn, Aio::new().timeout(PATIENCE), 0, 10);
        let counted = Arc::clone(&ended);
        let _ = behind.on_complete(move |_, _| {
            counted.fetch_add(1, Ordering::Relaxed);
        });
        match round % 6 {
            0 => conn.close(),
            1 => write.cancel(),
            2 => drop(peer.expect(MORE_THAN_FITS + 10)),
            3 => peer.say("reply"),
            4 => {
                let clone = conn.clone();
                let _ = write.on_complete(move |_, _| clone.close());
                peer.expect(MORE_THAN_FITS);
                drop(read);
                drop(conn);
                continue;
            }
            _ => {}
        }
        // Some are waited for, some are not; the connection goes first or last.
        if round % 4 == 0 {
            drop(conn);
            drop(peer);
            drop((read, write));
        } else {
            drop(peer);
            let _ = settle(read);
            let _ = settle(write);
            drop(conn);
        }
    }
    wait_until("all are told", || ended.load(Ordering::Relaxed) == 60);
    // Descriptors first: a thread that has just been born does not carry its name yet.
    wait_until("the sockets are closed", || descriptors() == before);
    wait_until("the threads end", || threads_of_ours().is_empty());
}

/// No thread before it is needed, and then only the one that is. They carry names.
#[test]
fn threads_come_when_they_are_needed() {
    if !cfg!(target_os = "linux") || !alone("close::threads_come_when_they_are_needed") {
        return;
    }
    let (conn, mut peer) = pair(Family::Tcp);
    drop(conn.clone());
    assert_eq!(threads_of_ours(), [""; 0]);
    // Refused before it gets there: still none.
    assert!(settle(conn.write_all(Aio::new())).is_err());
    assert_eq!(threads_of_ours(), [""; 0]);
    settle(conn.write_all(Aio::new().iov(["x"]))).expect("there is room");
    // The kernel keeps 15 bytes of a name: the role and the port are among them.
    let port = conn.peer_addr().ip().expect("TCP").port();
    let writer = threads_of_ours();
    assert_eq!(writer.len(), 1, "{writer:?}");
    assert!(writer[0].starts_with(&format!("wr:{port} ")), "{writer:?}");
    peer.say("y");
    settle(conn.read(Aio::new(), 1)).expect("it was sent");
    let mut both = threads_of_ours();
    both.sort();
    assert_eq!(both.len(), 2, "{both:?}");
    assert!(both[0].starts_with(&format!("rd:{port} ")), "{both:?}");
    drop(conn);
    wait_until("the threads end", || threads_of_ours().is_empty());
    assert_eq!(peer.drain().bytes, b"x");
}
