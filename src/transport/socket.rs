//! TCP and Unix sockets through `socket2`.
//!
//! Facts of Linux that writing rests on: a blocked `sendmsg` is woken at once by `shutdown(SHUT_WR)`
//! and returns its partial count; when `SO_SNDTIMEO` runs out `sendmsg` returns the partial count, and
//! only a call that moved nothing fails, with `EAGAIN`; changing the option does not affect a call
//! that is already blocked. On a Unix socket the timeout begins anew with each piece that the kernel
//! allocates, so a call that has a deadline carries no more than one. See socket(7), sendmsg(2),
//! shutdown(2), unix(7).
//!
//! A read that blocks is a `poll` on the socket and on a waker, so that it can be ended without
//! touching the stream. One that is to block for a moment only is a single call with `SO_RCVTIMEO`.
//!
//! The kernel tells of a reset once: to whichever direction asks first. The other finds an orderly
//! end, so what has been told is remembered.

use std::io::{self, IoSlice};
use std::net::{Shutdown, TcpStream};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering, fence};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use rustix::buffer::spare_capacity;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::net::{RecvFlags, recv};
use socket2::{SockAddr, Socket};

#[cfg(target_os = "linux")]
use super::Departure;
use super::{Addr, Stream, Transport, Wait};
use crate::bufs::{Slices, gather};
use crate::linger;
use crate::sys::NO_SIGNAL;
use crate::sys::waker::Waker;

/// How long a read sleeps that nothing can wake.
const UNWOKEN: Duration = Duration::from_millis(50);

/// Most that the kernel puts into one piece of a Unix stream, or less.
const UNIX_PIECE: usize = 16 << 10;

#[derive(Debug)]
pub(crate) struct SocketTransport {
    /// Shared with the lingerer, which may have it longer.
    socket: Arc<Socket>,
    make_stream: fn(Socket) -> Stream,
    /// The addresses are asked for once: submitting makes no system call on the socket, and a peer that
    /// is gone still has a name.
    peer_addr: Addr,
    local_addr: Addr,
    /// Most bytes of a write that has a deadline.
    timed_bytes: usize,
    /// The `SO_SNDTIMEO` that is set, in microseconds, so that it is set only when it changes.
    send_timeout: AtomicU64,
    /// The same of `SO_RCVTIMEO`.
    receive_timeout: AtomicU64,
    waker: OnceLock<Waker>,
    wake: AtomicBool,
    /// Whether one direction has been told that the peer is gone.
    reset: AtomicBool,
    /// Whether the last read took all there was, so that reading before waiting is likely to be in vain.
    drained: AtomicBool,
    /// Whether a write is under way.
    writing: AtomicBool,
    /// Whether nobody reads any more.
    lingering: AtomicBool,
}

impl SocketTransport {
    fn new(socket: Socket, make_stream: fn(Socket) -> Stream, timed_bytes: usize) -> Self {
        // Cannot fail on a socket that is open.
        let _ = socket.set_nonblocking(false);
        #[cfg(target_vendor = "apple")]
        let _ = socket.set_nosigpipe(true);
        let send_timeout = AtomicU64::new(micros(socket.write_timeout().ok().flatten()));
        let receive_timeout = AtomicU64::new(micros(socket.read_timeout().ok().flatten()));
        Self {
            peer_addr: name(socket.peer_addr()),
            local_addr: name(socket.local_addr()),
            socket: Arc::new(socket),
            make_stream,
            timed_bytes,
            send_timeout,
            receive_timeout,
            waker: OnceLock::new(),
            wake: AtomicBool::new(false),
            reset: AtomicBool::new(false),
            drained: AtomicBool::new(false),
            writing: AtomicBool::new(false),
            lingering: AtomicBool::new(false),
        }
    }

    pub(crate) fn tcp(socket: Socket) -> Self {
        Self::new(socket, |socket| Stream::Tcp(socket.into()), usize::MAX)
    }

