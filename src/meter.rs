//! How long a peer may still keep us waiting in a body. It is computed before each wait: there is no timer, and
//! no sampling.

use std::time::{Duration, Instant};

/// How slow a peer may be: the time spent waiting for it is at most `grace` and what its bytes have earned at
/// `rate`, and one wait at most `stall`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pace {
    pub(crate) grace: Duration,
    /// Bytes a second.
    pub(crate) rate: u32,
    pub(crate) stall: Duration,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Meter {
    pace: Pace,
    waited: Duration,
    bytes: u64,
    /// Of these, those that were counted elsewhere.
    counted: u64,
    /// The peer has lately taken all that it got, at once. It outlasts a body.
    is_quick: bool,
}

impl Meter {
    pub(crate) fn new(pace: Pace) -> Self {
        Self {
            pace,
            waited: Duration::ZERO,
            bytes: 0,
            counted: 0,
            is_quick: false,
        }
    }

    /// Another body begins.
    pub(crate) fn restart(&mut self, pace: Pace) {
        *self = Self {
            is_quick: self.is_quick,
            ..Self::new(pace)
        };
    }

    pub(crate) fn is_quick(&self) -> bool {
        self.is_quick
    }

    pub(crate) fn set_quick(&mut self, is_quick: bool) {
        self.is_quick = is_quick;
    }

    pub(crate) fn set_pace(&mut self, pace: Pace) {
        self.pace = pace;
    }

    /// How long the next wait may last.
    pub(crate) fn left(&self) -> Duration {
        let rate = u64::from(self.pace.rate.max(1));
        let fraction = 1_000_000_000 * (self.bytes % rate) / rate;
        let earned = Duration::from_secs(self.bytes / rate) + Duration::from_nanos(fraction);
        let allowed = self.pace.grace.saturating_add(earned);
        allowed.saturating_sub(self.waited).min(self.pace.stall)
    }

    /// A wait that began at `start` is over.
    pub(crate) fn waited(&mut self, start: Instant) {
        self.waited += start.elapsed();
    }

    /// Bytes that have passed since the start.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Bytes that have passed and are to be counted elsewhere, once.
    pub(crate) fn uncounted(&mut self) -> u64 {
        let uncounted = self.bytes - self.counted;
        self.counted = self.bytes;
        uncounted
    }

    /// So many bytes have passed.
    pub(crate) fn passed(&mut self, bytes: u64) {
        self.bytes += bytes;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PACE: Pace = Pace {
        grace: Duration::from_secs(20),
        rate: 500,
        stall: Duration::from_secs(30),
    };

    #[test]
    fn bytes_earn_time_and_waiting_spends_it() {
        let mut meter = Meter::new(PACE);
        assert_eq!(meter.left(), Duration::from_secs(20));
        meter.waited = Duration::from_secs(15);
        assert_eq!(meter.left(), Duration::from_secs(5));
        meter.bytes = 5_000;
        assert_eq!(meter.left(), Duration::from_secs(15));
        meter.bytes += 50;
        assert_eq!(meter.left(), Duration::from_millis(15_100));
        meter.waited = Duration::from_secs(40);
        assert_eq!(meter.left(), Duration::ZERO);
    }

    #[test]
    fn bytes_are_counted_once() {
        let mut meter = Meter::new(PACE);
        meter.passed(5);
        assert_eq!(meter.uncounted(), 5);
        assert_eq!(meter.uncounted(), 0);
        meter.passed(2);
        assert_eq!((meter.uncounted(), meter.bytes()), (2, 7));
        meter.restart(PACE);
        assert_eq!(meter.uncounted(), 0);
    }

    #[test]
    fn another_body_leaves_a_peer_quick() {
        let mut meter = Meter::new(PACE);
        assert!(!meter.is_quick());
        meter.set_quick(true);
        meter.passed(5);
        meter.restart(PACE);
        assert_eq!((meter.is_quick(), meter.bytes()), (true, 0));
    }

    #[test]
    fn a_credit_does_not_excuse_a_stall() {
        let mut meter = Meter::new(PACE);
        meter.bytes = 1 << 30;
        assert_eq!(meter.left(), PACE.stall);
    }
}
