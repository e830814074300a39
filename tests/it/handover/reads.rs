//! Reads.

use std::future::Future;
use std::pin::pin;
use std::task::{Context, Waker};
use std::thread;
use std::time::{Duration, Instant};

use crossbeam_channel::Receiver;
use http_aio::bytes::Bytes;
use http_aio::testing::memory::MemoryStream;
use http_aio::{Aio, Conn, InFlight};

use super::{ROUNDS, SOON, at_once, calls};
use crate::support::hooks::{Hooks, faulty, hooked_pair, say};
use crate::support::*;

/// A connection with much to read, a byte a call, and the calls that read.
pub(super) struct Reading {
    conn: Conn,
    _peer: MemoryStream,
    pub(super) calls: Receiver<Instant>,
}

impl Reading {
    pub(super) fn new() -> Self {
        let (before_read, calls) = calls();
        let hooks = Hooks {
            before_read,
            ..Hooks::default()
        };
        let one_by_one = faulty(|faults| faults.call_bytes = 1);
        let (conn, peer, _) = hooked_pair(1 << 20, one_by_one, hooks);
        say(&peer, pattern(0, 1 << 20));
        Self {
            conn,
            _peer: peer,
            calls,
        }
    }

    pub(super) fn read(&self) -> Aio<Bytes, InFlight> {
        self.conn.read(Aio::new(), 1)
    }

    /// A thousand reads, and for a while, each waited for at once.
    fn wait_for_many(&self) {
        let until = Instant::now() + Duration::from_millis(60);
        let mut reads = 0;
        while reads < 1_000 || Instant::now() < until {
            self.read().wait().expect("it is there");
            reads += 1;
        }
        self.forget_calls();
    }

    fn forget_calls(&self) {
        while self.calls.try_recv().is_ok() {}
    }
}

/// Submits a read, and does something else with it than to wait at once. What must live until the
/// read is begun comes back.
type Way = fn(&Reading) -> Box<dyn Send>;

/// Each of them hands the read over at once.
const WAYS: [(&str, Way); 6] = [
    ("is_done", |reading| {
        let read = reading.read();
        let _ = read.is_done();
        Box::new(read)
    }),
    ("count", |reading| {
        let read = reading.read();
        let _ = read.count();
        Box::new(read)
    }),
    ("on_complete", |reading| {
        reading.read().on_complete(|_, _| ());
        Box::new(())
    }),
    ("an executor", |reading| {
        let mut future = Box::pin(reading.read());
        let mut context = Context::from_waker(Waker::noop());
        let _ = pin!(&mut future).poll(&mut context);
        Box::new(future)
    }),
    ("another read", |reading| {
        Box::new((reading.read(), reading.read()))
    }),
    ("a write", |reading| {
        let read = reading.read();
        let write = reading.conn.write_all(Aio::new().iov(["w"]));
        Box::new((read, write))
    }),
];

#[test]
fn whoever_does_not_wait_has_a_read_handed_over_at_once() {
    for (what, way) in WAYS {
        in_time(|| {
            let reading = Reading::new();
            let took = (0..ROUNDS).map(|_| {
                reading.wait_for_many();
                let start = Instant::now();
                let kept = way(&reading);
                let begun = receive(&reading.calls);
                drop(kept);
                begun - start
            });
            at_most(
                &format!("a read, and {what}, after a run of waiters,"),
                median(took.collect()),
                at_once(),
            )
        });
    }
}

/// Merely held, a read may wait for its waiter a little: once.
#[test]
fn a_read_that_is_held_is_begun_soon_and_those_after_it_at_once() {
    in_time(|| {
        let reading = Reading::new();
        let mut first = Vec::new();
        let mut later = Vec::new();
        for _ in 0..ROUNDS {
            reading.wait_for_many();
            let mut held = Vec::new();
            for nth in 0..10 {
                let start = Instant::now();
                held.push(reading.read());
                let took = receive(&reading.calls) - start;
                if nth == 0 { &mut first } else { &mut later }.push(took);
            }
        }
        at_most("the first read that is held", median(first), SOON)?;
        at_most("the reads after it", median(later), at_once())
    });
}

/// In a loop that polls, from its first read on, and after waiters.
#[test]
fn reads_that_are_polled_complete_at_once() {
    in_time(|| {
        let reading = Reading::new();
        let poll = || {
            let start = Instant::now();
            let read = reading.read();
            while !read.is_done() {
                thread::yield_now();
            }
            assert_eq!(read.wait().expect("it is there").len(), 1);
            start.elapsed()
        };
        at_most(
            "reads, all of them polled,",
            median((0..50).map(|_| poll()).collect()),
            at_once(),
        )?;
        reading.wait_for_many();
        at_most("a read that is polled, after waiters,", poll(), SOON)?;
        at_most(
            "the reads after it",
            median((0..50).map(|_| poll()).collect()),
            at_once(),
        )
    });
}
