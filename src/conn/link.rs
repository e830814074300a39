//! What the two directions of a connection share.

use std::net::Shutdown;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};

use parking_lot::Mutex;

use super::ledger::{Exchanges, Ledger};
use super::thread::Owner;
use crate::aio::Operation;
use crate::error::{ErrorKind, Peer};
use crate::transport::Transport;

/// With the last of both halves, which own it, the socket closes.
#[derive(Debug)]
pub(crate) struct Link {
    pub(crate) owner: Owner,
    pub(crate) transport: Arc<dyn Transport>,
    /// Whom errors are about.
    pub(crate) peer: Arc<Peer>,
    pub(crate) ledger: Ledger,
    pub(crate) exchanges: Exchanges,
    /// Held while the two operations of an exchange are submitted.
    pub(crate) pairing: Mutex<()>,
    pub(crate) dependents: Dependents,
    /// The stream was given back: it is no longer ours to close.
    pub(crate) released: AtomicBool,
}

/// Operations that write here what they read elsewhere. They end when the connection is closed, whatever they
/// wait for.
#[derive(Debug, Default)]
pub(crate) struct Dependents(Mutex<Vec<Weak<dyn Operation>>>);

impl Dependents {
    pub(crate) fn add(&self, operation: Weak<dyn Operation>) {
        self.0.lock().push(operation);
    }

    pub(crate) fn remove(&self, operation: &Weak<dyn Operation>) {
        let mut operations = self.0.lock();
        let place = operations.iter().position(|other| other.ptr_eq(operation));
        let removed = place.map(|place| operations.swap_remove(place));
        drop(operations);
        drop(removed);
    }

    pub(crate) fn end(&self) {
        let operations = std::mem::take(&mut *self.0.lock());
        for operation in operations {
            if let Some(operation) = operation.upgrade() {
                operation.interrupt(ErrorKind::Closed);
            }
        }
    }
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
