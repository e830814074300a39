//! Working on a lane in place of its thread.
//!
//! A caller who waits for an operation loses time to two hand-overs, there and back, that cost more
//! than a small operation itself. While the thread has nothing to do, the caller may do the thread's
//! work: write at once, without blocking, what would only be handed over; and serve the read that it
//! waits for.
//!
//! For the latter the read is *deferred*: it lies in the queue without the thread being told, until
//! somebody waits for it, or anything else happens in the lane, or some milliseconds have passed: a
//! caller who does something else meanwhile gets the thread. How many is learned: while waiters come
//! for what is deferred, the timer looks less and less often, because looking costs, too.

use std::time::{Duration, Instant};

use super::{Job, Lane, State, Submitted, Thread};
use crate::deadline::Deadline;

/// How long a deferred operation waits for somebody who waits for it: at first, and at most.
const PATIENCE: Duration = Duration::from_millis(1);
const MOST_PATIENCE: Duration = Duration::from_millis(16);

#[derive(Debug)]
pub(super) struct Deferral {
    /// The one operation in the queue waits for its waiter.
    pub(super) waits: bool,
    /// Deferrals so far.
    count: u64,
    patience: Duration,
    /// When the timer looks, and which deferral it was asked to look after.
    watched: Option<(Instant, u64)>,
}

impl Default for Deferral {
    fn default() -> Self {
        Self {
            waits: false,
            count: 0,
            patience: PATIENCE,
            watched: None,
        }
    }
}

/// What the timer is to do about a deferral.
pub(super) enum Kick {
    No,
    Now,
    At(Instant),
}

/// What a guest leaves behind.
pub(crate) enum Left {
    Nothing,
    /// The lane needs its thread.
    Start,
}

impl<J: Job> Lane<J> {
    /// Makes the caller the guest, for a job that would otherwise be submitted. `Err`: not now.
    pub(crate) fn enter_with(&self, job: J) -> Result<J, J> {
        let mut state = self.state.lock();
        if state.is_vacant() && state.queue.is_empty() {
            state.admit_guest();
            Ok(job)
        } else {
            Err(job)
        }
    }

    /// Makes the caller the guest, for a job that was deferred.
    pub(crate) fn enter_for(&self, id: usize) -> Option<J> {
        let mut state = self.state.lock();
        let is_next = state.queue.front().is_some_and(|job| job.id() == id);
        if !(is_next && state.is_vacant()) {
            return None;
        }
        state.admit_guest();
        state.queue.pop_front()
    }

    /// The guest has done what it came for.
    pub(crate) fn guest_leaves(&self) -> Left {
        let mut state = self.state.lock();
        let Some(home) = state.guest.take() else {
            return Left::Nothing; // Lost, and seen to.
        };
        state.serving = false;
        state.thread = home;
        let work = !(state.queue.is_empty() && state.calls.is_empty());
        if home == Thread::Unstarted {
            if !work {
                return Left::Nothing;
            }
            state.thread = Thread::Busy;
            return Left::Start;
        }
        if work || state.draining || state.ended.is_some() {
            self.wake(state);
        }
        Left::Nothing
    }

    /// Queues a job for whoever waits for it; for the thread, if that has something to do anyway.
    pub(crate) fn defer(&self, job: J, limit: usize) -> Submitted<J> {
        let mut state = self.state.lock();
        if !(state.is_vacant() && state.queue.is_empty()) {
            drop(state);
            return self.submit(job, limit);
        }
        if let Deadline::At(at) = job.deadline() {
            state.earliest = Some(at);
        }
        state.queue.push_back(job);
        let deferral = &mut state.deferral;
        deferral.waits = true;
        deferral.count += 1;
        let watch = deferral.watched.is_none().then(|| {
            let at = Instant::now() + deferral.patience;
            deferral.watched = Some((at, deferral.count));
            at
        });
        Submitted::Deferred { watch }
    }

    /// The timer is not to be had.
    pub(crate) fn not_watched(&self) {
        self.state.lock().deferral.watched = None;
    }

    /// Nobody is going to wait for what is deferred. True if the thread has to be started.
    pub(crate) fn undefer(&self) -> bool {
        let state = self.state.lock();
        state.deferral.waits && self.rouse(state)
    }
}

impl<J> State<J> {
    /// Nobody is at work, and nothing stands in the way of somebody.
    fn is_vacant(&self) -> bool {
        matches!(
            self.thread,
            Thread::Unstarted | Thread::Idle | Thread::Parked
        ) && self.guest.is_none()
            && self.calls.is_empty()
            && self.ended.is_none()
    }

    fn admit_guest(&mut self) {
        self.deferral.waits = false;
        self.guest = Some(self.thread);
        self.thread = Thread::Busy;
        self.serving = true;
    }

    /// The thread keeps its hands off what is deferred, unless nobody can come for it.
    pub(super) fn leaves_to_guest(&self) -> bool {
        self.deferral.waits && !self.queue.is_empty() && !self.draining && self.ended.is_none()
    }

    /// The timer has come.
    pub(super) fn kick(&mut self, now: Instant) -> Kick {
        let deferral = &mut self.deferral;
        match deferral.watched {
            Some((at, count)) if at <= now => {
                deferral.watched = None;
                if deferral.waits && !self.queue.is_empty() && deferral.count == count {
                    deferral.patience = PATIENCE;
                    return Kick::Now;
                }
                deferral.patience = MOST_PATIENCE.min(2 * deferral.patience);
                if !deferral.waits || self.queue.is_empty() {
                    return Kick::No;
                }
                // Another one than the timer was asked to look after: it gets its time.
                let at = now + deferral.patience;
                deferral.watched = Some((at, deferral.count));
                Kick::At(at)
            }
            _ => Kick::No,
        }
    }
}
