//! Closures over connections in memory, whose calls the test controls.

use std::time::{Duration, Instant};

use crossbeam_channel::unbounded;
use http_aio::bytes::Bytes;
use http_aio::testing::memory::{Fault, Faults};
use http_aio::{Aio, ErrorKind};

use super::SOON;
use crate::support::*;

/// Several small writes go out in one call, and the closure of the first may block while the
/// next of that call, which the peer had only so much room for, is still to be written.
#[track_caller]
fn check_second_of_a_call(room: usize) {
    in_time(|| {
        let (conn, peer) = memory_pair(room, Faults::none());
        let (let_go, gate) = gate();
        let (opened, open) = super::gate();
        // Both are queued while the thread is in this closure, so it takes them together.
        let aio = conn.write_all(Aio::new().iov(Vec::<Bytes>::new()));
        aio.on_complete(move |_, _| receive(&open));
        let first = conn.write_all(Aio::new().iov(["0123456789"]));
        let start = Instant::now();
        let aio = Aio::new().iov(["0123456789"]).timeout(SOON);
        let (second, _) = tell(conn.write_all(aio));
        first.on_complete(move |result, _| {
            result.unwrap();
            receive(&gate);
        });
        opened.send(()).unwrap();
        // It is told before the gate opens, or late.
        let told = second.recv_timeout(10 * SOON);
        let_go.send(()).unwrap();
        let told = told.unwrap_or_else(|_| receive(&second));
        let (kind, count) = failure(told.result);
        assert_eq!((kind, count), (ErrorKind::TimedOut, room as u64 - 10));
        assert!(told.at - start >= SOON);
        drop(conn);
        assert_eq!(drain_memory(peer), b"0123456789012"[..room]);
        let most = SOON + Duration::from_millis(50);
        at_most("the deadline of the second", told.at - start, most)
    });
}

#[test]
fn an_untouched_operation_of_the_same_call_as_a_closure_that_blocks_ends_in_time() {
    check_second_of_a_call(10);
}

/// Three bytes of it have gone out.
#[test]
fn an_operation_in_flight_behind_a_closure_that_blocks_ends_in_time() {
    check_second_of_a_call(13);
}

/// Its thread is gone, and with it the one that would have run what is due.
#[test]
fn a_transport_that_panics_strands_no_closure() {
    /// The nth call panics; one operation goes out before, `behind` it wait others.
    #[track_caller]
    fn check(nth: usize, behind: usize) {
        let mut faults = Faults::none();
        faults.call_bytes = 4;
        faults.fail_write = Some((nth, Fault::Panic));
        let (conn, peer) = memory_pair(100, faults);
        let (sender, told) = unbounded();
        let mine = conn.clone();
        // From inside a closure, so that all have theirs before the thread comes back.
        conn.write_all(Aio::new().iov(["1"]))
            .on_complete(move |_, _| {
                // Too long to go out together with others.
                let first = tell(mine.write_all(Aio::new().iov([pattern(1, 20 << 10)]))).0;
                let others = (0..behind).map(|_| tell(mine.write_all(Aio::new().iov(["x"]))).0);
                let _ = sender.send((first, others.collect::<Vec<_>>()));
            });
        let (first, others) = receive(&told);
        let (kind, count) = failure(once(&first).result);
        assert_eq!(kind, ErrorKind::Abandoned);
        for told in others {
            assert_eq!(failure(once(&told).result), (ErrorKind::Closed, 0));
        }
        drop(conn);
        assert_eq!(drain_memory(peer).len() as u64, 1 + count);
    }
    // In the call that does not block, and in later ones.
    for nth in 2..=4 {
        check(nth, 0);
        check(nth, 2);
    }
}
