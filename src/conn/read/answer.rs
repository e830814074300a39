//! The read of the response to one request of ours.

use std::sync::Arc;

use bytes::Bytes;
use http::{Response, StatusCode};

use crate::deadline::Deadline;

/// What the owner of the request learns and knows while its response is read.
pub(crate) trait AnswerObserver: Send + Sync {
    /// Whether the request has this number.
    fn has_number(&self, number: u64) -> bool;

    /// Until when the head of the response must have come.
    fn head_deadline(&self) -> Deadline;

    /// An interim response is there. May be said again of the same one.
    fn saw_interim(&self, status: StatusCode);

    /// The final head is there.
    fn saw_answer(&self, status: StatusCode);
}

/// How much of the response is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Extent {
    Head,
    Whole,
}

/// What the read of a response needs besides its completer.
pub(crate) struct Answer {
    pub(crate) observer: Arc<dyn AnswerObserver>,
    pub(crate) extent: Extent,
    /// Taken already; the body is to come.
    pub(crate) head: Option<Response<Bytes>>,
}

impl Answer {
    pub(crate) fn new(observer: Arc<dyn AnswerObserver>, extent: Extent) -> Self {
        Self {
            observer,
            extent,
            head: None,
        }
    }
}
