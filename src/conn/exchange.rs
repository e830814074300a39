//! Whole exchanges: a request and its response as one operation.
//!
//! An exchange is two operations of the connection, a write and the read of its answer, submitted
//! together, under the deadline of the whole; and the operation of the caller, which completes when
//! both have. What one of them meets decides about the other:
//!
//! | what happens | what follows |
//! |---|---|
//! | the peer resets the write | the read goes on: an early answer may be there |
//! | the write fails otherwise | the read is cancelled |
//! | an answer that is no success, while the body goes out | the write is cancelled |
//! | the read fails | the write is cancelled |
//! | the caller cancels | both are cancelled |
//!
//! With `Expect: 100-continue` the body is a second write, which waits for the server's word, or
//! for the timer. An exchange behind it is refused meanwhile, as any head in the middle of a body.
//!
//! Invariants:
//!
//! 1. The two operations of an exchange take the same place in the two queues: `pairing` is held
//!    while both are submitted, around the locks of the lanes and the ringing of their bells, and
//!    around nothing else. It is the one lock that is held with another.
//! 2. A response is handed to the exchange whose request has its number, never to another.
//! 3. The count of an exchange is what went out of its request. If it fails and something did, the
//!    connection closes: nobody could tell what the next response answers.
//! 4. Both operations may be worked on by callers, as guests of the lanes; user code still runs on
//!    the connection's threads only.
//! 5. The lock of an exchange is held for bookkeeping only. What an exchange is to do next is
//!    decided under it, as a list of steps, and done after it.

use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use parking_lot::Mutex;
use smallvec::SmallVec;

use super::incoming::unasked;
use super::job::{Content, Message, ReadJob, Role, Until, Want, WriteJob};
use super::lane::{Job, Submitted};
use super::ledger::announced;
use super::reader::Reader;
use super::side::Side;
use super::{Conn, Handle};
use crate::aio::{
    Aio, Call, Canceller, Completer, InFlight, Interruption, Operation, Provider, Written,
};
use crate::bufs::Bufs;
use crate::deadline::Deadline;
use crate::error::{Error, ErrorKind};
use crate::proto::encode::{self, Form};
use crate::proto::framing::Framing;
use crate::proto::limits::Limits;
use crate::timer::{self, Expire};

/// No request has this number.
const NONE: u64 = u64::MAX;

/// How much of the response an exchange reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Extent {
    Head,
    Whole,
}

/// The read of a response, with the request it belongs to.
pub(crate) struct Answer {
    pub(crate) exchange: Arc<Exchange>,
    pub(crate) extent: Extent,
    /// Taken already; the body is to come.
    pub(crate) head: Option<Response<Bytes>>,
}

pub(crate) struct Exchange {
    /// Of the operation of the caller.
    id: usize,
    /// Of the read.
    read: usize,
    /// Of the request, while it is out or about to be.
    number: AtomicU64,
    deadline: Deadline,
    head_timeout: Option<Duration>,
    whole: Option<Arc<dyn Operation>>,
    /// For the head of the response, from the moment when the request is out.
    head_deadline: Mutex<Deadline>,
    limits: Limits,
    this: Weak<Self>,
    state: Mutex<State>,
}

struct State {
    /// Let go before the outcome is told, so that whoever is told can have the connection alone.
    conn: Option<Conn>,
    completer: Option<Completer<Response<Bytes>>>,
    /// The body, until the server has asked for it.
    held: Option<Bufs>,
    /// Writes that are submitted, finished or not: head with body, or head, then body.
    writes: SmallVec<[Canceller; 2]>,
    /// Those that have not finished.
    writing: usize,
    write_failure: Option<Error>,
    read: Read,
    /// Bytes of the request that are out, of the operations that have completed.
    sent: u64,
    /// The write was cancelled here, so its failure is not the reason of anything.
    write_stopped: bool,
}

enum Read {
    Running(Canceller),
    Done(Result<Response<Bytes>, Error>),
}

