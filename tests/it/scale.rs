//! Proves that many connections at once are no special case, and that a lost thread strands nobody.

use http_aio::{Aio, Conn};

use crate::support::*;

const CONNECTIONS: usize = 1000;

/// How many descriptors this process may have; `None` where that is not known.
fn descriptor_limit() -> Option<usize> {
    let limits = std::fs::read_to_string("/proc/self/limits").ok()?;
    let line = limits
        .lines()
        .find(|line| line.starts_with("Max open files"))?;
    line.split_whitespace().nth(3)?.parse().ok()
}

/// Each with an operation in flight both ways, in one process.
#[test]
fn a_thousand_connections_at_once() {
    // Both ends are here, and other tests run beside this one.
    let need = 2 * CONNECTIONS + 500;
    if descriptor_limit().is_none_or(|limit| limit < need) {
        println!("skipped: needs {need} descriptors (ulimit -n)");
        return;
    }
    let pairs: Vec<(Conn, Peer)> = (0..CONNECTIONS)
        .map(|i| match i % 10 {
            0 => pair(Family::Tcp),
            _ => pair(Family::Unix),
        })
        .collect();
    let mut operations = Vec::new();
    for (i, (conn, _)) in pairs.iter().enumerate() {
        let read = conn.read_all(Aio::new(), 10);
        let write = write_pattern(conn, Aio::new(), i as u64, MORE_THAN_FITS);
        operations.push((read, write));
    }
    wait_until("all are in flight", || {
        operations.iter().all(|(_, write)| write.count() > 0)
    });
    assert!(operations.iter().all(|(r, w)| !r.is_done() && !w.is_done()));

    // A tenth each: completed, canceled, closed, expired in the queue, left by the peer; the others
    // are dropped while in flight.
    let mut left = Vec::new();
    for (i, ((conn, mut peer), (read, write))) in pairs.into_iter().zip(operations).enumerate() {
        match i % 100 {
            0..10 => {
                peer.say("0123456789");
                assert_eq!(settle(read).expect("it was sent"), "0123456789");
                assert_pattern(i as u64, &peer.expect(MORE_THAN_FITS));
                settle(write).expect("the peer has read it");
            }
            10..20 => {
                write.cancel();
                let (_, count) = failure(settle(write));
                assert_eq!(peer.drain().count(), count);
                assert!(!read.is_done());
            }
            20..30 => {
                conn.close();
                let (_, count) = failure(settle(write));
                assert!(settle(read).is_err());
                assert_eq!(peer.drain().count(), count);
            }
            30..40 => {
                drop(peer);
                assert!(settle(write).is_err());
                assert!(settle(read).is_err());
            }
            _ => left.push((conn, peer, read, write)),
        }
    }
    for (conn, _, read, write) in &left {
        assert!(!read.is_done() && !write.is_done());
        conn.close();
    }
    for (_, mut peer, read, write) in left {
        assert!(settle(read).is_err());
        let (_, count) = failure(settle(write));
        assert_eq!(peer.drain().count(), count);
    }
}

#[cfg(feature = "test-util")]
mod lost_thread {
    use std::sync::Arc;

    use super::*;
    use http_aio::ErrorKind;
    use http_aio::bytes::Bytes;
    use http_aio::testing::memory::{Fault, Faults};

    /// The transport panics at the n-th write: in the call that does not block (1), and in the one
    /// that does (2).
    fn panicking(n: usize) -> Faults {
        let mut faults = Faults::none();
        faults.fail_write = Some((n, Fault::Panic));
        faults
    }

