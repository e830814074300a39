//! What a read asks for, and the completion of it from what has arrived.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Request, Response};

use super::answer::Answer;
use super::attempt::Attempt::{self, Completed, NotYet};
use super::attempt::{complete_all, complete_body, complete_some, complete_trailers, take_head};
use super::incoming::Incoming;
use super::outcome::Outcome;
use super::search::{Found, Search};
use crate::aio::{Completer, Operation};
use crate::conn::ledger::Ledger;
use crate::deadline::Deadline;
use crate::error::{Error, ErrorKind};
use crate::proto::limits::Limits;
use crate::transport::Departure;

/// Room for what is thrown away.
const DISCARDED: usize = 64 << 10;

/// How long a head may take, from its first byte on; until that comes, the deadline of the read counts.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) enum HeadClock {
    /// The deadline of the read is over all of it.
    #[default]
    Off,
    /// So much of what has arrived is blank lines, which are nothing (RFC 9112 section 2.2).
    Waiting {
        bound: Duration,
        blank: usize,
    },
    Running(Deadline),
}

impl HeadClock {
    pub(crate) fn waiting(bound: Duration) -> Self {
        Self::Waiting { bound, blank: 0 }
    }

    /// Looks at what has arrived since the last time, for the first byte of the head.
    fn seen(self, arrived: &[u8]) -> Self {
        let Self::Waiting { bound, blank } = self else {
            return self;
        };
        let new = arrived.get(blank..).unwrap_or_default();
        match new.iter().position(|byte| !b"\r\n".contains(byte)) {
            Some(_) => Self::Running(Deadline::after(bound)),
            None => Self::Waiting {
                bound,
                blank: blank + new.len(),
            },
        }
    }
}

/// What a read asks for, with the completer that takes it.
pub(crate) enum Want {
    /// At least one byte of content and at most this many; none at the end of a body.
    Some(usize, Completer<Bytes>),
    /// At least one byte and at most this many, of what is no message.
    Stream(usize, Completer<Bytes>),
    /// Exactly this many.
    All(usize, Completer<Bytes>),
    /// The whole rest of the body.
    Body(Completer<Bytes>),
    Trailers(Completer<HeaderMap>),
    Request(Completer<Request<()>>, HeadClock),
    /// The next final response.
    Response(Completer<Response<()>>),
    /// The next response, interim ones too.
    AnyResponse(Completer<Response<()>>),
    /// The response to one request of ours.
    Answer(Box<Answer>, Completer<Response<Bytes>>),
    /// All that comes, to the end of the stream. It is thrown away.
    Rest(Completer<()>),
    /// Nothing but to learn that the peer has gone.
    Departure(Watch, Completer<()>),
}

/// What is known of a departure that is waited for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Watch {
    pub(super) what: Departure,
    pub(super) is_over: bool,
}

/// Does the same to the completer of whatever type.
macro_rules! with_completer {
    ($want:expr, $completer:ident => $body:expr) => {
        match $want {
            Want::Some(_, $completer)
            | Want::Stream(_, $completer)
            | Want::All(_, $completer)
            | Want::Body($completer) => $body,
            Want::Trailers($completer) => $body,
            Want::Request($completer, _) => $body,
            Want::Response($completer) | Want::AnyResponse($completer) => $body,
            Want::Answer(_, $completer) => $body,
            Want::Rest($completer) | Want::Departure(_, $completer) => $body,
        }
    };
}

impl Watch {
    pub(crate) fn new(what: Departure) -> Self {
        Self {
            what,
            is_over: false,
        }
    }
}

impl Want {
    pub(super) fn is_settled(&self) -> bool {
        with_completer!(self, completer => completer.is_settled())
    }

    /// What an interruption has left to whoever serves it.
    pub(super) fn cause(&self) -> Option<ErrorKind> {
        with_completer!(self, completer => completer.cause())
    }

    pub(super) fn is_wanted(&self) -> bool {
        with_completer!(self, completer => completer.is_wanted())
    }

    pub(super) fn id(&self) -> usize {
        with_completer!(self, completer => completer.id())
    }

    pub(super) fn operation(&self) -> Option<Arc<dyn Operation>> {
        with_completer!(self, completer => completer.operation())
    }

    pub(super) fn set_place(&self, place: u64) {
        with_completer!(self, completer => completer.set_place(place));
    }

    pub(super) fn set_held(&self, held: bool) {
        with_completer!(self, completer => completer.set_held(held));
    }

    /// What it ends with if it fails.
    pub(super) fn fail(self, error: Error) -> Outcome {
        with_completer!(self, completer => Outcome::new(completer, Err(error)))
    }

