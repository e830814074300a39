//! The sentence, and what a debugger shows.
//!
//! ```text
//! reading a response from 192.0.2.1:80: the peer ended its stream in the middle of a message after 9 bytes had arrived
//! └───── what ─────┘└──── with whom ──┘ └─────────────────── what happened ─────────────────┘└────── count ──────┘
//! ```

use std::fmt;

use super::context::Counted;
use super::{Action, Error, ErrorKind, Repr, StreamEnd};

/// All of it in one sentence.
pub(super) struct Sentence<'a>(pub(super) &'a Repr);

impl fmt::Display for Sentence<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.context(f)?;
        self.happening(f)?;
        self.count(f)
    }
}

impl Sentence<'_> {
    fn context(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Repr { action, peer, .. } = self.0;
        let peer = peer.as_ref().filter(|peer| peer.is_known());
        match (action.map(|action| action.words()), peer) {
            (Some((doing, to)), Some(peer)) => write!(f, "{doing} {to} {peer}: "),
            (Some((doing, _)), None) => write!(f, "{doing}: "),
            (None, Some(peer)) => write!(f, "{peer}: "),
            (None, None) => Ok(()),
        }
    }

    fn happening(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0.detail {
            Some(detail) => write!(f, "{detail}")?,
            None => self.plain(f)?,
        }
        match &self.0.source {
            Some(source) if self.0.says_source => write!(f, ": {source}"),
            _ => Ok(()),
        }
    }

    /// What happened, where nobody has said it in words of its own.
    fn plain(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Repr {
            kind,
            end,
            incomplete,
            ..
        } = self.0;
        match (kind, end) {
            (ErrorKind::Refused, _) => f.write_str("nobody listens there"),
            (ErrorKind::Reset, None) => f.write_str("the peer reset the connection"),
            (ErrorKind::Reset, Some(StreamEnd::InOrder)) => {
                f.write_str("the peer ended its stream")
            }
            (ErrorKind::Reset, Some(StreamEnd::Truncated)) => {
                return f.write_str(
                    "the peer's stream ended without a TLS close_notify, so it may have been cut",
                );
            }
            (kind, _) => return write!(f, "{kind}"),
        }?;
        match incomplete {
            true => f.write_str(" in the middle of a message"),
            false => Ok(()),
        }
    }

    /// Only where the operation was cut short: bytes that moved say nothing about what was wrong by itself.
    fn count(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Repr { kind, count, .. } = *self.0;
        let counted = self.counted();
        if count == 0 || !cuts_short(kind) || counted == Counted::Nothing {
            return Ok(());
        }
        let (bytes, were) = match count {
            1 => ("byte", "was"),
            _ => ("bytes", "were"),
        };
        let comma = if self.is_plain() { "" } else { "," };
        write!(f, "{comma} after {count} {bytes}")?;
        match counted {
            Counted::Written => write!(f, " {were} written"),
            Counted::OfRequest => write!(f, " of the request {were} written"),
            Counted::Arrived => f.write_str(" had arrived"),
            Counted::Unknown | Counted::Nothing => Ok(()),
        }
    }

    fn counted(&self) -> Counted {
        let Repr { counts, action, .. } = *self.0;
        counts
            .or(action.map(Action::counts))
            .unwrap_or(Counted::Unknown)
    }

    /// Whether it is short enough for the count to follow at once.
    fn is_plain(&self) -> bool {
        let Repr {
            detail,
            end,
            says_source,
            ..
        } = self.0;
        detail.is_none() && !says_source && *end != Some(StreamEnd::Truncated)
    }
}

fn cuts_short(kind: ErrorKind) -> bool {
    matches!(
        kind,
        ErrorKind::Abandoned
            | ErrorKind::Canceled
            | ErrorKind::Closed
            | ErrorKind::Io
            | ErrorKind::Reset
            | ErrorKind::TimedOut
            | ErrorKind::Tls
            | ErrorKind::Unreachable
    )
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for Repr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            kind,
            action,
            end,
            incomplete,
            count,
            detail,
            peer,
            source,
            counts: _, // The next two are about the sentence.
            says_source: _,
        } = self;
        let mut shown = f.debug_struct("Error");
        shown.field("kind", kind);
        if let Some(action) = action {
            shown.field("action", action);
        }
        if let Some(peer) = peer {
            shown.field("peer", peer);
        }
        shown.field("count", count);
        if let Some(detail) = detail {
            shown.field("detail", detail);
        }
        if let Some(end) = end {
            shown.field("end", end);
        }
        if *incomplete {
            shown.field("incomplete", incomplete);
        }
        if let Some(source) = source {
            shown.field("source", source);
        }
        shown.finish()
    }
}
