//! Accepting: a thread for each listener, which never spins and never dies.
//!
//! It sleeps in `poll` on the listener and on a waker, so it can be stopped without a connection to itself, and
//! without resetting those that are in the listener's queue: they are accepted and served before it ends. When
//! there is no room for another connection, it does not poll the listener: new clients wait in its queue.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixListener;
use std::sync::Arc;
use std::time::{Duration, Instant};

use http::{HeaderValue, StatusCode, header};
use parking_lot::Mutex;
use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;

use super::answering::last_answer;
use super::event::ServerEvent;
use super::lifecycle::Lifecycle;
use super::serve::serve;
use super::shared::Shared;
use super::spare::Work;
use super::stay::Stay;
use crate::aio::Options;
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
        while !self.shared.lifecycle.is_stopping() {
            self.sleep(true, None);
            if !self.accept_all() {
                break;
            }
        }
        // Closing the listener would reset those that are in its queue.
        if !self.shared.lifecycle.is_closed() {
            self.accept_all();
        }
    }

    /// Accepts all that have come, as far as there is room. False: the listener is of no use any more.
    fn accept_all(&mut self) -> bool {
        loop {
            // Nobody makes room before somebody waits for it.
            if self.shared.is_full() && !(self.has_queue() && self.make_room()) {
                return true;
            }
            match self.listener.accept() {
                Ok(conn) => {
                    self.failures = 0;
                    self.pause = PAUSE;
                    self.start(conn);
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return true,
                Err(error) => {
                    if !self.recover(&error) {
                        return false;
                    }
                }
            }
        }
    }

    /// Whether somebody waits to be accepted.
    fn has_queue(&self) -> bool {
        let mut listener = [PollFd::new(&self.listener, PollFlags::IN)];
        let now = rustix::event::Timespec::default();
        matches!(poll(&mut listener, Some(&now)), Ok(1..))
    }

    fn start(&self, conn: Conn) {
        let peer = conn.peer_addr();
        self.shared
            .observer
            .tell(|| ServerEvent::Accepted { peer: &peer });
        let stay = Stay::begin(&self.shared, &conn);
        let unserved = conn.clone();
        let shared = Arc::clone(&self.shared);
        let work: Work = Box::new(move || serve(&shared, stay, conn));
        if let Err(error) = self.shared.lifecycle.spares.run(work) {
            self.shared.counters.accept_failures.add(1);
            self.tell(&error, 1);
            refuse(&self.shared, &unserved);
            self.sleep(false, Some(self.pause));
        }
    }

    /// Waits until there is room for another connection. False if the server stops meanwhile.
    fn make_room(&self) -> bool {
        const LOOK_AGAIN: Duration = Duration::from_millis(100);
        while self.shared.is_full() {
            if self.shared.lifecycle.is_closed() {
                return false;
            }
            self.shared.lifecycle.places.shed();
            let until = Instant::now() + LOOK_AGAIN;
            self.shared
                .lifecycle
                .places
                .wait_for_room(self.shared.limits.connections, until);
        }
        true
    }

    /// Sleeps until there is a connection, if that matters, until it is woken, or for so long.
    fn sleep(&self, for_connections: bool, at_most: Option<Duration>) {
        let timeout = at_most.and_then(|time| rustix::event::Timespec::try_from(time).ok());
        let waker = PollFd::new(&*self.waker, PollFlags::IN);
        let _ = match for_connections {
            true => poll(
                &mut [waker, PollFd::new(&self.listener, PollFlags::IN)],
                timeout.as_ref(),
            ),
            false => poll(&mut [waker], timeout.as_ref()),
        };
    }

    /// What a failure to accept asks for. False: the listener is gone.
    fn recover(&mut self, error: &io::Error) -> bool {
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
            ) => true,
            Some(Errno::MFILE | Errno::NFILE | Errno::NOBUFS | Errno::NOMEM) => {
                self.failures += 1;
                self.shared.counters.accept_failures.add(1);
                // Once a streak, and then ever more seldom.
                if self.failures.is_power_of_two() {
                    self.tell(error, self.failures);
                }
                if !self.shared.lifecycle.places.shed() || self.failures > 1 {
                    self.sleep(false, Some(self.pause));
                    self.pause = (2 * self.pause).min(LONGEST_PAUSE);
                }
                !self.shared.lifecycle.is_stopping()
            }
            _ => {
                self.shared.counters.accept_failures.add(1);
                self.tell(error, 1);
                false
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
fn refuse(shared: &Shared, conn: &Conn) {
    let status = StatusCode::SERVICE_UNAVAILABLE;
    let mut page = shared.pages.page(status, None);
    let headers = page.headers_mut();
    headers.insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
    let pace = Pace {
        grace: PAUSE,
        rate: 1,
        stall: PAUSE,
    };
    let meter = Arc::new(Mutex::new(Meter::new(pace)));
    // Nobody is left to be told if this fails, too.
    let _ = conn.write_response_inline(page, &last_answer(), &Options::NONE, &meter);
}

impl Drop for Presence {
    fn drop(&mut self) {
        self.lifecycle.acceptor_ended(&self.waker);
    }
}
