//! What a server tells of its work while it does it.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use http::{Method, StatusCode, Uri, Version};

use crate::error::Error;
use crate::transport::Addr;
use crate::unwind::guard;

/// What happens in a server, for logs and statistics: see
/// [`ServerBuilder::observe`](crate::ServerBuilder::observe).
///
/// More events and more fields may come, so a pattern ends with `..`, that of an event without fields, too:
/// `ServerEvent::Draining { .. }`. An [`Error`] names the peer in its sentence already.
///
/// A client that leaves in the middle of an answer is no failure of the program, but it is told as one: the handler
/// that returns the error of its write has failed ([`HandlerFailed`](Self::HandlerFailed)), and its answer is
/// not whole ([`AnswerFailed`](Self::AnswerFailed)).
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum ServerEvent<'a> {
    /// A connection was accepted.
    #[non_exhaustive]
    Accepted {
        /// Whose it is.
        peer: &'a Addr,
    },
    /// A connection was accepted, and ended at once without being served.
    #[non_exhaustive]
    Rejected {
        /// Whose it was.
        peer: &'a Addr,
        /// Why.
        reason: Rejection,
    },
    /// A connection did not begin as its endpoint wants it, and has ended: the TLS handshake failed, or there is no
    /// PROXY header.
    #[non_exhaustive]
    HandshakeFailed {
        /// Whose it was.
        peer: &'a Addr,
        /// Why.
        error: &'a Error,
    },
    /// A handler has taken a connection over, which is no longer the server's.
    #[non_exhaustive]
    Hijacked {
        /// Whose it is.
        peer: &'a Addr,
        /// What was asked for.
        uri: &'a Uri,
    },
    /// A request was answered, or its answer was given up.
    #[non_exhaustive]
    Answered {
        /// Who asked.
        peer: &'a Addr,
        /// What for.
        method: &'a Method,
        /// What for, as it came.
        uri: &'a Uri,
        /// The version of HTTP in which it was asked.
        version: Version,
        /// The answer's status.
        status: StatusCode,
        /// Bytes of the answer that the kernel has accepted, head and content.
        written: u64,
        /// From the end of the request's head to the end of the answer.
        after: Duration,
    },
    /// What came was no request that could be served, and was answered so.
    #[non_exhaustive]
    Refused {
        /// Who sent it.
        peer: &'a Addr,
        /// The answer's status.
        status: StatusCode,
        /// What was wrong.
        error: &'a Error,
    },
    /// A handler has failed, or has panicked: the text says how.
    #[non_exhaustive]
    HandlerFailed {
        /// What was asked for.
        uri: &'a Uri,
        /// What the error, or the panic, says.
        text: &'a str,
    },
    /// A handler has not returned yet, for as long as
    /// [`ServerBuilder::slow_handlers`](crate::ServerBuilder::slow_handlers) says. It goes on.
    #[non_exhaustive]
    HandlerSlow {
        /// Who asked.
        peer: &'a Addr,
        /// What for.
        method: &'a Method,
        /// What for, as it came.
        uri: &'a Uri,
        /// For how long it has run.
        after: Duration,
    },
    /// There is no thread for what has come over [watched](crate::Threads::Watched) connections, which waits until
    /// there is one: as many serve as there may be ([`ServerLimits::threads`](crate::ServerLimits::threads)), or the
    /// system has no more. It is told again only if there was one meanwhile.
    #[non_exhaustive]
    OutOfThreads {
        /// How many there are.
        threads: usize,
        /// Why there is no other.
        error: &'a std::io::Error,
    },
    /// An answer could not be written whole.
    #[non_exhaustive]
    AnswerFailed {
        /// What was asked for.
        uri: &'a Uri,
        /// Why; its count is the bytes that the kernel has accepted.
        error: &'a Error,
    },
    /// Accepting fails, for so many times in a row by now.
    #[non_exhaustive]
    AcceptFailed {
        /// Why.
        error: &'a std::io::Error,
        /// How often in a row.
        times: u64,
    },
    /// A connection has ended.
    #[non_exhaustive]
    Ended {
        /// Whose it was.
        peer: &'a Addr,
        /// Requests that were answered on it.
        requests: u64,
    },
    /// The server stops in order, by [`Server::drain`](crate::Server::drain) or because its last handle is gone.
    /// It takes no more connections, and does not wait for those that were hijacked: whoever has them may say
    /// goodbye now.
    #[non_exhaustive]
    Draining {},
    /// The server was closed, by [`Server::close`](crate::Server::close). Its connections have ended, but for those
    /// that were hijacked.
    #[non_exhaustive]
    Closed {},
}

/// Why a connection is not served.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Rejection {
    /// There are as many as there may be, and all are busy: see [`WhenFull::Refuse`](crate::WhenFull::Refuse).
    Full,
    /// There are as many from its address as there may be: see
    /// [`ServerLimits::connections_per_ip`](crate::ServerLimits::connections_per_ip).
    TooManyFromThere,
    /// The process has no descriptor left for it.
    NoDescriptor,
    /// There is no thread for it.
    NoThread,
}

type Observe = dyn Fn(&ServerEvent<'_>) + Send + Sync;

/// Whoever is told, if anybody is.
#[derive(Clone, Default)]
pub(crate) struct Observer(Option<Arc<Observe>>);

impl Observer {
    pub(crate) fn new(observe: impl Fn(&ServerEvent<'_>) + Send + Sync + 'static) -> Self {
        Self(Some(Arc::new(observe)))
    }

    /// Tells of an event, which is made only if somebody listens. No lock is held here.
    pub(crate) fn tell<'a>(&self, event: impl FnOnce() -> ServerEvent<'a>) {
        if let Some(observe) = &self.0 {
            guard(|| observe(&event()));
        }
    }

    pub(crate) fn listens(&self) -> bool {
        self.0.is_some()
    }
}

impl fmt::Debug for Observer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            Some(_) => "Observer",
            None => "None",
        })
    }
}
