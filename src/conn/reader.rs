//! Reading: the reader's thread, and the caller that serves the read it waits for in its place.
//!
//! One read at a time: what has arrived already is handed out first; if it does not do, a call
//! blocks for more. What arrives belongs to the connection, not to the read that waited for it;
//! `incoming` knows the messages it is made of.
//!
//! Invariants:
//!
//! 1. Bytes are taken only after `commit`, when no interruption can settle the read any more.
//! 2. An interruption settles a read at once, and wakes its call: nothing is shut down, and the
//!    thread goes on with the next read.
//! 3. No failure of a read ends anything but that read. An end of stream, and an error of the
//!    socket, is found by every later read that needs more than there is.
//! 4. The outcome of a read is told when `incoming` is back in its place, so that whoever is told
//!    finds the connection at rest.

use std::collections::VecDeque;
use std::net::Shutdown;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{HeaderMap, Request, Response};
use parking_lot::Mutex;

use super::incoming::{Available, Incoming, Search, unasked};
use super::ledger::Ledger;
use super::queue::{Direction, Half, Job, Next};
use super::read::answer::{Answer, Extent};
use super::read::job::{ReadJob, Want};
use crate::aio::{Completer, Operation};
use crate::background::Call;
use crate::error::{Error, ErrorKind};
use crate::proto::limits::Limits;
use crate::transport::moved_nothing;

/// Room for one call: at least, and at most.
const LEAST_ROOM: usize = 16 << 10;
const MOST_ROOM: usize = 256 << 10;

/// Room for what is thrown away.
const DISCARDED: usize = 64 << 10;

/// How long an interrupted read may take to come back from its call.
const SETTLING: Duration = Duration::from_millis(50);

#[derive(Default)]
pub(crate) struct Reader {
    /// With whoever serves a read, here in between; none before the first.
    pub(crate) incoming: Mutex<Option<Box<Incoming>>>,
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
                Next::Call(call) => Some(call),
                Next::Park => {
                    half.park();
                    None
                }
                Next::Exit => return,
            };
            if let Some(call) = call {
                half.run(call);
            }
        }
    }

    /// Whoever waits for a read may as well do it.
    fn awaited(half: &Half<Self>, operation: &dyn Operation) -> bool {
        half.serve_inline(operation)
    }

    /// What has arrived waits for the read that is next.
    fn moved(half: &Half<Self>, job: &ReadJob) -> u64 {
        match &mut *half.direction.incoming.lock() {
            Some(incoming) => job.progress(incoming),
            None => 0,
        }
    }

    fn unwanted(half: &Half<Self>) -> Vec<Arc<dyn Operation>> {
        half.queue.unwanted(ReadJob::operation)
    }

    /// The read is settled. If the call is another's by now, that one goes round.
    fn interrupt_call(half: &Half<Self>, _: &dyn Operation) {
        half.link.transport.wake_reader();
    }
}

impl Half<Reader> {
    /// Serves one read to its end; returns the closure that is to be told.
    fn serve(&self, job: ReadJob) -> Option<Call> {
        let mut incoming = self.direction.incoming.lock().take().unwrap_or_default();
        let outcome = self.read(job, &mut incoming);
        *self.direction.incoming.lock() = Some(incoming);
        self.queue.finished();
        outcome.tell()
    }

    /// Serves a read in place of the thread, for the caller, who waits for it, so that its
    /// closure, if it has one, is one of ours. False if somebody else is to serve it.
    pub(crate) fn serve_inline(&self, operation: &dyn Operation) -> bool {
        let Some(job) = self.queue.claim(operation) else {
            return false;
        };
        if let Some(call) = self.run_inline(|| self.serve(job)).flatten() {
            call();
        }
        true
    }

    /// The deadline of the read in the call may have come nearer.
    pub(crate) fn look_again(&self) {
        if self.queue.is_in_call() {
            self.link.transport.wake_reader();
        }
    }

    /// Whether all reads are finished. One that an interruption has told may still be on its way out of
    /// its call: that is waited for, because whoever was told may ask for the stream at once.
    pub(crate) fn comes_to_rest(&self) -> bool {
        let until = Instant::now() + SETTLING;
        loop {
            if self.queue.is_quiet() {
                return true;
            }
            if !self.queue.is_settling() || Instant::now() >= until {
                return false;
            }
            std::thread::yield_now();
        }
    }

    /// Why no exchange can begin, if nobody is reading.
    ///
    /// # Errors
    ///
    /// Those of `Incoming::expect_idle`.
    pub(crate) fn expect_idle(&self, limits: &Limits) -> Result<(), Error> {
        match &mut *self.direction.incoming.lock() {
            Some(incoming) => incoming.expect_idle(limits),
            None => Ok(()),
        }
    }

