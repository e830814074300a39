//! An answer that comes from another thread: what the responder and whoever has the connection share.
//!
//! ```text
//!  responder          the connection's thread
//!  Asked              waits for the answer, and for the client's departure
//!    │ respond                 │ the connection ends
//!  Promised ──────────────▶  Over
//!    │ canceled, expired       ▲
//!  Forsaken                 Writing ◀── takes what was promised
//! ```
//!
//! Invariants:
//!
//! 1. Whoever changes `Asked` ends the wait, or is seen before it begins: `held_by` shares the lock.
//! 2. An answer is dropped by the connection's thread or the responder's, never on one that others depend on.
//! 3. No lock is held while an operation is ended.

use std::fmt;
use std::sync::{Arc, Weak};
use std::thread::{self, ThreadId};

use parking_lot::Mutex;

use super::answer::Answer;
use super::places::Place;
use super::waiters::{Awaited, Waiters};
use crate::aio::{
    Aio, CancelToken, Canceler, Completer, InFlight, Interruption, Operation, Options, Provider,
    Written,
};
use crate::background::{self, UserCode};
use crate::conn::Conn;
use crate::deadline::Deadline;
use crate::error::{Action, Error, ErrorKind, Peer};
use crate::timer::{self, Alarm, Expire};
use crate::transport::Departure;

pub(super) struct Late {
    state: Mutex<State>,
    /// Of the writes of the answer.
    token: CancelToken,
    /// Those who wait for the client's departure.
    departure: Arc<Waiters>,
    /// The thread that has the connection, and writes the answer.
    holder: ThreadId,
    place: Arc<Place>,
    peer: Arc<Peer>,
    this: Weak<Self>,
}

struct State {
    turn: Turn,
    /// Ends the wait of whoever has the connection.
    waiting: Option<Canceler>,
    client: Client,
}

enum Turn {
    /// The responder has it.
    Asked,
    Promised(Box<Promise>),
    /// Nobody is going to answer. What was given up is dropped by whoever has the connection.
    Forsaken(Option<Box<Answer>>),
    Writing,
    /// The exchange has ended before it was answered.
    Over(ErrorKind),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Client {
    Present,
    Gone,
}

/// An answer on its way to whoever has the connection.
pub(super) struct Promise {
    pub(super) answer: Answer,
    completer: Completer<Written>,
    deadline: Deadline,
    _alarm: Option<Alarm>,
}

/// What a wait for an answer ends with.
pub(super) enum Coming {
    Answer(Box<Promise>),
    /// Nobody is going to answer, for this reason.
    Nothing(&'static str),
    /// The connection has ended.
    Lost(Error),
}

impl Late {
    pub(super) fn new(conn: &Conn, place: &Arc<Place>) -> Arc<Self> {
        Arc::new_cyclic(|this| Self {
            state: Mutex::new(State {
                turn: Turn::Asked,
                waiting: None,
                client: Client::Present,
            }),
            token: CancelToken::new(),
            departure: Arc::default(),
            holder: thread::current().id(),
            place: Arc::clone(place),
            peer: Arc::clone(conn.peer()),
            this: Weak::clone(this),
        })
    }

    /// Hands an answer to whoever has the connection.
    pub(super) fn respond(&self, aio: Aio<Written>, answer: Answer) -> Aio<Written, InFlight> {
        let provider: Weak<dyn Provider> = self.this.clone();
        let (aio, completer, deadline) =
            aio.start(&provider, Interruption::Recorded, Action::WriteResponse);
        if deadline.is_past() {
            let in_time = Err(ErrorKind::TimedOut.into());
            drop(completer.finish_for_cause(in_time)); // Nobody can listen yet.
            self.forsake();
            return aio;
        }
        let alarm = match deadline.instant() {
            Some(at) => match timer::arm(at, self.this.clone()) {
                Ok(alarm) => Some(alarm),
                Err(error) => {
                    completer.refuse(Error::no_thread().with_cause(error));
                    self.forsake();
                    return aio;
                }
            },
            None => None,
        };
        let promise = Promise {
            answer,
            completer,
            deadline,
            _alarm: alarm,
        };
        match self.change(Turn::Promised(Box::new(promise))) {
            Ok(()) => aio.registered(),
            Err((Turn::Promised(promise), kind)) => {
                promise.completer.refuse(kind.into());
                aio
            }
            Err(_) => aio, // Not reached: what was refused comes back.
        }
    }

