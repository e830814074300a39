//! Whole exchanges: a request and its response as one operation.
//!
//! An exchange is two operations of the connection, a write and the read of its answer, submitted
//! together, under the deadline of the whole; and the operation of the caller, which completes when
//! both have. What one of them meets decides about the other: `state` is the table, and pure. `ready`
//! knows whether an exchange may begin.
//!
//! With `Expect: 100-continue` the body is a second write, which waits for the server's word, or
//! for the timer. An exchange behind it is refused meanwhile, as any head in the middle of a body.
//!
//! Who owns what: the operations under way own the exchange, by their jobs and closures; the exchange
//! owns both halves of the connection. The caller's slot knows the exchange weakly.
//!
//! Invariants:
//!
//! 1. The two operations of an exchange take the same place in the two queues: `pairing` is held
//!    while both are submitted, around the locks of the queues and the ringing of their bells, and
//!    around nothing else. It is the one lock that is held with another.
//! 2. A response is handed to the exchange whose request has its number, never to another.
//! 3. The count of an exchange is what went out of its request. If it fails and something did, the
//!    connection closes: nobody could tell what the next response answers.
//! 4. Callers may work on both operations in place of the threads; user code still runs on the
//!    connection's threads only.
//! 5. The lock of an exchange is held for bookkeeping only. What is to be done about an event is decided
//!    under it, as [`Steps`], and done after it.

mod ready;
mod state;
mod transact;

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use parking_lot::Mutex;
use smallvec::SmallVec;

pub(crate) use self::ready::{is_poolable, is_reusable};
use self::state::{Event, HeldBody, Progress, Sent, Steps};
use super::queue::{Half, Submitted};
use super::read::{Answer, AnswerObserver, Extent, ReadJob, Reader, Want};
use super::write::{Content, Message, Parcel, RequestObserver, Role, Until, WriteJob, Writer};
use super::{Conn, close};
use crate::aio::habit::{Handling, Hold};
use crate::aio::{Aio, Canceller, Completer, InFlight, Interruption, Operation, Provider, Written};
use crate::background::{self, Call};
use crate::bufs::Bufs;
use crate::deadline::Deadline;
use crate::error::{Error, ErrorKind};
use crate::proto::encode::{self, Encoded, Form};
use crate::proto::framing::Framing;
use crate::proto::limits::Limits;
use crate::timer::{self, Alarm, Expire};

/// No request has this number.
const NO_NUMBER: u64 = u64::MAX;

pub(crate) struct Exchange {
    writer: Arc<Half<Writer>>,
    reader: Arc<Half<Reader>>,
    /// Of the request, while it is out or about to be.
    number: AtomicU64,
    head_timeout: Option<Duration>,
    whole: Option<Arc<dyn Operation>>,
    /// For the head of the response, from the moment when the request is out.
    head_deadline: Mutex<Deadline>,
    limits: Limits,
    /// No handle is left that could receive the outcome.
    forsaken: AtomicBool,
    /// Nothing more of the request goes out.
    sent: AtomicBool,
    this: Weak<Self>,
    state: Mutex<State>,
}

struct State {
    progress: Progress,
    /// Until the outcome is told.
    completer: Option<Completer<Response<Bytes>>>,
    deadline: Deadline,
    /// The body, until the server has asked for it.
    held: Option<Bufs>,
    /// Until when the server is waited for.
    word: Option<Alarm>,
    /// Writes that are submitted, finished or not: head with body, or head, then body.
    writes: SmallVec<[Canceller; 2]>,
    write_failure: Option<Error>,
    read: Canceller,
    answer: Option<Result<Response<Bytes>, Error>>,
    /// Bytes of the request that are out, of the operations that have completed.
    sent: u64,
}

impl Provider for Exchange {
    fn interrupted(&self, _: &dyn Operation) {
        self.meet(Event::Interrupted);
    }

    fn post(&self, call: Call) {
        self.reader.post(call);
    }

    /// The answer is read by who waits for it, unless somebody is at it.
    fn awaited(&self, _: &dyn Operation) -> bool {
        let read = self.state.lock().read.clone();
        self.reader.serve_inline(read.operation())
    }

    fn detached(&self) {
        self.reader.hand_over();
    }

    fn forsaken(&self) {
        self.forsaken.store(true, Ordering::SeqCst);
        self.give_up();
    }

