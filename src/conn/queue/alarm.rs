//! What a half has of the timer: its alarm, and what it does when that fires.

use std::sync::{Arc, Weak};
use std::time::Instant;

use super::half::{Direction, Half};
use crate::background;
use crate::error::ErrorKind;
use crate::timer::{self, Expire};

impl<D: Direction> Half<D> {
    /// Has the timer come at this time, if there is one.
    pub(super) fn arm(&self, at: Option<Instant>) -> bool {
        let Some(at) = at else { return true };
        // Held around the timer's lock, so that `expire` finds every alarm that has fired in here: one
        // that it did not take out would be taken for one that is still to come.
        let mut armed = self.alarm.lock();
        // An alarm that comes earlier looks at everything.
        if armed.as_ref().is_some_and(|alarm| alarm.at() <= at) {
            return true;
        }
        let Ok(alarm) = timer::arm(at, Weak::<Self>::clone(&self.this)) else {
            return false;
        };
        let later = armed.replace(alarm);
        drop(armed);
        drop(later);
        true
    }

    fn disarm(&self) {
        let alarm = self.alarm.lock().take();
        drop(alarm);
    }
}

impl<D: Direction> Expire for Half<D> {
    fn expire(&self) {
        // The alarm that has fired is gone; the next is armed anew.
        self.disarm();
        let due = self.queue.take_due(Instant::now());
        for job in due.jobs {
            self.fail_in_queue(job, ErrorKind::TimedOut);
        }
        self.arrange(&due.away);
        if due.start {
            self.start();
        }
    }

    fn release(self: Arc<Self>) {
        background::release(self);
    }
}
