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
//!   the waiting when that passes. It goes its rounds: between two of them it need not be told of a
//!   deadline that is later than the next, and it ends with the first round on which there is none.
//! * A lookup in the queue for which nobody waits any more is never begun; one that is under way
//!   returns when it does, to nobody or to those who have asked meanwhile.
//!
//! The lock is held for bookkeeping: who asked is told, and what he gave is dropped, outside of it.

#[cfg(feature = "test-util")]
mod fake;
mod query;
mod register;

use std::io;
use std::net::SocketAddr;
use std::thread::Builder;
use std::time::Instant;

use crossbeam_channel::Receiver;
use parking_lot::Mutex;

pub(super) use self::query::Query;
use self::register::{QUEUED, Register};
use crate::deadline::Deadline;
use crate::error::{Error, ErrorKind};

pub(super) static RESOLVER: Resolver = Resolver::new();

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
    register: Mutex<Register>,
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
            register: Mutex::new(Register::new()),
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
        let mut register = self.register.lock();
        let (lookup, is_new) = match register.lookup(query) {
            Ok(lookup) => lookup,
            Err(query) => {
                drop(register);
                drop(query);
                asking.asker.left();
                let detail = format!("{QUEUED} lookups of host names wait already");
                return Err(Error::new(ErrorKind::NoMemory).with_detail(detail));
            }
        };
        let ticket = register.join(lookup, asking);
        let needs_thread = is_new && register.needs_thread();
        let keeper = register.look_after(deadline);
        drop(register);
        if needs_thread {
            self.start_thread();
        }
        if let Some((bell, first)) = keeper {
            self.start_keeper(bell, first);
        }
        Ok(ticket)
    }

    /// Nothing happens if he was told already.
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
        let builder = Builder::new().name("http-aio:resolve".into());
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

    fn start_keeper(&'static self, bell: Receiver<()>, first: Instant) {
        let builder = Builder::new().name("http-aio:lookups".into());
        let Err(error) = builder.spawn(move || self.keep_deadlines(&bell, first)) else {
            return;
        };
        let removed = self.register.lock().no_keeper();
        for (asking, unused) in removed {
            refuse(asking.into_iter().collect(), &error);
            unused.into_iter().for_each(Query::dispose);
        }
    }

    fn keep_deadlines(&self, bell: &Receiver<()>, first: Instant) {
        let mut next = Some(first);
        while let Some(at) = next {
            let _ = bell.recv_deadline(at);
            let mut register = self.register.lock();
            let late = register.take_late(Instant::now());
            next = register.next_round();
            drop(register);
            for (asking, unused) in late {
                if let Some(asking) = asking {
                    asking.asker.expired();
                }
                unused.into_iter().for_each(Query::dispose);
            }
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
