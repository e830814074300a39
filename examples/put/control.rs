//! What ends an upload before its time.

use crate::common::cancel::CancelGroup;

/// The two things that can be ended: the body alone, because the answer has come already, or the
/// whole exchange, because the user says so.
#[derive(Clone)]
pub(crate) struct Control {
    pub(crate) body: CancelGroup,
    pub(crate) exchange: CancelGroup,
}

impl Control {
    /// For `depth` writes at a time.
    pub(crate) fn new(depth: usize) -> Self {
        Self {
            body: CancelGroup::new(depth),
            exchange: CancelGroup::new(1), // The connect, then the read of the answer.
        }
    }

    /// Ctrl-C.
    pub(crate) fn interrupt(&self) {
        self.exchange.cancel();
        self.body.cancel();
    }

    pub(crate) fn is_interrupted(&self) -> bool {
        self.exchange.is_canceled()
    }
}