    fn send(&self, buffers: &[IoSlice<'_>], wait: Wait) -> io::Result<usize> {
        if wait == Wait::Never {
            let flags = NO_SIGNAL | libc::MSG_DONTWAIT;
            return self.socket.send_vectored_with_flags(buffers, flags);
        }
        let timeout = wait.socket_timeout();
        if self.send_timeout.swap(micros(timeout), Ordering::Relaxed) != micros(timeout) {
            self.socket.set_write_timeout(timeout)?;
        }
        let offered: usize = buffers.iter().map(|buffer| buffer.len()).sum();
        if timeout.is_some() && offered > self.timed_bytes {
            let mut first = Slices::new();
            gather(buffers.iter().map(|b| &b[..]), &mut first, self.timed_bytes);
            return self.socket.send_vectored_with_flags(&first, NO_SIGNAL);
        }
        self.socket.send_vectored_with_flags(buffers, NO_SIGNAL)
    }

    /// As `read`, but leaves there what it shows.
    ///
    /// # Errors
    ///
    /// As the operating system reports them.
    pub(crate) fn show(&self, buffer: &mut [u8], wait: Wait) -> io::Result<usize> {
        self.receive(buffer.len(), wait, |flags| {
            let received = recv(&*self.socket, &mut *buffer, flags | RecvFlags::PEEK);
            Ok(received.map(|(count, _)| count)?)
        })
    }

    /// Makes one read: of a poll and a call that does not block, or of a call that blocks briefly.
    fn receive(
        &self,
        room: usize,
        wait: Wait,
        mut call: impl FnMut(RecvFlags) -> io::Result<usize>,
    ) -> io::Result<usize> {
        let mut receive = |flags| match call(flags) {
            Ok(0) if room > 0 && self.is_reset() => Err(io::ErrorKind::ConnectionReset.into()),
            result => result,
        };
        let would_block = |result: &io::Result<usize>| {
            let error = result.as_ref().err();
            error.is_some_and(|error| error.kind() == io::ErrorKind::WouldBlock)
        };
        let mut result = Err(io::ErrorKind::WouldBlock.into());
        if let Wait::Briefly(_) = wait {
            let prepared = self.prepare_to_block(wait);
            result = prepared.and_then(|()| receive(RecvFlags::empty()));
        } else {
            if wait == Wait::Never || !self.drained.load(Ordering::Relaxed) {
                result = receive(RecvFlags::DONTWAIT);
            }
            if wait != Wait::Never && would_block(&result) {
                let readable = self.wait_for(PollFlags::IN, wait.timeout());
                result = readable.and_then(|()| receive(RecvFlags::DONTWAIT));
            }
        }
        // There was less than there was room for: the next read is likely to wait.
        let drained = result.as_ref().is_ok_and(|count| (1..room).contains(count));
        self.drained.store(drained, Ordering::Relaxed);
        result.map_err(|error| self.told(error))
    }

    /// Prepares the socket for a call that blocks.
    fn prepare_to_block(&self, wait: Wait) -> io::Result<()> {
        if self.wake.load(Ordering::SeqCst) {
            return Err(io::ErrorKind::Interrupted.into());
        }
        let timeout = wait.socket_timeout();
        let last = self
            .receive_timeout
            .swap(micros(timeout), Ordering::Relaxed);
        match last == micros(timeout) {
            true => Ok(()),
            false => self.socket.set_read_timeout(timeout),
        }
    }

    /// Waits for one of these on the socket, or for its end; `Interrupted` if the waker is readable.
    fn wait_for(&self, flags: PollFlags, timeout: Option<Duration>) -> io::Result<()> {
        let waker = self.waker();
        // Either the reader sees the flag, or whoever has set it sees the waker: each stores the one and
        // then loads the other, and only a fence keeps the two in their order.
        fence(Ordering::SeqCst);
        if self.wake.swap(false, Ordering::SeqCst) {
            waker.inspect(|waker| waker.reset());
            return Err(io::ErrorKind::Interrupted.into());
        }
        let socket = PollFd::new(&*self.socket, flags);
        let Some(waker) = waker else {
            let timeout = timeout.map_or(UNWOKEN, |timeout| timeout.min(UNWOKEN));
            return wait(&mut [socket], Some(timeout));
        };
        let mut both = [socket, PollFd::new(waker, PollFlags::IN)];
        wait(&mut both, timeout)?;
        if !both[1].revents().is_empty() {
            self.wake.store(false, Ordering::SeqCst);
            waker.reset();
            return Err(io::ErrorKind::Interrupted.into());
        }
        Ok(())
    }

    /// `None` while the process has no descriptor left for it: no reason to fail a read.
    fn waker(&self) -> Option<&Waker> {
        if self.waker.get().is_none() {
            let new = Waker::new().ok()?;
            return Some(self.waker.get_or_init(|| new));
        }
        self.waker.get()
    }

    /// Whether an end of the stream is a reset in truth. A write that is under way may have been told of
    /// it just now.
    fn is_reset(&self) -> bool {
        loop {
            let writing = self.writing.load(Ordering::Acquire);
            if self.reset.load(Ordering::Acquire) {
                return true;
            }
            // The kernel has a peer until the connection is over for both directions.
            if !writing || self.socket.peer_addr().is_ok() {
                return false;
            }
            std::thread::yield_now(); // The write returns at once, because the connection is over.
        }
    }

    /// Remembers a reset. A connection that the kernel gives up is a reset too, and no deadline.
    fn told(&self, error: io::Error) -> io::Error {
        let error = match error.kind() {
            io::ErrorKind::ConnectionReset | io::ErrorKind::ConnectionAborted => error,
            io::ErrorKind::TimedOut => io::Error::new(io::ErrorKind::ConnectionReset, error),
            _ => return error,
        };
        self.reset.store(true, Ordering::Release);
        error
    }
}

impl From<TcpStream> for SocketTransport {
    fn from(stream: TcpStream) -> Self {
        Self::tcp(stream.into())
    }
}

impl From<UnixStream> for SocketTransport {
    fn from(stream: UnixStream) -> Self {
        let socket = Socket::from(stream);
        // A piece is not larger than half of the buffer, less its own accounting.
        let buffer = socket.send_buffer_size().unwrap_or_default();
        let piece = (buffer / 4).clamp(1, UNIX_PIECE);
        Self::new(socket, |socket| Stream::Unix(socket.into()), piece)
    }
}

impl From<Stream> for SocketTransport {
    fn from(stream: Stream) -> Self {
        match stream {
            Stream::Tcp(stream) => stream.into(),
            Stream::Unix(stream) => stream.into(),
        }
    }
}

impl Transport for SocketTransport {
    fn read(&self, buffer: &mut [u8], wait: Wait) -> io::Result<usize> {
        self.receive(buffer.len(), wait, |flags| {
            let received = recv(&*self.socket, &mut *buffer, flags);
            Ok(received.map(|(count, _)| count)?)
        })
    }