/// The exchanges of a connection that are not over: where an interruption finds them.
pub(crate) struct Exchanges {
    reader: Arc<Side<Reader>>,
    running: Mutex<Vec<Arc<Exchange>>>,
    /// Exchanges so far.
    begun: AtomicU64,
}

impl Exchanges {
    pub(crate) fn new(reader: Arc<Side<Reader>>) -> Arc<Self> {
        Arc::new(Self {
            reader,
            running: Mutex::new(Vec::new()),
            begun: AtomicU64::new(0),
        })
    }

    fn add(&self, exchange: Arc<Exchange>) {
        self.running.lock().push(exchange);
        self.begun.fetch_add(1, Ordering::AcqRel);
    }

    fn find(&self, id: usize) -> Option<Arc<Exchange>> {
        let running = self.running.lock();
        running.iter().find(|exchange| exchange.id == id).cloned()
    }

    fn remove(&self, id: usize) {
        let mut running = self.running.lock();
        let place = running.iter().position(|exchange| exchange.id == id);
        let removed = place.map(|place| running.swap_remove(place));
        drop(running);
        drop(removed);
    }
}

impl Provider for Exchanges {
    fn interrupted(&self, operation: usize) {
        if let Some(exchange) = self.find(operation) {
            exchange.interrupt();
        }
    }

    fn post(&self, call: Call) {
        self.reader.post(call);
    }

    /// The answer is read by who waits for it, unless somebody is at it.
    fn awaited(&self, operation: usize) {
        let Some(exchange) = self.find(operation) else {
            return;
        };
        // While it is held, no other operation can have its id.
        let read = exchange.state.lock().read_canceller();
        if read.is_some() {
            self.reader.serve_as_guest(exchange.read);
        }
    }

    fn detached(&self, operation: usize) {
        if self.find(operation).is_some() {
            self.reader.undefer();
        }
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
}

/// Whether it is known that an exchange may begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Check {
    Needed,
    /// Just now, on a connection that nobody else has.
    Made,
}

impl Terms<'_> {
    pub(crate) fn of(extent: Extent) -> Self {
        Self {
            extent,
            form: Form::Origin,
            head_timeout: None,
            whole: None,
            check: Check::Needed,
        }
    }
}

/// Submits an exchange.
pub(crate) fn submit(
    conn: &Conn,
    aio: Aio<Response<Bytes>>,
    request: &Request<Bytes>,
    terms: Terms<'_>,
) -> Aio<Response<Bytes>, InFlight> {
    let handle = &conn.handle;
    let provider = Arc::downgrade(&handle.exchanges) as Weak<dyn Provider>;
    let (aio, completer, deadline) = aio.start(&provider, Interruption::Recorded);
    let encoded = if deadline.is_past() {
        Err(ErrorKind::TimedOut.into())
    } else {
        let ready = match terms.check {
            Check::Needed => expect_ready(conn),
            Check::Made => Ok(()),
        };
        ready.and_then(|()| encode::request(request, terms.form))
    };
    let mut encoded = match encoded {
        Ok(encoded) => encoded,
        Err(error) => {
            // Nobody listens yet: the handle has not been returned.
            drop(completer.finish(Err(error)));
            return aio;
        }
    };
    let expects = encode::expects_continue(request.headers());
    let role = Role::Request(request.method().into());
    let body = request.body().clone();
    let (body, held) = if expects && !body.is_empty() {
        encoded.then = Framing::Length(body.len() as u64);
        (Bytes::new(), Some(std::iter::once(body).collect()))
    } else {
        (body, None)
    };

    let parts = Aio::bounded(deadline);
    let (write, write_completer, _) = parts.start(&handle.writes, Interruption::Recorded);
    let parts = Aio::bounded(deadline);
    let (read, read_completer, _) = parts.start(&handle.reads, Interruption::Finishes);
    let state = State {
        conn: Some(conn.clone()),
        held,
        writes: SmallVec::from_iter([write.canceller()]),
        writing: 1,
        write_failure: None,
        read: Read::Running(read.canceller()),
        sent: 0,
        write_stopped: false,
        completer: None,
    };
    let exchange = Arc::new_cyclic(|this| Exchange {
        id: completer.id(),
        read: read_completer.id(),
        number: AtomicU64::new(NONE),
        deadline,
        head_timeout: terms.head_timeout,
        whole: terms.whole,
        head_deadline: Mutex::new(Deadline::Never),
        limits: conn.limits,
        this: Weak::clone(this),
        state: Mutex::new(State {
            completer: Some(completer),
            ..state
        }),
    });
    handle.exchanges.add(Arc::clone(&exchange));
    let theirs = Arc::clone(&exchange);
    write.then(move |result| theirs.written(result));
    let theirs = Arc::clone(&exchange);
    read.then(move |result| theirs.answered(result));

    let message = Message::new(role, &encoded);
    let bufs: Bufs = [encoded.head, body].into_iter().collect();
    let content = Content::Message(Box::new(message));
    let write = WriteJob::new(content, bufs, Until::All, deadline, write_completer)
        .part_of(Some(Arc::clone(&exchange)));
    let answer = Answer {
        exchange,
        extent: terms.extent,
        head: None,
    };
    let read = ReadJob {
        want: Want::Answer(Box::new(answer), read_completer),
        limits: conn.limits,
        deadline,
    };
    submit_pair(conn, write, read);
    aio
}

