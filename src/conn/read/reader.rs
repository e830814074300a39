//! Reading: the reader's thread, and the caller that serves the read it waits for in its place.
//!
//! One read at a time is served. What has arrived already is handed out first; if that is not enough, a
//! call blocks for more. What arrives belongs to the connection, not to the read that waited for it;
//! `incoming` knows the messages it is made of.
//!
//! Invariants:
//!
//! 1. Bytes are taken only after `commit`, when no interruption can settle the read any more, with two
//!    exceptions: the read of a whole answer takes the head first, because an exchange that fails after
//!    that closes the connection; and the read of a `shutdown` throws away what arrives.
//! 2. An interruption settles a read at once, and wakes its call: nothing is shut down, and the
//!    thread goes on with the next read.
//! 3. No failure of a read ends anything but that read. An end of stream, and an error of the
//!    socket, is found by every later read that needs more than there is.
//! 4. A read completes when `incoming` is back in its place, so that whoever learns of it finds the
//!    connection at rest.

use std::collections::VecDeque;
use std::net::Shutdown;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use parking_lot::Mutex;

use super::attempt::Attempt;
use super::beginning::Beginning;
use super::incoming::Incoming;
use super::incoming_body::unread_body;
use super::job::{Arrived, ReadJob};
use super::outcome::Outcome;
use super::search::Search;
use super::want::Want;
use crate::aio::Operation;
use crate::aio::habit::Hold;
use crate::background::UserCode;
use crate::conn::queue::{Direction, Half, Job, Next, Rest};
use crate::error::{Error, ErrorKind};
use crate::proto::body::BodyFraming;
use crate::proto::limits::Limits;
use crate::transport::moved_nothing;

/// Room for one call: at least, and at most. Where a request is waited for, less is enough for most, and a
/// connection that waits keeps no more.
const LEAST_ROOM: usize = 16 << 10;
const REQUEST_ROOM: usize = 4 << 10;
const MOST_ROOM: usize = 256 << 10;

/// How long an interrupted read may take to come back from its call.
const SETTLING: Duration = Duration::from_millis(50);

#[derive(Default)]
pub(crate) struct Reader {
    /// Whoever serves a read takes it out, and puts it back. There is none before the first read.
    incoming: Mutex<Option<Box<Incoming>>>,
}

impl Direction for Reader {
    type Job = ReadJob;
    const ROLE: &'static str = "rd";
    const HOW: Shutdown = Shutdown::Read;

    fn run(half: &Half<Self>) {
        let mut jobs = VecDeque::new();
        loop {
            let call = match half.queue.next(&mut jobs, |_| false) {
                Next::Jobs => jobs.pop_front().and_then(|job| half.serve(job)),
                Next::UserCode(call) => Some(call),
                Next::Park => {
                    half.park();
                    None
                }
                Next::Exit => return,
            };
            if let Some(call) = call {
                half.run_user_code(call);
            }
        }
    }

    /// A caller that waits for a read serves it itself.
    fn awaited(half: &Half<Self>, operation: &dyn Operation) -> bool {
        half.serve_inline(operation)
    }

    /// Counts what has arrived, which waits for the read that is next.
    fn moved(half: &Half<Self>, job: &ReadJob) -> u64 {
        match &mut *half.direction.incoming.lock() {
            Some(incoming) => job.progress(incoming),
            None => 0,
        }
    }

    fn unwanted(half: &Half<Self>) -> Vec<Arc<dyn Operation>> {
        half.queue.unwanted(ReadJob::operation)
    }

    /// The read is settled. If another read is in the call by now, it looks at what is there and calls
    /// again.
    fn interrupt_blocked(half: &Half<Self>, _: &dyn Operation) {
        half.link.transport.wake_reader();
    }
}

impl Half<Reader> {
    /// Serves one read to its end; returns the closure that is to run.
    fn serve(&self, job: ReadJob) -> Option<UserCode> {
        let mut incoming = self.take_incoming();
        let outcome = self.read(job, &mut incoming);
        self.put_incoming(incoming);
        self.queue.finished();
        outcome.notify()
    }

    pub(super) fn take_incoming(&self) -> Box<Incoming> {
        self.direction.incoming.lock().take().unwrap_or_default()
    }

    pub(super) fn put_incoming(&self, incoming: Box<Incoming>) {
        *self.direction.incoming.lock() = Some(incoming);
    }

    /// Serves a read in place of the thread, for the caller, which waits for it. So the closure, if
    /// there is one, is one of the library's own. False if somebody else is to serve the read.
    pub(crate) fn serve_inline(&self, operation: &dyn Operation) -> bool {
        let Some(job) = self.queue.claim(operation) else {
            return false;
        };
        if let Some(call) = self.run_inline(|| self.serve(job)).flatten() {
            call();
        }
        true
    }

    /// Serves a read in place of the thread if that has nothing to do, or else submits it. The closure of the
    /// read, if there is one, is one of the library's own.
    pub(crate) fn serve_or_submit(&self, job: ReadJob, limit: usize) {
        match self.queue.claim_with(job) {
            Ok(job) => {
                if let Some(call) = self.run_inline(|| self.serve(job)).flatten() {
                    call();
                }
            }
            Err(job) => drop(self.submit(job, limit, Hold::Never)),
        }
    }

    /// What has arrived and was not read yet, for as long as nobody reads.
    pub(crate) fn with_unread<T>(&self, look: impl FnOnce(&[u8]) -> T) -> T {
        match &*self.direction.incoming.lock() {
            Some(incoming) => look(incoming.body.input.raw()),
            None => look(&[]),
        }
    }

