//! Proves the count invariant: whatever ends an upload, and wherever, a
//! peer that drains the stream receives exactly the sum of the counts of all operations, and
//! exactly the right bytes.
//!
//! In memory every split point and every failure point is visited; on sockets the same is done to
//! peers that stop reading, drip, or go away.

use std::io;
use std::time::Duration;

use http_aio::testing::memory::Fault;
use http_aio::{Aio, Conn, Error, ErrorKind, InFlight, Written};

use crate::support::*;

/// Three buffers.
const VECTOR: [usize; 3] = [3, 5, 4];
const LEN: usize = 12;

type Submitted = Vec<(usize, Aio<Written, InFlight>)>;
type Outcome = Vec<(usize, Result<Written, Error>)>;

/// Submits vectors of these sizes; together they are the pattern from its start.
fn submit(conn: &Conn, operations: &[&[usize]], first: Aio<Written>) -> Submitted {
    let mut offset = 0;
    let mut aio = Some(first);
    let mut submitted = Vec::new();
    for operation in operations {
        let buffers: Vec<_> = operation
            .iter()
            .map(|len| {
                let buffer = pattern(offset, *len);
                offset += *len as u64;
                buffer
            })
            .collect();
        let aio = aio.take().unwrap_or_default().iov(buffers);
        submitted.push((operation.iter().sum(), conn.write_all(aio)));
    }
    submitted
}

#[track_caller]
fn settle_all(submitted: Submitted) -> Outcome {
    let settle = |(len, aio)| (len, settle(aio));
    submitted.into_iter().map(settle).collect()
}

/// The invariant itself. And: what succeeded is complete, and nothing comes after what failed.
#[track_caller]
fn check(what: &str, outcome: &Outcome, drained: &[u8]) {
    let sum: u64 = outcome.iter().map(|(_, result)| count(result)).sum();
    assert_eq!(drained.len() as u64, sum, "{what}: {outcome:?}");
    assert_pattern(0, drained);
    let mut failed = false;
    for (len, result) in outcome {
        match result {
            Ok(written) => {
                assert!(!failed, "{what}: succeeded behind a failure: {outcome:?}");
                assert_eq!(written.count(), *len as u64, "{what}: {outcome:?}");
            }
            Err(error) if failed => assert_eq!(error.count(), 0, "{what}: {outcome:?}"),
            Err(_) => failed = true,
        }
    }
}

#[track_caller]
fn first_failure(outcome: &Outcome) -> Option<ErrorKind> {
    outcome
        .iter()
        .find_map(|(_, result)| result.as_ref().err().map(Error::kind))
}

// ---------------------------------------------------------------------------------- failing calls

/// Fails the n-th call for every n, for every size of a call, until the upload succeeds.
#[track_caller]
fn check_failing_calls(fault: Fault, operations: &[&[usize]], expected: ErrorKind) {
    for call_bytes in 1..=LEN {
        for n in 1.. {
            let what = format!("{fault:?} at call {n} of {call_bytes} bytes");
            let faults = faults(call_bytes, Some((n, fault)));
            let (conn, peer) = memory_pair(1 << 16, faults);
            let outcome = settle_all(submit(&conn, operations, Aio::new()));
            let failed = first_failure(&outcome);
            if failed.is_none() {
                drop(conn);
                check(&what, &outcome, &drain_memory(peer));
                assert!(n > 1, "the first call never fails");
                break;
            }
            // Still connected: the failure itself has ended the stream.
            check(&what, &outcome, &drain_memory(peer));
            assert_eq!(failed, Some(expected), "{what}");
            assert_later_is_closed(&conn);
        }
    }
}

#[track_caller]
fn assert_later_is_closed(conn: &Conn) {
    let later = settle(conn.write_all(Aio::new().iov(["later"])));
    assert_eq!(failure(later), (ErrorKind::Closed, 0));
}

const ALONE: &[&[usize]] = &[&VECTOR];
const FOLLOWED: &[&[usize]] = &[&VECTOR, &[4], &[], &[2, 0, 4]];

#[test]
fn error_at_every_call() {
    for (error, kind) in [
        (io::ErrorKind::ConnectionReset, ErrorKind::Reset),
        (io::ErrorKind::BrokenPipe, ErrorKind::Reset),
        (io::ErrorKind::Other, ErrorKind::Io),
    ] {
        for operations in [ALONE, FOLLOWED] {
            check_failing_calls(Fault::Error(error), operations, kind);
        }
    }
}

