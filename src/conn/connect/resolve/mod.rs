//! Looking names up: one lookup a name at a time, on threads that do nothing else.
//!
//! A resolver blocks, and cannot be interrupted. So whoever asks registers here and is told later: a
//! connect that waits for its addresses costs no thread.
//!
//! * All who ask for one host while it is looked up share the result, whatever their ports.
//! * At most `AT_ONCE` lookups run at a time, each on a thread `http-aio:lookup`, which goes on with
//!   the next that waits and ends when there is none. At most `QUEUED` wait. What is beyond that is
//!   refused with `NoMemory`: a burst of different hosts is only slowed down, and a resolver that hangs
//!   holds no more than its threads.
//! * Whoever waits looks after its own deadline, and leaves when that has passed.
//! * A process that was forked has none of the threads of its parent: it begins with an empty register.
//! * A lookup in the queue for which nobody waits any more is never begun; one that is under way
//!   returns when it does, to nobody or to those who have asked meanwhile.
//!
//! The lock is held for bookkeeping: the askers are told, and their queries are dropped, outside of it.

#[cfg(feature = "test-util")]
mod fake;
mod query;
mod register;

use std::io;
use std::net::SocketAddr;
use std::thread::Builder;

use parking_lot::Mutex;

pub(super) use self::query::Query;
use self::register::{QUEUED, Register};
use crate::error::{Error, ErrorKind};

pub(super) static RESOLVER: Resolver = Resolver::new();

/// Whoever waits for addresses. It is told once, on any thread, outside the lock.
pub(super) trait Asker: Send {
    fn found(self: Box<Self>, found: Result<Vec<SocketAddr>, Error>);

    /// It has left by itself.
    fn left(self: Box<Self>);
}

/// What an asker shows to leave.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ticket {
    lookup: u64,
    asker: u64,
}

pub(super) struct Resolver {
    register: Mutex<Register>,
}

struct Asking {
    asker: Box<dyn Asker>,
    /// The port to put into the addresses, if the lookup is for a host alone.
    port: Option<u16>,
}

impl Resolver {
    const fn new() -> Self {
        Self {
            register: Mutex::new(Register::new()),
        }
    }

    /// Has `asker` told of the addresses, unless it leaves before.
    ///
    /// # Errors
    ///
    /// `NoMemory` if too many lookups wait already.
    pub(super) fn ask(&'static self, query: Query, asker: Box<dyn Asker>) -> Result<Ticket, Error> {
        let port = query.port();
        let asking = Asking { asker, port };
        let mut register = self.register.lock();
        let orphans = register.adopt(std::process::id());
        let (lookup, is_new) = match register.lookup(query) {
            Ok(lookup) => lookup,
            Err(query) => {
                drop(register);
                std::mem::forget(orphans);
                drop(query);
                asking.asker.left();
                return Err(Error::new(ErrorKind::NoMemory)
                    .with_words(|f| write!(f, "{QUEUED} lookups of host names wait already")));
            }
        };
        let ticket = register.join(lookup, asking);
        let needs_thread = is_new && register.needs_thread();
        drop(register);
        // Copies of what the parent has: their own destructors are not for this process.
        std::mem::forget(orphans);
        if needs_thread {
            self.start_thread();
        }
        Ok(ticket)
    }

    /// Has an asker leave, if it was not told already.
    pub(super) fn leave(&self, ticket: Ticket) {
        let mut register = self.register.lock();
        let (asking, unused) = register.remove(ticket);
        drop(register);
        if let Some(asking) = asking {
            asking.asker.left();
        }
        unused.into_iter().for_each(Query::dispose);
    }
}

/// The threads.
impl Resolver {
    fn start_thread(&'static self) {
        let builder = Builder::new().name("http-aio:lookup".into());
        let Err(error) = builder.spawn(|| self.look_up_all()) else {
            return;
        };
        let stranded = self.register.lock().no_thread();
        for (query, askers) in stranded {
            query.dispose();
            refuse(askers, &error);
        }
    }

    fn look_up_all(&self) {
        loop {
            let next = self.register.lock().next();
            let Some((number, query)) = next else { return };
            let found = query.look_up();
            let askers = self.register.lock().end(number);
            tell(askers, found);
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

/// Tells askers that there is no thread for their lookups.
fn refuse(askers: Vec<Asking>, error: &io::Error) {
    for asking in askers {
        asking
            .asker
            .found(Err(Error::no_thread().with_cause(alike(error))));
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
        io::ErrorKind::InvalidInput => Error::from(error).with_detail("the address cannot be used"),
        _ => Error::new(ErrorKind::Resolve).with_cause(error),
    }
}

fn alike(error: &io::Error) -> io::Error {
    match error.raw_os_error() {
        Some(code) => io::Error::from_raw_os_error(code),
        None => io::Error::new(error.kind(), error.to_string()),
    }
}
