//! User code that is due: closures, and destructors of users' buffers, that did not come up on the
//! thread itself.
//!
//! The thread runs them between jobs. While it is in a system call, or in other user code for long, a
//! thread that *stands in* runs them, so that an operation which expires behind a stuck one is told in
//! time. They start in the order in which they fell due: while one stands in, the thread leaves them
//! to it.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::{Job, Queue, State};
use crate::background::Call;

/// How long calls wait for the thread to come back from user code.
const PATIENCE: Duration = Duration::from_millis(10);

#[derive(Default)]
pub(super) struct Calls {
    due: VecDeque<Call>,
    /// A thread runs them in place of the queue's own.
    standing_in: bool,
    /// When one is to stand in for a thread that is in user code.
    patience: Option<Instant>,
}

/// Who runs a posted call.
pub(crate) enum Runner {
    /// A thread that is there and will come to it.
    Present,
    /// The thread, which is in user code that goes before; the timer is to look after it.
    Later(Option<Instant>),
    StandIn,
}

impl Calls {
    pub(super) fn is_empty(&self) -> bool {
        self.due.is_empty()
    }

    /// The next call for the queue's own thread.
    pub(super) fn next_for_thread(&mut self) -> Option<Call> {
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
    pub(crate) fn post(&self, call: Call) -> Runner {
        let mut state = self.state.lock();
        state.calls.due.push_back(call);
        if state.worker.is_in_user_code() && !state.calls.standing_in {
            let patience = &mut state.calls.patience;
            patience.get_or_insert_with(|| Instant::now() + PATIENCE);
            return Runner::Later(state.time_to_arm());
        }
        let runner = state.runner();
        if matches!(runner, Runner::Present) {
            self.wake(state);
        }
        runner
    }

    /// The next call for a thread that stands in; after `None` it no longer does.
    pub(crate) fn next_call(&self) -> Option<Call> {
        let mut state = self.state.lock();
        let call = state.calls.due.pop_front();
        state.calls.standing_in = call.is_some();
        call
    }

    /// There is no thread to stand in. True if there is no other that will run the calls.
    pub(crate) fn no_stand_in(&self) -> bool {
        let mut state = self.state.lock();
        state.calls.standing_in = false;
        let has_thread = state.worker.has_thread();
        // It may have come back meanwhile, and left the calls to the one that stands in.
        self.wake(state);
        !has_thread
    }
}

impl<J> State<J> {
    /// Who runs the calls that are due.
    pub(super) fn runner(&mut self) -> Runner {
        if self.calls.standing_in || self.worker.comes_to_calls() {
            return Runner::Present;
        }
        self.calls.standing_in = true;
        self.calls.patience = None;
        Runner::StandIn
    }

    /// The timer has come: whether a thread must stand in now.
    pub(super) fn calls_need_stand_in(&mut self, now: Instant) -> bool {
        if self.calls.patience.is_none_or(|at| at > now) {
            return false;
        }
        self.calls.patience = None;
        self.worker.is_away() && !self.calls.is_empty() && matches!(self.runner(), Runner::StandIn)
    }
}
