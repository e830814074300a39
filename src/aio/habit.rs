//! Whether the current thread waits at once for what it submits.
//!
//! Handing an operation to another thread costs more than a small operation itself. A thread that
//! always waits at once needs no hand-over: it does the work while it waits. So the submission of a
//! thread with that habit may be *held back* until its `wait`, which is on its way, for a millisecond at
//! most. All others are handed over at submission.
//!
//! | what the thread does | its run |
//! |---|---|
//! | waits for its last submission at once, or while that is held back | grows by one, up to `RUN` |
//! | anything else: submits another, polls, waits later | 0 |
//!
//! A submission may be held back while the run is `RUN`, with which every thread begins: a new thread is
//! expected to wait, so that a program that only waits never starts a second thread. A thread that submits
//! something else while one is held back has that one handed over first.

use std::cell::RefCell;
use std::sync::Weak;
use std::time::{Duration, Instant};

use super::provider::Operation;

/// How many submissions must be waited for at once before one is held back again.
const RUN: u8 = 4;

/// A wait that comes later than this was not at once.
const AT_ONCE: Duration = Duration::from_micros(50);

struct Habit {
    run: u8,
    /// The last submission, if it has not been waited for.
    last: Option<Last>,
}

enum Last {
    /// It is known weakly, because its result is not for this thread to keep.
    HeldBack(usize, Weak<dyn Operation>),
    HandedOver(usize, Instant),
    /// One of several that were under way at once.
    Overlapped,
}

impl Last {
    fn is(&self, id: usize) -> bool {
        match self {
            Self::HeldBack(last, _) | Self::HandedOver(last, _) => *last == id,
            Self::Overlapped => false,
        }
    }
}

thread_local! {
    static HABIT: RefCell<Habit> = const {
        RefCell::new(Habit { run: RUN, last: None })
    };
}

/// What may be done with a submission.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Hold {
    /// It may be held back: the current thread is going to wait for it.
    Allowed,
    /// It is handed over at once.
    Never,
}

/// What was done with a submission.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Handling {
    HeldBack,
    HandedOver,
}

/// Comes before a submission of the current thread.
pub(crate) fn before() -> Hold {
    let unawaited = with(|habit| match &habit.last {
        None => Ok(habit.run),
        Some(_) => {
            habit.run = 0;
            Err(habit.last.replace(Last::Overlapped))
        }
    });
    match unawaited {
        Some(Ok(RUN)) => Hold::Allowed,
        Some(Err(Some(Last::HeldBack(_, operation)))) => {
            if let Some(operation) = operation.upgrade() {
                operation.hand_over();
            }
            Hold::Never
        }
        _ => Hold::Never,
    }
}

/// Comes after it.
pub(super) fn after(
    handling: Handling,
    id: usize,
    operation: impl FnOnce() -> Weak<dyn Operation>,
) {
    let last = with(|habit| {
        let last = match (handling, &habit.last) {
            (Handling::HeldBack, _) => Last::HeldBack(id, operation()),
            (Handling::HandedOver, None) => Last::HandedOver(id, Instant::now()),
            (Handling::HandedOver, Some(_)) => Last::Overlapped,
        };
        habit.last.replace(last)
    });
    drop(last);
}

/// The current thread waits for an operation, and may serve it meanwhile: says whether it has.
pub(super) fn wait(id: usize, serve: impl FnOnce() -> bool) {
    let last = with(|habit| match &habit.last {
        Some(last) if last.is(id) => habit.last.take(),
        // The current thread waits for one of several: the next submission counts as a single one.
        Some(Last::Overlapped) => {
            habit.last = None;
            None
        }
        _ => None,
    });
    let Some(last) = last.flatten() else {
        serve();
        return;
    };
    let in_time = match last {
        Last::HeldBack(..) => serve(),
        Last::HandedOver(_, at) => {
            let in_time = at.elapsed() <= AT_ONCE;
            serve();
            in_time
        }
        Last::Overlapped => false,
    };
    with(|habit| habit.run = if in_time { RUN.min(habit.run + 1) } else { 0 });
}

/// The current thread does something else with an operation than to wait for it.
pub(super) fn do_not_wait(id: usize) {
    let last = with(|habit| {
        let is_last = habit.last.as_ref().is_some_and(|last| last.is(id));
        is_last.then(|| {
            habit.run = 0;
            habit.last.take()
        })
    });
    drop(last);
}

/// `None` while the thread's locals are dropped.
fn with<T>(f: impl FnOnce(&mut Habit) -> T) -> Option<T> {
    HABIT
        .try_with(|habit| habit.try_borrow_mut().ok().map(|mut habit| f(&mut habit)))
        .ok()
        .flatten()
}
