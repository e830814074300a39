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
//! While the thread has nothing to do (Unstarted, Coming, Looking or Parked) a caller may take its place
//! (`Worker::Caller`): one that would otherwise wait for the thread. It leaves to the thread what it has
//! not done itself.
//!
//! Invariants:
//!
//! 1. The lock is held for bookkeeping only: no I/O, no user code, no dropping of jobs (their
//!    buffers may be user types) under it.
//! 2. A job is in the queue, with whoever works, or finished. Whoever takes it out of the queue owns it.
//! 3. Once the phase is `Ended` nothing enters the queue, and who has ended it sees that it is emptied.
//! 4. One at a time works: the thread, or a caller in its place. [`Worker`] has no state for two.
//! 5. The thread parks only after it has seen, under the lock, that there is nothing to do, and is
//!    woken only when it is parked: no wake-up is lost and none is paid for twice.
//! 6. A job that is held back is alone in the queue. Whatever else happens hands it over.
//! 7. `accepted` and `finished` count jobs; `finished` grows before the outcome of a job is told, so that
//!    whoever is told of the last one finds the queue quiet.

mod caller;
mod calls;
mod half;
#[cfg(all(test, loom))]
mod model;
mod places;
mod worker;

use std::collections::VecDeque;
use std::sync::Arc;
// The model checker need not know these: what they say is looked at again under the lock.
use std::sync::atomic::{AtomicBool as PlainBool, AtomicU64 as PlainU64, Ordering};
use std::time::Instant;

use self::caller::Held;
pub(crate) use self::caller::Left;
use self::calls::Calls;
pub(crate) use self::calls::Runner;
pub(crate) use self::half::{Direction, Half, Link};
use self::places::Places;
pub(crate) use self::worker::Next;
use self::worker::{Thread, Worker};
use crate::aio::Operation;
use crate::background::Call;
use crate::deadline::Deadline;
use crate::error::{Error, ErrorKind};
use crate::sync::{AtomicBool, Bell, Mutex, MutexGuard};

/// What a queue knows of a job.
pub(crate) trait Job: Send + 'static {
    fn id(&self) -> usize;
    fn deadline(&self) -> Deadline;

    /// Where it lies in the queue.
    fn set_place(&self, place: u64);

    /// Whether it is held back for its waiter.
    fn set_held(&self, held: bool);

    /// Whether anybody can learn of its outcome.
    fn is_wanted(&self) -> bool;

    /// Whether a part of it is out, so that the stream is cut if it fails.
    fn is_cut(&self) -> bool;

    /// Completes it without success; returns what is left to run on a thread of the connection: the
    /// closure that is to be told, and the destructors of its buffers. A cause that the caller has
    /// given goes before the error's kind.
    fn fail(self, error: Error) -> Option<Call>;
}

pub(crate) struct Queue<J> {
    state: Mutex<State<J>>,
    /// Something has come since the thread last found nothing to do. For spinning without the lock.
    ready: AtomicBool,
    /// Whether a job is held back: for a look without the lock.
    holds: PlainBool,
    /// Jobs so far. Written under the lock.
    accepted: PlainU64,
    finished: Finished,
    bell: Bell,
}

/// Jobs that were finished. On a cache line of its own: whoever works writes it, and submitters do not.
#[repr(align(64))]
struct Finished(PlainU64);

struct State<J> {
    places: Places<J>,
    calls: Calls,
    worker: Worker,
    phase: Phase,
    held: Held,
    /// When the timer will come.
    armed: Option<Instant>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Open,
    /// No handle is left that could submit.
    Draining,
    /// No job is accepted any more, for this reason.
    Ended(ErrorKind),
}

/// What a submission asks of the submitter.
pub(crate) enum Submitted<J> {
    Accepted {
        accepted: Accepted,
        /// The queue needs its thread.
        start: bool,
        /// And the timer.
        arm: Option<Instant>,
    },
    /// Left to whoever waits for it; the timer is to look after it.
    HeldBack {
        arm: Option<Instant>,
    },
    Rejected(J, ErrorKind),
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
    InCall,
    /// With whoever works, between two calls; or with somebody who is about to finish it.
    InHands,
    Elsewhere,
}

/// How far a queue is from being quiet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rest {
    /// All that was accepted is finished.
    Quiet,
    /// The last operation is settled, but the call that was made for it may still block.
    InCall,
    /// Whoever works on the last operation is between two calls.
    Returning,
    Busy,
}

/// What the end of a queue found.
pub(crate) struct Ended<J> {
    /// Why it had ended before.
    pub(crate) before: Option<ErrorKind>,
    pub(crate) jobs: VecDeque<J>,
}

/// What there is to see to while the thread is in a call or in user code.
pub(crate) struct Away {
    pub(crate) arm: Option<Instant>,
    pub(crate) stand_in: bool,
}

/// What the timer is to see to.
pub(crate) struct Due<J> {
    pub(crate) jobs: Vec<J>,
    pub(crate) away: Away,
    /// The queue needs its thread.
    pub(crate) start: bool,
}

impl<J: Job> Queue<J> {
    pub(crate) fn new() -> Self {
        let state = State {
            places: Places::default(),
            calls: Calls::default(),
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
        }
    }

    /// A job is accepted; under the lock.
    fn accept(&self) {
        let accepted = self.accepted.load(Ordering::Relaxed);
        self.accepted.store(accepted + 1, Ordering::Release);
    }

    /// A job that was accepted is about to be told.
    pub(crate) fn finished(&self) {
        self.finished.0.fetch_add(1, Ordering::AcqRel);
    }