    /// Notes how many bytes have arrived towards it, and returns the number.
    pub(super) fn progress(&self, incoming: &mut Incoming, limits: &Limits) -> u64 {
        let body = &mut incoming.body;
        let mut content = |want| match body.available(want, limits) {
            Ok(available) => available.count.min(want) as u64,
            Err(error) => error.count(),
        };
        let count = match self {
            Self::Some(count, _) | Self::Stream(count, _) | Self::All(count, _) => content(*count),
            Self::Body(_) => content(usize::try_from(limits.body_bytes).unwrap_or(usize::MAX)),
            Self::Trailers(_) | Self::Rest(_) | Self::Departure(..) => 0,
            Self::Request(..) | Self::Response(_) | Self::AnyResponse(_) | Self::Answer(..) => {
                body.input.raw().len() as u64
            }
        };
        with_completer!(self, completer => completer.progress(count));
        count
    }

    /// Whether it asks for a head.
    pub(super) fn is_head(&self) -> bool {
        !matches!(
            self,
            Self::Some(..)
                | Self::Stream(..)
                | Self::All(..)
                | Self::Body(_)
                | Self::Trailers(_)
                | Self::Rest(_)
                | Self::Departure(..)
        )
    }

    /// Completes the read if there is what it wants, or what it cannot want, or if it has been settled
    /// meanwhile.
    pub(super) fn attempt(
        self,
        incoming: &mut Incoming,
        search: &mut Search,
        limits: &Limits,
        ledger: &Ledger,
    ) -> Attempt<Self> {
        if self.is_settled() {
            return Completed(Outcome::Settled);
        }
        match self {
            Self::Some(most, completer) => {
                let available = incoming.body.available_now(most, limits);
                complete_some(&mut incoming.body, available, most, completer)
                    .map(|completer| Self::Some(most, completer))
            }
            Self::Stream(most, completer) => {
                let available = incoming.body.available_stream(limits);
                complete_some(&mut incoming.body, available, most, completer)
                    .map(|completer| Self::Stream(most, completer))
            }
            Self::All(count, completer) => {
                let available = incoming.body.available(count, limits);
                complete_all(&mut incoming.body, available, count, completer)
                    .map(|completer| Self::All(count, completer))
            }
            Self::Body(completer) => {
                complete_body(&mut incoming.body, limits, completer).map(Self::Body)
            }
            Self::Trailers(completer) => {
                complete_trailers(&mut incoming.body, limits, completer).map(Self::Trailers)
            }
            Self::Request(completer, clock) => {
                let found = incoming.request(search, limits, ledger);
                complete_request(incoming, found, ledger, completer).map(|completer| {
                    Self::Request(completer, clock.seen(incoming.body.input.raw()))
                })
            }
            Self::AnyResponse(completer) => {
                let found = incoming.response(search, limits, ledger);
                complete_response(incoming, found, ledger, completer).map(Self::AnyResponse)
            }
            Self::Response(completer) => {
                let found = incoming.final_response(search, limits, ledger, |_| ());
                complete_response(incoming, found, ledger, completer).map(Self::Response)
            }
            Self::Answer(answer, completer) => answer
                .attempt(incoming, search, limits, ledger, completer)
                .map(|(answer, completer)| Self::Answer(answer, completer)),
            Self::Rest(completer) => {
                incoming.body.discard();
                let has_ended = incoming.body.input.has_ended();
                complete_when(has_ended, completer, DISCARDED).map(Self::Rest)
            }
            Self::Departure(watch, completer) => {
                let is_over = watch.is_over || incoming.body.input.tells_of(watch.what);
                complete_when(is_over, completer, 0)
                    .map(|completer| Self::Departure(watch, completer))
            }
        }
    }
}

fn take_response(
    completer: Completer<Response<()>>,
    found: Found<Response<()>>,
    incoming: &mut Incoming,
    ledger: &Ledger,
) -> Outcome {
    take_head(completer, found.extent.size, || {
        incoming.take_response(found, ledger)
    })
}

fn complete_request(
    incoming: &mut Incoming,
    found: Result<Option<Found<Request<()>>>, Error>,
    ledger: &Ledger,
    completer: Completer<Request<()>>,
) -> Attempt<Completer<Request<()>>> {
    match found {
        Ok(None) => NotYet(completer, 0),
        Ok(Some(found)) => Completed(take_head(completer, found.extent.size, || {
            incoming.take_request(&found.head, found.extent, ledger);
            found.head
        })),
        Err(error) => Completed(Outcome::new(completer, Err(error))),
    }
}

fn complete_response(
    incoming: &mut Incoming,
    found: Result<Option<Found<Response<()>>>, Error>,
    ledger: &Ledger,
    completer: Completer<Response<()>>,
) -> Attempt<Completer<Response<()>>> {
    match found {
        Ok(None) => NotYet(completer, 0),
        Ok(Some(found)) => Completed(take_response(completer, found, incoming, ledger)),
        Err(error) => Completed(Outcome::new(completer, Err(error))),
    }
}

fn complete_when(is_over: bool, completer: Completer<()>, room: usize) -> Attempt<Completer<()>> {
    match is_over {
        true => Completed(Outcome::new(completer, Ok(()))),
        false => NotYet(completer, room),
    }
}
