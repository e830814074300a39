//! The life of a server: whether it stops, what it waits for then, and when its end has come.

use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Weak};

use parking_lot::Mutex;

use super::control::Control;
use super::places::{Place, Places};
use super::spare::Spares;
use super::waiters::{Awaited, Waiters};
use crate::aio::{Aio, InFlight};
use crate::error::Action;

/// Its listeners, connections and threads, as far as stopping concerns them.
pub(super) struct Lifecycle {
    phase: AtomicU8,
    /// Threads that accept.
    acceptors: Mutex<Vec<Arc<Control>>>,
    pub(super) places: Arc<Places>,
    pub(super) spares: Spares,
    waiters: Arc<Waiters>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    Open,
    Draining,
    Closed,
}

impl Lifecycle {
    /// Of a server whose connections have so many threads at most.
    pub(super) fn new(threads: usize) -> Self {
        Self {
            phase: AtomicU8::default(),
            acceptors: Mutex::default(),
            places: Arc::default(),
            spares: Spares::new(threads),
            waiters: Arc::default(),
        }
    }

    pub(super) fn phase(&self) -> Phase {
        match self.phase.load(Ordering::SeqCst) {
            0 => Phase::Open,
            1 => Phase::Draining,
            _ => Phase::Closed,
        }
    }

    pub(super) fn is_stopping(&self) -> bool {
        self.phase() != Phase::Open
    }

    pub(super) fn is_closed(&self) -> bool {
        self.phase() == Phase::Closed
    }

    /// False if it was told so before.
    pub(super) fn stop(&self, phase: Phase) -> bool {
        let last = self.phase.fetch_max(phase as u8, Ordering::SeqCst);
        for acceptor in self.acceptors() {
            acceptor.waker.wake();
        }
        if phase == Phase::Closed {
            self.places.close_all();
        }
        self.places.ask_all();
        for watch in self.places.watches() {
            watch.ask_all();
        }
        self.look_for_end();
        last < phase as u8
    }

    /// A thread that accepts is about to begin, and is woken when the server stops.
    pub(super) fn acceptor_begins(&self, control: &Arc<Control>) {
        self.acceptors.lock().push(Arc::clone(control));
    }

    pub(super) fn acceptor_ended(&self, control: &Arc<Control>) {
        let others = |other: &Arc<Control>| !Arc::ptr_eq(other, control);
        self.acceptors.lock().retain(others);
        self.look_for_end();
    }

    pub(super) fn acceptors(&self) -> Vec<Arc<Control>> {
        self.acceptors.lock().clone()
    }

    /// The connection has ended.
    pub(super) fn leave(&self, place: &Place) {
        self.places.remove(place);
        self.look_for_end();
    }

    /// Completes when the end has come.
    pub(super) fn join(&self, aio: Aio<()>) -> Aio<(), InFlight> {
        let joining = self.waiters.add(
            Arc::downgrade(&self.places) as Weak<dyn Awaited>,
            Action::Stop,
            aio,
        );
        self.look_for_end();
        joining.registered()
    }

    /// Tells those who wait, if the end has come.
    fn look_for_end(&self) {
        let is_accepting = !self.acceptors.lock().is_empty();
        if self.is_stopping() && !is_accepting && self.places.count() == 0 {
            self.places.close_watches();
            self.spares.end();
            self.waiters.tell_all(|| Ok(()));
        }
    }
}
