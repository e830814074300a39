//! The read of the response to one request of ours.

use std::sync::Arc;

use bytes::Bytes;
use http::{Response, StatusCode};

use super::attempt::{Attempt, take_head};
use super::incoming::Incoming;
use super::incoming_body::{IncomingBody, unsolicited};
use super::outcome::Outcome;
use super::search::Search;
use crate::aio::Completer;
use crate::conn::ledger::Ledger;
use crate::deadline::Deadline;
use crate::error::{Error, ErrorKind};
use crate::proto::limits::Limits;

/// What the owner of the request learns and knows while its response is read.
pub(crate) trait AnswerObserver: Send + Sync {
    /// Whether the request has this number.
    fn has_number(&self, number: u64) -> bool;

    /// Until when the head of the response must have come.
    fn head_deadline(&self) -> Deadline;

    /// An interim response is there.
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
    observer: Arc<dyn AnswerObserver>,
    extent: Extent,
    /// It was taken already, and the body is to come.
    head: Option<Response<Bytes>>,
}

impl Answer {
    pub(crate) fn new(observer: Arc<dyn AnswerObserver>, extent: Extent) -> Self {
        Self {
            observer,
            extent,
            head: None,
        }
    }

    /// Until when the next call may wait, besides the deadline of the read.
    pub(super) fn call_deadline(&self) -> Deadline {
        match self.head {
            None => self.observer.head_deadline(),
            Some(_) => Deadline::Never,
        }
    }

    /// Completes the read if the answer is there as far as it is wanted.
    pub(super) fn attempt(
        mut self: Box<Self>,
        incoming: &mut Incoming,
        search: &mut Search,
        limits: &Limits,
        ledger: &Ledger,
        completer: Completer<Response<Bytes>>,
    ) -> Attempt<Unanswered> {
        if self.head.is_none() {
            let seen = |interim: &Response<Bytes>| self.observer.saw_interim(interim.status());
            match incoming.final_response(search, limits, ledger, seen) {
                Ok(None) => return Attempt::NotYet((self, completer), 0),
                Err(error) => return failed(completer, error),
                Ok(Some(_)) if !self.observer.has_number(incoming.next_answer()) => {
                    return failed(completer, unsolicited());
                }
                Ok(Some(found)) => {
                    self.observer.saw_answer(found.head.status());
                    if self.extent == Extent::Head {
                        return Attempt::Completed(take_head(completer, found.size, || {
                            incoming.take_response(found, ledger)
                        }));
                    }
                    // Nothing gives it back: an exchange that fails from here on closes the connection.
                    self.head = Some(incoming.take_response(found, ledger));
                }
            }
        }
        self.collect(&mut incoming.body, limits, completer)
    }

    /// Completes the read if the whole body is there.
    fn collect(
        self: Box<Self>,
        body: &mut IncomingBody,
        limits: &Limits,
        completer: Completer<Response<Bytes>>,
    ) -> Attempt<Unanswered> {
        if body.is_raw() {
            return self.deliver(Bytes::new(), completer);
        }
        let most = usize::try_from(limits.body_bytes).unwrap_or(usize::MAX);
        let available = match body.available(most.saturating_add(1), limits) {
            Ok(available) => available,
            Err(error) => return failed(completer, error),
        };
        let length = body.known_length();
        if length.unwrap_or(0) > limits.body_bytes || available.count > most {
            let error = Error::new(ErrorKind::TooLarge).with_detail("a body");
            return failed(completer, error);
        }
        if !available.ended {
            let left = length.and_then(|left| usize::try_from(left).ok());
            let room = left.map_or(available.count, |left| left - available.count);
            return Attempt::NotYet((self, completer), room);
        }
        let content = body.take(available.count);
        // What is left is the end of it, and trailers.
        match body.available(1, limits) {
            Ok(_) => self.deliver(content, completer),
            Err(error) => failed(completer, error),
        }
    }

    fn deliver(self, content: Bytes, completer: Completer<Response<Bytes>>) -> Attempt<Unanswered> {
        let result = match self.head {
            Some(head) => Ok(head.map(|_| content)),
            None => Err(ErrorKind::Abandoned.into()),
        };
        Attempt::Completed(Outcome::new(completer, result))
    }
}

/// An answer that is not there yet, with the completer that takes it.
type Unanswered = (Box<Answer>, Completer<Response<Bytes>>);

fn failed(completer: Completer<Response<Bytes>>, error: Error) -> Attempt<Unanswered> {
    Attempt::Completed(Outcome::new(completer, Err(error)))
}
