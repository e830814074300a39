//! Where a server listens, and how.

use std::fmt;
use std::io;
use std::net::{TcpListener, ToSocketAddrs};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixListener;
use std::sync::Arc;

use super::listener::Listener;
use super::trust::{ForwardedFields, Trust, TrustedProxy};
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
    pub(super) proxy_header: ProxyHeader,
    pub(super) trust: Option<Arc<Trust>>,
}

/// Whether connections begin with what a proxy says of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum ProxyHeader {
    #[default]
    Never,
    Always,
}

impl Endpoint {
    /// Binds an address. With port 0 it is a free one, which [`local_addr`](Self::local_addr) tells. New clients
    /// wait from now on, until a server listens.
    ///
    /// # Errors
    ///
    /// As the operating system reports them for the last of the addresses.
    pub fn bind(address: impl ToSocketAddrs) -> Result<Self, Error> {
        let mut last = Error::from(io::Error::from(io::ErrorKind::AddrNotAvailable));
        for address in address.to_socket_addrs()? {
            match Listener::bind(address) {
                Ok(listener) => return Ok(Self::of(listener)),
                Err(error) => {
                    let words =
                        move |f: &mut fmt::Formatter<'_>| write!(f, "cannot listen on {address}");
                    last = Error::from(error).with_words(words);
                }
            }
        }
        Err(last)
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

    /// Has each connection begin with a header of the PROXY protocol, of version 1 or 2, in which a proxy that
    /// passes bytes on says who its client is: [`Exchange::client_addr`](crate::Exchange::client_addr). It comes
    /// before the TLS handshake, within the same [time](crate::ServerLimits::handshake), and has 4 KiB at most.
    /// Anything else ends the connection, a request without a header, too.
    ///
    /// # Security
    ///
    /// Whoever reaches the endpoint can name any client. See that none but the proxy does: by a firewall, by an
    /// address that others cannot reach, or by a Unix socket.
    #[doc(alias = "HAProxy")]
    pub fn proxy_protocol(mut self) -> Self {
        self.options.proxy_header = ProxyHeader::Always;
        self
    }

    /// Believes these proxies who their clients are, how they speak with them, and which host these ask for, as they
    /// say in requests: [`Exchange::client_addr`](crate::Exchange::client_addr),
    /// [`scheme`](crate::Exchange::scheme) and [`host`](crate::Exchange::host). By default nobody is believed.
    ///
    /// # Security
    ///
    /// Anybody can write these fields, so they count only in requests that come from one of `proxies`. Of a list of
    /// addresses the rightmost one counts that is not itself one of `proxies`: what stands left of it may be
    /// the client's invention. So name all proxies that a request can come through, and nothing else; a network
    /// from which clients come, too, lets them name whom they like.
    ///
    /// Each proxy must add to the fields, or replace them, not just pass them on; and `fields` must be those that
    /// it writes. A proxy that writes `X-Forwarded-For` passes a `Forwarded` of the client's on as it is, which
    /// is why only the ones are looked at. Of `X-Forwarded-Proto` and `X-Forwarded-Host`, which are no lists by
    /// nature, the rightmost value counts: the nearest proxy must have written them.
    ///
    /// # Examples
    ///
    /// ```
    /// use http_aio::{Endpoint, Exchange, ForwardedFields, Server, get};
    ///
    /// # fn main() -> Result<(), http_aio::Error> {
    /// let endpoint = Endpoint::bind("127.0.0.1:0")?
    ///     .trust_forwarded(ForwardedFields::XForwarded, ["127.0.0.1".parse()?, "10.0.0.0/8".parse()?]);
    /// let server = Server::new();
    /// server.route("/", get(|x: &mut Exchange| format!("{} over {}", x.client_addr(), x.scheme())))?;
    /// server.listen(endpoint)?;
    /// # Ok(())
    /// # }
    /// ```
    #[doc(alias = "X-Forwarded-For")]
    pub fn trust_forwarded(
        mut self,
        fields: ForwardedFields,
        proxies: impl IntoIterator<Item = TrustedProxy>,
    ) -> Self {
        let trust = Trust::new(fields, proxies.into_iter().collect());
        self.options.trust = Some(Arc::new(trust));
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
    /// Whether something comes before the first request, which may be long in coming.
    pub(super) fn takes_time(&self) -> bool {
        !self.begins_with_http() || self.proxy_header == ProxyHeader::Always
    }

    /// Whether a client understands an answer before it has said anything.
    pub(super) fn begins_with_http(&self) -> bool {
        #[cfg(feature = "tls")]
        return self.tls.is_none();
        #[cfg(not(feature = "tls"))]
        true
    }
}
