//! A forwarding: a head that is written, then pieces that are read and written by turns.
//!
//! Each step is an operation of one of the two connections; `state` says which. The closure of the step
//! under way owns the forwarding, which owns both connections until its outcome is told; the slot knows it
//! weakly, and so does the connection of the receiver. The lock is held for bookkeeping only.
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
use std::time::Instant;

use parking_lot::Mutex;

use super::state::{Event, Progress, Receiver, Remedy, Step};
use crate::aio::habit::{self, Handling, Hold, Kind};
use crate::aio::{Aio, Completer, InFlight, Interruption, Operation, Provider, Series, Written};
use crate::background::UserCode;
use crate::conn::Conn;
use crate::conn::queue::{EndReason, Half};
use crate::conn::read::{Reader, Want};
use crate::conn::write::{Parcel, Writer};
use crate::deadline::Deadline;
use crate::error::{Action, Error, ErrorKind, Peer};
use crate::meter::Meter;

/// Most bytes of a piece.
pub(super) const PIECE: usize = 256 << 10;

pub(super) struct Forwarding {
    /// Of the sender's connection.
    reader: Arc<Half<Reader>>,
    /// Of the receiver's.
    writer: Arc<Half<Writer>>,
    steps: Series,
    this: Weak<Self>,
    metering: Metering,
    state: Mutex<State>,
}

/// How slow the sender, or the receiver, may be.
#[derive(Clone, Debug, Default)]
pub(crate) struct Metering {
    pub(crate) sender: Option<Arc<Mutex<Meter>>>,
    pub(crate) receiver: Option<Arc<Mutex<Meter>>>,
}

struct State {
    progress: Progress,
    /// Taken when the outcome is known.
    whole: Option<Whole>,
    /// The thread that takes a step.
    stepping: Option<ThreadId>,
    /// How that step has ended, while the thread is still in it.
    event: Option<Event>,
}

/// The operation of the caller, and the connections, which it keeps.
struct Whole {
    completer: Completer<Written>,
    /// Notes that the connection of the receiver is closed.
    dependent: Weak<dyn Operation>,
    deadline: Deadline,
    from: Conn,
    to: Conn,
}

impl Forwarding {
    pub(super) fn submit(
        from: &Conn,
        to: &Conn,
        aio: Aio<Written>,
        progress: Progress,
        metering: Metering,
    ) -> Aio<Written, InFlight> {
        let forwarding = Arc::new_cyclic(|this| Self {
            reader: Arc::clone(&from.handle.reader),
            writer: Arc::clone(&to.handle.writer),
            steps: Series::default(),
            this: Weak::clone(this),
            metering,
            state: Mutex::new(State {
                progress,
                whole: None,
                stepping: None,
                event: None,
            }),
        });
        let provider = Arc::downgrade(&forwarding) as Weak<dyn Provider>;
        let (aio, completer, deadline) =
            aio.start(&provider, Interruption::Recorded, Action::Forward);
        let whole = Whole {
            dependent: completer.weak_operation(),
            completer,
            deadline,
            from: from.clone(),
            to: to.clone(),
        };
        forwarding.depend_on_receiver(&whole);
        forwarding.state.lock().whole = Some(whole);
        let begin = || forwarding.handle(Event::Begun);
        match habit::before(Kind::Read) {
            Hold::Allowed => forwarding.steps.helped(begin),
            Hold::Never => begin(),
        }
        aio.submitted(Kind::Read, forwarding.steps.handling())
    }

