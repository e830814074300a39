//! What ends everything before its time: Ctrl-C and the deadline.

use std::convert::Infallible;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, TryRecvError, after, at, bounded, never, select};
use http_aio::{Aio, CancelToken};

/// All that a run of a tool does.
pub(crate) struct Task {
    /// The deadline and the token, for every operation.
    options: Aio<()>,
    token: CancelToken,
    deadline: Option<Instant>,
    bell: Receiver<Infallible>,
}

impl Task {
    /// One that Ctrl-C ends. Without that, if the system does not allow it: then it ends the process.
    pub(crate) fn new() -> Self {
        let (ring, bell) = bounded(0);
        let token = CancelToken::new();
        let (theirs, mut ring) = (token.clone(), Some(ring));
        let handled = ctrlc::set_handler(move || {
            theirs.cancel();
            drop(ring.take());
        });
        Self {
            options: Aio::options().cancel_token(&token),
            token,
            deadline: None,
            bell: handled.map_or_else(|_| never(), |()| bell),
        }
    }

    /// The same, with a deadline from now on. None without a timeout, and none either if the clock does
    /// not reach that far.
    pub(crate) fn within(&self, timeout: Option<Duration>) -> Self {
        let deadline = timeout.and_then(|timeout| Instant::now().checked_add(timeout));
        let options = self.options.another();
        Self {
            options: match deadline {
                Some(at) => options.deadline(at),
                None => options,
            },
            deadline,
            ..self.clone()
        }
    }

    /// For one of its operations.
    pub(crate) fn aio<T>(&self) -> Aio<T> {
        self.options.another()
    }

    /// What all its operations have, those to come included.
    pub(crate) fn token(&self) -> &CancelToken {
        &self.token
    }

    /// Whether the user wants it to end.
    pub(crate) fn is_interrupted(&self) -> bool {
        self.bell.try_recv() == Err(TryRecvError::Disconnected)
    }

    /// Disconnected by Ctrl-C: for those who wait for something else as well.
    pub(crate) fn bell(&self) -> &Receiver<Infallible> {
        &self.bell
    }

    /// Receives something at the deadline: for those who wait for something else as well.
    pub(crate) fn passing(&self) -> Receiver<Instant> {
        self.deadline.map_or_else(never, at)
    }

    /// Whether there is so much time.
    pub(crate) fn has(&self, time: Duration) -> bool {
        let until = Instant::now().checked_add(time);
        until.is_some_and(|until| self.deadline.is_none_or(|deadline| until < deadline))
    }

    /// Lets time pass. False, and sooner, after Ctrl-C.
    pub(crate) fn pause(&self, time: Duration) -> bool {
        let over = after(time);
        select! {
            recv(over) -> _ => true,
            recv(self.bell) -> _ => false,
        }
    }
}

/// The same task.
impl Clone for Task {
    fn clone(&self) -> Self {
        Self {
            options: self.options.another(),
            token: self.token.clone(),
            deadline: self.deadline,
            bell: self.bell.clone(),
        }
    }
}

/// The value of `--timeout`.
pub(crate) fn seconds(argument: &str) -> Result<Duration, String> {
    let seconds = argument.parse().ok();
    seconds
        .and_then(|seconds| Duration::try_from_secs_f64(seconds).ok())
        .ok_or_else(|| "give a number of seconds, 0 or more, such as 2.5".to_owned())
}