#[test]
fn panic_at_every_call() {
    quietly(|| {
        for operations in [ALONE, FOLLOWED] {
            check_failing_calls(Fault::Panic, operations, ErrorKind::Abandoned);
        }
    });
}

/// The order holds for failures too: closures are told in the order of submission, those that
/// succeeded, the one that failed, and those behind it.
#[test]
fn closures_are_told_in_order_when_a_call_fails() {
    use crossbeam_channel::unbounded;
    for error in [io::ErrorKind::ConnectionReset, io::ErrorKind::Other] {
        for (n, round) in (2..=3).flat_map(|n| (0..100).map(move |round| (n, round))) {
            // The first call is held, so that all others are queued for the next.
            let faults = faults(usize::MAX, Some((n, Fault::Error(error))));
            let (conn, peer, gate) = gated_pair(8, faults);
            let head = write_pattern(&conn, Aio::new(), 0, 1);
            gate.arrived();
            let (sender, order) = unbounded();
            for (i, len) in [0, 4, 0, 10, 0, 10].into_iter().enumerate() {
                let sender = sender.clone();
                let aio = write_pattern(&conn, Aio::new(), 0, len);
                let _ = aio.on_complete(move |result, _| {
                    let _ = sender.send((i, result));
                });
            }
            drop(sender);
            drop(gate.open());
            settle(head).expect("there is room");
            let mut told = Vec::new();
            let mut sum = 1;
            for _ in 0..6 {
                let (i, result) = receive(&order);
                told.push(i);
                sum += count(&result);
            }
            let what = format!("call {n} fails, round {round}");
            assert_eq!(told, [0, 1, 2, 3, 4, 5], "{what}");
            assert_eq!(drain_memory(peer).len() as u64, sum, "{what}");
        }
    }
}

/// Hundreds of panics that are meant to happen need not be read.
fn quietly(f: impl FnOnce()) {
    let usual = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        let said = info.payload().downcast_ref::<&str>();
        let meant = said.is_some_and(|said| *said == "a fault in the transport");
        if !meant {
            usual(info);
        }
    }));
    f();
}

#[test]
fn interrupted_calls_are_made_again() {
    for error in [io::ErrorKind::WouldBlock, io::ErrorKind::Interrupted] {
        for operations in [ALONE, FOLLOWED] {
            for call_bytes in 1..=LEN {
                // As many calls as there can be, one for each byte, and then some.
                for n in 1..=25 {
                    let fault = Fault::Error(error);
                    let what = format!("{fault:?} at call {n} of {call_bytes} bytes");
                    let faults = faults(call_bytes, Some((n, fault)));
                    let (conn, peer) = memory_pair(1 << 16, faults);
                    let outcome = settle_all(submit(&conn, operations, Aio::new()));
                    drop(conn);
                    check(&what, &outcome, &drain_memory(peer));
                    assert_eq!(first_failure(&outcome), None, "{what}");
                }
            }
        }
    }
}

// ------------------------------------------------------------------------------------ fill levels

#[derive(Clone, Copy, Debug)]
enum Ending {
    Deadline,
    Cancel,
    Close,
}

impl Ending {
    fn aio(self, after: Duration) -> Aio<Written> {
        match self {
            Self::Deadline => Aio::new().timeout(after),
            Self::Cancel | Self::Close => Aio::new(),
        }
    }

    fn happen(self, conn: &Conn, first: &Aio<Written, InFlight>) {
        match self {
            Self::Deadline => {}
            Self::Cancel => first.cancel(),
            Self::Close => conn.close(),
        }
    }

    fn kind(self) -> ErrorKind {
        match self {
            Self::Deadline => ErrorKind::TimedOut,
            Self::Cancel => ErrorKind::Canceled,
            Self::Close => ErrorKind::Closed,
        }
    }
}

/// The pipe takes `capacity` bytes and then nothing more, wherever in the vector that is.
#[track_caller]
fn check_fill_levels(ending: Ending) {
    for operations in [ALONE, FOLLOWED] {
        for capacity in 0..LEN {
            for call_bytes in [1, 2, 5, LEN] {
                // A machine that is busy may let a deadline pass before the pipe is full.
                let mut deadline = Duration::from_millis(15);
                while !fill_level(ending, deadline, operations, capacity, call_bytes) {
                    deadline *= 2;
                    assert!(deadline < PATIENCE, "{ending:?}: the pipe is never full");
                }
            }
        }
    }
}