    /// Nobody is going to answer, unless somebody has.
    pub(super) fn forsake(&self) {
        let _ = self.change(Turn::Forsaken(None));
    }

    /// Whether the client has gone, or the exchange has ended without it.
    pub(super) fn is_disconnected(&self) -> bool {
        let state = self.state.lock();
        let is_over = state.client == Client::Gone || matches!(state.turn, Turn::Over(_));
        drop(state);
        is_over || self.place.has_lost_peer()
    }

    /// Completes when the client has gone.
    pub(super) fn disconnected(&self, aio: Aio<()>) -> Aio<(), InFlight> {
        let awaited: Weak<dyn Awaited> = self.this.clone();
        let waiting = self.departure.add(awaited, Action::AwaitDeparture, aio);
        self.tell_of_client();
        waiting.registered()
    }

    /// Changes what nobody has decided yet, and ends the wait.
    ///
    /// # Errors
    ///
    /// What was to be, and why it cannot be.
    fn change(&self, to: Turn) -> Result<(), (Turn, ErrorKind)> {
        let mut state = self.state.lock();
        let waiting = match state.turn {
            Turn::Asked => {
                state.turn = to;
                state.waiting.take()
            }
            Turn::Over(kind) => return Err((to, kind)),
            _ => return Err((to, ErrorKind::Closed)),
        };
        drop(state);
        if let Some(waiting) = waiting {
            waiting.cancel();
        }
        Ok(())
    }

    /// Gives up what was promised and not begun, and ends the wait.
    fn withdraw(&self, kind: ErrorKind) {
        let mut state = self.state.lock();
        let promise = match std::mem::replace(&mut state.turn, Turn::Forsaken(None)) {
            Turn::Promised(promise) => promise,
            turn => {
                state.turn = turn;
                return;
            }
        };
        let Promise {
            answer, completer, ..
        } = *promise;
        state.turn = Turn::Forsaken(Some(Box::new(answer)));
        let waiting = state.waiting.take();
        drop(state);
        completer.finish_for_cause(Err(kind.into())).post(None);
        if let Some(waiting) = waiting {
            waiting.cancel();
        }
    }

    /// Tells those who wait for the client's departure, if it has gone or will not go any more.
    fn tell_of_client(&self) {
        let state = self.state.lock();
        let is_gone = state.client == Client::Gone;
        let is_over = matches!(
            state.turn,
            Turn::Writing | Turn::Forsaken(_) | Turn::Over(_)
        );
        drop(state);
        if is_gone {
            self.departure.tell_all(|| Ok(()));
        } else if is_over {
            self.departure
                .tell_all(|| Err(Error::new(ErrorKind::Closed).with_detail(OVER)));
        }
    }
}

const OVER: &str = "the exchange is over";

/// Whoever has the connection.
impl Late {
    /// Waits for the answer. This is the one place where a connection is held whose answer is late.
    pub(super) fn wait(&self, conn: &Conn) -> Coming {
        let mut what = Departure::OfStream;
        let mut aio = Aio::new();
        let coming = loop {
            let result;
            (result, aio) =
                conn.await_departure_inline(aio, what, |canceler| self.held_by(canceler));
            if let Some(coming) = self.take(None) {
                break coming;
            }
            match (result, what) {
                (Ok(()), Departure::OfStream) => {
                    self.state.lock().client = Client::Gone;
                    self.tell_of_client();
                    what = Departure::OfPeer; // It may still listen.
                }
                (Ok(()), Departure::OfPeer) => {
                    break self.lose(Error::new(ErrorKind::Reset));
                }
                (Err(error), _) if error.kind() == ErrorKind::Canceled => {}
                (Err(error), _) => break self.lose(error),
            }
        };
        self.tell_of_client();
        coming
    }

