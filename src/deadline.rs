//! Time as the library uses it inside: one total deadline an operation, and what is left of it for the next call.

use std::time::{Duration, Instant};

use crate::transport::Wait;

/// The point in time at which an operation fails with `TimedOut`, if there is one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Deadline {
    Never,
    At(Instant),
}

impl Deadline {
    /// `after` from now. A duration too long for the clock never passes.
    pub(crate) fn after(after: Duration) -> Self {
        Instant::now()
            .checked_add(after)
            .map_or(Self::Never, Self::At)
    }

    pub(crate) fn earlier(self, other: Self) -> Self {
        match (self, other) {
            (Self::At(a), Self::At(b)) => Self::At(a.min(b)),
            (Self::Never, at) | (at, Self::Never) => at,
        }
    }

    pub(crate) fn instant(self) -> Option<Instant> {
        match self {
            Self::Never => None,
            Self::At(at) => Some(at),
        }
    }

    pub(crate) fn is_past(self) -> bool {
        self.wait().is_none()
    }

    /// What is left for the next call; `None` when the deadline has passed. Reads the clock only if there is one.
    pub(crate) fn wait(self) -> Option<Wait> {
        match self {
            Self::Never => Some(Wait::Forever),
            Self::At(at) => match at.saturating_duration_since(Instant::now()) {
                Duration::ZERO => None,
                left => Some(Wait::For(left)),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_beyond_the_clock_never_passes() {
        assert_eq!(Deadline::after(Duration::MAX), Deadline::Never);
    }

    #[test]
    fn nothing_left_is_not_a_zero_timeout() {
        assert_eq!(Deadline::At(Instant::now()).wait(), None);
        let timeout = |left| Wait::For(left).socket_timeout().map(|t| t.as_millis());
        assert_eq!(timeout(Duration::from_nanos(10)), Some(1));
        assert_eq!(timeout(Duration::from_micros(39_990)), Some(40));
        // A long wait in parts, the same for all that have just begun it.
        assert_eq!(timeout(Duration::from_micros(7_999_990)), Some(7_000));
        assert_eq!(timeout(Duration::from_millis(8_000)), Some(7_000));
    }

    #[test]
    fn the_earlier_of_two_counts() {
        let soon = Deadline::after(Duration::from_secs(1));
        let late = Deadline::after(Duration::from_secs(9));
        assert_eq!(soon.earlier(late), soon);
        assert_eq!(late.earlier(soon), soon);
        assert_eq!(Deadline::Never.earlier(late), late);
    }
}
