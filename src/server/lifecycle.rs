//! The life of a server: whether it stops, what it waits for then, and when its end has come.

use std::sync::atomic::{AtomicU8, AtomicUsize, Ordering};
use std::sync::{Arc, Weak};

use parking_lot::Mutex;

use super::places::{Place, Places};
use super::spare::Spares;
use super::waiters::{Awaited, Waiters};
use crate::aio::{Aio, InFlight};
use crate::error::Action;
use crate::sys::waker::Waker;

/// Its listeners, connections and threads, as far as stopping concerns them.
#[derive(Default)]
pub(super) struct Lifecycle {
    phase: AtomicU8,
    /// Threads that accept.
    acceptors: AtomicUsize,
    wakers: Mutex<Vec<Arc<Waker>>>,
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
        for waker in &*self.wakers.lock() {
            waker.wake();
        }
        if phase == Phase::Closed {
            self.places.close_all();
        }
        self.places.ask_all();
        self.look_for_end();
        last < phase as u8
    }

    /// A thread that accepts is about to begin, and is woken when the server stops.
    pub(super) fn acceptor_begins(&self, waker: &Arc<Waker>) {
        self.wakers.lock().push(Arc::clone(waker));
        self.acceptors.fetch_add(1, Ordering::SeqCst);
    }

    pub(super) fn acceptor_ended(&self, waker: &Arc<Waker>) {
        self.wakers
            .lock()
            .retain(|other| !Arc::ptr_eq(other, waker));
        self.acceptors.fetch_sub(1, Ordering::SeqCst);
        self.look_for_end();
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
        let is_accepting = self.acceptors.load(Ordering::SeqCst) > 0;
        if self.is_stopping() && !is_accepting && self.places.count() == 0 {
            self.spares.end();
            self.waiters.tell_all(|| Ok(()));
        }
    }
}
