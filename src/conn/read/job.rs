//! Everything that one read needs, in one value that travels: nothing of it is stored on the connection.

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, Request, Response};

use super::answer::Answer;
use super::attempt::Attempt::{Completed, NotYet};
use super::attempt::{Attempt, complete_all, complete_some, take_head};
use super::incoming::Incoming;
use super::outcome::Outcome;
use super::search::{Found, Search};
use crate::aio::{Completer, Operation};
use crate::background::Call;
use crate::conn::ledger::Ledger;
use crate::conn::queue::Job;
use crate::deadline::Deadline;
use crate::error::Error;
use crate::proto::limits::Limits;

/// Room for what is thrown away.
const DISCARDED: usize = 64 << 10;

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
    /// All that comes, to the end of the stream. It is thrown away.
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
    pub(super) fn is_settled(&self) -> bool {
        with_completer!(self, completer => completer.is_settled())
    }

    fn progress(&self, moved: u64) {
        with_completer!(self, completer => completer.progress(moved));
    }

    /// Whether it asks for a head.
    pub(super) fn is_head(&self) -> bool {
        !matches!(
            self,
            Self::Some(..) | Self::All(..) | Self::Trailers(_) | Self::Rest(_)
        )
    }

    /// See `ReadJob::attempt`.
    fn attempt(
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
            Self::All(count, completer) => {
                let available = incoming.body.available(count, limits);
                complete_all(&mut incoming.body, available, count, completer)
                    .map(|completer| Self::All(count, completer))
            }
            Self::Trailers(completer) => match incoming.body.trailers(limits) {
                Ok(None) => NotYet(Self::Trailers(completer), 0),
                Ok(Some(trailers)) => Completed(Outcome::new(completer, Ok(trailers))),
                Err(error) => Completed(Outcome::new(completer, Err(error))),
            },
            Self::Request(completer) => match incoming.request(search, limits, ledger) {
                Ok(None) => NotYet(Self::Request(completer), 0),
                Ok(Some(found)) => Completed(take_head(completer, found.size, || {
                    incoming.take_request(found, ledger)
                })),
                Err(error) => Completed(Outcome::new(completer, Err(error))),
            },
            Self::AnyResponse(completer) => match incoming.response(search, limits, ledger) {
                Ok(None) => NotYet(Self::AnyResponse(completer), 0),
                Ok(Some(found)) => Completed(take_response(completer, found, incoming, ledger)),
                Err(error) => Completed(Outcome::new(completer, Err(error))),
            },
            Self::Response(completer) => {
                match incoming.final_response(search, limits, ledger, |_| ()) {
                    Ok(None) => NotYet(Self::Response(completer), 0),
                    Ok(Some(found)) => Completed(take_response(completer, found, incoming, ledger)),
                    Err(error) => Completed(Outcome::new(completer, Err(error))),
                }
            }
            Self::Answer(answer, completer) => answer
                .attempt(incoming, search, limits, ledger, completer)
                .map(|(answer, completer)| Self::Answer(answer, completer)),
            Self::Rest(completer) => {
                incoming.body.discard();
                match incoming.body.input.has_ended() {
                    true => Completed(Outcome::new(completer, Ok(()))),
                    false => NotYet(Self::Rest(completer), DISCARDED),
                }
            }
        }
    }
}

impl ReadJob {
    /// Until when the next call may wait.
    pub(super) fn call_deadline(&self) -> Deadline {
        match &self.want {
            Want::Answer(answer, _) => self.deadline.earlier(answer.call_deadline()),
            _ => self.deadline,
        }
    }

    /// Completes the read if there is what it wants, or what it cannot want, or if it has been
    /// settled meanwhile.
    pub(super) fn attempt(
        self,
        incoming: &mut Incoming,
        search: &mut Search,
        ledger: &Ledger,
    ) -> Attempt<Self> {
        let Self {
            want,
            limits,
            deadline,
        } = self;
        incoming.body.observe_upgrade(ledger);
        let attempt = want.attempt(incoming, search, &limits, ledger);
        attempt.map(|want| Self {
            want,
            limits,
            deadline,
        })
    }

    /// Notes how many bytes have arrived towards this read, and returns the number.
    pub(super) fn progress(&self, incoming: &mut Incoming) -> u64 {
        let body = &mut incoming.body;
        let mut content = |want| match body.available(want, &self.limits) {
            Ok(available) => available.count.min(want) as u64,
            Err(error) => error.count(),
        };
        let count = match &self.want {
            Want::Some(count, _) | Want::All(count, _) => content(*count),
            Want::Trailers(_) | Want::Rest(_) => 0,
            Want::Request(_) | Want::Response(_) | Want::AnyResponse(_) | Want::Answer(..) => {
                body.input.raw().len() as u64
            }
        };
        self.want.progress(count);
        count
    }

    /// Fails the read, with what has arrived for it as the count. That stays for the next.
    pub(super) fn fail_at(self, error: Error, incoming: &mut Incoming) -> Outcome {
        let error = error.with_count(self.progress(incoming));
        with_completer!(self.want, completer => Outcome::new(completer, Err(error)))
    }

    pub(super) fn operation(&self) -> Option<Arc<dyn Operation>> {
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

fn take_response(
    completer: Completer<Response<Bytes>>,
    found: Found<Response<Bytes>>,
    incoming: &mut Incoming,
    ledger: &Ledger,
) -> Outcome {
    take_head(completer, found.size, || {
        incoming.take_response(found, ledger)
    })
}
