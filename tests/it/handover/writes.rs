//! Writes.

use std::future::Future;
use std::pin::pin;
use std::task::{Context, Waker};
use std::thread;
use std::time::{Duration, Instant};

use crossbeam_channel::Receiver;
use http_aio::testing::memory::Faults;
use http_aio::{Aio, Canceler, Conn, Error, ErrorKind, InFlight, Written};

use super::{ROUNDS, SOON, at_once, calls};
use crate::support::hooks::{Hooks, hooked_pair};
use crate::support::*;

/// A connection whose peer drains, and the calls that write.
struct Writing {
    conn: Conn,
    calls: Receiver<Instant>,
    drained: Receiver<Vec<u8>>,
}

impl Writing {
    fn new() -> Self {
        let (before_write, calls) = calls();
        let hooks = Hooks {
            before_write,
            ..Hooks::default()
        };
        let (conn, peer, _) = hooked_pair(1 << 20, Faults::none(), hooks);
        let drained = drain_in_background(peer);
        Self {
            conn,
            calls,
            drained,
        }
    }

    fn write(&self) -> Aio<Written, InFlight> {
        self.conn.write_all(Aio::new().iov(["w"]))
    }

    /// A thousand writes, each waited for at once.
    fn wait_for_many(&self) {
        for _ in 0..1_000 {
            self.write().wait().expect("there is room");
        }
        while self.calls.try_recv().is_ok() {}
    }
}

/// Submits a write, and does something else with it than to wait at once. What must live until the
/// write is begun comes back.
type Way = fn(&Writing) -> Box<dyn Send>;

/// Each of them hands the write over at once.
const WAYS: [(&str, Way); 7] = [
    ("is_done", |writing| {
        let write = writing.write();
        let _ = write.is_done();
        Box::new(write)
    }),
    ("count", |writing| {
        let write = writing.write();
        let _ = write.count();
        Box::new(write)
    }),
    ("drop", |writing| {
        drop(writing.write());
        Box::new(())
    }),
    ("on_complete", |writing| {
        writing.write().on_complete(|_, _| ());
        Box::new(())
    }),
    ("an executor", |writing| {
        let mut future = Box::pin(writing.write());
        let mut context = Context::from_waker(Waker::noop());
        let _ = pin!(&mut future).poll(&mut context);
        Box::new(future)
    }),
    ("another write", |writing| {
        Box::new((writing.write(), writing.write()))
    }),
    ("a read", |writing| {
        let write = writing.write();
        Box::new((write, writing.conn.read(Aio::new(), 1)))
    }),
];

#[test]
fn whoever_does_not_wait_has_a_write_handed_over_at_once() {
    for (what, way) in WAYS {
        in_time(|| {
            let most = at_once();
            let writing = Writing::new();
            let took = (0..ROUNDS).map(|_| {
                writing.wait_for_many();
                let start = Instant::now();
                let kept = way(&writing);
                let begun = receive(&writing.calls);
                drop(kept);
                begun - start
            });
            let took = median(took.collect());
            at_most(
                &format!("a write, and {what}, after a run of waiters,"),
                took,
                most,
            )
        });
    }
}

/// Merely held, a write may wait for its waiter a little: once.
#[test]
fn a_write_that_is_held_goes_out_soon_and_those_after_it_at_once() {
    in_time(|| {
        let most = at_once();
        let writing = Writing::new();
        let (mut first, mut later) = (Vec::new(), Vec::new());
        for _ in 0..ROUNDS {
            writing.wait_for_many();
            for nth in 0..10 {
                let start = Instant::now();
                let held = writing.write();
                let took = receive(&writing.calls) - start;
                wait_until("it completes", || held.is_done());
                if nth == 0 { &mut first } else { &mut later }.push(took);
            }
        }
        drop(writing.conn);
        assert_eq!(receive(&writing.drained).len(), ROUNDS * 1_010);
        at_most("the first write that is held", median(first), SOON)?;
        at_most("the writes after it", median(later), most)
    });
}

