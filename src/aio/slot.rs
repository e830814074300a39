//! The completion slot: the state of one operation, shared by its owner, its provider, and whoever may
//! interrupt it. [`State`] says which transitions there are.
//!
//! Invariants:
//!
//! 1. A slot is settled once: a state becomes `Done` only from `Pending`, under the lock.
//! 2. The lock is held for a few assignments, never across user code, I/O or a notify. Who is to be told
//!    leaves the lock as [`Told`]; values of user types are dropped outside.
//! 3. Whoever is told by a closure or a waker is not told by the condvar.
//! 4. `settled` follows "Done or Taken", so that a waiter can spin without the lock.
//! 5. `wanted` is false once no handle and no closure is left that could receive the result. An operation
//!    that is canceled for that is settled before its provider learns of it.

use std::fmt;
// The model checker does not know these two: a lock, or the owner alone, orders them.
use std::sync::atomic::{AtomicBool as PlainBool, AtomicU64 as PlainU64, Ordering};
use std::sync::{Arc, Weak};
use std::task::{Poll, Waker};
use std::time::Instant;

use super::provider::Provider;
use super::state::{self, Interrupted, Interruption, Listener, State, Whose};
use crate::blocking;
use crate::error::{Action, Error, ErrorKind, Peer};
use crate::sync::{AtomicBool, AtomicU64, Condvar, Mutex, Spin};

std::thread_local! {
    /// How the waits of a thread go.
    static WAITS: Spin = const { Spin::new() };
}

pub(crate) struct Slot<T> {
    state: Mutex<State<T, Closure<T>>>,
    wakeup: Condvar,
    settled: AtomicBool,
    moved: AtomicU64,
    /// The place in the provider's queue, which is read and written under that queue's lock.
    place: PlainU64,
    /// The provider holds the operation back for a waiter: whoever does anything but wait says so.
    held: PlainBool,
    wanted: PlainBool,
    /// Who works on the operation. It is set while the slot has one owner, so it needs no lock.
    provider: Option<Weak<dyn Provider>>,
    /// What the operation is. It is set as the provider is.
    action: Option<Action>,
}

/// A closure gets its slot back with the result, for the next operation.
pub(crate) type Closure<T> = Box<dyn FnOnce(Result<T, Error>, Arc<Slot<T>>) + Send>;

pub(super) type Told<T> = state::Told<T, Closure<T>>;

impl<T> Slot<T> {
    pub(super) fn new() -> Self {
        Self {
            state: Mutex::new(State::idle()),
            wakeup: Condvar::new(),
            settled: AtomicBool::new(false),
            moved: AtomicU64::new(0),
            place: 0.into(),
            held: false.into(),
            wanted: true.into(),
            provider: None,
            action: None,
        }
    }

    /// Idle or Taken → Pending, for a new operation. A slot that somebody else still knows (a stale
    /// canceler, a completer on its last line) is left to them and replaced, so that nobody can
    /// mistake the new operation for the old one.
    pub(super) fn start(
        this: &mut Arc<Self>,
        provider: &Weak<dyn Provider>,
        interruption: Interruption,
        action: Action,
    ) {
        if Arc::get_mut(this).is_none() {
            *this = Arc::new(Self::new());
        }
        let Some(slot) = Arc::get_mut(this) else {
            return; // Not reached: a new Arc has one owner.
        };
        if !slot
            .provider
            .as_ref()
            .is_some_and(|old| old.ptr_eq(provider))
        {
            slot.provider = Some(Weak::clone(provider));
        }
        slot.action = Some(action);
        slot.settled.store(false, Ordering::Relaxed);
        slot.moved.store(0, Ordering::Relaxed);
        *slot.held.get_mut() = false;
        *slot.wanted.get_mut() = true;
        *slot.state.get_mut() = State::pending(interruption);
    }

    pub(super) fn provider(&self) -> Option<Arc<dyn Provider>> {
        self.provider.as_ref().and_then(Weak::upgrade)
    }

    /// Adds to an error what the operation is, and with whom, as far as the error does not know better.
    pub(super) fn explain(&self, error: Error) -> Error {
        self.explain_with(error, || self.provider()?.peer())
    }

    fn explain_with(&self, error: Error, peer: impl FnOnce() -> Option<Arc<Peer>>) -> Error {
        error.during(self.action).with_peer(peer)
    }

    /// Tells it from all others that exist.
    pub(super) fn address(&self) -> usize {
        std::ptr::from_ref(self).addr()
    }

    pub(super) fn is_settled(&self) -> bool {
        self.settled.load(Ordering::Acquire)
    }

    /// What an interruption would do to it now.
    pub(super) fn interruption(&self) -> Option<Interruption> {
        self.state.lock().interruption()
    }

    pub(super) fn moved(&self) -> u64 {
        self.moved.load(Ordering::Relaxed)
    }

    pub(super) fn is_held(&self) -> bool {
        self.held.load(Ordering::Relaxed)
    }

