//! A forwarding: a head that is written, then pieces that are read and written by turns.
//!
//! ```text
//!  submit ──▶ write head ──▶ read piece ──end──▶ read trailers ──▶ write the end ──▶ told
//!                              │    ▲
//!                              ▼    │
//!                            write piece
//! ```
//!
//! Each step is an operation of one of the two connections. The closure of the step under way owns the
//! forwarding, which owns both connections; the slot knows it weakly. The lock is held for bookkeeping only.
//!
//! Invariants:
//!
//! 1. One step is under way at a time, so at most one piece is in memory.
//! 2. The count is the sum of what the writes have counted.
//! 3. A message whose head is out either goes out whole, or ends the write side of its connection.

use std::sync::{Arc, Weak};

use bytes::Bytes;
use http::HeaderMap;
use parking_lot::Mutex;

use crate::aio::habit::{self, Handling, Hold, Kind};
use crate::aio::{Aio, Completer, InFlight, Interruption, Operation, Provider, Series, Written};
use crate::background::UserCode;
use crate::conn::Conn;
use crate::conn::read::Want;
use crate::conn::write::Parcel;
use crate::deadline::Deadline;
use crate::error::{Action, Error, Peer};
use crate::proto::body::BodyFraming;

/// Most bytes of a piece.
const PIECE: usize = 256 << 10;

/// What is copied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Source {
    /// The body of the message whose head was read last.
    Body(BodyFraming),
    /// Whatever comes, to the end of the stream.
    Stream,
}

pub(super) struct Forwarding {
    from: Conn,
    to: Conn,
    source: Source,
    steps: Series,
    this: Weak<Self>,
    state: Mutex<State>,
}

struct State {
    completer: Option<Completer<Written>>,
    deadline: Deadline,
    written: u64,
}

impl Forwarding {
    pub(super) fn submit(
        from: &Conn,
        to: &Conn,
        aio: Aio<Written>,
        head: Result<Option<Parcel>, Error>,
        source: Source,
    ) -> Aio<Written, InFlight> {
        let forwarding = Arc::new_cyclic(|this| Self {
            from: from.clone(),
            to: to.clone(),
            source,
            steps: Series::default(),
            this: Weak::clone(this),
            state: Mutex::new(State {
                completer: None,
                deadline: Deadline::Never,
                written: 0,
            }),
        });
        let provider = Arc::downgrade(&forwarding) as Weak<dyn Provider>;
        let (aio, completer, deadline) =
            aio.start(&provider, Interruption::Recorded, Action::Forward);
        let mut state = forwarding.state.lock();
        state.completer = Some(completer);
        state.deadline = deadline;
        drop(state);
        let begin = || match head {
            Ok(Some(head)) => forwarding.write(Ok(head), Self::copy),
            Ok(None) => forwarding.copy(),
            Err(error) => forwarding.fail(error),
        };
        match habit::before(Kind::Read) {
            Hold::Allowed => forwarding.steps.helped(begin),
            Hold::Never => begin(),
        }
        aio.submitted(Kind::Read, forwarding.steps.handling())
    }

    /// Reads the next piece, if there is anything to read.
    fn copy(&self) {
        if self.source == Source::Body(BodyFraming::None) {
            return self.succeed();
        }
        let want = |completer| Want::Some(PIECE, completer);
        let hold = self.steps.hold();
        let read = self
            .from
            .enqueue_read(self.next(), Action::Read, want, hold);
        self.step(read, |this, result: Result<Bytes, Error>| match result {
            Ok(piece) if piece.is_empty() => this.end(),
            Ok(piece) => this.write(Ok(Parcel::content(piece)), Self::copy),
            Err(error) if this.source == Source::Stream && error.is_end_of_stream() => this.end(),
            Err(error) => this.fail(error),
        });
    }

    /// Nothing more is to be read but trailers.
    fn end(&self) {
        match self.source {
            Source::Body(BodyFraming::None | BodyFraming::Exact(_)) => self.succeed(),
            Source::Body(BodyFraming::UntilEnd) => self.finish(&HeaderMap::new()),
            Source::Body(BodyFraming::Chunked) => {
                let hold = self.steps.hold();
                let action = Action::ReadTrailers;
                let read = self
                    .from
                    .enqueue_read(self.next(), action, Want::Trailers, hold);
                self.step(read, |this, result| match result {
                    Ok(trailers) => this.finish(&trailers),
                    Err(error) => this.fail(error),
                });
            }
            Source::Stream => self.write(Ok(Parcel::close_write()), Self::succeed),
        }
    }

    fn finish(&self, trailers: &HeaderMap) {
        self.write(Parcel::finish(trailers), Self::succeed);
    }

    fn write(&self, parcel: Result<Parcel, Error>, then: fn(&Self)) {
        let hold = self.steps.hold();
        let write = self
            .to
            .enqueue_write(self.next(), Action::Write, parcel, hold);
        self.step(write, move |this, result| {
            let (count, failure) = match result {
                Ok(written) => (written.count(), None),
                Err(error) => (error.count(), Some(error)),
            };
            this.count(count);
            match failure {
                None => then(this),
                Some(error) => this.fail(error),
            }
        });
    }

    fn count(&self, count: u64) {
        let mut state = self.state.lock();
        state.written += count;
        if let Some(completer) = &state.completer {
            completer.progress(state.written);
        }
    }

    fn next<T>(&self) -> Aio<T> {
        Aio::bounded(self.state.lock().deadline)
    }

    /// Goes on with `then` when the step is over.
    fn step<T: Send + 'static>(
        &self,
        (aio, handling): (Aio<T, InFlight>, Handling),
        then: impl FnOnce(&Self, Result<T, Error>) + Send + 'static,
    ) {
        let Some(this) = self.this.upgrade() else {
            return;
        };
        self.steps.set(&aio, handling);
        if handling == Handling::HeldBack {
            if let Some(completer) = &self.state.lock().completer {
                completer.set_held(true);
            }
        }
        aio.then(move |result| {
            this.steps.step_is_over();
            then(&this, result);
        });
    }

    fn succeed(&self) {
        let written = self.state.lock().written;
        self.tell(Ok(Written::new(written)));
    }

    fn fail(&self, error: Error) {
        let written = self.state.lock().written;
        if written > 0 && self.source != Source::Stream {
            self.to.end_write_side();
        }
        self.tell(Err(error.with_written_count(written)));
    }

    fn tell(&self, result: Result<Written, Error>) {
        let completer = self.state.lock().completer.take();
        if let Some(completer) = completer {
            completer.finish_for_cause(result).run_or_post(self);
        }
    }
}

impl Provider for Forwarding {
    fn interrupted(&self, _: &dyn Operation) {
        self.steps.cancel();
    }

    fn post(&self, code: UserCode) {
        self.to.handle.writer.post(code);
    }

    fn awaited(&self, _: &dyn Operation) -> bool {
        self.steps.serve()
    }

    fn detached(&self) {
        self.steps.hand_over();
    }

    /// Where it goes.
    fn peer(&self) -> Option<Arc<Peer>> {
        Some(Arc::clone(self.to.peer()))
    }

    /// The steps need threads of both.
    fn owns_current_thread(&self) -> bool {
        let owns = |conn: &Conn| conn.handle.link.owner.owns_current_thread();
        owns(&self.from) || owns(&self.to)
    }
}
