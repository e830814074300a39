//! Accepting: a thread for each listener, which never spins and never dies.
//!
//! It sleeps in `poll` on the listener and on a waker, so it can be stopped without a connection to itself, and
//! without resetting those that are in the listener's queue: they are accepted and served before it ends. When
//! there is no room for another connection, it sleeps on the waker alone, which `places` rings when that may have
//! changed: new clients wait in the listener's queue.

use std::io;
use std::net::Shutdown;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;

use super::admission::admit;
use super::control::Control;
use super::endpoint::{Endpoint, Options};
use super::event::ServerEvent;
use super::lifecycle::Lifecycle;
use super::listener::{Accept, Listener};
use super::places::{Held, Room};
use super::refusal::say_unavailable;
use super::shared::Shared;
use super::spare::Work;
use super::stay::Stay;
use crate::transport::Transport;
use crate::transport::socket::SocketTransport;

/// How long it waits after a failure that it cannot mend, at first and at most.
const PAUSE: Duration = Duration::from_millis(5);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// A thread that accepts.
pub(super) struct Acceptor<L = Listener> {
    shared: Arc<Shared>,
    listener: L,
    options: Arc<Options>,
    control: Arc<Control>,
    failures: u64,
    pause: Duration,
    presence: Presence,
}

/// While there is one, the server accepts.
struct Presence {
    lifecycle: Arc<Lifecycle>,
    control: Arc<Control>,
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
    /// The work of its thread.
    pub(super) fn run(mut self) {
        self.accept_until_the_end();
        let Self {
            listener,
            options,
            control,
            presence,
            ..
        } = self;
        match control.end() {
            Some(give) => {
                let options = Options::clone(&options);
                // Nobody waits any more if it fails, and the listener is closed.
                let _ = give.send(Endpoint { listener, options });
            }
            None => drop(listener),
        }
        drop(presence); // Last, so that who learns of the end finds the listener closed, or given back.
    }
}

impl<L: Accept> Acceptor<L> {
    pub(super) fn new(
        shared: Arc<Shared>,
        listener: L,
        options: Options,
        control: Arc<Control>,
    ) -> Self {
        let presence = Presence {
            lifecycle: Arc::clone(&shared.lifecycle),
            control: Arc::clone(&control),
        };
        Self {
            shared,
            listener,
            options: Arc::new(options),
            control,
            failures: 0,
            pause: PAUSE,
            presence,
        }
    }

    /// Accepts until the server stops, or the listener is wanted back.
    fn accept_until_the_end(&mut self) {
        self.control.enter();
        loop {
            let stopping = self.shared.lifecycle.is_stopping();
            let outcome = self.accept_all();
            match outcome {
                Outcome::Empty if stopping => break,
                Outcome::Empty => self.sleep(For::Connections),
                Outcome::Full(room) => self.sleep(room),
                Outcome::Failed if !stopping => self.rest(),
                Outcome::Failed | Outcome::Gone => break,
            }
        }
        self.withdraw_claim();
    }

    /// Accepts all that have come, as far as there is room.
    fn accept_all(&mut self) -> Outcome {
        loop {
            // Closing the listener resets those that are in its queue: only a close of the server does that.
            if self.shared.lifecycle.is_closed() || self.control.is_asked() {
                return Outcome::Gone;
            }
            if self.shared.is_full() {
                // Nobody makes room before somebody waits for it.
                if !self.has_queue() {
                    self.withdraw_claim();
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
                    self.withdraw_claim();
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
        let waker = &self.control.waker;
        self.shared.lifecycle.places.claim(most, waker)
    }

    fn withdraw_claim(&self) {
        let waker = &self.control.waker;
        self.shared.lifecycle.places.withdraw_claim(waker);
    }

    /// Whether somebody waits to be accepted.
    fn has_queue(&self) -> bool {
        let mut listener = [PollFd::new(&self.listener, PollFlags::IN)];
        let now = Timespec::default();
        matches!(poll(&mut listener, Some(&now)), Ok(1..))
    }

    fn start(&self, transport: SocketTransport) {
        let peer = transport.peer_addr();
        self.shared
            .observer
            .tell(|| ServerEvent::Accepted { peer: &peer });
        let shared = Arc::clone(&self.shared);
        let transport: Arc<dyn Transport> = Arc::new(transport);
        let unserved = Arc::clone(&transport);
        let stay = Stay::begin(
            &self.shared.lifecycle,
            Held::Transport(Arc::clone(&transport)),
        );
        let options = Arc::clone(&self.options);
        let work: Work = Box::new(move || admit(&shared, &options, stay, transport));
        if let Err(error) = self.shared.lifecycle.spares.run(work) {
            self.tell(&error, 1);
            self.turn_away(&*unserved);
            self.sleep(For::Until(Instant::now() + self.pause));
        }
    }

    /// Ends a connection that cannot be served, with a word where it can be understood.
    fn turn_away(&self, transport: &dyn Transport) {
        if self.options.begins_with_http() {
            say_unavailable(transport);
        }
        let _ = transport.shutdown(Shutdown::Write); // Fails when the peer is gone already.
        transport.linger();
    }

    /// Sleeps until it is woken, or until there is what it waits for.
    fn sleep(&self, what: For) {
        let timeout = match what {
            For::Until(at) => Some(at.saturating_duration_since(Instant::now())),
            For::Connections | For::Waker => None,
        };
        let timeout = timeout.and_then(|time| Timespec::try_from(time).ok());
        let waker = PollFd::new(&*self.control.waker, PollFlags::IN);
        let mut both = [waker, PollFd::new(&self.listener, PollFlags::IN)];
        let polled = match what {
            For::Connections => &mut both[..],
            For::Waker | For::Until(_) => &mut both[..1],
        };
        let _ = poll(polled, timeout.as_ref());
        if !both[0].revents().is_empty() {
            self.control.waker.reset(); // Whoever has woken it has noted before why.
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
                self.shared.lifecycle.places.shed(&self.control.waker);
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

impl Drop for Presence {
    fn drop(&mut self) {
        self.lifecycle.acceptor_ended(&self.control);
    }
}
