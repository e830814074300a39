//! Submitting an exchange: its write and its read, as a pair.

use std::sync::atomic::{AtomicBool, AtomicU64};
use std::sync::{Arc, Weak};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use parking_lot::Mutex;
use smallvec::SmallVec;

use super::state::Progress;
use super::{AnswerBody, Exchange, Recipient, State, ready};
use crate::aio::habit::{Handling, Hold};
use crate::aio::{Aio, Canceler, InFlight, Interruption, Operation, Provider};
use crate::conn::Conn;
use crate::conn::ledger::NO_NUMBER;
use crate::conn::queue::Submitted;
use crate::conn::read::{Answer, ReadJob, Want};
use crate::conn::write::{Parcel, Role, WriteJob};
use crate::deadline::Deadline;
use crate::error::{Action, ErrorKind};
use crate::proto::encode::{self, Encoded, Form};
use crate::proto::framing::Framing;

/// How an exchange differs from the usual.
pub(crate) struct Terms<'a> {
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
    /// It was checked just now, on a connection that nobody else has.
    Made,
}

impl Terms<'_> {
    pub(crate) fn new(hold: Hold) -> Self {
        Self {
            form: Form::Origin,
            head_timeout: None,
            whole: None,
            check: Check::Needed,
            hold,
        }
    }
}

/// Submits an exchange.
pub(crate) fn submit<B: AnswerBody>(
    conn: &Conn,
    aio: Aio<Response<B>>,
    request: &Request<Bytes>,
    terms: Terms<'_>,
) -> (Aio<Response<B>, InFlight>, Handling) {
    let parts = Aio::<Response<Bytes>>::new();
    let (read, read_completer, _) = parts.start(
        &conn.handle.reads,
        Interruption::Finishes,
        Action::ReadResponse,
    );
    let exchange = Exchange::<B>::new(conn, read.canceler(), request, &terms);
    let provider = Arc::downgrade(&exchange) as Weak<dyn Provider>;
    let (aio, completer, deadline) = aio.start(&provider, Interruption::Recorded, Action::Exchange);
    let ready = match terms.check {
        _ if deadline.is_past() => Err(ErrorKind::TimedOut.into()),
        Check::Needed => ready::expect_ready(conn),
        Check::Made => Ok(()),
    };
    let encoded = match ready.and_then(|()| encode::request(request, terms.form)) {
        Ok(encoded) => encoded,
        Err(error) => {
            completer.refuse(error);
            return (aio, Handling::HandedOver);
        }
    };
    let write = exchange.begin(
        conn,
        request,
        encoded,
        Recipient::new(completer, conn),
        deadline,
    );
    let theirs = Arc::clone(&exchange);
    read.then(move |result| theirs.read_done(result));
    let answer = Answer::new(Arc::<Exchange<B>>::clone(&exchange), B::EXTENT);
    let read = ReadJob {
        want: Want::Answer(Box::new(answer), read_completer),
        limits: conn.limits,
        deadline,
    };
    let handling = submit_pair(conn, write, read, terms.hold);
    if handling == Handling::HeldBack {
        exchange.mark_held_back();
    }
    (aio, handling)
}

/// Submits both. The write goes out at once, as far as it goes without blocking, if nobody is writing.
/// The read may be held back for the caller that waits for it, if nobody is reading.
fn submit_pair(conn: &Conn, write: WriteJob, read: ReadJob, hold: Hold) -> Handling {
    let (writer, reader) = (&conn.handle.writer, &conn.handle.reader);
    let limit = conn.limits.queued;
    let pairing = conn.handle.link.pairing.lock();
    let read = match hold {
        Hold::Allowed => reader.queue.hold_back(read, limit),
        Hold::Never => reader.queue.submit(read, limit),
    };
    let read = match read {
        Submitted::Rejected(read, refusal) => {
            drop(pairing);
            // Nobody could take the answer, so the request is not sent.
            reader.reject(read, refusal);
            writer.reject(write, refusal);
            return Handling::HandedOver;
        }
        accepted => accepted,
    };
    let claimed = writer.queue.claim_with(write);
    let write = claimed.map_err(|write| writer.queue.submit(write, limit));
    drop(pairing);
    let handling = reader.after_submission(read);
    match write {
        Ok(write) => writer.write_some_inline(write),
        Err(submitted) => {
            writer.after_submission(submitted);
        }
    }
    handling
}

impl<B: AnswerBody> Exchange<B> {
    fn new(conn: &Conn, read: Canceler, request: &Request<Bytes>, terms: &Terms<'_>) -> Arc<Self> {
        let state = State {
            progress: Progress::begin(false),
            recipient: None,
            deadline: Deadline::Never,
            held_body: None,
            continue_alarm: None,
            writes: SmallVec::new(),
            write_failure: None,
            read,
            answer: None,
            written: 0,
        };
        Arc::new_cyclic(|this| Self {
            writer: Arc::clone(&conn.handle.writer),
            reader: Arc::clone(&conn.handle.reader),
            number: AtomicU64::new(NO_NUMBER),
            is_in_pieces: encode::needs_more_body(request),
            head_timeout: terms.head_timeout,
            whole: terms.whole.clone(),
            head_deadline: Mutex::new(Deadline::Never),
            limits: conn.limits,
            forsaken: AtomicBool::new(false),
            request_ended: AtomicBool::new(false),
            this: Weak::clone(this),
            state: Mutex::new(state),
        })
    }

    /// Makes the write of the request, or of its head if the body is to wait for 100 (Continue).
    fn begin(
        self: &Arc<Self>,
        conn: &Conn,
        request: &Request<Bytes>,
        mut encoded: Encoded,
        recipient: Recipient<B>,
        deadline: Deadline,
    ) -> WriteJob {
        let body = request.body().clone();
        let waits = encode::expects_continue(request.headers()) && !body.is_empty();
        let (body, held_body) = if waits {
            encoded.announced.then = Framing::Length(body.len() as u64);
            (Bytes::new(), Some(std::iter::once(body).collect()))
        } else {
            (body, None)
        };
        let parts = Aio::bounded(deadline);
        let (write, write_completer, _) = parts.start(
            &conn.handle.writes,
            Interruption::Recorded,
            Action::WriteRequest,
        );
        let mut state = self.state.lock();
        state.progress = Progress::begin(waits);
        state.recipient = Some(recipient);
        state.deadline = deadline;
        state.held_body = held_body;
        state.writes.push(write.canceler());
        drop(state);
        conn.handle.link.exchanges.begin();
        let theirs = Arc::clone(self);
        write.then(move |result| theirs.write_done(result));
        let role = Role::Request(request.method().into());
        let parcel = Parcel::message(role, encoded, body);
        WriteJob::new(parcel, deadline, write_completer).observed_by(Arc::<Self>::clone(self))
    }

    /// The read is held back for the caller that waits for the exchange.
    fn mark_held_back(&self) {
        let state = self.state.lock();
        if let Some(recipient) = &state.recipient {
            recipient.set_held();
        }
    }
}
