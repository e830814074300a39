//! What an operation that did not succeed says: a kind, the exact count, and the cause.

mod convert;
mod kind;
#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::error::Error as StdError;
use std::fmt;
use std::io;

pub use self::kind::ErrorKind;

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
