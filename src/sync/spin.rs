//! Looking again for a moment before a thread parks, where that pays.
//!
//! Waking a parked thread costs more than a small operation, and so does a spin in vain. So whoever may spin remembers
//! how its last waits went: it spins while spins find what they wait for, and after two waits in a row that were short
//! although it slept. A single processor never spins, because the thread that it would wait for cannot be running.

use std::sync::atomic::{AtomicU8, Ordering};
use std::time::{Duration, Instant};

/// How long a spin lasts at most.
const LIMIT: Duration = Duration::from_micros(20);

/// A sleep that was no longer than this would have been a spin, but for the wake-up at its end.
const SHORT: Duration = Duration::from_micros(60);

/// Turns between two looks at the clock.
const TURNS: u32 = 16;

/// So many short waits are needed before a spin. A beginner has them.
const NEEDED: u8 = 2;

/// How the last waits went.
#[derive(Debug)]
pub(crate) struct Spin(AtomicU8);

impl Default for Spin {
    fn default() -> Self {
        Self::new()
    }
}

impl Spin {
    pub(crate) const fn new() -> Self {
        Self(AtomicU8::new(NEEDED))
    }

    /// Whether a spin is likely to pay.
    pub(crate) fn pays(&self) -> bool {
        self.0.load(Ordering::Relaxed) >= NEEDED && may_spin()
    }

    /// Looks at `ready` until it is true, or until the spin has lasted for too long; once, if it does not pay.
    pub(crate) fn until(&self, ready: impl Fn() -> bool) -> bool {
        let is_ready = ready() || (self.pays() && self.spin(ready));
        if is_ready {
            self.0.store(NEEDED, Ordering::Relaxed);
        }
        is_ready
    }

    fn spin(&self, ready: impl Fn() -> bool) -> bool {
        let since = Instant::now();
        loop {
            for _ in 0..TURNS {
                if ready() {
                    return true;
                }
                std::hint::spin_loop();
            }
            if since.elapsed() >= LIMIT {
                break;
            }
        }
        self.0.store(0, Ordering::Relaxed);
        false
    }

    /// A thread has slept since then, and has what it has waited for.
    pub(crate) fn slept(&self, since: Instant) {
        let waits = match since.elapsed() <= SHORT {
            true => self.0.load(Ordering::Relaxed).saturating_add(1),
            false => 0,
        };
        self.0.store(waits.min(NEEDED), Ordering::Relaxed);
    }
}

fn may_spin() -> bool {
    static MAY: std::sync::OnceLock<bool> = std::sync::OnceLock::new();
    *MAY.get_or_init(|| std::thread::available_parallelism().is_ok_and(|count| count.get() > 1))
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    /// How often a spin that finds nothing has looked.
    fn looks(spin: &Spin) -> u32 {
        let looks = Cell::new(0);
        assert!(!spin.until(|| {
            looks.set(looks.get() + 1);
            false
        }));
        looks.get()
    }

    fn long_ago() -> Instant {
        Instant::now()
            .checked_sub(2 * SHORT)
            .expect("the clock began before")
    }

    #[test]
    fn a_spin_in_vain_is_the_last_until_two_sleeps_were_short() {
        if !may_spin() {
            return;
        }
        let spin = Spin::new();
        assert!(looks(&spin) > TURNS);
        assert_eq!(looks(&spin), 1);
        // An instant that is to come was no time ago, however slow this machine is.
        let now = Instant::now() + Duration::from_secs(60);
        spin.slept(now);
        assert_eq!(looks(&spin), 1);
        spin.slept(long_ago());
        spin.slept(now);
        assert_eq!(looks(&spin), 1, "they must follow one another");
        spin.slept(now);
        assert!(looks(&spin) > TURNS);
    }

    #[test]
    fn what_is_found_keeps_the_next_spin() {
        if !may_spin() {
            return;
        }
        let spin = Spin::new();
        for _ in 0..3 {
            let looks = Cell::new(0);
            assert!(spin.until(|| looks.replace(looks.get() + 1) == 3));
        }
        assert_eq!(spin.0.load(Ordering::Relaxed), NEEDED);
    }
}
