//! Where connections come from.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixListener;
use std::time::Duration;

use socket2::{Domain, Protocol, SockRef, Socket, TcpKeepalive, Type};

use crate::transport::socket::SocketTransport;
use crate::transport::{Addr, Stream};

/// Silence after which the kernel looks whether a peer is still there. A handler that neither reads nor writes
/// would never learn otherwise.
const KEEP_ALIVE: Duration = Duration::from_secs(60);

/// The kernel caps it.
const BACKLOG: i32 = 4096;

#[derive(Debug)]
pub(super) enum Listener {
    Tcp(TcpListener),
    Unix(UnixListener),
}

/// What an acceptor needs of a listener.
pub(super) trait Accept: AsFd + Send + 'static {
    /// Takes one connection in, without waiting.
    ///
    /// # Errors
    ///
    /// As the operating system reports them; `WouldBlock` if nobody waits.
    fn accept(&self) -> io::Result<SocketTransport>;
}

impl Listener {
    /// A listener with a queue that does not overflow in a burst.
    ///
    /// # Errors
    ///
    /// As the operating system reports them.
    pub(super) fn bind(address: SocketAddr) -> io::Result<Self> {
        let domain = Domain::for_address(address);
        let socket = Socket::new(domain, Type::STREAM, Some(Protocol::TCP))?;
        // As std does: a server that is started again finds its port free.
        socket.set_reuse_address(true)?;
        socket.bind(&address.into())?;
        socket.listen(BACKLOG)?;
        Ok(Self::Tcp(socket.into()))
    }

    /// Makes it what an acceptor needs.
    ///
    /// # Errors
    ///
    /// As the operating system reports them.
    pub(super) fn prepare(&self) -> io::Result<()> {
        match self {
            Self::Tcp(listener) => {
                let socket = SockRef::from(listener);
                // Connections inherit it. Whoever has set it already knows better.
                if !socket.keepalive()? {
                    socket.set_tcp_keepalive(&TcpKeepalive::new().with_time(KEEP_ALIVE))?;
                }
                listener.set_nonblocking(true)
            }
            Self::Unix(listener) => listener.set_nonblocking(true),
        }
    }

    pub(super) fn local_addr(&self) -> io::Result<Addr> {
        Ok(match self {
            Self::Tcp(listener) => Addr::Ip(listener.local_addr()?),
            Self::Unix(listener) => {
                let address = listener.local_addr()?;
                Addr::Unix(address.as_pathname().map(Into::into))
            }
        })
    }
}

impl Accept for Listener {
    fn accept(&self) -> io::Result<SocketTransport> {
        let stream = match self {
            Self::Tcp(listener) => {
                let (stream, _) = listener.accept()?;
                let _ = stream.set_nodelay(true); // Slower without it, and no worse.
                Stream::Tcp(stream)
            }
            Self::Unix(listener) => Stream::Unix(listener.accept()?.0),
        };
        Ok(stream.into())
    }
}

impl AsFd for Listener {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match self {
            Self::Tcp(listener) => listener.as_fd(),
            Self::Unix(listener) => listener.as_fd(),
        }
    }
}
