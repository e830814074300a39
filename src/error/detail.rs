//! What exactly happened, where the kind does not say it all.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use super::limit::Limit;

/// A clause that says it. Nothing is formatted before it is shown.
#[derive(Clone)]
pub(super) enum Detail {
    Words(&'static str),
    Limit(Limit),
    Lazy(Arc<Words>),
}

/// Writes words in which there are values.
pub(super) type Words = dyn Fn(&mut fmt::Formatter<'_>) -> fmt::Result + Send + Sync;

impl Detail {
    pub(super) fn text(&self) -> Cow<'static, str> {
        match self {
            Self::Words(words) => Cow::Borrowed(words),
            Self::Limit(_) | Self::Lazy(_) => Cow::Owned(self.to_string()),
        }
    }

    pub(super) fn limit(&self) -> Option<Limit> {
        match self {
            Self::Limit(limit) => Some(*limit),
            Self::Words(_) | Self::Lazy(_) => None,
        }
    }
}

impl fmt::Display for Detail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Words(words) => f.write_str(words),
            Self::Limit(limit) => limit.fmt(f),
            Self::Lazy(words) => words(f),
        }
    }
}

impl fmt::Debug for Detail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.text(), f)
    }
}

/// What can be quoted in a sentence: it is short, and in visible ASCII.
pub(super) fn quotable(bytes: &[u8]) -> Option<&str> {
    const MOST: usize = 64;
    // What has an @ may be the credentials of somebody.
    let visible = |byte: &u8| matches!(byte, b' '..=b'~') && !matches!(byte, b'`' | b'@');
    let is_quotable = (1..=MOST).contains(&bytes.len()) && bytes.iter().all(visible);
    std::str::from_utf8(bytes).ok().filter(|_| is_quotable)
}
