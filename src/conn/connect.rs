//! Resolving and connecting, on a thread of its own.
//!
//! Both block, and neither can be interrupted everywhere. So the operation is settled at once by a
//! cancel or by the timer, and the thread finds out: a connect that is under way is shut down, a
//! resolver that is under way returns when it does, to nobody. What a connection needs besides, a TLS
//! handshake, is done by the same thread under the same rules (`secure`).

use std::io;
use std::net::{Shutdown, SocketAddr, ToSocketAddrs};
use std::sync::{Arc, Weak};
use std::time::Duration;

use parking_lot::Mutex;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use socket2::{Domain, Protocol, Socket, Type};

use super::Conn;
use super::thread::Owner;
use crate::aio::{
    Aio, Call, Completer, InFlight, Interruption, Notice, Operation, Provider, post_alone,
};
use crate::deadline::Deadline;
use crate::error::{Error, ErrorKind};
use crate::timer::{self, Expire};
#[cfg(feature = "tls")]
use crate::transport::Transport;
use crate::transport::Wait;
use crate::transport::socket::SocketTransport;

/// The provider of one connect.
pub(super) struct Connector {
    owner: Owner,
    attempt: Mutex<Attempt>,
}

#[derive(Default)]
struct Attempt {
    /// Until the thread takes it.
    completer: Option<Completer<Conn>>,
    /// What the timer, and what a cancel must end.
    operation: Option<Arc<dyn Operation>>,
    underway: Option<Underway>,
    alarm: Option<timer::Alarm>,
}

/// What a cancel must end.
pub(super) enum Underway {
    Connect(Arc<Socket>),
    #[cfg(feature = "tls")]
    Handshake(Arc<dyn Transport>),
}

pub(super) fn connect<A>(aio: Aio<Conn>, address: A) -> Aio<Conn, InFlight>
where
    A: ToSocketAddrs + Send + 'static,
{
    start(aio, "http-aio:connect".into(), move |connector, bounds| {
        connector.connect(&address, bounds).map(Conn::new)
    })
}

/// What the thread must know of the operation that it works on.
#[derive(Clone, Copy)]
pub(super) struct Bounds<'a> {
    deadline: Deadline,
    completer: &'a Completer<Conn>,
}

impl Bounds<'_> {
    /// What is left for the next call.
    ///
    /// # Errors
    ///
    /// Nobody waits any more.
    #[cfg(feature = "tls")]
    pub(super) fn wait(self) -> Result<Wait, Error> {
        if self.completer.is_settled() {
            return Err(ErrorKind::Canceled.into()); // To nobody.
        }
        self.deadline.wait().ok_or(ErrorKind::TimedOut.into())
    }
}

