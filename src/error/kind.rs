//! The kinds of errors, and nng's numbers for them.

use std::fmt;

#[cfg(doc)]
use super::Error;

/// What happened to an operation, in one word. What becomes of the connection then is in
/// [`docs::errors`](crate::docs::errors).
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
    /// The caller canceled the operation.
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
            Self::Abandoned => "the thread that worked on it was lost",
            Self::Canceled => "the operation was canceled",
            Self::Closed => "the connection was closed on this side",
            Self::EndOfBody => "the body is shorter than what was asked for",
            Self::InvalidInput => "what was asked for cannot be done",
            Self::Io => "the operating system reported an error",
            Self::NoMemory => "no memory, thread or descriptor is left",
            Self::NotSupported => "what was asked for is not supported",
            Self::Protocol => "what the peer sent is not HTTP/1",
            Self::Refused => "nobody listens there, or a proxy refused",
            Self::Reset => "the peer closed or reset the connection",
            Self::Resolve => "the host name cannot be resolved",
            Self::TimedOut => "the deadline passed",
            Self::Tls => "the TLS session failed",
            Self::TooLarge => "the peer sent more than a limit allows",
            Self::Unreachable => "the network or the host cannot be reached",
            Self::Untrusted => "the peer could not prove who it is",
            Self::WouldDeadlock => {
                "a closure cannot wait for an operation that may need its own thread"
            }
        })
    }
}
