//! Accepting: a thread for each listener, which never spins and never dies.
//!
//! It sleeps in `poll` on the listener and on a waker, so it can be stopped without a connection to itself, and
//! without resetting those that are in the listener's queue: they are accepted and served before it ends. When
//! there is no room for another connection, it sleeps on the waker alone, which `places` rings when that may have
//! changed: new clients wait in the listener's queue.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixListener;
use std::sync::Arc;
use std::time::{Duration, Instant};

use http::{HeaderValue, StatusCode, header};
use parking_lot::Mutex;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;

use super::deliver::error_page;
use super::event::ServerEvent;
use super::lifecycle::Lifecycle;
use super::places::Room;
use super::serve::serve;
use super::shared::Shared;
use super::spare::Work;
use super::stay::Stay;
use crate::aio::Aio;
use crate::conn::Conn;
use crate::meter::{Meter, Pace};
use crate::sys::waker::Waker;
use crate::transport::Addr;

/// How long it waits after a failure that it cannot mend, at first and at most.
const PAUSE: Duration = Duration::from_millis(5);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// Where connections come from.
#[derive(Debug)]
pub(super) enum Listener {
    Tcp(TcpListener),
    Unix(UnixListener),
}

impl Listener {
    fn accept(&self) -> io::Result<Conn> {
        match self {
            Self::Tcp(listener) => {
                let (stream, _) = listener.accept()?;
                let _ = stream.set_nodelay(true); // Slower without it, and no worse.
                Ok(Conn::from(stream))
            }
            Self::Unix(listener) => Ok(Conn::from(listener.accept()?.0)),
        }
    }

