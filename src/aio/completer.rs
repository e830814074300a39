//! The provider's half of an operation: reports progress, finishes it exactly once.

use std::sync::{Arc, Weak};

use super::notice::Notice;
use super::provider::Operation;
use super::slot::Slot;
use crate::error::{Error, ErrorKind};

/// Finishing consumes it. Dropping it finishes with `Abandoned`, so that no lost or panicking
/// thread can strand a waiter.
#[derive(Debug)]
pub(crate) struct Completer<T: Send + 'static> {
    slot: Option<Arc<Slot<T>>>,
}

impl<T: Send + 'static> Completer<T> {
    pub(super) fn new(slot: Arc<Slot<T>>) -> Self {
        Self { slot: Some(slot) }
    }

    /// No interruption can settle it from now on. False when one has.
    pub(crate) fn commit(&self) -> bool {
        self.slot.as_ref().is_some_and(|slot| slot.commit())
    }

    pub(crate) fn cause(&self) -> Option<ErrorKind> {
        self.slot.as_ref().and_then(|slot| slot.cause())
    }

    pub(crate) fn progress(&self, moved: u64) {
        if let Some(slot) = &self.slot {
            slot.set_moved(moved);
        }
    }

    pub(crate) fn is_settled(&self) -> bool {
        self.slot.as_ref().is_none_or(|slot| slot.is_settled())
    }

    pub(crate) fn id(&self) -> usize {
        self.slot.as_ref().map_or(0, |slot| slot.id())
    }

    pub(crate) fn set_place(&self, place: u64) {
        if let Some(slot) = &self.slot {
            slot.set_place(place);
        }
    }

    /// Notes whether it is held back for a waiter.
    pub(crate) fn set_held(&self, held: bool) {
        if let Some(slot) = &self.slot {
            slot.set_held(held);
        }
    }

    pub(crate) fn is_wanted(&self) -> bool {
        self.slot.as_ref().is_some_and(|slot| slot.is_wanted())
    }

    pub(crate) fn operation(&self) -> Option<Arc<dyn Operation>> {
        self.slot.clone().map(|slot| slot as Arc<dyn Operation>)
    }

    /// Its operation, for somebody who is to interrupt it.
    pub(crate) fn weak_operation(&self) -> Weak<dyn Operation> {
        match &self.slot {
            Some(slot) => Arc::downgrade(slot) as Weak<dyn Operation>,
            None => Weak::<Slot<T>>::new(), // Not reached: only finishing and dropping take it.
        }
    }

    /// Fails an operation whose handle has not been returned to its owner yet: nobody can listen.
    pub(crate) fn refuse(self, error: Error) {
        drop(self.finish_for_cause(Err(error)));
    }

    /// Finishes it as `finish` does, but a cause that an interruption has recorded goes before the kind of
    /// an error.
    pub(crate) fn finish_for_cause(self, result: Result<T, Error>) -> Notice<T> {
        let result = match (result, self.cause()) {
            (Err(error), Some(cause)) => Err(error.because(cause)),
            (result, _) => result,
        };
        self.finish(result)
    }

    /// Settles the operation, unless an interruption already has. The caller runs or posts what
    /// comes back, holding no lock.
    pub(crate) fn finish(mut self, result: Result<T, Error>) -> Notice<T> {
        let Some(slot) = self.slot.take() else {
            return Notice::None; // Not reached: only finishing and dropping take it.
        };
        finish(&slot, result)
    }
}

impl<T: Send + 'static> Drop for Completer<T> {
    fn drop(&mut self) {
        if let Some(slot) = self.slot.take() {
            let provider = slot.provider();
            let error = Error::new(ErrorKind::Abandoned).with_count(slot.moved());
            finish(&slot, Err(error)).post(provider.as_deref());
        }
    }
}

fn finish<T>(slot: &Arc<Slot<T>>, result: Result<T, Error>) -> Notice<T> {
    let result = result.map_err(|error| slot.explain(error));
    slot.finish(result)
        .map_or(Notice::None, |told| Notice::new(told, slot))
}
