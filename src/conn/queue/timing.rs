//! What a queue needs of the timer, and what it does when the timer comes.

use std::time::Instant;

use super::worker::{Thread, Worker};
use super::{Away, Job, Queue, State};

/// What the timer has found.
pub(crate) struct Due<J> {
    pub(crate) jobs: Vec<J>,
    pub(crate) away: Away,
    /// The queue needs its thread.
    pub(crate) start: bool,
}

impl<J: Job> Queue<J> {
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
        let stand_in = state.needs_stand_in(now);
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

    /// Notes that the timer, which could not be started, will not come.
    pub(crate) fn not_armed(&self) {
        self.state.lock().armed = None;
    }
}

impl<J: Job> State<J> {
    /// When to arm the timer, unless it will come early enough.
    pub(super) fn time_to_arm(&mut self) -> Option<Instant> {
        let deadline = match self.worker.is_away() {
            true => self.places.earliest(),
            false => None,
        };
        let times = [deadline, self.held.look_at(), self.posted.stand_in_at()];
        let at = times.into_iter().flatten().min()?;
        if self.armed.is_some_and(|armed| armed <= at) {
            return None;
        }
        self.armed = Some(at);
        Some(at)
    }
}