    /// The deadline of the read that is in a call may have come nearer: has the call come back to look.
    pub(crate) fn recheck_deadline(&self) {
        if self.queue.is_blocked() {
            self.link.transport.wake_reader();
        }
    }

    /// Whether all reads are finished. One that an interruption has settled may still be on its way out
    /// of its call: that is waited for, because whoever was told may ask for the stream at once.
    pub(crate) fn comes_to_rest(&self) -> bool {
        let rest = self.rest_after(|rest| matches!(rest, Rest::Blocked | Rest::Returning));
        rest == Rest::Quiet
    }

    /// Whether all reads are settled. One that was interrupted takes nothing any more, though it may
    /// still be in its call.
    pub(crate) fn is_settled(&self) -> bool {
        let rest = self.rest_after(|rest| rest == Rest::Returning);
        matches!(rest, Rest::Quiet | Rest::Blocked)
    }

    /// How far it is from being quiet, once it is no longer so far; not for ever.
    fn rest_after(&self, waits: impl Fn(Rest) -> bool) -> Rest {
        let until = Instant::now() + SETTLING;
        loop {
            let rest = self.queue.rest();
            if !waits(rest) || Instant::now() >= until {
                return rest;
            }
            std::thread::yield_now();
        }
    }

    /// Why no exchange can begin, if nobody is reading.
    ///
    /// # Errors
    ///
    /// Those of `IncomingBody::expect_idle`.
    pub(crate) fn expect_idle(&self, limits: &Limits) -> Result<(), Error> {
        match &mut *self.direction.incoming.lock() {
            Some(incoming) => incoming.body.expect_idle(limits),
            None if self.link.ledger.reading.is_set() => Err(unread_body()),
            None => Ok(()),
        }
    }

    /// Between two messages.
    pub(crate) fn is_between_messages(&self, limits: &Limits) -> bool {
        match &mut *self.direction.incoming.lock() {
            // The end of a chunked body counts as read once there is nothing before it.
            Some(incoming) => {
                let body = &mut incoming.body;
                body.expect_idle(limits).is_ok() && body.is_between_messages()
            }
            None => !self.link.ledger.reading.is_set(),
        }
    }

    /// Takes what was not handed out, as it arrived. `None` in the middle of a chunked body.
    pub(crate) fn take_unread(&self) -> Option<Bytes> {
        match &mut *self.direction.incoming.lock() {
            Some(incoming) => incoming.body.take_unread(),
            None => Some(Bytes::new()),
        }
    }

    /// Takes what has come of the body that was declared so, if nobody reads.
    ///
    /// # Errors
    ///
    /// Those of `IncomingBody::take_beginning`.
    pub(crate) fn take_beginning(
        &self,
        declared: BodyFraming,
        most: usize,
        limits: &Limits,
    ) -> Result<Beginning, Error> {
        match &mut *self.direction.incoming.lock() {
            Some(incoming) if self.queue.is_quiet() => {
                incoming.body.take_beginning(declared, most, limits)
            }
            _ => Ok(Beginning::none(declared)),
        }
    }

    /// Puts back what was handed out last, if nobody reads.
    pub(crate) fn put_back(&self, content: &[u8]) {
        if content.is_empty() {
            return;
        }
        if let Some(incoming) = &mut *self.direction.incoming.lock() {
            if let Some(framing) = incoming.body.put_back(content) {
                *self.link.ledger.incoming.lock() = framing;
            }
        }
    }

    /// Serves one read, and returns what it ends with, for when the connection is at rest.
    fn read(&self, mut job: ReadJob, incoming: &mut Incoming) -> Outcome {
        if job.deadline.is_past() {
            return job.fail_at(ErrorKind::TimedOut.into(), incoming);
        }
        let mut search = Search::default();
        loop {
            let room;
            (job, room) = match job.attempt(incoming, &mut search, &self.link.ledger) {
                Attempt::Completed(outcome) => return outcome,
                Attempt::NotYet(job, room) => {
                    let least = match job.want {
                        Want::Request(..) => REQUEST_ROOM,
                        _ => LEAST_ROOM,
                    };
                    (job, room.clamp(least, MOST_ROOM))
                }
            };
            job.progress(incoming);
            if let Some(error) = job.end_error(incoming) {
                return job.fail_at(error, incoming);
            }
            let Some(operation) = job.operation() else {
                return Outcome::Settled;
            };
            self.link.ledger.reading.set(!incoming.body.is_at_rest());
            match self.queue.enter(operation) {
                Ok(away) => self.arrange(&away),
                Err(reason) => return job.fail_at(reason.into(), incoming),
            }
            // It was settled, or given up, before the queue knew of it: nobody would wake the call.
            if job.want.is_settled() || (!job.is_wanted() && self.queue.is_draining()) {
                self.queue.leave();
                return job.fail_at(ErrorKind::Canceled.into(), incoming);
            }
            if let Some(cause) = job.want.cause() {
                self.queue.leave();
                return job.fail_at(cause.into(), incoming);
            }
            // The deadline is read after that, so that whoever shortens it is seen here or wakes the call.
            let Some(wait) = job.call_deadline().wait() else {
                self.queue.leave();
                let error = job.timed_out();
                return job.fail_at(error, incoming);
            };
            let result = job.call(incoming, &*self.link.transport, room, wait);
            let ended = self.queue.leave();
            let input = &mut incoming.body.input;
            match result {
                Ok(Arrived::End) => input.mark_ended(),
                Ok(Arrived::Bytes | Arrived::Nothing) => {}
                Err(error) if moved_nothing(&error) => {}
                Err(error) => input.mark_broken(error),
            }
            if let Some(reason) = ended {
                return job.fail_at(reason.into(), incoming);
            }
        }
    }
}
