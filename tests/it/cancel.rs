//! Proves what canceling does to an operation that is queued, in
//! flight, or completed, and that a cancel which races with completion is won by exactly one of
//! the two, with the true count, and strands nobody.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender, bounded, unbounded};
use http_aio::{Aio, Canceler, Conn, ErrorKind};
#[cfg(feature = "test-util")]
use http_aio::{Error, Written};

use crate::support::*;

/// "At once", on a machine that has other things to do.
const AT_ONCE: Duration = Duration::from_millis(50);

// ----------------------------------------------------------------------------------------- queued

/// It disappears from the queue, at once; all others are written, in their order.
#[test]
fn queued_leaves_the_connection_untouched() {
    for family in FAMILIES {
        in_time(|| {
            let (conn, mut peer) = pair(family);
            let stuck = jam(&conn, Aio::new());
            let before = stuck.count();
            let mut offset = MORE_THAN_FITS as u64;
            let (mut kept, mut canceled) = (Vec::new(), Vec::new());
            for i in 0..12 {
                let len = if i % 5 == 0 { 100_000 } else { 10 };
                if i % 3 == 1 {
                    canceled.push(write_pattern(&conn, Aio::new(), 0, len));
                } else {
                    kept.push(write_pattern(&conn, Aio::new(), offset, len));
                    offset += len as u64;
                }
            }
            let start = Instant::now();
            // From the last to the first: neither place nor neighbour matters.
            for aio in canceled.iter().rev() {
                aio.cancel();
            }
            for aio in canceled {
                assert_eq!(failure(settle(aio)), (ErrorKind::Canceled, 0));
            }
            let took = start.elapsed();
            assert!(!stuck.is_done());
            assert_eq!(stuck.count(), before);
            let received = peer.expect(usize::try_from(offset).expect("megabytes"));
            assert_pattern(0, &received);
            settle(stuck).expect("it was not the one");
            for aio in kept {
                settle(aio).expect("it was not the one");
            }
            drop(conn);
            assert_eq!(peer.drain().count(), 0);
            at_most("canceling", took, AT_ONCE)
        });
    }
}

/// Its closure runs on a thread of the connection although the writer's is stuck.
#[test]
fn queued_behind_a_stuck_one_is_told_at_once() {
    in_time(|| {
        let (conn, _peer) = pair(Family::Tcp);
        let stuck = jam(&conn, Aio::new());
        let (told, canceler) = tell(write_pattern(&conn, Aio::new(), 0, 10));
        let start = Instant::now();
        canceler.cancel();
        let told = receive(&told);
        assert_eq!(failure(told.result), (ErrorKind::Canceled, 0));
        assert!(is_ours(&told.thread), "{}", told.thread);
        assert!(!stuck.is_done());
        at_most("the closure", told.at - start, AT_ONCE)
    });
}

// -------------------------------------------------------------------------------------- in flight

/// At once, with the exact count; the stream is cut there, and the answer can still be read.
#[test]
fn in_flight_ends_the_write_side_only() {
    for family in FAMILIES {
        in_time(|| {
            let (conn, mut peer) = pair(family);
            let stuck = jam(&conn, Aio::new());
            let queued: Vec<_> = [10, 100_000, 0]
                .into_iter()
                .map(|len| write_pattern(&conn, Aio::new(), 0, len))
                .collect();
            let answer = conn.read_all(Aio::new(), 6);
            let start = Instant::now();
            stuck.cancel();
            stuck.cancel(); // Twice is once.
            let result = settle(stuck);
            let took = start.elapsed();
            let (kind, count) = failure(result);
            assert_eq!(kind, ErrorKind::Canceled);
            for aio in queued {
                assert_eq!(failure(settle(aio)), (ErrorKind::Closed, 0));
            }
            let later = settle(write_pattern(&conn, Aio::new(), 0, 10));
            assert_eq!(failure(later), (ErrorKind::Closed, 0));
            let drained = peer.drain();
            assert_eq!((drained.count(), drained.end), (count, End::OfStream));
            assert_pattern(0, &drained.bytes);
            peer.say("answer");
            assert_eq!(settle(answer).expect("it was sent"), "answer");
            at_most("canceling", took, AT_ONCE)
        });
    }
}

