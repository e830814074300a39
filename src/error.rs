//! What an operation that did not succeed says: a kind, the exact count, and the cause.

use std::borrow::Cow;
use std::error::Error as StdError;
use std::fmt;
use std::io;

/// Why an operation failed, and how many bytes it had moved before it did.
///
/// # Design
///
/// Opaque, so that detail can be added without breaking anybody. Ask [`kind`](Self::kind) or a predicate what happened,
/// [`count`](Self::count) how far the operation got, and [`source`](std::error::Error::source) for the cause below.
/// It converts into [`io::Error`] and back without nesting, so it passes unharmed through code that speaks `std::io`.
///
/// # Examples
///
/// ```
/// use http_aio::{Error, ErrorKind};
/// use std::io;
///
/// let error = Error::from(io::Error::from(io::ErrorKind::ConnectionReset));
/// assert_eq!(error.kind(), ErrorKind::Reset);
/// assert_eq!(error.count(), 0);
///
/// let there = io::Error::from(error);
/// let back = Error::from(there);
/// assert_eq!(back.kind(), ErrorKind::Reset);
/// ```
#[derive(thiserror::Error)]
#[error(transparent)]
pub struct Error(Box<Repr>);

/// Behind a box, so that a result is two words: every completion moves one several times.
#[derive(Debug, thiserror::Error)]
#[error("{}", Sentence(self))]
struct Repr {
    kind: ErrorKind,
    count: u64,
    detail: Option<Cow<'static, str>>,
    source: Option<Box<dyn StdError + Send + Sync>>,
    incomplete: bool,
}

/// The kind's sentence, then the detail and the count where there are any.
struct Sentence<'a>(&'a Repr);

/// What happened to an operation, in one word.
///
/// The first column below is nng's name, for those who come from there; [`nng_code`](Self::nng_code) gives its number.
///
/// | nng | here |
/// |---|---|
/// | `NNG_ECANCELED` | [`Canceled`](Self::Canceled) |
/// | `NNG_ECLOSED` | [`Closed`](Self::Closed) |
/// | `NNG_ECONNRESET` | [`Reset`](Self::Reset) |
/// | `NNG_EINVAL` | [`InvalidInput`](Self::InvalidInput) |
/// | `NNG_ENOMEM` | [`NoMemory`](Self::NoMemory) |
/// | `NNG_ENOTSUP` | [`NotSupported`](Self::NotSupported) |
/// | `NNG_ETIMEDOUT` | [`TimedOut`](Self::TimedOut) |
/// | `NNG_ECONNREFUSED` | [`Refused`](Self::Refused) |
/// | `NNG_EUNREACHABLE` | [`Unreachable`](Self::Unreachable) |
/// | `NNG_EADDRINVAL` | [`Resolve`](Self::Resolve) |
/// | `NNG_EPROTO` | [`Protocol`](Self::Protocol) |
/// | `NNG_EMSGSIZE` | [`TooLarge`](Self::TooLarge) |
/// | `NNG_ECRYPTO` | [`Tls`](Self::Tls) |
/// | `NNG_EPEERAUTH` | [`Untrusted`](Self::Untrusted) |
/// | `NNG_EINTERNAL` | [`Abandoned`](Self::Abandoned) |
/// | none | [`EndOfBody`](Self::EndOfBody), [`Io`](Self::Io), [`WouldDeadlock`](Self::WouldDeadlock) |
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The thread that had the operation was lost, by a panic in a transport for example.
    Abandoned,
    /// The caller cancelled the operation.
    Canceled,
    /// The connection was closed on our side before or during the operation, or its write side has ended, by a write
    /// that failed or a body that ended with it, or a message announced that the connection closes after it.
    Closed,
    /// The body ended before what was asked for. The connection is in order: the next message can be read.
    EndOfBody,
    /// What was asked for cannot be done, and nothing was: no vector was set, a head must not be written, more body
    /// than was declared, a head in the middle of a body.
    InvalidInput,
    /// The operating system reported something that has no kind of its own here; the source says what.
    Io,
    /// No memory or thread was to be had, or the connection's queue is at its limit.
    NoMemory,
    /// A feature that is not compiled in, a kind of proxy that is not spoken to, or a request whose body has a transfer
    /// coding besides `chunked`, which the detail names: a server answers 501 to it.
    NotSupported,
    /// The peer sent something that is not HTTP/1, or that nobody asked for, or redirects to nowhere.
    Protocol,
    /// Nobody listens at the address, or a proxy refuses the tunnel.
    Refused,
    /// The peer closed or reset the connection. [`Error::is_end_of_stream`] tells the orderly end from the reset.
    Reset,
    /// The host name has no address.
    Resolve,
    /// The deadline passed.
    TimedOut,
    /// The TLS session failed: the peer does not speak TLS, has nothing in common with us, refused us, or sent
    /// something that is damaged.
    Tls,
    /// The peer sent a head, a body, a part of its framing, or interim responses beyond the [limits](crate::Limits), or
    /// redirects more often than a client follows.
    TooLarge,
    /// The network or the host cannot be reached.
    Unreachable,
    /// The peer could not prove by its certificate who it is: it is for another name, has expired, or is signed by
    /// nobody we trust. Or there is nobody whom we trust: the system has no root certificates.
    Untrusted,
    /// A closure of a connection waited for an operation of the same connection, or of a client.
    WouldDeadlock,
}

