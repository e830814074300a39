//! Errors from others, and to others.

use std::io;

use super::{Error, ErrorKind};

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
