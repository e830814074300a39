//! The connection: a handle, and one lazy thread for each direction behind it.

// In the order in which a program uses them, because the documentation shows their methods so.
mod connect;
#[cfg(feature = "tls")]
mod secure;

mod write;

mod read;

pub(crate) mod exchange;

mod transact;

mod body;

mod io;

mod forward;

mod shutdown;

mod parts;

mod ledger;
mod link;
mod queue;
mod serving;
mod thread;

use std::fmt;
use std::net::{Shutdown, TcpStream};
use std::os::unix::net::UnixStream;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Weak};

use parking_lot::Mutex;

pub use self::body::Body;
pub(crate) use self::body::Keeper;
pub(crate) use self::exchange::{AnswerBody, Check, Terms};
pub(crate) use self::forward::Metering;
pub use self::io::Io;
use self::ledger::{Exchanges, Ledger};
use self::link::{Dependents, Link};
pub use self::parts::Parts;
use self::queue::{EndReason, Half};
use self::read::Reader;
pub(crate) use self::read::unsolicited;
pub(crate) use self::read::{Arrival, HeadClock, Part, RequestSearch};
use self::thread::Owner;
use self::write::Writer;
use crate::aio::Provider;
#[cfg(doc)]
use crate::error::ErrorKind;
use crate::error::Peer;
use crate::proto::limits::Limits;
use crate::transport::socket::SocketTransport;
use crate::transport::{Addr, Stream, Transport};

/// A connection on which reads and writes are submitted, and complete in the order of submission.
///
/// Cheap to clone; clones are the same connection. Both directions proceed at once.
///
/// # Threads
///
/// A connection costs no thread until it needs one. A thread that waits for a read, a write or an
/// exchange serves the operation itself, if nobody has begun it and it is next in its queue. Everything
/// else is handed over to the connection's threads, one for each direction, which start when they are
/// needed first. They are named `wr:PORT HOST` and `rd:PORT HOST`.
///
/// For a thread that is expected to wait at once, because it has done so for its last few
/// submissions or has just begun to submit, an operation may be held back for 1 ms at most. Polling
/// it, attaching a closure, awaiting or dropping it, waiting with
/// [`wait_timeout`](crate::Aio::wait_timeout), or submitting anything else on the connection hands it
/// over at once.
///
/// # The end of a connection
///
/// * [`shutdown`](Self::shutdown) lets what was submitted finish, ends the stream, and waits until
///   the peer has ended its own. A program that exits must have waited for what it cares about.
/// * Dropping the last handle lets submitted writes finish, too, and ends the stream, in the
///   background. Exchanges whose outcome nobody can receive end once their requests are out.
/// * [`close`](Self::close) aborts everything at once.
/// * While the process lives, nothing that comes after a write destroys what it has counted. See
///   `close` for how long the peer is heard for that.
/// * A write that fails in flight ends the *write side*, because the stream would be corrupt. The
///   read side stays usable, so that an early answer to an interrupted upload can still be read.
///
/// # Examples
///
/// ```
/// use http_aio::http::{Request, Response, StatusCode};
/// use http_aio::{Aio, Conn};
/// use std::net::TcpListener;
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let listener = TcpListener::bind("127.0.0.1:0")?;
/// let client = Conn::connect(Aio::new(), listener.local_addr()?);
/// let server = Conn::from(listener.accept()?.0);
/// let client = client.wait()?;
///
/// let asked = server.read_request(Aio::new()); // Both wait, at once.
/// let answered = client.read_response(Aio::new());
///
/// let request = Request::put("http://example.com/data").body("hello")?;
/// client.write_request(Aio::new(), request).wait()?;
/// assert_eq!(asked.wait()?.headers()["content-length"], "5");
/// assert_eq!(server.read_all(Aio::new(), 5).wait()?, "hello");
///
/// let response = Response::builder().status(201).body(())?;
/// server.write_response(Aio::new(), response).wait()?;
/// assert_eq!(answered.wait()?.status(), StatusCode::CREATED);
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Conn {
    handle: Arc<Handle>,
    limits: Limits,
}

/// What all clones share; gone when no submission can come any more.
struct Handle {
    link: Arc<Link>,
    writer: Arc<Half<Writer>>,
    reader: Arc<Half<Reader>>,
    writes: Weak<dyn Provider>,
    reads: Weak<dyn Provider>,
}

/// Whether the caller is a thread of some connection, or of a connect, where closures may run.
/// Threads that a closure has to itself (`http-aio:call`) are none: nobody needs them.
pub(crate) fn is_ours() -> bool {
    Owner::is_any()
}

