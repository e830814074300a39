//! What the two directions of a connection share.

use std::net::Shutdown;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use parking_lot::Mutex;

use super::ledger::{Exchanges, Ledger};
use super::thread::Owner;
use crate::error::Peer;
use crate::transport::Transport;

/// With the last of both halves, which own it, the socket closes.
#[derive(Debug)]
pub(crate) struct Link {
    pub(crate) owner: Owner,
    pub(crate) transport: Box<dyn Transport>,
    /// Whom errors are about.
    pub(crate) peer: Arc<Peer>,
    pub(crate) ledger: Ledger,
    pub(crate) exchanges: Exchanges,
    /// Held while the two operations of an exchange are submitted.
    pub(crate) pairing: Mutex<()>,
    /// The stream was given back: it is no longer ours to close.
    pub(crate) released: AtomicBool,
}

impl Drop for Link {
    fn drop(&mut self) {
        if !self.released.load(Ordering::Relaxed) {
            // Fails when the peer is gone already.
            let _ = self.transport.shutdown(Shutdown::Write);
            self.transport.linger();
        }
    }
}
