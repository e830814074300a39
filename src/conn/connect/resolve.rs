//! Looking names up: one lookup a name at a time, on threads that do nothing else.
//!
//! A resolver blocks, and cannot be interrupted. So whoever asks leaves a note here and goes away; a
//! connect that waits for its addresses costs no thread.
//!
//! * All who ask for one host while it is looked up share the result, whatever their ports.
//! * At most `AT_ONCE` lookups run at a time, each on a thread `http-aio:resolve`, which goes on with
//!   the next that waits and ends when there is none. At most `QUEUED` wait. What is beyond that is
//!   refused with `NoMemory`: a burst of different hosts is only slowed down, and a resolver that hangs
//!   holds no more than its threads.
//! * One more thread, `http-aio:lookups`, is there while somebody waits who has a deadline, and ends
//!   the waiting when that passes. A lookup in the queue for which nobody waits any more is never begun;
//!   one that is under way returns when it does, to nobody or to those who have asked meanwhile.
//!
//! The lock is held for bookkeeping: who asked is told, and what he gave is dropped, outside of it.

use std::collections::BTreeMap;
use std::io;
use std::net::{SocketAddr, ToSocketAddrs};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::thread::Builder;
use std::time::Instant;

use crossbeam_channel::{Receiver, Sender, bounded};
use parking_lot::Mutex;

use crate::aio::post_alone;
use crate::deadline::Deadline;
use crate::error::{Error, ErrorKind};
use crate::unwind::guard;

/// Lookups that run at a time.
const AT_ONCE: usize = 64;
/// Lookups that wait for their turn.
const QUEUED: usize = 4096;

pub(super) static RESOLVER: Resolver = Resolver::new();

/// What is to be looked up.
pub(super) enum Query {
    Name(String, u16),
    /// Something of the caller's that nothing is known of.
    Opaque(Job),
}

pub(super) type Job = Box<dyn FnOnce() -> io::Result<Vec<SocketAddr>> + Send>;

/// Who waits for addresses. Told once, on any thread, outside the lock.
pub(super) trait Asker: Send {
    fn found(self: Box<Self>, found: Result<Vec<SocketAddr>, Error>);

    /// His deadline has passed.
    fn expired(self: Box<Self>);

    /// He has left by himself.
    fn left(self: Box<Self>);
}

/// To leave with.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ticket {
    lookup: u64,
    asker: u64,
}

pub(super) struct Resolver {
    state: Mutex<State>,
}

struct State {
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
    /// Wakes the thread that looks after the deadlines, while there is one.
    keeper: Option<Sender<()>>,
}

struct Lookup {
    host: Option<String>,
    askers: BTreeMap<u64, Asking>,
}

struct Asking {
    asker: Box<dyn Asker>,
    /// Put into the addresses, if the lookup is for a host without one.
    port: Option<u16>,
    deadline: Deadline,
}

impl Resolver {
    const fn new() -> Self {
        Self {
            state: Mutex::new(State {
                last_number: 0,
                lookups: BTreeMap::new(),
                hosts: BTreeMap::new(),
                queue: BTreeMap::new(),
                threads: 0,
                deadlines: BTreeMap::new(),
                keeper: None,
            }),
        }
    }

    /// Has `asker` told of the addresses, unless his deadline passes or he leaves before.
    ///
    /// # Errors
    ///
    /// `NoMemory` if too many lookups wait already.
    pub(super) fn ask(
        &'static self,
        query: Query,
        asker: Box<dyn Asker>,
        deadline: Deadline,
    ) -> Result<Ticket, Error> {
        let port = query.port();
        let asking = Asking {
            asker,
            port,
            deadline,
        };
        let mut state = self.state.lock();
        let (lookup, is_new) = match state.lookup(query) {
            Ok(lookup) => lookup,
            Err(query) => {
                drop(state);
                drop(query);
                asking.asker.left();
                let detail = format!("{QUEUED} lookups of host names wait already");
                return Err(Error::new(ErrorKind::NoMemory).with_detail(detail));
            }
        };
        let ticket = state.join(lookup, asking);
        let needs_thread = is_new && state.threads < AT_ONCE;
        state.threads += usize::from(needs_thread);
        let bell = state.look_after(deadline);
        drop(state);
        if needs_thread {
            self.start_thread();
        }
        if let Some(bell) = bell {
            self.start_keeper(bell);
        }
        Ok(ticket)
    }