impl ErrorKind {
    /// The number that nng gives to this error, where it has one.
    ///
    /// ```
    /// use http_aio::ErrorKind;
    /// assert_eq!(ErrorKind::TimedOut.nng_code(), Some(5));
    /// assert_eq!(ErrorKind::WouldDeadlock.nng_code(), None);
    /// ```
    pub fn nng_code(self) -> Option<u32> {
        Some(match self {
            Self::NoMemory => 2,
            Self::InvalidInput => 3,
            Self::TimedOut => 5,
            Self::Refused => 6,
            Self::Closed => 7,
            Self::NotSupported => 9,
            Self::Protocol => 13,
            Self::Unreachable => 14,
            Self::Resolve => 15,
            Self::TooLarge => 17,
            Self::Reset => 19,
            Self::Canceled => 20,
            Self::Tls => 26,
            Self::Untrusted => 27,
            Self::Abandoned => 1000,
            Self::EndOfBody | Self::Io | Self::WouldDeadlock => return None,
        })
    }
}

/// A plain sentence, lower case, without a full stop.
///
/// ```
/// assert_eq!(http_aio::ErrorKind::TimedOut.to_string(), "the deadline passed");
/// ```
impl fmt::Display for ErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Abandoned => "the operation was lost with its thread",
            Self::Canceled => "the operation was canceled",
            Self::Closed => "the connection was closed on this side, or its write side has ended",
            Self::EndOfBody => "the body ended before that",
            Self::InvalidInput => "this cannot be done",
            Self::Io => "the operating system reported an error",
            Self::NoMemory => "there is no memory, thread or queue place left",
            Self::NotSupported => "this is not supported",
            Self::Protocol => "the peer does not speak HTTP/1",
            Self::Refused => "the peer refused the connection",
            Self::Reset => "the peer closed the connection",
            Self::Resolve => "the host name cannot be resolved",
            Self::TimedOut => "the deadline passed",
            Self::Tls => "the TLS session failed",
            Self::TooLarge => "the peer sent more than the limit allows",
            Self::Unreachable => "the peer cannot be reached",
            Self::Untrusted => "the peer could not be authenticated",
            Self::WouldDeadlock => "a closure waited for its own connection",
        })
    }
}

impl Error {
    pub(crate) fn new(kind: ErrorKind) -> Self {
        Self(Box::new(Repr {
            kind,
            count: 0,
            detail: None,
            source: None,
            incomplete: false,
        }))
    }

    pub(crate) fn with_count(mut self, count: u64) -> Self {
        self.0.count = count;
        self
    }

    pub(crate) fn with_detail(mut self, detail: impl Into<Cow<'static, str>>) -> Self {
        self.0.detail = Some(detail.into());
        self
    }

    pub(crate) fn with_source(
        mut self,
        source: impl Into<Box<dyn StdError + Send + Sync>>,
    ) -> Self {
        self.0.source = Some(source.into());
        self
    }

    pub(crate) fn with_kind(mut self, kind: ErrorKind) -> Self {
        self.0.kind = kind;
        self
    }

    pub(crate) fn incomplete(mut self) -> Self {
        self.0.incomplete = true;
        self
    }

    /// Of two failures of one exchange, this one is told.
    pub(crate) fn incomplete_if(mut self, other: &Self) -> Self {
        self.0.incomplete |= other.0.incomplete;
        self
    }

    /// The orderly end of the peer's stream where more was expected.
    pub(crate) fn end_of_stream() -> Self {
        Self::from(io::Error::from(io::ErrorKind::UnexpectedEof))
    }

    /// What happened.
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// Bytes that the operation had moved before it failed: for a write, what the kernel had accepted, exactly; for a
    /// read, what had arrived towards it and now waits for the next read.
    pub fn count(&self) -> u64 {
        self.0.count
    }

    /// What exactly was wrong, in a few words, where the kind does not say it all. For people: the
    /// words may change.
    pub fn detail(&self) -> Option<&str> {
        self.0.detail.as_deref()
    }

    /// Whether the deadline passed.
    pub fn is_timeout(&self) -> bool {
        self.0.kind == ErrorKind::TimedOut
    }

    /// Whether the caller cancelled.
    pub fn is_canceled(&self) -> bool {
        self.0.kind == ErrorKind::Canceled
    }

    /// Whether the connection is gone, closed on either side.
    pub fn is_closed(&self) -> bool {
        matches!(self.0.kind, ErrorKind::Closed | ErrorKind::Reset)
    }

    /// Whether the peer ended its stream in order (FIN), rather than reset it.
    pub fn is_end_of_stream(&self) -> bool {
        let source = self
            .0
            .source
            .as_deref()
            .and_then(|source| source.downcast_ref::<io::Error>());
        self.0.kind == ErrorKind::Reset
            && source.is_some_and(|e| e.kind() == io::ErrorKind::UnexpectedEof)
    }

