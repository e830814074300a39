//! The time that a connection is with its server.

use std::fmt;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use super::arrival::Arrival;
use super::crowd::Network;
use super::held::Held;
use super::places::Place;
use super::shared::Shared;
use crate::conn::Conn;

/// A connection's time with its server, which ends when this is dropped.
pub(super) struct Stay {
    pub(super) shared: Arc<Shared>,
    pub(super) place: Arc<Place>,
    since: Instant,
    arrival: OnceLock<Arrival>,
}

impl Stay {
    pub(super) fn begin(shared: &Arc<Shared>, held: Held) -> Arc<Self> {
        Self::of(shared, shared.lifecycle.places.add(held))
    }

    /// As `begin`, for a connection from a network. None if there are `most` from there.
    pub(super) fn begin_from(
        shared: &Arc<Shared>,
        held: Held,
        source: Network,
        most: usize,
    ) -> Option<Arc<Self>> {
        let place = shared.lifecycle.places.add_from(held, source, most)?;
        Some(Self::of(shared, place))
    }

    fn of(shared: &Arc<Shared>, place: Place) -> Arc<Self> {
        shared.counters.accepted.add(1);
        let place = Arc::new(place);
        let stay = Self {
            shared: Arc::clone(shared),
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
        if self.shared.lifecycle.is_closed() {
            self.place.close();
        }
    }

    /// Whether the next answer is the last one.
    pub(super) fn is_ending(&self) -> bool {
        self.shared.lifecycle.is_stopping()
    }

    /// The connection is no longer the server's.
    pub(super) fn end(&self) {
        self.shared.lifecycle.leave(&self.place);
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
