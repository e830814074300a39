//! Bytes to message heads (RFC 9112 sections 2 to 5), with `httparse`.
//!
//! A head that is not complete is data, not an error: `Ok(None)`. Whoever feeds the bytes in small
//! pieces does not make us parse the whole again for each: a head is parsed when its end is there,
//! and before that only each time the input has doubled, to refuse early what is no HTTP.
//!
//! `search` decides when to parse, `request` and `response` parse, with what they share in `lines`.
//!
//! Invariants:
//!
//! 1. The input is only looked at: whoever feeds it takes the head out of it, by the size that is given.
//! 2. Where the input is cut changes nothing about the head that is found, or about its size.
//! 3. A head is within the limits for its bytes and its lines, or it is refused, before its end is there
//!    if need be.

mod lines;
mod request;
mod response;
mod search;
mod source;
#[cfg(test)]
mod tests;

pub(super) use self::lines::put_headers;
pub(crate) use self::search::{Head, HeadSearch};
pub(super) use self::source::Source;
