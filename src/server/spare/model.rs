//! The threads that serve under the model checker: those that give them work, those that wait for some and whose
//! patience ends, and the end, in every interleaving up to a bound.
//!
//! The patience of a thread that finds nothing to do ends at once. Work that nobody takes is a deadlock.

use std::sync::Arc;

use loom::thread;

use super::{Kept, Spares, Work};
use crate::sync::{Condvar, Mutex, check, check_up_to};

/// Counts what was done.
struct Done {
    count: Mutex<u32>,
    changed: Condvar,
}

impl Done {
    fn new() -> Arc<Self> {
        Arc::new(Self {
            count: Mutex::new(0),
            changed: Condvar::new(),
        })
    }

    fn add(&self) {
        *self.count.lock() += 1;
        self.changed.notify_all();
    }

    /// Returns when so much is done, or more.
    fn until(&self, count: u32) {
        let mut done = self.count.lock();
        while *done < count {
            self.changed.wait(&mut done);
        }
    }
}

/// Work that is done when so much else is.
fn work_after(done: &Arc<Done>, count: u32) -> Work {
    let done = Arc::clone(done);
    Box::new(move || {
        done.until(count);
        done.add();
        Arc::new(())
    })
}

fn work(done: &Arc<Done>) -> Work {
    work_after(done, 0)
}

/// Each thread ends when there is nothing to do, and none is counted any more.
fn ends(spares: &Spares) {
    while spares.counts() != (0, 0) {
        thread::yield_now();
    }
}

#[test]
fn work_is_done_though_the_patience_of_a_thread_ends() {
    check(|| {
        let (spares, done) = (Spares::new(2), Done::new());
        for _ in 0..3 {
            spares.run_or_queue(work(&done)).expect("a thread");
        }
        done.until(3);
        ends(&spares);
    });
}

/// Two give work, and a thread that waits is given it once.
#[test]
fn two_find_a_thread_that_waits() {
    check_up_to(1, || {
        let (spares, done) = (Arc::new(Spares::new(3)), Done::new());
        spares.run(work(&done)).expect("a thread");
        let (others, their_done) = (Arc::clone(&spares), Arc::clone(&done));
        let gives = thread::spawn(move || {
            // It is done even if the other never comes to its end before.
            others.run(work_after(&their_done, 2)).expect("a thread");
        });
        spares.run(work(&done)).expect("a thread");
        done.until(3);
        gives.join().expect("no panic");
        ends(&spares);
    });
}

#[test]
fn work_beyond_the_most_is_done_when_a_thread_is_done_with_its_own() {
    check(|| {
        let (spares, done) = (Spares::new(1), Done::new());
        spares.run(work(&done)).expect("a thread");
        for _ in 0..2 {
            spares.run_or_queue(work(&done)).expect("it is kept");
        }
        done.until(3);
        ends(&spares);
    });
}

#[test]
fn one_that_is_to_be_ready_stays_though_its_patience_ends() {
    check(|| {
        let spares = Spares::new(1);
        spares.keep_ready(1);
        while spares.counts() != (1, 1) {
            thread::yield_now();
        }
        thread::yield_now();
        assert_eq!(spares.counts(), (1, 1));
        spares.end();
        ends(&spares);
    });
}

/// Others find it there.
#[test]
fn one_that_is_ready_has_work_while_others_are_stuck() {
    check(|| {
        let (spares, done) = (Spares::new(2), Done::new());
        spares.keep_ready(1);
        spares.run(work_after(&done, 1)).expect("a thread");
        // If the one that is ready has not begun, it finds this when it does.
        spares.run_or_queue(work(&done)).expect("a thread");
        done.until(2);
        spares.end();
        ends(&spares);
    });
}

/// What is kept until a thread is idle.
struct Place(Arc<Done>);

impl Drop for Place {
    fn drop(&mut self) {
        self.0.add();
    }
}

#[test]
fn who_takes_the_place_of_a_connection_finds_its_thread() {
    check(|| {
        let (spares, done) = (Spares::new(1), Done::new());
        let place = Place(Arc::clone(&done));
        let first = move || -> Kept { Arc::new(place) };
        spares.run(Box::new(first)).expect("a thread");
        done.until(1);
        spares.run(work(&done)).expect("the same thread");
        done.until(2);
        ends(&spares);
    });
}

#[test]
fn what_was_taken_on_before_the_end_is_done() {
    check(|| {
        let (spares, done) = (Arc::new(Spares::new(1)), Done::new());
        spares.run(work(&done)).expect("a thread");
        let others = Arc::clone(&spares);
        let end = thread::spawn(move || others.end());
        let taken_on = spares.run_or_queue(work(&done)).is_ok();
        done.until(1 + u32::from(taken_on));
        end.join().expect("no panic");
        ends(&spares);
    });
}
