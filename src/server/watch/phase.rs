//! What a connection that is watched waits for, and how long it may.

use std::time::Duration;

use crate::server::wait::Wait;

/// What a connection waits for, which decides how long it may.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::server) enum Phase {
    /// Its first request.
    First,
    /// The next one.
    Next,
    /// The rest of a head.
    Head,
}

/// How long a connection may wait.
#[derive(Clone, Copy, Debug)]
pub(in crate::server) struct Bounds {
    pub(in crate::server) first: Duration,
    pub(in crate::server) next: Duration,
    pub(in crate::server) head: Duration,
}

impl Phase {
    /// As those see it who may end its wait.
    pub(in crate::server) fn wait(self) -> Option<Wait> {
        match self {
            Self::First => Some(Wait::First),
            Self::Next => Some(Wait::Next),
            Self::Head => None,
        }
    }
}

impl Bounds {
    pub(super) fn least(&self) -> Duration {
        self.first.min(self.next).min(self.head)
    }
}
