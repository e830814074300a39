//! What others may ask of a thread that accepts: to look around, and to give its listener back.

use std::io;
use std::sync::{Arc, OnceLock};
use std::thread::{self, ThreadId};

use crossbeam_channel::Sender;
use parking_lot::Mutex;

use super::endpoint::Endpoint;
use crate::sys::waker::Waker;

/// A thread that accepts, as others see it.
pub(super) struct Control {
    pub(super) waker: Arc<Waker>,
    state: Mutex<State>,
    thread: OnceLock<ThreadId>,
}

enum State {
    Accepting,
    /// Somebody waits for the listener.
    Asked(Sender<Endpoint>),
    Over,
}

impl Control {
    /// # Errors
    ///
    /// There is no descriptor for its waker.
    pub(super) fn new() -> io::Result<Arc<Self>> {
        Ok(Arc::new(Self {
            waker: Arc::new(Waker::new()?),
            state: Mutex::new(State::Accepting),
            thread: OnceLock::new(),
        }))
    }

    /// The current thread is the one that accepts.
    pub(super) fn enter(&self) {
        let _ = self.thread.set(thread::current().id()); // It enters once.
    }

    pub(super) fn owns_current_thread(&self) -> bool {
        self.thread.get() == Some(&thread::current().id())
    }

    /// Has the thread send its endpoint, and end. `give` is dropped if it has ended, or was asked already.
    pub(super) fn ask(&self, give: Sender<Endpoint>) {
        let mut state = self.state.lock();
        if matches!(*state, State::Accepting) {
            *state = State::Asked(give);
            drop(state);
            self.waker.wake();
        }
    }

    pub(super) fn is_asked(&self) -> bool {
        matches!(*self.state.lock(), State::Asked(_))
    }

    /// The thread accepts no more. Returns whoever waits for its endpoint.
    pub(super) fn end(&self) -> Option<Sender<Endpoint>> {
        match std::mem::replace(&mut *self.state.lock(), State::Over) {
            State::Asked(give) => Some(give),
            State::Accepting | State::Over => None,
        }
    }
}