    fn read_more(&self, buffer: &mut Vec<u8>, wait: Wait) -> io::Result<usize> {
        let room = buffer.capacity() - buffer.len();
        self.receive(room, wait, |flags| {
            let received = recv(&*self.socket, spare_capacity(buffer), flags);
            Ok(received.map(|(count, _)| count)?)
        })
    }

    fn write(&self, buffers: &[IoSlice<'_>], wait: Wait) -> io::Result<usize> {
        self.writing.store(true, Ordering::Release);
        let result = self.send(buffers, wait).map_err(|error| self.told(error));
        self.writing.store(false, Ordering::Release);
        result
    }

    fn wake_reader(&self) {
        self.wake.store(true, Ordering::SeqCst);
        fence(Ordering::SeqCst); // See `wait_for`.
        if let Some(waker) = self.waker.get() {
            waker.wake();
        }
    }

    fn shutdown(&self, how: Shutdown) -> io::Result<()> {
        self.socket.shutdown(how)
    }

    /// The end of the stream is seen behind what was not read.
    #[cfg(target_os = "linux")]
    fn wait_departure(&self, what: Departure, wait: Wait) -> io::Result<()> {
        let flags = match what {
            Departure::OfStream => PollFlags::RDHUP,
            // The kernel tells of both directions' end, and of a reset, without being asked.
            Departure::OfPeer => PollFlags::empty(),
        };
        self.wait_for(flags, wait.timeout())
    }

    fn peek(&self) -> io::Result<usize> {
        let flags = RecvFlags::DONTWAIT | RecvFlags::PEEK;
        match recv(&*self.socket, &mut [0; 1], flags) {
            Ok((0, _)) if self.is_reset() => Err(io::ErrorKind::ConnectionReset.into()),
            Ok((count, _)) => Ok(count),
            Err(error) => Err(self.told(error.into())),
        }
    }

    fn descriptor(&self) -> Option<Arc<dyn AsFd + Send + Sync>> {
        Some(Arc::<Socket>::clone(&self.socket))
    }

    fn reset(&self) {
        let _ = self.socket.set_linger(Some(Duration::ZERO)); // A Unix socket keeps nothing back anyway.
        self.lingering.store(true, Ordering::Release);
    }

    fn linger(&self) {
        if !self.lingering.swap(true, Ordering::AcqRel) {
            linger::see_off(&self.socket);
        }
    }

    fn shutdown_after(&self, last: Vec<u8>) -> Result<(), Vec<u8>> {
        linger::end_after(&self.socket, last);
        Ok(())
    }

    fn peer_addr(&self) -> Addr {
        self.peer_addr.clone()
    }

    fn local_addr(&self) -> Addr {
        self.local_addr.clone()
    }

    fn stream(&self) -> io::Result<Stream> {
        let socket = self.socket.try_clone()?;
        socket.set_write_timeout(None)?;
        socket.set_read_timeout(None)?;
        Ok((self.make_stream)(socket))
    }
}

fn wait(descriptors: &mut [PollFd<'_>], timeout: Option<Duration>) -> io::Result<()> {
    // A timeout that is longer than the kernel can count is none.
    let timeout = timeout.and_then(|timeout| Timespec::try_from(timeout).ok());
    match poll(descriptors, timeout.as_ref())? {
        0 => Err(io::ErrorKind::WouldBlock.into()),
        _ => Ok(()),
    }
}

fn micros(timeout: Option<Duration>) -> u64 {
    timeout.map_or(0, |timeout| {
        u64::try_from(timeout.as_micros()).unwrap_or(u64::MAX)
    })
}

fn name(address: io::Result<SockAddr>) -> Addr {
    let Ok(address) = address else {
        return Addr::Unknown;
    };
    match address.as_socket() {
        Some(address) => Addr::Ip(address),
        None if address.is_unix() => Addr::Unix(address.as_pathname().map(Into::into)),
        None => Addr::Unknown,
    }
}