/// Why an exchange must not begin. While others are under way there is no telling, and what is found
/// may be the doing of one that has begun meanwhile.
///
/// # Errors
///
/// `Closed`, by us or by what a message has announced; `InvalidInput` where HTTP is not spoken any
/// more; otherwise what stands between the peer and a new request: see `expect_idle`.
fn expect_ready(conn: &Conn) -> Result<(), Error> {
    let begun = &conn.handle.exchanges.begun;
    loop {
        let before = begun.load(Ordering::Acquire);
        let checked = check_ready(conn);
        if checked.is_ok() || begun.load(Ordering::Acquire) == before {
            return checked;
        }
    }
}

fn check_ready(conn: &Conn) -> Result<(), Error> {
    let Handle {
        link,
        writer,
        reader,
        exchanges,
        ..
    } = &*conn.handle;
    if writer.lane.has_ended() || reader.lane.has_ended() {
        return Err(ErrorKind::Closed.into());
    }
    if link.ledger.is_closing() {
        return Err(announced());
    }
    if link.ledger.upgraded.is_set() {
        let detail = "the connection was upgraded";
        return Err(Error::new(ErrorKind::InvalidInput).with_detail(detail));
    }
    let at_rest =
        exchanges.running.lock().is_empty() && writer.lane.is_quiet() && reader.lane.is_quiet();
    if at_rest { expect_idle(conn) } else { Ok(()) }
}

/// Whether a request is what comes next on a connection on which nothing is under way.
///
/// # Errors
///
/// `InvalidInput` if an answer is owed or content was not read, `Protocol` if something came unasked,
/// `Reset` or another if the stream has ended.
pub(crate) fn expect_idle(conn: &Conn) -> Result<(), Error> {
    let Handle { link, reader, .. } = &*conn.handle;
    if link.ledger.written.owe() {
        let detail = "the response to the request before it was not read";
        return Err(Error::new(ErrorKind::InvalidInput).with_detail(detail));
    }
    reader.expect_idle(&conn.limits)?;
    match link.transport.peek() {
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(()),
        Err(error) => Err(error.into()),
        Ok(0) => Err(Error::end_of_stream()),
        // The end of a chunked body may be what is there.
        Ok(_) if !reader.is_between(&conn.limits) => Ok(()),
        Ok(_) => Err(unasked()),
    }
}

