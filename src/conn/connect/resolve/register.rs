//! Who waits for which lookup. This is bookkeeping alone, all of it O(log n).

use std::collections::BTreeMap;

use super::{Asking, Query, Ticket};

/// Lookups that run at a time.
const AT_ONCE: usize = 64;

/// Lookups that wait for their turn.
pub(super) const QUEUED: usize = 4096;

pub(super) struct Register {
    /// The process in which its threads run.
    process: u32,
    /// Lookups and askers have numbers from one series, so that the oldest has the lowest.
    last_number: u64,
    /// The lookups under way and those in the queue.
    lookups: BTreeMap<u64, Lookup>,
    /// Which lookup is that of a host.
    hosts: BTreeMap<String, u64>,
    /// The lookups that have not begun.
    queue: BTreeMap<u64, Query>,
    threads: usize,
}

struct Lookup {
    host: Option<String>,
    askers: BTreeMap<u64, Asking>,
}

/// An asker that waits no longer, and the query that was for it alone.
pub(super) type Removed = (Option<Asking>, Option<Query>);

impl Register {
    pub(super) const fn new() -> Self {
        Self {
            process: 0,
            last_number: 0,
            lookups: BTreeMap::new(),
            hosts: BTreeMap::new(),
            queue: BTreeMap::new(),
            threads: 0,
        }
    }

    /// Begins anew in a process that was forked, and returns what the parent had.
    pub(super) fn adopt(&mut self, process: u32) -> Option<Self> {
        if self.process == process {
            return None;
        }
        let last = std::mem::replace(self, Self::new());
        self.process = process;
        // Tickets of the parent's must find nothing here.
        self.last_number = last.last_number;
        Some(last)
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
        if let Some(lookup) = self.lookups.get_mut(&lookup) {
            lookup.askers.insert(asker, asking);
        }
        ticket
    }

    pub(super) fn remove(&mut self, ticket: Ticket) -> Removed {
        let Some(lookup) = self.lookups.get_mut(&ticket.lookup) else {
            return (None, None);
        };
        let asking = lookup.askers.remove(&ticket.asker);
        let is_unused = lookup.askers.is_empty();
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

    /// Notes that a thread could not be had. Returns what nobody will look up: nothing, while there is
    /// another thread.
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
}