    /// Jobs that were accepted and are not finished.
    fn unfinished(&self) -> u64 {
        // In this order: what is accepted meanwhile counts, what is finished meanwhile may not yet.
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
        if let Some(kind) = state.refuses(limit) {
            return Submitted::Rejected(job, kind);
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

    /// Has the thread look at the queue; one that works looks by itself. True if it has to be started.
    fn wake_for_jobs(&self, mut state: MutexGuard<'_, State<J>>) -> bool {
        state.hand_over(&self.holds);
        let start = state.worker.starts() && !state.places.is_empty();
        if start {
            state.worker = Worker::Thread(Thread::Coming);
        }
        self.wake(state);
        start
    }

    /// Has a thread that is there look at everything.
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
            return Found::InCall;
        }
        self.remove(state, operation.place(), operation.id())
    }

    /// Takes back a job that was accepted, unless it was begun.
    pub(crate) fn take_back(&self, accepted: Accepted) -> Option<J> {
        match self.remove(self.state.lock(), accepted.place, accepted.id) {
            Found::Queued(job) => Some(job),
            Found::InCall | Found::InHands | Found::Elsewhere => None,
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

    /// Ends the queue if this operation is in a system call: the stream is corrupt. False when the
    /// call is over, or another's.
    pub(crate) fn end_in_call(&self, id: usize) -> bool {
        let mut state = self.state.lock();
        let found = state.worker.blocks_in(id);
        if found && state.ended().is_none() {
            state.phase = Phase::Ended(ErrorKind::Closed);
        }
        found
    }

    /// Accepts no more.
    pub(crate) fn end(&self) -> Ended<J> {
        let mut state = self.state.lock();
        let before = state.ended();
        state.phase = Phase::Ended(ErrorKind::Closed);
        state.hand_over(&self.holds);
        let jobs = state.places.take_all();
        self.wake(state);
        Ended { before, jobs }
    }

    /// No more submissions will come.
    pub(crate) fn drain(&self) {
        let mut state = self.state.lock();
        if state.phase == Phase::Open {
            state.phase = Phase::Draining;
        }
        self.wake(state);
    }

    /// Operations whose outcome nobody can learn of, once no more submissions can come.
    pub(crate) fn unwanted(
        &self,
        operation: impl Fn(&J) -> Option<Arc<dyn Operation>>,
    ) -> Vec<Arc<dyn Operation>> {
        let state = self.state.lock();
        if state.phase != Phase::Draining {
            return Vec::new();
        }
        let queued = state.places.iter().filter(|job| !job.is_wanted());
        let mut unwanted: Vec<_> = queued.filter_map(operation).collect();
        let current = state.worker.blocked_operation();
        unwanted.extend(current.filter(|operation| !operation.is_wanted()).cloned());
        unwanted
    }

    /// Whether no more submissions will come.
    pub(crate) fn is_draining(&self) -> bool {
        self.state.lock().phase == Phase::Draining
    }

    /// How far the queue is from being quiet.
    pub(crate) fn rest(&self) -> Rest {
        let state = self.state.lock();
        let is_last = state.places.is_empty() && self.unfinished() == 1;
        match state.worker.blocked_operation() {
            _ if self.is_quiet() => Rest::Quiet,
            Some(operation) if is_last && operation.is_settled() => Rest::InCall,
            None if is_last && state.worker.is_working() => Rest::Returning,
            _ => Rest::Busy,
        }
    }

    /// Whether a system call may be blocking.
    pub(crate) fn is_in_call(&self) -> bool {
        self.state.lock().worker.blocked_operation().is_some()
    }

    /// Whether no job is accepted any more.
    pub(crate) fn has_ended(&self) -> bool {
        self.state.lock().ended().is_some()
    }

    /// What has fallen due when the timer comes.
    pub(crate) fn take_due(&self, now: Instant) -> Due<J> {
        let mut state = self.state.lock();
        state.armed = None;
        let jobs = match state.places.earliest() {
            Some(at) if at <= now => state.places.take_due(now),
            _ => Vec::new(),
        };
        if state.places.is_empty() {
            state.hand_over(&self.holds);
        }
        let is_overdue = state.held.is_overdue(now);
        let stand_in = state.calls_need_stand_in(now);
        let start = is_overdue && {
            state.hand_over(&self.holds);
            state.worker.starts()
        };
        if start {
            state.worker = Worker::Thread(Thread::Coming);
        }
        let away = Away {
            arm: state.time_to_arm(),
            stand_in,
        };
        match is_overdue {
            true => self.wake(state),
            false => drop(state),
        }
        jobs.iter().for_each(|job| job.set_held(false));
        Due { jobs, away, start }
    }

    /// The timer is not to be had.
    pub(crate) fn not_armed(&self) {
        self.state.lock().armed = None;
    }
}

impl<J: Job> State<J> {
    fn ended(&self) -> Option<ErrorKind> {
        match self.phase {
            Phase::Ended(kind) => Some(kind),
            Phase::Open | Phase::Draining => None,
        }
    }

    /// Why a job cannot be accepted.
    fn refuses(&self, limit: usize) -> Option<ErrorKind> {
        let is_full = self.places.len() >= limit;
        self.ended().or(is_full.then_some(ErrorKind::NoMemory))
    }

    /// When to arm the timer, unless it will come early enough.
    fn time_to_arm(&mut self) -> Option<Instant> {
        let deadline = match self.worker.is_away() {
            true => self.places.earliest(),
            false => None,
        };
        let times = [deadline, self.held.look_at(), self.calls.stand_in_at()];
        let at = times.into_iter().flatten().min()?;
        if self.armed.is_some_and(|armed| armed <= at) {
            return None;
        }
        self.armed = Some(at);
        Some(at)
    }
}