    /// Between two messages.
    pub(crate) fn is_between(&self, limits: &Limits) -> bool {
        match &mut *self.direction.incoming.lock() {
            // The end of a chunked body counts as read once there is nothing before it.
            Some(incoming) => incoming.expect_idle(limits).is_ok() && incoming.is_between(),
            None => true,
        }
    }

    fn read(&self, mut job: ReadJob, incoming: &mut Incoming) -> Outcome {
        if job.deadline.is_past() {
            return job.fail_at(ErrorKind::TimedOut.into(), incoming);
        }
        let mut search = Search::default();
        loop {
            let room;
            (job, room) = match job.fulfil(incoming, &mut search, &self.link.ledger) {
                Completed(outcome) => return outcome,
                NotYet(job, room) => (job, room.clamp(LEAST_ROOM, MOST_ROOM)),
            };
            job.progress(incoming);
            if let Some(error) = incoming.end(job.want.is_head()) {
                return job.fail_at(error, incoming);
            }
            let Some(operation) = job.operation() else {
                return Outcome::Settled;
            };
            match self.queue.enter(operation) {
                Ok(away) => self.see_to(&away),
                Err(kind) => return job.fail_at(kind.into(), incoming),
            }
            // Settled, or given up, before the queue knew of it: nobody would wake the call.
            if job.want.is_settled() || (!job.is_wanted() && self.queue.is_draining()) {
                self.queue.leave();
                return job.fail_at(ErrorKind::Canceled.into(), incoming);
            }
            // After that, so that whoever shortens it either is heard or wakes the call.
            let Some(wait) = job.patience().wait() else {
                self.queue.leave();
                return job.fail_at(ErrorKind::TimedOut.into(), incoming);
            };
            let input = &mut incoming.input;
            let result = input.receive(&*self.link.transport, room, wait);
            let ended = self.queue.leave();
            match result {
                Ok(0) => input.ended(),
                Ok(_) => {}
                Err(error) if moved_nothing(&error) => {}
                Err(error) => input.broke(error),
            }
            if let Some(kind) = ended {
                return job.fail_at(kind.into(), incoming);
            }
        }
    }
}

/// What is to be told of a read, and to whom.
enum Outcome {
    Bytes(Completer<Bytes>, Result<Bytes, Error>),
    Trailers(Completer<HeaderMap>, Result<HeaderMap, Error>),
    Request(
        Completer<Request<Bytes>>,
        Box<Result<Request<Bytes>, Error>>,
    ),
    Response(
        Completer<Response<Bytes>>,
        Box<Result<Response<Bytes>, Error>>,
    ),
    Rest(Completer<()>, Result<(), Error>),
    Failed(ReadJob, Error),
    /// An interruption has told it.
    Settled,
}

impl Outcome {
    /// Returns the closure that is to be told, if there is one.
    fn tell(self) -> Option<Call> {
        match self {
            Self::Bytes(completer, result) => completer.finish(result).into_call(),
            Self::Trailers(completer, result) => completer.finish(result).into_call(),
            Self::Request(completer, result) => completer.finish(*result).into_call(),
            Self::Response(completer, result) => completer.finish(*result).into_call(),
            Self::Rest(completer, result) => completer.finish(result).into_call(),
            Self::Failed(job, error) => job.fail(error),
            Self::Settled => None,
        }
    }
}

/// The types that reads yield.
trait Readable: Send + Sized + 'static {
    fn outcome(completer: Completer<Self>, result: Result<Self, Error>) -> Outcome;
}

impl Readable for Bytes {
    fn outcome(completer: Completer<Self>, result: Result<Self, Error>) -> Outcome {
        Outcome::Bytes(completer, result)
    }
}

impl Readable for HeaderMap {
    fn outcome(completer: Completer<Self>, result: Result<Self, Error>) -> Outcome {
        Outcome::Trailers(completer, result)
    }
}

impl Readable for Request<Bytes> {
    fn outcome(completer: Completer<Self>, result: Result<Self, Error>) -> Outcome {
        Outcome::Request(completer, Box::new(result))
    }
}

impl Readable for () {
    fn outcome(completer: Completer<Self>, result: Result<Self, Error>) -> Outcome {
        Outcome::Rest(completer, result)
    }
}

impl Readable for Response<Bytes> {
    fn outcome(completer: Completer<Self>, result: Result<Self, Error>) -> Outcome {
        Outcome::Response(completer, Box::new(result))
    }
}

