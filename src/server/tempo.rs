//! Whether a handler is slow, so that it is called on a thread that nobody else waits for.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

/// Watches that were lost in a handler before it counts as slow: a thread may have been preempted once.
const LOSSES: u32 = 2;

/// A call that takes no longer than this is quick, and so many in a row make the handler quick again.
const QUICK: Duration = Duration::from_micros(250);
const QUICK_CALLS: u32 = 16;

/// What is known of a handler's calls.
#[derive(Debug, Default)]
pub(super) struct Tempo {
    losses: AtomicU32,
    /// Quick calls in a row, since it is slow.
    quick: AtomicU32,
}

impl Tempo {
    pub(super) fn is_slow(&self) -> bool {
        self.losses.load(Ordering::Relaxed) >= LOSSES
    }

    /// The watch was lost in a call.
    pub(super) fn lost_watch(&self) {
        self.losses.fetch_add(1, Ordering::Relaxed);
        self.quick.store(0, Ordering::Relaxed);
    }

    /// A call of a slow handler took so long.
    pub(super) fn took(&self, time: Duration) {
        if time > QUICK {
            self.quick.store(0, Ordering::Relaxed);
        } else if self.quick.fetch_add(1, Ordering::Relaxed) + 1 >= QUICK_CALLS {
            self.quick.store(0, Ordering::Relaxed);
            self.losses.store(0, Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_slow_after_two_losses_and_quick_after_a_run_of_quick_calls() {
        let tempo = Tempo::default();
        tempo.lost_watch();
        assert!(!tempo.is_slow());
        tempo.lost_watch();
        assert!(tempo.is_slow());
        for _ in 0..QUICK_CALLS - 1 {
            tempo.took(QUICK);
        }
        tempo.took(2 * QUICK); // Not in a row.
        for _ in 0..QUICK_CALLS {
            assert!(tempo.is_slow());
            tempo.took(QUICK);
        }
        assert!(!tempo.is_slow());
    }
}