    pub(super) fn set_nonblocking(&self) -> io::Result<()> {
        match self {
            Self::Tcp(listener) => listener.set_nonblocking(true),
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

impl AsFd for Listener {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match self {
            Self::Tcp(listener) => listener.as_fd(),
            Self::Unix(listener) => listener.as_fd(),
        }
    }
}

/// A listener with a queue that does not overflow in a burst.
///
/// # Errors
///
/// As the operating system reports them.
pub(super) fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    use socket2::{Domain, Protocol, Socket, Type};
    /// The kernel caps it.
    const BACKLOG: i32 = 4096;
    let socket = Socket::new(
        Domain::for_address(address),
        Type::STREAM,
        Some(Protocol::TCP),
    )?;
    // As std does: a server that is started again finds its port free.
    socket.set_reuse_address(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

/// A thread that accepts.
pub(super) struct Acceptor {
    shared: Arc<Shared>,
    listener: Listener,
    waker: Arc<Waker>,
    failures: u64,
    pause: Duration,
    /// Last, so that who learns of the end finds the listener closed.
    _presence: Presence,
}

/// While there is one, the server accepts.
struct Presence {
    lifecycle: Arc<Lifecycle>,
    waker: Arc<Waker>,
}

/// What came of accepting.
enum Outcome {
    /// Nobody waits to be accepted.
    Empty,
    /// Somebody does, and there is no room yet.
    Full(For),
    /// It is to be tried again later.
    Failed,
    /// There is nothing to accept from any more.
    Gone,
}

/// What a sleep is for. Being woken ends any.
#[derive(Clone, Copy)]
enum For {
    Connections,
    Waker,
    Until(Instant),
}

/// What a failure to accept asks for.
enum Recovery {
    Next,
    Rest,
    Gone,
}

impl Acceptor {
    pub(super) fn new(shared: Arc<Shared>, listener: Listener, waker: Arc<Waker>) -> Self {
        let presence = Presence {
            lifecycle: Arc::clone(&shared.lifecycle),
            waker: Arc::clone(&waker),
        };
        Self {
            shared,
            listener,
            waker,
            failures: 0,
            pause: PAUSE,
            _presence: presence,
        }
    }

    /// Accepts until the server stops.
    pub(super) fn run(mut self) {
        loop {
            let stopping = self.shared.lifecycle.is_stopping();
            let outcome = self.accept_all();
            // Closing the listener resets those that are in its queue: only a close does that.
            if self.shared.lifecycle.is_closed() {
                break;
            }
            match outcome {
                Outcome::Empty if stopping => break,
                Outcome::Empty => self.sleep(For::Connections),
                Outcome::Full(room) => self.sleep(room),
                Outcome::Failed if !stopping => self.rest(),
                Outcome::Failed | Outcome::Gone => break,
            }
        }
        self.shared.lifecycle.places.withdraw_claim(&self.waker);
    }

    /// Accepts all that have come, as far as there is room.
    fn accept_all(&mut self) -> Outcome {
        loop {
            if self.shared.lifecycle.is_closed() {
                return Outcome::Gone;
            }
            if self.shared.is_full() {
                // Nobody makes room before somebody waits for it.
                if !self.has_queue() {
                    self.shared.lifecycle.places.withdraw_claim(&self.waker);
                    return Outcome::Empty;
                }
                match self.claim() {
                    Room::Free => {}
                    Room::From(at) => return Outcome::Full(For::Until(at)),
                    Room::Soon | Room::None => return Outcome::Full(For::Waker),
                }
            }
            match self.listener.accept() {
                Ok(conn) => {
                    self.failures = 0;
                    self.pause = PAUSE;
                    self.start(conn);
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    self.shared.lifecycle.places.withdraw_claim(&self.waker);
                    return Outcome::Empty;
                }
                Err(error) => match self.recover(&error) {
                    Recovery::Next => {}
                    Recovery::Rest => return Outcome::Failed,
                    Recovery::Gone => return Outcome::Gone,
                },
            }
        }
    }

    fn claim(&self) -> Room {
        let most = self.shared.limits.connections;
        self.shared.lifecycle.places.claim(most, &self.waker)
    }

    /// Whether somebody waits to be accepted.
    fn has_queue(&self) -> bool {
        let mut listener = [PollFd::new(&self.listener, PollFlags::IN)];
        let now = Timespec::default();
        matches!(poll(&mut listener, Some(&now)), Ok(1..))
    }

    fn start(&self, conn: Conn) {
        let peer = conn.peer_addr();
        self.shared
            .observer
            .tell(|| ServerEvent::Accepted { peer: &peer });
        let stay = Stay::begin(&self.shared.lifecycle, &conn);
        let unserved = conn.clone();
        let shared = Arc::clone(&self.shared);
        let work: Work = Box::new(move || serve(&shared, stay, conn));
        if let Err(error) = self.shared.lifecycle.spares.run(work) {
            self.tell(&error, 1);
            refuse(&unserved);
            self.sleep(For::Until(Instant::now() + self.pause));
        }
    }

    /// Sleeps until it is woken, or until there is what it waits for.
    fn sleep(&self, what: For) {
        let timeout = match what {
            For::Until(at) => Some(at.saturating_duration_since(Instant::now())),
            For::Connections | For::Waker => None,
        };
        let timeout = timeout.and_then(|time| Timespec::try_from(time).ok());
        let waker = PollFd::new(&*self.waker, PollFlags::IN);
        let mut both = [waker, PollFd::new(&self.listener, PollFlags::IN)];
        let polled = match what {
            For::Connections => &mut both[..],
            For::Waker | For::Until(_) => &mut both[..1],
        };
        let _ = poll(polled, timeout.as_ref());
        if !both[0].revents().is_empty() {
            self.waker.reset(); // Whoever has woken it has noted before why.
        }
    }

    /// Sleeps after a failure, longer each time.
    fn rest(&mut self) {
        self.sleep(For::Until(Instant::now() + self.pause));
        self.pause = (2 * self.pause).min(LONGEST_PAUSE);
    }

    /// What a failure to accept asks for.
    fn recover(&mut self, error: &io::Error) -> Recovery {
        match Errno::from_io_error(error) {
            // That connection is gone, or a thing of the network: the next may be there.
            Some(
                Errno::INTR
                | Errno::CONNABORTED
                | Errno::PROTO
                | Errno::PERM
                | Errno::NETDOWN
                | Errno::NOPROTOOPT
                | Errno::HOSTDOWN
                | Errno::NONET
                | Errno::HOSTUNREACH
                | Errno::OPNOTSUPP
                | Errno::NETUNREACH,
            ) => Recovery::Next,
            Some(Errno::MFILE | Errno::NFILE | Errno::NOBUFS | Errno::NOMEM) => {
                self.failures += 1;
                // Once a streak, and then ever more seldom.
                if self.failures.is_power_of_two() {
                    self.tell(error, self.failures);
                }
                // The sleep ends when a connection has.
                self.shared.lifecycle.places.shed(&self.waker);
                Recovery::Rest
            }
            _ => {
                self.tell(error, 1);
                Recovery::Gone
            }
        }
    }

    fn tell(&self, error: &io::Error, times: u64) {
        self.shared
            .observer
            .tell(|| ServerEvent::AcceptFailed { error, times });
    }
}

/// Says that there is no thread. The answer is so short that it fits into any socket that is new.
fn refuse(conn: &Conn) {
    let mut page = error_page(StatusCode::SERVICE_UNAVAILABLE);
    let headers = page.headers_mut();
    headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
    headers.insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
    let pace = Pace {
        grace: PAUSE,
        rate: 1,
        stall: PAUSE,
    };
    let meter = Arc::new(Mutex::new(Meter::new(pace)));
    // Nobody is left to be told if this fails, too.
    let _ = conn.write_response_inline(Aio::new(), page, &meter);
}

impl Drop for Presence {
    fn drop(&mut self) {
        self.lifecycle.acceptor_ended(&self.waker);
    }
}
