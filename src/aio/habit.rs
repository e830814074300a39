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
//!
//! Writes and reads have a run each, because a thread may wait for its reads at once and for its writes
//! later: one that writes a request, and then waits for the answer, does.

use std::cell::RefCell;
use std::sync::Weak;
use std::time::{Duration, Instant};

use super::provider::Operation;

/// How many submissions must be waited for at once before one is held back again.
const RUN: u8 = 4;

/// A wait that comes later than this was not at once.
const AT_ONCE: Duration = Duration::from_micros(50);

/// What is submitted. Whatever ends with a read, as an exchange does, is one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Write,
    Read,
}

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

impl Habit {
    const FIRST: Self = Self {
        run: RUN,
        last: None,
    };

    /// The last submission was not waited for before the next.
    fn miss(&mut self) -> Option<Last> {
        self.run = 0;
        self.last.replace(Last::Overlapped)
    }

    fn is_held_back(&self) -> bool {
        matches!(self.last, Some(Last::HeldBack(..)))
    }

    fn is_last(&self, id: usize) -> bool {
        self.last.as_ref().is_some_and(|last| last.is(id))
    }
}

/// The habits of a thread, by kind.
struct Habits([Habit; 2]);

impl Habits {
    fn of(&mut self, kind: Kind) -> &mut Habit {
        &mut self.0[kind as usize]
    }
}

impl Kind {
    fn other(self) -> Self {
        match self {
            Self::Write => Self::Read,
            Self::Read => Self::Write,
        }
    }
}

thread_local! {
    static HABITS: RefCell<Habits> = const { RefCell::new(Habits([Habit::FIRST; 2])) };
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
pub(crate) fn before(kind: Kind) -> Hold {
    let decided = with(|habits| {
        let other = habits.of(kind.other());
        let other = match other.is_held_back() {
            true => other.miss(),
            false => None,
        };
        let habit = habits.of(kind);
        let own = match habit.last {
            Some(_) => habit.miss(),
            None => None,
        };
        let hold = match habit.run {
            RUN => Hold::Allowed,
            _ => Hold::Never,
        };
        (hold, own, other)
    });
    let Some((hold, own, other)) = decided else {
        return Hold::Never;
    };
    hand_over(own);
    hand_over(other);
    hold
}

fn hand_over(unawaited: Option<Last>) {
    if let Some(Last::HeldBack(_, operation)) = unawaited {
        if let Some(operation) = operation.upgrade() {
            operation.hand_over();
        }
    }
}

/// Comes after it.
pub(super) fn after(
    kind: Kind,
    handling: Handling,
    id: usize,
    operation: impl FnOnce() -> Weak<dyn Operation>,
) {
    let last = with(|habits| {
        let habit = habits.of(kind);
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
    let found = with(|habits| {
        let place = habits.0.iter().position(|habit| habit.is_last(id));
        if place.is_none() {
            // The current thread waits for one of several: the next submission counts as a single one.
            for habit in &mut habits.0 {
                habit.last.take_if(|last| matches!(last, Last::Overlapped));
            }
        }
        place.and_then(|place| Some((place, habits.0[place].last.take()?)))
    });
    let Some((place, last)) = found.flatten() else {
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
    with(|habits| {
        let habit = &mut habits.0[place];
        habit.run = if in_time { RUN.min(habit.run + 1) } else { 0 };
    });
}

/// The current thread does something else with an operation than to wait for it.
pub(super) fn do_not_wait(id: usize) {
    let last = with(|habits| {
        let habit = habits.0.iter_mut().find(|habit| habit.is_last(id))?;
        habit.run = 0;
        habit.last.take()
    });
    drop(last);
}

/// `None` while the thread's locals are dropped.
fn with<T>(f: impl FnOnce(&mut Habits) -> T) -> Option<T> {
    HABITS
        .try_with(|habits| {
            habits
                .try_borrow_mut()
                .ok()
                .map(|mut habits| f(&mut habits))
        })
        .ok()
        .flatten()
}
