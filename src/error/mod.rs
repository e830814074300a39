//! What an operation that did not succeed says: what we were doing, with whom, what happened, the exact
//! count, and the cause.
//!
//! An error is made where something is found out, which knows what happened and no more. What was being
//! done and with whom is added where an operation is told of its outcome (`aio`), because the operation knows
//! what it is, and its provider knows the peer. What is known already stays: the innermost knows best.
//! Nothing is formatted before the error is shown.

mod build;
mod context;
mod convert;
mod detail;
mod kind;
mod limit;
mod sentence;
#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::error::Error as StdError;
use std::sync::Arc;

pub(crate) use self::context::Action;
use self::context::Counted;
pub use self::context::Peer;
use self::detail::Detail;
pub use self::kind::ErrorKind;
pub(crate) use self::limit::Limit;
use self::sentence::Sentence;

/// Why an operation failed, and how many bytes it had moved before it did.
///
/// It shows as one sentence that says what we were doing, with whom, and what happened, with the limit that
/// was met and its value, and the count where that says something: `reading a response from example.com:80: the
/// body is larger than the limit `body_bytes` of 1000 bytes`. The words may change. What a program decides
/// by has a method: [`kind`](Self::kind) or a predicate says what happened, [`count`](Self::count) how far the
/// operation got, [`peer`](Self::peer) whom it was about, [`limit`](Self::limit) what was exceeded, and
/// [`source`](std::error::Error::source) has the cause below. Where the sentence would say nothing without the
/// words of its cause, it has them.
///
/// [`docs::errors`](crate::docs::errors) has examples of the sentences, and what becomes of a connection after an
/// error of each kind.
///
/// It converts into [`io::Error`](std::io::Error) and back without nesting, so it passes unharmed through code
/// that speaks `std::io`; and what makes requests, of the crate `http`, converts into it.
///
/// # Examples
///
/// ```
/// use http_aio::{Aio, Conn, Error, ErrorKind};
/// use std::io;
///
/// let error = Conn::connect(Aio::new(), "127.0.0.1:1").wait().unwrap_err();
/// assert_eq!(error.to_string(), "connecting to 127.0.0.1:1: nobody listens there");
/// assert!(error.is_refused());
/// assert_eq!(error.peer().and_then(|peer| peer.port()), Some(1));
///
/// let there = io::Error::from(error);
/// assert_eq!(there.kind(), io::ErrorKind::ConnectionRefused);
/// let back = Error::from(there);
/// assert_eq!(back.kind(), ErrorKind::Refused);
/// assert!(back.peer().is_some());
/// ```
#[derive(thiserror::Error)]
#[error(transparent)]
pub struct Error(Box<Repr>);

/// Behind a box, so that a result is two words: every completion moves one several times.
#[derive(thiserror::Error)]
#[error("{}", Sentence(self))]
struct Repr {
    kind: ErrorKind,
    action: Option<Action>,
    end: Option<StreamEnd>,
    /// It ended in the middle of a message.
    incomplete: bool,
    /// What the count is a count of, if not what the action says.
    counts: Option<Counted>,
    /// The sentence needs the words of the source.
    says_source: bool,
    count: u64,
    detail: Option<Detail>,
    peer: Option<Arc<Peer>>,
    source: Option<Box<dyn StdError + Send + Sync>>,
}

/// How the peer's stream has ended, where it was not reset.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum StreamEnd {
    InOrder,
    /// The stream below a TLS session has ended, and the session has not.
    Truncated,
}

/// What there is to know.
impl Error {
    /// What happened.
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// Bytes that the operation had moved before it failed: for a write, what the kernel had accepted, exactly; for
    /// an exchange and a request of a client, the same of the request; for a read, what had arrived towards it and
    /// now waits for the next read.
    pub fn count(&self) -> u64 {
        self.0.count
    }

    /// Whom it was about: the peer of the connection; what was to be connected to; the proxy. `None` where
    /// nobody was, as with a URL that is none, and where nothing is known of the peer.
    pub fn peer(&self) -> Option<&Peer> {
        self.0.peer.as_deref().filter(|peer| peer.is_known())
    }

    /// The limit that was met, by the name of the function that sets it: one of [`Limits`](crate::Limits),
    /// [`ServerLimits`](crate::ServerLimits) or [`ClientBuilder`](crate::ClientBuilder), or the `idle_timeout` of
    /// an [`Io`](crate::Io) or a [`Body`](crate::Body).
    ///
    /// # Examples
    ///
    /// ```
    /// use http_aio::http::Request;
    /// use http_aio::{Aio, Conn, ErrorKind, Limits};
    /// use std::os::unix::net::UnixStream;
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let (client, server) = UnixStream::pair()?;
    /// let (client, server) = (Conn::from(client), Conn::from(server));
    /// client.write_request(Aio::new(), Request::put("http://h/").body("hello")?);
    ///
    /// let server = server.limits(Limits::default().body_bytes(3));
    /// server.read_request(Aio::new()).wait()?;
    /// let error = server.read_body(Aio::new()).wait().unwrap_err();
    /// assert_eq!((error.kind(), error.limit()), (ErrorKind::TooLarge, Some("body_bytes")));
    /// # Ok(())
    /// # }
    /// ```
    pub fn limit(&self) -> Option<&'static str> {
        let limit = self.0.detail.as_ref()?.limit()?;
        Some(limit.name())
    }

    /// What exactly was wrong, in a few words, where the kind does not say it all. For people: the
    /// words may change.
    pub fn detail(&self) -> Option<Cow<'static, str>> {
        self.0.detail.as_ref().map(Detail::text)
    }
}

/// What happened, as questions.
impl Error {
    /// Whether the deadline passed.
    pub fn is_timeout(&self) -> bool {
        self.0.kind == ErrorKind::TimedOut
    }

    /// Whether the caller canceled.
    pub fn is_canceled(&self) -> bool {
        self.0.kind == ErrorKind::Canceled
    }

    /// Whether nobody listens there, or a proxy refused the tunnel.
    pub fn is_refused(&self) -> bool {
        self.0.kind == ErrorKind::Refused
    }

    /// Whether the connection is gone, closed on either side.
    pub fn is_closed(&self) -> bool {
        matches!(self.0.kind, ErrorKind::Closed | ErrorKind::Reset)
    }

    /// Whether the peer reset its stream (RST), or the network did in its place, rather than end it: what it
    /// was sent last may be lost.
    pub fn is_reset(&self) -> bool {
        self.0.kind == ErrorKind::Reset && self.0.end.is_none()
    }

    /// Whether the peer ended its stream in order (FIN, over TLS `close_notify`), rather than reset it.
    pub fn is_end_of_stream(&self) -> bool {
        self.0.kind == ErrorKind::Reset && self.0.end == Some(StreamEnd::InOrder)
    }

    /// Whether the stream ended in the middle of a message, in order or not: what was read of it is
    /// not the whole.
    pub fn is_incomplete_message(&self) -> bool {
        self.0.incomplete
    }
}