/// The first reason stands: a deadline that passes later, or a close, does not change it.
#[test]
fn in_flight_the_first_reason_stands() {
    let (conn, _peer) = pair(Family::Tcp);
    let stuck = jam(&conn, Aio::new().timeout(PATIENCE));
    stuck.cancel();
    conn.close();
    assert_eq!(failure(settle(stuck)).0, ErrorKind::Canceled);
}

// -------------------------------------------------------------------------------------- completed

#[test]
fn completed_is_not_changed() {
    let (conn, mut peer) = pair(Family::Unix);
    let aio = conn.write_all(Aio::new().iov(["12345"]));
    wait_until("it is written", || aio.is_done());
    aio.cancel();
    aio.canceler().cancel();
    assert_eq!(settle(aio).expect("it was complete").count(), 5);

    let stuck = jam(&conn, Aio::new());
    stuck.cancel();
    wait_until("it is canceled", || stuck.is_done());
    let count = stuck.count();
    stuck.cancel();
    assert_eq!(failure(settle(stuck)), (ErrorKind::Canceled, count));
    assert_eq!(peer.drain().count(), 5 + count);
}

/// A canceler knows its operation, not the aio.
#[test]
fn stale_canceler_misses_the_next_operation() {
    let (conn, mut peer) = pair(Family::Tcp);
    let mut stale: Vec<Canceler> = Vec::new();
    let mut aio = Aio::new();
    for round in 0..50 {
        let lent = write_pattern(&conn, aio, round * 10, 10);
        stale.push(lent.canceler());
        let (result, again) = settle_and_reclaim(lent);
        result.expect("nobody cancels it");
        aio = again;
        if round % 2 == 0 {
            stale.clear(); // Then the slot itself is used again.
        }
    }
    assert_pattern(0, &peer.expect(500));
    let stuck = write_pattern(&conn, aio, 0, MORE_THAN_FITS);
    for canceler in &stale {
        canceler.cancel();
        canceler.clone().cancel();
    }
    assert_pattern(0, &peer.expect(MORE_THAN_FITS));
    settle(stuck).expect("the cancelers are those of others");
}

/// The same, when it is a closure that hands the aio back and submits it again.
#[test]
fn stale_canceler_misses_what_a_closure_resubmits() {
    let (conn, mut peer) = pair(Family::Tcp);
    let (handed, next) = bounded(1);
    let clone = conn.clone();
    let stale = conn
        .write_all(Aio::new().iov(["first"]))
        .on_complete(move |result, aio| {
            result.expect("nobody cancels it");
            let _ = handed.send(write_pattern(&clone, aio, 0, MORE_THAN_FITS));
        });
    let second = receive(&next);
    for _ in 0..10 {
        stale.cancel();
    }
    assert_eq!(peer.expect(5), b"first");
    assert_pattern(0, &peer.expect(MORE_THAN_FITS));
    settle(second).expect("the canceler is that of another");
}

// ------------------------------------------------------------------------------- inside a closure

#[test]
fn from_inside_a_closure() {
    let (conn, mut peer) = pair(Family::Tcp);
    let stuck = jam(&conn, Aio::new());
    let queued = write_pattern(&conn, Aio::new(), 0, 10);
    let behind = write_pattern(&conn, Aio::new(), 0, 10);
    // The trigger expires behind the stuck one; its closure cancels both, itself first.
    let own: Arc<parking_lot::Mutex<Option<Canceler>>> = Arc::default();
    let itself = Arc::clone(&own);
    let (cancel_queued, cancel_stuck) = (queued.canceler(), stuck.canceler());
    let (sender, told) = bounded(1);
    let trigger = Aio::new().timeout(Duration::from_millis(10));
    let canceler = write_pattern(&conn, trigger, 0, 10).on_complete(move |result, _| {
        if let Some(own) = &*itself.lock() {
            own.cancel();
        }
        cancel_queued.cancel();
        cancel_stuck.cancel();
        let _ = sender.send(result);
    });
    *own.lock() = Some(canceler);
    assert_eq!(failure(receive(&told)), (ErrorKind::TimedOut, 0));
    assert_eq!(failure(settle(queued)), (ErrorKind::Canceled, 0));
    let (kind, count) = failure(settle(stuck));
    assert_eq!(kind, ErrorKind::Canceled);
    assert_eq!(failure(settle(behind)), (ErrorKind::Closed, 0));
    assert_eq!(peer.drain().count(), count);
}

