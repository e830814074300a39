//! What carries the bytes. A transport knows sockets, timeouts and addresses, and no HTTP.

pub(crate) mod socket;
#[cfg(feature = "tls")]
pub(crate) mod tls;

use std::fmt;
use std::io::{self, IoSlice};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// A byte stream that two threads use at once, one for each direction.
///
/// Required of an implementation:
///
/// * `read`, `read_more` and `write` move at least one byte, or fail; `Ok(0)` from the first two is
///   the end of the stream. They are not called without room, or without bytes.
/// * A call that may block returns what it has moved so far when its time is up, and fails with
///   `WouldBlock` or `TimedOut` only when it has moved nothing. It may do so before its time is up,
///   for example when what has arrived is no whole record: its caller tries again until the deadline.
/// * One `read` or `read_more` at a time, and one `write`; the others may be called at any time.
/// * `wake_reader` may be called from any thread: the read that blocks, or the next one that would,
///   fails with `Interrupted`.
/// * `shutdown` may be called from any thread, wakes a call that blocks in that direction, and does
///   not take back what was accepted: the peer receives it, then the end of the stream.
/// * Neither does `linger`, nor dropping the transport after it.
/// * No call raises SIGPIPE.
pub trait Transport: fmt::Debug + Send + Sync + 'static {
    /// Reads into `buffer`.
    ///
    /// # Errors
    ///
    /// As the operating system reports them.
    fn read(&self, buffer: &mut [u8], wait: Wait) -> io::Result<usize>;

    /// As `read`, into the spare capacity of `buffer`, whose length grows by what is returned and
    /// stays where it fails. The spare capacity need not be initialised for that where the operating
    /// system says how much it has written.
    ///
    /// # Errors
    ///
    /// As the operating system reports them.
    fn read_more(&self, buffer: &mut Vec<u8>, wait: Wait) -> io::Result<usize> {
        let (filled, capacity) = (buffer.len(), buffer.capacity());
        buffer.resize(capacity, 0);
        let result = self.read(&mut buffer[filled..], wait);
        buffer.truncate(filled + *result.as_ref().unwrap_or(&0));
        result
    }

    /// Writes from `buffers`, 1 to 1,024 and none of them empty, in order.
    ///
    /// # Errors
    ///
    /// As the operating system reports them.
    fn write(&self, buffers: &[IoSlice<'_>], wait: Wait) -> io::Result<usize>;

    /// Wakes a read that blocks, and shuts nothing down.
    fn wake_reader(&self);

    /// Ends one direction or both.
    ///
    /// # Errors
    ///
    /// As the operating system reports them.
    fn shutdown(&self, how: Shutdown) -> io::Result<()>;

    /// As `shutdown`, where what was written last is not whole: a transport that can tell the peer
    /// that its stream is whole (`close_notify`) does not do so here.
    ///
    /// # Errors
    ///
    /// As the operating system reports them.
    fn abort(&self, how: Shutdown) -> io::Result<()> {
        self.shutdown(how)
    }

    /// Most bytes that it makes one record of, if it makes records of what is written; always the
    /// same. What `write` returns are then the bytes of records that were accepted whole. It may have
    /// made records of more, which cannot be taken back (`is_mid_record`), so a caller passes the bytes
    /// of one operation at a time.
    fn record(&self) -> Option<usize> {
        None
    }

    /// Whether it has made records of bytes that `write` has not returned yet. The next `write` must
    /// begin with the same bytes, or there is none: `abort` ends the direction. Asked between two
    /// writes; never true where `record` is `None`.
    fn is_mid_record(&self) -> bool {
        false
    }

    /// Waits until the peer has gone, as far as `what` says, and takes nothing of what it has sent before. It
    /// counts as a read: one at a time, and `wake_reader` wakes it.
    ///
    /// Without knowledge of its own, a transport looks now and then.
    ///
    /// # Errors
    ///
    /// `WouldBlock` or `TimedOut` when the peer is still there, `Interrupted` when it was woken; others as the
    /// operating system reports them, and then the peer is gone.
    fn wait_departure(&self, what: Departure, wait: Wait) -> io::Result<()> {
        const LOOK: Duration = Duration::from_millis(20);
        match (self.peek(), what) {
            (Ok(0), Departure::OfStream) => return Ok(()),
            (Err(error), _) if !moved_nothing(&error) => return Err(error),
            _ => {}
        }
        std::thread::sleep(wait.timeout().map_or(LOOK, |left| left.min(LOOK)));
        Err(io::ErrorKind::WouldBlock.into())
    }

    /// Looks whether there is something to read, without taking it and without waiting: at least 1
    /// if there is, and 0 for the end of the stream.
    ///
    /// # Errors
    ///
    /// `WouldBlock` when there is neither, and wherever it cannot be told, as while somebody reads;
    /// others as the operating system reports them.
    fn peek(&self) -> io::Result<usize> {
        Err(io::ErrorKind::WouldBlock.into())
    }

    /// Has the stream be reset when the transport is dropped, and what the peer has not received yet be lost.
    /// `linger` does nothing afterwards.
    fn reset(&self) {}

    /// What can be polled for input instead of a read that blocks. None: there is no such thing.
    fn descriptor(&self) -> Option<Arc<dyn AsFd + Send + Sync>> {
        None
    }

    /// Throws away what the peer still sends, in the background, once nothing is going to be read any
    /// more and the write side has ended. Input that is left unread makes some systems reset a socket
    /// that is closed, and a reset destroys what the peer has not received yet. It may be called from any
    /// thread, more than once, and does not wait.
    fn linger(&self) {
        let _ = self.shutdown(Shutdown::Read);
    }

    /// Ends the write side in the background, once `last` is out, for which there is no room now. Nothing
    /// else is going to be written. Reading goes on.
    ///
    /// # Errors
    ///
    /// `last` itself, where there is nobody to do that.
    fn shutdown_after(&self, last: Vec<u8>) -> Result<(), Vec<u8>> {
        Err(last)
    }

    /// The peer's address.
    fn peer_addr(&self) -> Addr;

    /// Our own address.
    fn local_addr(&self) -> Addr;

    /// What the TLS handshake has come to, if there was one.
    #[cfg(feature = "tls")]
    fn negotiated(&self) -> Option<crate::tls::Negotiated> {
        None
    }

    /// Another handle of the stream, blocking and without timeouts.
    ///
    /// # Errors
    ///
    /// `Unsupported` where there is no such thing.
    fn stream(&self) -> io::Result<Stream> {
        Err(io::ErrorKind::Unsupported.into())
    }
}

/// How far a peer has gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Departure {
    /// It says nothing more. It may still listen.
    OfStream,
    /// It neither says anything nor listens.
    OfPeer,
}

