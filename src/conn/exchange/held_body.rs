//! The body of a request with `Expect: 100-continue`: a second write, which waits for the server's 100
//! (Continue), or for the timer.

use std::sync::{Arc, Weak};
use std::time::Instant;

use super::state::{Event, Write};
use super::{AnswerBody, Exchange};
use crate::aio::habit::Hold;
use crate::aio::{Aio, Interruption, Provider};
use crate::background;
use crate::conn::write::{Content, Parcel, Until, WriteJob};
use crate::error::Action;
use crate::timer::{self, Expire};

impl<B: AnswerBody> Exchange<B> {
    /// The head is out. The body waits for the server to say 100 (Continue), but not for long.
    pub(super) fn wait_for_continue(&self) {
        let Some(at) = Instant::now().checked_add(self.limits.continue_wait) else {
            return;
        };
        let this: Weak<dyn Expire> = Weak::<Self>::clone(&self.this);
        match timer::arm(at, this) {
            Ok(alarm) => {
                let mut state = self.state.lock();
                // The body may have been released, or dropped, meanwhile.
                let surplus = match state.progress.write {
                    Write::BodyHeld => state.continue_alarm.replace(alarm),
                    _ => Some(alarm),
                };
                drop(state);
                drop(surplus);
            }
            Err(_) => self.handle(Event::BodyReleased),
        }
    }

    /// The body is not sent.
    pub(super) fn drop_body(&self) {
        let mut state = self.state.lock();
        let (body, alarm) = (state.held_body.take(), state.continue_alarm.take());
        drop(state);
        drop(alarm);
        if let Some(body) = body.filter(|body| !body.is_empty()) {
            self.writer.post(Box::new(move || drop(body))); // It is the user's.
        }
    }

    /// Submits the write of the body.
    pub(super) fn send_body(&self) {
        let mut state = self.state.lock();
        let (body, alarm) = (state.held_body.take(), state.continue_alarm.take());
        let deadline = state.deadline;
        drop(state);
        drop(alarm);
        let (Some(body), Some(this)) = (body, self.this.upgrade()) else {
            return;
        };
        let aio = Aio::bounded(deadline);
        let (write, completer, _) = aio.start(
            &self.writer.provider(),
            Interruption::Recorded,
            Action::WriteRequest,
        );
        let operation = completer.operation();
        let canceler = write.canceler();
        let theirs = Arc::clone(&this);
        write.then(move |result| theirs.write_done(result));
        let parcel = Parcel::new(Content::Vector, body, Until::All);
        let job = WriteJob::new(parcel, deadline, completer).observed_by(this);
        let mut state = self.state.lock();
        state.writes.push(canceler.clone());
        let stopped = state.progress.is_stopped();
        drop(state);
        self.writer.submit(job, self.limits.queued, Hold::Never);
        // An interruption that came meanwhile did not find it in the queue.
        if stopped || operation.is_some_and(|operation| operation.cause().is_some()) {
            canceler.cancel();
        }
    }
}

/// The server has not said in time whether it wants the body, so the body is sent.
impl<B: AnswerBody> Expire for Exchange<B> {
    fn expire(&self) {
        self.handle(Event::BodyReleased);
    }

    fn release(self: Arc<Self>) {
        background::release(self);
    }
}
