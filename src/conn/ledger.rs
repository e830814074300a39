//! What one direction must know of the messages of the other: which request a response answers
//! decides about its body, an upgrade ends HTTP for both, and after a message that announces the
//! close neither goes on.
//!
//! Requests and responses are counted, from 0, each where it is written and where it is read, so
//! that an entry cannot be mistaken for another's. Only the requests that matter are kept. The exchanges
//! of the connection are counted besides.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};

use http::{Method, Request, Version};
use parking_lot::Mutex;

use crate::error::{Error, ErrorKind};
use crate::proto::body::BodyFraming;
use crate::proto::framing::Asked;

#[derive(Debug, Default)]
pub(crate) struct Ledger {
    /// Requests that we wrote; the reader looks them up.
    pub(crate) written: Requests,
    /// Requests that we read; the writer looks them up.
    pub(crate) read: Requests,
    /// How the body of the message that was read last is delimited.
    pub(crate) incoming: Mutex<BodyFraming>,
    /// No message follows: what is written and read is no longer HTTP.
    pub(crate) upgraded: Flag,
    /// The writer is in the middle of a message.
    pub(crate) writing: Flag,
    /// Whoever reads, and waits for more, is in the middle of a message, or has input for nobody.
    pub(crate) reading: Flag,
    /// The connection is being shut down: nothing more is submitted.
    pub(crate) shutting_down: Flag,
}

impl Ledger {
    /// Whether no further exchange may begin: a message announced that the connection closes after it,
    /// or it is being shut down.
    pub(crate) fn is_closing(&self) -> bool {
        self.written.are_limited() || self.read.are_limited() || self.shutting_down.is_set()
    }
}

/// Why a body does not go on whose request was answered, and not with a success (RFC 9112 section 9.5).
pub(crate) fn answered_early() -> Error {
    let detail = "the request was answered, with no success, before its body was out";
    Error::new(ErrorKind::Closed).with_detail(detail)
}

/// Why no message follows one that announced the close (RFC 9112 section 9.6).
pub(crate) fn close_announced() -> Error {
    let detail = "a message announced that the connection closes after it";
    Error::new(ErrorKind::Closed).with_detail(detail)
}

/// What of a request decides about its response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Note {
    pub(crate) asked: Asked,
    pub(crate) version: Version,
    /// A CONNECT that announced the close: unless it opens a tunnel, its response is the last thing here.
    pub(crate) is_last: bool,
}

impl Note {
    pub(crate) fn of<B>(request: &Request<B>, persists: bool) -> Self {
        Self {
            asked: request.method().into(),
            version: request.version(),
            is_last: request.method() == Method::CONNECT && !persists,
        }
    }
}

impl From<Asked> for Note {
    /// Of a request of our own: we know the answers to it.
    fn from(asked: Asked) -> Self {
        Self {
            asked,
            version: Version::HTTP_11,
            is_last: false,
        }
    }
}

/// No request has this number.
pub(crate) const NO_NUMBER: u64 = u64::MAX;

/// The requests of one direction.
#[derive(Debug)]
pub(crate) struct Requests {
    /// Those that make their responses special.
    notes: Mutex<VecDeque<(u64, Note)>>,
    /// There are some.
    has_notes: Flag,
    sent: AtomicU64,
    answered: AtomicU64,
    /// The first number that no request has, because a message announced the close.
    end: AtomicU64,
    /// The request whose body is being written.
    in_body: AtomicU64,
    /// The request whose body is not to go on, because it was answered, and not with a success.
    refused: AtomicU64,
}

impl Requests {
    /// The heads of so many are out, or have been read.
    pub(crate) fn sent(&self, count: u64) {
        self.sent.store(count, Ordering::Release);
    }

    /// The body of this request is being written, or none.
    pub(crate) fn set_in_body(&self, number: Option<u64>) {
        let number = number.unwrap_or(NO_NUMBER);
        self.in_body.store(number, Ordering::Release);
    }

    /// Whether the body of this request is being written.
    pub(crate) fn is_in_body(&self, number: u64) -> bool {
        self.in_body.load(Ordering::Acquire) == number
    }

    /// Whether this request is out with its body.
    pub(crate) fn is_out(&self, number: u64) -> bool {
        // What is not in its body any more has been in it before it was sent.
        self.sent.load(Ordering::Acquire) > number && !self.is_in_body(number)
    }

    /// The body of this request is not to go on.
    pub(crate) fn refuse(&self, number: u64) {
        self.refused.store(number, Ordering::Release);
    }

    pub(crate) fn is_refused(&self, number: u64) -> bool {
        self.refused.load(Ordering::Acquire) == number
    }

