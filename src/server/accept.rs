//! Accepting: a thread for each listener, which never spins and never dies.
//!
//! It sleeps in `poll` on the listener and on a waker, so it can be stopped without a connection to itself, and
//! without resetting those that are in the listener's queue: they are accepted and served before it ends. When
//! there is no room for another connection, it sleeps on the waker alone, which `places` rings when that may have
//! changed: new clients wait in the listener's queue.

mod failure;
#[cfg(test)]
mod tests;

use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};

use self::failure::Failure;
use super::control::Control;
use super::endpoint::Endpoint;
use super::event::{Rejection, ServerEvent};
use super::intake::Intake;
use super::lifecycle::Lifecycle;
use super::limits::WhenFull;
use super::listener::{Accept, Listener};
use super::places::Room;
use super::reserve::Reserve;
use super::shared::Shared;
use crate::transport::socket::SocketTransport;
use crate::transport::{Transport, Wait};

/// How long it waits after a failure that it cannot mend, at first and at most.
const PAUSE: Duration = Duration::from_millis(5);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// Failures for lack of descriptors, about a tenth of a second of them, before a client is rejected.
const PATIENCE: u64 = 4;

/// A thread that accepts.
pub(super) struct Acceptor<L = Listener> {
    shared: Arc<Shared>,
    listener: L,
    intake: Intake,
    control: Arc<Control>,
    failures: u64,
    reserve: Reserve,
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
            intake,
            control,
            presence,
            ..
        } = self;
        match control.end() {
            Some(give) => {
                let options = intake.into_options();
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
        intake: Intake,
        control: Arc<Control>,
    ) -> Self {
        let presence = Presence {
            lifecycle: Arc::clone(&shared.lifecycle),
            control: Arc::clone(&control),
        };
        Self {
            intake,
            shared,
            listener,
            control,
            failures: 0,
            reserve: Reserve::new(),
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
            let is_full = self.shared.is_full();
            // Nobody makes room before somebody waits for it.
            if is_full && !self.has_queue() {
                self.withdraw_claim();
                return Outcome::Empty;
            }
            let room = if is_full { self.claim() } else { Room::Free };
            match room {
                Room::Free => {}
                Room::From(_) | Room::None if self.refuses() => {}
                Room::From(at) => return Outcome::Full(For::Until(at)),
                Room::Soon | Room::None => return Outcome::Full(For::Waker),
            }
            match self.listener.accept() {
                Ok(transport) => {
                    self.failures = 0;
                    self.pause = PAUSE;
                    match room {
                        Room::Free => self.start(transport),
                        _ => self.intake.reject(Arc::new(transport), Rejection::Full),
                    }
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

    /// Whether those for whom there is no room are told so. A server that stops serves all that have come.
    fn refuses(&self) -> bool {
        let when_full = self.shared.limits.when_full;
        when_full == WhenFull::Refuse && !self.shared.lifecycle.is_stopping()
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
        if let Err(error) = self.intake.start(transport) {
            self.tell(&error, 1);
            self.sleep(For::Until(Instant::now() + self.pause));
        }
    }

    /// Ends a connection for which there is no descriptor, so that its client need not wait for one.
    fn reject_one(&mut self) {
        let listener = &self.listener;
        let accepted = self.reserve.lend(|| {
            let transport = listener.accept()?;
            // What is left unread makes the end a reset.
            let _ = transport.read(&mut [0; 4096], Wait::Never);
            Ok::<_, io::Error>(transport.peer_addr())
        });
        if let Some(Ok(peer)) = accepted {
            self.intake.tell(&peer, Rejection::NoDescriptor);
        }
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

    /// Notes a failure to accept, does about it what can be done, and says how to go on.
    fn recover(&mut self, error: &io::Error) -> Recovery {
        match Failure::of(error) {
            Failure::OfConnection => Recovery::Next,
            Failure::Shortage => {
                self.failures += 1;
                self.shared.counters.accept_failures.add(1);
                // Once a streak, and then ever more seldom.
                if self.failures.is_power_of_two() {
                    self.tell(error, self.failures);
                }
                // The sleep ends when a connection has.
                let is_shed = self.shared.lifecycle.places.shed(&self.control.waker);
                // Not at first: it may have been a moment's need of others.
                if !is_shed && self.failures > PATIENCE && self.has_queue() {
                    self.reject_one();
                }
                Recovery::Rest
            }
            Failure::OfListener => {
                self.shared.counters.accept_failures.add(1);
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
        drop(self.control.end()); // Whoever still asks for the listener is not to wait for it.
        self.lifecycle.acceptor_ended(&self.control);
    }
}
