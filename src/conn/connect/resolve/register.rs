//! Who waits for which lookup, and until when: bookkeeping alone, all of it O(log n).

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender, bounded};

use super::{Asking, Query, Ticket};
use crate::deadline::Deadline;

/// Lookups that run at a time.
const AT_ONCE: usize = 64;

/// Lookups that wait for their turn.
pub(super) const QUEUED: usize = 4096;

/// How long the thread that looks after the deadlines sleeps at most.
const ROUND: Duration = Duration::from_secs(1);

pub(super) struct Register {
    /// Lookups and askers have numbers from one series, so that the oldest has the lowest.
    last_number: u64,
    /// Those under way and those in the queue.
    lookups: BTreeMap<u64, Lookup>,
    /// Which lookup is that of a host.
    hosts: BTreeMap<String, u64>,
    /// Those that have not begun.
    queue: BTreeMap<u64, Query>,
    threads: usize,
    deadlines: BTreeMap<(Instant, u64), Ticket>,
    /// The thread that looks after the deadlines, while there is one.
    keeper: Option<Keeper>,
}

struct Keeper {
    doorbell: Sender<()>,
    wakes: Instant,
}

struct Lookup {
    host: Option<String>,
    askers: BTreeMap<u64, Asking>,
}

/// One who waits no longer, and what was to be looked up for him alone.
pub(super) type Removed = (Option<Asking>, Option<Query>);

impl Register {
    pub(super) const fn new() -> Self {
        Self {
            last_number: 0,
            lookups: BTreeMap::new(),
            hosts: BTreeMap::new(),
            queue: BTreeMap::new(),
            threads: 0,
            deadlines: BTreeMap::new(),
            keeper: None,
        }
    }

    fn number(&mut self) -> u64 {
        self.last_number += 1;
        self.last_number
    }

    /// The lookup that is for this, and whether it is new. The query comes back if there is no place.
    pub(super) fn lookup(&mut self, query: Query) -> Result<(u64, bool), Query> {
        let host = match &query {
            Query::Name(host, _) => Some(host.clone()),
            Query::Opaque(_) => None,
        };
        if let Some(number) = host.as_ref().and_then(|host| self.hosts.get(host)) {
            return Ok((*number, false));
        }
        if self.queue.len() >= QUEUED {
            return Err(query);
        }
        let number = self.number();
        if let Some(host) = &host {
            self.hosts.insert(host.clone(), number);
        }
        let askers = BTreeMap::new();
        self.lookups.insert(number, Lookup { host, askers });
        self.queue.insert(number, query);
        Ok((number, true))
    }

    pub(super) fn join(&mut self, lookup: u64, asking: Asking) -> Ticket {
        let asker = self.number();
        let ticket = Ticket { lookup, asker };
        if let Deadline::At(at) = asking.deadline {
            self.deadlines.insert((at, asker), ticket);
        }
        if let Some(lookup) = self.lookups.get_mut(&lookup) {
            lookup.askers.insert(asker, asking);
        }
        ticket
    }

    /// Has the keeper know of a deadline that was added. What comes back is for a new one: its bell, and
    /// when it is to go its first round.
    pub(super) fn look_after(&mut self, deadline: Deadline) -> Option<(Receiver<()>, Instant)> {
        let at = deadline.instant()?;
        if let Some(keeper) = &self.keeper {
            if at < keeper.wakes {
                let _ = keeper.doorbell.try_send(()); // Full is rung.
            }
            return None;
        }
        let (doorbell, bell) = bounded(1);
        let wakes = at.min(Instant::now() + ROUND);
        self.keeper = Some(Keeper { doorbell, wakes });
        Some((bell, wakes))
    }

    pub(super) fn take_late(&mut self, now: Instant) -> Vec<Removed> {
        let mut late = Vec::new();
        while let Some(entry) = self.deadlines.first_entry().filter(|e| e.key().0 <= now) {
            let ticket = entry.remove();
            late.push(self.remove(ticket));
        }
        late
    }

    /// When the keeper has to look again. Never, and it is gone, if nobody with a deadline waits.
    pub(super) fn next_round(&mut self) -> Option<Instant> {
        let first = self.deadlines.keys().next();
        let wakes = first.map(|(at, _)| (*at).min(Instant::now() + ROUND));
        match (&mut self.keeper, wakes) {
            (Some(keeper), Some(wakes)) => keeper.wakes = wakes,
            (keeper, _) => *keeper = None,
        }
        wakes
    }

    pub(super) fn remove(&mut self, ticket: Ticket) -> Removed {
        let Some(lookup) = self.lookups.get_mut(&ticket.lookup) else {
            return (None, None);
        };
        let asking = lookup.askers.remove(&ticket.asker);
        let is_unused = lookup.askers.is_empty();
        if let Some(at) = asking.as_ref().and_then(|asking| asking.deadline.instant()) {
            self.deadlines.remove(&(at, ticket.asker));
        }
        let unused = match is_unused {
            true => self.queue.remove(&ticket.lookup),
            false => None,
        };
        if unused.is_some() {
            self.end(ticket.lookup);
        }
        (asking, unused)
    }

    /// All who wait for a lookup, which is over.
    pub(super) fn end(&mut self, number: u64) -> Vec<Asking> {
        let Some(lookup) = self.lookups.remove(&number) else {
            return Vec::new();
        };
        if let Some(host) = &lookup.host {
            self.hosts.remove(host);
        }
        for (asker, asking) in &lookup.askers {
            if let Deadline::At(at) = asking.deadline {
                self.deadlines.remove(&(at, *asker));
            }
        }
        lookup.askers.into_values().collect()
    }
}

/// The threads.
impl Register {
    /// Whether there has to be one more for a lookup that is new. It counts from now on.
    pub(super) fn needs_thread(&mut self) -> bool {
        let needs_thread = self.threads < AT_ONCE;
        self.threads += usize::from(needs_thread);
        needs_thread
    }

    /// What a thread is to do next. It does not count any more if there is nothing.
    pub(super) fn next(&mut self) -> Option<(u64, Query)> {
        let next = self.queue.pop_first();
        if next.is_none() {
            self.threads -= 1;
        }
        next
    }

    /// There was no thread to be had. What comes back nobody will look up: as long as there is one, it
    /// comes to all.
    pub(super) fn no_thread(&mut self) -> Vec<(Query, Vec<Asking>)> {
        self.threads -= 1;
        if self.threads > 0 {
            return Vec::new();
        }
        let queue = std::mem::take(&mut self.queue);
        let stranded = queue.into_iter();
        stranded
            .map(|(number, query)| (query, self.end(number)))
            .collect()
    }

    /// Nobody looks after the deadlines.
    pub(super) fn no_keeper(&mut self) -> Vec<Removed> {
        self.keeper = None;
        let tickets: Vec<_> = self.deadlines.values().copied().collect();
        tickets.into_iter().map(|t| self.remove(t)).collect()
    }
}
