//! What a server bounds, so that no peer can hold it up or wear it out.

use std::time::Duration;

use super::threads::processors;
use crate::meter::Pace;
use crate::proto::limits::Limits;

/// What becomes of new clients when there are as many connections as there may be, and all are busy.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum WhenFull {
    /// They wait in the listener's queue, which suits bursts.
    #[default]
    Queue,
    /// They are told so at once: 503 (Service Unavailable) with `Retry-After`, or just the end where they
    /// expect TLS. It suits load balancers, which then ask somebody else.
    Refuse,
}

/// How a connection ends whose answer is given up in the middle: the client does not take it, or the handler has
/// failed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum GivenUp {
    /// What the kernel has accepted is still delivered, as long as the client takes it.
    #[default]
    Deliver,
    /// The connection is reset, and what the kernel has not delivered yet is thrown away. So clients that
    /// do not read hold none of its memory, up to some megabytes each, but what was counted as written may be lost.
    Reset,
}

/// Bounds of a server: of time, of size and of number. Each has a default that suits the open network.
///
/// # Examples
///
/// ```
/// use http_aio::{Server, ServerLimits};
/// use std::time::Duration;
///
/// let limits = ServerLimits::default().connections(256).idle(Duration::from_secs(10));
/// let server = Server::builder().limits(limits).build();
/// # let _ = server;
/// ```
#[derive(Clone, Copy, Debug)]
pub struct ServerLimits {
    pub(crate) handshake: Duration,
    pub(crate) silence: Duration,
    pub(crate) head: Duration,
    pub(crate) idle: Duration,
    pub(crate) pace: Pace,
    pub(crate) collect: u64,
    pub(crate) discard: u64,
    pub(crate) discard_time: Duration,
    pub(crate) connections: usize,
    pub(crate) connections_per_ip: Option<usize>,
    pub(crate) threads: Option<usize>,
    pub(crate) when_full: WhenFull,
    pub(crate) requests: Option<u64>,
    pub(crate) age: Option<Duration>,
    pub(crate) drain_grace: Duration,
    pub(crate) given_up: GivenUp,
    pub(crate) messages: Limits,
}

impl Default for ServerLimits {
    fn default() -> Self {
        Self {
            handshake: Duration::from_secs(10),
            silence: Duration::from_secs(30),
            head: Duration::from_secs(30),
            idle: Duration::from_secs(75),
            pace: Pace {
                grace: Duration::from_secs(20),
                rate: 500,
                stall: Duration::from_secs(30),
            },
            collect: 1 << 20,
            discard: 256 << 10,
            discard_time: Duration::from_secs(5),
            connections: most_connections(),
            connections_per_ip: None,
            threads: None,
            when_full: WhenFull::default(),
            requests: None,
            age: None,
            drain_grace: Duration::ZERO,
            given_up: GivenUp::default(),
            messages: Limits::default(),
        }
    }
}

/// Up to three descriptors each: the socket, what wakes its reader, and a file.
fn most_connections() -> usize {
    let descriptors = rustix::process::getrlimit(rustix::process::Resource::Nofile).current;
    let descriptors = descriptors.and_then(|count| usize::try_from(count).ok());
    let places = descriptors.map_or(1024, |count| count.saturating_sub(64) / 3);
    places.clamp(1, 1024)
}

impl ServerLimits {
    pub(super) fn most_threads(&self) -> usize {
        self.threads
            .map_or(usize::MAX, |most| most.max(processors() + 1))
    }

    /// From the accept to the end of the TLS handshake and of the PROXY header, where they are expected; then the connection is closed without
    /// a word. Default: 10 seconds.
    #[must_use]
    pub fn handshake(mut self, after: Duration) -> Self {
        self.handshake = after;
        self
    }

    /// From the accept, or the end of the TLS handshake, to the first byte of the first request; then the connection is closed without a
    /// word. Default: 30 seconds.
    #[must_use]
    pub fn silence(mut self, after: Duration) -> Self {
        self.silence = after;
        self
    }

    /// From the first byte of a head to its end; then the answer is 408 (Request Timeout). Default: 30
    /// seconds.
    #[must_use]
    pub fn head(mut self, after: Duration) -> Self {
        self.head = after;
        self
    }

