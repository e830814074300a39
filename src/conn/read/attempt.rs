//! The attempt to complete a read with what has arrived.

use bytes::Bytes;

use super::incoming_body::{Available, IncomingBody};
use super::outcome::{Outcome, Readable};
use crate::aio::Completer;
use crate::error::{Error, ErrorKind};

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
            Attempt::Completed(take_content(body, count.min(most), completer))
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
            Attempt::Completed(take_content(body, count, completer))
        }
        Ok(available) if available.ended => {
            let error = Error::new(ErrorKind::EndOfBody).with_count(available.count as u64);
            Attempt::Completed(Outcome::new(completer, Err(error)))
        }
        Ok(available) => Attempt::NotYet(completer, count - available.count),
    }
}

/// Takes content, unless the read is settled.
fn take_content(body: &mut IncomingBody, count: usize, completer: Completer<Bytes>) -> Outcome {
    if !completer.commit() {
        return Outcome::Settled;
    }
    let bytes = body.take(count);
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
