//! A connect that waits for its addresses, and what is to be made of it then.

use std::net::SocketAddr;
use std::sync::Arc;

use super::race::race;
use super::resolve::Asker;
use super::{Attempt, Connector, Underway};
#[cfg(feature = "tls")]
use crate::background;
use crate::conn::Conn;
use crate::error::{Error, Peer};
use crate::transport::Transport;
use crate::transport::socket::SocketTransport;
#[cfg(feature = "tls")]
use crate::transport::tls::Role;

/// What is to be made of a stream once it is connected.
pub(in super::super) enum Goal {
    Plain,
    /// A connection to the proxy of a client.
    Proxy,
    #[cfg(feature = "tls")]
    Secure(Role),
}

/// A connect that waits for its addresses.
pub(super) struct Connecting {
    pub(super) connector: Arc<Connector>,
    pub(super) goal: Goal,
}

impl Connecting {
    pub(super) fn race(self, addresses: Vec<SocketAddr>) {
        let Self { connector, goal } = self;
        connector.spawn("http-aio:connect".into(), move |connector, attempt| {
            let waking = |waker| connector.under_way(Underway::Race(waker));
            let transport = race(&addresses, connector, attempt, waking)?;
            goal.reach(transport, connector, attempt)
        });
    }
}

impl Asker for Connecting {
    fn found(self: Box<Self>, found: Result<Vec<SocketAddr>, Error>) {
        match found {
            Ok(addresses) => self.race(addresses),
            Err(error) => {
                self.connector.fail(error);
                self.goal.dispose();
            }
        }
    }

    fn left(self: Box<Self>) {
        self.goal.dispose();
    }
}

impl Goal {
    /// The peer as what it is.
    pub(super) fn peer(&self, peer: Peer) -> Peer {
        match self {
            Self::Proxy => peer.into_proxy(),
            _ => peer,
        }
    }

    #[cfg_attr(
        not(feature = "tls"),
        allow(unused_variables, reason = "a plain connection needs no more")
    )]
    fn reach(
        self,
        transport: SocketTransport,
        connector: &Connector,
        attempt: Attempt<'_>,
    ) -> Result<Conn, Error> {
        match self {
            Self::Plain | Self::Proxy => {
                let peer = connector.peer_at(transport.peer_addr());
                Ok(Conn::with(transport, peer))
            }
            #[cfg(feature = "tls")]
            Self::Secure(role) => connector.secure(Arc::new(transport), role, attempt),
        }
    }

    /// Drops it. If that may run user code, a thread of its own does it, because others may depend on the
    /// current one.
    fn dispose(self) {
        match self {
            Self::Plain | Self::Proxy => {}
            #[cfg(feature = "tls")]
            Self::Secure(role) => background::run(Box::new(move || drop(role))),
        }
    }
}
