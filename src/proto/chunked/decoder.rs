//! The decoder of chunked bodies: says of an input what of it is framing and what is content. It keeps
//! no content and copies none.

use http::HeaderMap;

use super::line::Line;
use super::trailers::Trailers;
use super::{Failure, malformed};
use crate::error::Error;
use crate::proto::Kind;
use crate::proto::limits::Limits;

/// Finds the content of a chunked body.
#[derive(Debug)]
pub(crate) struct Decoder {
    state: State,
    line: Line,
    trailer_lines: Trailers,
    /// What they were, until it is taken.
    trailers: HeaderMap,
}

/// What lies at the front of an input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Step {
    /// Bytes of framing.
    pub(crate) skip: usize,
    /// Bytes of content after them.
    pub(crate) content: usize,
}

/// What comes next.
#[derive(Clone, Copy, Debug)]
enum State {
    /// More of the line before a chunk.
    Line,
    /// So much data of a chunk.
    Data(u64),
    /// The CR after it, and then the LF.
    DataEnd,
    DataEndLf,
    /// More of what follows the last chunk.
    Trailers,
    Complete,
    Failed(Failure),
}

impl Decoder {
    pub(crate) fn new(kind: Kind) -> Self {
        Self {
            state: State::Line,
            line: Line::new(kind),
            trailer_lines: Trailers::new(kind),
            trailers: HeaderMap::new(),
        }
    }

    /// Looks at `input`: at its front lie `skip` bytes of framing and then `content` bytes of one
    /// chunk's data, at most `most`. Both count as consumed; the next call gets what is after them.
    ///
    /// Both are 0 if `input` is empty, if `most` is 0 and data comes next, or if the body is complete.
    ///
    /// # Errors
    ///
    /// `Protocol` or `TooLarge`, and the same again from every call after it.
    pub(crate) fn decode(
        &mut self,
        input: &[u8],
        most: usize,
        limits: &Limits,
    ) -> Result<Step, Error> {
        for (skip, &byte) in input.iter().enumerate() {
            match self.state {
                State::Data(left) => {
                    let content = self.content(left, most.min(input.len() - skip));
                    return Ok(Step { skip, content });
                }
                State::Complete => return Ok(Step { skip, content: 0 }),
                State::Failed(failure) => return Err(failure.into()),
                _ => self.state = self.framing(byte, limits).unwrap_or_else(State::Failed),
            }
        }
        match self.state {
            State::Failed(failure) => Err(failure.into()),
            _ => Ok(Step {
                skip: input.len(),
                content: 0,
            }),
        }
    }

    pub(crate) fn is_complete(&self) -> bool {
        matches!(self.state, State::Complete)
    }

    /// Whether it is, and nothing came after the last chunk.
    pub(crate) fn is_complete_without_trailers(&self) -> bool {
        self.is_complete() && self.trailers.is_empty()
    }

    /// What came after the last chunk, without what is not allowed there. Empty before the body is
    /// complete, and the second time.
    pub(crate) fn take_trailers(&mut self) -> HeaderMap {
        std::mem::take(&mut self.trailers)
    }

    fn content(&mut self, left: u64, available: usize) -> usize {
        let content = usize::try_from(left).map_or(available, |left| left.min(available));
        self.state = match left - content as u64 {
            0 => State::DataEnd,
            left => State::Data(left),
        };
        content
    }

    fn framing(&mut self, byte: u8, limits: &Limits) -> Result<State, Failure> {
        match self.state {
            State::Line => Ok(match self.line.take(byte, limits)? {
                None => State::Line,
                Some(0) => State::Trailers,
                Some(size) => State::Data(size),
            }),
            State::DataEnd => data_end(byte),
            State::DataEndLf => data_end_lf(byte),
            State::Trailers => self.trailer(byte, limits),
            State::Data(_) | State::Complete | State::Failed(_) => Ok(self.state),
        }
    }

    fn trailer(&mut self, byte: u8, limits: &Limits) -> Result<State, Failure> {
        let Some(trailers) = self.trailer_lines.take(byte, limits)? else {
            return Ok(State::Trailers);
        };
        self.trailers = trailers;
        Ok(State::Complete)
    }
}

fn data_end(byte: u8) -> Result<State, Failure> {
    match byte {
        b'\r' => Ok(State::DataEndLf),
        _ => Err(malformed("the data of a chunk is longer than its size")),
    }
}

fn data_end_lf(byte: u8) -> Result<State, Failure> {
    match byte {
        b'\n' => Ok(State::Line),
        _ => Err(malformed("the data of a chunk is longer than its size")),
    }
}
