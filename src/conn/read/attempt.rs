//! The attempt to complete a read with what has arrived.

use bytes::Bytes;
use http::HeaderMap;

use super::incoming_body::{Available, IncomingBody};
use super::outcome::{Outcome, Readable};
use crate::aio::Completer;
use crate::error::{Error, ErrorKind, Limit};
use crate::proto::limits::Limits;

/// What became of an attempt.
pub(super) enum Attempt<T> {
    Completed(Outcome),
    /// The read, given back: it needs more, in calls with this much room.
    NotYet(T, usize),
}

impl<T> Attempt<T> {
    pub(super) fn map<U>(self, back: impl FnOnce(T) -> U) -> Attempt<U> {
        match self {
            Self::Completed(outcome) => Attempt::Completed(outcome),
            Self::NotYet(read, room) => Attempt::NotYet(back(read), room),
        }
    }
}

/// Completes a read of at least one byte and at most `most`, or of the end of a body.
pub(super) fn complete_some(
    body: &mut IncomingBody,
    available: Result<Available, Error>,
    most: usize,
    completer: Completer<Bytes>,
) -> Attempt<Completer<Bytes>> {
    match available {
        Err(error) => Attempt::Completed(Outcome::new(completer, Err(error))),
        Ok(Available { count, ended }) if count > 0 || ended || most == 0 => {
            Attempt::Completed(take_content(body, completer, |body| {
                body.take(count.min(most))
            }))
        }
        Ok(_) => Attempt::NotYet(completer, most),
    }
}

/// Completes a read of exactly `count` bytes.
pub(super) fn complete_all(
    body: &mut IncomingBody,
    available: Result<Available, Error>,
    count: usize,
    completer: Completer<Bytes>,
) -> Attempt<Completer<Bytes>> {
    match available {
        Err(error) => Attempt::Completed(Outcome::new(completer, Err(error))),
        Ok(available) if available.count >= count => {
            Attempt::Completed(take_content(body, completer, |body| body.take(count)))
        }
        Ok(available) if available.ended => {
            let there = available.count;
            let error = Error::new(ErrorKind::EndOfBody)
                .with_count(there as u64)
                .with_words(move |f| {
                    let asked = "that were asked for";
                    write!(
                        f,
                        "the body ended after {there} of the {count} bytes {asked}"
                    )
                });
            Attempt::Completed(Outcome::new(completer, Err(error)))
        }
        Ok(available) => Attempt::NotYet(completer, count - available.count),
    }
}

/// How much of a body is there.
pub(super) enum Collected {
    /// All of it: so many bytes.
    Whole(usize),
    /// It needs more, in calls with this much room.
    NotYet { room: usize },
}

/// Whether the whole body is there. Nothing of it is taken.
///
/// # Errors
///
/// `TooLarge` beyond the limit; what is no body.
pub(super) fn collect(body: &mut IncomingBody, limits: &Limits) -> Result<Collected, Error> {
    let most = usize::try_from(limits.body_bytes).unwrap_or(usize::MAX);
    let available = body.available(most.saturating_add(1), limits)?;
    let length = body.known_length();
    if length.unwrap_or(0) > limits.body_bytes || available.count > most {
        let error = Error::from(Limit::BodyBytes(limits.body_bytes));
        return Err(error.with_count(available.count as u64));
    }
    if available.ended {
        return Ok(Collected::Whole(available.count));
    }
    let left = length.and_then(|left| usize::try_from(left).ok());
    let room = left.map_or(available.count, |left| left - available.count);
    Ok(Collected::NotYet { room })
}

/// Completes a read of the whole body.
pub(super) fn complete_body(
    body: &mut IncomingBody,
    limits: &Limits,
    completer: Completer<Bytes>,
) -> Attempt<Completer<Bytes>> {
    match body.expect_message().and_then(|()| collect(body, limits)) {
        Ok(Collected::Whole(count)) => {
            Attempt::Completed(take_content(body, completer, |body| body.take_last(count)))
        }
        Ok(Collected::NotYet { room }) => Attempt::NotYet(completer, room),
        Err(error) => Attempt::Completed(Outcome::new(completer, Err(error))),
    }
}

/// Completes a read of the trailers.
pub(super) fn complete_trailers(
    body: &mut IncomingBody,
    limits: &Limits,
    completer: Completer<HeaderMap>,
) -> Attempt<Completer<HeaderMap>> {
    match body.trailers(limits) {
        Ok(None) => Attempt::NotYet(completer, 0),
        Ok(Some(trailers)) => Attempt::Completed(Outcome::new(completer, Ok(trailers))),
        Err(error) => Attempt::Completed(Outcome::new(completer, Err(error))),
    }
}

/// Takes content, unless the read is settled.
fn take_content(
    body: &mut IncomingBody,
    completer: Completer<Bytes>,
    take: impl FnOnce(&mut IncomingBody) -> Bytes,
) -> Outcome {
    if !completer.commit() {
        return Outcome::Settled;
    }
    let bytes = take(body);
    completer.progress(bytes.len() as u64);
    Outcome::new(completer, Ok(bytes))
}

/// Takes a head, unless the read is settled.
pub(super) fn take_head<H: Readable>(
    completer: Completer<H>,
    size: usize,
    take: impl FnOnce() -> H,
) -> Outcome {
    if !completer.commit() {
        return Outcome::Settled;
    }
    completer.progress(size as u64);
    Outcome::new(completer, Ok(take()))
}
