//! How errors are made, and what is added to them on their way.

use std::error::Error as StdError;
use std::fmt;
use std::io;
use std::sync::Arc;

use super::convert::classify;
use super::detail::{Detail, quotable};
use super::{Action, Counted, Error, ErrorKind, Limit, Peer, Repr, StreamEnd};

/// What happened.
impl Error {
    pub(crate) fn new(kind: ErrorKind) -> Self {
        Self(Box::new(Repr {
            kind,
            action: None,
            end: None,
            incomplete: false,
            counts: None,
            says_source: false,
            count: 0,
            detail: None,
            peer: None,
            source: None,
        }))
    }

    /// The orderly end of the peer's stream where more was expected.
    pub(crate) fn end_of_stream() -> Self {
        let mut error = Self::new(ErrorKind::Reset);
        error.0.end = Some(StreamEnd::InOrder);
        error
    }

    /// The end of the stream below a TLS session that has not ended.
    #[cfg(feature = "tls")]
    pub(crate) fn truncated() -> Self {
        let mut error = Self::new(ErrorKind::Reset);
        error.0.end = Some(StreamEnd::Truncated);
        error
    }

    /// The operating system has given us none.
    pub(crate) fn no_thread() -> Self {
        Self::new(ErrorKind::NoMemory).with_detail("no thread can be started")
    }

    /// The error for one of several who are to be told of the same.
    pub(crate) fn shared(source: &Arc<io::Error>) -> Self {
        let ours = source.get_ref().and_then(|e| e.downcast_ref::<Self>());
        let mut error = match ours {
            Some(ours) => ours.without_source(),
            None => classify(source),
        };
        error.0.source = Some(Box::new(Arc::clone(source)));
        error
    }

    fn without_source(&self) -> Self {
        let repr = &*self.0;
        Self(Box::new(Repr {
            detail: repr.detail.clone(),
            peer: repr.peer.clone(),
            source: None,
            // The source, which is this error, says what its own source does.
            says_source: false,
            ..*repr
        }))
    }

    /// A whole clause that says what happened, in place of the kind's.
    pub(crate) fn with_detail(mut self, words: &'static str) -> Self {
        self.0.detail = Some(Detail::Words(words));
        self
    }

    /// As `with_detail`, about something that is quoted if it is short and can be shown: a peer may have
    /// sent anything.
    pub(crate) fn with_detail_about(self, words: &'static str, what: &[u8]) -> Self {
        match quotable(what) {
            Some(what) => {
                let what: Box<str> = what.into();
                self.with_words(move |f| write!(f, "{words}: `{what}`"))
            }
            None => self.with_detail(words),
        }
    }

    /// As `with_detail`, of words in which there are values.
    pub(crate) fn with_words<W>(mut self, words: W) -> Self
    where
        W: Fn(&mut fmt::Formatter<'_>) -> fmt::Result + Send + Sync + 'static,
    {
        self.0.detail = Some(Detail::Lazy(Arc::new(words)));
        self
    }

    /// A cause that has nothing to add to the sentence.
    pub(crate) fn with_source<S>(mut self, source: S) -> Self
    where
        S: Into<Box<dyn StdError + Send + Sync>>,
    {
        self.0.source = Some(source.into());
        self
    }

    /// A cause without whose words the sentence would not say enough.
    pub(crate) fn with_cause<S>(mut self, cause: S) -> Self
    where
        S: Into<Box<dyn StdError + Send + Sync>>,
    {
        self.0.says_source = true;
        self.with_source(cause)
    }

    /// What made it fail is this limit, unless something else is known.
    pub(crate) fn limited_by(mut self, limit: Limit) -> Self {
        self.0.detail.get_or_insert(Detail::Limit(limit));
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

    /// The same, but of another kind.
    pub(crate) fn with_kind(mut self, kind: ErrorKind) -> Self {
        self.0.kind = kind;
        self
    }

    /// The operation was made to fail for this reason; what it has failed with then is the source alone.
    pub(crate) fn because(mut self, reason: ErrorKind) -> Self {
        if self.0.kind != reason {
            self.0.kind = reason;
            self.0.detail = None;
            self.0.end = None;
            self.0.says_source = false;
        }
        self
    }

    /// As `because`, of a reason that has more to say.
    pub(crate) fn because_of(mut self, reason: impl Into<Self>) -> Self {
        let reason = reason.into();
        self = self.because(reason.0.kind);
        self.0.detail = reason.0.detail;
        self
    }
}

/// How far it was, at what, with whom.
impl Error {
    pub(crate) fn with_count(mut self, count: u64) -> Self {
        self.0.count = count;
        self
    }

    /// So much of a request is out.
    pub(crate) fn with_request_count(mut self, count: u64) -> Self {
        self.0.count = count;
        self.0.counts = Some(Counted::OfRequest);
        self
    }

    /// So much has been written, whatever was being done.
    pub(crate) fn with_written_count(mut self, count: u64) -> Self {
        self.0.count = count;
        self.0.counts = Some(Counted::Written);
        self
    }

    /// What was being done, unless that is known already.
    pub(crate) fn during(mut self, action: impl Into<Option<Action>>) -> Self {
        self.0.action = self.0.action.or(action.into());
        self
    }

    /// What was being done, of which what the error names already was a step.
    pub(crate) fn step_of(mut self, action: Action) -> Self {
        self.0.action = Some(action);
        self
    }

    /// With whom, unless that is known already.
    pub(crate) fn with_peer(mut self, peer: impl FnOnce() -> Option<Arc<Peer>>) -> Self {
        if self.0.peer.is_none() {
            self.0.peer = peer();
        }
        self
    }
}

impl From<Limit> for Error {
    /// More than the limit allows.
    fn from(limit: Limit) -> Self {
        let mut error = Self::new(limit.kind());
        error.0.detail = Some(Detail::Limit(limit));
        error
    }
}
