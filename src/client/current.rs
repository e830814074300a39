//! What a call is doing at the moment, so that it can be cancelled.

use parking_lot::Mutex;

use crate::aio::{Aio, Canceller, InFlight};

/// The operation under way in a series of operations, of which there is one at a time.
#[derive(Debug, Default)]
pub(crate) struct Current {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    canceller: Option<Canceller>,
    canceled: bool,
}

impl Current {
    /// Notes the next operation, and cancels it at once if the series was cancelled.
    pub(crate) fn set<T: Send + 'static>(&self, aio: &Aio<T, InFlight>) {
        let mut state = self.state.lock();
        let last = state.canceller.replace(aio.canceller());
        let canceled = state.canceled;
        drop(state);
        drop(last);
        if canceled {
            aio.cancel();
        }
    }

    pub(crate) fn cancel(&self) {
        let mut state = self.state.lock();
        state.canceled = true;
        let canceller = state.canceller.take();
        drop(state);
        if let Some(canceller) = canceller {
            canceller.cancel();
        }
    }
}
