//! The time that a connection is with its server.

use std::fmt;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use super::arrival::Arrival;
use super::crowd::Network;
use super::error_pages::ErrorPages;
use super::event::Observer;
use super::held::Held;
use super::lifecycle::Lifecycle;
use super::places::Place;
use super::stats::Counters;
use crate::conn::Conn;

/// A connection's time with its server, which ends when this is dropped.
pub(super) struct Stay {
    pub(super) server: Services,
    pub(super) place: Arc<Place>,
    since: Instant,
    arrival: OnceLock<Arrival>,
}

/// What a connection uses of its server.
pub(super) struct Services {
    pub(super) lifecycle: Arc<Lifecycle>,
    pub(super) counters: Arc<Counters>,
    pub(super) observer: Observer,
    pub(super) pages: Arc<ErrorPages>,
}

impl Stay {
    pub(super) fn begin(server: Services, held: Held) -> Arc<Self> {
        let place = server.lifecycle.places.add(held);
        Self::of(server, place)
    }

    /// As `begin`, for a connection from a network. None if there are `most` from there.
    pub(super) fn begin_from(
        server: Services,
        held: Held,
        source: Network,
        most: usize,
    ) -> Option<Arc<Self>> {
        let place = server.lifecycle.places.add_from(held, source, most)?;
        Some(Self::of(server, place))
    }

    fn of(server: Services, place: Place) -> Arc<Self> {
        server.counters.accepted.add(1);
        let place = Arc::new(place);
        let stay = Self {
            server,
            place,
            since: Instant::now(),
            arrival: OnceLock::new(),
        };
        stay.look_for_close();
        Arc::new(stay)
    }

    pub(super) fn arrival(&self) -> &Arrival {
        self.arrival.get_or_init(Arrival::default)
    }

    /// How long it lasts already.
    pub(super) fn age(&self) -> Duration {
        self.since.elapsed()
    }

    /// The connection has begun as its endpoint wants it.
    pub(super) fn hold(&self, conn: &Conn, arrival: Arrival) {
        let _ = self.arrival.set(arrival); // It arrives once.
        self.place.hold(Held::Conn(conn.clone()));
        self.look_for_close();
    }

    /// Whoever closes the server has seen the connection among the others, or is seen here.
    fn look_for_close(&self) {
        if self.server.lifecycle.is_closed() {
            self.place.close();
        }
    }

    /// Whether the next answer is the last one.
    pub(super) fn is_ending(&self) -> bool {
        self.server.lifecycle.is_stopping()
    }

    /// The connection is no longer the server's.
    pub(super) fn end(&self) {
        self.server.lifecycle.leave(&self.place);
    }
}

impl Drop for Stay {
    fn drop(&mut self) {
        self.end();
    }
}

impl fmt::Debug for Stay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Stay")
    }
}
