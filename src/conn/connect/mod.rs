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

mod connector;
mod goal;
mod race;
mod resolve;
mod target;

use std::net::ToSocketAddrs;
use std::sync::Arc;

use self::connector::start;
pub(super) use self::connector::{Attempt, Connector, Underway};
use self::goal::Connecting;
pub(super) use self::goal::Goal;
use self::resolve::{Query, RESOLVER};
use self::target::Target;
use super::Conn;
use crate::aio::{Aio, InFlight};
use crate::error::Action;
#[cfg(doc)]
use crate::error::ErrorKind;
#[cfg(feature = "tls")]
use crate::error::{Error, Peer};

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
    /// A connect outlives the call that submits it, so it owns its address: a `&str` that is borrowed is given
    /// as `text.to_owned()`.
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
