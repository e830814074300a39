//! Connecting: a name is looked up, its addresses race, and for TLS a handshake follows.
//!
//! ```text
//!  connect ──name──▶ lookup: the connect has no thread ──▶ its thread: race ──▶ handshake ──▶ told
//!     └────address───────────────────────────────────────────▲
//! ```
//!
//! A cancel settles the operation at once, and whatever is under way finds out: a lookup loses one of
//! its askers, a race is woken, a handshake is shut down. The timer looks after the deadline while a
//! lookup is waited for; a race polls no longer than there is time, and so do the calls of a handshake.

mod goal;
mod race;
mod resolve;
mod target;

#[cfg(feature = "tls")]
use std::net::Shutdown;
use std::net::ToSocketAddrs;
use std::sync::{Arc, Weak};

use parking_lot::Mutex;

use self::goal::Connecting;
pub(super) use self::goal::Goal;
use self::resolve::{Query, RESOLVER, Ticket};
use self::target::Target;
use super::Conn;
use super::thread::Owner;
use crate::aio::habit::{self, Kind};
use crate::aio::{Aio, Completer, InFlight, Interruption, Notice, Operation, Provider};
use crate::background::{self, UserCode};
use crate::deadline::Deadline;
use crate::error::{Action, Error, ErrorKind, Peer};
use crate::sys::waker::Waker;
use crate::timer::{self, Alarm, Expire};
use crate::transport::Addr;
#[cfg(feature = "tls")]
use crate::transport::{Transport, Wait};

/// Connecting. A stream that is connected already becomes a connection with `Conn::from`.
impl Conn {
    /// Resolves `address` and connects to it over TCP, on a thread of its own.
    ///
    /// The addresses of a name race (RFC 8305): both families by turns, each with a head start of 250
    /// ms, or of an equal share of the time that is left if that is less; one that fails makes room
    /// for the next at once. The first that answers wins, and the others are closed. The aio's deadline
    /// is over all of it, resolving included. `TCP_NODELAY` is set.
    ///
    /// Those who connect to one host at the same time share its lookup, if `address` is one of std's
    /// own types that name a host: `(String, u16)`, `(&str, u16)`, `String`, `&str`. In the whole
    /// process 64 lookups run at a time, and 4,096 wait for their turn.
    ///
    /// # Errors
    ///
    /// [`Resolve`](ErrorKind::Resolve), [`InvalidInput`](ErrorKind::InvalidInput) for an address
    /// without a port, [`Refused`](ErrorKind::Refused), [`Reset`](ErrorKind::Reset),
    /// [`Unreachable`](ErrorKind::Unreachable), [`TimedOut`](ErrorKind::TimedOut),
    /// [`NoMemory`](ErrorKind::NoMemory), also when too many lookups wait already, or
    /// [`Io`](ErrorKind::Io). If several addresses have failed, that of the one whose failure says
    /// most about the host: `Refused`, then `Reset`, `TimedOut`, others, and `Unreachable` last, which
    /// is what every IPv6 address is to a machine without IPv6. When the deadline passes while one may
    /// still answer, `TimedOut`.
    ///
    /// # Cancellation
    ///
    /// Takes effect at once, and closes what is under way. A resolver that is under way cannot be
    /// stopped; its thread ends when it returns. A connect that waits for one has no thread.
    ///
    /// # Examples
    ///
    /// ```
    /// use http_aio::{Aio, Conn, ErrorKind};
    /// use std::time::Duration;
    ///
    /// let aio = Aio::new().timeout(Duration::from_secs(5));
    /// let error = Conn::connect(aio, ("127.0.0.1", 1)).wait().unwrap_err();
    /// assert_eq!(error.kind(), ErrorKind::Refused);
    /// ```
    pub fn connect<A>(aio: Aio<Self>, address: A) -> Aio<Self, InFlight>
    where
        A: ToSocketAddrs + Send + 'static,
    {
        connect(aio, address, Goal::Plain)
    }

    /// As `connect`, to the proxy of a client.
    pub(crate) fn connect_to_proxy(aio: Aio<Self>, address: (String, u16)) -> Aio<Self, InFlight> {
        connect(aio, address, Goal::Proxy)
    }
}

