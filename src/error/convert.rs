//! Errors from others, and to others.

use std::io;

use http::header::{InvalidHeaderName, InvalidHeaderValue};
use http::method::InvalidMethod;
use http::status::InvalidStatusCode;
use http::uri::{InvalidUri, InvalidUriParts};

use super::{Error, ErrorKind};

impl From<ErrorKind> for Error {
    fn from(kind: ErrorKind) -> Self {
        Self::new(kind)
    }
}

/// An [`Error`] that travelled through an [`io::Error`] comes out as it went in; any other is classified.
impl From<io::Error> for Error {
    fn from(error: io::Error) -> Self {
        match error.downcast::<Self>() {
            Ok(ours) => ours,
            Err(other) => {
                let mut error = classify(&other);
                error.0.source = Some(other.into());
                error
            }
        }
    }
}

/// What an error of the operating system means. It has no source.
pub(super) fn classify(error: &io::Error) -> Error {
    if let Some(libc::EMFILE | libc::ENFILE) = error.raw_os_error() {
        return Error::new(ErrorKind::NoMemory).with_detail("no descriptor is left");
    }
    let kind = match error.kind() {
        io::ErrorKind::UnexpectedEof => return Error::end_of_stream(),
        io::ErrorKind::BrokenPipe
        | io::ErrorKind::ConnectionAborted
        | io::ErrorKind::ConnectionReset
        | io::ErrorKind::NotConnected => ErrorKind::Reset,
        io::ErrorKind::ConnectionRefused => ErrorKind::Refused,
        io::ErrorKind::HostUnreachable | io::ErrorKind::NetworkUnreachable => {
            ErrorKind::Unreachable
        }
        io::ErrorKind::InvalidInput => ErrorKind::InvalidInput,
        io::ErrorKind::OutOfMemory => ErrorKind::NoMemory,
        // A deadline of ours is not passed by the operating system.
        io::ErrorKind::TimedOut if error.raw_os_error().is_some() => {
            return Error::new(ErrorKind::TimedOut)
                .with_detail("the operating system waits no longer for an answer");
        }
        io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock => ErrorKind::TimedOut,
        io::ErrorKind::Unsupported => ErrorKind::NotSupported,
        _ => ErrorKind::Io,
    };
    let mut classified = Error::new(kind);
    classified.0.says_source = matches!(
        kind,
        ErrorKind::InvalidInput | ErrorKind::Io | ErrorKind::NoMemory | ErrorKind::NotSupported
    );
    classified
}

/// So that whoever makes a request or a response, and submits it, needs one type of error:
///
/// ```
/// use http_aio::http::Request;
/// use http_aio::{Error, ErrorKind};
///
/// fn page(host: &str) -> Result<Request<()>, Error> {
///     Ok(Request::get(format!("http://{host}/page")).body(())?)
/// }
/// assert!(page("example.com").is_ok());
///
/// let error = page("no host").unwrap_err();
/// assert_eq!(error.kind(), ErrorKind::InvalidInput);
/// assert_eq!(error.to_string(), "the URI is not valid: invalid uri character");
/// ```
impl From<http::Error> for Error {
    fn from(error: http::Error) -> Self {
        let detail = if error.is::<InvalidUri>() || error.is::<InvalidUriParts>() {
            "the URI is not valid"
        } else if error.is::<InvalidMethod>() {
            "the method is not valid"
        } else if error.is::<InvalidStatusCode>() {
            "the status is not valid"
        } else if error.is::<InvalidHeaderName>() {
            "the name of a header is not valid"
        } else if error.is::<InvalidHeaderValue>() {
            "the value of a header is not valid"
        } else {
            "this cannot be a part of a message"
        };
        let invalid = Self::new(ErrorKind::InvalidInput);
        invalid.with_detail(detail).with_cause(error)
    }
}

/// What `http` says of one part of a message.
macro_rules! of_http {
    ($($error:ty),*) => {
        $(
            /// As from what `http` makes of it.
            impl From<$error> for Error {
                fn from(error: $error) -> Self {
                    http::Error::from(error).into()
                }
            }
        )*
    };
}

of_http!(
    InvalidUri,
    InvalidUriParts,
    InvalidMethod,
    InvalidStatusCode,
    InvalidHeaderName,
    InvalidHeaderValue
);

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
