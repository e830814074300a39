//! What ends operations before their time.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::sync::Arc;

use crossbeam_channel::{Receiver, Sender, bounded};
use http_aio::Canceller;
use parking_lot::Mutex;

/// Cancels the latest operations that it was given, and whatever it is given later.
#[derive(Clone)]
pub(crate) struct CancelGroup {
    state: Arc<Mutex<State>>,
    size: usize,
    bell: Receiver<Infallible>,
}

struct State {
    latest: VecDeque<Canceller>,
    /// Dropped to ring.
    bell: Option<Sender<Infallible>>,
}

impl CancelGroup {
    /// Of the last `size` operations. Older ones must have completed.
    pub(crate) fn new(size: usize) -> Self {
        let (ring, bell) = bounded(0);
        let state = State {
            latest: VecDeque::with_capacity(size),
            bell: Some(ring),
        };
        Self {
            state: Arc::new(Mutex::new(state)),
            size,
            bell,
        }
    }

    pub(crate) fn add(&self, canceller: Canceller) {
        let mut state = self.state.lock();
        if state.bell.is_none() {
            drop(state);
            return canceller.cancel();
        }
        if state.latest.len() == self.size {
            state.latest.pop_front();
        }
        state.latest.push_back(canceller);
    }

    pub(crate) fn cancel(&self) {
        let mut state = self.state.lock();
        state.bell = None;
        let latest = std::mem::take(&mut state.latest);
        drop(state);
        for canceller in latest {
            canceller.cancel();
        }
    }

    pub(crate) fn is_canceled(&self) -> bool {
        self.state.lock().bell.is_none()
    }

    /// Disconnected once the group is cancelled: for those who wait for something else as well.
    pub(crate) fn bell(&self) -> &Receiver<Infallible> {
        &self.bell
    }
}
