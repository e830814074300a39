//! One direction's queue of jobs, and who works on it. Pure bookkeeping: it decides under its lock, and
//! [`Half`] acts outside of it.
//!
//! ```text
//!             start            next               jobs             enter
//!  Unstarted ──────▶ Coming ──────▶ Looking ──▶ Parked    Working ───────▶ Blocked
//!                      ▲  └───────────────────────────────▶ │ ▲ ◀───────────┘ leave
//!                      │              wake                  │ │
//!                      └──── Looking, Parked ◀──────────────┘ └── UserCode
//! ```
//!
//! While the thread has nothing to do (Unstarted, Coming, Looking or Parked), a caller that would
//! otherwise wait for it may take its place (`Worker::Caller`). The caller leaves to the thread what it
//! has not done itself.
//!
//! Invariants:
//!
//! 1. The lock is held for bookkeeping only: no I/O, no user code, no dropping of jobs (their
//!    buffers may be user types) under it.
//! 2. A job is in the queue, with whoever works, or finished. Whoever takes it out of the queue owns it.
//! 3. Once the phase is `Ended` nothing enters the queue, and whoever has ended it empties it.
//! 4. One at a time works: the thread, or a caller in its place. [`Worker`] has no state for two.
//! 5. The thread parks only after it has seen, under the lock, that there is nothing to do, and it is
//!    woken only when it is parked: no wake-up is lost, and none is made twice.
//! 6. A job that is held back is alone in the queue. Whatever else happens hands it over.
//! 7. `accepted` and `finished` count jobs; `finished` grows before the outcome of a job is told, so that
//!    whoever is told of the last one finds the queue quiet.

mod alarm;
mod caller;
mod end;
mod failure;
mod half;
#[cfg(all(test, loom))]
mod model;
mod places;
mod timing;
mod user_code;
mod worker;

// The model checker need not know these: what they say is checked again under the lock.
use std::sync::Arc;
use std::sync::atomic::{AtomicBool as PlainBool, AtomicU64 as PlainU64, Ordering};
use std::time::Instant;

use self::caller::Held;
pub(crate) use self::end::EndReason;
pub(crate) use self::half::{Direction, Half};
use self::places::Places;
use self::user_code::Posted;
pub(crate) use self::user_code::Runner;
pub(crate) use self::worker::Next;
use self::worker::{Thread, Worker};
use crate::aio::Operation;
use crate::background::UserCode;
use crate::deadline::Deadline;
use crate::error::{Error, Limit};
use crate::sync::{AtomicBool, Bell, Mutex, MutexGuard, Spin};

/// What a queue knows of a job.
pub(crate) trait Job: Send + 'static {
    fn id(&self) -> usize;
    fn deadline(&self) -> Deadline;

    /// Tells the job where it lies in the queue.
    fn set_place(&self, place: u64);

    /// Tells the job whether it is held back for its waiter.
    fn set_held(&self, held: bool);

    /// Whether anybody can learn of its outcome.
    fn is_wanted(&self) -> bool;

    /// Whether a part of it is out, so that the stream is cut if it fails.
    fn is_cut(&self) -> bool;

    /// Completes it without success, and returns what is left to run on a thread of the connection: its
    /// closure, and the destructors of its buffers. A cause that an interruption has recorded goes before
    /// the error's kind.
    fn fail(self, error: Error) -> Option<UserCode>;
}

pub(crate) struct Queue<J> {
    state: Mutex<State<J>>,
    /// Whether something has come since the thread last found nothing to do: it spins on this.
    ready: AtomicBool,
    /// Whether a job is held back, to be seen without the lock.
    holds: PlainBool,
    /// Jobs that were accepted so far. It is written under the lock.
    accepted: PlainU64,
    finished: Finished,
    bell: Bell,
    /// How the waits of its thread go.
    spin: Spin,
}

/// Jobs that were finished. They have a cache line of their own, which whoever works writes, and
/// submitters do not.
#[repr(align(64))]
struct Finished(PlainU64);

struct State<J> {
    places: Places<J>,
    posted: Posted,
    worker: Worker,
    phase: Phase,
    held: Held,
    /// The time at which the timer will come.
    armed: Option<Instant>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Open,
    /// No handle is left that could submit.
    Draining,
    /// No job is accepted any more, for this reason.
    Ended(EndReason),
}

/// What a submission asks of the submitter.
pub(crate) enum Submitted<J> {
    Accepted {
        accepted: Accepted,
        /// The queue needs its thread.
        start: bool,
        /// The timer has to come at this time.
        arm: Option<Instant>,
    },
    /// The job is left to whoever waits for it, and to the timer if nobody does.
    HeldBack {
        arm: Option<Instant>,
    },
    Rejected(J, Refusal),
}

/// Why a job is not accepted.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Refusal {
    Ended(EndReason),
    /// There are as many jobs as this already.
    Full(usize),
}

impl From<Refusal> for Error {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Ended(reason) => reason.into(),
            Refusal::Full(limit) => Limit::Queued(limit).into(),
        }
    }
}

/// Where a job lies.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Accepted {
    place: u64,
    id: usize,
}

/// What an interruption found.
pub(crate) enum Found<J> {
    Queued(J),
    /// In a system call that may block.
    Blocked,
    /// With whoever works, between two calls, or with somebody who is about to finish it.
    InHands,
    Elsewhere,
}

