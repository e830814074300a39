//! The owner's reference to a slot. Dropping it while the operation runs detaches the operation, unless it
//! is one that is canceled then.

use std::sync::Arc;

use super::habit;
use super::notice::Notice;
use super::slot::{Closure, Slot};
use super::state::Whose;

pub(super) struct Handle<T> {
    slot: Arc<Slot<T>>,
    /// A closure receives the result: there is nothing to detach.
    received: bool,
    /// Cancels the operation, which has no use without a recipient.
    cancel: Option<fn(Arc<Slot<T>>)>,
}

impl<T> Handle<T> {
    pub(super) fn new(slot: Arc<Slot<T>>) -> Self {
        Self {
            slot,
            received: false,
            cancel: None,
        }
    }

    /// Has the operation canceled when the handle is dropped, by `cancel`; `None`: it is detached.
    pub(super) fn cancel_when_dropped(&mut self, cancel: Option<fn(Arc<Slot<T>>)>) {
        self.cancel = cancel;
    }

    pub(super) fn slot(&self) -> &Arc<Slot<T>> {
        &self.slot
    }

    pub(super) fn slot_mut(&mut self) -> &mut Arc<Slot<T>> {
        &mut self.slot
    }

    /// Has a closure run with the result. If the operation is settled, that is left to the caller.
    pub(super) fn attach(&mut self, whose: Whose, closure: Closure<T>) -> Notice<T> {
        self.received = true;
        let told = self.slot.attach(whose, closure);
        told.map_or(Notice::None, |told| Notice::new(told, &self.slot))
    }

    /// The owner does something else than wait: the operation must not be held back for it.
    pub(super) fn hand_over(&self) {
        if self.slot.is_held() && !self.slot.is_settled() {
            habit::do_not_wait(self.slot.address());
            if let Some(provider) = self.slot.provider() {
                provider.detached();
            }
        }
    }
}

impl<T> Drop for Handle<T> {
    fn drop(&mut self) {
        if self.received || self.slot.is_settled() {
            return;
        }
        if let Some(cancel) = self.cancel {
            habit::do_not_wait(self.slot.address());
            if self.slot.forsake() {
                cancel(Arc::clone(&self.slot));
            }
            return;
        }
        self.hand_over();
        if self.slot.forsake() {
            if let Some(provider) = self.slot.provider() {
                provider.forsaken();
            }
        }
    }
}