/// Has a new thread come to a connection by `work`.
pub(super) fn start<W>(aio: Aio<Conn>, name: String, work: W) -> Aio<Conn, InFlight>
where
    W: FnOnce(&Connector, Bounds<'_>) -> Result<Conn, Error> + Send + 'static,
{
    let connector = Arc::new(Connector {
        owner: Owner::new(),
        attempt: Mutex::new(Attempt::default()),
    });
    let weak: Weak<Connector> = Arc::downgrade(&connector);
    let provider: Weak<dyn Provider> = weak.clone();
    let (aio, completer, deadline) = aio.start(&provider, Interruption::Finishes);
    if deadline.is_past() {
        let _ = completer.finish(Err(ErrorKind::TimedOut.into())); // No listener can be there yet.
        return aio;
    }
    let attempt = Attempt {
        operation: completer.operation(),
        completer: Some(completer),
        underway: None,
        alarm: None,
    };
    *connector.attempt.lock() = attempt;
    let armed = match deadline {
        Deadline::Never => Ok(()),
        Deadline::At(at) => {
            timer::arm(at, weak).map(|alarm| connector.attempt.lock().alarm = Some(alarm))
        }
    };
    let theirs = Arc::clone(&connector);
    let spawned = armed.and_then(|()| {
        let run = move || theirs.run(deadline, work).run();
        connector.owner.spawn_named(name, run)
    });
    if let Err(error) = spawned {
        let error = Error::new(ErrorKind::NoMemory).with_source(error);
        let completer = connector.attempt.lock().completer.take();
        drop(completer.map(|completer| completer.finish(Err(error))));
    }
    aio
}

impl Connector {
    fn run(
        &self,
        deadline: Deadline,
        work: impl FnOnce(&Self, Bounds<'_>) -> Result<Conn, Error>,
    ) -> Notice<Conn> {
        let taken = self.attempt.lock().completer.take();
        let Some(completer) = taken else {
            return Notice::None;
        };
        let bounds = Bounds {
            deadline,
            completer: &completer,
        };
        let result = work(self, bounds);
        let mut attempt = self.attempt.lock();
        let (operation, underway) = (attempt.operation.take(), attempt.underway.take());
        let alarm = attempt.alarm.take();
        drop(attempt);
        drop((operation, underway, alarm));
        match result {
            // Cancelled on the last metre: the connection is dropped, and with it the socket.
            Ok(_) if !completer.commit() => Notice::None,
            result => completer.finish(result),
        }
    }

    /// Resolves and connects.
    pub(super) fn connect(
        &self,
        address: &impl ToSocketAddrs,
        bounds: Bounds<'_>,
    ) -> Result<SocketTransport, Error> {
        self.try_each(&resolve(address)?, bounds)
    }

    /// The addresses in order, each with an equal share of the time that is left, so that one which
    /// does not answer leaves time for the next.
    fn try_each(
        &self,
        addresses: &[SocketAddr],
        bounds: Bounds<'_>,
    ) -> Result<SocketTransport, Error> {
        let Bounds {
            deadline,
            completer,
        } = bounds;
        let mut failure = Error::new(ErrorKind::Resolve).with_detail("it has no address");
        for (tried, address) in addresses.iter().enumerate() {
            if completer.is_settled() {
                break;
            }
            let left = match deadline.wait() {
                None => return Err(ErrorKind::TimedOut.into()),
                Some(Wait::For(left)) => Some(left / (addresses.len() - tried) as u32),
                Some(Wait::Forever | Wait::Never) => None,
            };
            match self.try_one(*address, left, completer) {
                Ok(transport) => return Ok(transport),
                Err(error) => failure = Error::from(error),
            }
        }
        Err(failure)
    }

    fn try_one(
        &self,
        address: SocketAddr,
        left: Option<Duration>,
        completer: &Completer<Conn>,
    ) -> io::Result<SocketTransport> {
        let socket = Socket::new(
            Domain::for_address(address),
            Type::STREAM,
            Some(Protocol::TCP),
        )?;
        let socket = Arc::new(socket);
        self.under_way(Underway::Connect(Arc::clone(&socket)));
        socket.set_nonblocking(true)?;
        match socket.connect(&address.into()) {
            Err(error) if error.raw_os_error() != Some(libc::EINPROGRESS) => return Err(error),
            Ok(()) | Err(_) => {}
        }
        // Only a connect that is under way is ended by a shutdown. A cancel that came before that
        // is seen here; one that comes later is seen by the poll.
        if completer.is_settled() {
            return Err(io::ErrorKind::TimedOut.into());
        }
        wait_connected(&socket, left)?;
        // Each operation is gathered already; waiting for more to send would only delay it.
        socket.set_tcp_nodelay(true)?;
        Ok(SocketTransport::tcp(socket.try_clone()?))
    }

    /// From here on a cancel ends this. One that came before is for the caller to see.
    pub(super) fn under_way(&self, underway: Underway) {
        let last = self.attempt.lock().underway.replace(underway);
        drop(last);
    }

    /// Wakes a connect that nobody waits for any more.
    fn give_up(&self) {
        let underway = self.attempt.lock().underway.take();
        let _ = match underway {
            Some(Underway::Connect(socket)) => socket.shutdown(Shutdown::Both),
            #[cfg(feature = "tls")]
            Some(Underway::Handshake(transport)) => transport.shutdown(Shutdown::Both),
            None => Ok(()),
        };
    }
}

/// Waits until a connect that is under way has come to its end.
fn wait_connected(socket: &Socket, left: Option<Duration>) -> io::Result<()> {
    let until = left.map_or(Deadline::Never, Deadline::after);
    loop {
        let Some(wait) = until.wait() else {
            return Err(io::ErrorKind::TimedOut.into());
        };
        let timeout = wait
            .timeout()
            .and_then(|left| Timespec::try_from(left).ok());
        let mut socket_only = [PollFd::new(socket, PollFlags::OUT)];
        match poll(&mut socket_only, timeout.as_ref()) {
            Ok(0) | Err(Errno::INTR) => {}
            Ok(_) => {
                return match socket.take_error()? {
                    Some(error) => Err(error),
                    // Shut down under way, which is no error of the socket's.
                    None => socket.peer_addr().map(drop),
                };
            }
            Err(error) => return Err(error.into()),
        }
    }
}

fn resolve(address: &impl ToSocketAddrs) -> Result<Vec<SocketAddr>, Error> {
    address
        .to_socket_addrs()
        .map(Iterator::collect)
        .map_err(|error| match error.kind() {
            io::ErrorKind::InvalidInput => {
                let detail = error.to_string();
                Error::from(error).with_detail(detail)
            }
            _ => Error::new(ErrorKind::Resolve).with_source(error),
        })
}

impl Provider for Connector {
    fn interrupted(&self, _: &dyn Operation) {
        self.give_up();
    }

    fn post(&self, call: Call) {
        post_alone(call);
    }

    fn owns_current_thread(&self) -> bool {
        self.owner.owns_current_thread()
    }
}

impl Expire for Connector {
    fn expire(&self) {
        let operation = self.attempt.lock().operation.take();
        if let Some(operation) = operation {
            operation.interrupt(ErrorKind::TimedOut);
        }
    }

    fn release(self: Arc<Self>) {
        crate::background::release(self);
    }
}
