//! A slot as the queue, the timer and the cancelers see it: what may come from any thread at any time.

use std::sync::Arc;

use super::notice::Notice;
use super::provider::{Operation, TakenBack};
use super::slot::Slot;
use super::state::Interruption;
use crate::error::ErrorKind;

impl<T: Send + 'static> Operation for Slot<T> {
    fn id(&self) -> usize {
        self.address()
    }

    fn place(&self) -> u64 {
        Self::place(self)
    }

    fn is_settled(&self) -> bool {
        Self::is_settled(self)
    }

    fn serve(&self) -> bool {
        self.provider()
            .is_some_and(|provider| provider.awaited(self))
    }

    fn hand_over(&self) {
        if let Some(provider) = self.provider() {
            provider.detached();
        }
    }

    fn give_up(&self) {
        Self::give_up(self);
    }

    fn is_wanted(&self) -> bool {
        Self::is_wanted(self)
    }

    fn progress(&self, moved: u64) {
        self.set_moved(moved);
    }

    fn cause(&self) -> Option<ErrorKind> {
        Self::cause(self)
    }

    fn interrupt(self: Arc<Self>, kind: ErrorKind) {
        let provider = self.provider();
        // One that is not in a call is settled by whoever knows its count.
        let taken_back = match (&provider, self.interruption()) {
            (Some(p), Some(Interruption::Finishes)) => p.take_back(&*self, kind),
            _ => TakenBack::Not,
        };
        let is_begun = match taken_back {
            TakenBack::Settled => return,
            TakenBack::Begun => true,
            TakenBack::Not => false,
        };
        let peer = || provider.as_ref()?.peer();
        let Some(told) = Self::interrupt(&self, kind, is_begun, peer) else {
            return;
        };
        Notice::new(told, &self).post(provider.as_deref());
        if let Some(provider) = provider {
            provider.interrupted(&*self);
        }
    }
}

impl<T: Send + 'static> Slot<T> {
    /// Cancels an operation whose outcome nobody can learn of. It is settled first: whoever has it takes
    /// nothing any more, and its count is of no interest.
    pub(super) fn cancel_forsaken(self: Arc<Self>) {
        let told = Self::interrupt(&self, ErrorKind::Canceled, false, || None);
        if let (Some(_nobody), Some(provider)) = (told, self.provider()) {
            provider.interrupted(&*self);
        }
    }
}