    /// Whether the stream ended in the middle of a message, in order or not: what was read of it is
    /// not the whole.
    pub fn is_incomplete_message(&self) -> bool {
        self.0.incomplete
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Repr {
            kind,
            count,
            detail,
            source,
            incomplete,
        } = &*self.0;
        let mut shown = f.debug_struct("Error");
        shown.field("kind", kind).field("count", count);
        if let Some(detail) = detail {
            shown.field("detail", detail);
        }
        if let Some(source) = source {
            shown.field("source", source);
        }
        if *incomplete {
            shown.field("incomplete", incomplete);
        }
        shown.finish()
    }
}

impl fmt::Display for Sentence<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Repr {
            kind,
            count,
            detail,
            ..
        } = self.0;
        kind.fmt(f)?;
        if let Some(detail) = detail {
            write!(f, ": {detail}")?;
        }
        match count {
            0 => Ok(()),
            1 => f.write_str(" (after 1 byte)"),
            n => write!(f, " (after {n} bytes)"),
        }
    }
}

impl From<ErrorKind> for Error {
    fn from(kind: ErrorKind) -> Self {
        Self::new(kind)
    }
}

/// An [`Error`] that travelled through an [`io::Error`] comes out as it went in; any other is classified.
impl From<io::Error> for Error {
    fn from(error: io::Error) -> Self {
        let error = match error.downcast::<Self>() {
            Ok(ours) => return ours,
            Err(other) => other,
        };
        let kind = match error.kind() {
            io::ErrorKind::BrokenPipe
            | io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::NotConnected
            | io::ErrorKind::UnexpectedEof => ErrorKind::Reset,
            io::ErrorKind::ConnectionRefused => ErrorKind::Refused,
            io::ErrorKind::HostUnreachable | io::ErrorKind::NetworkUnreachable => {
                ErrorKind::Unreachable
            }
            io::ErrorKind::InvalidInput => ErrorKind::InvalidInput,
            io::ErrorKind::OutOfMemory => ErrorKind::NoMemory,
            io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock => ErrorKind::TimedOut,
            io::ErrorKind::Unsupported => ErrorKind::NotSupported,
            _ => ErrorKind::Io,
        };
        Self::new(kind).with_source(error)
    }
}

/// Keeps the whole error inside. Never of kind `Interrupted`: `std` would take it as a reason to try again.
impl From<Error> for io::Error {
    fn from(error: Error) -> Self {
        let kind = match error.kind() {
            ErrorKind::Closed => io::ErrorKind::NotConnected,
            ErrorKind::InvalidInput => io::ErrorKind::InvalidInput,
            ErrorKind::NoMemory => io::ErrorKind::OutOfMemory,
            ErrorKind::NotSupported => io::ErrorKind::Unsupported,
            ErrorKind::EndOfBody => io::ErrorKind::UnexpectedEof,
            ErrorKind::Protocol | ErrorKind::Tls | ErrorKind::TooLarge | ErrorKind::Untrusted => {
                io::ErrorKind::InvalidData
            }
            ErrorKind::Refused => io::ErrorKind::ConnectionRefused,
            ErrorKind::Reset if error.is_end_of_stream() => io::ErrorKind::UnexpectedEof,
            ErrorKind::Reset => io::ErrorKind::ConnectionReset,
            ErrorKind::TimedOut => io::ErrorKind::TimedOut,
            ErrorKind::Unreachable => io::ErrorKind::HostUnreachable,
            ErrorKind::WouldDeadlock => io::ErrorKind::Deadlock,
            ErrorKind::Abandoned | ErrorKind::Canceled | ErrorKind::Io | ErrorKind::Resolve => {
                io::ErrorKind::Other
            }
        };
        Self::new(kind, error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passes_through_io_error_whole() {
        let error = Error::new(ErrorKind::Canceled)
            .with_count(42)
            .with_detail("why");
        let back = Error::from(io::Error::from(error));
        assert_eq!((back.kind(), back.count()), (ErrorKind::Canceled, 42));
        assert_eq!(
            back.to_string(),
            "the operation was canceled: why (after 42 bytes)"
        );
    }

    #[test]
    fn the_end_of_a_stream_is_not_a_reset() {
        assert!(Error::end_of_stream().is_end_of_stream());
        assert!(!Error::from(io::Error::from(io::ErrorKind::ConnectionReset)).is_end_of_stream());
        assert_eq!(
            io::Error::from(Error::end_of_stream()).kind(),
            io::ErrorKind::UnexpectedEof
        );
    }

    #[test]
    fn no_kind_turns_into_a_reason_to_try_again() {
        let kinds = [
            ErrorKind::Abandoned,
            ErrorKind::Canceled,
            ErrorKind::Closed,
            ErrorKind::Io,
            ErrorKind::TimedOut,
        ];
        for kind in kinds {
            assert_ne!(
                io::Error::from(Error::new(kind)).kind(),
                io::ErrorKind::Interrupted
            );
        }
    }
}