// ---------------------------------------------------------------------------- races, on the spot

#[cfg(feature = "test-util")]
mod on_the_spot {
    use super::*;
    use http_aio::testing::memory::{Fault, Faults};

    /// Canceled while the call that does not block is under way: the call decides. What it took
    /// whole has succeeded, or is canceled with all its bytes; what it took in part is cut; what it
    /// did not take was queued, and leaves the connection untouched.
    #[test]
    fn while_the_kernel_is_asked() {
        for capacity in 0..=10_u64 {
            for victim in [0, 1] {
                let what = format!("{capacity} bytes accepted, canceled: {victim}");
                let capacity_here = usize::try_from(capacity).expect("small");
                // Three writes in one call: 4, 4, and 2 bytes.
                let (conn, peer, gate) = gated_pair(1 + capacity_here, Faults::none());
                let head = write_pattern(&conn, Aio::new(), 0, 1);
                gate.arrived();
                let aios = [
                    write_pattern(&conn, Aio::new(), 1, 4),
                    write_pattern(&conn, Aio::new(), 5, 4),
                    write_pattern(&conn, Aio::new(), 9, 2),
                ];
                gate.permit();
                let call = gate.arrived();
                assert_eq!((call.may_block, call.offered), (false, 10));
                aios[victim].cancel();
                drop(gate.open());
                // Drained only then: the victim is told without the peer's help.
                wait_until(&what, || aios[victim].is_done());
                let drained = drain_in_background(peer);
                wait_until(&what, || aios.iter().all(Aio::is_done));
                drop(conn);
                let drained = receive(&drained);
                let [first, second, third] = aios.map(settle);
                settle(head).expect("there is room");
                check(&what, &[first, second, third], victim, capacity, &drained);
            }
        }
    }

