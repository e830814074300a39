//! TCP and Unix sockets through `socket2`. They differ in their addresses only.
//!
//! Facts of Linux that this rests on: a blocked `sendmsg` is woken at once by `shutdown(SHUT_WR)` and
//! returns its partial count; when `SO_SNDTIMEO` runs out `sendmsg` returns the partial count, and
//! only a call that moved nothing fails, with `EAGAIN`; changing the option does not affect a call
//! that is already blocked. See socket(7), sendmsg(2), shutdown(2).

use std::io::{self, IoSlice, Read as _};
use std::mem::MaybeUninit;
use std::net::{Shutdown, TcpStream};
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use socket2::{SockAddr, Socket};

use super::{Addr, Stream, Transport, Wait};

#[cfg(any(
    target_os = "linux",
    target_os = "android",
    target_os = "freebsd",
    target_os = "netbsd"
))]
const NO_SIGNAL: libc::c_int = libc::MSG_NOSIGNAL;
/// Elsewhere `SO_NOSIGPIPE` is set on the socket, or there are no signals.
#[cfg(not(any(
    target_os = "linux",
    target_os = "android",
    target_os = "freebsd",
    target_os = "netbsd"
)))]
const NO_SIGNAL: libc::c_int = 0;

/// Reads of 4 KiB before a connection is closed with input still coming in.
const DISCARDED_READS: usize = 64;

#[derive(Debug)]
pub(crate) struct SocketTransport {
    socket: Socket,
    make_stream: fn(Socket) -> Stream,
    /// The timeouts that are set, in microseconds, so that they are set only when they change. Each
    /// is used by the thread of its direction only.
    send_timeout: AtomicU64,
    receive_timeout: AtomicU64,
}

impl SocketTransport {
    fn new(socket: Socket, make_stream: fn(Socket) -> Stream) -> Self {
        // Neither can fail on a socket that is open, and a socket in another mode still works.
        let _ = socket.set_nonblocking(false);
        #[cfg(target_vendor = "apple")]
        let _ = socket.set_nosigpipe(true);
        let send_timeout = AtomicU64::new(micros(socket.write_timeout().ok().flatten()));
        let receive_timeout = AtomicU64::new(micros(socket.read_timeout().ok().flatten()));
        Self {
            socket,
            make_stream,
            send_timeout,
            receive_timeout,
        }
    }

    pub(crate) fn tcp(socket: Socket) -> Self {
        Self::new(socket, |socket| Stream::Tcp(socket.into()))
    }
}

impl From<TcpStream> for SocketTransport {
    fn from(stream: TcpStream) -> Self {
        Self::tcp(stream.into())
    }
}

impl From<UnixStream> for SocketTransport {
    fn from(stream: UnixStream) -> Self {
        Self::new(stream.into(), |socket| Stream::Unix(socket.into()))
    }
}

impl Transport for SocketTransport {
    fn read(&self, buffer: &mut [u8], wait: Wait) -> io::Result<usize> {
        let timeout = wait.socket_timeout();
        if self
            .receive_timeout
            .swap(micros(timeout), Ordering::Relaxed)
            != micros(timeout)
        {
            self.socket.set_read_timeout(timeout)?;
        }
        (&self.socket).read(buffer)
    }

    fn write(&self, buffers: &[IoSlice<'_>], wait: Wait) -> io::Result<usize> {
        if wait == Wait::Never {
            return self
                .socket
                .send_vectored_with_flags(buffers, NO_SIGNAL | libc::MSG_DONTWAIT);
        }
        let timeout = wait.socket_timeout();
        if self.send_timeout.swap(micros(timeout), Ordering::Relaxed) != micros(timeout) {
            self.socket.set_write_timeout(timeout)?;
        }
        self.socket.send_vectored_with_flags(buffers, NO_SIGNAL)
    }

    fn shutdown(&self, how: Shutdown) -> io::Result<()> {
        self.socket.shutdown(how)
    }

    fn discard_input(&self) {
        let mut scrap = [MaybeUninit::uninit(); 4096];
        for _ in 0..DISCARDED_READS {
            match self.socket.recv_with_flags(&mut scrap, libc::MSG_DONTWAIT) {
                Ok(1..) => {}
                Ok(0) | Err(_) => return,
            }
        }
    }

    fn peer_addr(&self) -> Addr {
        self.socket
            .peer_addr()
            .map_or(Addr::Unknown, |address| addr(&address))
    }

    fn local_addr(&self) -> Addr {
        self.socket
            .local_addr()
            .map_or(Addr::Unknown, |address| addr(&address))
    }

    fn stream(&self) -> io::Result<Stream> {
        let socket = self.socket.try_clone()?;
        socket.set_write_timeout(None)?;
        socket.set_read_timeout(None)?;
        Ok((self.make_stream)(socket))
    }
}

fn micros(timeout: Option<Duration>) -> u64 {
    timeout.map_or(0, |timeout| {
        u64::try_from(timeout.as_micros()).unwrap_or(u64::MAX)
    })
}

fn addr(address: &SockAddr) -> Addr {
    match address.as_socket() {
        Some(address) => Addr::Ip(address),
        None if address.is_unix() => Addr::Unix(address.as_pathname().map(Into::into)),
        None => Addr::Unknown,
    }
}
