//! The time that a connection is with its server.

use std::fmt;
use std::sync::Arc;

use super::places::Place;
use super::shared::Shared;
use crate::conn::Conn;

/// A connection's time with its server, which ends when this is dropped.
pub(super) struct Stay {
    pub(super) shared: Arc<Shared>,
    pub(super) place: Arc<Place>,
}

impl Stay {
    pub(super) fn begin(shared: &Arc<Shared>, conn: &Conn) -> Arc<Self> {
        shared.counters.accepted.add(1);
        let place = shared.lifecycle.places.add(conn);
        // Whoever closes the server has seen it among the others, or is seen here.
        if shared.lifecycle.is_closed() {
            conn.close();
        }
        Arc::new(Self {
            shared: Arc::clone(shared),
            place,
        })
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
