//! What a client tells of its work while it does it.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use http::{StatusCode, Uri};

use crate::error::Error;
use crate::transport::Addr;
use crate::unwind::guard;

/// What a client does behind a request, for logs and statistics: see
/// [`ClientBuilder::observe`](crate::ClientBuilder::observe).
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Event<'a> {
    /// A connection is being made: the host is resolved, or else that of the proxy.
    #[non_exhaustive]
    Connecting {
        /// The server, or the proxy.
        host: &'a str,
        /// Its port.
        port: u16,
    },
    /// A connection is there, with the tunnel of a proxy and TLS where these are wanted.
    #[non_exhaustive]
    Connected {
        /// Whom it leads to: the server, or the proxy.
        peer: Addr,
        /// How long it took.
        after: Duration,
    },
    /// A connection could not be made.
    #[non_exhaustive]
    ConnectFailed {
        /// Why.
        error: &'a Error,
        /// How long it took.
        after: Duration,
    },
    /// A request goes over a connection that was kept.
    #[non_exhaustive]
    Reused {
        /// Whom it leads to: the server, or the proxy.
        peer: Addr,
    },
    /// A request is sent again, because the kept connection that it was sent over was stale.
    #[non_exhaustive]
    SentAgain {
        /// The URI of the request.
        uri: &'a Uri,
        /// What became of it before; its count is the bytes that went out.
        error: &'a Error,
    },
    /// A redirection is followed.
    #[non_exhaustive]
    Redirected {
        /// What the server answered.
        status: StatusCode,
        /// The URI that was asked for.
        from: &'a Uri,
        /// The URI that is asked for next.
        to: &'a Uri,
    },
}

type Observe = dyn Fn(&Event<'_>) + Send + Sync;

/// Whoever is told, if anybody is.
#[derive(Clone, Default)]
pub(super) struct Observer(Option<Arc<Observe>>);

impl Observer {
    pub(super) fn new(observe: impl Fn(&Event<'_>) + Send + Sync + 'static) -> Self {
        Self(Some(Arc::new(observe)))
    }

    /// Tells of an event, which is made only if somebody listens. No lock is held here.
    pub(super) fn tell<'a>(&self, event: impl FnOnce() -> Event<'a>) {
        if let Some(observe) = &self.0 {
            guard(|| observe(&event()));
        }
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
