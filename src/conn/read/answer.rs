//! The read of the response to one request of ours.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Response, StatusCode};

use super::attempt::{Attempt, Collected, collect, take_head};
use super::incoming::Incoming;
use super::incoming_body::{IncomingBody, unsolicited};
use super::outcome::Outcome;
use super::search::Search;
use crate::aio::Completer;
use crate::conn::ledger::Ledger;
use crate::deadline::Deadline;
use crate::error::{Error, ErrorKind, Limit};
use crate::proto::limits::Limits;

/// What the owner of the request learns and knows while its response is read.
pub(crate) trait AnswerObserver: Send + Sync {
    /// Whether the request has this number.
    fn has_number(&self, number: u64) -> bool;

    /// Until when the head of the response must have come.
    fn head_deadline(&self) -> Deadline;

    /// How long it was given.
    fn head_timeout(&self) -> Option<Duration>;

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
    head: Option<Response<()>>,
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

    /// Why it fails when that has passed.
    pub(super) fn timed_out(&self) -> Error {
        match self.observer.head_timeout() {
            Some(after) => Limit::HeadTimeout(after).into(),
            None => ErrorKind::TimedOut.into(),
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
            let seen = |interim: &Response<()>| self.observer.saw_interim(interim.status());
            match incoming.final_response(search, limits, ledger, seen) {
                Ok(None) => return Attempt::NotYet((self, completer), 0),
                Err(error) => return failed(completer, error),
                Ok(Some(_)) if !self.observer.has_number(incoming.next_number()) => {
                    return failed(completer, unsolicited());
                }
                Ok(Some(found)) => {
                    self.observer.saw_answer(found.head.status());
                    if self.extent == Extent::Head {
                        return Attempt::Completed(take_head(completer, found.extent.size, || {
                            incoming.take_response(found, ledger).map(|()| Bytes::new())
                        }));
                    }
                    // Nothing gives it back: an exchange that fails from here on closes the connection.
                    self.head = Some(incoming.take_response(found, ledger));
                }
            }
        }
        self.finish(&mut incoming.body, limits, completer)
    }

    /// Completes the read if the whole body is there.
    fn finish(
        self: Box<Self>,
        body: &mut IncomingBody,
        limits: &Limits,
        completer: Completer<Response<Bytes>>,
    ) -> Attempt<Unanswered> {
        if body.is_raw() {
            return self.deliver(Bytes::new(), completer);
        }
        match collect(body, limits) {
            Ok(Collected::Whole(count)) => {
                let content = body.take_last(count);
                self.deliver(content, completer)
            }
            Ok(Collected::NotYet { room }) => Attempt::NotYet((self, completer), room),
            Err(error) => failed(completer, error),
        }
    }

    fn deliver(self, content: Bytes, completer: Completer<Response<Bytes>>) -> Attempt<Unanswered> {
        let result = match self.head {
            Some(head) => Ok(head.map(|()| content)),
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
