//! What the writer may write next: the framing that the last head declared, and how much of its
//! body is out.
//!
//! Invariants:
//!
//! 1. The state moves when an operation completes, not when it is submitted: what was canceled in
//!    the queue has changed nothing.
//! 2. Before an operation is offered it is *admitted*, against the state that holds if all before
//!    it in the batch complete. One that must not be written fails only when it is the first,
//!    so that what was before it has really happened.
//! 3. Admitting is repeatable: an operation that goes back to the queue unwritten is admitted anew.

use bytes::Bytes;
use http::{StatusCode, Version};

use super::message::{Message, Role};
use super::parcel::{Content, Frame, Parcel};
use crate::conn::ledger::{Ledger, close_announced};
use crate::error::{Error, ErrorKind};
use crate::proto::body::BodyState;
use crate::proto::chunked;
use crate::proto::framing::{self, Asked};

#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Outgoing {
    body: BodyState,
    /// Requests whose heads are out.
    requests: u64,
    /// The request that the last head was.
    request: Option<u64>,
    /// Final responses whose heads are out.
    responses: u64,
    /// The last message announced the close: no other follows.
    closing: bool,
    /// The body was declared chunked to a peer that does not know chunks: it ends with the stream.
    is_unchunked: bool,
}

/// Why an operation cannot be offered.
pub(crate) enum Obstacle {
    NotAllowed(Error),
    /// It ends the body by ending the stream, after all that is before it.
    EndsStream,
    /// The body before it is not to go on, and so nothing can follow.
    Refused,
}

/// How a response is written to the request that it answers.
#[derive(PartialEq, Eq)]
struct Fit {
    is_edited: bool,
    /// How many of its buffers go out.
    shown: usize,
    opens_tunnel: bool,
}

impl Fit {
    const AS_IT_IS: Self = Self {
        is_edited: false,
        shown: usize::MAX,
        opens_tunnel: false,
    };
}

impl From<Error> for Obstacle {
    fn from(error: Error) -> Self {
        Self::NotAllowed(error)
    }
}

impl Outgoing {
    /// Frames `parcel` for this state and moves on as if it were complete. Returns the number of the
    /// request that it is.
    ///
    /// # Errors
    ///
    /// It must not be written, or not yet.
    pub(crate) fn admit(
        &mut self,
        parcel: &mut Parcel,
        ledger: &Ledger,
    ) -> Result<Option<u64>, Obstacle> {
        self.observe_upgrade(ledger);
        if self.is_refused(ledger) && !matches!(parcel.content, Content::End) {
            return Err(Obstacle::Refused);
        }
        let mut number = None;
        if !parcel.is_begun() {
            match &parcel.content {
                Content::Vector => self.admit_vector(parcel)?,
                Content::Stream => self.expect_no_messages()?,
                Content::Message(_) => number = self.admit_message(parcel, ledger)?,
                Content::Finish(_) => self.admit_finish(parcel)?,
                Content::CloseWrite => return Err(self.admit_close()),
                Content::End => return Err(Obstacle::EndsStream),
            }
        }
        let length = parcel.payload();
        self.advance(parcel, length);
        Ok(number)
    }

    /// As `admit`, for a response that goes out whole as it is, where nothing must be done for its request. False:
    /// it is not so, and nothing has changed.
    pub(super) fn admit_as_it_is(&mut self, message: &mut Message, ledger: &Ledger) -> bool {
        self.observe_upgrade(ledger);
        let Role::Response(status) = message.role else {
            return false;
        };
        self.expect_between_messages().is_ok()
            && self.expect_open(message.role, ledger).is_ok()
            && self.fit(message, status, ledger) == Fit::AS_IT_IS
    }

    /// The request whose body is being written.
    fn in_body(&self) -> Option<u64> {
        self.request.filter(|_| !self.body.is_between_messages())
    }