    pub(super) fn is_wanted(&self) -> bool {
        self.wanted.load(Ordering::SeqCst)
    }

    /// Nobody can learn of the outcome any more.
    pub(super) fn give_up(&self) {
        self.wanted.store(false, Ordering::SeqCst);
    }
}

/// The provider's side.
impl<T> Slot<T> {
    pub(super) fn set_moved(&self, count: u64) {
        self.moved.store(count, Ordering::Relaxed);
    }

    pub(super) fn place(&self) -> u64 {
        self.place.load(Ordering::Relaxed)
    }

    pub(super) fn set_place(&self, place: u64) {
        self.place.store(place, Ordering::Relaxed);
    }

    pub(super) fn set_held(&self, held: bool) {
        self.held.store(held, Ordering::Relaxed);
    }

    /// From here on only `finish` settles it. False when it was settled already.
    pub(super) fn commit(&self) -> bool {
        self.state.lock().commit()
    }

    /// What an interruption has recorded.
    pub(super) fn cause(&self) -> Option<ErrorKind> {
        self.state.lock().cause()
    }

    /// Pending → Done. `None`: it was settled before.
    pub(super) fn finish(&self, result: Result<T, Error>) -> Option<Told<T>> {
        let mut state = self.state.lock();
        if !state.is_pending() {
            return None;
        }
        let told = state.settle(result);
        drop(state);
        self.wake_waiter();
        Some(told)
    }

    /// Ends it for `kind`, or records that it is to end, as it does with one that is being begun. `None`: it
    /// has no effect. `peer` may be asked under the lock.
    pub(super) fn interrupt(
        &self,
        kind: ErrorKind,
        is_begun: bool,
        peer: impl FnOnce() -> Option<Arc<Peer>>,
    ) -> Option<Told<T>> {
        let error = || self.explain_with(Error::new(kind).with_count(self.moved()), peer);
        let mut state = self.state.lock();
        match state.interrupt(kind, is_begun, error) {
            Interrupted::Settled(told) => {
                drop(state);
                self.wake_waiter();
                Some(told)
            }
            Interrupted::Recorded => Some(Told::Waiter),
            Interrupted::Nothing => None,
        }
    }

    /// Comes after the lock: whoever spins wants the lock next.
    fn wake_waiter(&self) {
        self.settled.store(true, Ordering::Release);
        self.wakeup.notify_all();
    }
}

/// The owner's side.
impl<T> Slot<T> {
    /// Done → Taken. Waits until the operation is settled, or until `until`: then `None`.
    pub(super) fn wait(&self, until: Option<Instant>) -> Option<Result<T, Error>> {
        let spin = |spin: &Spin| spin.until(|| self.is_settled());
        // A thread that is ending does not spin.
        if WAITS.try_with(spin).unwrap_or_default() || self.is_settled() {
            return self.park(until);
        }
        blocking::announce();
        let since = Instant::now();
        let result = self.park(until);
        let _ = WAITS.try_with(|spin| spin.slept(since));
        result
    }

    fn park(&self, until: Option<Instant>) -> Option<Result<T, Error>> {
        let mut state = self.state.lock();
        loop {
            if let Some(result) = state.take() {
                return Some(result);
            }
            match until {
                None => self.wakeup.wait(&mut state),
                Some(at) => {
                    if self.wakeup.wait_until(&mut state, at).timed_out() {
                        return state.take();
                    }
                }
            }
        }
    }

    /// Leaves a closure to be run with the result by whoever settles the slot. If that has happened, the
    /// closure comes back with the result.
    pub(super) fn attach(&self, whose: Whose, closure: Closure<T>) -> Option<Told<T>> {
        let mut state = self.state.lock();
        if let Some(result) = state.take() {
            return Some(Told::Closure(whose, closure, result));
        }
        let last = state.listen(Listener::Closure(whose, closure));
        drop(state);
        drop(last);
        None
    }

    /// Done → Taken, or leaves a waker.
    pub(super) fn poll(&self, waker: &Waker) -> Poll<Result<T, Error>> {
        let listener = Listener::Waker(waker.clone());
        let mut state = self.state.lock();
        if state.is_taken() {
            return Poll::Pending;
        }
        if let Some(result) = state.take() {
            drop(state);
            return Poll::Ready(result);
        }
        let last = state.listen(listener);
        drop(state);
        drop(last);
        Poll::Pending
    }

    /// The handle is gone, and with it whoever polled. True if nobody is left who could learn of the
    /// outcome.
    pub(super) fn forsake(&self) -> bool {
        let mut state = self.state.lock();
        let forsaken = state.lacks_listener();
        let polled = forsaken.then(|| state.stop_listening());
        drop(state);
        drop(polled);
        if forsaken {
            self.give_up();
        }
        forsaken
    }
}

impl<T> fmt::Debug for Slot<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Slot")
            .field("settled", &self.is_settled())
            .field("moved", &self.moved())
            .finish_non_exhaustive()
    }
}
