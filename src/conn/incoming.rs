//! What arrives, as the messages it is made of: heads, decoded content, trailers. Pure but for the
//! ledger: no I/O, no waiting.
//!
//! Invariants:
//!
//! 1. What is handed out is taken here and nowhere else, and only when the read has committed.
//!    Framing in between is consumed as soon as it is seen: nobody can want it back.
//! 2. Bytes beyond the end of a body are not touched: they belong to the next message.
//! 3. A stream that ends in the middle of a message is an error, and says so.

use bytes::Bytes;
use http::{HeaderMap, Method, Request, Response};

use super::input::Input;
use super::ledger::{Ledger, Requests, announced};
use crate::error::{Error, ErrorKind};
use crate::proto::body::BodyState;
use crate::proto::chunked::Decoder;
use crate::proto::framing::{self, Asked, Framing};
use crate::proto::limits::Limits;
use crate::proto::parse::{Head, HeadSearch};
use crate::proto::{Interim, Kind};

/// So much content is collected from small chunks for one read; more than that is not moved.
const COLLECTED: usize = 4 << 10;

#[derive(Debug, Default)]
pub(crate) struct Incoming {
    pub(crate) input: Input,
    body: BodyState<Box<Decoder>>,
    trailers: HeaderMap,
    /// Requests, or final responses, whose heads were taken.
    heads: u64,
}

/// What of a body is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Available {
    pub(crate) count: usize,
    /// Nothing comes after it.
    pub(crate) ended: bool,
}

impl Incoming {
    /// The other direction may have ended HTTP.
    pub(crate) fn heed(&mut self, ledger: &Ledger) {
        if ledger.upgraded.is_set() {
            self.body.upgrade();
        }
    }

    /// Content that can be handed out at once, as far as a read of `want` cares.
    ///
    /// # Errors
    ///
    /// What has arrived is no chunked body: `Protocol`, `TooLarge`, with the content before that as
    /// the count. It stays, and so does the error.
    pub(crate) fn available(&mut self, want: usize, limits: &Limits) -> Result<Available, Error> {
        self.between(want, want, limits)
    }

    /// As `available`, for a read that takes what there is: small chunks are collected, large ones
    /// are not copied, and what is in front of an error is had first.
    pub(crate) fn some(&mut self, most: usize, limits: &Limits) -> Result<Available, Error> {
        match self.between(most.min(COLLECTED), most, limits) {
            Err(_) if self.input.content() > 0 => Ok(Available {
                count: self.input.content(),
                ended: false,
            }),
            available => available,
        }
    }

    fn between(&mut self, enough: usize, most: usize, limits: &Limits) -> Result<Available, Error> {
        let raw = self.input.raw().len();
        let (count, ended) = match &mut self.body {
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
            self.end_body();
        }
        Ok(Available { count, ended })
    }

    fn end_body(&mut self) {
        if let BodyState::Chunked(decoder) = &mut self.body {
            self.trailers = decoder.take_trailers();
        }
        self.body = BodyState::Complete;
    }

    /// Hands out content.
    pub(crate) fn take(&mut self, count: usize) -> Bytes {
        match &mut self.body {
            BodyState::Chunked(_) => self.input.take_content(count),
            BodyState::Complete => Bytes::new(),
            BodyState::Raw | BodyState::UntilEnd => self.input.take_raw(count),
            BodyState::Length(left) => {
                let most = usize::try_from(*left).map_or(count, |left| left.min(count));
                let content = self.input.take_raw(most);
                self.body.advance(content.len() as u64);
                content
            }
        }
    }

    /// What is known of the length of the rest of the body.
    pub(crate) fn length(&self) -> Option<u64> {
        match &self.body {
            BodyState::Length(left) => Some(*left),
            BodyState::Complete => Some(0),
            BodyState::Raw | BodyState::Chunked(_) | BodyState::UntilEnd => None,
        }
    }

    /// What came behind the last chunk. `None`: the end of the body is not there yet.
    ///
    /// # Errors
    ///
    /// `InvalidInput` where there is content to be read first, or no body; otherwise those of
    /// `available`.
    pub(crate) fn trailers(&mut self, limits: &Limits) -> Result<Option<HeaderMap>, Error> {
        if self.body.is_raw() {
            return Err(refused("no message has been read"));
        }
        let available = self.available(1, limits)?;
        if available.count > 0 {
            return Err(unread());
        }
        Ok(available.ended.then(|| self.trailers.clone()))
    }

