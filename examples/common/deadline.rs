//! The one deadline of everything that is done.

use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, at, never};
use http_aio::Aio;

#[derive(Clone, Copy)]
pub(crate) struct Deadline(Option<Instant>);

impl Deadline {
    /// None without a timeout, and none either if the clock does not reach that far.
    pub(crate) fn after(timeout: Option<Duration>) -> Self {
        Self(timeout.and_then(|timeout| Instant::now().checked_add(timeout)))
    }

    /// For an operation that has until then.
    pub(crate) fn aio<T>(self) -> Aio<T> {
        match self.0 {
            Some(at) => Aio::new().deadline(at),
            None => Aio::new(),
        }
    }

    /// Receives something then: for those who wait for something else as well.
    pub(crate) fn passing(self) -> Receiver<Instant> {
        self.0.map_or_else(never, at)
    }
}

/// The value of `--timeout`.
pub(crate) fn seconds(argument: &str) -> Result<Duration, String> {
    let seconds = argument.parse().ok();
    seconds
        .and_then(|seconds| Duration::try_from_secs_f64(seconds).ok())
        .ok_or_else(|| "expected a number of seconds, 0 or more".to_owned())
}
