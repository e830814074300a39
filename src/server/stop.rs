//! Those who wait for the end of a server.

use std::sync::{Arc, Weak};

use parking_lot::Mutex;

use super::places::Places;
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
    /// Who else waits.
    waiters: Weak<Waiters>,
    places: Weak<Places>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    completer: Option<Completer<()>>,
    alarm: Option<Alarm>,
}

impl Waiters {
    /// Has `aio` complete at the end, or fail with the number of `places` that are taken.
    pub(super) fn add(self: &Arc<Self>, places: &Arc<Places>, aio: Aio<()>) -> Aio<(), InFlight> {
        let waiter = Arc::new(Waiter {
            waiters: Arc::downgrade(self),
            places: Arc::downgrade(places),
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
        aio
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
    fn withdraw(&self) {
        if let Some(waiters) = self.waiters.upgrade() {
            waiters.remove(self);
        }
    }

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
        self.withdraw();
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
        self.places
            .upgrade()
            .is_some_and(|places| places.serves_here())
    }
}

impl Expire for Waiter {
    fn expire(&self) {
        self.withdraw();
        let left = self.places.upgrade().map_or(0, |places| places.count());
        self.finish(Err(Error::new(ErrorKind::TimedOut).with_count(left as u64)));
    }

    fn release(self: Arc<Self>) {
        background::release(self);
    }
}