    /// The waiter is told, those queued are told, those that come later are told, the peer sees the
    /// end, and the count is exact.
    #[test]
    fn waiters_are_told() {
        for n in [1, 2] {
            let (conn, peer, gate) = gated_pair(4, panicking(n));
            let first = write_pattern(&conn, Aio::new(), 0, 10);
            for _ in 1..n {
                gate.arrived();
                gate.permit();
            }
            gate.arrived();
            let queued: Vec<_> = [10, 0, 100_000]
                .into_iter()
                .map(|len| write_pattern(&conn, Aio::new(), 0, len))
                .collect();
            drop(gate.open());
            let count = if n == 1 { 0 } else { 4 };
            assert_eq!(failure(settle(first)), (ErrorKind::Abandoned, count));
            for aio in queued {
                assert_eq!(failure(settle(aio)), (ErrorKind::Closed, 0));
            }
            let later = write_pattern(&conn, Aio::new(), 0, 10);
            assert_eq!(failure(settle(later)), (ErrorKind::Closed, 0));
            assert_eq!(drain_memory(peer).len() as u64, count);
        }
    }

    /// A closure is told too, also when there is nothing else to be told.
    #[test]
    fn closures_are_told() {
        for n in [1, 2] {
            for behind in [0, 1, 5] {
                let what = format!("panic at call {n}, {behind} queued");
                let (conn, _peer, gate) = gated_pair(4, panicking(n));
                let (first, _) = tell(write_pattern(&conn, Aio::new(), 0, 10));
                for _ in 1..n {
                    gate.arrived();
                    gate.permit();
                }
                gate.arrived();
                let queued: Vec<_> = (0..behind)
                    .map(|_| tell(write_pattern(&conn, Aio::new(), 0, 10)).0)
                    .collect();
                drop(gate.open());
                let told = receive(&first);
                assert_eq!(failure(told.result).0, ErrorKind::Abandoned, "{what}");
                assert!(is_ours(&told.thread), "{}", told.thread);
                for told in queued {
                    let told = receive(&told);
                    let expected = (ErrorKind::Closed, 0);
                    assert_eq!(failure(told.result), expected, "{what}");
                }
            }
        }
    }

    /// The other direction has a thread of its own.
    #[test]
    fn the_other_direction_goes_on() {
        let (conn, peer) = memory_pair(64, panicking(1));
        let read = conn.read_all(Aio::new(), 6);
        let write = settle(write_pattern(&conn, Aio::new(), 0, 10));
        assert_eq!(failure(write), (ErrorKind::Abandoned, 0));
        let back = Conn::from_transport(peer);
        settle(back.write_all(Aio::new().iov(["answer"]))).expect("there is room");
        assert_eq!(settle(read).expect("it was sent"), "answer");
    }

    /// A user's buffer whose destructor panics is user code too. It may cost its own connection the
    /// writer, and nobody else anything: not even where the timer's thread drops it.
    #[test]
    fn a_buffer_that_panics_when_dropped_harms_no_other_connection() {
        use std::time::Duration;
        if !alone("scale::lost_thread::a_buffer_that_panics_when_dropped_harms_no_other_connection")
        {
            return;
        }
        struct Panics(Arc<[u8]>);
        impl AsRef<[u8]> for Panics {
            fn as_ref(&self) -> &[u8] {
                &self.0
            }
        }
        impl Drop for Panics {
            fn drop(&mut self) {
                panic!("a buffer that panics when it is dropped");
            }
        }
        let (other, _other_peer) = pair(Family::Tcp);
        let _stuck_too = jam(&other, Aio::new());
        let (conn, _peer) = pair(Family::Tcp);
        let _stuck = jam(&conn, Aio::new());
        // The other's timer is set before the first one's goes off.
        let later = Aio::new().timeout(Duration::from_millis(200));
        let (later, _) = tell(write_pattern(&other, later, 0, 10));
        let bytes = Bytes::from_owner(Panics(Arc::from(*b"bytes")));
        let soon = Aio::new().timeout(Duration::from_millis(30));
        let soon = settle(conn.write_all(soon.iov([bytes])));
        assert_eq!(failure(soon), (ErrorKind::TimedOut, 0));
        let told = receive(&later);
        assert_eq!(failure(told.result), (ErrorKind::TimedOut, 0));
    }
}
