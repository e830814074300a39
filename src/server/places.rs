//! The connections of a server: how many there are, which of them wait, and who is to be woken.
//!
//! When there are as many as there may be, an acceptor whose listener has somebody in its queue *claims* room:
//!
//! 1. It is noted among those who want room, and the connection that has been idle longest is asked to leave.
//! 2. It sleeps in its `poll`, on its waker and not on the listener.
//! 3. It is woken when a connection has ended, when one that was asked to leave goes on after all because a
//!    request has come, and when one begins to wait, which may then be asked. Then it claims again.
//!
//! No more are asked than are to leave: those that are on their way count. One that was just accepted has a moment
//! of *grace* for its first request. The moment is halved whenever it has cost somebody the place, so that a crowd
//! of silent clients holds nobody up for more than a second, and is whole again when nobody is in the queue.
//!
//! Invariants:
//!
//! 1. A connection's own thread decides what becomes of it: others only ask, by ending its wait.
//! 2. A wait that begins after somebody has asked ends at once: all that is known is under one lock.
//! 3. No lock is held while a wait is ended, a connection dropped or an acceptor woken: that may run anywhere.

use std::cell::Cell;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use parking_lot::{Mutex, RwLock};

use super::crowd::Network;
use super::ender::Ender;
use super::held::Held;
use super::occupancy::{Entry, GRACE, Occupancy, Presence};
use super::wait::Wait;
use super::waiters::Awaited;
use super::watch::Watching;
use crate::sys::waker::Waker;

thread_local! {
    /// The server's connections among which is the one that this thread serves.
    static SERVES: Cell<usize> = const { Cell::new(0) };
}

#[derive(Default)]
pub(super) struct Places {
    state: Mutex<Occupancy>,
    watches: RwLock<Vec<Arc<dyn Watching>>>,
    /// Somebody wants room, so connections that are watched show that they wait.
    tight: AtomicBool,
}

/// What a claim of room comes to. Unless there is some, the claimant is woken when that may have changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Room {
    Free,
    /// Somebody is on the way out.
    Soon,
    /// Somebody can be asked from then on.
    From(Instant),
    /// All are busy.
    None,
}

/// A connection among the others.
pub(super) struct Place {
    places: Arc<Places>,
    key: u64,
}

impl Places {
    pub(super) fn count(&self) -> usize {
        self.state.lock().places.len()
    }

    /// How many of them wait for a request.
    pub(super) fn waiting(&self) -> usize {
        let watched = self.watched();
        let state = self.state.lock();
        let threads = state.idle.values().chain(state.fresh.values());
        let threads = threads.filter(|ender| matches!(ender, Ender::Cancel(_)));
        watched + threads.count()
    }

    /// How many of these have no thread.
    pub(super) fn watched(&self) -> usize {
        self.watches().iter().map(|watch| watch.waiting()).sum()
    }

    pub(super) fn add(self: &Arc<Self>, held: Held) -> Place {
        let key = self.state.lock().add(held, None);
        Place::new(self, key)
    }

    /// Takes a connection in that has come from a network. None if there are `most` from there.
    pub(super) fn add_from(
        self: &Arc<Self>,
        held: Held,
        source: Network,
        most: usize,
    ) -> Option<Place> {
        let mut state = self.state.lock();
        if !state.crowd.enter(source, most) {
            return None;
        }
        let key = state.add(held, Some(source));
        drop(state);
        Some(Place::new(self, key))
    }

    /// The connection is no longer the server's.
    pub(super) fn remove(&self, place: &Place) {
        let mut state = self.state.lock();
        let entry = state.places.get_mut(&place.key);
        let held = entry.and_then(|entry| entry.held.take());
        drop(state);
        // Before it is counted off, so that who counts finds nothing open.
        drop(held);
        let mut state = self.state.lock();
        let canceler = state.rest(place.key);
        let is_gone = state.remove(place.key);
        let claimants = state.claimants.clone();
        drop(state);
        drop(canceler);
        if is_gone {
            wake(&claimants);
        }
    }

    /// Makes room for one more, if there are `most`, for the acceptor with this waker.
    pub(super) fn claim(&self, most: usize, waker: &Arc<Waker>) -> Room {
        if self.state.lock().places.len() < most {
            return Room::Free;
        }
        self.show_watched();
        let mut state = self.state.lock();
        if state.places.len() < most {
            return Room::Free;
        }
        state.note_claimant(waker);
        if state.places.len() - state.leaving < most {
            return Room::Soon;
        }
        let now = Instant::now();
        match state.shed(now) {
            Some(canceler) => {
                drop(state);
                canceler.end();
                Room::Soon
            }
            None => state.next_grace().map_or(Room::None, Room::From),
        }
    }

    /// Asks the connection that has been idle longest to leave, because descriptors have run out, unless one is on
    /// its way. False if there is none. The acceptor with this waker is woken when that may have changed.
    pub(super) fn shed(&self, waker: &Arc<Waker>) -> bool {
        self.show_watched();
        let mut state = self.state.lock();
        state.note_claimant(waker);
        if state.leaving > 0 {
            return true;
        }
        let canceler = state.shed(Instant::now());
        drop(state);
        canceler.map(|canceler| canceler.end()).is_some()
    }

    /// The acceptor with this waker has what it wants.
    pub(super) fn withdraw_claim(&self, waker: &Arc<Waker>) {
        let mut state = self.state.lock();
        let others = |other: &Arc<Waker>| !Arc::ptr_eq(other, waker);
        state.claimants.retain(others);
        if state.claimants.is_empty() {
            state.grace = GRACE;
            self.tight.store(false, Ordering::Relaxed);
            state.forget_watched();
        }
    }