/// What became of a read that looked at what is there.
enum Looked<T> {
    Completed(Outcome),
    /// Needs more, in calls with this much room.
    NotYet(T, usize),
}

use Looked::{Completed, NotYet};

impl<T> Looked<T> {
    fn or_again(self, job: impl FnOnce(T) -> ReadJob) -> Looked<ReadJob> {
        match self {
            Completed(outcome) => Completed(outcome),
            NotYet(back, room) => NotYet(job(back), room),
        }
    }
}

impl ReadJob {
    /// Completes the read if there is what it wants, or what it cannot want, or if it has been
    /// settled meanwhile.
    fn fulfil(self, incoming: &mut Incoming, search: &mut Search, ledger: &Ledger) -> Looked<Self> {
        let Self {
            want,
            limits,
            deadline,
        } = self;
        let again = |want| Self {
            want,
            limits,
            deadline,
        };
        incoming.heed(ledger);
        match want {
            want if want.is_settled() => Completed(Outcome::Settled),
            Want::Some(most, completer) => {
                let available = incoming.some(most, &limits);
                some(incoming, available, most, completer)
                    .or_again(|completer| again(Want::Some(most, completer)))
            }
            Want::All(count, completer) => {
                let available = incoming.available(count, &limits);
                all(incoming, available, count, completer)
                    .or_again(|completer| again(Want::All(count, completer)))
            }
            Want::Trailers(completer) => {
                let looked = match incoming.trailers(&limits) {
                    Ok(None) => NotYet(completer, 0),
                    Ok(Some(trailers)) => finish(completer, Ok(trailers)),
                    Err(error) => finish(completer, Err(error)),
                };
                looked.or_again(|completer| again(Want::Trailers(completer)))
            }
            Want::Request(completer) => {
                let looked = match incoming.request(search, &limits, ledger) {
                    Ok(None) => NotYet(completer, 0),
                    Ok(Some(found)) => hand_over(completer, found.size(), || {
                        incoming.take_request(found, ledger)
                    }),
                    Err(error) => finish(completer, Err(error)),
                };
                looked.or_again(|completer| again(Want::Request(completer)))
            }
            Want::AnyResponse(completer) => {
                let looked = match incoming.response(search, &limits, ledger) {
                    Ok(None) => NotYet(completer, 0),
                    Ok(Some(found)) => hand_over(completer, found.size(), || {
                        incoming.take_response(found, ledger)
                    }),
                    Err(error) => finish(completer, Err(error)),
                };
                looked.or_again(|completer| again(Want::AnyResponse(completer)))
            }
            Want::Response(completer) => {
                let looked = match incoming.final_response(search, &limits, ledger, |_| ()) {
                    Ok(None) => NotYet(completer, 0),
                    Ok(Some(found)) => hand_over(completer, found.size(), || {
                        incoming.take_response(found, ledger)
                    }),
                    Err(error) => finish(completer, Err(error)),
                };
                looked.or_again(|completer| again(Want::Response(completer)))
            }
            Want::Rest(completer) => {
                incoming.discard();
                let looked = match incoming.input.has_ended() {
                    true => finish(completer, Ok(())),
                    false => NotYet(completer, DISCARDED),
                };
                looked.or_again(|completer| again(Want::Rest(completer)))
            }
            Want::Answer(answer, completer) => answer
                .look(incoming, search, &limits, ledger, completer)
                .or_again(|(answer, completer)| again(Want::Answer(answer, completer))),
        }
    }

    /// Bytes that have arrived towards this read.
    fn progress(&self, incoming: &mut Incoming) -> u64 {
        let mut content = |want| {
            let available = incoming.available(want, &self.limits);
            match available {
                Ok(available) => available.count.min(want) as u64,
                Err(error) => error.count(),
            }
        };
        let count = match &self.want {
            Want::Some(count, _) | Want::All(count, _) => content(*count),
            Want::Trailers(_) | Want::Rest(_) => 0,
            Want::Request(_) | Want::Response(_) | Want::AnyResponse(_) | Want::Answer(..) => {
                incoming.input.raw().len() as u64
            }
        };
        self.want.progress(count);
        count
    }

    fn fail_at(self, error: Error, incoming: &mut Incoming) -> Outcome {
        let error = error.with_count(self.progress(incoming));
        Outcome::Failed(self, error)
    }
}

impl Want {
    fn is_head(&self) -> bool {
        !matches!(
            self,
            Self::Some(..) | Self::All(..) | Self::Trailers(_) | Self::Rest(_)
        )
    }
}

