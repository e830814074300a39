//! Whole exchanges: a request and its response as one operation.
//!
//! An exchange is two operations of the connection, a write and the read of its answer, submitted
//! together, under the deadline of the whole; and the operation of the caller, which completes when
//! both have. What happens to one of them decides about the other: `state` is the table, and pure.
//! `ready` knows whether an exchange may begin, and `submit` begins it.
//!
//! With `Expect: 100-continue` the body is a second write (`held_body`). An exchange behind it fails
//! meanwhile, as does any head in the middle of a body.
//!
//! Who owns what: the operations under way own the exchange, by their jobs and closures; the exchange
//! owns both halves of the connection. The caller's slot knows the exchange weakly.
//!
//! Invariants:
//!
//! 1. The two operations of an exchange take the same place in the two queues: `pairing` is held
//!    while both are submitted, around the locks of the queues and the ringing of their bells, and
//!    around nothing else.
//! 2. A response is handed to the exchange whose request has its number, never to another.
//! 3. The count of an exchange is what went out of its request. If it fails and something did, the
//!    connection closes: nobody could tell what the next response answers.
//! 4. Callers may work on both operations in place of the connection's threads, but user code never runs
//!    on the thread of a caller.
//! 5. The lock of an exchange is held for bookkeeping only. What an event brings about is decided under
//!    it, as [`Steps`], and carried out after it.

mod held_body;
mod ready;
mod recipient;
mod state;
mod submit;

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use bytes::Bytes;
use http::{Response, StatusCode};
use parking_lot::Mutex;
use smallvec::SmallVec;

pub(crate) use self::recipient::AnswerBody;
use self::recipient::Recipient;
use self::state::{Event, HeldBody, Progress, Steps, WriteEnd};
pub(crate) use self::submit::{Check, Terms, submit};
use super::close;
use super::ledger::NO_NUMBER;
use super::queue::{EndReason, Half};
use super::read::{AnswerObserver, Reader};
use super::write::{WriteObserver, Writer};
use crate::aio::{Canceler, Operation, Provider, Written};
use crate::background::UserCode;
use crate::bufs::Bufs;
use crate::deadline::Deadline;
use crate::error::{Error, ErrorKind, Peer};
use crate::proto::limits::Limits;
use crate::timer::Alarm;

pub(crate) struct Exchange<B: AnswerBody> {
    writer: Arc<Half<Writer>>,
    reader: Arc<Half<Reader>>,
    /// The number of the request, while it is out or about to be.
    number: AtomicU64,
    /// The caller writes the body, or a part of it, by operations of his own.
    is_in_pieces: bool,
    head_timeout: Option<Duration>,
    /// Another operation that this one is a step of.
    whole: Option<Arc<dyn Operation>>,
    /// For the head of the response, from the moment when the request is out.
    head_deadline: Mutex<Deadline>,
    limits: Limits,
    /// No handle is left that could receive the outcome.
    forsaken: AtomicBool,
    /// Nothing more of the request goes out.
    request_ended: AtomicBool,
    this: Weak<Self>,
    state: Mutex<State<B>>,
}

struct State<B: AnswerBody> {
    progress: Progress,
    /// Taken when the outcome is known.
    recipient: Option<Recipient<B>>,
    deadline: Deadline,
    /// The body, until the server has asked for it.
    held_body: Option<Bufs>,
    /// Ends the wait for that.
    continue_alarm: Option<Alarm>,
    /// Writes that are submitted, finished or not: head with body, or head, then body.
    writes: SmallVec<[Canceler; 2]>,
    write_failure: Option<Error>,
    read: Canceler,
    answer: Option<Result<Response<Bytes>, Error>>,
    /// What the writes that have completed count.
    written: u64,
}

impl<B: AnswerBody> Provider for Exchange<B> {
    fn interrupted(&self, _: &dyn Operation) {
        self.handle(Event::Interrupted);
    }

    fn post(&self, call: UserCode) {
        self.reader.post(call);
    }

    /// A caller that waits for the exchange reads the answer itself, unless somebody reads already.
    fn awaited(&self, _: &dyn Operation) -> bool {
        let read = self.state.lock().read.clone();
        self.reader.serve_inline(read.operation())
    }

    fn detached(&self) {
        self.reader.hand_over();
    }

    fn forsaken(&self) {
        self.forsaken.store(true, Ordering::SeqCst);
        let mut state = self.state.lock();
        let source = state.recipient.as_mut().map(Recipient::take_source);
        drop(state);
        drop(source);
        self.end_unwanted_read();
    }

    fn peer(&self) -> Option<Arc<Peer>> {
        Provider::peer(&*self.reader)
    }

    fn owns_current_thread(&self) -> bool {
        self.reader.owns_current_thread()
    }
}

impl<B: AnswerBody> WriteObserver for Exchange<B> {
    fn set_number(&self, number: Option<u64>) {
        self.number
            .store(number.unwrap_or(NO_NUMBER), Ordering::Release);
    }

