//! The time that a connection is with its server.

use std::fmt;
use std::sync::Arc;

use super::lifecycle::Lifecycle;
use super::places::Place;
use crate::conn::Conn;

/// A connection's time with its server, which ends when this is dropped.
pub(super) struct Stay {
    lifecycle: Arc<Lifecycle>,
    pub(super) place: Place,
}

impl Stay {
    pub(super) fn begin(lifecycle: &Arc<Lifecycle>, conn: &Conn) -> Arc<Self> {
        let place = lifecycle.places.add(conn);
        // Whoever closes the server has seen it among the others, or is seen here.
        if lifecycle.is_closed() {
            conn.close();
        }
        Arc::new(Self {
            lifecycle: Arc::clone(lifecycle),
            place,
        })
    }

    /// Whether the next answer is the last one.
    pub(super) fn is_ending(&self) -> bool {
        self.lifecycle.is_stopping()
    }

    /// The connection is no longer the server's.
    pub(super) fn end(&self) {
        self.lifecycle.leave(&self.place);
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
