//! Callers that work on a queue in place of its thread.
//!
//! A caller that waits for an operation loses time to two hand-overs, there and back, which cost more
//! than a small operation itself. While the thread has nothing to do, the caller may *claim* the
//! operation that it waits for, if that is next, and serve it; or it may write at once, without blocking,
//! what would otherwise be handed over.
//!
//! An operation can be *held back* for that: it lies in the queue and the thread is not told, until
//! somebody waits for it, or anything else happens on the connection, or the timer finds that it has
//! been there too long. `aio::habit` decides who may hold back.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use super::worker::{Thread, Waiting, Work, Worker};
use super::{Job, Phase, Queue, State, Submitted};
use crate::aio::Operation;

/// How often the timer looks after what is held back, and how soon again after a job that has come since
/// its last look: nothing is held back for longer than both together, which is a millisecond.
const LOOK: Duration = Duration::from_micros(900);
const LOOK_AGAIN: Duration = Duration::from_micros(100);

/// The job that is held back, which is then the only one in the queue.
#[derive(Debug, Default)]
pub(super) struct Held {
    is_held: bool,
    /// Jobs that were held back so far.
    count: u64,
    /// When the timer looks, and the count that it has seen.
    look: Option<(Instant, u64)>,
}

impl Held {
    pub(super) fn look_at(&self) -> Option<Instant> {
        self.look.map(|(at, _)| at)
    }

    /// Whether the timer, which has come, finds the same job for the second time. The timer comes again
    /// while there are new jobs, so that it need not be armed for each of them.
    pub(super) fn is_overdue(&mut self, now: Instant) -> bool {
        let seen = match self.look {
            Some((at, seen)) if at <= now => seen,
            _ => return false,
        };
        let next = match (self.is_held, seen == self.count) {
            (true, false) => Some(LOOK_AGAIN),
            (false, false) => Some(LOOK),
            (_, true) => None,
        };
        self.look = next.map(|after| (now + after, self.count));
        self.is_held && seen == self.count
    }
}

impl<J: Job> Queue<J> {
    /// Queues a job for whoever waits for it, or for the thread if that has something to do anyway.
    pub(crate) fn hold_back(&self, job: J, limit: usize) -> Submitted<J> {
        let mut state = self.state.lock();
        let is_open = state.phase == Phase::Open && limit > 0;
        if !(is_open && state.is_idle() && state.places.is_empty()) {
            drop(state);
            return self.submit(job, limit);
        }
        self.accept();
        job.set_held(true);
        state.places.push_back(job);
        self.holds.store(true, Ordering::Release);
        let held = &mut state.held;
        held.is_held = true;
        held.count += 1;
        let arm = match held.look {
            Some(_) => None,
            None => {
                held.look = Some((Instant::now() + LOOK, held.count));
                state.time_to_arm()
            }
        };
        Submitted::HeldBack { arm }
    }

    /// Nobody is going to wait for what is held back. True if the thread has to be started.
    pub(crate) fn hand_over(&self) -> bool {
        if !self.holds.load(Ordering::Acquire) {
            return false;
        }
        let state = self.state.lock();
        state.held.is_held && self.wake_for_jobs(state)
    }

    /// Puts the caller in place of the thread, for a job that would otherwise be submitted. The job comes
    /// back as an error if that is not possible now.
    pub(crate) fn claim_with(&self, job: J) -> Result<J, J> {
        match self.claim_idle() {
            true => Ok(job),
            false => Err(job),
        }
    }

    /// Puts the caller in place of the thread, for something that is no job but counts as one, if nothing is
    /// queued and nobody works.
    pub(crate) fn claim_idle(&self) -> bool {
        let mut state = self.state.lock();
        let is_claimed = state.places.is_empty() && state.admit_caller(&self.holds);
        if is_claimed {
            self.accept();
        }
        is_claimed
    }

    /// Puts the caller in place of the thread, for the one job that is in the queue. More than one is left
    /// to the thread, which coalesces them.
    pub(crate) fn claim(&self, operation: &dyn Operation) -> Option<J> {
        if self.unfinished() != 1 {
            return None;
        }
        let mut state = self.state.lock();
        let is_next = state
            .places
            .front()
            .is_some_and(|job| job.id() == operation.id());
        if is_next && state.admit_caller(&self.holds) {
            state.places.pop_front()
        } else {
            None
        }
    }

    /// The caller has done what it came for. True if the thread has to be started.
    pub(crate) fn caller_leaves(&self) -> bool {
        let mut state = self.state.lock();
        let Worker::Caller(_, waiting) = &state.worker else {
            return false; // It has died, and `worker_died` has taken care of the rest.
        };
        let is_left = !(state.places.is_empty() && state.posted.is_empty());
        let (thread, start) = match waiting {
            Waiting::Unstarted if is_left => (Thread::Coming, true),
            Waiting::Unstarted => (Thread::Unstarted, false),
            Waiting::Coming => (Thread::Coming, false),
            Waiting::Parked => (Thread::Parked, false),
        };
        let last = std::mem::replace(&mut state.worker, Worker::Thread(thread));
        if is_left || state.phase != Phase::Open {
            self.wake(state);
        } else {
            drop(state);
        }
        drop(last);
        start
    }
}

impl<J: Job> State<J> {
    /// Whether nobody works or is about to, and no user code is due before the next job.
    fn is_idle(&self) -> bool {
        let is_idle = matches!(
            self.worker,
            Worker::Thread(Thread::Unstarted | Thread::Looking | Thread::Parked)
        );
        is_idle && self.posted.is_empty()
    }

    /// Puts a caller in place of a thread that has no work in hand.
    fn admit_caller(&mut self, holds: &AtomicBool) -> bool {
        let waiting = match &self.worker {
            Worker::Thread(Thread::Unstarted) => Waiting::Unstarted,
            Worker::Thread(Thread::Coming | Thread::Looking) => Waiting::Coming,
            Worker::Thread(Thread::Parked) => Waiting::Parked,
            Worker::Thread(Thread::Works(_) | Thread::UserCode | Thread::Gone)
            | Worker::Caller(..) => return false,
        };
        if !self.posted.is_empty() || self.ended().is_some() {
            return false;
        }
        self.hand_over(holds);
        self.worker = Worker::Caller(Work::Working, waiting);
        true
    }

    /// Whether the thread must leave the job alone because a waiter may come for it.
    pub(super) fn is_held_back(&self) -> bool {
        self.held.is_held && self.phase == Phase::Open
    }

    /// What is held back is so no longer.
    pub(super) fn hand_over(&mut self, holds: &AtomicBool) {
        if self.held.is_held {
            self.held.is_held = false;
            holds.store(false, Ordering::Release);
            if let Some(job) = self.places.front() {
                job.set_held(false);
            }
        }
    }
}
