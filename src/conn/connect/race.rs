//! The addresses of one host race against each other (RFC 8305, "happy eyeballs"), on one thread, by one
//! `poll`: the first that answers wins, and the sockets of the others are closed.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use socket2::{Domain, Protocol, Socket, Type};

use super::{Attempt, Connector};
use crate::deadline::Deadline;
use crate::error::{Error, ErrorKind};
use crate::sys::waker::Waker;
use crate::transport::socket::SocketTransport;
use crate::transport::{Addr, Wait};

/// How long one address has before the next is tried as well (section 8).
const DELAY: Duration = Duration::from_millis(250);

/// The least that it has, however little time there is.
const LEAST_DELAY: Duration = Duration::from_millis(10);

/// How long a poll sleeps that nothing can wake.
const UNWOKEN: Duration = Duration::from_millis(50);

/// Connects to the first of these that answers. Before it waits, it gives `waking` a waker; whoever
/// settles the operation from then on must wake it.
///
/// # Errors
///
/// `TimedOut` when the deadline passes, whatever has failed by then; `Resolve` if there is no address.
/// If all fail before that, the error is the one that says most about the host: see `significance`.
pub(super) fn race(
    addresses: &[SocketAddr],
    connector: &Connector,
    attempt: Attempt<'_>,
    waking: impl Fn(Arc<Waker>),
) -> Result<SocketTransport, Error> {
    let race = Race {
        connector,
        attempt,
        untried: interleave(addresses).into_iter(),
        next: None,
        under_way: Vec::new(),
        failure: None,
        alarm: Alarm::Unneeded,
    };
    race.run(waking)
}

struct Race<'a> {
    connector: &'a Connector,
    attempt: Attempt<'a>,
    untried: std::vec::IntoIter<SocketAddr>,
    /// When the next is tried at the latest; at once, if there is no time.
    next: Option<Instant>,
    /// The sockets that connect, in the order in which they were begun.
    under_way: Vec<Connecting>,
    failure: Option<Error>,
    alarm: Alarm,
}

/// A socket that connects, and where to.
struct Connecting {
    socket: Socket,
    address: SocketAddr,
}

/// What ends a poll that nobody waits for any more.
enum Alarm {
    /// Nothing has been waited for yet.
    Unneeded,
    Waker(Arc<Waker>),
    /// The process has no descriptor left for a waker, so the race looks by itself.
    Missing,
}

impl Race<'_> {
    fn run(mut self, waking: impl Fn(Arc<Waker>)) -> Result<SocketTransport, Error> {
        loop {
            if self.attempt.is_settled() {
                return Err(ErrorKind::Canceled.into()); // Nobody sees this.
            }
            let Some(left) = self.attempt.deadline.wait() else {
                return Err(ErrorKind::TimedOut.into());
            };
            if self.is_due() {
                self.begin_next(left);
            } else if self.under_way.is_empty() {
                let no_address =
                    || Error::new(ErrorKind::Resolve).with_detail("the host name has no address");
                return Err(self.failure.unwrap_or_else(no_address));
            } else if let Some(winner) = self.wait(&waking)? {
                return Ok(winner);
            }
        }
    }

    fn is_due(&self) -> bool {
        let is_time = || self.next.is_none_or(|at| at <= Instant::now());
        self.untried.len() > 0 && (self.under_way.is_empty() || is_time())
    }

    /// Begins with the next address. If time is short, each has its share of what is left, so that all are
    /// tried.
    fn begin_next(&mut self, left: Wait) {
        let delay = left.timeout().map_or(DELAY, |left| {
            (left / self.untried.len() as u32).clamp(LEAST_DELAY, DELAY)
        });
        let Some(address) = self.untried.next() else {
            return;
        };
        match begin(address) {
            Ok(socket) => {
                self.under_way.push(Connecting { socket, address });
                self.next = Some(Instant::now() + delay);
            }
            Err(error) => self.failed(error, address),
        }
    }

    /// Waits until something happens, or the next is due, or there is no time left.
    fn wait(&mut self, waking: impl Fn(Arc<Waker>)) -> Result<Option<SocketTransport>, Error> {
        let waker = match &self.alarm {
            Alarm::Unneeded => {
                // A host that is near has answered already, and there is nothing to wait for.
                let ready = ready(&self.under_way, None, Some(Duration::ZERO))?;
                if ready.is_empty() {
                    self.alarm = Alarm::new(waking);
                    return Ok(None); // It may have been settled before the alarm was there.
                }
                return Ok(self.end(ready));
            }
            Alarm::Waker(waker) => Some(&**waker),
            Alarm::Missing => None,
        };
        let next = self.next.filter(|_| self.untried.len() > 0);
        let until = self
            .attempt
            .deadline
            .earlier(next.map_or(Deadline::Never, Deadline::At));
        let Some(wait) = until.wait() else {
            return Ok(None);
        };
        let timeout = match (waker, wait.timeout()) {
            (Some(_), timeout) => timeout,
            (None, timeout) => Some(timeout.map_or(UNWOKEN, |timeout| timeout.min(UNWOKEN))),
        };
        let ready = ready(&self.under_way, waker, timeout)?;
        Ok(self.end(ready))
    }

    /// Takes out those that have come to their end, up to one that has won.
    fn end(&mut self, ready: Vec<usize>) -> Option<SocketTransport> {
        for (taken, index) in ready.into_iter().enumerate() {
            let Connecting { socket, address } = self.under_way.remove(index - taken);
            match connected(socket) {
                Ok(transport) => return Some(transport),
                Err(error) => self.failed(error, address),
            }
        }
        None
    }

    /// Notes a failure, after which the next address need not wait. Of failures that say the same, the
    /// first is kept.
    fn failed(&mut self, error: io::Error, address: SocketAddr) {
        self.next = None;
        let error = Error::from(error);
        let last = self.failure.as_ref().map(|last| significance(last.kind()));
        if last.is_none_or(|last| last < significance(error.kind())) {
            let peer = || Some(self.connector.peer_at(Addr::Ip(address)));
            self.failure = Some(error.with_peer(peer));
        }
    }
}

