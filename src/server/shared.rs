//! What the threads of a server share: its routes, its connections, and whether it stops.

use std::cell::Cell;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicUsize, Ordering};

use parking_lot::{Mutex, RwLock};

use super::event::Observer;
use super::handler::Handler;
use super::limits::ServerLimits;
use super::places::{Place, Places};
use super::routing::Router;
use super::spare::Spares;
use super::stop::Waiters;
use crate::sys::waker::Waker;
use crate::transport::Addr;

/// What its threads share.
pub(crate) struct Shared {
    pub(super) limits: ServerLimits,
    pub(super) observer: Observer,
    pub(super) router: RwLock<Arc<Router<Handler>>>,
    /// Held while a changed router is made.
    pub(super) editing: Mutex<()>,
    pub(super) places: Places,
    pub(super) spares: Spares,
    pub(super) phase: AtomicU8,
    /// Threads that accept.
    pub(super) acceptors: AtomicUsize,
    pub(super) wakers: Mutex<Vec<Arc<Waker>>>,
    pub(super) addresses: Mutex<Vec<Addr>>,
    pub(super) waiters: Waiters,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    Open,
    Draining,
    Closed,
}

thread_local! {
    /// The server whose connection this thread serves.
    static SERVES: Cell<usize> = const { Cell::new(0) };
}

impl Shared {
    pub(super) fn new(limits: ServerLimits, observer: Observer) -> Self {
        Self {
            limits,
            observer,
            router: RwLock::new(Arc::new(Router::new())),
            editing: Mutex::default(),
            places: Places::default(),
            spares: Spares::default(),
            phase: AtomicU8::new(0),
            acceptors: AtomicUsize::new(0),
            wakers: Mutex::default(),
            addresses: Mutex::default(),
            waiters: Waiters::default(),
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

    pub(super) fn is_full(&self) -> bool {
        self.places.count() >= self.limits.connections
    }

    pub(super) fn is_accepting(&self) -> bool {
        self.acceptors.load(Ordering::SeqCst) > 0
    }

    pub(super) fn router(&self) -> Arc<Router<Handler>> {
        Arc::clone(&self.router.read())
    }

    pub(super) fn stop(&self, phase: Phase) {
        self.phase.fetch_max(phase as u8, Ordering::SeqCst);
        for waker in &*self.wakers.lock() {
            waker.wake();
        }
        if phase == Phase::Closed {
            self.places.close_all();
        }
        self.places.ask_all();
        self.look_for_end();
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

    /// Runs what serves a connection. It may serve another meanwhile.
    pub(super) fn while_serving(&self, work: impl FnOnce()) {
        let last = SERVES.replace(std::ptr::from_ref(self).addr());
        work();
        SERVES.set(last);
    }

    /// Whether the current thread serves a connection of this server.
    pub(super) fn serves_here(&self) -> bool {
        SERVES.get() == std::ptr::from_ref(self).addr()
    }
}
