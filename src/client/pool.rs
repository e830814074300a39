//! Connections that wait for their next request.
//!
//! The lock is held for bookkeeping: connections are looked at, and closed, outside of it.

use std::collections::HashMap;
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use super::route::Key;
use crate::aio::post_alone;
use crate::conn::Conn;
use crate::timer::{self, Expire};

/// How many idle connections are kept, and for how long.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bounds {
    pub(crate) per_authority: usize,
    pub(crate) total: usize,
    pub(crate) age: Duration,
}

#[derive(Debug)]
pub(crate) struct Pool {
    bounds: Bounds,
    state: Mutex<State>,
    this: Weak<Self>,
}

#[derive(Debug, Default)]
struct State {
    idle: HashMap<Key, Vec<Idle>>,
    total: usize,
    /// The timer will come.
    armed: bool,
    alarm: Option<timer::Alarm>,
}

#[derive(Debug)]
struct Idle {
    conn: Conn,
    since: Instant,
}

impl Pool {
    pub(crate) fn new(bounds: Bounds) -> Arc<Self> {
        Arc::new_cyclic(|this| Self {
            bounds,
            state: Mutex::default(),
            this: Weak::clone(this),
        })
    }

    /// The connection that was used last and is not stale yet, as far as can be told.
    pub(crate) fn take(&self, key: &Key) -> Option<Conn> {
        loop {
            let mut state = self.state.lock();
            let idle = state.idle.get_mut(key)?.pop()?;
            state.total -= 1;
            drop(state);
            if idle.since.elapsed() < self.bounds.age && idle.conn.is_reusable() {
                return Some(idle.conn);
            }
        }
    }

    /// Keeps a connection, if it can be used again and there is a place for it. It has `handles`, and
    /// those that are not given here are about to be dropped.
    pub(crate) fn put(&self, key: &Key, conn: Conn, handles: usize) {
        if self.bounds.per_authority == 0 || self.bounds.total == 0 || !conn.is_poolable(handles) {
            return;
        }
        let since = Instant::now();
        let mut state = self.state.lock();
        let surplus = if state.count(key) >= self.bounds.per_authority {
            state.take_first(key)
        } else if state.total >= self.bounds.total {
            state.take_oldest()
        } else {
            None
        };
        state.total += 1;
        match state.idle.get_mut(key) {
            Some(same) => same.push(Idle { conn, since }),
            None => {
                state.idle.insert(key.clone(), vec![Idle { conn, since }]);
            }
        }
        let arm = !std::mem::replace(&mut state.armed, true);
        drop(state);
        drop(surplus);
        if arm {
            self.arm(since.checked_add(self.bounds.age));
        }
    }

    fn arm(&self, at: Option<Instant>) {
        let whom: Weak<dyn Expire> = self.this.clone();
        let alarm = at.and_then(|at| timer::arm(at, whom).ok());
        let mut state = self.state.lock();
        state.armed = alarm.is_some(); // Without, old ones are found when they are asked for.
        let last = std::mem::replace(&mut state.alarm, alarm);
        drop(state);
        drop(last);
    }
}

impl State {
    fn count(&self, key: &Key) -> usize {
        self.idle.get(key).map_or(0, Vec::len)
    }

    /// Each list is in the order in which its connections came.
    fn take_first(&mut self, key: &Key) -> Option<Idle> {
        let list = self.idle.get_mut(key).filter(|list| !list.is_empty())?;
        self.total -= 1;
        Some(list.remove(0))
    }

    fn take_oldest(&mut self) -> Option<Idle> {
        let filled = self.idle.iter().filter(|(_, list)| !list.is_empty());
        let oldest = filled.min_by_key(|(_, list)| list[0].since);
        let key = oldest.map(|(key, _)| key.clone())?;
        self.take_first(&key)
    }
}

/// Closes what has waited too long.
impl Expire for Pool {
    fn expire(&self) {
        let now = Instant::now();
        let mut state = self.state.lock();
        let mut old = Vec::new();
        let mut next = None;
        for list in state.idle.values_mut() {
            let young = list
                .iter()
                .position(|idle| now.duration_since(idle.since) < self.bounds.age);
            old.extend(list.drain(..young.unwrap_or(list.len())));
            let since = list.first().map(|idle| idle.since);
            next = match (next, since) {
                (Some(a), Some(b)) => Some(std::cmp::min(a, b)),
                (a, b) => a.or(b),
            };
        }
        state.idle.retain(|_, list| !list.is_empty());
        state.total -= old.len();
        state.armed = next.is_some();
        drop(state);
        if !old.is_empty() {
            // Closing takes system calls, and other deadlines wait for the timer's thread.
            post_alone(Box::new(move || drop(old)));
        }
        if let Some(since) = next {
            self.arm(since.checked_add(self.bounds.age));
        }
    }

    fn release(self: Arc<Self>) {
        crate::background::release(self);
    }
}