    fn progress(&self, count: u64, _: usize) {
        let state = self.state.lock();
        self.report_progress(&state, state.written + count);
    }
}

impl<B: AnswerBody> AnswerObserver for Exchange<B> {
    fn has_number(&self, number: u64) -> bool {
        self.number.load(Ordering::Acquire) == number
    }

    fn head_deadline(&self) -> Deadline {
        *self.head_deadline.lock()
    }

    fn head_timeout(&self) -> Option<Duration> {
        self.head_timeout
    }

    fn saw_interim(&self, status: StatusCode) {
        if status == StatusCode::CONTINUE {
            self.handle(Event::BodyReleased);
        }
    }

    /// Unless the answer is a success, the server has no use for the rest of the body (RFC 9112
    /// section 9.5).
    fn saw_answer(&self, status: StatusCode) {
        let success = status.is_success();
        if self.is_in_pieces && !success && status != StatusCode::SWITCHING_PROTOCOLS {
            self.writer.refuse_body(self.number.load(Ordering::Acquire));
        }
        self.handle(Event::Answered { success });
    }
}

/// The events, and what follows them.
impl<B: AnswerBody> Exchange<B> {
    fn report_progress(&self, state: &State<B>, count: u64) {
        if let Some(recipient) = &state.recipient {
            recipient.progress(count);
        }
        if let Some(whole) = &self.whole {
            whole.progress(count);
        }
    }

    /// A write has completed.
    fn write_done(&self, result: Result<Written, Error>) {
        let mut state = self.state.lock();
        state.written += match &result {
            Ok(written) => written.count(),
            Err(error) => error.count(),
        };
        self.report_progress(&state, state.written);
        let end = match &result {
            Ok(_) => WriteEnd::Whole,
            Err(error) if error.kind() == ErrorKind::Reset => WriteEnd::Reset,
            Err(_) => WriteEnd::Failed,
        };
        if let (Err(error), false) = (result, state.progress.is_stopped()) {
            state.write_failure.get_or_insert(error);
        }
        let steps = state.progress.step(Event::WriteDone(end));
        let request_ended = state.progress.write == state::Write::Done;
        drop(state);
        if request_ended {
            self.request_ended.store(true, Ordering::SeqCst);
            self.end_unwanted_read();
        }
        self.carry_out(steps);
    }

    /// Ends the read of the answer if nobody can receive it and the request does not go out any more.
    fn end_unwanted_read(&self) {
        if self.forsaken.load(Ordering::SeqCst) && self.request_ended.load(Ordering::SeqCst) {
            let read = self.state.lock().read.clone();
            read.operation().give_up();
            self.reader.end_unwanted();
        }
    }

    /// The read has completed.
    fn read_done(&self, result: Result<Response<Bytes>, Error>) {
        let mut state = self.state.lock();
        let success = result.is_ok();
        state.answer = Some(result);
        let steps = state.progress.step(Event::ReadDone { success });
        drop(state);
        self.carry_out(steps);
    }

    fn handle(&self, event: Event) {
        let steps = self.state.lock().progress.step(event);
        self.carry_out(steps);
    }

    fn carry_out(&self, steps: Steps) {
        match steps.held_body {
            HeldBody::Leave => {}
            HeldBody::Wait => self.wait_for_continue(),
            HeldBody::Send => self.send_body(),
            HeldBody::Drop => self.drop_body(),
        }
        if steps.cancel_writes {
            // The last first: it is still untouched in the queue.
            let writes = self.state.lock().writes.clone();
            writes.iter().rev().for_each(Canceler::cancel);
        }
        if steps.cancel_read {
            let read = self.state.lock().read.clone();
            read.cancel();
        }
        if steps.request_is_out {
            self.bound_head();
        }
        if steps.is_over {
            self.finish();
        }
    }

    /// The request is out: the time for the head of the response begins.
    fn bound_head(&self) {
        if let Some(after) = self.head_timeout {
            *self.head_deadline.lock() = Deadline::after(after);
            self.reader.recheck_deadline();
        }
    }

    /// Both operations have completed.
    fn finish(&self) {
        let mut state = self.state.lock();
        let Some(recipient) = state.recipient.take() else {
            return;
        };
        let (answer, write_failure) = (state.answer.take(), state.write_failure.take());
        let written = state.written;
        drop(state);
        let outcome = match (answer, write_failure) {
            (Some(Ok(mut response)), _) => {
                response.extensions_mut().insert(Written::new(written));
                Ok(response)
            }
            (Some(Err(read)), Some(write)) => Err(write.incomplete_if(&read)),
            (Some(Err(read)), None) => Err(read),
            (None, _) => Err(ErrorKind::Abandoned.into()),
        };
        let outcome = outcome.map_err(|error| error.with_request_count(written));
        if outcome.is_err() && written > 0 {
            close(&self.writer, &self.reader, EndReason::ExchangeFailed);
        }
        self.reader.link.exchanges.end();
        recipient.finish(outcome, self);
    }
}