    fn owns_current_thread(&self) -> bool {
        self.reader.owns_current_thread()
    }
}

/// How an exchange differs from the usual.
pub(crate) struct Terms<'a> {
    pub(crate) extent: Extent,
    pub(crate) form: Form<'a>,
    /// How long the head of the response may take once the request is out.
    pub(crate) head_timeout: Option<Duration>,
    /// Another operation that this one is a step of, and whose count it moves.
    pub(crate) whole: Option<Arc<dyn Operation>>,
    pub(crate) check: Check,
    pub(crate) hold: Hold,
}

/// Whether it is known that an exchange may begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Check {
    Needed,
    /// Just now, on a connection that nobody else has.
    Made,
}

impl Terms<'_> {
    pub(crate) fn of(extent: Extent, hold: Hold) -> Self {
        Self {
            extent,
            form: Form::Origin,
            head_timeout: None,
            whole: None,
            check: Check::Needed,
            hold,
        }
    }
}

/// Submits an exchange.
pub(crate) fn submit(
    conn: &Conn,
    aio: Aio<Response<Bytes>>,
    request: &Request<Bytes>,
    terms: Terms<'_>,
) -> (Aio<Response<Bytes>, InFlight>, Handling) {
    let parts = Aio::<Response<Bytes>>::new();
    let (read, read_completer, _) = parts.start(&conn.handle.reads, Interruption::Finishes);
    let exchange = Exchange::new(conn, read.canceller(), &terms);
    let provider = Arc::downgrade(&exchange) as Weak<dyn Provider>;
    let (aio, completer, deadline) = aio.start(&provider, Interruption::Recorded);
    let encoded = match terms.check {
        _ if deadline.is_past() => Err(ErrorKind::TimedOut.into()),
        Check::Needed => ready::expect_ready(conn),
        Check::Made => Ok(()),
    };
    let encoded = match encoded.and_then(|()| encode::request(request, terms.form)) {
        Ok(encoded) => encoded,
        Err(error) => {
            completer.refuse(error);
            return (aio, Handling::HandedOver);
        }
    };
    let write = exchange.begin(conn, request, encoded, completer, deadline);
    let theirs = Arc::clone(&exchange);
    read.then(move |result| theirs.answered(result));
    let answer = Answer::new(Arc::<Exchange>::clone(&exchange), terms.extent);
    let read = ReadJob {
        want: Want::Answer(Box::new(answer), read_completer),
        limits: conn.limits,
        deadline,
    };
    let handling = submit_pair(conn, write, read, terms.hold);
    if handling == Handling::HeldBack {
        exchange.is_held_back();
    }
    (aio, handling)
}

/// The write goes out at once, as far as it goes without blocking, if nobody is writing; the read may
/// be held back for who waits for it, if nobody is reading.
fn submit_pair(conn: &Conn, write: WriteJob, read: ReadJob, hold: Hold) -> Handling {
    let (writer, reader) = (&conn.handle.writer, &conn.handle.reader);
    let limit = conn.limits.queued;
    let pairing = conn.handle.link.pairing.lock();
    let read = match hold {
        Hold::Allowed => reader.queue.hold_back(read, limit),
        Hold::Never => reader.queue.submit(read, limit),
    };
    let read = match read {
        Submitted::Rejected(read, kind) => {
            drop(pairing);
            // Nobody could take the answer, so nothing is asked.
            reader.reject(read, kind);
            writer.reject(write, kind);
            return Handling::HandedOver;
        }
        accepted => accepted,
    };
    let claimed = writer.queue.claim_with(write);
    let write = claimed.map_err(|write| writer.queue.submit(write, limit));
    drop(pairing);
    let handling = reader.see_to_submission(read);
    match write {
        Ok(write) => writer.write_some_inline(write),
        Err(submitted) => {
            writer.see_to_submission(submitted);
        }
    }
    handling
}

impl Exchange {
    fn new(conn: &Conn, read: Canceller, terms: &Terms<'_>) -> Arc<Self> {
        let state = State {
            progress: Progress::begin(false),
            completer: None,
            deadline: Deadline::Never,
            held: None,
            word: None,
            writes: SmallVec::new(),
            write_failure: None,
            read,
            answer: None,
            sent: 0,
        };
        Arc::new_cyclic(|this| Self {
            writer: Arc::clone(&conn.handle.writer),
            reader: Arc::clone(&conn.handle.reader),
            number: AtomicU64::new(NO_NUMBER),
            head_timeout: terms.head_timeout,
            whole: terms.whole.clone(),
            head_deadline: Mutex::new(Deadline::Never),
            limits: conn.limits,
            forsaken: AtomicBool::new(false),
            sent: AtomicBool::new(false),
            this: Weak::clone(this),
            state: Mutex::new(state),
        })
    }