    /// Whether the body that is being written is not to go on.
    pub(super) fn is_refused(&self, ledger: &Ledger) -> bool {
        self.in_body()
            .is_some_and(|number| ledger.written.is_refused(number))
    }

    /// The other direction may have ended HTTP.
    fn observe_upgrade(&mut self, ledger: &Ledger) {
        if ledger.upgraded.is_set() {
            self.body.upgrade();
        }
    }

    /// Moves on, because `parcel` is complete.
    pub(crate) fn complete(&mut self, parcel: &Parcel, ledger: &Ledger) {
        self.observe_upgrade(ledger);
        if let Content::Message(message) = &parcel.content {
            return self.complete_message(message, ledger);
        }
        self.advance(parcel, parcel.counted());
        ledger.written.set_in_body(self.in_body());
        ledger.writing.set(!self.body.is_between_messages());
    }

    /// As `complete`, for what a message is made of.
    pub(super) fn complete_message(&mut self, message: &Message, ledger: &Ledger) {
        self.advance_behind(message);
        ledger.written.set_in_body(self.in_body());
        ledger.written.sent(self.requests);
        ledger.read.answered(self.responses);
        match message.role {
            _ if !message.announces_close() => {}
            Role::Request(_) => ledger.written.end_at(self.requests),
            Role::Response(_) => ledger.read.end_at(0),
        }
        if message.then.is_raw() {
            ledger.upgraded.set(true);
        }
        ledger.writing.set(!self.body.is_between_messages());
    }

    fn advance(&mut self, parcel: &Parcel, written: u64) {
        match &parcel.content {
            Content::Vector => self.body.advance(written),
            Content::Message(message) => self.advance_behind(message),
            Content::Finish(_) => self.body = BodyState::Complete,
            Content::Stream | Content::CloseWrite | Content::End => {}
        }
    }

    fn advance_behind(&mut self, message: &Message) {
        self.body = message.then;
        self.closing |= message.announces_close();
        self.is_unchunked = message.is_unchunked();
        self.request = None;
        match message.role {
            Role::Request(_) => {
                self.request = Some(self.requests);
                self.requests += 1;
            }
            Role::Response(status) if !framing::is_interim(status) => self.responses += 1,
            Role::Response(_) => {}
        }
    }

    fn expect_no_messages(&self) -> Result<(), Error> {
        match self.body {
            BodyState::Raw => Ok(()),
            _ => Err(invalid_input("messages are written on the connection")),
        }
    }

    fn admit_vector(&self, parcel: &mut Parcel) -> Result<(), Error> {
        let written = parcel.bufs.remaining();
        let most = match self.body {
            BodyState::Raw | BodyState::UntilEnd => u64::MAX,
            BodyState::Complete => 0,
            BodyState::Length(left) => left,
            BodyState::Chunked(()) => {
                // An empty chunk would end the body.
                parcel.frame = (written > 0).then(|| Box::new(Frame::chunk(written)));
                return Ok(());
            }
        };
        parcel.frame = None;
        match written.checked_sub(most) {
            None | Some(0) => Ok(()),
            Some(over) if most == 0 => Err(unusable().with_words(move |f| {
                write!(
                    f,
                    "no body is left to be written that the {over} bytes could be a part of"
                )
            })),
            Some(over) => Err(unusable().with_words(move |f| {
                let left = "that are left of the declared Content-Length";
                write!(f, "the vector has {over} bytes more than the {most} {left}")
            })),
        }
    }

    /// Nothing follows a message that announced the close, whichever side sent it, but requests from
    /// before are answered (RFC 9112 section 9.6). In a tunnel there are no messages.
    fn expect_open(&self, role: Role, ledger: &Ledger) -> Result<(), Error> {
        let admitted = match role {
            Role::Request(_) => ledger.written.admit(self.requests),
            Role::Response(_) => ledger.read.admit(self.responses),
        };
        if (admitted && !self.closing) || ledger.upgraded.is_set() {
            Ok(())
        } else {
            Err(close_announced())
        }
    }