/// The write goes out at once, as far as it goes without blocking, if nobody is writing; the read is
/// left to who waits for it, if nobody is reading.
fn submit_pair(conn: &Conn, write: WriteJob, read: ReadJob) {
    let (writer, reader) = (&conn.handle.writer, &conn.handle.reader);
    let limit = conn.limits.queued;
    let (write_id, read_id) = (write.id(), read.id());
    let pairing = conn.handle.pairing.lock();
    let read = match reader.lane.defer(read, limit) {
        Submitted::Rejected(read, kind) => {
            drop(pairing);
            // Nobody could take the answer, so nothing is asked.
            reader.fail(read, kind);
            return writer.refuse(write, kind.into());
        }
        accepted => accepted,
    };
    let guest = writer.lane.enter_with(write);
    let write = guest.map_err(|write| writer.lane.submit(write, limit));
    drop(pairing);
    reader.see_to_submission(read_id, read);
    match write {
        Ok(write) => writer.write_as_guest(write),
        Err(submitted) => writer.see_to_submission(write_id, submitted),
    }
}

/// What the two threads tell while they work.
impl Exchange {
    /// The request has this number, or none, for it is not out.
    pub(crate) fn number(&self, number: Option<u64>) {
        self.number.store(number.unwrap_or(NONE), Ordering::Release);
    }

    pub(crate) fn head_deadline(&self) -> Deadline {
        *self.head_deadline.lock()
    }

    pub(crate) fn has_number(&self, number: u64) -> bool {
        self.number.load(Ordering::Acquire) == number
    }

    /// So much of the write under way is out.
    pub(crate) fn progress(&self, sent: u64) {
        let state = self.state.lock();
        self.tell_progress(&state, state.sent + sent);
    }

    fn tell_progress(&self, state: &State, sent: u64) {
        if let Some(completer) = &state.completer {
            completer.progress(sent);
        }
        if let Some(whole) = &self.whole {
            whole.progress(sent);
        }
    }

    pub(crate) fn saw_interim(&self, status: StatusCode) {
        if status == StatusCode::CONTINUE {
            self.release();
        }
    }

    /// The final head is there. Unless it is a success, the server has no use for the rest of the
    /// body (RFC 9112 section 9.5).
    pub(crate) fn saw_answer(&self, status: StatusCode) {
        let mut state = self.state.lock();
        let held = state.held.take();
        let writes = if status.is_success() {
            SmallVec::new()
        } else {
            state.stop_write()
        };
        drop(state);
        drop(held);
        writes.iter().for_each(Canceller::cancel);
    }
}

impl State {
    /// Those to cancel, the last first: it is still untouched in the queue.
    fn stop_write(&mut self) -> SmallVec<[Canceller; 2]> {
        if self.writing == 0 {
            return SmallVec::new();
        }
        self.write_stopped = true;
        self.writes.iter().rev().cloned().collect()
    }

    fn read_canceller(&self) -> Option<Canceller> {
        match &self.read {
            Read::Running(canceller) => Some(canceller.clone()),
            Read::Done(_) => None,
        }
    }

    fn is_over(&self) -> bool {
        self.writing == 0 && matches!(self.read, Read::Done(_))
    }
}

/// The completions, and what else moves an exchange on.
impl Exchange {
    fn written(&self, result: Result<Written, Error>) {
        let mut state = self.state.lock();
        state.writing -= 1;
        state.sent += match &result {
            Ok(written) => written.count(),
            Err(error) => error.count(),
        };
        self.tell_progress(&state, state.sent);
        let waits = result.is_ok() && state.held.is_some();
        let is_out = result.is_ok() && !waits && state.writing == 0;
        let mut read = None;
        if let Err(error) = result {
            if !state.write_stopped && error.kind() != ErrorKind::Reset {
                read = state.read_canceller();
            }
            state.write_failure.get_or_insert(error);
        }
        let over = state.is_over();
        drop(state);
        if let Some(read) = read {
            read.cancel();
        }
        if waits {
            self.wait_for_word();
        }
        if is_out && !over {
            self.bound_head();
        }
        if over {
            self.finish();
        }
    }

    fn answered(&self, result: Result<Response<Bytes>, Error>) {
        let mut state = self.state.lock();
        let held = state.held.take();
        let writes = match &result {
            Ok(_) => SmallVec::new(),
            Err(_) => state.stop_write(),
        };
        state.read = Read::Done(result);
        let over = state.is_over();
        drop(state);
        drop(held);
        writes.iter().for_each(Canceller::cancel);
        if over {
            self.finish();
        }
    }