    /// The handler has failed: nothing is waited for.
    pub(super) fn give_up(&self) {
        drop(self.take(Some(ErrorKind::Closed)));
        self.tell_of_client();
    }

    fn held_by(&self, canceler: Canceler) {
        let mut state = self.state.lock();
        if let Turn::Asked = state.turn {
            state.waiting = Some(canceler);
        } else {
            drop(state);
            canceler.cancel();
        }
    }

    fn lose(&self, error: Error) -> Coming {
        let taken = self.take(Some(error.kind()));
        taken.unwrap_or(Coming::Lost(error))
    }

    /// Takes what has been decided. If nothing has, and it is over for this reason, nobody can answer any more.
    fn take(&self, over: Option<ErrorKind>) -> Option<Coming> {
        let mut state = self.state.lock();
        state.waiting = None;
        match std::mem::replace(&mut state.turn, Turn::Writing) {
            Turn::Promised(promise) => Some(Coming::Answer(promise)),
            Turn::Forsaken(answer) => {
                state.turn = Turn::Forsaken(None);
                drop(state);
                let reason = match answer {
                    Some(_) => "the late answer was given up",
                    None => "the responder was dropped without an answer",
                };
                drop(answer);
                Some(Coming::Nothing(reason))
            }
            turn => {
                state.turn = over.map_or(turn, Turn::Over);
                None
            }
        }
    }

    /// Under which the answer is written.
    pub(super) fn options(&self, promise: &Promise) -> Options {
        Options {
            timeout: None,
            deadline: promise.deadline,
            token: Some(self.token.clone()),
        }
    }
}

impl Promise {
    /// Whether it was given up before it began.
    pub(super) fn is_void(&self) -> bool {
        self.completer.cause().is_some() || self.deadline.is_past()
    }

    /// Tells so.
    pub(super) fn refuse(self) {
        let (_unwanted, fulfilment) = self.into_parts();
        fulfilment.tell(Err(ErrorKind::TimedOut.into()));
    }

    /// Parts the answer from what is told of its end.
    pub(super) fn into_parts(self) -> (Answer, Fulfilment) {
        (self.answer, Fulfilment(self.completer))
    }
}

/// Tells what became of an answer. Dropped, it tells that its thread was lost.
pub(super) struct Fulfilment(Completer<Written>);

impl Fulfilment {
    pub(super) fn tell(self, result: Result<Written, Error>) {
        self.0.finish_for_cause(result).post(None);
    }
}

/// Works on the operation of a `respond`.
impl Provider for Late {
    fn interrupted(&self, _: &dyn Operation) {
        self.withdraw(ErrorKind::Canceled);
        // If it is being written already.
        self.token.cancel();
    }

    fn post(&self, code: UserCode) {
        background::run(code);
    }

    fn peer(&self) -> Option<Arc<Peer>> {
        Some(Arc::clone(&self.peer))
    }

    /// The handler's own thread writes the answer, once the handler has returned.
    fn owns_current_thread(&self) -> bool {
        thread::current().id() == self.holder
    }
}

/// The client's departure.
impl Awaited for Late {
    fn left(&self) -> u64 {
        0
    }

    fn needs_current_thread(&self) -> bool {
        self.owns_current_thread()
    }
}

impl Expire for Late {
    fn expire(&self) {
        self.withdraw(ErrorKind::TimedOut);
    }

    fn release(self: Arc<Self>) {
        background::release(self);
    }
}

impl fmt::Debug for Late {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Late")
    }
}
