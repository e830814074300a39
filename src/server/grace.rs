//! The time after which a server that stops ends the connections that wait.

use std::io;
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use super::lifecycle::{Lifecycle, Phase};
use crate::background;
use crate::timer::{self, Alarm, Expire};

/// Ends the waits of connections when its time has come, unless it is dropped before.
pub(super) struct Grace {
    _end: Arc<End>,
    _alarm: Option<Alarm>,
}

struct End(Weak<Lifecycle>);

impl Grace {
    /// # Errors
    ///
    /// There is no thread for the timer.
    pub(super) fn begin(lifecycle: &Arc<Lifecycle>, time: Duration) -> io::Result<Self> {
        let end = Arc::new(End(Arc::downgrade(lifecycle)));
        let weak = Arc::downgrade(&end);
        // One beyond the clock never ends.
        let at = Instant::now().checked_add(time);
        let alarm = at.map(|at| timer::arm(at, weak)).transpose()?;
        Ok(Self {
            _end: end,
            _alarm: alarm,
        })
    }
}

impl Expire for End {
    /// What is a user's may go with the last connection, and this is the timer's thread.
    fn expire(&self) {
        let lifecycle = Weak::clone(&self.0);
        background::run(Box::new(move || {
            if let Some(lifecycle) = lifecycle.upgrade() {
                lifecycle.stop(Phase::Draining);
            }
        }));
    }

    fn release(self: Arc<Self>) {
        background::release(self);
    }
}
