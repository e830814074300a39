//! A forwarding: a head that is written, then pieces that are read and written by turns.
//!
//! Each step is an operation of one of the two connections; `state` says which. The closure of the step
//! under way owns the forwarding, which owns both connections; the slot knows it weakly. The lock is held
//! for bookkeeping only.
//!
//! Invariants:
//!
//! 1. One step is under way at a time, so at most one piece is in memory.
//! 2. The count is the sum of what the writes have counted.
//! 3. A message whose head is out either goes out whole, or ends the write side of its connection.
//! 4. The stack does not grow with the steps: one that is over before its closure is attached is followed
//!    up by whoever began it.

use std::sync::{Arc, Weak};
use std::thread::{self, ThreadId};

use parking_lot::Mutex;

use super::state::{Event, Progress, Receiver, Remedy, Source, Step};
use crate::aio::habit::{self, Handling, Hold, Kind};
use crate::aio::{Aio, Completer, InFlight, Interruption, Operation, Provider, Series, Written};
use crate::background::UserCode;
use crate::conn::Conn;
use crate::conn::read::Want;
use crate::conn::write::Parcel;
use crate::deadline::Deadline;
use crate::error::Error;

/// Most bytes of a piece.
const PIECE: usize = 256 << 10;

pub(super) struct Forwarding {
    from: Conn,
    to: Conn,
    steps: Series,
    this: Weak<Self>,
    state: Mutex<State>,
}

struct State {
    progress: Progress,
    completer: Option<Completer<Written>>,
    deadline: Deadline,
    /// The thread that takes a step.
    stepping: Option<ThreadId>,
    /// How that step has ended, while the thread is still in it.
    event: Option<Event>,
}

impl Forwarding {
    pub(super) fn submit(
        from: &Conn,
        to: &Conn,
        aio: Aio<Written>,
        head: Option<Result<Parcel, Error>>,
        source: Source,
    ) -> Aio<Written, InFlight> {
        let forwarding = Arc::new_cyclic(|this| Self {
            from: from.clone(),
            to: to.clone(),
            steps: Series::default(),
            this: Weak::clone(this),
            state: Mutex::new(State {
                progress: Progress::new(head, source),
                completer: None,
                deadline: Deadline::Never,
                stepping: None,
                event: None,
            }),
        });
        let provider = Arc::downgrade(&forwarding) as Weak<dyn Provider>;
        let (aio, completer, deadline) = aio.start(&provider, Interruption::Recorded);
        let mut state = forwarding.state.lock();
        state.completer = Some(completer);
        state.deadline = deadline;
        drop(state);
        let begin = || forwarding.handle(Event::Begun);
        match habit::before(Kind::Read) {
            Hold::Allowed => forwarding.steps.helped(begin),
            Hold::Never => begin(),
        }
        aio.submitted(Kind::Read, forwarding.steps.handling())
    }

    /// Takes the step that follows an event, and those that follow what it brings about here and now.
    fn handle(&self, event: Event) {
        let me = thread::current().id();
        let mut state = self.state.lock();
        if state.stepping == Some(me) {
            state.event = Some(event);
            return;
        }
        let mut next = Some(event);
        while let Some(event) = next {
            state.stepping = Some(me);
            let step = state.progress.step(event, self.receiver());
            if let Some(completer) = &state.completer {
                completer.progress(state.progress.written());
            }
            drop(state);
            self.take(step);
            state = self.state.lock();
            if state.stepping != Some(me) {
                return; // Somebody else has gone on.
            }
            state.stepping = None;
            next = state.event.take();
        }
    }

    fn receiver(&self) -> Receiver {
        match self.to.handle.link.ledger.writing.is_set() {
            true => Receiver::Waits,
            false => Receiver::IsServed,
        }
    }

    fn take(&self, step: Step) {
        let hold = self.steps.hold();
        match step {
            Step::Write(parcel) => {
                let write = self.to.enqueue_write(self.next(), parcel, hold);
                self.await_step(write, Event::Written);
            }
            Step::Read => {
                let want = |completer| Want::Some(PIECE, completer);
                let read = self.from.enqueue_read(self.next(), want, hold);
                self.await_step(read, Event::Read);
            }
            Step::ReadStream => {
                let want = |completer| Want::Stream(PIECE, completer);
                let read = self.from.enqueue_read(self.next(), want, hold);
                self.await_step(read, Event::Read);
            }
            Step::ReadTrailers => {
                let read = self.from.enqueue_read(self.next(), Want::Trailers, hold);
                self.await_step(read, Event::ReadTrailers);
            }
            Step::Succeed => {
                let written = self.state.lock().progress.written();
                self.tell(Ok(Written::new(written)));
            }
            Step::Fail(error, remedy) => {
                match remedy {
                    Remedy::Nothing => {}
                    Remedy::EndReceiver => self.to.end_write_side(),
                    Remedy::PutBack(piece) => self.from.handle.reader.put_back(&piece),
                }
                self.tell(Err(error));
            }
        }
    }

    /// An aio for the next step.
    fn next<T>(&self) -> Aio<T> {
        Aio::bounded(self.state.lock().deadline)
    }

    /// Goes on when the step is over.
    fn await_step<T: Send + 'static>(
        &self,
        (aio, handling): (Aio<T, InFlight>, Handling),
        event: fn(Result<T, Error>) -> Event,
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
            this.handle(event(result));
        });
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

    /// The steps need threads of both.
    fn owns_current_thread(&self) -> bool {
        let owns = |conn: &Conn| conn.handle.link.owner.owns_current_thread();
        owns(&self.from) || owns(&self.to)
    }
}
