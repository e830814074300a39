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

mod holding;
mod promise;

use std::fmt;
use std::sync::{Arc, Weak};
use std::thread::{self, ThreadId};

use parking_lot::Mutex;

pub(super) use self::holding::Coming;
pub(super) use self::promise::Promise;
use super::answer::Answer;
use super::places::Place;
use super::waiters::{Awaited, Waiters};
use crate::aio::{
    Aio, CancelToken, Canceler, InFlight, Interruption, Operation, Provider, Written,
};
use crate::background::{self, UserCode};
use crate::conn::Conn;
use crate::error::{Action, Error, ErrorKind, Peer};
use crate::timer::{self, Expire};

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
            Ok(()) => {
                // The alarm may have come before there was something to expire.
                if deadline.is_past() {
                    self.withdraw(ErrorKind::TimedOut);
                }
                aio.registered()
            }
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
