//! How a queue comes to its end: no more submissions come, or no job is accepted any more.

use std::collections::VecDeque;
use std::sync::Arc;

use super::{Job, Phase, Queue};
use crate::aio::Operation;
use crate::error::ErrorKind;

/// What the end of a queue found.
pub(crate) struct Ended<J> {
    /// Why it had ended before.
    pub(crate) before: Option<ErrorKind>,
    pub(crate) jobs: VecDeque<J>,
}

impl<J: Job> Queue<J> {
    /// Ends the queue if this operation is in a system call, because the stream is corrupt then. False
    /// when the call is over, or is that of another operation.
    pub(crate) fn end_if_blocked_in(&self, id: usize) -> bool {
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

    /// Whether no job is accepted any more.
    pub(crate) fn has_ended(&self) -> bool {
        self.state.lock().ended().is_some()
    }
}
