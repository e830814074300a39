//! User code that was posted to a queue: closures, and destructors of users' buffers, that did not come
//! up on the queue's own thread.
//!
//! The thread runs it between jobs. While the thread is in a system call, or in other user code for long,
//! a thread that *stands in* runs it, so that an operation which expires behind a stuck one is told in
//! time. User code starts in the order in which it was posted: while one stands in, the thread leaves
//! all of it to that one.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::{Job, Queue, State};
use crate::background::UserCode;

/// How long posted code waits for the thread to come back from other user code.
const PATIENCE: Duration = Duration::from_millis(10);

#[derive(Default)]
pub(super) struct Posted {
    due: VecDeque<UserCode>,
    /// A thread runs it in place of the queue's own.
    standing_in: bool,
    /// When one is to stand in for a thread that is in user code.
    patience: Option<Instant>,
}

/// Who runs what was posted.
pub(crate) enum Runner {
    /// A thread that is there and will come to it.
    Present,
    /// The thread, which is in user code that goes before. The timer has to come at this time.
    Later(Option<Instant>),
    StandIn,
}

impl Posted {
    pub(super) fn is_empty(&self) -> bool {
        self.due.is_empty()
    }

    /// The next for the queue's own thread.
    pub(super) fn next_for_thread(&mut self) -> Option<UserCode> {
        if self.standing_in {
            return None;
        }
        self.due.pop_front()
    }

    /// The thread begins user code: what is due waits for it, but not for long.
    pub(super) fn thread_is_in_user_code(&mut self) {
        self.patience =
            (!self.due.is_empty() && !self.standing_in).then(|| Instant::now() + PATIENCE);
    }

    pub(super) fn stand_in_at(&self) -> Option<Instant> {
        self.patience
    }
}

impl<J: Job> Queue<J> {
    /// Leaves user code for the thread, or for one that is to stand in for it.
    pub(crate) fn post(&self, code: UserCode) -> Runner {
        let mut state = self.state.lock();
        state.posted.due.push_back(code);
        if state.worker.is_in_user_code() && !state.posted.standing_in {
            let patience = &mut state.posted.patience;
            patience.get_or_insert_with(|| Instant::now() + PATIENCE);
            return Runner::Later(state.time_to_arm());
        }
        let runner = state.runner();
        if matches!(runner, Runner::Present) {
            self.wake(state);
        }
        runner
    }

    /// The next for a thread that stands in; after `None` it no longer does.
    pub(crate) fn next_posted(&self) -> Option<UserCode> {
        let mut state = self.state.lock();
        let next = state.posted.due.pop_front();
        state.posted.standing_in = next.is_some();
        next
    }

    /// There is no thread to stand in. True if no other thread will run what was posted.
    pub(crate) fn no_stand_in(&self) -> bool {
        let mut state = self.state.lock();
        state.posted.standing_in = false;
        let has_thread = state.worker.has_thread();
        // The thread may have come back meanwhile, and left what was posted to the one that stands in.
        self.wake(state);
        !has_thread
    }
}

impl<J> State<J> {
    /// Who runs what was posted. If nobody else does, a thread has to stand in from now on.
    pub(super) fn runner(&mut self) -> Runner {
        if self.posted.standing_in || self.worker.comes_to_user_code() {
            return Runner::Present;
        }
        self.posted.standing_in = true;
        self.posted.patience = None;
        Runner::StandIn
    }

    /// Whether a thread must stand in, now that the timer has come.
    pub(super) fn needs_stand_in(&mut self, now: Instant) -> bool {
        if self.posted.patience.is_none_or(|at| at > now) {
            return false;
        }
        self.posted.patience = None;
        self.worker.is_away() && self.must_stand_in()
    }

    /// Whether a thread must stand in for what was posted, which it does from now on.
    pub(super) fn must_stand_in(&mut self) -> bool {
        !self.posted.is_empty() && matches!(self.runner(), Runner::StandIn)
    }
}
