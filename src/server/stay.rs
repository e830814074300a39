//! The time that a connection is with its server.

use std::fmt;
use std::sync::Arc;

use super::lifecycle::Lifecycle;
use super::places::{Held, Place};
use crate::conn::Conn;

/// A connection's time with its server, which ends when this is dropped.
pub(super) struct Stay {
    lifecycle: Arc<Lifecycle>,
    pub(super) place: Place,
}

impl Stay {
    pub(super) fn begin(lifecycle: &Arc<Lifecycle>, held: Held) -> Arc<Self> {
        let stay = Self {
            lifecycle: Arc::clone(lifecycle),
            place: lifecycle.places.add(held),
        };
        stay.look_for_close();
        Arc::new(stay)
    }

    /// The connection has begun as its endpoint wants it.
    pub(super) fn hold(&self, conn: &Conn) {
        self.place.hold(Held::Conn(conn.clone()));
        self.look_for_close();
    }

    /// Whoever closes the server has seen the connection among the others, or is seen here.
    fn look_for_close(&self) {
        if self.lifecycle.is_closed() {
            self.place.close();
        }
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