    /// Closing the connection of the receiver ends the whole, though it may be waiting for the sender.
    fn depend_on_receiver(&self, whole: &Whole) {
        let dependent = &whole.dependent;
        self.writer.link.dependents.add(Weak::clone(dependent));
        if self.writer.queue.has_ended() {
            // It may have been closed before it knew of this one.
            if let Some(operation) = dependent.upgrade() {
                operation.interrupt(ErrorKind::Closed);
            }
        }
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
            if let Some(whole) = &state.whole {
                whole.completer.progress(state.progress.written());
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
        match self.writer.link.ledger.writing.is_set() {
            true => Receiver::Waits,
            false => Receiver::IsServed,
        }
    }

    fn take(&self, step: Step) {
        match step {
            Step::Write(parcel) => self.write(parcel),
            Step::Read => self.read(|completer| Want::Some(PIECE, completer), Event::Read),
            Step::ReadStream => {
                self.read(|completer| Want::Stream(PIECE, completer), Event::Read);
            }
            Step::ReadTrailers => self.read(Want::Trailers, Event::ReadTrailers),
            Step::Succeed => {
                let written = self.state.lock().progress.written();
                self.tell(Ok(Written::new(written)));
            }
            Step::Fail(error, remedy) => {
                match remedy {
                    Remedy::EndReceiver => self.writer.cut(EndReason::ForwardingFailed),
                    Remedy::PutBack(piece) => self.reader.put_back(&piece),
                }
                self.tell(Err(error));
            }
        }
    }

    fn write(&self, parcel: Result<Parcel, Error>) {
        let Some((to, deadline)) = self.with_whole(|whole| (whole.to.clone(), whole.deadline))
        else {
            return;
        };
        let hold = self.steps.hold();
        let aio = Aio::bounded(deadline);
        let meter = self.metering.receiver.clone();
        let write = to.enqueue_write(aio, Action::Write, parcel, hold, meter);
        self.await_step(write, Event::Written);
    }

    fn read<T: Send + 'static>(
        &self,
        want: fn(Completer<T>) -> Want,
        event: fn(Result<T, Error>) -> Event,
    ) {
        let Some((from, deadline)) = self.with_whole(|whole| (whole.from.clone(), whole.deadline))
        else {
            return;
        };
        let hold = self.steps.hold();
        let meter = self.metering.sender.clone();
        let left = meter.as_ref().map(|meter| meter.lock().left());
        let deadline = deadline.earlier(left.map_or(Deadline::Never, Deadline::after));
        let read = from.enqueue_read(Aio::bounded(deadline), Action::Read, want, hold);
        let start = meter.as_ref().map(|_| Instant::now());
        self.await_step(read, move |result| {
            let event = event(result);
            if let (Some(meter), Some(start)) = (meter, start) {
                let mut meter = meter.lock();
                meter.waited(start);
                meter.passed(event.arrived());
            }
            event
        });
    }

    fn with_whole<T>(&self, f: impl FnOnce(&Whole) -> T) -> Option<T> {
        self.state.lock().whole.as_ref().map(f)
    }

    /// Goes on when the step is over.
    fn await_step<T: Send + 'static>(
        &self,
        (aio, handling): (Aio<T, InFlight>, Handling),
        event: impl FnOnce(Result<T, Error>) -> Event + Send + 'static,
    ) {
        let Some(this) = self.this.upgrade() else {
            return;
        };
        self.steps.set(&aio, handling);
        if handling == Handling::HeldBack {
            self.with_whole(|whole| whole.completer.set_held(true));
        }
        aio.then(move |result| {
            this.steps.step_is_over();
            this.handle(event(result));
        });
    }

    /// Whoever is told has the connections for himself.
    fn tell(&self, result: Result<Written, Error>) {
        let Some(whole) = self.state.lock().whole.take() else {
            return;
        };
        let Whole {
            completer,
            dependent,
            deadline: _,
            from,
            to,
        } = whole;
        self.writer.link.dependents.remove(&dependent);
        drop((from, to));
        completer.finish_for_cause(result).run_or_post(self);
    }
}

impl Provider for Forwarding {
    fn interrupted(&self, _: &dyn Operation) {
        self.steps.cancel();
    }

    fn post(&self, code: UserCode) {
        self.writer.post(code);
    }

    fn awaited(&self, _: &dyn Operation) -> bool {
        self.steps.serve()
    }

    fn detached(&self) {
        self.steps.hand_over();
    }

    /// Where it goes.
    fn peer(&self) -> Option<Arc<Peer>> {
        Some(Arc::clone(&self.writer.link.peer))
    }

    /// The steps need threads of both.
    fn owns_current_thread(&self) -> bool {
        self.reader.owns_current_thread() || self.writer.owns_current_thread()
    }
}
