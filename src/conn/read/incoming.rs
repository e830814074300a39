//! What arrives, as the messages it is made of: heads here, what follows them in [`IncomingBody`]. No
//! I/O, no waiting; of the other direction it knows what the ledger says.
//!
//! Invariants:
//!
//! 1. What is handed out is taken here or by the body, and nowhere else. Framing in between is consumed as
//!    soon as it is seen, because nobody can want it back.
//! 2. Bytes beyond the end of a body are not touched: they belong to the next message.
//! 3. A stream that ends in the middle of a message is an error, and says so.

use http::{Method, Request, Response};

use super::incoming_body::IncomingBody;
use super::search::{Extent, Found, Search};
use super::soon::Waits;
use crate::conn::ledger::{Ledger, Note, Requests, close_announced};
use crate::error::Error;
use crate::proto::body::BodyFraming;
use crate::proto::framing::{self, Framing};
use crate::proto::limits::Limits;
use crate::proto::mentioned::Mentioned;
use crate::proto::parse::Head;
use crate::proto::{Interim, Kind};

#[derive(Debug, Default)]
pub(super) struct Incoming {
    pub(super) body: IncomingBody,
    /// Requests, or final responses, whose heads were taken.
    heads: u64,
    pub(super) waits: Waits,
}

impl Incoming {
    /// The next request, which stays until it is taken.
    ///
    /// # Errors
    ///
    /// `Protocol`, `TooLarge`, `NotSupported`; `InvalidInput` in the middle of a body; `Closed` behind
    /// a message that announced the close.
    pub(super) fn request(
        &mut self,
        search: &mut Search,
        limits: &Limits,
        ledger: &Ledger,
    ) -> Result<Option<Found<Request<()>>>, Error> {
        let mut head = Request::default();
        let extent = self.request_into(&mut head, search, limits, ledger)?;
        Ok(extent.map(|extent| Found::new(head, extent)))
    }

    /// As `request`, into a request that exists.
    pub(super) fn request_into(
        &mut self,
        head: &mut Request<()>,
        search: &mut Search,
        limits: &Limits,
        ledger: &Ledger,
    ) -> Result<Option<Extent>, Error> {
        if !self.body.expects_head(limits)? {
            return Ok(None);
        }
        self.expect_open(&ledger.read, ledger)?;
        let extent = self.find(head, search, limits, framing::of_request)?;
        if extent.is_some() {
            framing::take_host_from_target(head);
        }
        Ok(extent)
    }

    /// The next response, as `request`.
    pub(super) fn response(
        &mut self,
        search: &mut Search,
        limits: &Limits,
        ledger: &Ledger,
    ) -> Result<Option<Found<Response<()>>>, Error> {
        if !self.body.expects_head(limits)? {
            return Ok(None);
        }
        self.expect_open(&ledger.written, ledger)?;
        let asked = ledger.written.look_up(self.heads).asked;
        let mut head = Response::default();
        let framing = |head: &_, _| framing::of_response(head, asked);
        let extent = self.find(&mut head, search, limits, framing)?;
        let mut found = extent.map(|extent| Found::new(head, extent));
        if let Some(found) = &mut found {
            found.is_ambiguous = search.skipped_ambiguous || !framing::is_sound(&found.head, asked);
        }
        Ok(found)
    }

    /// In a tunnel there is nothing that could have been announced.
    fn expect_open(&self, requests: &Requests, ledger: &Ledger) -> Result<(), Error> {
        if requests.admit(self.heads) || ledger.upgraded.is_set() {
            Ok(())
        } else {
            Err(close_announced())
        }
    }

    /// The next final response, as `request`. The interim ones before it stay too until it is taken.
    /// Each is shown to `seen` once in a search.
    pub(super) fn final_response(
        &mut self,
        search: &mut Search,
        limits: &Limits,
        ledger: &Ledger,
        seen: impl Fn(&Response<()>),
    ) -> Result<Option<Found<Response<()>>>, Error> {
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

    /// The next head, which stays until it is taken.
    fn find<H: Head>(
        &mut self,
        head: &mut H,
        search: &mut Search,
        limits: &Limits,
        framing: impl FnOnce(&H, Mentioned) -> Result<Framing, Error>,
    ) -> Result<Option<Extent>, Error> {
        let arrived = self.body.input.raw();
        let counted = |error: Error| error.with_count(arrived.len() as u64);
        let rest = &arrived[search.skipped..];
        let size = search.head.parse_into(head, rest, limits);
        let Some(size) = size.map_err(counted)? else {
            return Ok(None);
        };
        let mentioned = Mentioned::among(head.headers());
        Ok(Some(Extent {
            size: search.skipped + size,
            framing: framing(head, mentioned).map_err(counted)?,
            mentioned,
        }))
    }

    /// Takes a request that was found.
    pub(super) fn take_request(&mut self, head: &Request<()>, extent: Extent, ledger: &Ledger) {
        let persists = framing::persists_as(head.version(), head.headers(), extent.mentioned);
        ledger.read.note(self.heads, Note::of(head, persists));
        self.begin(extent, Kind::Request, ledger);
        // The response to a CONNECT may be the last thing that is HTTP here.
        if !persists && *head.method() != Method::CONNECT {
            ledger.read.end_at(self.heads);
        }
        ledger.read.sent(self.heads);
    }

    /// Takes a response that was found, and the interim ones before it.
    pub(super) fn take_response(
        &mut self,
        found: Found<Response<()>>,
        ledger: &Ledger,
    ) -> Response<()> {
        let is_interim = found.is_interim();
        let head = found.head;
        if is_interim {
            if found.is_ambiguous {
                ledger.written.end_at(self.heads + 1); // The final one is still to come.
            }
            self.body.pass_interim(found.extent.size);
            *ledger.incoming.lock() = BodyFraming::None;
            return head;
        }
        if found.extent.framing == Framing::Tunnel {
            ledger.upgraded.set(true);
        } else if found.is_ambiguous
            || found.extent.framing == Framing::UntilEnd
            || !framing::persists_as(head.version(), head.headers(), found.extent.mentioned)
        {
            ledger.written.end_at(0);
        }
        self.begin(found.extent, Kind::Response, ledger);
        ledger.written.answered(self.heads);
        head
    }

    fn begin(&mut self, extent: Extent, kind: Kind, ledger: &Ledger) {
        *ledger.incoming.lock() = extent.framing.into();
        self.body.begin(extent.size, extent.framing, kind);
        self.heads += 1;
    }

    /// The number of the request that comes next, or that the next final response answers.
    pub(super) fn next_number(&self) -> u64 {
        self.heads
    }
}
