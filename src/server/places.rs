//! The connections of a server: how many there are, which of them wait, and who is to be woken.
//!
//! Invariants:
//!
//! 1. A connection's own thread decides what becomes of it: others only ask, by ending its wait.
//! 2. A wait that begins after somebody has asked ends at once: `ask` and `wait` share a lock.
//! 3. No lock is held while a wait is ended: that may run anywhere.

use std::cell::Cell;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Instant;

use parking_lot::{Condvar, Mutex};

use super::waiters::Awaited;
use crate::aio::Canceler;
use crate::conn::Conn;

thread_local! {
    /// The server's connections among which is the one that this thread serves.
    static SERVES: Cell<usize> = const { Cell::new(0) };
}

#[derive(Default)]
pub(super) struct Places {
    state: Mutex<State>,
    /// A connection has ended.
    freed: Condvar,
}

#[derive(Default)]
struct State {
    places: HashMap<u64, Arc<Place>>,
    next: u64,
}

/// Where a connection stands, as others see it.
pub(super) struct Place {
    key: u64,
    conn: Mutex<Option<Conn>>,
    presence: Mutex<Presence>,
}

#[derive(Default)]
struct Presence {
    waiting: Option<(Instant, Canceler)>,
    /// Its wait is to end: to make room, or because the server stops.
    asked: bool,
}

impl Places {
    pub(super) fn count(&self) -> usize {
        self.state.lock().places.len()
    }

    pub(super) fn add(&self, conn: &Conn) -> Arc<Place> {
        let mut state = self.state.lock();
        let key = state.next;
        state.next += 1;
        let place = Arc::new(Place {
            key,
            conn: Mutex::new(Some(conn.clone())),
            presence: Mutex::default(),
        });
        state.places.insert(key, Arc::clone(&place));
        place
    }

    /// The connection is no longer the server's.
    pub(super) fn remove(&self, place: &Place) {
        // Before it is counted off, so that who counts finds nothing open.
        let conn = place.conn.lock().take();
        drop(conn);
        let removed = self.state.lock().places.remove(&place.key);
        if removed.is_some() {
            self.freed.notify_all();
        }
    }

    /// Asks the connection that has waited longest to make room. False if none waits.
    pub(super) fn shed(&self) -> bool {
        let places = self.all();
        let waiting = places
            .iter()
            .filter_map(|place| place.waiting_since().map(|since| (since, place)));
        match waiting.min_by_key(|(since, _)| *since) {
            Some((_, place)) => {
                place.ask();
                true
            }
            None => false,
        }
    }

    /// Ends all waits, those to come included.
    pub(super) fn ask_all(&self) {
        self.all().iter().for_each(|place| place.ask());
    }

    /// Closes all connections.
    pub(super) fn close_all(&self) {
        for place in self.all() {
            let conn = place.conn.lock().clone();
            if let Some(conn) = conn {
                conn.close();
            }
        }
    }

    /// Waits until there are fewer than `most`, or until `until`.
    pub(super) fn wait_for_room(&self, most: usize, until: Instant) -> bool {
        let mut state = self.state.lock();
        while state.places.len() >= most {
            if self.freed.wait_until(&mut state, until).timed_out() {
                return state.places.len() < most;
            }
        }
        true
    }

    /// Runs what serves one of these connections. It may serve another server's meanwhile.
    pub(super) fn while_serving(&self, work: impl FnOnce()) {
        let last = SERVES.replace(std::ptr::from_ref(self).addr());
        work();
        SERVES.set(last);
    }

    /// Whether the current thread serves one of these connections.
    pub(super) fn serves_here(&self) -> bool {
        SERVES.get() == std::ptr::from_ref(self).addr()
    }

    fn all(&self) -> Vec<Arc<Place>> {
        self.state.lock().places.values().cloned().collect()
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
    /// The connection waits for a request, and has done so since then. `canceler` ends that.
    pub(super) fn wait(&self, since: Instant, canceler: Canceler) {
        let mut presence = self.presence.lock();
        if presence.asked {
            drop(presence);
            canceler.cancel();
        } else {
            presence.waiting = Some((since, canceler));
        }
    }

    /// It has something to do. What it was asked for is forgotten: it looks for itself.
    pub(super) fn work(&self) {
        let mut presence = self.presence.lock();
        presence.asked = false;
        let waiting = presence.waiting.take();
        drop(presence);
        drop(waiting);
    }

    /// Whether the client has gone, or the connection is not the server's any more.
    pub(super) fn has_lost_peer(&self) -> bool {
        let conn = self.conn.lock().clone();
        conn.is_none_or(|conn| conn.has_lost_peer())
    }

    fn ask(&self) {
        let mut presence = self.presence.lock();
        presence.asked = true;
        let waiting = presence.waiting.take();
        drop(presence);
        if let Some((_, canceler)) = waiting {
            canceler.cancel();
        }
    }

    fn waiting_since(&self) -> Option<Instant> {
        let presence = self.presence.lock();
        presence.waiting.as_ref().map(|(since, _)| *since)
    }
}
