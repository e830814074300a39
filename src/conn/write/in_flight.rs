//! The operation in flight: alone, in calls that may block.

use std::io;

use super::call;
use super::job::WriteJob;
use super::outgoing::Outgoing;
use super::writer::Writer;
use crate::aio::{Notice, Written};
use crate::conn::ledger::answered_early;
use crate::conn::queue::Half;
use crate::error::{Error, ErrorKind};

impl Half<Writer> {
    /// Writes the operation in flight, alone, until it is complete or fails.
    pub(super) fn write_blocking(
        &self,
        mut job: WriteJob,
        outgoing: &mut Outgoing,
        notices: &mut Vec<Notice<Written>>,
    ) {
        let transport = &*self.link.transport;
        let mut in_flight = job.parcel.is_begun();
        while !job.parcel.is_complete() {
            let Some(operation) = job.completer.operation() else {
                return;
            };
            let Some(wait) = job.wait() else {
                return self.stop(job, ErrorKind::TimedOut, in_flight);
            };
            match self.queue.enter(operation) {
                Ok(away) => self.arrange(&away),
                Err(reason) => return self.stop(job, reason, in_flight),
            }
            // A cause that was recorded before the queue knew of this call does not wake it.
            if let Some(cause) = job.completer.cause() {
                let ended = self.queue.leave();
                return self.stop(job, cause, in_flight || ended.is_some());
            }
            // So does a refusal of the body.
            if outgoing.is_refused(&self.link.ledger) {
                self.queue.leave();
                return self.end_with(job, answered_early());
            }
            in_flight = true;
            let result = job.measure(|| call::write_blocking(transport, &job.parcel, wait));
            job.parcel.set_mid_record(transport.is_mid_record());
            let ended = self.queue.leave();
            let failure = match result {
                Ok(0) => Some(Error::from(io::Error::from(io::ErrorKind::WriteZero))),
                Ok(count) => {
                    job.accept(count);
                    None
                }
                Err(error) => call::failure(error),
            };
            if let Some(error) = ended.map(Error::from).or(failure) {
                return self.end_with(job, error);
            }
            if job.parcel.wants_some() && job.parcel.is_complete() {
                call::write_more(transport, &mut job);
            }
        }
        notices.extend(self.succeed(job, outgoing));
    }

    /// Fails the job, and the write side with it if the job is in flight.
    fn stop(&self, job: WriteJob, error: impl Into<Error>, in_flight: bool) {
        if in_flight {
            self.end_with(job, error.into());
        } else {
            job.clear_number();
            self.fail(job, error);
        }
    }
}