    /// From an answer to the first byte of the next request; then the connection is closed. Default: 75
    /// seconds.
    #[must_use]
    pub fn idle(mut self, after: Duration) -> Self {
        self.idle = after;
        self
    }

    /// How long bodies, in both directions, may keep a thread waiting: `grace`, and a second for each `rate`
    /// bytes that have passed. Only time spent waiting for the peer counts. Default: 20 seconds, 500 bytes a
    /// second.
    #[must_use]
    pub fn pace(mut self, grace: Duration, rate: u32) -> Self {
        self.pace.grace = grace;
        self.pace.rate = rate.max(1);
        self
    }

    /// How long a single wait for the peer may last in a body, whatever has passed before. Default: 30
    /// seconds.
    #[must_use]
    pub fn stall(mut self, after: Duration) -> Self {
        self.pace.stall = after;
        self
    }

    /// Bytes of a body that [`Exchange::collect`](crate::Exchange::collect) takes into memory. Default: 1 MiB.
    #[must_use]
    pub fn collect(mut self, bytes: u64) -> Self {
        self.collect = bytes;
        self
    }

    /// Bytes of a body that no handler wanted, which are read and thrown away so that the connection can be
    /// kept, within 5 seconds. A longer one costs the connection. Default: 256 KiB.
    #[must_use]
    pub fn discard(mut self, bytes: u64) -> Self {
        self.discard = bytes;
        self
    }

    /// Connections at a time. When there are as many, the one that has been idle longest makes room; if none
    /// is idle, [`when_full`](Self::when_full) says what becomes of new ones. Default: a third of the descriptors that the process
    /// may have beyond 64, and 1,024 at most; 0 counts as 1.
    #[must_use]
    pub fn connections(mut self, most: usize) -> Self {
        self.connections = most.max(1);
        self
    }

    /// Connections at a time from one address, or from one network of 64 bits of IPv6. Further ones are closed
    /// before anything is said. Not behind a proxy, where all have its address. Default: any number.
    #[must_use]
    pub fn connections_per_ip(mut self, most: impl Into<Option<usize>>) -> Self {
        self.connections_per_ip = most.into();
        self
    }

    /// Threads at a time that serve connections, handlers that have hijacked theirs included; at least as many as
    /// there are processors and one more. When there are as many, [watched](crate::Threads::Watched) connections wait
    /// for one of them, and an [event](crate::ServerEvent::OutOfThreads) says so; with a thread for each, there are no
    /// more connections than this. Default: as many as it takes, which is one for each handler that runs and takes
    /// its time, and a few.
    #[must_use]
    pub fn threads(mut self, most: impl Into<Option<usize>>) -> Self {
        self.threads = most.into();
        self
    }

    /// What becomes of new clients when there is no room. Default: they wait in the listener's queue.
    #[must_use]
    pub fn when_full(mut self, then: WhenFull) -> Self {
        self.when_full = then;
        self
    }

    /// Age of a connection from which on the next answer says `Connection: close`, so that its client comes back
    /// to whichever server is to have it then. Default: any.
    #[must_use]
    pub fn age(mut self, most: impl Into<Option<Duration>>) -> Self {
        self.age = most.into();
        self
    }

    /// How long a [drain](crate::Server::drain) leaves connections open that wait for a request. One that comes
    /// meanwhile is answered with `Connection: close`; then they are closed. Without it, a request that is on its way
    /// when its connection is closed goes unanswered (RFC 9112 section 9.3.1), and not every proxy sends it again. A
    /// drain with a grace still completes as soon as no connection is left. Default: none.
    #[must_use]
    pub fn drain_grace(mut self, time: Duration) -> Self {
        self.drain_grace = time;
        self
    }

    /// How a connection ends whose answer is given up in the middle. Default: what was written is still
    /// delivered.
    #[must_use]
    pub fn given_up(mut self, then: GivenUp) -> Self {
        self.given_up = then;
        self
    }

    /// Requests on one connection, the last of which is answered with `Connection: close`. Default: any
    /// number.
    #[must_use]
    pub fn requests(mut self, most: impl Into<Option<u64>>) -> Self {
        self.requests = most.into();
        self
    }

    /// Bounds of the messages: the size of heads, lines, chunks and trailers.
    #[must_use]
    pub fn messages(mut self, limits: Limits) -> Self {
        self.messages = limits;
        self
    }
}