    #[track_caller]
    fn check(
        what: &str,
        results: &[Result<Written, Error>; 3],
        victim: usize,
        capacity: u64,
        drained: &[u8],
    ) {
        let sum: u64 = results.iter().map(count).sum();
        assert_eq!(drained.len() as u64, 1 + sum, "{what}: {results:?}");
        let starts = [0, 4, 8];
        let lens = [4, 4, 2];
        let accepted = capacity.saturating_sub(starts[victim]).min(lens[victim]);
        match &results[victim] {
            Ok(written) => {
                assert_eq!(written.count(), lens[victim], "{what}");
                assert_eq!(accepted, lens[victim], "{what}: not all was accepted");
            }
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::Canceled, "{what}");
                assert_eq!(error.count(), accepted, "{what}");
            }
        }
        let cut = accepted > 0 && accepted < lens[victim];
        for (i, result) in results.iter().enumerate() {
            if i == victim {
                continue;
            }
            if cut && i > victim {
                let error = result.as_ref().map_err(|e| (e.kind(), e.count()));
                assert_eq!(error, Err((ErrorKind::Closed, 0)), "{what}");
            } else {
                let written = result.as_ref().map(Written::count);
                assert_eq!(written.ok(), Some(lens[i]), "{what}: {results:?}");
            }
        }
        if results[victim].is_err() && accepted == 0 {
            // The others as if it had never been.
            let mut expected = pattern(0, 11).to_vec();
            let start = 1 + usize::try_from(starts[victim]).expect("small");
            let len = usize::try_from(lens[victim]).expect("small");
            expected.drain(start..start + len);
            assert_eq!(drained, expected, "{what}");
        } else {
            assert_pattern(0, drained);
        }
    }

    /// Canceled when the writer has decided to block and has not yet: nothing wakes a call that was
    /// not made, so it must not be made in vain.
    #[test]
    fn before_the_call_that_blocks() {
        for capacity in [0, 3] {
            let (conn, peer, gate) = gated_pair(capacity, Faults::none());
            let aio = write_pattern(&conn, Aio::new(), 0, 10);
            let queued = write_pattern(&conn, Aio::new(), 0, 10);
            assert!(!gate.arrived().may_block);
            gate.permit();
            assert!(gate.arrived().may_block);
            aio.cancel();
            drop(gate.open());
            let expected = (ErrorKind::Canceled, capacity as u64);
            assert_eq!(failure(settle(aio)), expected);
            assert_eq!(failure(settle(queued)), (ErrorKind::Closed, 0));
            assert_eq!(drain_memory(peer).len(), capacity);
        }
    }

    /// Canceled while the call fails: whose fault it was is known.
    #[test]
    fn while_the_call_fails() {
        for n in [1, 2] {
            let mut faults = Faults::none();
            faults.fail_write = Some((n, Fault::Error(std::io::ErrorKind::ConnectionReset)));
            let (conn, peer, gate) = gated_pair(3, faults);
            let aio = write_pattern(&conn, Aio::new(), 0, 10);
            let queued = write_pattern(&conn, Aio::new(), 0, 10);
            for _ in 1..n {
                gate.arrived();
                gate.permit();
            }
            gate.arrived();
            aio.cancel();
            drop(gate.open());
            let count = if n == 1 { 0 } else { 3 };
            assert_eq!(failure(settle(aio)), (ErrorKind::Canceled, count));
            assert_eq!(failure(settle(queued)), (ErrorKind::Closed, 0));
            assert_eq!(drain_memory(peer).len() as u64, count);
        }
    }

    /// While a closure has the writer's thread, the operation that comes next can be canceled, also
    /// if the kernel has the first bytes of it.
    #[test]
    fn while_a_closure_runs() {
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
                let (told, canceler) = tell(write_pattern(&conn, Aio::new(), 11, 10));
                drop(gate.open());
                receive(&inside);
                let start = Instant::now();
                canceler.cancel();
                let told = receive(&told);
                let _ = go.send(());
                settle(head).expect("there is room");
                let expected = (ErrorKind::Canceled, accepted as u64);
                assert_eq!(failure(told.result), expected);
                conn.close();
                assert_eq!(drain_memory(peer).len(), 11 + accepted);
                at_most("canceling", told.at - start, AT_ONCE)
            });
        }
    }
}

// ------------------------------------------------------------------------------ races, by numbers

/// Cancels what it is sent, after so many turns of an idle loop.
fn canceling_thread() -> Sender<(Canceler, u32)> {
    let (sender, orders) = unbounded::<(Canceler, u32)>();
    thread::spawn(move || {
        for (canceler, turns) in orders {
            spin(turns);
            canceler.cancel();
        }
    });
    sender
}

fn spin(turns: u32) {
    for _ in 0..turns {
        std::hint::spin_loop();
    }
}

/// Repeatable and uneven.
struct Dice(u64);

impl Dice {
    fn below(&mut self, limit: u32) -> u32 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        u32::try_from((self.0 >> 16) % u64::from(limit)).unwrap_or(0)
    }
}

/// A connection under test, and what its peer has received in the end.
struct Raced {
    conn: Conn,
    sum: u64,
    received: Receiver<u64>,
}

impl Raced {
    fn new(family: Family, capacity: Option<usize>) -> Self {
        let (conn, mut peer) = pair_of(family, capacity);
        let (sender, received) = bounded(1);
        thread::spawn(move || {
            let _ = sender.send(peer.drain().count());
        });
        Self {
            conn,
            sum: 0,
            received,
        }
    }

    #[track_caller]
    fn finish(self) {
        drop(self.conn);
        assert_eq!(receive(&self.received), self.sum);
    }
}

/// With a small capacity the blocking path is hit by small writes too.
fn pair_of(family: Family, capacity: Option<usize>) -> (Conn, Peer) {
    match (family, capacity) {
        (Family::Unix, Some(capacity)) => {
            let (near, far) = unix_pair();
            let _ = socket2::SockRef::from(&near).set_send_buffer_size(capacity);
            (Conn::from(near), Peer::from(far))
        }
        _ => pair(family),
    }
}

