//! The life of a server: whether it stops, what it waits for then, and when its end has come.

use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use parking_lot::Mutex;

use super::control::Control;
use super::grace::Grace;
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
    /// While there is one.
    grace: Mutex<Option<Grace>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Phase {
    Open,
    /// It stops in order, and connections that wait for a request are left alone yet.
    Grace,
    /// They end.
    Draining,
    Closed,
}

impl Phase {
    /// Whether connections that wait for a request are to end.
    pub(super) fn ends_waits(self) -> bool {
        self >= Self::Draining
    }
}

impl From<u8> for Phase {
    fn from(number: u8) -> Self {
        match number {
            0 => Self::Open,
            1 => Self::Grace,
            2 => Self::Draining,
            _ => Self::Closed,
        }
    }
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
            grace: Mutex::default(),
        }
    }

    pub(super) fn phase(&self) -> Phase {
        self.phase.load(Ordering::SeqCst).into()
    }

    pub(super) fn is_stopping(&self) -> bool {
        self.phase() != Phase::Open
    }

    pub(super) fn is_closed(&self) -> bool {
        self.phase() == Phase::Closed
    }

    /// Whether connections that wait for a request are to end.
    pub(super) fn ends_waits(&self) -> bool {
        self.phase().ends_waits()
    }

    /// Stops in order, and leaves connections that wait alone for so long. False if it was told to stop before.
    pub(super) fn drain(self: &Arc<Self>, grace: Duration) -> bool {
        let phase = match grace.is_zero() {
            true => Phase::Draining,
            false => Phase::Grace,
        };
        let is_first = self.stop(phase) == Phase::Open;
        if is_first && phase == Phase::Grace {
            let lifecycle = Arc::downgrade(self);
            let over = move || {
                if let Some(lifecycle) = lifecycle.upgrade() {
                    lifecycle.stop(Phase::Draining);
                }
            };
            match Grace::begin(grace, over) {
                // If there is nobody left by now, it goes with the server.
                Ok(grace) => *self.grace.lock() = Some(grace),
                // Without a thread for the timer nobody would end it.
                Err(_) => drop(self.stop(Phase::Draining)),
            }
        }
        is_first
    }

    /// Returns in which phase it was.
    pub(super) fn stop(&self, phase: Phase) -> Phase {
        let last = self.phase.fetch_max(phase as u8, Ordering::SeqCst);
        for acceptor in self.acceptors() {
            acceptor.waker.wake();
        }
        if phase == Phase::Closed {
            self.places.close_all();
        }
        if phase.ends_waits() {
            self.end_waits();
        }
        self.look_for_end();
        last.into()
    }

    fn end_waits(&self) {
        self.forget_grace();
        self.places.ask_all();
        for watch in self.places.watches() {
            watch.ask_all();
        }
    }

    fn forget_grace(&self) {
        let grace = self.grace.lock().take();
        drop(grace);
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
            self.forget_grace();
            self.places.close_watches();
            self.spares.end();
            self.waiters.tell_all(|| Ok(()));
        }
    }
}
