//! The limits that an operation can meet, as its error names them.

use std::fmt;
use std::time::Duration;

use super::ErrorKind;

/// A limit that was met, with what it allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Limit {
    HeadBytes(usize),
    HeaderLines(usize),
    InterimResponses(usize),
    BodyBytes(u64),
    /// As `BodyBytes`, of a server.
    Collected(u64),
    ChunkLine(usize),
    ChunkExtensions(usize),
    TrailerBytes(usize),
    TrailerLines(usize),
    Queued(usize),
    Redirects(u32),
    ConnectTimeout(Duration),
    HeadTimeout(Duration),
    IdleTimeout(Duration),
}

/// What a limit allows.
enum Value {
    Bytes(u64),
    Number(u64),
    Time(Duration),
}

impl Limit {
    /// What an operation fails with that meets it.
    pub(super) fn kind(self) -> ErrorKind {
        match self {
            Self::Queued(_) => ErrorKind::NoMemory,
            Self::ConnectTimeout(_) | Self::HeadTimeout(_) | Self::IdleTimeout(_) => {
                ErrorKind::TimedOut
            }
            _ => ErrorKind::TooLarge,
        }
    }

    /// The name of the function that sets it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::HeadBytes(_) => "head_bytes",
            Self::HeaderLines(_) | Self::TrailerLines(_) => "headers",
            Self::InterimResponses(_) => "interim",
            Self::BodyBytes(_) => "body_bytes",
            Self::Collected(_) => "collect",
            Self::ChunkLine(_) => "chunk_line",
            Self::ChunkExtensions(_) => "chunk_extensions",
            Self::TrailerBytes(_) => "trailer_bytes",
            Self::Queued(_) => "queued",
            Self::Redirects(_) => "max_redirects",
            Self::ConnectTimeout(_) => "connect_timeout",
            Self::HeadTimeout(_) => "head_timeout",
            Self::IdleTimeout(_) => "idle_timeout",
        }
    }

    /// What goes before "the limit".
    fn excess(self) -> &'static str {
        match self {
            Self::HeadBytes(_) => "the head is larger than",
            Self::HeaderLines(_) => "the head has more header lines than",
            Self::InterimResponses(_) => "there are more interim responses than",
            Self::BodyBytes(_) | Self::Collected(_) => "the body is larger than",
            Self::ChunkLine(_) => "the line before a chunk is longer than",
            Self::ChunkExtensions(_) => "the extensions of a chunk are longer than",
            Self::TrailerBytes(_) => "the trailers are larger than",
            Self::TrailerLines(_) => "there are more trailers than",
            Self::Queued(_) => "the queue of operations has reached",
            Self::Redirects(_) => "there are more redirections than",
            Self::ConnectTimeout(_) => "it took longer than",
            Self::HeadTimeout(_) => "the head of the response took longer than",
            Self::IdleTimeout(_) => "nothing has moved for longer than",
        }
    }

    fn value(self) -> Value {
        match self {
            Self::BodyBytes(bytes) | Self::Collected(bytes) => Value::Bytes(bytes),
            Self::HeadBytes(bytes)
            | Self::ChunkLine(bytes)
            | Self::ChunkExtensions(bytes)
            | Self::TrailerBytes(bytes) => Value::Bytes(bytes as u64),
            Self::HeaderLines(number)
            | Self::InterimResponses(number)
            | Self::TrailerLines(number)
            | Self::Queued(number) => Value::Number(number as u64),
            Self::Redirects(number) => Value::Number(number.into()),
            Self::ConnectTimeout(time) | Self::HeadTimeout(time) | Self::IdleTimeout(time) => {
                Value::Time(time)
            }
        }
    }
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} the limit `{}` of ", self.excess(), self.name())?;
        match self.value() {
            Value::Bytes(1) => f.write_str("1 byte"),
            Value::Bytes(bytes) => write!(f, "{bytes} bytes"),
            Value::Number(number) => number.fmt(f),
            Value::Time(time) => write!(f, "{time:?}"),
        }
    }
}