/// Submits A and B, cancels A at a time of chance; either it is written whole or it is `Canceled`
/// with its true count, B always completes, each once.
#[track_caller]
fn race(family: Family, capacity: Option<usize>, len: usize, rounds: u32) {
    let other = canceling_thread();
    let mut dice = Dice(0x5eed_0000 + len as u64);
    let mut raced = Raced::new(family, capacity);
    let (mut whole, mut partial, mut none) = (0, 0, 0);
    for round in 0..rounds {
        let completions = Arc::new(AtomicUsize::new(0));
        let (sender, results) = unbounded();
        let submit = |name: char, len: usize| {
            let (sender, completions) = (sender.clone(), Arc::clone(&completions));
            let aio = write_pattern(&raced.conn, Aio::new(), 0, len);
            let canceler = aio.canceler();
            // Half of them wait, half of them are called back.
            if round % 2 == 0 {
                let told = move |result, _| {
                    completions.fetch_add(1, Ordering::Relaxed);
                    let _ = sender.send((name, result));
                };
                drop(aio.on_complete(told));
                (canceler, None)
            } else {
                (canceler, Some(aio))
            }
        };
        let (canceler, a) = submit('A', len);
        let (_, b) = submit('B', 5);
        let magnitude = dice.below(12);
        let turns = dice.below(64 << magnitude);
        match round % 4 {
            0 | 1 => {
                let _ = other.send((canceler, turns));
            }
            2 => {
                spin(turns);
                canceler.cancel();
            }
            _ => {
                let _ = other.send((canceler.clone(), turns));
                spin(turns);
                canceler.cancel();
            }
        }
        let (a, b) = match (a, b) {
            (Some(a), Some(b)) => (settle(a), settle(b)),
            _ => {
                let (mut a, mut b) = (None, None);
                for _ in 0..2 {
                    match receive(&results) {
                        ('A', result) => a = Some(result),
                        (_, result) => b = Some(result),
                    }
                }
                let both = a.zip(b);
                both.expect("each is told once")
            }
        };
        drop(sender);
        assert!(completions.load(Ordering::Relaxed) <= 2);
        let moved = count(&a);
        raced.sum += moved + count(&b);
        match &a {
            Ok(written) => assert_eq!(written.count(), len as u64),
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::Canceled, "round {round}");
                assert!(moved <= len as u64);
            }
        }
        match &b {
            Ok(written) => assert_eq!(written.count(), 5),
            Err(error) => {
                assert!(a.is_err(), "round {round}: only A was canceled");
                let error = (error.kind(), error.count());
                assert_eq!(error, (ErrorKind::Closed, 0), "round {round}");
            }
        }
        match (&a, moved) {
            (Ok(_), _) => whole += 1,
            (Err(_), 0) => none += 1,
            (Err(_), _) => partial += 1,
        }
        if b.is_err() {
            std::mem::replace(&mut raced, Raced::new(family, capacity)).finish();
        }
    }
    raced.finish();
    println!("{family:?}, {len} bytes: {whole} whole, {partial} in part, {none} not at all");
    assert!(whole > 0, "a cancel that always wins is no race");
    assert!(none + partial > 0, "a cancel that never wins is no race");
}

/// The acceptance case: 10,000 rounds, here of writes that the kernel takes whole.
#[test]
fn race_small_writes_unix() {
    race(Family::Unix, None, 4, 10_000);
}

#[test]
fn race_small_writes_tcp() {
    race(Family::Tcp, None, 4, 10_000);
}

/// The same where each write fills the kernel's buffer and blocks for the reading peer.
#[test]
fn race_full_pipe_unix() {
    race(Family::Unix, Some(1), 200_000, 1_500);
}

#[test]
fn race_full_pipe_tcp() {
    race(Family::Tcp, None, 600_000, 700);
}

