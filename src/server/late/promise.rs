//! An answer that was promised, and what is told of its end.

use crate::aio::{Completer, Written};
use crate::deadline::Deadline;
use crate::error::{Error, ErrorKind};
use crate::server::answer::Answer;
use crate::timer::Alarm;

/// An answer on its way to whoever has the connection.
pub(in crate::server) struct Promise {
    pub(in crate::server) answer: Answer,
    pub(super) completer: Completer<Written>,
    pub(super) deadline: Deadline,
    /// Dropped with it.
    pub(super) _alarm: Option<Alarm>,
}

impl Promise {
    /// Whether it was given up before it began.
    pub(in crate::server) fn is_void(&self) -> bool {
        self.completer.cause().is_some() || self.deadline.is_past()
    }

    /// It is not going to be kept, for this reason or the one for which it was given up.
    pub(in crate::server) fn refuse(self, reason: ErrorKind) {
        let (_unwanted, fulfilment) = self.into_parts();
        fulfilment.tell(Err(reason.into()));
    }

    /// Parts the answer from what is told of its end.
    pub(in crate::server) fn into_parts(self) -> (Answer, Fulfilment) {
        (self.answer, Fulfilment(self.completer))
    }
}

/// Tells what became of an answer. Dropped, it tells that its thread was lost.
pub(in crate::server) struct Fulfilment(Completer<Written>);

impl Fulfilment {
    pub(in crate::server) fn tell(self, result: Result<Written, Error>) {
        self.0.finish_for_cause(result).post(None);
    }
}
