//! Where a forwarding stands, and what each event means for it. Pure.
//!
//! ```text
//!  begun ──▶ write head ──▶ read a piece ──end──▶ read trailers ──▶ write the end ──▶ done
//!                             │    ▲
//!                             ▼    │
//!                           write it
//! ```
//!
//! A failure ends it, whichever step it is of.

use bytes::Bytes;
use http::HeaderMap;

use crate::aio::Written;
use crate::conn::write::Parcel;
use crate::error::Error;
use crate::proto::body::BodyFraming;
use crate::proto::forward::Options;

/// What is copied.
#[derive(Debug)]
pub(super) enum Source {
    /// The body of the message whose head was read last, without these trailers.
    Body(BodyFraming, Options),
    /// Whatever comes, to the end of the stream.
    Stream,
}

/// How far a forwarding has got.
pub(super) struct Progress {
    /// Until it is written.
    head: Option<Result<Parcel, Error>>,
    source: Source,
    is_ending: bool,
    written: u64,
}

pub(super) enum Event {
    Begun,
    Written(Result<Written, Error>),
    Read(Result<Bytes, Error>),
    ReadTrailers(Result<HeaderMap, Error>),
}

/// What is to be done next.
pub(super) enum Step {
    Write(Result<Parcel, Error>),
    Read,
    ReadTrailers,
    Succeed,
    Fail(Error, Remedy),
}

/// What a failure leaves to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Remedy {
    Nothing,
    /// The receiver must not take what it has got for the whole.
    EndReceiver,
}

impl Progress {
    pub(super) fn new(head: Option<Result<Parcel, Error>>, source: Source) -> Self {
        Self {
            head,
            source,
            is_ending: false,
            written: 0,
        }
    }

    /// Bytes that the receiver has got.
    pub(super) fn written(&self) -> u64 {
        self.written
    }

    pub(super) fn step(&mut self, event: Event) -> Step {
        match event {
            Event::Begun => match self.head.take() {
                Some(Ok(head)) => Step::Write(Ok(head)),
                Some(Err(error)) => self.fail(error),
                None => self.copy(),
            },
            Event::Written(Ok(written)) => {
                self.written += written.count();
                match self.is_ending {
                    true => Step::Succeed,
                    false => self.copy(),
                }
            }
            Event::Written(Err(error)) => {
                self.written += error.count();
                self.fail(error)
            }
            Event::Read(Ok(piece)) if piece.is_empty() => self.at_end(),
            Event::Read(Ok(piece)) => Step::Write(Ok(Parcel::content(piece))),
            Event::Read(Err(error)) if self.is_stream() && error.is_end_of_stream() => {
                self.at_end()
            }
            Event::ReadTrailers(Ok(trailers)) => self.finish(trailers),
            Event::Read(Err(error)) | Event::ReadTrailers(Err(error)) => self.fail(error),
        }
    }

    fn is_stream(&self) -> bool {
        matches!(self.source, Source::Stream)
    }

    /// Goes on with the next piece, if there is anything to read.
    fn copy(&self) -> Step {
        match self.source {
            Source::Body(BodyFraming::None, _) => Step::Succeed,
            Source::Body(..) | Source::Stream => Step::Read,
        }
    }

    /// No content is left.
    fn at_end(&mut self) -> Step {
        match self.source {
            Source::Body(BodyFraming::None | BodyFraming::Exact(_), _) => Step::Succeed,
            Source::Body(BodyFraming::UntilEnd, _) => self.finish(HeaderMap::new()),
            Source::Body(BodyFraming::Chunked, _) => Step::ReadTrailers,
            Source::Stream => self.end_with(Ok(Parcel::close_write())),
        }
    }

    fn finish(&mut self, mut trailers: HeaderMap) -> Step {
        if let Source::Body(_, options) = &self.source {
            options.remove_from(&mut trailers);
        }
        self.end_with(Parcel::finish(&trailers))
    }

    fn end_with(&mut self, parcel: Result<Parcel, Error>) -> Step {
        self.is_ending = true;
        Step::Write(parcel)
    }

    fn fail(&self, error: Error) -> Step {
        let remedy = match self.source {
            Source::Body(..) if self.written > 0 => Remedy::EndReceiver,
            Source::Body(..) | Source::Stream => Remedy::Nothing,
        };
        Step::Fail(error.with_count(self.written), remedy)
    }
}
