//! What a read ends with, for whoever asked for it.

use bytes::Bytes;
use http::{HeaderMap, Request, Response};

use crate::aio::Completer;
use crate::background::UserCode;
use crate::error::Error;

/// The result of a read with the completer that takes it. It is notified once the connection is at rest.
pub(super) enum Outcome {
    Bytes(Completer<Bytes>, Result<Bytes, Error>),
    Trailers(Completer<HeaderMap>, Result<HeaderMap, Error>),
    Request(Completer<Request<()>>, Box<Result<Request<()>, Error>>),
    Response(Completer<Response<()>>, Box<Result<Response<()>, Error>>),
    Answer(
        Completer<Response<Bytes>>,
        Box<Result<Response<Bytes>, Error>>,
    ),
    Rest(Completer<()>, Result<(), Error>),
    /// An interruption has settled the read already.
    Settled,
}

impl Outcome {
    pub(super) fn new<T: Readable>(completer: Completer<T>, result: Result<T, Error>) -> Self {
        T::outcome(completer, result)
    }

    /// Completes the read. Returns the closure that is to run, if there is one.
    pub(super) fn notify(self) -> Option<UserCode> {
        match self {
            Self::Bytes(completer, result) => completer.finish(result).into_call(),
            Self::Trailers(completer, result) => completer.finish(result).into_call(),
            Self::Request(completer, result) => completer.finish(*result).into_call(),
            Self::Response(completer, result) => completer.finish(*result).into_call(),
            Self::Answer(completer, result) => completer.finish(*result).into_call(),
            Self::Rest(completer, result) => completer.finish(result).into_call(),
            Self::Settled => None,
        }
    }
}

/// The types that reads yield.
pub(super) trait Readable: Send + Sized + 'static {
    fn outcome(completer: Completer<Self>, result: Result<Self, Error>) -> Outcome;
}

impl Readable for Bytes {
    fn outcome(completer: Completer<Self>, result: Result<Self, Error>) -> Outcome {
        Outcome::Bytes(completer, result)
    }
}

impl Readable for HeaderMap {
    fn outcome(completer: Completer<Self>, result: Result<Self, Error>) -> Outcome {
        Outcome::Trailers(completer, result)
    }
}

impl Readable for Request<()> {
    fn outcome(completer: Completer<Self>, result: Result<Self, Error>) -> Outcome {
        Outcome::Request(completer, Box::new(result))
    }
}

impl Readable for Response<()> {
    fn outcome(completer: Completer<Self>, result: Result<Self, Error>) -> Outcome {
        Outcome::Response(completer, Box::new(result))
    }
}

impl Readable for Response<Bytes> {
    fn outcome(completer: Completer<Self>, result: Result<Self, Error>) -> Outcome {
        Outcome::Answer(completer, Box::new(result))
    }
}

impl Readable for () {
    fn outcome(completer: Completer<Self>, result: Result<Self, Error>) -> Outcome {
        Outcome::Rest(completer, result)
    }
}