    fn interrupt(&self) {
        let mut state = self.state.lock();
        let held = state.held.take();
        let (writes, read) = (state.stop_write(), state.read_canceller());
        drop(state);
        drop(held);
        writes.iter().chain(&read).for_each(Canceller::cancel);
    }

    /// The request is out: the server's time begins.
    fn bound_head(&self) {
        let Some(after) = self.head_timeout else {
            return;
        };
        *self.head_deadline.lock() = Deadline::after(after);
        let state = self.state.lock();
        let reader = state
            .conn
            .as_ref()
            .map(|conn| Arc::clone(&conn.handle.reader));
        drop(state);
        if let Some(reader) = reader {
            reader.look_again();
        }
    }

    /// The head is out; the body waits for the server's word, but not for long.
    fn wait_for_word(&self) {
        let whom: Weak<dyn Expire> = Weak::<Self>::clone(&self.this);
        let at = Instant::now().checked_add(self.limits.continue_wait);
        if at.is_some_and(|at| timer::arm(at, whom).is_err()) {
            self.release();
        }
    }

    /// Lets the body go.
    fn release(&self) {
        let mut state = self.state.lock();
        // Not the connection itself: whoever is told of the outcome can have that alone.
        let writer = state
            .conn
            .as_ref()
            .map(|conn| Arc::clone(&conn.handle.writer));
        let Some(writer) = writer else { return };
        let Some(body) = state.held.take() else {
            return;
        };
        state.writing += 1;
        drop(state);
        let aio = Aio::bounded(self.deadline);
        let (write, completer, deadline) = aio.start(&writer.provider(), Interruption::Recorded);
        let operation = completer.operation();
        let canceller = write.canceller();
        let this = self.this.upgrade();
        write.then(move |result| {
            if let Some(exchange) = this {
                exchange.written(result);
            }
        });
        let job = WriteJob::new(Content::Vector, body, Until::All, deadline, completer)
            .part_of(self.this.upgrade());
        let mut state = self.state.lock();
        state.writes.push(canceller.clone());
        let stopped = state.write_stopped;
        drop(state);
        writer.submit(job, self.limits.queued);
        // Whoever stopped it meanwhile did not find it in the queue.
        if stopped || operation.is_some_and(|operation| operation.cause().is_some()) {
            canceller.cancel();
        }
    }

    fn finish(&self) {
        let mut state = self.state.lock();
        let (Some(conn), Some(completer)) = (state.conn.take(), state.completer.take()) else {
            return;
        };
        let over = Read::Done(Err(ErrorKind::Abandoned.into()));
        let read = std::mem::replace(&mut state.read, over);
        let write_failure = state.write_failure.take();
        let (sent, stopped) = (state.sent, state.write_stopped);
        drop(state);
        let outcome = match (read, write_failure) {
            (Read::Done(Ok(mut response)), _) => {
                response.extensions_mut().insert(Written::new(sent));
                Ok(response)
            }
            (Read::Done(Err(read)), Some(write)) if !stopped => Err(write.incomplete_if(&read)),
            (Read::Done(Err(read)), _) => Err(read),
            (Read::Running(_), _) => Err(ErrorKind::Abandoned.into()),
        };
        let outcome = outcome.map_err(|error| {
            let error = match completer.cause() {
                Some(cause) => error.with_kind(cause),
                None => error,
            };
            error.with_count(sent)
        });
        if outcome.is_err() && sent > 0 {
            conn.close();
        }
        let exchanges = Arc::clone(&conn.handle.exchanges);
        exchanges.remove(self.id);
        drop(conn);
        let notice = completer.finish(outcome);
        if notice.is_ours() || exchanges.owns_current_thread() {
            notice.run();
        } else {
            notice.post(Some(&*exchanges)); // We are on a caller's thread, a guest.
        }
    }
}

/// The server has not said anything in time.
impl Expire for Exchange {
    fn expire(&self) {
        self.release();
    }
}