    /// So many have their final response, and are forgotten.
    pub(crate) fn answered(&self, count: u64) {
        self.answered.store(count, Ordering::Release);
        if self.has_notes.is_set() {
            let mut notes = self.notes.lock();
            while notes.front().is_some_and(|(noted, _)| *noted < count) {
                notes.pop_front();
            }
            self.has_notes.set(!notes.is_empty());
        }
    }

    /// No request has this number or a higher one, and none has a response.
    pub(crate) fn end_at(&self, number: u64) {
        self.end.fetch_min(number, Ordering::AcqRel);
    }

    /// Whether there may be a request of this number, and a response to it.
    pub(crate) fn admit(&self, number: u64) -> bool {
        number < self.end.load(Ordering::Acquire)
    }

    fn are_limited(&self) -> bool {
        !self.admit(u64::MAX - 1)
    }

    /// Whether a response is still to come for one of them. A response that nobody asked for owes
    /// nothing.
    pub(crate) fn owe(&self) -> bool {
        self.answered.load(Ordering::Acquire) < self.sent.load(Ordering::Acquire)
    }

    /// The request with this number, which is the latest; replaces what was noted of later ones, for
    /// these were not sent.
    pub(crate) fn note(&self, number: u64, note: Note) {
        let is_special = note != Asked::Other.into();
        if !is_special && !self.has_notes.is_set() {
            return;
        }
        let mut notes = self.notes.lock();
        while notes.back().is_some_and(|(noted, _)| *noted >= number) {
            notes.pop_back();
        }
        if is_special {
            notes.push_back((number, note));
        }
        self.has_notes.set(!notes.is_empty());
    }

    /// What is known of the request with this number, as long as it is not answered.
    pub(crate) fn look_up(&self, number: u64) -> Note {
        if !self.has_notes.is_set() {
            return Asked::Other.into();
        }
        let notes = self.notes.lock();
        let note = notes.iter().find(|(noted, _)| *noted == number);
        note.map_or(Asked::Other.into(), |(_, note)| *note)
    }
}

impl Default for Requests {
    fn default() -> Self {
        Self {
            notes: Mutex::default(),
            has_notes: Flag::default(),
            sent: AtomicU64::new(0),
            answered: AtomicU64::new(0),
            end: AtomicU64::new(u64::MAX),
            in_body: AtomicU64::new(NO_NUMBER),
            refused: AtomicU64::new(NO_NUMBER),
        }
    }
}

/// The exchanges of a connection, counted.
#[derive(Debug, Default)]
pub(crate) struct Exchanges {
    running: AtomicUsize,
    /// Exchanges so far.
    begun: AtomicU64,
}

impl Exchanges {
    pub(super) fn begin(&self) {
        self.running.fetch_add(1, Ordering::AcqRel);
        self.begun.fetch_add(1, Ordering::AcqRel);
    }

    pub(super) fn end(&self) {
        self.running.fetch_sub(1, Ordering::AcqRel);
    }

    pub(super) fn are_running(&self) -> bool {
        self.running.load(Ordering::Acquire) != 0
    }

    /// How many have begun so far.
    pub(super) fn begun(&self) -> u64 {
        self.begun.load(Ordering::Acquire)
    }
}

#[derive(Debug, Default)]
pub(crate) struct Flag(AtomicBool);

impl Flag {
    pub(crate) fn is_set(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }

    pub(crate) fn set(&self, value: bool) {
        self.0.store(value, Ordering::Release);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_that_was_not_sent_is_replaced() {
        let requests = Requests::default();
        requests.note(0, Asked::Head.into());
        requests.note(1, Asked::Head.into());
        requests.note(1, Asked::Other.into());
        requests.note(2, Asked::Connect.into());
        let found: Vec<_> = (0..4)
            .map(|number| requests.look_up(number).asked)
            .collect();
        assert_eq!(
            found,
            [Asked::Head, Asked::Other, Asked::Connect, Asked::Other]
        );
        // Looked at ahead of time, and put off.
        assert_eq!(requests.look_up(0).asked, Asked::Head);
        requests.answered(1);
        assert_eq!(requests.look_up(0).asked, Asked::Other);
        assert_eq!(requests.look_up(2).asked, Asked::Connect);
    }

    #[test]
    fn the_earliest_end_holds() {
        let ledger = Ledger::default();
        assert!(!ledger.is_closing());
        assert!(ledger.written.admit(7));
        ledger.written.end_at(3);
        ledger.written.end_at(5);
        assert!(ledger.is_closing());
        assert!(ledger.written.admit(2) && !ledger.written.admit(3));
        assert!(ledger.read.admit(3));
    }
}
