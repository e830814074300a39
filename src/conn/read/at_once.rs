//! Reading without an operation: what has arrived, and what a single call brings.
//!
//! A thread that serves a connection asks for a request at a time. Mostly the request is there, or comes within
//! a moment, and comes whole: then neither a job nor an aio is needed. So it is with the content of its body,
//! which goes from the kernel to where it is wanted. In every other case nothing is taken, and the thread reads
//! by an operation, which can be interrupted, and which says what is wrong.

use std::time::Duration;

use http::Request;

use super::incoming::Incoming;
use super::reader::Reader;
use super::search::Search;
use crate::conn::queue::Half;
use crate::proto::limits::Limits;
use crate::transport::{Wait, moved_nothing};

/// Room for what comes. Most requests are smaller.
const ROOM: usize = 4 << 10;

impl Half<Reader> {
    /// Reads a request that is there, or that comes whole within `patience`. Nothing interrupts it meanwhile.
    pub(crate) fn read_request_at_once(
        &self,
        limits: &Limits,
        patience: Duration,
    ) -> Option<Request<()>> {
        if !self.queue.claim_idle() {
            return None;
        }
        self.run_inline(|| {
            let mut incoming = self.take_incoming();
            let request = self.find_request(&mut incoming, limits, patience);
            self.put_incoming(incoming);
            self.queue.finished();
            request
        })
        .flatten()
    }

    /// Reads content of a body of known length that has arrived at the socket, into `buffer`, which is not
    /// empty. None: there is none, or it lies elsewhere.
    pub(crate) fn read_content_at_once(&self, buffer: &mut [u8]) -> Option<usize> {
        if !self.queue.claim_idle() {
            return None;
        }
        self.run_inline(|| {
            let mut incoming = self.take_incoming();
            let count = incoming.body.receive(&*self.link.transport, buffer);
            self.put_incoming(incoming);
            self.queue.finished();
            count
        })
        .flatten()
    }

    fn find_request(
        &self,
        incoming: &mut Incoming,
        limits: &Limits,
        patience: Duration,
    ) -> Option<Request<()>> {
        let ledger = &self.link.ledger;
        incoming.body.observe_upgrade(ledger);
        // An input in which something lies has been looked at, but for a request that came with another.
        if !incoming.body.input.raw().is_empty() {
            if let Some(request) = self.take_whole(incoming, limits) {
                return Some(request);
            }
        }
        let can_wait = incoming.body.end_error(true).is_none() && incoming.body.is_at_rest();
        if !can_wait || ledger.shutting_down.is_set() {
            return None;
        }
        ledger.reading.set(false);
        // Others that have been answered may run first, and so more requests are there at a time: a thread that
        // finds its request need not sleep.
        std::thread::yield_now();
        let input = &mut incoming.body.input;
        match input.receive(&*self.link.transport, ROOM, Wait::Briefly(patience)) {
            Ok(0) => input.mark_ended(),
            Ok(_) => return self.take_whole(incoming, limits),
            Err(error) if moved_nothing(&error) => {}
            Err(error) => input.mark_broken(error),
        }
        None
    }

    /// The request that the input begins with, if it is whole and in order.
    fn take_whole(&self, incoming: &mut Incoming, limits: &Limits) -> Option<Request<()>> {
        let ledger = &self.link.ledger;
        let found = incoming.request(&mut Search::default(), limits, ledger);
        let found = found.ok().flatten()?;
        Some(incoming.take_request(found, ledger))
    }
}
