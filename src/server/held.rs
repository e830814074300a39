//! What a server holds of a connection, to end it.

use std::net::Shutdown;
use std::sync::Arc;

use crate::conn::Conn;
use crate::transport::Transport;

/// What a close ends.
#[derive(Clone)]
pub(super) enum Held {
    /// The handshake is under way.
    Transport(Arc<dyn Transport>),
    Conn(Conn),
}

impl Held {
    pub(super) fn close(&self) {
        match self {
            // Fails when the peer is gone already. Whoever has it sees the end of the stream.
            Self::Transport(transport) => drop(transport.shutdown(Shutdown::Both)),
            Self::Conn(conn) => conn.close(),
        }
    }
}