    /// A watch is held from now on, until the end.
    pub(super) fn watch_begins(&self, watch: Arc<dyn Watching>) {
        self.watches.write().push(watch);
    }

    pub(super) fn watches(&self) -> Vec<Arc<dyn Watching>> {
        self.watches.read().clone()
    }

    /// Nobody is to hold the watches any more.
    pub(super) fn close_watches(&self) {
        let watches = std::mem::take(&mut *self.watches.write());
        watches.iter().for_each(|watch| watch.close());
    }

    /// Notes which connections wait in watches, from now on as they come there.
    fn show_watched(&self) {
        if self.tight.swap(true, Ordering::SeqCst) {
            return;
        }
        for watch in self.watches() {
            let waiting = Arc::clone(&watch).show();
            let mut state = self.state.lock();
            for shown in waiting {
                let ender = Ender::Ask(Arc::clone(&watch), shown.key);
                state.show(shown.place, shown.wait, shown.since, ender);
            }
        }
    }

    /// Ends all waits, those to come included.
    pub(super) fn ask_all(&self) {
        let mut state = self.state.lock();
        let waits = std::mem::take(&mut state.idle);
        let first_waits = std::mem::take(&mut state.fresh);
        for entry in state.places.values_mut() {
            entry.presence = Presence::Asked;
        }
        state.leaving = 0;
        let all: Vec<_> = state.places.values().filter_map(Entry::beginning).collect();
        drop(state);
        // They look at the clock again.
        all.iter().for_each(|transport| transport.wake_reader());
        for canceler in waits.values().chain(first_waits.values()) {
            canceler.end();
        }
    }

    /// Closes all connections.
    pub(super) fn close_all(&self) {
        let all: Vec<_> = {
            let state = self.state.lock();
            let all = state.places.values().filter_map(|entry| entry.held.clone());
            all.collect()
        };
        all.iter().for_each(Held::close);
    }

    /// The current thread serves one of these connections, until what is returned is dropped. It may serve another
    /// server's meanwhile.
    pub(super) fn begin_serving(&self) -> Serving {
        let last = SERVES.replace(std::ptr::from_ref(self).addr());
        Serving { last }
    }

    /// Whether the current thread serves one of these connections.
    pub(super) fn serves_here(&self) -> bool {
        SERVES.get() == std::ptr::from_ref(self).addr()
    }
}

/// Undoes `begin_serving`.
pub(super) struct Serving {
    last: usize,
}

impl Drop for Serving {
    fn drop(&mut self) {
        SERVES.set(self.last);
    }
}

/// A server ends with its last connection.
impl Awaited for Places {
    fn left(&self) -> u64 {
        self.count() as u64
    }

    /// A handler waits for its own end.
    fn needs_current_thread(&self) -> bool {
        self.serves_here()
    }
}

impl Place {
    fn new(places: &Arc<Places>, key: u64) -> Self {
        Self {
            places: Arc::clone(places),
            key,
        }
    }

    /// Whether somebody wants room, so that a connection that waits in a watch is to say so.
    pub(super) fn is_needed(&self) -> bool {
        self.places.tight.load(Ordering::Relaxed)
    }

    pub(super) fn key(&self) -> u64 {
        self.key
    }

    /// What a close is to end from now on.
    pub(super) fn hold(&self, held: Held) {
        let mut state = self.places.state.lock();
        let entry = state.places.get_mut(&self.key);
        let last = entry.and_then(|entry| entry.held.replace(held));
        drop(state);
        drop(last);
    }

    pub(super) fn close(&self) {
        if let Some(held) = self.held() {
            held.close();
        }
    }

    /// The connection waits for a request, and has done so since then. `canceler` ends that.
    pub(super) fn wait(&self, wait: Wait, since: Instant, canceler: Ender) {
        let mut state = self.places.state.lock();
        let Some(entry) = state.places.get_mut(&self.key) else {
            return; // It is no longer the server's, so nobody asks it for anything.
        };
        if entry.presence == Presence::Asked {
            drop(state);
            canceler.end();
            return;
        }
        let is_watched = matches!(canceler, Ender::Ask(..));
        if is_watched && !self.is_needed() {
            return; // Nobody wants room any more, and nobody would forget it.
        }
        let last = state.rest(self.key);
        if let Some(entry) = state.places.get_mut(&self.key) {
            entry.presence = Presence::Waiting(wait, since);
        }
        state.waiting(wait).insert((since, self.key), canceler);
        let claimants = state.claimants.clone();
        drop(state);
        drop(last);
        wake(&claimants);
    }

    /// It has something to do. What it was asked for is forgotten: it looks for itself.
    pub(super) fn work(&self) {
        let mut state = self.places.state.lock();
        let leaving = state.leaving;
        let canceler = state.rest(self.key);
        let claimants = match state.leaving < leaving {
            true => state.claimants.clone(),
            false => Vec::new(),
        };
        drop(state);
        drop(canceler);
        wake(&claimants);
    }

    /// Whether the client has gone, or the connection is not the server's any more.
    pub(super) fn has_lost_peer(&self) -> bool {
        match self.held() {
            Some(Held::Conn(conn)) => conn.has_lost_peer(),
            Some(Held::Transport(_)) => false,
            None => true,
        }
    }

    fn held(&self) -> Option<Held> {
        let state = self.places.state.lock();
        let entry = state.places.get(&self.key)?;
        entry.held.clone()
    }
}

fn wake(claimants: &[Arc<Waker>]) {
    claimants.iter().for_each(|waker| waker.wake());
}
