//! Where a server listens, and how.

use std::fmt;
use std::io;
use std::net::{TcpListener, ToSocketAddrs};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixListener;

use super::listener::Listener;
use crate::error::Error;
#[cfg(feature = "tls")]
use crate::tls::ServerConfigCell;
use crate::transport::Addr;

/// Where a server listens, and what it expects there: for [`Server::listen`](crate::Server::listen).
///
/// # Examples
///
/// ```
/// use http_aio::{Endpoint, Server};
/// use std::os::unix::net::UnixListener;
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let folder = std::env::temp_dir().join(format!("endpoint-{}", std::process::id()));
/// # std::fs::create_dir_all(&folder)?;
/// # let path = folder.join("socket");
/// let server = Server::new();
/// server.listen(Endpoint::bind("127.0.0.1:0")?)?;
/// server.listen(UnixListener::bind(&path)?)?;
/// assert_eq!(server.local_addrs().len(), 2);
/// # std::fs::remove_dir_all(folder)?;
/// # Ok(())
/// # }
/// ```
#[must_use = "nobody listens before a server has it"]
pub struct Endpoint {
    pub(super) listener: Listener,
    pub(super) options: Options,
}

/// What is expected of connections.
#[derive(Clone, Debug, Default)]
pub(super) struct Options {
    #[cfg(feature = "tls")]
    pub(super) tls: Option<ServerConfigCell>,
}

impl Endpoint {
    /// Binds an address. With port 0 it is a free one, which [`local_addr`](Self::local_addr) tells. New clients
    /// wait from now on, until a server listens.
    ///
    /// # Errors
    ///
    /// As the operating system reports them for the last of the addresses.
    pub fn bind(address: impl ToSocketAddrs) -> Result<Self, Error> {
        let mut last = io::Error::from(io::ErrorKind::AddrNotAvailable);
        for address in address.to_socket_addrs()? {
            match Listener::bind(address) {
                Ok(listener) => return Ok(Self::of(listener)),
                Err(error) => last = error,
            }
        }
        Err(last.into())
    }

    fn of(listener: Listener) -> Self {
        Self {
            listener,
            options: Options::default(),
        }
    }

    /// Has each connection begin with a TLS handshake, within [`ServerLimits::handshake`]. Anything else, such as
    /// plain HTTP, ends the connection.
    ///
    /// The handshake runs on the thread of the connection, so a slow client delays nobody else. Give a
    /// [`ServerConfigCell`] to replace the configuration while the server runs.
    ///
    /// [`ServerLimits::handshake`]: crate::ServerLimits::handshake
    #[cfg(feature = "tls")]
    pub fn tls(mut self, config: impl Into<ServerConfigCell>) -> Self {
        self.options.tls = Some(config.into());
        self
    }

    /// Where it listens.
    ///
    /// # Errors
    ///
    /// As the operating system reports them.
    pub fn local_addr(&self) -> Result<Addr, Error> {
        Ok(self.listener.local_addr()?)
    }

    /// The listener, blocking, if it is one of TCP.
    pub fn into_tcp(self) -> Option<TcpListener> {
        match self.listener {
            Listener::Tcp(listener) => listener.set_nonblocking(false).ok().map(|()| listener),
            Listener::Unix(_) => None,
        }
    }

    /// The listener, blocking, if it is one of a Unix socket.
    pub fn into_unix(self) -> Option<UnixListener> {
        match self.listener {
            Listener::Tcp(_) => None,
            Listener::Unix(listener) => listener.set_nonblocking(false).ok().map(|()| listener),
        }
    }
}

impl From<TcpListener> for Endpoint {
    fn from(listener: TcpListener) -> Self {
        Self::of(Listener::Tcp(listener))
    }
}

impl From<UnixListener> for Endpoint {
    fn from(listener: UnixListener) -> Self {
        Self::of(Listener::Unix(listener))
    }
}

impl AsFd for Endpoint {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.listener.as_fd()
    }
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Endpoint")
            .field("listener", &self.listener)
            .field("options", &self.options)
            .finish()
    }
}

impl Options {
    /// Whether a client understands an answer before it has said anything.
    pub(super) fn begins_with_http(&self) -> bool {
        #[cfg(feature = "tls")]
        return self.tls.is_none();
        #[cfg(not(feature = "tls"))]
        true
    }
}