/// After a run of writes that were waited for: its waiter does it.
fn jam_by_waiting(
    conn: &Conn,
    aio: Aio<Written>,
) -> (Canceler, thread::JoinHandle<Result<Written, Error>>) {
    for _ in 0..100 {
        let write = conn.write_all(Aio::new().iov(["w"]));
        write.wait().expect("there is room");
    }
    let write = write_pattern(conn, aio, 0, MORE_THAN_FITS);
    let canceler = write.canceler();
    let waiter = thread::spawn(move || write.wait());
    (canceler, waiter)
}

/// Whoever waits for a write to a peer that does not read can be interrupted, with the exact count.
#[test]
fn a_write_whose_waiter_does_it_can_be_ended() {
    const TIMEOUT: Duration = Duration::from_millis(100);
    for family in FAMILIES {
        for kind in [ErrorKind::TimedOut, ErrorKind::Canceled, ErrorKind::Closed] {
            in_time(|| {
                let (conn, mut peer) = pair(family);
                let start = Instant::now();
                let aio = match kind {
                    ErrorKind::TimedOut => Aio::new().timeout(TIMEOUT),
                    _ => Aio::new(),
                };
                let (canceler, waiter) = jam_by_waiting(&conn, aio);
                wait_until("it has begun", || peer.has_input());
                let (kind_found, count) = match kind {
                    ErrorKind::TimedOut => failure(join(waiter)),
                    ErrorKind::Canceled => {
                        thread::sleep(TIMEOUT); // It is stuck by then.
                        canceler.cancel();
                        failure(join(waiter))
                    }
                    _ => {
                        thread::sleep(TIMEOUT);
                        conn.close();
                        failure(join(waiter))
                    }
                };
                let took = start.elapsed();
                assert_eq!(kind_found, kind);
                drop(conn);
                assert_eq!(peer.drain().count(), 100 + count, "{family:?}, {kind:?}");
                at_most(&format!("{kind:?}"), took, TIMEOUT + Duration::from_secs(1))
            });
        }
    }
}

/// A waiter is stuck in the first; what is held meanwhile is not for it to do, and goes out.
#[test]
fn a_waiter_holds_up_nothing_on_another_connection() {
    for family in FAMILIES {
        let ((one, mut its_peer), (other, mut others_peer)) = (pair(family), pair(family));
        for conn in [&one, &other] {
            for _ in 0..100 {
                let write = conn.write_all(Aio::new().iov(["w"]));
                write.wait().expect("there is room");
            }
        }
        let first = write_pattern(&one, Aio::new(), 0, MORE_THAN_FITS);
        let second = other.write_all(Aio::new().iov(["second"]));
        // The first peer reads when the second one has been served.
        let peers = thread::spawn(move || {
            assert_eq!(&others_peer.expect(106)[100..], b"second");
            its_peer.expect(100 + MORE_THAN_FITS);
            (its_peer, others_peer)
        });
        let waiter = thread::spawn(move || (first.wait(), second.wait()));
        let (first, second) = join(waiter);
        assert_eq!(first.expect("it is read").count(), MORE_THAN_FITS as u64);
        assert_eq!(second.expect("it is read").count(), 6);
        join(peers);
    }
}

/// A write is submitted and then the answer to it waited for: it goes out, though nobody waits for it.
#[test]
fn a_write_goes_out_while_its_submitter_waits_for_a_read() {
    for family in FAMILIES {
        let (conn, mut peer) = pair(family);
        let echo = thread::spawn(move || {
            for _ in 0..1_000 {
                let said = peer.expect(4);
                peer.say(said);
            }
        });
        in_rounds(&conn);
        join(echo);
    }
}

fn in_rounds(conn: &Conn) {
    for round in 0..1_000 {
        let ping = conn.write_all(Aio::new().iov(["ping"]));
        let pong = conn.read_all(Aio::new().timeout(PATIENCE), 4);
        assert_eq!(pong.wait().expect("an answer"), "ping");
        // Sometimes held for good, sometimes waited for when it is over.
        if round % 2 == 0 {
            assert_eq!(ping.wait().expect("it was answered").count(), 4);
        }
    }
}
