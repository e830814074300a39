//! How the jobs of a half fail, and the half with them.

use std::collections::VecDeque;

use super::half::{Direction, Half};
use super::{EndReason, Job};
use crate::aio::Provider;
use crate::background::UserCode;
use crate::error::{Error, ErrorKind};
use crate::unwind::guard;

impl<D: Direction> Half<D> {
    /// Ends the half because the thread or the caller that worked on it has panicked. The job in hand is
    /// dropped, and so completes; the others complete here.
    pub(super) fn worker_died(&self) {
        let (jobs, stand_in) = self.queue.worker_died();
        guard(|| drop(self.link.transport.abort(D::HOW)));
        self.fail_queued(jobs, EndReason::Lost);
        if stand_in {
            self.stand_in();
        }
    }

    /// Fails a job. If a part of it is out, its direction ends with it: nothing can follow.
    pub(crate) fn fail(&self, job: D::Job, error: impl Into<Error>) {
        let error = error.into();
        if job.is_cut() {
            self.end_with(job, error);
        } else {
            self.refuse(job, error);
        }
    }

    /// Fails a job that was interrupted, or has expired, in the queue.
    pub(super) fn fail_in_queue(&self, job: D::Job, kind: ErrorKind) {
        let moved = D::moved(self, &job);
        self.fail(job, Error::new(kind).with_count(moved));
    }

    /// Fails a job in flight, and with it its direction: first the end of the stream, so that
    /// nothing follows what was counted, then those who are to be told.
    pub(crate) fn end_with(&self, job: D::Job, error: Error) {
        let ended = self.queue.end(EndReason::WriteFailed);
        // Fails when the peer is gone already, and then there is nobody to see it.
        let _ = self.link.transport.abort(D::HOW);
        // If the direction was closed meanwhile, that is the reason, whatever the call has failed with.
        let error = match ended.before {
            Some(reason) => error.because_of(reason),
            None => error,
        };
        self.refuse(job, error);
        self.fail_queued(ended.jobs, EndReason::WriteFailed);
    }

    /// Ends the direction in the middle of something, of which no job is in hand: nothing follows.
    pub(crate) fn cut(&self, reason: EndReason) {
        let ended = self.queue.end(reason);
        // Fails when the peer is gone already, and then there is nobody to see it.
        let _ = self.link.transport.abort(D::HOW);
        self.fail_queued(ended.jobs, reason);
    }

    /// Fails what a queue had that has ended for this reason.
    pub(crate) fn fail_queued(&self, jobs: VecDeque<D::Job>, reason: EndReason) {
        for job in jobs {
            self.refuse(job, reason.into());
        }
    }

    /// Fails a job that was not accepted.
    pub(crate) fn reject(&self, job: D::Job, error: impl Into<Error>) {
        self.post_left(job.fail(error.into()));
    }

    /// Fails a job. The direction is untouched.
    pub(crate) fn refuse(&self, job: D::Job, error: Error) {
        self.queue.finished();
        self.post_left(job.fail(error));
    }

    /// Posts what a job has left to run.
    fn post_left(&self, left: Option<UserCode>) {
        if let Some(code) = left {
            self.post(code);
        }
    }
}