/// False if the deadline has passed too early.
#[track_caller]
fn fill_level(
    ending: Ending,
    deadline: Duration,
    operations: &[&[usize]],
    capacity: usize,
    call_bytes: usize,
) -> bool {
    let what = format!("{ending:?} at {capacity} with calls of {call_bytes}");
    let (conn, peer) = memory_pair(capacity, faults(call_bytes, None));
    let mut submitted = submit(&conn, operations, ending.aio(deadline));
    let (_, first) = submitted.remove(0);
    // The first call does not block. What a call that blocks has taken is counted when it returns.
    let known = match capacity % call_bytes {
        rest if capacity > call_bytes => (capacity - rest) as u64,
        _ => capacity as u64,
    };
    wait_until(&what, || first.count() >= known || first.is_done());
    if known < capacity as u64 {
        std::thread::sleep(Duration::from_millis(1)); // It may block by then, or not.
    }
    ending.happen(&conn, &first);
    let result = settle(first);
    let moved = count(&result);
    let kind = result.as_ref().map_err(Error::kind);
    assert_eq!(kind, Err(ending.kind()), "{what}");
    if moved < known && matches!(ending, Ending::Deadline) {
        return false;
    }
    assert!(
        (known..=capacity as u64).contains(&moved),
        "{what}: {moved}"
    );
    if moved == 0 {
        // It may have been queued still: then those behind it are unharmed, and stuck.
        conn.close();
    }
    let mut outcome = vec![(LEN, result)];
    outcome.extend(settle_all(submitted));
    for (_, behind) in &outcome[1..] {
        let kind = behind.as_ref().map_err(Error::kind);
        assert_eq!(kind, Err(ErrorKind::Closed), "{what}: {outcome:?}");
    }
    check(&what, &outcome, &drain_memory(peer));
    assert_later_is_closed(&conn);
    true
}

#[test]
fn deadline_at_every_fill_level() {
    check_fill_levels(Ending::Deadline);
}

#[test]
fn cancel_at_every_fill_level() {
    check_fill_levels(Ending::Cancel);
}

#[test]
fn close_at_every_fill_level() {
    check_fill_levels(Ending::Close);
}

/// A pipe that is just large enough, or larger, is no reason to fail.
#[test]
fn full_to_the_brim_is_success() {
    for capacity in LEN..=LEN + 1 {
        for call_bytes in 1..=LEN {
            let (conn, peer) = memory_pair(capacity, faults(call_bytes, None));
            let aio = Aio::new().timeout(PATIENCE);
            let outcome = settle_all(submit(&conn, ALONE, aio));
            drop(conn);
            check("full", &outcome, &drain_memory(peer));
            assert_eq!(first_failure(&outcome), None);
        }
    }
}

// ---------------------------------------------------------------------------------------- sockets

#[derive(Clone, Copy, Debug)]
enum Reading {
    /// Not before the upload has ended.
    Stops,
    /// A little at a time.
    Drips,
}

const LARGE: usize = 1 << 20;
/// What is queued behind the upload that is ended: nothing, small ones that would share a call,
/// and small and large ones.
const BEHIND: [&[usize]; 3] = [&[], &[10, 1, 1000, 0, 100], &[10, LARGE, 70_000, 3]];

#[track_caller]
fn check_sockets(ending: Ending, reading: Reading) {
    for family in FAMILIES {
        for behind in BEHIND {
            // A machine that is busy may let a deadline pass before the upload is in flight.
            let tried = (0..20).any(|_| socket(ending, reading, family, behind));
            assert!(tried, "{ending:?}: the upload is never in flight");
        }
    }
}

/// False if the deadline has passed too early.
#[track_caller]
fn socket(ending: Ending, reading: Reading, family: Family, behind: &[usize]) -> bool {
    let what = format!("{ending:?}, {family:?}, a peer that {reading:?}, {behind:?}");
    let (conn, peer) = pair(family);
    let (go, ready) = gate();
    let script = match reading {
        Reading::Stops => vec![Step::Await(ready), Step::Drain],
        Reading::Drips => vec![Step::Drip {
            bytes: 64 << 10,
            every: Duration::from_millis(10),
        }],
    };
    let peer = peer.run(script);
    // Two that complete before it, one that cannot, those behind.
    let mut operations: Vec<&[usize]> = vec![&[1, 2], &[3], &[100, MORE_THAN_FITS]];
    operations.extend(behind.iter().map(std::slice::from_ref));
    let mut submitted = submit(&conn, &operations[..2], Aio::new());
    let mut offset = 6;
    for (i, operation) in operations.iter().enumerate().skip(2) {
        let aio = match i {
            2 => ending.aio(Duration::from_millis(80)),
            _ => Aio::new(),
        };
        let len = operation.iter().sum();
        submitted.push((len, write_pattern(&conn, aio, offset, len)));
        offset += len as u64;
    }
    let victim = &submitted[2].1;
    // Far enough to be in flight, whatever else has come.
    wait_until(&what, || victim.count() > 32 << 10 || victim.is_done());
    let in_flight = victim.count() > 0;
    ending.happen(&conn, victim);
    if !in_flight {
        conn.close();
        let _ = go.send(());
        return false;
    }
    let outcome = settle_all(submitted);
    let _ = go.send(());
    let (drained, _peer) = join(peer);
    check(&what, &outcome, &drained);
    assert_eq!(first_failure(&outcome), Some(ending.kind()), "{what}");
    for (_, result) in &outcome[3..] {
        let kind = result.as_ref().map_err(Error::kind);
        assert_eq!(kind, Err(ErrorKind::Closed), "{what}");
    }
    assert_later_is_closed(&conn);
    true
}

