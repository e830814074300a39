//! Writing: the writer's thread, and the caller that works in its place.
//!
//! A round takes what is queued, as many small writes as fit in one call; frames each for the message
//! that is being written (`outgoing`); offers them to the kernel without blocking, in one call, or in
//! one for each where the transport makes records (`call`); and completes what the kernel has accepted.
//! If that is not all, the first write that is left is in flight, alone, in calls that may block
//! (`in_flight`); those behind it go back to the queue. If closures are due, all go back until these
//! have run.
//!
//! Invariants:
//!
//! 1. A call that may block carries one operation, and the queue knows which: an interruption ends
//!    that one and no other.
//! 2. An operation that fails in flight ends the write side, because the stream is cut in the
//!    middle of it: `abort(Write)` first, then the completion, then `Closed` for those behind it.
//! 3. An operation is in flight once a blocking call has offered it, or a part of it is out or in a
//!    record of the transport; before that it is queued, whatever is done to it.
//! 4. What a parcel has `moved` is the sum of what the calls have returned, so every count is exact.
//! 5. A transport that makes records may hold more of an operation than it has counted, and is asked
//!    after each call that carried one (`is_mid_record`). An operation that is in the middle of a record
//!    may go back to the queue, in front, but not out of it without a cut; the next call begins with it.
//! 6. Over such a transport no call, be it one that blocks or not, carries two operations.

use std::collections::VecDeque;
use std::net::Shutdown;
use std::time::Instant;

use parking_lot::Mutex;

use super::call::{self, BatchRoom};
use super::job::WriteJob;
use super::outgoing::{Obstacle, Outgoing};
use super::parcel::Parcel;
use crate::aio::habit::Hold;
use crate::aio::{Notice, Operation, Provider, Written};
use crate::conn::ledger::{Ledger, answered_early};
use crate::conn::queue::{Direction, EndReason, Half, Next};
use crate::error::{Error, ErrorKind};

#[derive(Default)]
pub(crate) struct Writer {
    /// Whoever writes works on a copy, and puts it back here.
    pub(super) outgoing: Mutex<Outgoing>,
}

impl Direction for Writer {
    type Job = WriteJob;
    const ROLE: &'static str = "wr";
    const HOW: Shutdown = Shutdown::Write;

    fn run(half: &Half<Self>) {
        let mut batch = VecDeque::new();
        let mut notices = Vec::new();
        loop {
            let mut room = BatchRoom::default();
            match half.queue.next(&mut batch, |job| room.takes(&job.parcel)) {
                Next::Jobs => {
                    half.write(&mut batch, &mut notices);
                    half.notify(&mut notices);
                }
                Next::UserCode(call) => half.run_user_code(call),
                Next::Park => half.park(),
                Next::Exit => return,
            }
        }
    }

    /// A caller that waits for a write serves it itself.
    fn awaited(half: &Half<Self>, operation: &dyn Operation) -> bool {
        half.write_awaited(operation)
    }

    /// The cause is recorded. This wakes the call, and whoever makes it finishes with the exact count.
    fn interrupt_blocked(half: &Half<Self>, operation: &dyn Operation) {
        half.interrupt_call(operation);
    }
}

impl Half<Writer> {
    /// One round.
    pub(super) fn write(&self, batch: &mut VecDeque<WriteJob>, notices: &mut Vec<Notice<Written>>) {
        let mut outgoing = *self.direction.outgoing.lock();
        self.expire(batch);
        let failure = self.start_batch(&mut outgoing, batch, notices);
        // Closures may take their time. What is left waits for them in the queue, where it can expire
        // and be canceled.
        let wait = failure.is_none() && !notices.is_empty();
        let first = if wait { None } else { batch.pop_front() };
        self.requeue(batch);
        match (first, failure) {
            (Some(job), Some(error)) => self.end_with(job, error),
            (Some(job), None) => self.write_blocking(job, &mut outgoing, notices),
            (None, _) => {}
        }
        *self.direction.outgoing.lock() = outgoing;
    }

    /// Serves a write in place of the thread, for the caller, which waits for it. So the closure, if
    /// there is one, is one of the library's own. False if somebody else is to serve the write.
    fn write_awaited(&self, operation: &dyn Operation) -> bool {
        let Some(job) = self.queue.claim(operation) else {
            return false;
        };
        self.write_inline(|half, notices| half.write(&mut VecDeque::from([job]), notices));
        true
    }

    /// Writes what can be written of `job` without blocking, in place of the thread, to which the rest is
    /// left. The caller has claimed the queue. If the operation completes, its closure runs here, so it
    /// must be one of the library's own.
    pub(crate) fn write_some_inline(&self, job: WriteJob) {
        self.write_inline(|half, notices| {
            let mut batch = VecDeque::from([job]);
            let mut outgoing = *half.direction.outgoing.lock();
            let failure = half.start_batch(&mut outgoing, &mut batch, notices);
            *half.direction.outgoing.lock() = outgoing;
            if let Some(error) = failure {
                if let Some(job) = batch.pop_front() {
                    half.end_with(job, error);
                }
            }
            half.requeue(&mut batch);
        });
    }

    /// Submits a write, and writes what can be written of it without blocking, if nobody is writing.
    pub(crate) fn submit_some(&self, job: WriteJob, limit: usize) {
        if job.deadline.is_past() {
            return self.reject(job, ErrorKind::TimedOut);
        }
        match self.queue.claim_with(job) {
            Ok(job) => self.write_some_inline(job),
            Err(job) => drop(self.submit(job, limit, Hold::Never)),
        }
    }

    fn write_inline(&self, work: impl FnOnce(&Self, &mut Vec<Notice<Written>>)) {
        let mut notices = Vec::new();
        self.run_inline(|| work(self, &mut notices));
        notices.into_iter().for_each(Notice::run);
    }