    /// Makes the write of the request, or of its head if the body is to wait for the server's word.
    fn begin(
        self: &Arc<Self>,
        conn: &Conn,
        request: &Request<Bytes>,
        mut encoded: Encoded,
        completer: Completer<Response<Bytes>>,
        deadline: Deadline,
    ) -> WriteJob {
        let body = request.body().clone();
        let waits = encode::expects_continue(request.headers()) && !body.is_empty();
        let (body, held) = if waits {
            encoded.then = Framing::Length(body.len() as u64);
            (Bytes::new(), Some(std::iter::once(body).collect()))
        } else {
            (body, None)
        };
        let parts = Aio::bounded(deadline);
        let (write, write_completer, _) = parts.start(&conn.handle.writes, Interruption::Recorded);
        let mut state = self.state.lock();
        state.progress = Progress::begin(waits);
        state.completer = Some(completer);
        state.deadline = deadline;
        state.held = held;
        state.writes.push(write.canceller());
        drop(state);
        conn.handle.link.exchanges.begin();
        let theirs = Arc::clone(self);
        write.then(move |result| theirs.written(result));
        let message = Message::new(Role::Request(request.method().into()), &encoded);
        let bufs: Bufs = [encoded.head, body].into_iter().collect();
        let content = Content::Message(Box::new(message));
        let parcel = Parcel::new(content, bufs, Until::All);
        WriteJob::new(parcel, deadline, write_completer).observed_by(Arc::<Self>::clone(self))
    }

    /// The read waits for who waits for the exchange.
    fn is_held_back(&self) {
        let state = self.state.lock();
        if let Some(completer) = &state.completer {
            completer.set_held(true);
        }
    }
}

impl RequestObserver for Exchange {
    fn set_number(&self, number: Option<u64>) {
        self.number
            .store(number.unwrap_or(NO_NUMBER), Ordering::Release);
    }

    fn progress(&self, count: u64) {
        let state = self.state.lock();
        self.report_progress(&state, state.sent + count);
    }
}

impl AnswerObserver for Exchange {
    fn has_number(&self, number: u64) -> bool {
        self.number.load(Ordering::Acquire) == number
    }

    fn head_deadline(&self) -> Deadline {
        *self.head_deadline.lock()
    }

    fn saw_interim(&self, status: StatusCode) {
        if status == StatusCode::CONTINUE {
            self.meet(Event::Released);
        }
    }

    /// Unless the answer is a success, the server has no use for the rest of the body (RFC 9112
    /// section 9.5).
    fn saw_answer(&self, status: StatusCode) {
        let success = status.is_success();
        self.meet(Event::Answered { success });
    }
}

/// The events, and what they bring about.
impl Exchange {
    fn report_progress(&self, state: &State, sent: u64) {
        if let Some(completer) = &state.completer {
            completer.progress(sent);
        }
        if let Some(whole) = &self.whole {
            whole.progress(sent);
        }
    }

    fn written(&self, result: Result<Written, Error>) {
        let mut state = self.state.lock();
        state.sent += match &result {
            Ok(written) => written.count(),
            Err(error) => error.count(),
        };
        self.report_progress(&state, state.sent);
        let sent = match &result {
            Ok(_) => Sent::Whole,
            Err(error) if error.kind() == ErrorKind::Reset => Sent::Reset,
            Err(_) => Sent::Failed,
        };
        if let (Err(error), false) = (result, state.progress.is_stopped()) {
            state.write_failure.get_or_insert(error);
        }
        let steps = state.progress.step(Event::Written(sent));
        let is_sent = state.progress.write == state::Write::Done;
        drop(state);
        if is_sent {
            self.sent.store(true, Ordering::SeqCst);
            self.give_up();
        }
        self.take(steps);
    }

    /// The answer is of no use if nobody can receive it and the request does not go out any more.
    fn give_up(&self) {
        if self.forsaken.load(Ordering::SeqCst) && self.sent.load(Ordering::SeqCst) {
            let read = self.state.lock().read.clone();
            read.operation().give_up();
            self.reader.end_unwanted();
        }
    }

