//! The side of whoever has the connection: waiting for an answer that is late.

use super::{Client, Late, Promise, Turn};
use crate::aio::{Aio, Canceler, Options};
use crate::conn::Conn;
use crate::error::{Error, ErrorKind};
use crate::transport::Departure;

/// What a wait for an answer ends with.
pub(in crate::server) enum Coming {
    Answer(Box<Promise>),
    /// Nobody is going to answer, for this reason.
    Nothing(&'static str),
    /// The connection has ended.
    Lost(Error),
}

/// Whoever has the connection.
impl Late {
    /// Waits for the answer. This is the one place where a connection is held whose answer is late.
    pub(in crate::server) fn wait(&self, conn: &Conn) -> Coming {
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
    pub(in crate::server) fn give_up(&self) {
        if let Some(Coming::Answer(promise)) = self.take(Some(ErrorKind::Closed)) {
            promise.refuse(ErrorKind::Closed);
        }
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
    pub(in crate::server) fn options(&self, promise: &Promise) -> Options {
        Options {
            timeout: None,
            deadline: promise.deadline,
            token: Some(self.token.clone()),
        }
    }
}
