//! The writer's thread.
//!
//! A round: take what is queued, as many small writes as fit in one call; offer them to the kernel
//! without blocking; complete what it has accepted. If it has not accepted all, the first write
//! that is left is in flight, alone, in calls that may block; those behind it go back to the queue.
//!
//! Invariants:
//!
//! 1. A call that may block carries one operation, and the lane knows which: an interruption ends
//!    that one and no other.
//! 2. An operation that fails in flight ends the write side, because the stream is cut in the
//!    middle of it: `shutdown(Write)` first, then the completion, then `Closed` for those behind it.
//! 3. An operation of which nothing was offered in a blocking call is queued, whatever is done to it.
//! 4. `moved` is the sum of what the calls have returned, so every count is exact.

use std::collections::VecDeque;
use std::io;
use std::net::Shutdown;

use super::job::WriteJob;
use super::lane::Work;
use super::side::{Direction, Side};
use crate::aio::{Notice, Provider, Written};
use crate::bufs::{SLICES, Slices};
use crate::error::{Error, ErrorKind};
use crate::transport::Wait;

/// Most bytes a call. Bounds how stale a live `count()` is, and stays below what macOS refuses.
const CALL_BYTES: usize = 1 << 20;

/// Writes up to this size are coalesced, up to `BATCH_BYTES` a call.
const SMALL: u64 = 16 << 10;
const BATCH_BYTES: u64 = 256 << 10;

pub(crate) struct Writer;

impl Direction for Writer {
    type Job = WriteJob;
    const ROLE: &'static str = "write";
    const HOW: Shutdown = Shutdown::Write;

    fn run(side: &Side<Self>) {
        let mut batch = VecDeque::new();
        let mut notices = Vec::new();
        loop {
            let (mut slices, mut bytes) = (0, 0);
            let joins = |job: &WriteJob| {
                slices += job.bufs.len();
                bytes += job.bufs.remaining();
                job.bufs.remaining() <= SMALL && slices <= SLICES && bytes <= BATCH_BYTES
            };
            match side.lane.next(&mut batch, joins) {
                Work::Jobs => side.write(&mut batch, &mut notices),
                Work::Call(call) => side.run_call(call),
                Work::Exit => return,
            }
        }
    }

    /// The cause is recorded; wake the call and let the thread finish with the exact count.
    fn interrupt_call(side: &Side<Self>, operation: usize) {
        if side.lane.end_in_call(operation) {
            let _ = side.link.transport.shutdown(Shutdown::Write);
        }
    }
}

impl Side<Writer> {
    fn write(&self, batch: &mut VecDeque<WriteJob>, notices: &mut Vec<Notice<Written>>) {
        expire(batch, notices);
        let mut failure = None;
        match self.offer(batch) {
            Ok(count) => accept(batch, count),
            Err(error) => match error.kind() {
                io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted => {}
                _ => failure = Some(Error::from(error)),
            },
        }
        while batch.front().is_some_and(WriteJob::is_complete) {
            notices.extend(batch.pop_front().map(WriteJob::succeed));
        }
        // Closures come first, and may take their time: only what is in flight waits for them here.
        let in_flight = batch.front().is_some_and(|job| job.moved > 0);
        let keep = failure.is_some() || in_flight || notices.iter().all(Notice::is_none);
        let first = if keep { batch.pop_front() } else { None };
        self.put_off(batch, notices);
        self.tell(notices, first.is_some());
        match (first, failure) {
            (Some(job), Some(error)) => self.end_with(job, error),
            (Some(job), None) => self.write_blocking(job),
            (None, _) => {}
        }
    }

    /// One call that does not block, for all of them.
    fn offer(&self, batch: &VecDeque<WriteJob>) -> io::Result<usize> {
        let mut slices = Slices::new();
        let mut room = CALL_BYTES;
        for job in batch {
            room -= job.bufs.gather(&mut slices, room);
        }
        if slices.is_empty() {
            Ok(0)
        } else {
            self.link.transport.write(&slices, Wait::Never)
        }
    }

