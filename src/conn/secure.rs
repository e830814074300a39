//! Connections over TLS: the handshake is made before there is a connection, on the thread that
//! connects.

use std::net::ToSocketAddrs;
use std::sync::Arc;

use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ServerConfig};

use super::Conn;
use super::connect::{Attempt, Connector, Goal, Underway, connect, run};
use super::thread;
use crate::aio::{Aio, InFlight};
#[cfg(doc)]
use crate::error::ErrorKind;
use crate::error::{Action, Error, Peer};
use crate::transport::socket::SocketTransport;
use crate::transport::tls::{Role, handshake};
use crate::transport::{Addr, Stream, Transport};

/// Over TLS, with the feature `tls`; see [`tls`](crate::tls) for what is different then.
impl Conn {
    /// As [`connect`](Self::connect), and makes the TLS handshake, as
    /// [`tls_client`](Self::tls_client), under the same deadline.
    ///
    /// # Errors
    ///
    /// Those of both.
    ///
    /// # Cancellation
    ///
    /// As for both.
    pub fn connect_tls<A>(
        aio: Aio<Self>,
        address: A,
        name: ServerName<'static>,
        config: Arc<ClientConfig>,
    ) -> Aio<Self, InFlight>
    where
        A: ToSocketAddrs + Send + 'static,
    {
        connect(aio, address, Goal::Secure(Role::Client(name, config)))
    }

    /// Makes the TLS handshake of a client over a connected stream, on a thread
    /// `hs:PORT HOST` of its own. The certificate must be for `name`.
    ///
    /// # Errors
    ///
    /// [`Untrusted`](ErrorKind::Untrusted) for a certificate that proves nothing,
    /// [`Tls`](ErrorKind::Tls) for everything else that TLS does not allow,
    /// [`Reset`](ErrorKind::Reset) if the peer goes away, [`TimedOut`](ErrorKind::TimedOut),
    /// [`NoMemory`](ErrorKind::NoMemory), [`Io`](ErrorKind::Io). The stream is closed then. A deadline
    /// that passes while code of the configuration's own runs, such as a verifier of certificates, is
    /// told when that returns; all that waits for the peer ends in time.
    ///
    /// # Cancellation
    ///
    /// Takes effect at once, and closes the stream.
    pub fn tls_client(
        aio: Aio<Self>,
        stream: impl Into<Stream>,
        name: ServerName<'static>,
        config: Arc<ClientConfig>,
    ) -> Aio<Self, InFlight> {
        let transport = SocketTransport::from(stream.into());
        let peer = named(&name, transport.peer_addr());
        let role = Role::Client(name, config);
        secure(aio, Arc::new(transport), Arc::new(peer), role)
    }

    /// As `tls_client`, with a peer that is known already.
    pub(crate) fn tls_client_to(
        aio: Aio<Self>,
        peer: Arc<Peer>,
        stream: Stream,
        name: ServerName<'static>,
        config: Arc<ClientConfig>,
    ) -> Aio<Self, InFlight> {
        let transport = SocketTransport::from(stream);
        secure(aio, Arc::new(transport), peer, Role::Client(name, config))
    }

    /// Makes the TLS handshake of a server over an accepted stream, as
    /// [`tls_client`](Self::tls_client) does that of a client. Not on the thread that accepts: a
    /// client that is slow in it delays nobody else. Give it a timeout.
    ///
    /// # Errors
    ///
    /// As for a client; [`Untrusted`](ErrorKind::Untrusted) where the configuration asks clients for
    /// certificates.
    ///
    /// # Cancellation
    ///
    /// As for a client.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// use http_aio::rustls::ServerConfig;
    /// use http_aio::{Aio, Conn};
    /// use std::net::TcpListener;
    /// use std::sync::Arc;
    /// use std::time::Duration;
    ///
    /// fn serve(listener: TcpListener, config: Arc<ServerConfig>) -> std::io::Result<()> {
    ///     loop {
    ///         let (stream, _) = listener.accept()?;
    ///         let aio = Aio::new().timeout(Duration::from_secs(10));
    ///         let secured = Conn::tls_server(aio, stream, Arc::clone(&config));
    ///         let _ = secured.on_complete(|conn, _| if let Ok(conn) = conn { /* read a request */ });
    ///     }
    /// }
    /// ```
    pub fn tls_server(
        aio: Aio<Self>,
        stream: impl Into<Stream>,
        config: Arc<ServerConfig>,
    ) -> Aio<Self, InFlight> {
        let transport = SocketTransport::from(stream.into());
        let peer = Peer::of(transport.peer_addr());
        secure(
            aio,
            Arc::new(transport),
            Arc::new(peer),
            Role::Server(config),
        )
    }

    /// As [`tls_client`](Self::tls_client), over a transport of your own.
    #[cfg(feature = "test-util")]
    pub fn tls_client_over(
        aio: Aio<Self>,
        transport: impl Transport,
        name: ServerName<'static>,
        config: Arc<ClientConfig>,
    ) -> Aio<Self, InFlight> {
        let peer = named(&name, transport.peer_addr());
        let role = Role::Client(name, config);
        secure(aio, Arc::new(transport), Arc::new(peer), role)
    }

    /// As [`tls_server`](Self::tls_server), over a transport of your own.
    #[cfg(feature = "test-util")]
    pub fn tls_server_over(
        aio: Aio<Self>,
        transport: impl Transport,
        config: Arc<ServerConfig>,
    ) -> Aio<Self, InFlight> {
        let peer = Peer::of(transport.peer_addr());
        secure(
            aio,
            Arc::new(transport),
            Arc::new(peer),
            Role::Server(config),
        )
    }
}

/// The peer whose certificate is to be for `name`.
fn named(name: &ServerName<'_>, addr: Addr) -> Peer {
    match (name, addr.ip()) {
        (ServerName::DnsName(name), Some(address)) => {
            Peer::named(name.as_ref(), Some(address.port())).at(addr)
        }
        (ServerName::DnsName(name), None) => Peer::named(name.as_ref(), None).at(addr),
        _ => Peer::of(addr),
    }
}

fn secure(
    aio: Aio<Conn>,
    transport: Arc<dyn Transport>,
    peer: Arc<Peer>,
    role: Role,
) -> Aio<Conn, InFlight> {
    let name = thread::name("hs", &transport.peer_addr());
    run(aio, peer, name, move |connector, attempt| {
        connector.secure(transport, role, attempt)
    })
}

impl Connector {
    pub(super) fn secure(
        &self,
        transport: Arc<dyn Transport>,
        role: Role,
        attempt: Attempt<'_>,
    ) -> Result<Conn, Error> {
        self.under_way(Underway::Handshake(Arc::clone(&transport)));
        let secured = handshake(transport, role, || attempt.wait());
        let transport = secured.map_err(|error| error.during(Action::Handshake))?;
        let peer = self.peer_at(transport.peer_addr());
        Ok(Conn::with(transport, peer))
    }
}