fn some(
    incoming: &mut Incoming,
    available: Result<Available, Error>,
    most: usize,
    completer: Completer<Bytes>,
) -> Looked<Completer<Bytes>> {
    match available {
        Err(error) => finish(completer, Err(error)),
        Ok(Available { count, ended }) if count > 0 || ended || most == 0 => {
            hand_out(incoming, count.min(most), completer)
        }
        Ok(_) => NotYet(completer, most),
    }
}

fn all(
    incoming: &mut Incoming,
    available: Result<Available, Error>,
    want: usize,
    completer: Completer<Bytes>,
) -> Looked<Completer<Bytes>> {
    match available {
        Err(error) => finish(completer, Err(error)),
        Ok(Available { count, .. }) if count >= want => hand_out(incoming, want, completer),
        Ok(Available { count, ended: true }) => {
            let error = Error::new(ErrorKind::EndOfBody).with_count(count as u64);
            finish(completer, Err(error))
        }
        Ok(Available { count, .. }) => NotYet(completer, want - count),
    }
}

fn hand_out<B>(incoming: &mut Incoming, count: usize, completer: Completer<Bytes>) -> Looked<B> {
    if !completer.commit() {
        return Completed(Outcome::Settled);
    }
    let bytes = incoming.take(count);
    completer.progress(bytes.len() as u64);
    finish(completer, Ok(bytes))
}

/// Takes a head, unless the read is settled.
fn hand_over<H: Readable>(
    completer: Completer<H>,
    size: usize,
    take: impl FnOnce() -> H,
) -> Looked<Completer<H>> {
    if !completer.commit() {
        return Completed(Outcome::Settled);
    }
    completer.progress(size as u64);
    finish(completer, Ok(take()))
}

fn finish<T: Readable, B>(completer: Completer<T>, result: Result<T, Error>) -> Looked<B> {
    Completed(T::outcome(completer, result))
}

type AnswerBack = (Box<Answer>, Completer<Response<Bytes>>);

impl Answer {
    fn look(
        mut self: Box<Self>,
        incoming: &mut Incoming,
        search: &mut Search,
        limits: &Limits,
        ledger: &Ledger,
        completer: Completer<Response<Bytes>>,
    ) -> Looked<AnswerBack> {
        if self.head.is_none() {
            let seen = |interim: &Response<Bytes>| self.observer.saw_interim(interim.status());
            match incoming.final_response(search, limits, ledger, seen) {
                Ok(None) => return NotYet((self, completer), 0),
                Err(error) => return finish(completer, Err(error)),
                Ok(Some(_)) if !self.observer.has_number(incoming.next_answer()) => {
                    return finish(completer, Err(unasked()));
                }
                Ok(Some(found)) => {
                    self.observer.saw_answer(found.head.status());
                    if self.extent == Extent::Head {
                        return match hand_over(completer, found.size(), || {
                            incoming.take_response(found, ledger)
                        }) {
                            Completed(outcome) => Completed(outcome),
                            NotYet(completer, room) => NotYet((self, completer), room),
                        };
                    }
                    // Taken for good: an exchange that fails from here on closes the connection.
                    self.head = Some(incoming.take_response(found, ledger));
                }
            }
        }
        self.collect(incoming, limits, completer)
    }

    fn collect(
        mut self: Box<Self>,
        incoming: &mut Incoming,
        limits: &Limits,
        completer: Completer<Response<Bytes>>,
    ) -> Looked<AnswerBack> {
        if incoming.is_raw() {
            return self.deliver(Bytes::new(), completer);
        }
        let most = usize::try_from(limits.body_bytes).unwrap_or(usize::MAX);
        let available = match incoming.available(most.saturating_add(1), limits) {
            Ok(available) => available,
            Err(error) => return finish(completer, Err(error)),
        };
        let too_large = incoming.length().unwrap_or(0) > limits.body_bytes;
        if too_large || available.count > most {
            let error = Error::new(ErrorKind::TooLarge).with_detail("a body");
            return finish(completer, Err(error));
        }
        if !available.ended {
            let left = incoming
                .length()
                .and_then(|left| usize::try_from(left).ok());
            let room = left.map_or(available.count, |left| left - available.count);
            return NotYet((self, completer), room);
        }
        let body = incoming.take(available.count);
        // What is left is the end of it, and trailers.
        match incoming.available(1, limits) {
            Ok(_) => self.deliver(body, completer),
            Err(error) => finish(completer, Err(error)),
        }
    }

    fn deliver(
        &mut self,
        body: Bytes,
        completer: Completer<Response<Bytes>>,
    ) -> Looked<AnswerBack> {
        let Some(head) = self.head.take() else {
            return finish(completer, Err(ErrorKind::Abandoned.into()));
        };
        finish(completer, Ok(head.map(|_| body)))
    }
}
