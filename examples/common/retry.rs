//! Another attempt, after a while.

use std::time::Duration;

use super::console::Console;
use super::ending::Ending;
use super::task::Task;

/// The pause before the second attempt. Each is twice as long as the one before.
const FIRST_PAUSE: Duration = Duration::from_millis(500);

/// The longest, unless the server asks for more.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// What is left of `--retry`.
#[derive(Clone, Debug)]
pub(crate) struct Retry {
    left: u32,
    pause: Duration,
}

impl Retry {
    pub(crate) fn new(times: u32) -> Self {
        Self {
            left: times,
            pause: FIRST_PAUSE,
        }
    }

    /// Whether an attempt that ends like this may be followed by another.
    pub(crate) fn is_left_for(&self, ending: &Ending) -> bool {
        self.left > 0 && ending.is_transient()
    }

    /// Waits before the next attempt. False if there is none: because this was the last, or there is no
    /// time for another.
    pub(crate) fn wait(&mut self, ending: &Ending, task: &Task, console: &Console) -> bool {
        if !self.is_left_for(ending) {
            return false;
        }
        let pause = ending.retry_after().unwrap_or_default().max(self.pause);
        if !task.has(pause) {
            return false;
        }
        console.note(&format!(
            "{ending}; trying again in {:.1} s, {} left",
            pause.as_secs_f64(),
            self.left
        ));
        self.left -= 1;
        self.pause = (self.pause * 2).min(LONGEST_PAUSE);
        task.pause(pause)
    }
}
