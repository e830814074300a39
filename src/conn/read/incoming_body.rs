//! The body that is being read: decoded content, trailers, and where it ends.

use bytes::Bytes;
use http::HeaderMap;

use super::input::Input;
use crate::conn::ledger::Ledger;
use crate::error::{Error, ErrorKind};
use crate::proto::Kind;
use crate::proto::body::BodyState;
use crate::proto::chunked::Decoder;
use crate::proto::framing::Framing;
use crate::proto::limits::Limits;
use crate::transport::Transport;

/// Most content that is collected from small chunks for one read; more than that is not moved.
const COLLECTED: usize = 4 << 10;

#[derive(Debug, Default)]
pub(super) struct IncomingBody {
    pub(super) input: Input,
    pub(super) state: BodyState<Box<Decoder>>,
    pub(super) trailers: HeaderMap,
    /// Content of this message that was handed out.
    pub(super) taken: u64,
}

/// What of a body is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Available {
    pub(super) count: usize,
    /// Nothing comes after it.
    pub(super) ended: bool,
}

/// Content.
impl IncomingBody {
    /// Receives content into `buffer` in a call that does not block, if all that comes is content and nothing is
    /// there before it.
    pub(super) fn receive(
        &mut self,
        transport: &dyn Transport,
        buffer: &mut [u8],
    ) -> Option<usize> {
        let BodyState::Length(left) = self.state else {
            return None;
        };
        if !self.input.raw().is_empty() || self.input.end_error().is_some() {
            return None;
        }
        let most = usize::try_from(left).map_or(buffer.len(), |left| left.min(buffer.len()));
        let count = self.input.receive_past(transport, &mut buffer[..most])?;
        self.state.advance(count as u64);
        self.taken += count as u64;
        Some(count)
    }

    /// The other direction may have ended HTTP.
    pub(super) fn observe_upgrade(&mut self, ledger: &Ledger) {
        if ledger.upgraded.is_set() {
            self.state.upgrade();
        }
    }

    /// Content that can be handed out at once, as far as a read of `want` cares.
    ///
    /// # Errors
    ///
    /// What has arrived is no chunked body: `Protocol`, `TooLarge`, with the content before that as
    /// the count. It stays, and so does the error.
    pub(super) fn available(&mut self, want: usize, limits: &Limits) -> Result<Available, Error> {
        self.available_between(want, want, limits)
    }

    /// As `available`, for a read that takes what there is: small chunks are collected, large ones
    /// are not copied, and what is in front of an error is had first.
    pub(super) fn available_now(
        &mut self,
        most: usize,
        limits: &Limits,
    ) -> Result<Available, Error> {
        match self.available_between(most.min(COLLECTED), most, limits) {
            Err(_) if self.input.content() > 0 => Ok(Available {
                count: self.input.content(),
                ended: false,
            }),
            available => available,
        }
    }

    /// As `available_now`, where no message is spoken.
    ///
    /// # Errors
    ///
    /// `InvalidInput`: messages are.
    pub(super) fn available_stream(&mut self, limits: &Limits) -> Result<Available, Error> {
        match self.state {
            BodyState::Raw => self.available_now(1, limits),
            _ => Err(invalid_input("messages are read on the connection")),
        }
    }

    fn available_between(
        &mut self,
        enough: usize,
        most: usize,
        limits: &Limits,
    ) -> Result<Available, Error> {
        let raw = self.input.raw().len();
        let (count, ended) = match &mut self.state {
            BodyState::Raw => (raw, false),
            BodyState::Complete => (0, true),
            BodyState::Length(left) => {
                let count = usize::try_from(*left).map_or(raw, |left| left.min(raw));
                (count, count as u64 == *left)
            }
            BodyState::UntilEnd => (raw, self.input.has_ended()),
            BodyState::Chunked(decoder) => {
                decode(decoder, &mut self.input, enough, most, limits)
                    .map_err(|error| error.with_count(self.input.content() as u64))?;
                (self.input.content(), decoder.is_complete())
            }
        };
        if ended && count == 0 {
            self.complete();
        }
        Ok(Available { count, ended })
    }

    fn complete(&mut self) {
        if let BodyState::Chunked(decoder) = &mut self.state {
            self.trailers = decoder.take_trailers();
        }
        self.state = BodyState::Complete;
    }

    /// Hands out content.
    pub(super) fn take(&mut self, count: usize) -> Bytes {
        let content = match &mut self.state {
            BodyState::Chunked(_) => self.input.take_content(count),
            BodyState::Complete => Bytes::new(),
            BodyState::Raw | BodyState::UntilEnd => self.input.take_raw(count),
            BodyState::Length(left) => {
                let most = usize::try_from(*left).map_or(count, |left| left.min(count));
                let content = self.input.take_raw(most);
                self.state.advance(content.len() as u64);
                content
            }
        };
        self.taken += content.len() as u64;
        content
    }

    /// Hands out the rest of the content, all of which is there, and ends the body.
    pub(super) fn take_last(&mut self, count: usize) -> Bytes {
        let content = self.take(count);
        // The end of a chunked body is all that can be left.
        self.complete();
        content
    }

    /// The length of the rest of the body, if it is known.
    pub(super) fn known_length(&self) -> Option<u64> {
        match &self.state {
            BodyState::Length(left) => Some(*left),
            BodyState::Complete => Some(0),
            BodyState::Raw | BodyState::Chunked(_) | BodyState::UntilEnd => None,
        }
    }

    /// # Errors
    ///
    /// `InvalidInput`: there is no message, and so no body.
    pub(super) fn expect_message(&self) -> Result<(), Error> {
        if self.state.is_raw() {
            return Err(invalid_input("no message has been read"));
        }
        Ok(())
    }