    /// Whether a head comes next. False: the end of the body before it is not there yet.
    fn expects_head(&mut self, limits: &Limits) -> Result<bool, Error> {
        if self.body.is_between_messages() {
            return Ok(true);
        }
        match self.available(1, limits)? {
            Available { count: 1.., .. } => Err(unread()),
            Available { ended, .. } => Ok(ended),
        }
    }

    /// The next request, which stays until it is taken.
    ///
    /// # Errors
    ///
    /// `Protocol`, `TooLarge`, `NotSupported`; `InvalidInput` in the middle of a body; `Closed` behind
    /// a message that announced the close.
    pub(crate) fn request(
        &mut self,
        search: &mut Search,
        limits: &Limits,
        ledger: &Ledger,
    ) -> Result<Option<Found<Request<Bytes>>>, Error> {
        if !self.expects_head(limits)? {
            return Ok(None);
        }
        self.expect_open(&ledger.read, ledger)?;
        let mut found = self.found(search, limits, framing::of_request)?;
        if let Some(found) = &mut found {
            framing::take_host_from_target(&mut found.head);
        }
        Ok(found)
    }

    /// The next response, as `request`.
    pub(crate) fn response(
        &mut self,
        search: &mut Search,
        limits: &Limits,
        ledger: &Ledger,
    ) -> Result<Option<Found<Response<Bytes>>>, Error> {
        if !self.expects_head(limits)? {
            return Ok(None);
        }
        self.expect_open(&ledger.written, ledger)?;
        let asked = ledger.written.look_up(self.heads);
        let mut found = self.found(search, limits, |head| framing::of_response(head, asked))?;
        if let Some(found) = &mut found {
            found.is_odd = search.skipped_odd || !framing::is_sound(&found.head, asked);
        }
        Ok(found)
    }

    /// In a tunnel there is nothing that could have been announced.
    fn expect_open(&self, requests: &Requests, ledger: &Ledger) -> Result<(), Error> {
        if requests.admit(self.heads) || ledger.upgraded.is_set() {
            Ok(())
        } else {
            Err(announced())
        }
    }

    /// The next final response, as `request`. The interim ones before it stay too until it is
    /// taken; each is shown to `seen`, once a search.
    pub(crate) fn final_response(
        &mut self,
        search: &mut Search,
        limits: &Limits,
        ledger: &Ledger,
        seen: impl Fn(&Response<Bytes>),
    ) -> Result<Option<Found<Response<Bytes>>>, Error> {
        loop {
            match self.response(search, limits, ledger)? {
                Some(found) if found.is_interim() => {
                    seen(&found.head);
                    search.skip(found, limits)?;
                }
                Some(mut found) => {
                    if !search.interim.is_empty() {
                        let interim = Interim(std::mem::take(&mut search.interim));
                        found.head.extensions_mut().insert(interim);
                    }
                    return Ok(Some(found));
                }
                None => return Ok(None),
            }
        }
    }

    fn found<H: Head>(
        &mut self,
        search: &mut Search,
        limits: &Limits,
        framing: impl FnOnce(&H) -> Result<Framing, Error>,
    ) -> Result<Option<Found<H>>, Error> {
        let arrived = self.input.raw();
        let counted = |error: Error| error.with_count(arrived.len() as u64);
        let rest = &arrived[search.skipped..];
        let found = search.head.parse::<H>(rest, limits).map_err(counted)?;
        let Some((head, size)) = found else {
            return Ok(None);
        };
        let framing = framing(&head).map_err(counted)?;
        Ok(Some(Found {
            head,
            size: search.skipped + size,
            framing,
            is_odd: false,
        }))
    }

    /// Takes a request that was found.
    pub(crate) fn take_request(
        &mut self,
        found: Found<Request<Bytes>>,
        ledger: &Ledger,
    ) -> Request<Bytes> {
        let head = found.head;
        ledger.read.note(self.heads, Asked::from(head.method()));
        let persists = framing::persists(head.version(), head.headers());
        self.begin(found.size, found.framing, Kind::Request);
        // The response to a CONNECT may be the last thing that is HTTP here.
        if !persists && *head.method() != Method::CONNECT {
            ledger.read.end_at(self.heads);
        }
        ledger.read.sent(self.heads);
        head
    }

    /// Takes a response that was found, and the interim ones before it.
    pub(crate) fn take_response(
        &mut self,
        found: Found<Response<Bytes>>,
        ledger: &Ledger,
    ) -> Response<Bytes> {
        let is_interim = found.is_interim();
        let head = found.head;
        if is_interim {
            if found.is_odd {
                ledger.written.end_at(self.heads + 1); // The final one is still to come.
            }
            self.input.discard(found.size);
            self.body = BodyState::Complete;
            return head;
        }
        if found.framing == Framing::Tunnel {
            ledger.upgraded.set(true);
        } else if found.is_odd
            || found.framing == Framing::UntilEnd
            || !framing::persists(head.version(), head.headers())
        {
            ledger.written.end_at(0);
        }
        self.begin(found.size, found.framing, Kind::Response);
        ledger.written.answered(self.heads);
        head
    }