/// The provider of one connect.
pub(super) struct Connector {
    owner: Owner,
    peer: Arc<Peer>,
    phase: Mutex<Phase>,
}

enum Phase {
    /// No thread has it yet.
    Parked {
        completer: Completer<Conn>,
        deadline: Deadline,
        lookup: Option<Ticket>,
        alarm: Option<Alarm>,
    },
    /// A thread has it, and this is what a cancel must end.
    Running(Option<Underway>),
    Over,
}

/// What a cancel must end.
pub(super) enum Underway {
    Race(Arc<Waker>),
    #[cfg(feature = "tls")]
    Handshake(Arc<dyn Transport>),
}

pub(super) fn connect<A>(aio: Aio<Conn>, address: A, goal: Goal) -> Aio<Conn, InFlight>
where
    A: ToSocketAddrs + Send + 'static,
{
    let target = Target::of(address);
    let peer = goal.peer(target.peer());
    let (aio, started) = start(aio, Action::Connect, Arc::new(peer));
    let Some((connector, deadline)) = started else {
        return aio;
    };
    let connecting = Box::new(Connecting {
        connector: Arc::clone(&connector),
        goal,
    });
    let query = match target {
        Target::Known(addresses) => {
            connecting.race(addresses);
            return aio.registered();
        }
        Target::Unknown(query) => query,
        Target::Refused(text) => Query::opaque(text),
    };
    match RESOLVER.ask(query, connecting) {
        Ok(ticket) => connector.wait_for(ticket, deadline),
        Err(error) => connector.fail(error),
    }
    aio.registered()
}

type Started = (Arc<Connector>, Deadline);

/// Lends the aio to a connector. None, and the operation is over, if its deadline has passed.
fn start(
    aio: Aio<Conn>,
    action: Action,
    peer: Arc<Peer>,
) -> (Aio<Conn, InFlight>, Option<Started>) {
    habit::before(Kind::Read);
    let connector = Arc::new(Connector {
        owner: Owner::new(),
        peer,
        phase: Mutex::new(Phase::Over),
    });
    let weak: Weak<Connector> = Arc::downgrade(&connector);
    let provider: Weak<dyn Provider> = weak;
    let (aio, completer, deadline) = aio.start(&provider, Interruption::Finishes, action);
    if deadline.is_past() {
        completer.refuse(ErrorKind::TimedOut.into());
        return (aio, None);
    }
    *connector.phase.lock() = Phase::Parked {
        completer,
        deadline,
        lookup: None,
        alarm: None,
    };
    (aio, Some((connector, deadline)))
}

/// Has a new thread come to a connection by `work`, a handshake with this peer.
#[cfg(feature = "tls")]
pub(super) fn run<W>(aio: Aio<Conn>, peer: Arc<Peer>, name: String, work: W) -> Aio<Conn, InFlight>
where
    W: FnOnce(&Connector, Attempt<'_>) -> Result<Conn, Error> + Send + 'static,
{
    let (aio, started) = start(aio, Action::Handshake, peer);
    if let Some((connector, _)) = started {
        connector.spawn(name, work);
    }
    aio.registered()
}

/// What the thread must know of the connect that it works on.
#[derive(Clone, Copy)]
pub(super) struct Attempt<'a> {
    deadline: Deadline,
    completer: &'a Completer<Conn>,
}

impl Attempt<'_> {
    /// Whether nobody waits any more.
    fn is_settled(self) -> bool {
        self.completer.is_settled()
    }

    /// What is left for the next call.
    ///
    /// # Errors
    ///
    /// Nobody waits any more.
    #[cfg(feature = "tls")]
    pub(super) fn wait(self) -> Result<Wait, Error> {
        if self.is_settled() {
            return Err(ErrorKind::Canceled.into()); // Nobody sees this.
        }
        self.deadline.wait().ok_or(ErrorKind::TimedOut.into())
    }
}