    /// Nothing happens if he was told already.
    pub(super) fn leave(&self, ticket: Ticket) {
        let mut state = self.state.lock();
        let (asking, unused) = state.remove(ticket);
        state.release_keeper();
        drop(state);
        if let Some(asking) = asking {
            asking.asker.left();
        }
        unused.into_iter().for_each(Query::dispose);
    }
}

/// The threads.
impl Resolver {
    fn start_thread(&'static self) {
        let builder = Builder::new().name("http-aio:resolve".into());
        let Err(error) = builder.spawn(|| self.look_up_all()) else {
            return;
        };
        let mut state = self.state.lock();
        state.threads -= 1;
        // As long as there is one, it comes to all.
        let stranded = match state.threads {
            0 => state.take_queue(),
            _ => Vec::new(),
        };
        drop(state);
        for (query, askers) in stranded {
            query.dispose();
            refuse(askers, &error);
        }
    }

    fn look_up_all(&self) {
        loop {
            let mut state = self.state.lock();
            let Some((number, query)) = state.queue.pop_first() else {
                state.threads -= 1;
                return;
            };
            drop(state);
            let found = query.look_up();
            let askers = self.state.lock().end(number);
            tell(askers, found);
        }
    }

    fn start_keeper(&'static self, bell: Receiver<()>) {
        let builder = Builder::new().name("http-aio:lookups".into());
        let Err(error) = builder.spawn(move || self.keep_deadlines(&bell)) else {
            return;
        };
        let mut state = self.state.lock();
        state.keeper = None;
        let tickets: Vec<_> = state.deadlines.values().copied().collect();
        let removed: Vec<_> = tickets.into_iter().map(|t| state.remove(t)).collect();
        drop(state);
        for (asking, unused) in removed {
            refuse(asking.into_iter().collect(), &error);
            unused.into_iter().for_each(Query::dispose);
        }
    }

    fn keep_deadlines(&self, bell: &Receiver<()>) {
        loop {
            let now = Instant::now();
            let mut state = self.state.lock();
            let mut late = Vec::new();
            while let Some((_, ticket)) = state
                .deadlines
                .first_key_value()
                .filter(|(k, _)| k.0 <= now)
            {
                let ticket = *ticket;
                late.push(state.remove(ticket));
            }
            let next = state.deadlines.first_key_value().map(|((at, _), _)| *at);
            if next.is_none() {
                state.keeper = None;
            }
            drop(state);
            for (asking, unused) in late {
                if let Some(asking) = asking {
                    asking.asker.expired();
                }
                unused.into_iter().for_each(Query::dispose);
            }
            match next {
                Some(at) => drop(bell.recv_deadline(at)),
                None => return,
            }
        }
    }
}

impl State {
    fn number(&mut self) -> u64 {
        self.last_number += 1;
        self.last_number
    }

