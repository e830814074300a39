//! Everything that one read needs, in one value that travels: nothing of it is stored on the connection.

use std::io;
use std::sync::Arc;

use super::attempt::Attempt;
use super::incoming::Incoming;
use super::outcome::Outcome;
use super::search::Search;
use super::want::{HeadClock, Want};
use crate::aio::Operation;
use crate::background::UserCode;
use crate::conn::ledger::Ledger;
use crate::conn::queue::Job;
use crate::deadline::Deadline;
use crate::error::{Error, ErrorKind};
use crate::proto::limits::Limits;
use crate::transport::{Transport, Wait};

pub(crate) struct ReadJob {
    pub(crate) want: Want,
    pub(crate) limits: Limits,
    pub(crate) deadline: Deadline,
}

/// What a call has brought.
pub(super) enum Arrived {
    Bytes,
    /// The end of the stream.
    End,
    /// Nothing was asked for.
    Nothing,
}

impl ReadJob {
    /// Until when the next call may wait.
    pub(super) fn call_deadline(&self) -> Deadline {
        match &self.want {
            Want::Answer(answer, _) => self.deadline.earlier(answer.call_deadline()),
            Want::Request(_, HeadClock::Running(deadline)) => *deadline,
            _ => self.deadline,
        }
    }

    /// Why it fails when that has passed.
    pub(super) fn timed_out(&self) -> Error {
        match &self.want {
            Want::Answer(answer, _) if !self.deadline.is_past() => answer.timed_out(),
            _ => ErrorKind::TimedOut.into(),
        }
    }

    /// Makes one call for what it wants. Returns what has arrived.
    ///
    /// # Errors
    ///
    /// Those of the transport.
    pub(super) fn call(
        &mut self,
        incoming: &mut Incoming,
        transport: &dyn Transport,
        room: usize,
        wait: Wait,
    ) -> io::Result<Arrived> {
        if let Want::Departure(watch, _) = &mut self.want {
            transport.wait_departure(watch.what, wait)?;
            watch.is_over = true;
            return Ok(Arrived::Nothing);
        }
        let input = &mut incoming.body.input;
        match incoming.waits.receive(input, transport, room, wait)? {
            0 => Ok(Arrived::End),
            _ => Ok(Arrived::Bytes),
        }
    }

    /// Why it cannot complete, if nothing more will come.
    pub(super) fn end_error(&self, input: &Incoming) -> Option<Error> {
        match &self.want {
            Want::Departure(..) => None,
            want => input.body.end_error(want.is_head()),
        }
    }

    /// Completes the read, if that is possible with what has arrived.
    pub(super) fn attempt(
        self,
        incoming: &mut Incoming,
        search: &mut Search,
        ledger: &Ledger,
    ) -> Attempt<Self> {
        let Self {
            want,
            limits,
            deadline,
        } = self;
        incoming.body.observe_upgrade(ledger);
        let attempt = want.attempt(incoming, search, &limits, ledger);
        attempt.map(|want| Self {
            want,
            limits,
            deadline,
        })
    }

    /// Notes how many bytes have arrived towards this read, and returns the number.
    pub(super) fn progress(&self, incoming: &mut Incoming) -> u64 {
        self.want.progress(incoming, &self.limits)
    }

    /// Fails the read, with what has arrived for it as the count. That stays for the next.
    pub(super) fn fail_at(self, error: Error, incoming: &mut Incoming) -> Outcome {
        let error = error.with_count(self.progress(incoming));
        self.want.fail(error)
    }

    pub(super) fn operation(&self) -> Option<Arc<dyn Operation>> {
        self.want.operation()
    }
}

impl Job for ReadJob {
    fn id(&self) -> usize {
        self.want.id()
    }

    fn deadline(&self) -> Deadline {
        self.deadline
    }

    fn set_place(&self, place: u64) {
        self.want.set_place(place);
    }

    fn set_held(&self, held: bool) {
        self.want.set_held(held);
    }

    fn is_wanted(&self) -> bool {
        self.want.is_wanted()
    }

    fn is_cut(&self) -> bool {
        false
    }

    fn fail(self, error: Error) -> Option<UserCode> {
        self.want.fail(error).notify()
    }
}