/// How far a queue is from being quiet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rest {
    /// All that was accepted is finished.
    Quiet,
    /// The last operation is settled, but the system call that was made for it may still block.
    Blocked,
    /// Whoever works on the last operation is between two system calls.
    Returning,
    Busy,
}

/// What others have to do while the thread is blocked or in user code.
pub(crate) struct Away {
    pub(crate) arm: Option<Instant>,
    pub(crate) stand_in: bool,
}

impl<J: Job> Queue<J> {
    pub(crate) fn new() -> Self {
        let state = State {
            places: Places::default(),
            posted: Posted::default(),
            worker: Worker::Thread(Thread::Unstarted),
            phase: Phase::Open,
            held: Held::default(),
            armed: None,
        };
        Self {
            state: Mutex::new(state),
            ready: AtomicBool::new(false),
            holds: false.into(),
            accepted: 0.into(),
            finished: Finished(0.into()),
            bell: Bell::new(),
            spin: Spin::new(),
        }
    }

    /// Counts a job as accepted, under the lock.
    fn accept(&self) {
        let accepted = self.accepted.load(Ordering::Relaxed);
        self.accepted.store(accepted + 1, Ordering::Release);
    }

    /// Counts a job as finished, right before its outcome is told.
    pub(crate) fn finished(&self) {
        self.finished.0.fetch_add(1, Ordering::AcqRel);
    }

    /// Jobs that were accepted and are not finished.
    fn unfinished(&self) -> u64 {
        // Loaded in this order, the difference is never too small, and never negative.
        let finished = self.finished.0.load(Ordering::Acquire);
        self.accepted.load(Ordering::Acquire) - finished
    }

    /// Whether all that was accepted is finished.
    pub(crate) fn is_quiet(&self) -> bool {
        self.unfinished() == 0
    }

    /// Queues a job for the thread.
    pub(crate) fn submit(&self, job: J, limit: usize) -> Submitted<J> {
        let mut state = self.state.lock();
        if let Some(refusal) = state.refuses(limit) {
            return Submitted::Rejected(job, refusal);
        }
        self.accept();
        let (id, has_deadline) = (job.id(), job.deadline() != Deadline::Never);
        let place = state.places.push_back(job);
        let arm = match has_deadline {
            true => state.time_to_arm(),
            false => None,
        };
        let start = self.wake_for_jobs(state);
        let accepted = Accepted { place, id };
        Submitted::Accepted {
            accepted,
            start,
            arm,
        }
    }

    /// Has the thread look at the queue; a thread that works does so by itself. True if it has to be
    /// started.
    fn wake_for_jobs(&self, mut state: MutexGuard<'_, State<J>>) -> bool {
        state.hand_over(&self.holds);
        let start = state.worker.starts() && !state.places.is_empty();
        if start {
            state.worker = Worker::Thread(Thread::Coming);
        }
        self.wake(state);
        start
    }

    /// Has the thread, if there is one, look at jobs and user code.
    fn wake(&self, mut state: MutexGuard<'_, State<J>>) {
        self.ready.store(true, Ordering::Release);
        let parked = state.worker.unpark();
        drop(state);
        if parked {
            self.bell.ring();
        }
    }

    /// Takes a job back, or says where it is.
    pub(crate) fn withdraw(&self, operation: &dyn Operation) -> Found<J> {
        let state = self.state.lock();
        if state.worker.blocks_in(operation.id()) {
            return Found::Blocked;
        }
        self.remove(state, operation.place(), operation.id())
    }

    /// Takes back a job that was accepted, unless it was begun.
    pub(crate) fn take_back(&self, accepted: Accepted) -> Option<J> {
        match self.remove(self.state.lock(), accepted.place, accepted.id) {
            Found::Queued(job) => Some(job),
            Found::Blocked | Found::InHands | Found::Elsewhere => None,
        }
    }

    fn remove(&self, mut state: MutexGuard<'_, State<J>>, place: u64, id: usize) -> Found<J> {
        match state.places.remove(place, id) {
            Some(job) => {
                state.hand_over(&self.holds);
                drop(state);
                job.set_held(false);
                Found::Queued(job)
            }
            None if state.worker.is_working() => Found::InHands,
            None => Found::Elsewhere,
        }
    }

    /// How far the queue is from being quiet.
    pub(crate) fn rest(&self) -> Rest {
        let state = self.state.lock();
        let is_last = state.places.is_empty() && self.unfinished() == 1;
        match state.worker.blocked_operation() {
            _ if self.is_quiet() => Rest::Quiet,
            Some(operation) if is_last && operation.is_settled() => Rest::Blocked,
            None if is_last && state.worker.is_working() => Rest::Returning,
            _ => Rest::Busy,
        }
    }

    /// The operation for which somebody is in a system call that may block.
    pub(crate) fn blocked_operation(&self) -> Option<Arc<dyn Operation>> {
        self.state.lock().worker.blocked_operation().cloned()
    }

    /// Whether somebody is in a system call that may block.
    pub(crate) fn is_blocked(&self) -> bool {
        self.state.lock().worker.blocked_operation().is_some()
    }
}

impl<J: Job> State<J> {
    fn ended(&self) -> Option<EndReason> {
        match self.phase {
            Phase::Ended(reason) => Some(reason),
            Phase::Open | Phase::Draining => None,
        }
    }

    /// Why a job cannot be accepted.
    fn refuses(&self, limit: usize) -> Option<Refusal> {
        let is_full = self.places.len() >= limit;
        let ended = self.ended().map(Refusal::Ended);
        ended.or(is_full.then_some(Refusal::Full(limit)))
    }
}
