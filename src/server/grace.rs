//! The time that a server which stops leaves to connections that wait.

use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::background;
use crate::timer::{self, Alarm, Expire};

/// Does something when its time is over, unless it is dropped before.
pub(super) struct Grace {
    _end: Arc<End>,
    _alarm: Option<Alarm>,
}

struct End(Arc<dyn Fn() + Send + Sync>);

impl Grace {
    /// # Errors
    ///
    /// There is no thread for the timer.
    pub(super) fn begin(
        time: Duration,
        over: impl Fn() + Send + Sync + 'static,
    ) -> io::Result<Self> {
        let end = Arc::new(End(Arc::new(over)));
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
        let over = Arc::clone(&self.0);
        background::run(Box::new(move || over()));
    }

    fn release(self: Arc<Self>) {
        background::release(self);
    }
}