    /// Frames a batch, offers it, and completes what the kernel has accepted. A failure is that of
    /// the first that is left.
    fn start_batch(
        &self,
        outgoing: &mut Outgoing,
        batch: &mut VecDeque<WriteJob>,
        notices: &mut Vec<Notice<Written>>,
    ) -> Option<Error> {
        self.admit(outgoing, batch, notices);
        loop {
            let failure = match call::offer(&*self.link.transport, batch) {
                Ok(count) => {
                    call::accept(batch, count);
                    None
                }
                Err(error) => call::failure(error),
            };
            if let Some(job) = batch.front_mut() {
                job.parcel
                    .set_mid_record(self.link.transport.is_mid_record());
            }
            let offered = batch.len();
            while batch.front().is_some_and(|job| job.parcel.is_complete()) {
                notices.extend(
                    batch
                        .pop_front()
                        .and_then(|job| self.succeed(job, outgoing)),
                );
            }
            // All went in one call. Where each has its own, this goes on until one does not go whole.
            let went = batch.len() < offered && self.link.transport.record().is_some();
            if !went || failure.is_some() || batch.is_empty() {
                return failure;
            }
        }
    }

    /// Takes out what has expired in the queue.
    fn expire(&self, batch: &mut VecDeque<WriteJob>) {
        let earliest = batch.iter().filter_map(|job| job.deadline.instant()).min();
        // The clock is read once, if at all.
        if earliest.is_none_or(|at| at > Instant::now()) {
            return;
        }
        for _ in 0..batch.len() {
            let Some(job) = batch.pop_front() else { break };
            if job.deadline.is_past() {
                self.fail(job, ErrorKind::TimedOut);
            } else {
                batch.push_back(job);
            }
        }
    }

    /// Leaves in the batch what may be offered as it is, and puts the rest back into the queue.
    fn admit(
        &self,
        outgoing: &Outgoing,
        batch: &mut VecDeque<WriteJob>,
        notices: &mut Vec<Notice<Written>>,
    ) {
        loop {
            let mut ahead = *outgoing;
            let obstacle = batch.iter_mut().enumerate().find_map(|(place, job)| {
                match ahead.admit(&mut job.parcel, &self.link.ledger) {
                    Ok(None) => None,
                    Ok(number) => {
                        job.set_number(number);
                        None
                    }
                    Err(obstacle) => Some((place, obstacle)),
                }
            });
            match obstacle {
                None => return,
                // What is in front of it goes first.
                Some((place @ 1.., _)) => return self.requeue(&mut batch.split_off(place)),
                Some((0, obstacle)) => {
                    let Some(job) = batch.pop_front() else { return };
                    match obstacle {
                        Obstacle::NotAllowed(error) => self.refuse(job, error),
                        Obstacle::EndsStream => {
                            self.requeue(batch);
                            return notices.extend(self.end_stream(job));
                        }
                        Obstacle::Refused => {
                            self.requeue(batch);
                            return self.end_with(job, answered_early());
                        }
                    }
                }
            }
        }
    }

    /// Ends the body with the stream, and the write side with it.
    fn end_stream(&self, job: WriteJob) -> Option<Notice<Written>> {
        let ended = self.queue.end(EndReason::StreamEnded);
        let result = self.link.transport.shutdown(Shutdown::Write);
        let notice = match (ended.before, result) {
            (Some(reason), _) => {
                self.refuse(job, reason.into());
                None
            }
            (None, Err(error)) => {
                self.refuse(job, error.into());
                None
            }
            (None, Ok(())) => {
                self.queue.finished();
                job.succeed()
            }
        };
        self.fail_queued(ended.jobs, EndReason::StreamEnded);
        notice
    }

    /// Completes a write, and moves on in the message that it is a part of.
    pub(super) fn succeed(
        &self,
        job: WriteJob,
        outgoing: &mut Outgoing,
    ) -> Option<Notice<Written>> {
        self.advance(&job.parcel, outgoing);
        job.succeed()
    }

    /// Moves on in the message that a parcel is a part of, because it is complete.
    pub(super) fn advance(&self, parcel: &Parcel, outgoing: &mut Outgoing) {
        self.move_on(|ledger| outgoing.complete(parcel, ledger));
    }

    /// Moves on, because something is complete.
    pub(super) fn move_on(&self, complete: impl FnOnce(&Ledger)) {
        let was_closing = self.link.ledger.is_closing();
        complete(&self.link.ledger);
        if !was_closing && self.link.ledger.is_closing() {
            // A read may be waiting for a message that cannot come any more.
            self.link.transport.wake_reader();
        }
        self.queue.finished();
    }

    /// Puts jobs back into the queue, in front.
    fn requeue(&self, rest: &mut VecDeque<WriteJob>) {
        if rest.is_empty() {
            return;
        }
        for job in rest.iter().filter(|job| !job.parcel.is_begun()) {
            job.clear_number();
        }
        let operations: Vec<_> = rest
            .iter()
            .filter_map(|job| job.completer.operation())
            .collect();
        if let Err(reason) = self.queue.give_back(rest) {
            for job in rest.drain(..) {
                self.fail(job, reason);
            }
        }
        // An interruption of one of them that came meanwhile did not find it in the queue.
        for operation in operations
            .iter()
            .filter(|operation| operation.cause().is_some())
        {
            self.interrupted(&**operation);
        }
    }

    /// Runs the closures that are due.
    fn notify(&self, notices: &mut Vec<Notice<Written>>) {
        if !notices.is_empty() {
            self.run_user_code(|| notices.drain(..).for_each(Notice::run));
        }
    }
}