    /// The lookup that is for this, and whether it is new. The query comes back if there is no place.
    fn lookup(&mut self, query: Query) -> Result<(u64, bool), Query> {
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

    fn join(&mut self, lookup: u64, asking: Asking) -> Ticket {
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

    /// Has the keeper know of a deadline that was added. What comes back is the bell of a new one.
    fn look_after(&mut self, deadline: Deadline) -> Option<Receiver<()>> {
        let at = deadline.instant()?;
        if let Some(keeper) = &self.keeper {
            let is_first = self
                .deadlines
                .keys()
                .next()
                .is_some_and(|(first, _)| *first == at);
            if is_first {
                let _ = keeper.try_send(()); // Full is rung.
            }
            return None;
        }
        let (keeper, bell) = bounded(1);
        self.keeper = Some(keeper);
        Some(bell)
    }

    /// Lets the keeper end, if it has nothing to look after any more.
    fn release_keeper(&self) {
        if let Some(keeper) = self.keeper.as_ref().filter(|_| self.deadlines.is_empty()) {
            let _ = keeper.try_send(()); // Full is rung.
        }
    }

    /// One who asked, and the lookup that was to begin for him alone.
    fn remove(&mut self, ticket: Ticket) -> (Option<Asking>, Option<Query>) {
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
    fn end(&mut self, number: u64) -> Vec<Asking> {
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
        self.release_keeper();
        lookup.askers.into_values().collect()
    }

    fn take_queue(&mut self) -> Vec<(Query, Vec<Asking>)> {
        let queue = std::mem::take(&mut self.queue);
        let taken = queue
            .into_iter()
            .map(|(number, query)| (query, self.end(number)));
        taken.collect()
    }
}

impl Query {
    fn port(&self) -> Option<u16> {
        match self {
            Self::Name(_, port) => Some(*port),
            Self::Opaque(_) => None,
        }
    }

    /// None if it was the caller's code that looked it up, and has panicked.
    fn look_up(self) -> Option<io::Result<Vec<SocketAddr>>> {
        let look_up = || match self {
            Self::Name(host, _) => look_up(&host),
            Self::Opaque(job) => job(),
        };
        match catch_unwind(AssertUnwindSafe(look_up)) {
            Ok(found) => Some(found),
            Err(payload) => {
                std::mem::forget(payload); // Dropping it may panic again.
                None
            }
        }
    }

    /// Drops it unused: what is the caller's on a thread of its own, because it runs his code.
    fn dispose(self) {
        match self {
            Self::Name(..) => {}
            Self::Opaque(job) => post_alone(Box::new(move || guard(|| drop(job)))),
        }
    }
}

/// Tells all who asked what was found. An error cannot be cloned; the last is given the original.
fn tell(askers: Vec<Asking>, found: Option<io::Result<Vec<SocketAddr>>>) {
    let Some(found) = found else {
        let lost = |asking: Asking| asking.asker.found(Err(ErrorKind::Abandoned.into()));
        return askers.into_iter().for_each(lost);
    };
    let mut askers = askers.into_iter();
    let last = askers.next_back();
    for asking in askers {
        let copy = match &found {
            Ok(addresses) => Ok(addresses.clone()),
            Err(error) => Err(alike(error)),
        };
        asking.tell(copy);
    }
    if let Some(last) = last {
        last.tell(found);
    }
}

/// There is no thread for these.
fn refuse(askers: Vec<Asking>, error: &io::Error) {
    for asking in askers {
        let error = Error::new(ErrorKind::NoMemory).with_source(alike(error));
        asking.asker.found(Err(error));
    }
}

impl Asking {
    fn tell(self, found: io::Result<Vec<SocketAddr>>) {
        let port = self.port;
        let found = found.map_err(failure).map(|mut addresses| {
            if let Some(port) = port {
                addresses
                    .iter_mut()
                    .for_each(|address| address.set_port(port));
            }
            addresses
        });
        self.asker.found(found);
    }
}

fn failure(error: io::Error) -> Error {
    match error.kind() {
        io::ErrorKind::InvalidInput => {
            let detail = error.to_string();
            Error::from(error).with_detail(detail)
        }
        _ => Error::new(ErrorKind::Resolve).with_source(error),
    }
}

fn alike(error: &io::Error) -> io::Error {
    match error.raw_os_error() {
        Some(code) => io::Error::from_raw_os_error(code),
        None => io::Error::new(error.kind(), error.to_string()),
    }
}

fn look_up(host: &str) -> io::Result<Vec<SocketAddr>> {
    #[cfg(feature = "test-util")]
    if let Some(fake) = fake::current() {
        return fake(host);
    }
    (host, 0).to_socket_addrs().map(Iterator::collect)
}

#[cfg(feature = "test-util")]
mod fake {
    use std::sync::Arc;

    use parking_lot::RwLock;

    use super::{SocketAddr, io};
    use crate::conn::Conn;

    type Fake = Arc<dyn Fn(&str) -> io::Result<Vec<SocketAddr>> + Send + Sync>;

    static FAKE: RwLock<Option<Fake>> = RwLock::new(None);

    pub(super) fn current() -> Option<Fake> {
        FAKE.read().clone()
    }

    impl Conn {
        /// Has the names of hosts looked up by `resolver` from now on, in the whole process. The ports
        /// of what it returns are of no interest.
        #[doc(hidden)]
        pub fn resolve_by(
            resolver: impl Fn(&str) -> io::Result<Vec<SocketAddr>> + Send + Sync + 'static,
        ) {
            let resolver: Fake = Arc::new(resolver);
            let last = FAKE.write().replace(resolver);
            drop(last);
        }
    }
}