    /// Those that were not reached wait on, as if nothing had been.
    fn put_off(&self, rest: &mut VecDeque<WriteJob>, notices: &mut Vec<Notice<Written>>) {
        if rest.is_empty() {
            return;
        }
        let operations: Vec<_> = rest
            .iter()
            .filter_map(|job| job.completer.operation())
            .collect();
        if let Err(kind) = self.lane.give_back(rest) {
            notices.extend(rest.drain(..).map(|job| job.fail_with(kind.into())));
        }
        // Whoever interrupted one of them meanwhile did not find it in the queue.
        for operation in operations
            .iter()
            .filter(|operation| operation.cause().is_some())
        {
            self.interrupted(operation.id());
        }
    }

    /// The operation in flight, alone, until it is complete or fails.
    fn write_blocking(&self, mut job: WriteJob) {
        let mut blocked = job.moved > 0;
        loop {
            if job.is_complete() {
                let mut notices = vec![job.succeed()];
                return self.tell(&mut notices, false);
            }
            let Some(operation) = job.completer.operation() else {
                return;
            };
            let Some(wait) = job.deadline.wait() else {
                return self.stop(job, ErrorKind::TimedOut, blocked);
            };
            match self.lane.enter(operation) {
                Ok(away) => self.see_to(&away),
                Err(kind) => return self.stop(job, kind, blocked),
            }
            // Recorded before the lane knew that this operation may block: nobody will wake it.
            if let Some(cause) = job.completer.cause() {
                let ended = self.lane.leave();
                return self.stop(job, cause, blocked || ended.is_some());
            }
            blocked = true;
            let mut slices = Slices::new();
            job.bufs.gather(&mut slices, CALL_BYTES);
            let result = self.link.transport.write(&slices, wait);
            drop(slices);
            let ended = self.lane.leave();
            let failure = match result {
                Ok(0) => Some(Error::from(io::Error::from(io::ErrorKind::WriteZero))),
                Ok(count) => {
                    job.accept(count);
                    None
                }
                Err(error) => match error.kind() {
                    io::ErrorKind::WouldBlock
                    | io::ErrorKind::TimedOut
                    | io::ErrorKind::Interrupted => None,
                    _ => Some(Error::from(error)),
                },
            };
            // Cancelled or closed: that is the reason, whatever the call made of it.
            if let Some(error) = ended.map(Error::new).or(failure) {
                return self.end_with(job, error);
            }
        }
    }

    /// Fails the job; in flight, the write side with it.
    fn stop(&self, job: WriteJob, kind: ErrorKind, in_flight: bool) {
        if in_flight {
            return self.end_with(job, kind.into());
        }
        let mut notices = vec![job.fail_with(kind.into())];
        self.tell(&mut notices, false);
    }

    fn end_with(&self, job: WriteJob, error: Error) {
        let queued = self.lane.end(ErrorKind::Closed);
        let _ = self.link.transport.shutdown(Shutdown::Write);
        let mut notices = vec![job.fail_with(error)];
        notices.extend(
            queued
                .into_iter()
                .map(|job| job.fail_with(ErrorKind::Closed.into())),
        );
        self.tell(&mut notices, false);
    }

    /// Runs the closures that are due. `serving`: a job is still in hand.
    fn tell(&self, notices: &mut Vec<Notice<Written>>, serving: bool) {
        if notices.iter().all(Notice::is_none) {
            notices.clear();
            return;
        }
        let away = self.lane.away(serving);
        self.see_to(&away);
        for notice in notices.drain(..) {
            notice.run();
        }
    }
}

/// Takes out what has expired in the queue.
fn expire(batch: &mut VecDeque<WriteJob>, notices: &mut Vec<Notice<Written>>) {
    if !batch.iter().any(|job| job.deadline.is_past()) {
        return;
    }
    for _ in 0..batch.len() {
        let Some(job) = batch.pop_front() else { break };
        if job.deadline.is_past() {
            notices.push(job.fail_with(ErrorKind::TimedOut.into()));
        } else {
            batch.push_back(job);
        }
    }
}

/// Spreads what a call has accepted over the jobs that were offered, in their order.
fn accept(batch: &mut VecDeque<WriteJob>, count: usize) {
    let mut left = count;
    for job in batch {
        if left == 0 {
            break;
        }
        left = job.accept(left);
    }
}