#[test]
fn deadline_with_a_peer_that_stops_reading() {
    check_sockets(Ending::Deadline, Reading::Stops);
}

#[test]
fn deadline_with_a_dripping_peer() {
    check_sockets(Ending::Deadline, Reading::Drips);
}

#[test]
fn cancel_with_a_peer_that_stops_reading() {
    check_sockets(Ending::Cancel, Reading::Stops);
}

#[test]
fn cancel_with_a_dripping_peer() {
    check_sockets(Ending::Cancel, Reading::Drips);
}

#[test]
fn close_with_a_peer_that_stops_reading() {
    check_sockets(Ending::Close, Reading::Stops);
}

#[test]
fn close_with_a_dripping_peer() {
    check_sockets(Ending::Close, Reading::Drips);
}

/// The order again, on sockets, with many closures behind the one in flight: first it, then they, in
/// order. A close aborts those that are queued itself, and does not wait for the one in flight.
#[test]
fn closures_are_told_in_order_when_an_upload_ends() {
    use crossbeam_channel::unbounded;
    for ending in [Ending::Deadline, Ending::Cancel, Ending::Close] {
        let mut rounds = 0;
        while rounds < 10 {
            let (conn, _peer) = pair(FAMILIES[rounds % 2]);
            let (sender, order) = unbounded();
            let told = |i: usize| {
                let sender = sender.clone();
                move |_, _| {
                    let _ = sender.send(i);
                }
            };
            let first = jam(&conn, ending.aio(Duration::from_millis(100)));
            if first.count() == 0 {
                continue; // A busy machine: the deadline has passed in the queue.
            }
            let canceler = first.on_complete(told(0));
            for i in 1..=50 {
                let behind = write_pattern(&conn, Aio::new(), 0, i % 3);
                let _ = behind.on_complete(told(i));
            }
            match ending {
                Ending::Deadline => {}
                Ending::Cancel => canceler.cancel(),
                Ending::Close => conn.close(),
            }
            let mut order: Vec<_> = (0..=50).map(|_| receive(&order)).collect();
            if matches!(ending, Ending::Close) {
                order.retain(|i| *i != 0);
                order.insert(0, 0);
            }
            let expected: Vec<_> = (0..=50).collect();
            assert_eq!(order, expected, "{ending:?}, round {rounds}");
            rounds += 1;
        }
    }
}

/// A peer that closes with input it has not read resets the connection: what it has read is then
/// the start of what was counted, and not all of it.
#[test]
fn reset_by_a_peer_that_goes_away() {
    for family in FAMILIES {
        for read in [0, 1, 100_000] {
            for behind in BEHIND {
                let what = format!("{family:?}, gone after {read}, {behind:?}");
                let (conn, mut peer) = pair(family);
                let aio = jam(&conn, Aio::new());
                let queued: Vec<_> = behind
                    .iter()
                    .map(|len| write_pattern(&conn, Aio::new(), 0, *len))
                    .collect();
                let received = peer.expect(read);
                assert_pattern(0, &received);
                drop(peer);
                let (kind, count) = failure(settle(aio));
                assert_eq!(kind, ErrorKind::Reset, "{what}");
                assert!(count >= read as u64, "{what}: {count}");
                assert!(count < MORE_THAN_FITS as u64, "{what}: {count}");
                for aio in queued {
                    assert_eq!(failure(settle(aio)), (ErrorKind::Closed, 0), "{what}");
                }
                assert_later_is_closed(&conn);
            }
        }
    }
}
