//! Everything one operation needs, in one value that travels: nothing of it is stored on the
//! connection, so operations cannot change one another.

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, Request, Response};

use super::exchange::{Answer, Exchange};
use super::queue::Job;
use super::write::parcel::Parcel;
use crate::aio::{Completer, Notice, Operation, Written};
use crate::background::Call;
use crate::deadline::Deadline;
use crate::error::Error;
use crate::proto::limits::Limits;

pub(crate) struct WriteJob {
    pub(crate) parcel: Parcel,
    pub(crate) deadline: Deadline,
    pub(crate) completer: Completer<Written>,
    exchange: Option<Arc<Exchange>>,
}

impl WriteJob {
    pub(crate) fn new(parcel: Parcel, deadline: Deadline, completer: Completer<Written>) -> Self {
        Self {
            parcel,
            deadline,
            completer,
            exchange: None,
        }
    }

    pub(crate) fn part_of(mut self, exchange: Option<Arc<Exchange>>) -> Self {
        self.exchange = exchange;
        self
    }

    /// The request has this number, or none, for it is not out.
    pub(crate) fn number(&self, number: Option<u64>) {
        if let Some(exchange) = &self.exchange {
            exchange.number(number);
        }
    }

    /// Takes up to `count` bytes that the kernel has accepted off the front; returns the rest.
    pub(crate) fn accept(&mut self, count: usize) -> usize {
        let left = self.parcel.accept(count);
        if left < count {
            let counted = self.parcel.counted();
            self.completer.progress(counted);
            if let Some(exchange) = &self.exchange {
                exchange.progress(counted);
            }
        }
        left
    }

    /// It has not been offered, or nothing of it was taken: the request has no number yet.
    pub(crate) fn withdrawn(&self) {
        if self.parcel.is_message() {
            self.number(None);
        }
    }

    pub(crate) fn succeed(self) -> Notice<Written> {
        let written = Written::new(self.parcel.counted());
        self.completer.finish(Ok(written))
    }
}

impl Job for WriteJob {
    fn id(&self) -> usize {
        self.completer.id()
    }

    fn deadline(&self) -> Deadline {
        self.deadline
    }

    fn set_place(&self, place: u64) {
        self.completer.set_place(place);
    }

    fn set_held(&self, held: bool) {
        self.completer.set_held(held);
    }

    fn is_wanted(&self) -> bool {
        self.completer.is_wanted()
    }

    fn is_cut(&self) -> bool {
        self.parcel.is_begun()
    }

    fn fail(self, error: Error) -> Option<Call> {
        let error = error.with_count(self.parcel.counted());
        let notice = self.completer.finish_for_cause(Err(error));
        let (parcel, exchange) = (self.parcel, self.exchange);
        if notice.is_none() && parcel.is_empty() {
            return None;
        }
        // Users' buffers are dropped where users' closures run.
        Some(Box::new(move || {
            notice.run();
            drop((parcel, exchange));
        }))
    }
}

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
                self.deadline.earlier(answer.exchange.head_deadline())
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
