//! Those who wait for an event, such as the end of a server, each with an aio of its own.

use std::sync::{Arc, Weak};

use parking_lot::Mutex;

use crate::aio::{Aio, Completer, InFlight, Interruption, Operation, Provider};
use crate::background::{self, UserCode};
use crate::error::{Action, Error, ErrorKind};
use crate::timer::{self, Alarm, Expire};

/// What is waited for.
pub(super) trait Awaited: Send + Sync {
    /// The count of a wait whose time is up.
    fn left(&self) -> u64;

    /// Whether it cannot come while the current thread waits for it.
    fn needs_current_thread(&self) -> bool;
}

/// Those who wait.
#[derive(Default)]
pub(super) struct Waiters {
    waiters: Mutex<Vec<Arc<Waiter>>>,
}

/// One who waits.
struct Waiter {
    /// Who else waits.
    waiters: Weak<Waiters>,
    awaited: Weak<dyn Awaited>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    completer: Option<Completer<()>>,
    alarm: Option<Alarm>,
}

impl Waiters {
    /// Has `aio` complete with what is waited for, or fail when its time is up.
    pub(super) fn add(
        self: &Arc<Self>,
        awaited: Weak<dyn Awaited>,
        action: Action,
        aio: Aio<()>,
    ) -> Aio<(), InFlight> {
        let waiter = Arc::new(Waiter {
            waiters: Arc::downgrade(self),
            awaited,
            state: Mutex::default(),
        });
        let weak = Arc::downgrade(&waiter);
        let provider: Weak<dyn Provider> = weak.clone();
        let (aio, completer, deadline) = aio.start(&provider, Interruption::Finishes, action);
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

    /// What was waited for has come, or cannot come any more.
    pub(super) fn tell_all(&self, result: impl Fn() -> Result<(), Error>) {
        let waiters = std::mem::take(&mut *self.waiters.lock());
        for waiter in waiters {
            waiter.finish(result());
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

    /// A handler waits for its own end, for example.
    fn owns_current_thread(&self) -> bool {
        self.awaited
            .upgrade()
            .is_some_and(|awaited| awaited.needs_current_thread())
    }
}

impl Expire for Waiter {
    fn expire(&self) {
        self.withdraw();
        let left = self.awaited.upgrade().map_or(0, |awaited| awaited.left());
        self.finish(Err(Error::new(ErrorKind::TimedOut).with_count(left)));
    }

    fn release(self: Arc<Self>) {
        background::release(self);
    }
}
