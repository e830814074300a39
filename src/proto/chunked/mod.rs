//! The chunked transfer coding (RFC 9112 section 7.1).
//!
//! ```text
//! chunked-body = *( line data CRLF ) last-line *( trailer CRLF ) CRLF
//! line         = size [ extensions ] CRLF          ; of size 0: last-line
//! ```
//!
//! Lines and trailers are where peers disagree about where a body ends, so the decoder takes nothing but
//! what the grammar allows; of a response also blanks behind a size, and extensions of any form. It goes
//! from part to part: `line` reads what is before the data of a chunk, with its `extension`s, `trailers`
//! what is after the last chunk. `encode` writes all that surrounds data.
//!
//! Invariants:
//!
//! 1. A byte of framing is consumed when it is seen, however small the pieces are in which the input is
//!    fed. Where the input is cut changes nothing about the outcome.
//! 2. Content is counted, and neither looked at nor copied.
//! 3. Framing is bounded: one line and its extensions, the trailers, and all the lines of a body together
//!    by the data that they announce.
//! 4. A decoder that has failed gives the same error from every call, and never completes.
//! 5. A field that had to be known before the content is neither given nor written as a trailer.

mod decoder;
mod encode;
mod extension;
mod line;
#[cfg(test)]
mod tests;
mod trailers;

pub(crate) use self::decoder::Decoder;
pub(crate) use self::encode::{LAST_CHUNK, chunk_head, last_chunk};
use crate::error::{Error, ErrorKind, Limit};

/// What follows the data of a chunk.
pub(crate) const CHUNK_END: &[u8] = b"\r\n";

/// An error that can be said again.
#[derive(Clone, Copy, Debug)]
enum Failure {
    /// No chunked body.
    Malformed(&'static str),
    /// More than any body may have.
    TooLarge(&'static str),
    /// More than this one may have.
    Limit(Limit),
}

const fn malformed(detail: &'static str) -> Failure {
    Failure::Malformed(detail)
}

const fn too_large(detail: &'static str) -> Failure {
    Failure::TooLarge(detail)
}

impl From<Failure> for Error {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Malformed(detail) => Self::new(ErrorKind::Protocol).with_detail(detail),
            Failure::TooLarge(detail) => Self::new(ErrorKind::TooLarge).with_detail(detail),
            Failure::Limit(limit) => limit.into(),
        }
    }
}

/// The tab is a blank. LF is no line end by itself: where one peer ends a line and another does not,
/// they see different bodies.
fn is_control(byte: u8) -> bool {
    byte != b'\t' && byte.is_ascii_control()
}