/// Whether a call has failed only because there was nothing to move, or because it was woken. It can be
/// made again until the deadline.
pub(crate) fn moved_nothing(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut | io::ErrorKind::Interrupted
    )
}

/// How long one system call may block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wait {
    /// Not at all: `WouldBlock` when nothing can be moved at once.
    Never,
    /// At most this long, never zero: `WouldBlock` or `TimedOut` when nothing was moved by then.
    For(Duration),
    /// As `For`, for a time so short that nothing need end the call before: whoever asks for it, as by
    /// `wake_reader`, is heard afterwards.
    Briefly(Duration),
    /// As long as it takes.
    Forever,
}

impl Wait {
    /// Whether a call may still block then.
    pub(crate) fn is_longer_than(self, moment: Duration) -> bool {
        self.timeout().is_none_or(|timeout| timeout > moment)
    }

    /// The value for `poll`, which is precise.
    pub(crate) fn timeout(self) -> Option<Duration> {
        match self {
            Self::Never => Some(Duration::ZERO),
            Self::For(left) | Self::Briefly(left) => Some(left),
            Self::Forever => None,
        }
    }

    /// The value for `SO_SNDTIMEO` and `SO_RCVTIMEO`.
    ///
    /// Not all that is left: the kernel's timers are late by up to an eighth of their length, so a
    /// long wait is asked for in parts, each of which leaves an eighth for the next. Whole
    /// milliseconds, rounded up: never zero, which would mean "for ever", and the same for operation
    /// after operation with the same timeout, so that the option need not be set each time.
    pub(crate) fn socket_timeout(self) -> Option<Duration> {
        /// A wait that is no longer than this is late by no more than a tick or two.
        const SHORT: Duration = Duration::from_millis(50);
        let (Self::For(left) | Self::Briefly(left)) = self else {
            return None;
        };
        let part = if left > SHORT { left / 8 * 7 } else { left };
        let millis = u64::try_from(part.as_micros().div_ceil(1000)).unwrap_or(u64::MAX);
        Some(Duration::from_millis(millis.max(1)))
    }
}

/// The address of one end of a connection.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Addr {
    /// An IP address and a port.
    Ip(SocketAddr),
    /// A Unix socket; most clients' have no path.
    Unix(Option<PathBuf>),
    /// Not known, because the socket was not connected for example.
    Unknown,
}

impl Addr {
    /// The IP address and port, if it has one.
    pub fn ip(&self) -> Option<SocketAddr> {
        match self {
            Self::Ip(address) => Some(*address),
            Self::Unix(_) | Self::Unknown => None,
        }
    }
}

impl fmt::Display for Addr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ip(address) => address.fmt(f),
            Self::Unix(Some(path)) => write!(f, "unix:{}", path.display()),
            Self::Unix(None) => f.write_str("unix"),
            Self::Unknown => f.write_str("unknown"),
        }
    }
}

/// The stream below a connection, as [`Conn::into_parts`](crate::Conn::into_parts) gives it back.
#[derive(Debug)]
#[non_exhaustive]
pub enum Stream {
    /// TCP.
    Tcp(TcpStream),
    /// A Unix socket.
    Unix(UnixStream),
}

impl From<TcpStream> for Stream {
    fn from(stream: TcpStream) -> Self {
        Self::Tcp(stream)
    }
}

impl From<UnixStream> for Stream {
    fn from(stream: UnixStream) -> Self {
        Self::Unix(stream)
    }
}

impl Stream {
    /// The TCP stream, if it is one.
    pub fn into_tcp(self) -> Option<TcpStream> {
        match self {
            Self::Tcp(stream) => Some(stream),
            Self::Unix(_) => None,
        }
    }

    /// The Unix stream, if it is one.
    pub fn into_unix(self) -> Option<UnixStream> {
        match self {
            Self::Tcp(_) => None,
            Self::Unix(stream) => Some(stream),
        }
    }
}
