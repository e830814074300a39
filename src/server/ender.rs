//! What ends the wait of a connection.

use std::sync::Arc;

use super::watch::{Key, Watching};
use crate::aio::Canceler;

/// Ends the wait of a connection, or has it looked at.
#[derive(Clone)]
pub(super) enum Ender {
    /// A thread waits.
    Cancel(Canceler),
    /// A watch has it.
    Ask(Arc<dyn Watching>, Key),
}

impl Ender {
    pub(super) fn end(&self) {
        match self {
            Self::Cancel(canceler) => canceler.cancel(),
            Self::Ask(watch, key) => watch.ask(*key),
        }
    }
}
