//! What the model checker has in place of an epoll set. Like that it is level-triggered: it reports what can be read
//! for as long as it can, and a waker stays woken until somebody has seen it.
//!
//! There is no clock: who waits at all waits until something comes.

use std::collections::BTreeMap;
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, RawFd};
use std::time::Duration;

use super::state::Key;
use crate::sync::{Condvar, Mutex};

pub(super) struct Set {
    polled: Mutex<Polled>,
    changed: Condvar,
}

#[derive(Default)]
struct Polled {
    members: Vec<(RawFd, Key)>,
    /// How many requests can be read from a descriptor.
    input: BTreeMap<RawFd, u32>,
    is_woken: bool,
    /// For how long somebody waits.
    waits: Option<Duration>,
}

impl Set {
    pub(super) fn new() -> io::Result<Self> {
        Ok(Self {
            polled: Mutex::new(Polled::default()),
            changed: Condvar::new(),
        })
    }

    pub(super) fn add(&self, key: Key, descriptor: BorrowedFd<'_>) -> io::Result<()> {
        let descriptor = descriptor.as_raw_fd();
        self.change(|polled| {
            let is_in = polled.members.iter().any(|(is, _)| *is == descriptor);
            assert!(!is_in, "it is in the set already");
            polled.members.push((descriptor, key));
        });
        Ok(())
    }

    pub(super) fn remove(&self, descriptor: BorrowedFd<'_>) {
        let descriptor = descriptor.as_raw_fd();
        self.change(|polled| {
            let index = polled.members.iter().position(|(is, _)| *is == descriptor);
            polled.members.remove(index.expect("it is in the set"));
        });
    }

    pub(super) fn wake(&self) {
        self.change(|polled| polled.is_woken = true);
    }

    pub(super) fn wait(&self, timeout: Duration, ready: &mut Vec<Key>) {
        ready.clear();
        let mut polled = self.polled.lock();
        if !timeout.is_zero() {
            assert_eq!(polled.waits.replace(timeout), None, "two wait");
            self.changed.notify_all();
            while !polled.is_woken && polled.ready().next().is_none() {
                self.changed.wait(&mut polled);
            }
            polled.waits = None;
        }
        polled.is_woken = false;
        ready.extend(polled.ready());
    }

    fn change<T>(&self, change: impl FnOnce(&mut Polled) -> T) -> T {
        let result = change(&mut self.polled.lock());
        self.changed.notify_all();
        result
    }
}

impl Polled {
    fn ready(&self) -> impl Iterator<Item = Key> {
        let is_ready = |descriptor| self.input.get(descriptor).is_some_and(|count| *count > 0);
        let ready = self.members.iter().filter(move |(is, _)| is_ready(is));
        ready.map(|(_, key)| *key)
    }

    #[cfg(test)]
    fn is_waited_on(&self, most: Duration) -> bool {
        let is_waited_on = self.waits.is_some_and(|timeout| timeout <= most);
        is_waited_on && !self.is_woken && self.ready().next().is_none()
    }
}

/// What a model does.
#[cfg(test)]
impl Set {
    /// Requests arrive.
    pub(super) fn arrive(&self, descriptor: BorrowedFd<'_>, count: u32) {
        self.change(|polled| *polled.input.entry(descriptor.as_raw_fd()).or_default() += count);
    }

    /// Takes all that have arrived.
    pub(super) fn read(&self, descriptor: BorrowedFd<'_>) -> u32 {
        self.change(|polled| polled.input.remove(&descriptor.as_raw_fd()))
            .unwrap_or(0)
    }

    /// Whether somebody waits, for so long at most, and there is nothing to wake up for.
    pub(super) fn is_waited_on(&self, most: Duration) -> bool {
        self.polled.lock().is_waited_on(most)
    }

    pub(super) fn until_waited_on(&self, most: Duration) {
        let mut polled = self.polled.lock();
        while !polled.is_waited_on(most) {
            self.changed.wait(&mut polled);
        }
    }

    /// Returns when another connection has the place of this one.
    pub(super) fn until_replaced(&self, key: Key) {
        let is_next = |next: Key| next != key && next.index == key.index;
        let mut polled = self.polled.lock();
        while !polled.members.iter().any(|(_, next)| is_next(*next)) {
            self.changed.wait(&mut polled);
        }
    }
}