impl Connector {
    /// Has a new thread complete the operation by `work`.
    fn spawn<W>(self: &Arc<Self>, name: String, work: W)
    where
        W: FnOnce(&Self, Attempt<'_>) -> Result<Conn, Error> + Send + 'static,
    {
        let theirs = Arc::clone(self);
        let spawned = self.owner.spawn_named(name, move || theirs.run(work).run());
        if let Err(error) = spawned {
            self.fail(Error::no_thread().with_cause(error));
        }
    }

    fn run(&self, work: impl FnOnce(&Self, Attempt<'_>) -> Result<Conn, Error>) -> Notice<Conn> {
        let Some((completer, deadline)) = self.take(Phase::Running(None)) else {
            return Notice::None;
        };
        let attempt = Attempt {
            deadline,
            completer: &completer,
        };
        let result = work(self, attempt);
        let last = std::mem::replace(&mut *self.phase.lock(), Phase::Over);
        drop(last);
        match result {
            // It was cancelled meanwhile: the connection is dropped, and with it the socket.
            Ok(_) if !completer.commit() => Notice::None,
            result => completer.finish(result),
        }
    }

    /// Ends an operation that no thread has.
    fn fail(&self, error: Error) {
        if let Some((completer, _)) = self.take(Phase::Over) {
            completer.finish(Err(error)).post(None);
        }
    }

    /// What is needed to go on. Only the first caller gets it.
    fn take(&self, then: Phase) -> Option<(Completer<Conn>, Deadline)> {
        let mut phase = self.phase.lock();
        let last = match &*phase {
            Phase::Parked { .. } => std::mem::replace(&mut *phase, then),
            Phase::Running(_) | Phase::Over => return None,
        };
        drop(phase);
        match last {
            Phase::Parked {
                completer,
                deadline,
                ..
            } => Some((completer, deadline)),
            Phase::Running(_) | Phase::Over => None,
        }
    }

    /// Notes the lookup and arms the timer, unless the lookup has come to its end meanwhile.
    fn wait_for(self: &Arc<Self>, ticket: Ticket, deadline: Deadline) {
        if let Phase::Parked { lookup, .. } = &mut *self.phase.lock() {
            *lookup = Some(ticket);
        }
        let Some(at) = deadline.instant() else { return };
        let this = Arc::downgrade(self) as Weak<dyn Expire>;
        match timer::arm(at, this) {
            Ok(armed) => {
                let mut armed = Some(armed);
                if let Phase::Parked { alarm, .. } = &mut *self.phase.lock() {
                    *alarm = armed.take();
                }
            }
            Err(error) => {
                self.fail(Error::no_thread().with_cause(error));
                RESOLVER.leave(ticket);
            }
        }
    }

    /// The peer, now that it has this address.
    pub(super) fn peer_at(&self, addr: Addr) -> Arc<Peer> {
        if *self.peer.addr() == addr {
            return Arc::clone(&self.peer);
        }
        Arc::new(Peer::clone(&self.peer).at(addr))
    }

    /// Has a cancel end this from now on. The caller has to look whether one came before.
    pub(super) fn under_way(&self, underway: Underway) {
        let now = Phase::Running(Some(underway));
        let last = std::mem::replace(&mut *self.phase.lock(), now);
        drop(last);
    }
}

/// The deadline has passed while no thread had it.
impl Expire for Connector {
    fn expire(&self) {
        let operation = match &*self.phase.lock() {
            Phase::Parked { completer, .. } => completer.operation(),
            Phase::Running(_) | Phase::Over => None,
        };
        if let Some(operation) = operation {
            operation.interrupt(ErrorKind::TimedOut);
        }
    }

    fn release(self: Arc<Self>) {
        background::release(self);
    }
}

impl Provider for Connector {
    fn interrupted(&self, _: &dyn Operation) {
        let last = std::mem::replace(&mut *self.phase.lock(), Phase::Over);
        match last {
            Phase::Parked { lookup, .. } => {
                if let Some(ticket) = lookup {
                    RESOLVER.leave(ticket);
                }
            }
            Phase::Running(Some(Underway::Race(waker))) => waker.wake(),
            #[cfg(feature = "tls")]
            Phase::Running(Some(Underway::Handshake(transport))) => {
                let _ = transport.shutdown(Shutdown::Both);
            }
            Phase::Running(None) | Phase::Over => {}
        }
    }

    fn post(&self, code: UserCode) {
        background::run(code);
    }

    fn peer(&self) -> Option<Arc<Peer>> {
        Some(Arc::clone(&self.peer))
    }

    fn owns_current_thread(&self) -> bool {
        self.owner.owns_current_thread()
    }
}