/// In memory a call of one byte takes as long as a lock: cancel hits between any two bytes.
#[cfg(feature = "test-util")]
#[test]
fn race_at_every_byte() {
    use http_aio::testing::memory::Faults;
    let mut dice = Dice(77);
    let mut counts = [0; 65];
    for _ in 0..1_500 {
        let mut faults = Faults::none();
        faults.call_bytes = 1;
        let (conn, peer) = memory_pair(2, faults);
        let drained = drain_in_background(peer);
        let a = write_pattern(&conn, Aio::new(), 0, 64);
        let b = write_pattern(&conn, Aio::new(), 64, 2);
        let target = u64::from(dice.below(64));
        let patience = Instant::now() + PATIENCE;
        while a.count() < target && !a.is_done() {
            assert!(Instant::now() < patience, "no progress");
            std::hint::spin_loop();
        }
        spin(dice.below(200));
        a.cancel();
        let (a, b) = (settle(a), settle(b));
        drop(conn);
        let drained = receive(&drained);
        assert_eq!(drained.len() as u64, count(&a) + count(&b), "{a:?} {b:?}");
        assert_pattern(0, &drained[..usize::try_from(count(&a)).expect("small")]);
        assert!(a.is_ok() || a.as_ref().is_err_and(Error::is_canceled));
        counts[usize::try_from(count(&a)).expect("small")] += 1;
    }
    let hit = counts.iter().filter(|n| **n > 0).count();
    assert!(hit > 10, "canceled at {hit} places only: {counts:?}");
}

/// nng's A2: two small writes to a healthy peer, the first is canceled, the second one must not be
/// stuck. Here without a peer's help, and with nothing submitted afterwards that would unstick it.
#[test]
fn second_write_completes_when_the_first_is_canceled() {
    let (conn, mut peer) = pair(Family::Tcp);
    let received = Arc::new(AtomicU64::new(0));
    let counted = Arc::clone(&received);
    let reader = thread::spawn(move || {
        let mut buffer = [0; 4096];
        while let Ok(count @ 1..) = std::io::Read::read(&mut peer, &mut buffer) {
            counted.fetch_add(count as u64, Ordering::Relaxed);
        }
    });
    let mut sum = 0;
    for _ in 0..2_000 {
        let a = conn.write_all(Aio::new().iov(["AAAA"]));
        let b = conn.write_all(Aio::new().iov(["BBBB"]));
        a.cancel();
        let a = settle(a);
        match &a {
            Ok(written) => assert_eq!(written.count(), 4),
            // The peer reads: it was canceled in the queue, or it was written.
            Err(error) => assert_eq!((error.kind(), error.count()), (ErrorKind::Canceled, 0)),
        }
        assert_eq!(settle(b).expect("nobody cancels it").count(), 4);
        sum += count(&a) + 4;
    }
    drop(conn);
    join(reader);
    assert_eq!(received.load(Ordering::Relaxed), sum);
}

/// Everybody cancels everything, from several threads, in the queue and in flight, while others
/// submit: each operation completes once, and the sum is right.
#[test]
fn storm() {
    for _ in 0..20 {
        let raced = Raced::new(Family::Unix, Some(1));
        let sum = Arc::new(AtomicU64::new(0));
        let completions = Arc::new(AtomicUsize::new(0));
        let threads: Vec<_> = (0..4)
            .map(|seed| {
                let (conn, sum) = (raced.conn.clone(), Arc::clone(&sum));
                let completions = Arc::clone(&completions);
                thread::spawn(move || {
                    let mut dice = Dice(0xabcd + seed);
                    let mut cancelers: Vec<Canceler> = Vec::new();
                    for _ in 0..100 {
                        let len = dice.below(3000) as usize;
                        let (sum, completions) = (Arc::clone(&sum), Arc::clone(&completions));
                        let aio = write_pattern(&conn, Aio::new(), 0, len);
                        cancelers.push(aio.on_complete(move |result, _| {
                            sum.fetch_add(count(&result), Ordering::Relaxed);
                            completions.fetch_add(1, Ordering::Relaxed);
                        }));
                        if dice.below(3) == 0 {
                            let any = dice.below(cancelers.len() as u32) as usize;
                            cancelers[any].cancel();
                        }
                    }
                })
            })
            .collect();
        for thread in threads {
            join(thread);
        }
        wait_until("all are told", || {
            completions.load(Ordering::Relaxed) == 400
        });
        Raced {
            sum: sum.load(Ordering::Relaxed),
            ..raced
        }
        .finish();
        assert_eq!(completions.load(Ordering::Relaxed), 400);
    }
}
