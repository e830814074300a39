//! Everything that one read needs, in one value that travels.

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, Request, Response};

use super::answer::Answer;
use crate::aio::{Completer, Operation};
use crate::background::Call;
use crate::conn::queue::Job;
use crate::deadline::Deadline;
use crate::error::Error;
use crate::proto::limits::Limits;

pub(crate) struct ReadJob {
    pub(crate) want: Want,
    pub(crate) limits: Limits,
    pub(crate) deadline: Deadline,
}

/// What a read asks for, with the completer that takes it.
pub(crate) enum Want {
    /// At least one byte of content and at most this many; none at the end of a body.
    Some(usize, Completer<Bytes>),
    /// Exactly this many.
    All(usize, Completer<Bytes>),
    Trailers(Completer<HeaderMap>),
    Request(Completer<Request<Bytes>>),
    /// The next final response.
    Response(Completer<Response<Bytes>>),
    /// The next response, interim ones too.
    AnyResponse(Completer<Response<Bytes>>),
    /// The response to one request of ours.
    Answer(Box<Answer>, Completer<Response<Bytes>>),
    /// All that comes, to the end of the stream; nobody gets it.
    Rest(Completer<()>),
}

/// Does the same to the completer of whatever type.
macro_rules! with_completer {
    ($want:expr, $completer:ident => $body:expr) => {
        match $want {
            Want::Some(_, $completer) | Want::All(_, $completer) => $body,
            Want::Trailers($completer) => $body,
            Want::Request($completer) => $body,
            Want::Response($completer) | Want::AnyResponse($completer) => $body,
            Want::Answer(_, $completer) => $body,
            Want::Rest($completer) => $body,
        }
    };
}

impl Want {
    pub(crate) fn is_settled(&self) -> bool {
        with_completer!(self, completer => completer.is_settled())
    }

    pub(crate) fn progress(&self, moved: u64) {
        with_completer!(self, completer => completer.progress(moved));
    }
}

impl ReadJob {
    /// Until when the next call may wait.
    pub(crate) fn patience(&self) -> Deadline {
        match &self.want {
            Want::Answer(answer, _) if answer.head.is_none() => {
                self.deadline.earlier(answer.observer.head_deadline())
            }
            _ => self.deadline,
        }
    }

    pub(crate) fn operation(&self) -> Option<Arc<dyn Operation>> {
        with_completer!(&self.want, completer => completer.operation())
    }
}

impl Job for ReadJob {
    fn id(&self) -> usize {
        with_completer!(&self.want, completer => completer.id())
    }

    fn deadline(&self) -> Deadline {
        self.deadline
    }

    fn set_place(&self, place: u64) {
        with_completer!(&self.want, completer => completer.set_place(place));
    }

    fn set_held(&self, held: bool) {
        with_completer!(&self.want, completer => completer.set_held(held));
    }

    fn is_wanted(&self) -> bool {
        with_completer!(&self.want, completer => completer.is_wanted())
    }

    fn is_cut(&self) -> bool {
        false
    }

    fn fail(self, error: Error) -> Option<Call> {
        with_completer!(self.want, completer => completer.finish(Err(error)).into_call())
    }
}
