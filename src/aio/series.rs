//! The steps of an operation that is made of others: one is under way at a time, can be canceled, and can be
//! left to whoever waits for the whole.

use parking_lot::Mutex;

use super::habit::{Handling, Hold};
use super::{Aio, Canceler, InFlight};

/// The operation under way in a series of operations.
#[derive(Debug, Default)]
pub(crate) struct Series {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    current: Option<Canceler>,
    canceled: bool,
    /// The step under way, if it may be left to whoever waits for the whole.
    held: Option<Canceler>,
    /// The thread that submits or waits: it is going to serve what is held back.
    helper: Option<Mark>,
}

/// Tells threads that are alive from one another. To ask for a `ThreadId` counts references of the thread up and down,
/// several times for each request of a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Mark(usize);

impl Mark {
    /// None while the thread's locals are dropped.
    fn of_this_thread() -> Option<Self> {
        std::thread_local!(static PLACE: u8 = const { 0 });
        let place = PLACE.try_with(|place| std::ptr::from_ref(place).addr());
        place.ok().map(Self)
    }
}

impl Series {
    /// Notes the next operation, and cancels it at once if the series was canceled. The whole is held back
    /// if it is.
    pub(crate) fn set<T: Send + 'static>(&self, aio: &Aio<T, InFlight>, handling: Handling) {
        let held = (handling == Handling::HeldBack).then(|| aio.canceler());
        let mut state = self.state.lock();
        let last = state.current.replace(aio.canceler());
        let last_held = std::mem::replace(&mut state.held, held);
        let canceled = state.canceled;
        drop(state);
        drop((last, last_held));
        if canceled {
            aio.cancel();
        }
    }

    /// The step is over: nobody has to serve it.
    pub(crate) fn step_is_over(&self) {
        drop(self.take_held());
    }

    pub(crate) fn cancel(&self) {
        let mut state = self.state.lock();
        state.canceled = true;
        let current = state.current.take();
        drop(state);
        if let Some(current) = current {
            current.cancel();
        }
    }

    /// Whether the next step may be held back, because the current thread is going to serve it.
    pub(crate) fn hold(&self) -> Hold {
        let this = Mark::of_this_thread();
        match this.is_some() && self.state.lock().helper == this {
            true => Hold::Allowed,
            false => Hold::Never,
        }
    }

    /// Has what `work` holds back left to the current thread, which is going to serve it.
    pub(crate) fn helped(&self, work: impl FnOnce()) {
        self.state.lock().helper = Mark::of_this_thread();
        work();
        self.state.lock().helper = None;
    }

    pub(crate) fn handling(&self) -> Handling {
        match self.state.lock().held {
            Some(_) => Handling::HeldBack,
            None => Handling::HandedOver,
        }
    }

    /// Serves what was held back for the waiter, and what is held back after that. True if there was
    /// anything.
    pub(crate) fn serve(&self) -> bool {
        let mut served = false;
        self.state.lock().helper = Mark::of_this_thread();
        while let Some(held) = self.next_to_serve() {
            served |= held.serve();
        }
        served
    }

    /// What was held back. If there is nothing, nobody is going to serve what comes.
    fn next_to_serve(&self) -> Option<Canceler> {
        let mut state = self.state.lock();
        let held = state.held.take();
        if held.is_none() {
            state.helper = None;
        }
        held
    }

    /// Hands over what is held back: nobody is going to wait.
    pub(crate) fn hand_over(&self) {
        if let Some(held) = self.take_held() {
            held.hand_over();
        }
    }

    fn take_held(&self) -> Option<Canceler> {
        self.state.lock().held.take()
    }
}
