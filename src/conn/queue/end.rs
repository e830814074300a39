//! How a queue comes to its end: no more submissions come, or no job is accepted any more.

use std::collections::VecDeque;
use std::sync::Arc;

use super::{Job, Phase, Queue};
use crate::aio::Operation;
use crate::error::{Error, ErrorKind};

/// Why no job is accepted any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum EndReason {
    /// The connection was closed on our side.
    Closed,
    /// It was closed because nobody could tell what the next response answers.
    ExchangeFailed,
    /// A write has failed in flight, so nothing can follow it.
    WriteFailed,
    /// What was forwarded is not whole.
    ForwardingFailed,
    /// The stream has ended in order.
    StreamEnded,
    ShutDown,
    /// Whoever worked has panicked.
    Lost,
}

impl From<EndReason> for Error {
    fn from(reason: EndReason) -> Self {
        let closed = Self::new(ErrorKind::Closed);
        let detail = match reason {
            EndReason::Closed => return closed,
            EndReason::ExchangeFailed => "an exchange before it failed and closed the connection",
            EndReason::ForwardingFailed => {
                "a message before it was not forwarded whole, which ended the write side"
            }
            EndReason::WriteFailed => "a write before it failed and ended the write side",
            EndReason::StreamEnded => "the write side was ended before it",
            EndReason::ShutDown => "the connection was shut down before it",
            EndReason::Lost => "whoever worked on the connection was lost",
        };
        closed.with_detail(detail)
    }
}

/// What the end of a queue found.
pub(crate) struct Ended<J> {
    /// Why it had ended before.
    pub(crate) before: Option<EndReason>,
    pub(crate) jobs: VecDeque<J>,
}

impl<J: Job> Queue<J> {
    /// Ends the queue if this operation is in a system call, because the stream is corrupt then. False
    /// when the call is over, or is that of another operation.
    pub(crate) fn end_if_blocked_in(&self, id: usize) -> bool {
        let mut state = self.state.lock();
        let found = state.worker.blocks_in(id);
        if found && state.ended().is_none() {
            state.phase = Phase::Ended(EndReason::WriteFailed);
        }
        found
    }

    /// Accepts no more.
    pub(crate) fn end(&self, reason: EndReason) -> Ended<J> {
        let mut state = self.state.lock();
        let before = state.ended();
        state.phase = Phase::Ended(before.unwrap_or(reason));
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

    /// Why no job is accepted any more, if that is so.
    pub(crate) fn ended(&self) -> Option<EndReason> {
        self.state.lock().ended()
    }

    /// Whether no job is accepted any more.
    pub(crate) fn has_ended(&self) -> bool {
        self.ended().is_some()
    }
}