    fn begin(&mut self, size: usize, framing: Framing, kind: Kind) {
        self.input.discard(size);
        self.trailers = HeaderMap::new();
        self.body = BodyState::new(framing, || Box::new(Decoder::new(kind)));
        self.heads += 1;
    }

    /// Throws away what has arrived. What comes behind it is a part of nothing.
    pub(crate) fn discard(&mut self) {
        self.input.clear();
        self.body = BodyState::Raw;
    }

    /// What follows is no message.
    pub(crate) fn is_raw(&self) -> bool {
        self.body.is_raw()
    }

    /// The number of the request that the next final response answers.
    pub(crate) fn next_answer(&self) -> u64 {
        self.heads
    }

    /// Why a read that needs more than there is fails, if no more will come.
    pub(crate) fn end(&self, reads_head: bool) -> Option<Error> {
        let error = self.input.end()?;
        let in_message = match self.body {
            // Blank lines before a head are nothing (RFC 9112 section 2.2).
            BodyState::Raw | BodyState::Complete => {
                reads_head && !self.input.raw().iter().all(is_line_end)
            }
            BodyState::Length(_) | BodyState::Chunked(_) => true,
            BodyState::UntilEnd => !self.input.has_ended(),
        };
        Some(if in_message {
            error.with_detail("in the middle of a message").incomplete()
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
    pub(crate) fn expect_idle(&mut self, limits: &Limits) -> Result<(), Error> {
        if matches!(self.body, BodyState::Length(_) | BodyState::UntilEnd)
            || self.available(1, limits)?.count > 0 && !self.body.is_raw()
        {
            return Err(unread());
        }
        if !self.is_between() {
            return Ok(()); // Of a chunked body, no more than the end is left to come.
        }
        match self.input.end() {
            _ if !self.input.raw().is_empty() => Err(unasked()),
            Some(error) => Err(error),
            None => Ok(()),
        }
    }

    /// Between two messages.
    pub(crate) fn is_between(&self) -> bool {
        self.body.is_between_messages()
    }

    /// Takes what was not handed out, as it arrived. `None` in the middle of a chunked body: that is
    /// not as it arrived any more.
    pub(crate) fn take_unread(&mut self) -> Option<Bytes> {
        let is_decoded = match &self.body {
            BodyState::Chunked(decoder) => !(decoder.is_complete() && self.input.content() == 0),
            _ => false,
        };
        (!is_decoded).then(|| self.input.take_raw(usize::MAX))
    }
}

fn is_line_end(byte: &u8) -> bool {
    matches!(byte, b'\r' | b'\n')
}

/// How far one read has got in finding its head.
#[derive(Debug, Default)]
pub(crate) struct Search {
    head: HeadSearch,
    /// Interim responses before it, and their bytes.
    interim: Vec<Response<()>>,
    skipped: usize,
    /// One of them was odd.
    skipped_odd: bool,
}

impl Search {
    fn skip(&mut self, found: Found<Response<Bytes>>, limits: &Limits) -> Result<(), Error> {
        if self.interim.len() >= limits.interim {
            return Err(Error::new(ErrorKind::TooLarge).with_detail("too many interim responses"));
        }
        self.head = HeadSearch::default();
        self.skipped = found.size;
        self.skipped_odd = found.is_odd;
        self.interim.push(found.head.map(drop));
        Ok(())
    }
}

/// A head that is there and was not taken yet.
pub(crate) struct Found<H> {
    pub(crate) head: H,
    size: usize,
    framing: Framing,
    /// It has no body, but is not clear about that, or one before it was not: what follows could be
    /// the next message or such a body.
    is_odd: bool,
}

impl<H> Found<H> {
    pub(crate) fn size(&self) -> usize {
        self.size
    }
}

impl Found<Response<Bytes>> {
    pub(crate) fn is_interim(&self) -> bool {
        framing::is_interim(self.head.status())
    }
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

/// The peer spoke without being asked.
pub(crate) fn unasked() -> Error {
    Error::new(ErrorKind::Protocol).with_detail("something came that was not asked for")
}

fn unread() -> Error {
    refused("the body before it has not been read to its end")
}

fn refused(detail: &'static str) -> Error {
    Error::new(ErrorKind::InvalidInput).with_detail(detail)
}
