//! Reading without an operation: what has arrived, and what a single call brings.
//!
//! A thread that serves a connection asks for a request at a time. Mostly the request is there, or comes within
//! a moment, and comes whole: then neither a job nor an aio is needed. So it is with the content of its body,
//! which goes from the kernel to where it is wanted. In every other case nothing is taken, and the thread reads
//! by an operation, which can be interrupted, and which says what is wrong.

use std::cell::Cell;

use bytes::BytesMut;
use http::Request;

use super::incoming::Incoming;
use super::reader::Reader;
use super::search::Search;
use crate::blocking;
use crate::conn::queue::Half;
use crate::proto::limits::Limits;
use crate::proto::mentioned::Mentioned;
use crate::transport::{Wait, moved_nothing};

/// Room for what comes. Most requests are smaller.
const ROOM: usize = 4 << 10;

/// Room in which reading begins. It shrinks with each request, until it is made whole again.
const ENOUGH: usize = ROOM / 2;

thread_local! {
    /// Room of the thread, which a connection has only while a request is read, or while a part of one is there.
    static SPARE_ROOM: Cell<BytesMut> = Cell::default();
}

/// What there is of a request.
pub(crate) enum Arrival {
    /// All of its head, which has been read, and has these fields.
    Request(Mentioned),
    /// Nothing more than this.
    Part(Part),
    /// The end of the stream, an error, what is no request; or somebody else reads.
    Unusual,
}

/// How much of a head has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    /// Blank lines, which are nothing (RFC 9112 section 2.2), or less.
    Nothing,
    Begun,
}

/// How far the search for a request has got, which may be read in another way in the end.
#[derive(Debug, Default)]
pub(crate) struct RequestSearch {
    /// The number of the request.
    number: u64,
    search: Search,
}

impl RequestSearch {
    fn of(&mut self, number: u64) -> &mut Search {
        if self.number != number {
            let search = Search::default();
            *self = Self { number, search };
        }
        &mut self.search
    }
}

impl Half<Reader> {
    /// Reads a request that is there, or that comes whole in a call that waits like this, into one that exists:
    /// it is too large to be moved for nothing. Nothing interrupts the read meanwhile.
    pub(crate) fn read_request_at_once(
        &self,
        request: &mut Request<()>,
        limits: &Limits,
        search: &mut RequestSearch,
        wait: Wait,
    ) -> Arrival {
        if !self.queue.claim_idle() {
            return Arrival::Unusual;
        }
        let arrival = self.run_inline(|| {
            let mut incoming = self.take_incoming();
            let search = search.of(incoming.next_number());
            // A connection that waits for long is watched, and is not in here meanwhile.
            let room = incoming.body.input.borrow_room(spare_room());
            let arrival = self.find_request(request, &mut incoming, limits, search, wait);
            let room = match room.capacity() {
                0 => incoming.body.input.return_room(),
                _ => room,
            };
            SPARE_ROOM.set(room);
            self.put_incoming(incoming);
            self.queue.finished();
            arrival
        });
        arrival.unwrap_or(Arrival::Unusual)
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
        request: &mut Request<()>,
        incoming: &mut Incoming,
        limits: &Limits,
        search: &mut Search,
        wait: Wait,
    ) -> Arrival {
        let ledger = &self.link.ledger;
        incoming.body.observe_upgrade(ledger);
        if !incoming.body.input.raw().is_empty() {
            match self.take_whole(request, incoming, limits, search) {
                Arrival::Part(_) => {}
                arrival => return arrival,
            }
        }
        let can_wait =
            incoming.body.end_error(true).is_none() && incoming.body.is_between_messages();
        if !can_wait || ledger.shutting_down.is_set() {
            return Arrival::Unusual;
        }
        if wait != Wait::Never {
            ledger.reading.set(!incoming.body.is_at_rest());
            blocking::announce();
            // Others that have been answered may run first, and so more requests are there at a time: a thread
            // that finds its request need not sleep.
            std::thread::yield_now();
        }
        let input = &mut incoming.body.input;
        match input.receive(&*self.link.transport, ROOM, wait) {
            Ok(0) => input.mark_ended(),
            Ok(_) => return self.take_whole(request, incoming, limits, search),
            Err(error) if moved_nothing(&error) => return part(incoming),
            Err(error) => input.mark_broken(error),
        }
        Arrival::Unusual
    }

    /// The request that the input begins with, if it is whole and in order.
    fn take_whole(
        &self,
        request: &mut Request<()>,
        incoming: &mut Incoming,
        limits: &Limits,
        search: &mut Search,
    ) -> Arrival {
        let ledger = &self.link.ledger;
        match incoming.request_into(request, search, limits, ledger) {
            Ok(Some(extent)) => {
                incoming.take_request(request, extent, ledger);
                Arrival::Request(extent.mentioned)
            }
            Ok(None) => part(incoming),
            Err(_) => Arrival::Unusual, // An operation says what.
        }
    }
}

/// The room of the thread, enough for most requests.
fn spare_room() -> BytesMut {
    let mut room = SPARE_ROOM.take();
    if room.capacity() < ENOUGH {
        room.clear();
        room.reserve(ROOM);
    }
    room
}

fn part(incoming: &Incoming) -> Arrival {
    let is_blank = incoming.body.is_blank();
    Arrival::Part(match is_blank {
        true => Part::Nothing,
        false => Part::Begun,
    })
}