    fn answered(&self, result: Result<Response<Bytes>, Error>) {
        let mut state = self.state.lock();
        let success = result.is_ok();
        state.answer = Some(result);
        let steps = state.progress.step(Event::ReadDone { success });
        drop(state);
        self.take(steps);
    }

    fn meet(&self, event: Event) {
        let steps = self.state.lock().progress.step(event);
        self.take(steps);
    }

    fn take(&self, steps: Steps) {
        match steps.body {
            HeldBody::Leave => {}
            HeldBody::Wait => self.wait_for_word(),
            HeldBody::Send => self.send_body(),
            HeldBody::Drop => self.drop_body(),
        }
        if steps.cancel_writes {
            // The last first: it is still untouched in the queue.
            let writes = self.state.lock().writes.clone();
            writes.iter().rev().for_each(Canceller::cancel);
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

    /// The request is out: the server's time begins.
    fn bound_head(&self) {
        if let Some(after) = self.head_timeout {
            *self.head_deadline.lock() = Deadline::after(after);
            self.reader.look_again();
        }
    }

    /// The head is out; the body waits for the server's word, but not for long.
    fn wait_for_word(&self) {
        let Some(at) = Instant::now().checked_add(self.limits.continue_wait) else {
            return;
        };
        let this: Weak<dyn Expire> = Weak::<Self>::clone(&self.this);
        match timer::arm(at, this) {
            Ok(alarm) => {
                let mut state = self.state.lock();
                // The word may have come meanwhile.
                let surplus = match state.progress.write {
                    state::Write::Held => state.word.replace(alarm),
                    _ => Some(alarm),
                };
                drop(state);
                drop(surplus);
            }
            Err(_) => self.meet(Event::Released),
        }
    }

    fn drop_body(&self) {
        let mut state = self.state.lock();
        let (held, word) = (state.held.take(), state.word.take());
        drop(state);
        drop(word);
        if let Some(held) = held.filter(|held| !held.is_empty()) {
            self.writer.post(Box::new(move || drop(held))); // It is the user's.
        }
    }

    /// Lets the body go.
    fn send_body(&self) {
        let mut state = self.state.lock();
        let (held, word, deadline) = (state.held.take(), state.word.take(), state.deadline);
        drop(state);
        drop(word);
        let (Some(body), Some(this)) = (held, self.this.upgrade()) else {
            return;
        };
        let aio = Aio::bounded(deadline);
        let (write, completer, _) = aio.start(&self.writer.provider(), Interruption::Recorded);
        let operation = completer.operation();
        let canceller = write.canceller();
        let theirs = Arc::clone(&this);
        write.then(move |result| theirs.written(result));
        let parcel = Parcel::new(Content::Vector, body, Until::All);
        let job = WriteJob::new(parcel, deadline, completer).observed_by(this);
        let mut state = self.state.lock();
        state.writes.push(canceller.clone());
        let stopped = state.progress.is_stopped();
        drop(state);
        self.writer.submit(job, self.limits.queued, Hold::Never);
        // Whoever stopped it meanwhile did not find it in the queue.
        if stopped || operation.is_some_and(|operation| operation.cause().is_some()) {
            canceller.cancel();
        }
    }

    fn finish(&self) {
        let mut state = self.state.lock();
        let Some(completer) = state.completer.take() else {
            return;
        };
        let (answer, write_failure) = (state.answer.take(), state.write_failure.take());
        let sent = state.sent;
        drop(state);
        let outcome = match (answer, write_failure) {
            (Some(Ok(mut response)), _) => {
                response.extensions_mut().insert(Written::new(sent));
                Ok(response)
            }
            (Some(Err(read)), Some(write)) => Err(write.incomplete_if(&read)),
            (Some(Err(read)), None) => Err(read),
            (None, _) => Err(ErrorKind::Abandoned.into()),
        };
        let outcome = outcome.map_err(|error| error.with_count(sent));
        if outcome.is_err() && sent > 0 {
            close(&self.writer, &self.reader);
        }
        self.reader.link.exchanges.end();
        completer.finish_for_cause(outcome).run_or_post(self);
    }
}

/// The server has not said anything in time.
impl Expire for Exchange {
    fn expire(&self) {
        self.meet(Event::Released);
    }

    fn release(self: Arc<Self>) {
        background::release(self);
    }
}
