//! The provider of one connect: who has it, and what a cancel must end.

#[cfg(feature = "tls")]
use std::net::Shutdown;
use std::sync::{Arc, Weak};

use parking_lot::Mutex;

use super::resolve::{RESOLVER, Ticket};
use crate::aio::habit::{self, Kind};
use crate::aio::{Aio, Completer, InFlight, Interruption, Notice, Operation, Provider};
use crate::background::{self, UserCode};
use crate::conn::Conn;
use crate::conn::thread::Owner;
use crate::deadline::Deadline;
use crate::error::{Action, Error, ErrorKind, Peer};
use crate::sys::waker::Waker;
use crate::timer::{self, Alarm, Expire};
use crate::transport::Addr;
#[cfg(feature = "tls")]
use crate::transport::{Transport, Wait};

/// The provider of one connect.
pub(in crate::conn) struct Connector {
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
pub(in crate::conn) enum Underway {
    Race(Arc<Waker>),
    #[cfg(feature = "tls")]
    Handshake(Arc<dyn Transport>),
}

pub(super) type Started = (Arc<Connector>, Deadline);

/// Lends the aio to a connector. None, and the operation is over, if its deadline has passed.
pub(super) fn start(
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

/// What the thread must know of the connect that it works on.
#[derive(Clone, Copy)]
pub(in crate::conn) struct Attempt<'a> {
    pub(super) deadline: Deadline,
    completer: &'a Completer<Conn>,
}

impl Attempt<'_> {
    /// Whether nobody waits any more.
    pub(super) fn is_settled(self) -> bool {
        self.completer.is_settled()
    }

    /// What is left for the next call.
    ///
    /// # Errors
    ///
    /// Nobody waits any more.
    #[cfg(feature = "tls")]
    pub(in crate::conn) fn wait(self) -> Result<Wait, Error> {
        if self.is_settled() {
            return Err(ErrorKind::Canceled.into()); // Nobody sees this.
        }
        self.deadline.wait().ok_or(ErrorKind::TimedOut.into())
    }
}

impl Connector {
    /// Has a new thread complete the operation by `work`.
    pub(super) fn spawn<W>(self: &Arc<Self>, name: String, work: W)
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
            // It was canceled meanwhile: the connection is dropped, and with it the socket.
            Ok(_) if !completer.commit() => Notice::None,
            result => completer.finish(result),
        }
    }

    /// Ends an operation that no thread has.
    pub(super) fn fail(&self, error: Error) {
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
    pub(super) fn wait_for(self: &Arc<Self>, ticket: Ticket, deadline: Deadline) {
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
    pub(in crate::conn) fn peer_at(&self, addr: Addr) -> Arc<Peer> {
        if *self.peer.addr() == addr {
            return Arc::clone(&self.peer);
        }
        Arc::new(Peer::clone(&self.peer).at(addr))
    }

    /// Has a cancel end this from now on. The caller has to look whether one came before.
    pub(in crate::conn) fn under_way(&self, underway: Underway) {
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
