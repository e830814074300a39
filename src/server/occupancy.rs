//! Who is in the places of a server, and who is asked to leave for others. It decides, and does nothing.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::crowd::{Crowd, Network};
use super::ender::Ender;
use super::held::Held;
use super::wait::Wait;
use crate::sys::waker::Waker;
use crate::transport::Transport;

/// How long a connection that was just accepted is not asked to leave, at first. Halved again and again, it
/// comes to twice as much.
pub(super) const GRACE: Duration = Duration::from_millis(500);
/// Less than this is nothing.
const LEAST_GRACE: Duration = Duration::from_millis(1);

pub(super) struct Occupancy {
    pub(super) places: HashMap<u64, Entry>,
    next: u64,
    pub(super) crowd: Crowd,
    /// Those that wait for another request, and for their first one.
    pub(super) idle: Waiting,
    pub(super) fresh: Waiting,
    /// Those that were asked to make room and have not answered yet.
    pub(super) leaving: usize,
    pub(super) grace: Duration,
    /// Who wants room.
    pub(super) claimants: Vec<Arc<Waker>>,
}

/// By the moment at which the wait began: the first has waited longest.
pub(super) type Waiting = BTreeMap<(Instant, u64), Ender>;

pub(super) struct Entry {
    /// Gone just before the entry itself.
    pub(super) held: Option<Held>,
    pub(super) presence: Presence,
    /// Where it came from, if that is counted.
    pub(super) source: Option<Network>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Presence {
    Working,
    Waiting(Wait, Instant),
    /// Its wait has ended to make room.
    Leaving,
    /// Its next wait is to end at once, because the server stops.
    Asked,
}

impl Default for Occupancy {
    fn default() -> Self {
        Self {
            places: HashMap::new(),
            next: 0,
            crowd: Crowd::default(),
            idle: Waiting::new(),
            fresh: Waiting::new(),
            leaving: 0,
            grace: GRACE,
            claimants: Vec::new(),
        }
    }
}

impl Entry {
    /// What its handshake is made over, while it is.
    pub(super) fn beginning(&self) -> Option<Arc<dyn Transport>> {
        match &self.held {
            Some(Held::Transport(transport)) => Some(Arc::clone(transport)),
            Some(Held::Conn(_)) | None => None,
        }
    }
}

impl Occupancy {
    /// Takes a connection in.
    pub(super) fn add(&mut self, held: Held, source: Option<Network>) -> u64 {
        let key = self.next;
        self.next += 1;
        let entry = Entry {
            held: Some(held),
            presence: Presence::Working,
            source,
        };
        self.places.insert(key, entry);
        key
    }

    /// The connection has ended. False if it had before.
    pub(super) fn remove(&mut self, key: u64) -> bool {
        let Some(entry) = self.places.remove(&key) else {
            return false;
        };
        if let Some(source) = entry.source {
            self.crowd.leave(source);
        }
        true
    }

    pub(super) fn waiting(&mut self, wait: Wait) -> &mut Waiting {
        match wait {
            Wait::First => &mut self.fresh,
            Wait::Next => &mut self.idle,
        }
    }

    /// The connection waits in a watch, unless more is known of it.
    pub(super) fn show(&mut self, key: u64, wait: Wait, since: Instant, ender: Ender) {
        let Some(entry) = self.places.get_mut(&key) else {
            return;
        };
        if entry.presence == Presence::Working {
            entry.presence = Presence::Waiting(wait, since);
            self.waiting(wait).insert((since, key), ender);
        }
    }

    /// Nobody wants room any more: those in watches say no longer that they wait, or wait no longer.
    pub(super) fn forget_watched(&mut self) {
        let Self {
            places,
            idle,
            fresh,
            ..
        } = self;
        for waiting in [idle, fresh] {
            waiting.retain(|(_, key), ender| {
                let is_watched = matches!(ender, Ender::Ask(..));
                if let (true, Some(entry)) = (is_watched, places.get_mut(key)) {
                    entry.presence = Presence::Working;
                }
                !is_watched
            });
        }
    }

    /// The connection does not wait any more, and its canceler is of no use.
    pub(super) fn rest(&mut self, key: u64) -> Option<Ender> {
        let entry = self.places.get_mut(&key)?;
        match std::mem::replace(&mut entry.presence, Presence::Working) {
            Presence::Waiting(wait, since) => self.waiting(wait).remove(&(since, key)),
            Presence::Leaving => {
                self.leaving -= 1;
                None
            }
            Presence::Working | Presence::Asked => None,
        }
    }

    /// Has the one leave that has waited longest, and returns what ends its wait.
    pub(super) fn shed(&mut self, now: Instant) -> Option<Ender> {
        let idle = self.idle.first_key_value().map(|(&(since, _), _)| since);
        let fresh = self.fresh.first_key_value().map(|(&(since, _), _)| since);
        let fresh = fresh.filter(|&since| since + self.grace <= now);
        let wait = match (idle, fresh) {
            (Some(idle), Some(fresh)) if fresh < idle => Wait::First,
            (None, Some(_)) => Wait::First,
            (Some(_), _) => Wait::Next,
            (None, None) => return None,
        };
        if wait == Wait::First {
            let half = self.grace / 2;
            self.grace = if half < LEAST_GRACE {
                Duration::ZERO
            } else {
                half
            };
        }
        let ((_, key), canceler) = self.waiting(wait).pop_first()?;
        if let Some(entry) = self.places.get_mut(&key) {
            entry.presence = Presence::Leaving;
            self.leaving += 1;
        }
        Some(canceler)
    }

    /// When the next one can be asked that has its grace yet.
    pub(super) fn next_grace(&self) -> Option<Instant> {
        let first = self.fresh.first_key_value();
        first.map(|(&(since, _), _)| since + self.grace)
    }

    pub(super) fn note_claimant(&mut self, waker: &Arc<Waker>) {
        let is_noted = self.claimants.iter().any(|other| Arc::ptr_eq(other, waker));
        if !is_noted {
            self.claimants.push(Arc::clone(waker));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::conn::Conn;
    use crate::server::watch::{Key, Shown, Watching};

    struct Nothing;

    impl Watching for Nothing {
        fn ask_all(&self) {}

        fn close(&self) {}

        fn ask(&self, _: Key) {}

        fn show(self: Arc<Self>) -> Vec<Shown> {
            Vec::new()
        }

        fn waiting(&self) -> usize {
            0
        }
    }

    /// One that is busy by then must not be taken for the one that has waited longest.
    #[test]
    fn those_in_watches_are_known_to_wait_only_while_somebody_wants_room() {
        let (near, _far) = std::os::unix::net::UnixStream::pair().unwrap();
        let mut occupancy = Occupancy::default();
        let key = occupancy.add(Held::Conn(Conn::from(near)), None);
        let ender = || Ender::Ask(Arc::new(Nothing), Key::from(0));
        occupancy.show(key, Wait::Next, Instant::now(), ender());
        occupancy.forget_watched();
        assert!(occupancy.shed(Instant::now()).is_none());
        assert_eq!(occupancy.leaving, 0);
        occupancy.show(key, Wait::Next, Instant::now(), ender());
        assert!(occupancy.shed(Instant::now()).is_some());
        assert_eq!(occupancy.leaving, 1);
    }
}
