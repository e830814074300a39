//! Where a forwarding stands, and what each event means for it. Pure.
//!
//! ```text
//!  begun ──▶ write head ──▶ read a piece ──end──▶ read trailers ──▶ write the end ──▶ done
//!                             │    ▲
//!                             ▼    │
//!                           write it
//! ```
//!
//! A failure ends it, whichever step it is of. Where the receiver asked for a head alone, what is read is thrown
//! away; and whatever was sent and asked for, the end is written if the receiver still waits for something.

use bytes::{Buf, Bytes};
use http::HeaderMap;

use crate::aio::Written;
use crate::conn::read::Beginning;
use crate::conn::write::Parcel;
use crate::error::Error;
use crate::proto::body::BodyFraming;
use crate::proto::forward::Options;

/// What is copied.
#[derive(Debug)]
enum Source {
    /// So much of a body, without these trailers.
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
    /// What was taken and is being written, where it can be put back: of a stream, and behind a head.
    piece: Bytes,
}

/// What the receiver has got so far.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Receiver {
    /// A message that is not complete.
    Waits,
    /// Whole messages, or what is no message.
    IsServed,
}

pub(super) enum Event {
    Begun,
    Written(Result<Written, Error>),
    Read(Result<Bytes, Error>),
    ReadTrailers(Result<HeaderMap, Error>),
}

impl Event {
    /// Bytes of content that have come with it.
    pub(super) fn arrived(&self) -> u64 {
        match self {
            Self::Read(Ok(piece)) => piece.len() as u64,
            _ => 0,
        }
    }
}

/// What is to be done next.
pub(super) enum Step {
    Write(Result<Parcel, Error>),
    Read,
    /// What is no message.
    ReadStream,
    ReadTrailers,
    Succeed,
    Fail(Error, Remedy),
}

/// What a failure leaves to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Remedy {
    /// The receiver must not take what it has got for the whole.
    EndReceiver,
    /// What was taken and not written, if there is any, can be read again.
    PutBack(Bytes),
}

impl Progress {
    /// Of a head with nothing behind it.
    pub(super) fn of_head(head: Result<Parcel, Error>) -> Self {
        Self::new(
            Some(head),
            Source::Body(BodyFraming::None, Options::default()),
        )
    }

    /// Of a message: its head, and what has come of its body.
    pub(super) fn of_message(head: Result<(Parcel, Options), Error>, beginning: Beginning) -> Self {
        let Beginning { framing, content } = beginning;
        let left = match framing {
            BodyFraming::Exact(length) => {
                BodyFraming::Exact(length.saturating_sub(content.len() as u64))
            }
            other => other,
        };
        let (head, options) = match head {
            Ok((head, options)) => (Ok(head.with_beginning(content.clone())), options),
            Err(error) => (Err(error), Options::default()),
        };
        let mut progress = Self::new(Some(head), Source::Body(left, options));
        progress.piece = content;
        progress
    }

    pub(super) fn of_stream() -> Self {
        Self::new(None, Source::Stream)
    }

    fn new(head: Option<Result<Parcel, Error>>, source: Source) -> Self {
        Self {
            head,
            source,
            is_ending: false,
            written: 0,
            piece: Bytes::new(),
        }
    }

    /// Bytes that the receiver has got.
    pub(super) fn written(&self) -> u64 {
        self.written
    }

    pub(super) fn step(&mut self, event: Event, receiver: Receiver) -> Step {
        match event {
            Event::Begun => match self.head.take() {
                Some(Ok(head)) => Step::Write(Ok(head)),
                Some(Err(error)) => self.fail(error),
                None => Step::ReadStream,
            },
            Event::Written(Ok(written)) => {
                self.written += written.count();
                self.piece.clear();
                match self.is_ending {
                    true => Step::Succeed,
                    false => self.copy(receiver),
                }
            }
            Event::Written(Err(error)) => {
                self.written += error.count();
                let count = usize::try_from(error.count()).unwrap_or(usize::MAX);
                self.piece.advance(count.min(self.piece.len()));
                self.fail(error)
            }
            Event::Read(Ok(piece)) if self.is_stream() => {
                self.piece = piece.clone();
                Step::Write(Ok(Parcel::stream(piece)))
            }
            Event::Read(Ok(piece)) if piece.is_empty() => self.end(receiver),
            Event::Read(Ok(piece)) => self.pass(piece, receiver),
            Event::Read(Err(error)) if self.is_stream() && error.is_end_of_stream() => {
                self.end_with(Ok(Parcel::close_write()))
            }
            Event::ReadTrailers(Ok(trailers)) => self.finish(trailers, receiver),
            Event::Read(Err(error)) | Event::ReadTrailers(Err(error)) => self.fail(error),
        }
    }

    fn is_stream(&self) -> bool {
        matches!(self.source, Source::Stream)
    }

    /// Goes on with the next piece, if there is anything to read.
    fn copy(&mut self, receiver: Receiver) -> Step {
        match self.source {
            Source::Body(BodyFraming::None | BodyFraming::Exact(0), _) => self.end(receiver),
            Source::Body(..) => Step::Read,
            Source::Stream => Step::ReadStream,
        }
    }

    fn pass(&mut self, piece: Bytes, receiver: Receiver) -> Step {
        if let Source::Body(BodyFraming::Exact(left), _) = &mut self.source {
            *left = left.saturating_sub(piece.len() as u64);
        }
        match receiver {
            Receiver::IsServed => self.copy(receiver),
            Receiver::Waits => Step::Write(Ok(Parcel::content(piece))),
        }
    }

    /// No content is left.
    fn end(&mut self, receiver: Receiver) -> Step {
        match self.source {
            Source::Body(BodyFraming::Chunked, _) => Step::ReadTrailers,
            Source::Body(..) | Source::Stream => self.finish(HeaderMap::new(), receiver),
        }
    }

    fn finish(&mut self, mut trailers: HeaderMap, receiver: Receiver) -> Step {
        if receiver == Receiver::IsServed {
            return Step::Succeed;
        }
        if let Source::Body(_, options) = &self.source {
            options.remove_from(&mut trailers);
        }
        self.end_with(Parcel::finish(&trailers))
    }

    fn end_with(&mut self, parcel: Result<Parcel, Error>) -> Step {
        self.is_ending = true;
        Step::Write(parcel)
    }

    fn fail(&mut self, error: Error) -> Step {
        let remedy = match self.source {
            Source::Body(..) if self.written > 0 => Remedy::EndReceiver,
            Source::Body(..) | Source::Stream => Remedy::PutBack(std::mem::take(&mut self.piece)),
        };
        Step::Fail(error.with_written_count(self.written), remedy)
    }
}
