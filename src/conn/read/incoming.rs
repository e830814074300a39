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
use super::search::{Found, Search};
use crate::conn::ledger::{Ledger, Note, Requests, close_announced};
use crate::error::Error;
use crate::proto::body::BodyFraming;
use crate::proto::framing::{self, Framing};
use crate::proto::limits::Limits;
use crate::proto::parse::Head;
use crate::proto::{Interim, Kind};

#[derive(Debug, Default)]
pub(super) struct Incoming {
    pub(super) body: IncomingBody,
    /// Requests, or final responses, whose heads were taken.
    heads: u64,
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
        if !self.body.expects_head(limits)? {
            return Ok(None);
        }
        self.expect_open(&ledger.read, ledger)?;
        let mut found = self.find(search, limits, framing::of_request)?;
        if let Some(found) = &mut found {
            framing::take_host_from_target(&mut found.head);
        }
        Ok(found)
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
        let mut found = self.find(search, limits, |head| framing::of_response(head, asked))?;
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
        search: &mut Search,
        limits: &Limits,
        framing: impl FnOnce(&H) -> Result<Framing, Error>,
    ) -> Result<Option<Found<H>>, Error> {
        let arrived = self.body.input.raw();
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
            is_ambiguous: false,
        }))
    }

    /// Takes a request that was found.
    pub(super) fn take_request(
        &mut self,
        found: Found<Request<()>>,
        ledger: &Ledger,
    ) -> Request<()> {
        let head = found.head;
        let persists = framing::persists(head.version(), head.headers());
        ledger.read.note(self.heads, Note::of(&head, persists));
        self.begin(found.size, found.framing, Kind::Request, ledger);
        // The response to a CONNECT may be the last thing that is HTTP here.
        if !persists && *head.method() != Method::CONNECT {
            ledger.read.end_at(self.heads);
        }
        ledger.read.sent(self.heads);
        head
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
            self.body.pass_interim(found.size);
            *ledger.incoming.lock() = BodyFraming::None;
            return head;
        }
        if found.framing == Framing::Tunnel {
            ledger.upgraded.set(true);
        } else if found.is_ambiguous
            || found.framing == Framing::UntilEnd
            || !framing::persists(head.version(), head.headers())
        {
            ledger.written.end_at(0);
        }
        self.begin(found.size, found.framing, Kind::Response, ledger);
        ledger.written.answered(self.heads);
        head
    }

    fn begin(&mut self, size: usize, framing: Framing, kind: Kind, ledger: &Ledger) {
        *ledger.incoming.lock() = framing.into();
        self.body.begin(size, framing, kind);
        self.heads += 1;
    }

    /// The number of the request that comes next, or that the next final response answers.
    pub(super) fn next_number(&self) -> u64 {
        self.heads
    }
}