    fn admit_message(&self, parcel: &mut Parcel, ledger: &Ledger) -> Result<Option<u64>, Error> {
        self.expect_between_messages()?;
        let Content::Message(message) = &mut parcel.content else {
            return Ok(None);
        };
        self.expect_open(message.role, ledger)?;
        match message.role {
            Role::Request(asked) => {
                ledger.written.note(self.requests, asked.into());
                message.then = message.after_request();
                Ok(Some(self.requests))
            }
            Role::Response(status) => {
                let fit = self.fit(message, status, ledger);
                if fit.is_edited {
                    parcel.bufs.replace_first(|head| message.edited(head));
                }
                parcel.bufs.show(fit.shown);
                if fit.opens_tunnel && parcel.bufs.len() > 1 {
                    return Err(invalid_input("a response that opens a tunnel has no body"));
                }
                Ok(None)
            }
        }
    }

    fn expect_between_messages(&self) -> Result<(), Error> {
        match self.body {
            BodyState::Raw | BodyState::Complete => Ok(()),
            BodyState::Length(left) => Err(unusable().with_words(move |f| {
                write!(f, "{left} bytes of the body before it are not written yet")
            })),
            BodyState::Chunked(()) => Err(invalid_input(
                "the chunked body before it is not finished: finish it with `Conn::finish`",
            )),
            BodyState::UntilEnd => Err(invalid_input(
                "the body before it ends with the connection: no message can follow",
            )),
        }
    }

    /// Makes of a response what its request allows.
    fn fit(&self, message: &mut Message, status: StatusCode, ledger: &Ledger) -> Fit {
        let note = ledger.read.look_up(self.responses);
        let is_last = note.is_last || !ledger.read.admit(self.responses + 1);
        message.then = message.after_response(status, note.asked);
        Fit {
            is_edited: message.adapt(status, note, is_last),
            shown: match note.asked {
                // A client of HTTP/1.0 would take it for the final one (RFC 9110 section 15.2).
                _ if note.version == Version::HTTP_10 && framing::is_interim(status) => 0,
                // What was asked for is the head alone (RFC 9110 section 9.3.2).
                Asked::Head => 1,
                _ => usize::MAX,
            },
            opens_tunnel: note.asked.opens_tunnel(status),
        }
    }

    fn admit_finish(&self, parcel: &mut Parcel) -> Result<(), Obstacle> {
        let Content::Finish(last) = &parcel.content else {
            return Ok(());
        };
        parcel.frame = None;
        match self.body {
            BodyState::Chunked(()) => {
                parcel.frame = Some(Box::new(Frame::last(Bytes::clone(last))));
                Ok(())
            }
            // Trailers have no place any more.
            BodyState::UntilEnd if self.is_unchunked => Err(Obstacle::EndsStream),
            _ if **last != chunked::LAST_CHUNK => {
                Err(invalid_input("only a chunked body has a place for trailers").into())
            }
            BodyState::Complete => Ok(()),
            BodyState::UntilEnd => Err(Obstacle::EndsStream),
            BodyState::Raw => Err(invalid_input("no message is being written").into()),
            BodyState::Length(left) => Err(missing(left).into()),
        }
    }

    /// The stream must not end in the middle of a message.
    fn admit_close(&self) -> Obstacle {
        match self.body {
            BodyState::Raw | BodyState::Complete | BodyState::UntilEnd => Obstacle::EndsStream,
            BodyState::Length(left) => missing(left).into(),
            BodyState::Chunked(()) => {
                invalid_input("the chunked body is not finished: finish it with `Conn::finish`")
                    .into()
            }
        }
    }
}

fn missing(left: u64) -> Error {
    unusable()
        .with_words(move |f| write!(f, "{left} bytes of the declared Content-Length are missing"))
}

fn invalid_input(detail: &'static str) -> Error {
    unusable().with_detail(detail)
}

fn unusable() -> Error {
    Error::new(ErrorKind::InvalidInput)
}