    /// What came behind the last chunk. `None`: the end of the body is not there yet.
    ///
    /// # Errors
    ///
    /// `InvalidInput` where there is content to be read first, or no body; otherwise those of
    /// `available`.
    pub(super) fn trailers(&mut self, limits: &Limits) -> Result<Option<HeaderMap>, Error> {
        self.expect_message()?;
        let available = self.available(1, limits)?;
        if available.count > 0 {
            return Err(unread_body());
        }
        Ok(available.ended.then(|| self.trailers.clone()))
    }
}

/// Beginning and end.
impl IncomingBody {
    /// Whether a head comes next. False: the end of the body before it is not there yet.
    ///
    /// # Errors
    ///
    /// `InvalidInput` in the middle of a body; otherwise those of `available`.
    pub(super) fn expects_head(&mut self, limits: &Limits) -> Result<bool, Error> {
        if self.state.is_between_messages() {
            return Ok(true);
        }
        match self.available(1, limits)? {
            Available { count: 1.., .. } => Err(unread_body()),
            Available { ended, .. } => Ok(ended),
        }
    }

    /// The body begins behind a head of this size.
    pub(super) fn begin(&mut self, size: usize, framing: Framing, kind: Kind) {
        self.input.discard(size);
        if !self.trailers.is_empty() {
            self.trailers = HeaderMap::new();
        }
        self.taken = 0;
        self.state = BodyState::new(framing, || Box::new(Decoder::new(kind)));
    }

    /// Passes over an interim response of this size, which has no body.
    pub(super) fn pass_interim(&mut self, size: usize) {
        self.input.discard(size);
        self.state = BodyState::Complete;
    }

    /// Throws away what has arrived. What comes behind it is a part of nothing.
    pub(super) fn discard(&mut self) {
        self.input.clear();
        self.state = BodyState::Raw;
    }

    /// Whether what follows is no message.
    pub(super) fn is_raw(&self) -> bool {
        self.state.is_raw()
    }

    /// Between two messages, with nothing that has arrived and was not taken.
    pub(super) fn is_at_rest(&self) -> bool {
        self.is_between_messages() && self.input.raw().is_empty()
    }

    /// Whether nothing has arrived but blank lines, which are nothing before a head (RFC 9112 section 2.2).
    pub(super) fn is_blank(&self) -> bool {
        self.input.raw().iter().all(is_line_end)
    }

    /// Whether it is between two messages.
    pub(super) fn is_between_messages(&self) -> bool {
        self.state.is_between_messages()
    }

    /// Why a read that needs more than there is fails, if no more will come.
    pub(super) fn end_error(&self, reads_head: bool) -> Option<Error> {
        let error = self.input.end_error()?;
        let in_message = match self.state {
            // Blank lines before a head are nothing (RFC 9112 section 2.2).
            BodyState::Raw | BodyState::Complete => reads_head && !self.is_blank(),
            BodyState::Length(_) | BodyState::Chunked(_) => true,
            BodyState::UntilEnd => !self.input.has_ended(),
        };
        Some(if in_message {
            error.incomplete()
        } else {
            error
        })
    }

    /// Why no exchange can begin here, where nobody is reading: it must be between two messages,
    /// with nothing from the peer that was not asked for.
    ///
    /// # Errors
    ///
    /// `InvalidInput`, `Protocol`, or the end that the stream has met.
    pub(super) fn expect_idle(&mut self, limits: &Limits) -> Result<(), Error> {
        if matches!(self.state, BodyState::Length(_) | BodyState::UntilEnd)
            || self.available(1, limits)?.count > 0 && !self.state.is_raw()
        {
            return Err(unread_body());
        }
        if !self.is_between_messages() {
            return Ok(()); // Of a chunked body, no more than the end is left to come.
        }
        match self.input.end_error() {
            _ if !self.input.raw().is_empty() => Err(unsolicited()),
            Some(error) => Err(error),
            None => Ok(()),
        }
    }

    /// Takes what was not handed out, as it arrived. `None` in the middle of a chunked body: that is
    /// not as it arrived any more.
    pub(super) fn take_unread(&mut self) -> Option<Bytes> {
        let is_decoded = match &self.state {
            BodyState::Chunked(decoder) => !(decoder.is_complete() && self.input.content() == 0),
            _ => false,
        };
        (!is_decoded).then(|| self.input.take_raw(usize::MAX))
    }
}

fn is_line_end(byte: &u8) -> bool {
    matches!(byte, b'\r' | b'\n')
}

/// Decodes until `enough` content is there, as far as what has arrived goes. The first piece, which
/// need not be moved, may be longer, up to `most`.
fn decode(
    decoder: &mut Decoder,
    input: &mut Input,
    enough: usize,
    most: usize,
    limits: &Limits,
) -> Result<(), Error> {
    while input.content() < enough {
        let room = match input.content() {
            0 => most,
            there => enough - there,
        };
        let step = decoder.decode(input.raw(), room, limits)?;
        if step.skip + step.content == 0 {
            return Ok(());
        }
        input.skip(step.skip);
        input.admit(step.content);
    }
    Ok(())
}

/// The peer sent something that was not asked for.
pub(crate) fn unsolicited() -> Error {
    Error::new(ErrorKind::Protocol).with_detail("the peer sent something that was not asked for")
}

pub(super) fn unread_body() -> Error {
    invalid_input("a body has not been read to its end: read it with `Conn::read_body`")
}

pub(super) fn invalid_input(detail: &'static str) -> Error {
    Error::new(ErrorKind::InvalidInput).with_detail(detail)
}