impl Alarm {
    fn new(waking: impl Fn(Arc<Waker>)) -> Self {
        match Waker::new() {
            Ok(waker) => {
                let waker = Arc::new(waker);
                waking(Arc::clone(&waker));
                Self::Waker(waker)
            }
            Err(_) => Self::Missing,
        }
    }
}

/// How much the failure of one address says about the host. A host that refuses is there; one that was
/// silent may be; that there is no way to an address often says no more than that we have no IPv6.
fn significance(kind: ErrorKind) -> u8 {
    match kind {
        ErrorKind::Refused => 4,
        ErrorKind::Reset => 3,
        ErrorKind::TimedOut => 2,
        ErrorKind::Unreachable => 0,
        _ => 1,
    }
}

/// The addresses of both families by turns, beginning with the family that the resolver put first. Within
/// a family its order stays (section 4).
fn interleave(addresses: &[SocketAddr]) -> Vec<SocketAddr> {
    let first_is_ipv6 = addresses.first().is_some_and(SocketAddr::is_ipv6);
    let (firsts, seconds): (Vec<SocketAddr>, Vec<SocketAddr>) = addresses
        .iter()
        .partition(|address| address.is_ipv6() == first_is_ipv6);
    let (mut firsts, mut seconds) = (firsts.into_iter(), seconds.into_iter());
    let mut turns = Vec::with_capacity(addresses.len());
    while turns.len() < addresses.len() {
        turns.extend(firsts.next());
        turns.extend(seconds.next());
    }
    turns
}

fn begin(address: SocketAddr) -> io::Result<Socket> {
    let domain = Domain::for_address(address);
    let socket = Socket::new(domain, Type::STREAM, Some(Protocol::TCP))?;
    socket.set_nonblocking(true)?;
    match socket.connect(&address.into()) {
        Err(error) if error.raw_os_error() != Some(libc::EINPROGRESS) => Err(error),
        Ok(()) | Err(_) => Ok(socket),
    }
}

/// Which of these have come to their end. There is none, too, if the waker was woken or time has passed.
fn ready(
    sockets: &[Connecting],
    waker: Option<&Waker>,
    timeout: Option<Duration>,
) -> io::Result<Vec<usize>> {
    let watched = sockets
        .iter()
        .map(|s| PollFd::new(&s.socket, PollFlags::OUT));
    let mut watched: Vec<_> = watched.collect();
    watched.extend(waker.map(|waker| PollFd::new(waker, PollFlags::IN)));
    // A timeout that is longer than the kernel can count is none.
    let timeout = timeout.and_then(|timeout| Timespec::try_from(timeout).ok());
    match poll(&mut watched, timeout.as_ref()) {
        Ok(_) | Err(Errno::INTR) => {}
        Err(error) => return Err(error.into()),
    }
    let sockets = watched.iter().take(sockets.len()).enumerate();
    let ready = sockets.filter(|(_, socket)| !socket.revents().is_empty());
    Ok(ready.map(|(index, _)| index).collect())
}

fn connected(socket: Socket) -> io::Result<SocketTransport> {
    if let Some(error) = socket.take_error()? {
        return Err(error);
    }
    // Each operation is gathered already; waiting for more to send would only delay it.
    socket.set_tcp_nodelay(true)?;
    Ok(SocketTransport::tcp(socket))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn families_take_turns() {
        let four = |n| SocketAddr::from(([192, 0, 2, n], 80));
        let six = |n| SocketAddr::from(([0x2001, 0xdb8, 0, 0, 0, 0, 0, n], 80));
        for (given, tried) in [
            (vec![], vec![]),
            (vec![four(1)], vec![four(1)]),
            (vec![four(2), four(1)], vec![four(2), four(1)]),
            (
                vec![six(1), six(2), four(1), four(2)],
                vec![six(1), four(1), six(2), four(2)],
            ),
            (
                vec![four(1), six(1), six(2), six(3)],
                vec![four(1), six(1), six(2), six(3)],
            ),
            (
                vec![four(1), four(2), four(3), six(1)],
                vec![four(1), six(1), four(2), four(3)],
            ),
        ] {
            assert_eq!(interleave(&given), tried);
        }
    }
}