/// The connection itself.
impl Conn {
    pub(crate) fn new(transport: impl Transport) -> Self {
        let peer = Peer::of(transport.peer_addr());
        Self::with(transport, Arc::new(peer))
    }

    /// A connection to this peer.
    pub(crate) fn with(transport: impl Transport, peer: Arc<Peer>) -> Self {
        Self::with_shared(Arc::new(transport), peer)
    }

    /// As `with`, over a transport that somebody else may end.
    pub(crate) fn with_shared(transport: Arc<dyn Transport>, peer: Arc<Peer>) -> Self {
        let link = Arc::new(Link {
            owner: Owner::new(),
            transport,
            peer,
            ledger: Ledger::default(),
            exchanges: Exchanges::default(),
            pairing: Mutex::new(()),
            dependents: Dependents::default(),
            released: AtomicBool::new(false),
        });
        let writer = Half::new(Arc::clone(&link), Writer::default());
        let reader = Half::new(Arc::clone(&link), Reader::default());
        let (writes, reads) = (writer.provider(), reader.provider());
        let handle = Handle {
            link,
            writer,
            reader,
            writes,
            reads,
        };
        Self {
            handle: Arc::new(handle),
            limits: Limits::default(),
        }
    }

    /// A connection over a transport of your own.
    #[cfg(feature = "test-util")]
    pub fn from_transport(transport: impl Transport) -> Self {
        Self::new(transport)
    }

    /// A connection over this stream, by which the peer is reached.
    pub(crate) fn over(stream: Stream, peer: Peer) -> Self {
        let transport = SocketTransport::from(stream);
        let peer = peer.at(transport.peer_addr());
        Self::with(transport, Arc::new(peer))
    }

    /// Whom errors are about.
    pub(crate) fn peer(&self) -> &Arc<Peer> {
        &self.handle.link.peer
    }

    /// This handle with other limits, for the operations that are submitted through it and its
    /// later clones.
    #[must_use]
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// The peer's address.
    pub fn peer_addr(&self) -> Addr {
        self.handle.link.transport.peer_addr()
    }

    /// Our own address.
    pub fn local_addr(&self) -> Addr {
        self.handle.link.transport.local_addr()
    }

    /// What the handshake has come to, if the connection is over TLS.
    #[cfg(feature = "tls")]
    pub fn tls(&self) -> Option<crate::tls::Negotiated> {
        self.handle.link.transport.negotiated()
    }
}

/// Closes a connection in both directions, at once.
fn close(writer: &Half<Writer>, reader: &Half<Reader>, reason: EndReason) {
    let transport = &writer.link.transport;
    // The peer must not take what is aborted here for the whole, where there is a difference.
    let is_between_messages = !writer.link.ledger.writing.is_set();
    let whole = transport.record().is_none() || (writer.queue.is_quiet() && is_between_messages);
    let (writes, reads) = (writer.queue.end(reason), reader.queue.end(reason));
    // Fails when the peer is gone already, and then there is nobody to wake.
    let _ = if whole {
        transport.shutdown(Shutdown::Write)
    } else {
        transport.abort(Shutdown::Write)
    };
    // Shutting down the read side would reset a peer that says something, and destroy what it has not
    // read: who reads finds that the queue has ended, and the lingerer throws away the rest.
    transport.wake_reader();
    writer.fail_queued(writes.jobs, reason);
    reader.fail_queued(reads.jobs, reason);
    writer.link.dependents.end();
    // Last, because it may start a thread, and these are waited for.
    transport.linger();
}

impl From<TcpStream> for Conn {
    /// Takes over a connected stream, and makes it blocking if it is not. Its other options stay as they are,
    /// except for the send and receive timeouts, which are the connection's.
    fn from(stream: TcpStream) -> Self {
        Self::new(SocketTransport::from(stream))
    }
}

impl From<UnixStream> for Conn {
    /// As from a TCP stream.
    fn from(stream: UnixStream) -> Self {
        Self::new(SocketTransport::from(stream))
    }
}

impl From<Stream> for Conn {
    /// As from what it is.
    fn from(stream: Stream) -> Self {
        Self::new(SocketTransport::from(stream))
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.writer.drain();
        self.reader.drain();
    }
}

impl fmt::Debug for Conn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Conn")
            .field("transport", &self.handle.link.transport)
            .field("limits", &self.limits)
            .finish_non_exhaustive()
    }
}
