//! Stopping: who waits for the end of a server, and when that has come.

use std::sync::{Arc, Weak};

use parking_lot::Mutex;

use super::shared::{Phase, Shared};
use crate::aio::{Aio, Completer, InFlight, Interruption, Operation, Provider};
use crate::background::{self, UserCode};
use crate::error::{Action, Error, ErrorKind};
use crate::timer::{self, Alarm, Expire};

/// Those who wait for the end.
#[derive(Default)]
pub(super) struct Waiters {
    waiters: Mutex<Vec<Arc<Waiter>>>,
}

/// One who waits for the end.
struct Waiter {
    shared: Weak<Shared>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    completer: Option<Completer<()>>,
    alarm: Option<Alarm>,
}

impl Waiters {
    pub(super) fn add(&self, shared: &Arc<Shared>, aio: Aio<()>) -> Aio<(), InFlight> {
        let waiter = Arc::new(Waiter {
            shared: Arc::downgrade(shared),
            state: Mutex::default(),
        });
        let weak = Arc::downgrade(&waiter);
        let provider: Weak<dyn Provider> = weak.clone();
        let (aio, completer, deadline) = aio.start(&provider, Interruption::Finishes, Action::Stop);
        waiter.state.lock().completer = Some(completer);
        self.waiters.lock().push(Arc::clone(&waiter));
        if let Some(at) = deadline.instant() {
            match timer::arm(at, weak) {
                Ok(alarm) => waiter.state.lock().alarm = Some(alarm),
                Err(error) => waiter.finish(Err(Error::no_thread().with_cause(error))),
            }
        }
        shared.look_for_end();
        aio.registered()
    }

    /// The end has come.
    pub(super) fn tell_all(&self) {
        let waiters = std::mem::take(&mut *self.waiters.lock());
        for waiter in waiters {
            waiter.finish(Ok(()));
        }
    }

    fn remove(&self, waiter: &Waiter) {
        let mut waiters = self.waiters.lock();
        let place = waiters
            .iter()
            .position(|other| std::ptr::eq(&**other, waiter));
        let removed = place.map(|place| waiters.swap_remove(place));
        drop(waiters);
        drop(removed);
    }
}

impl Waiter {
    fn finish(&self, result: Result<(), Error>) {
        let mut state = self.state.lock();
        let (completer, alarm) = (state.completer.take(), state.alarm.take());
        drop(state);
        drop(alarm);
        if let Some(completer) = completer {
            completer.finish(result).post(None);
        }
    }
}

impl Provider for Waiter {
    fn interrupted(&self, _: &dyn Operation) {
        if let Some(shared) = self.shared.upgrade() {
            shared.waiters.remove(self);
        }
        let mut state = self.state.lock();
        let gone = (state.completer.take(), state.alarm.take());
        drop(state);
        drop(gone);
    }

    fn post(&self, code: UserCode) {
        background::run(code);
    }

    /// A handler waits for its own end.
    fn owns_current_thread(&self) -> bool {
        self.shared
            .upgrade()
            .is_some_and(|shared| shared.serves_here())
    }
}

impl Expire for Waiter {
    fn expire(&self) {
        let left = self.shared.upgrade().map_or(0, |shared| {
            shared.waiters.remove(self);
            shared.places.count()
        });
        self.finish(Err(Error::new(ErrorKind::TimedOut).with_count(left as u64)));
    }

    fn release(self: Arc<Self>) {
        background::release(self);
    }
}

impl Shared {
    /// Tells those who wait, if the end has come.
    pub(super) fn look_for_end(&self) {
        if self.phase() != Phase::Open && !self.is_accepting() && self.places.count() == 0 {
            self.spares.end();
            self.waiters.tell_all();
        }
    }
}
