//! The completion slot: where one operation stands, and who is to be told when it is settled.
//!
//! ```text
//!           start               finish, interrupt (Finishes)          take
//!   Idle ───────────▶ Pending ───────────────────────────────▶ Done ────────▶ Taken
//!    ▲                  │  ▲                                                    │
//!    │                  └──┘ interrupt (Recorded): the first cause is kept      │
//!    └────────────────────────────── start, if nobody else knows the slot ──────┘
//! ```
//!
//! | phase | finish, or the completer is dropped | interrupt (cancel, deadline) |
//! |---|---|---|
//! | Idle | - | no effect |
//! | Pending, `Finishes` | Done | Done, with the count so far; as `Recorded` if it is being begun |
//! | Pending, `Recorded` | Done | the cause is recorded; who has the job finishes it |
//! | Pending, `Committed` | Done | no effect: it is about to be finished |
//! | Done, Taken | no effect | no effect |
//!
//! Invariants:
//!
//! 1. A slot is settled once: only `settle` writes `Done`, and only from `Pending`.
//! 2. The lock is held for a few assignments, never across user code, I/O or a notify. What there
//!    is to run afterwards leaves as a [`Notice`]; values of user types are dropped outside.
//! 3. Whoever is told by a listener is not told by the condvar, and takes the result with it.
//! 4. `settled` follows "Done or Taken", so that a waiter can spin without the lock.
//! 5. `wanted` is false once no handle and no closure is left that could receive the result.

use std::fmt;
// These two are not modelled: a lock, or the owner alone, orders them.
use std::sync::atomic::{AtomicBool as PlainBool, AtomicU64 as PlainU64, Ordering};
use std::sync::{Arc, Weak};
use std::task::{Poll, Waker};
use std::time::Instant;

use super::notice::Notice;
use super::provider::{Operation, Provider, TakenBack};
use crate::error::{Error, ErrorKind};
use crate::sync::{AtomicBool, AtomicU64, Condvar, Mutex, MutexGuard, spin_until};

pub(crate) struct Slot<T> {
    state: Mutex<State<T>>,
    wakeup: Condvar,
    settled: AtomicBool,
    moved: AtomicU64,
    /// The place in the provider's queue; read and written under that queue's lock.
    place: PlainU64,
    /// The provider holds the operation back for a waiter: whoever does anything but wait says so.
    held: PlainBool,
    wanted: PlainBool,
    /// Who works on the operation. Set while the slot has one owner, so it needs no lock.
    provider: Option<Weak<dyn Provider>>,
}

struct State<T> {
    phase: Phase<T>,
    listener: Option<Listener<T>>,
}

enum Phase<T> {
    Idle,
    Pending {
        interruption: Interruption,
        cause: Option<ErrorKind>,
    },
    Done(Result<T, Error>),
    Taken,
}

/// What an interruption does to an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Interruption {
    /// Settles it at once; what its thread still does is nobody's loss (reads, connects).
    Finishes,
    /// Nothing: a read is taking its bytes, or a connect hands over, and finishes now.
    Committed,
    /// Is recorded; whoever has the job, and so knows the exact count, settles it (writes, exchanges,
    /// calls of a client).
    Recorded,
}

pub(crate) type Closure<T> = Box<dyn FnOnce(Result<T, Error>, Arc<Slot<T>>) + Send>;

/// Whose code a closure is, which decides where it may run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Whose {
    /// The user's: on threads of ours only.
    User,
    /// The library's: wherever the operation is settled.
    Ours,
}

enum Listener<T> {
    Closure(Whose, Closure<T>),
    Waker(Waker),
}

impl<T> Slot<T> {
    pub(crate) fn new() -> Self {
        Self {
            state: Mutex::new(State {
                phase: Phase::Idle,
                listener: None,
            }),
            wakeup: Condvar::new(),
            settled: AtomicBool::new(false),
            moved: AtomicU64::new(0),
            place: 0.into(),
            held: false.into(),
            wanted: true.into(),
            provider: None,
        }
    }

    /// Idle or Taken → Pending, for a new operation. A slot that somebody else still knows (a stale
    /// canceller, a completer on its last line) is left to them and replaced, so that nobody can
    /// mistake the new operation for the old one.
    pub(crate) fn start(
        this: &mut Arc<Self>,
        provider: &Weak<dyn Provider>,
        interruption: Interruption,
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
        slot.settled.store(false, Ordering::Relaxed);
        slot.moved.store(0, Ordering::Relaxed);
        *slot.held.get_mut() = false;
        *slot.wanted.get_mut() = true;
        *slot.state.get_mut() = State {
            phase: Phase::Pending {
                interruption,
                cause: None,
            },
            listener: None,
        };
    }

    pub(crate) fn provider(&self) -> Option<Arc<dyn Provider>> {
        self.provider.as_ref().and_then(Weak::upgrade)
    }

    /// Tells it from all others that exist.
    pub(super) fn address(&self) -> usize {
        std::ptr::from_ref(self).addr()
    }

    pub(crate) fn is_settled(&self) -> bool {
        self.settled.load(Ordering::Acquire)
    }

    /// What an interruption would do to it now.
    pub(crate) fn interruption(&self) -> Option<Interruption> {
        match self.state.lock().phase {
            Phase::Pending { interruption, .. } => Some(interruption),
            _ => None,
        }
    }

    pub(crate) fn moved(&self) -> u64 {
        self.moved.load(Ordering::Relaxed)
    }

    pub(crate) fn set_moved(&self, count: u64) {
        self.moved.store(count, Ordering::Relaxed);
    }

    pub(crate) fn set_place(&self, place: u64) {
        self.place.store(place, Ordering::Relaxed);
    }

    pub(crate) fn is_held(&self) -> bool {
        self.held.load(Ordering::Relaxed)
    }

    pub(crate) fn set_held(&self, held: bool) {
        self.held.store(held, Ordering::Relaxed);
    }
}

/// The provider's transitions.
impl<T> Slot<T> {
    /// From here on only `finish` settles it. False when it was settled already.
    pub(crate) fn commit(&self) -> bool {
        let mut state = self.state.lock();
        match &mut state.phase {
            Phase::Pending { interruption, .. } => {
                *interruption = Interruption::Committed;
                true
            }
            _ => false,
        }
    }

    /// What an interruption has recorded.
    pub(crate) fn cause(&self) -> Option<ErrorKind> {
        match self.state.lock().phase {
            Phase::Pending { cause, .. } => cause,
            _ => None,
        }
    }

    /// Pending → Done.
    pub(crate) fn finish(self: Arc<Self>, result: Result<T, Error>) -> Notice<T> {
        let state = self.state.lock();
        let told = match state.phase {
            Phase::Pending { .. } => self.settle(state, result),
            Phase::Idle | Phase::Done(_) | Phase::Taken => return Notice::None,
        };
        told.notice(self)
    }

    fn settle(&self, mut state: MutexGuard<'_, State<T>>, result: Result<T, Error>) -> Told<T> {
        let told = match state.listener.take() {
            Some(Listener::Closure(whose, closure)) => {
                state.phase = Phase::Taken;
                Told::Closure(whose, closure, result)
            }
            Some(Listener::Waker(waker)) => {
                state.phase = Phase::Done(result);
                Told::Waker(waker)
            }
            None => {
                state.phase = Phase::Done(result);
                Told::Waiter
            }
        };
        drop(state);
        // After the lock: who spins on it wants the lock next.
        self.settled.store(true, Ordering::Release);
        self.wakeup.notify_all();
        told
    }
}

/// Who learns of it.
enum Told<T> {
    Closure(Whose, Closure<T>, Result<T, Error>),
    Waiter,
    Waker(Waker),
}

impl<T> Told<T> {
    fn notice(self, slot: Arc<Slot<T>>) -> Notice<T> {
        match self {
            Self::Closure(whose, closure, result) => Notice::Closure(whose, closure, result, slot),
            Self::Waiter => Notice::None,
            Self::Waker(waker) => Notice::Waker(waker),
        }
    }
}

/// The owner's transitions.
impl<T> Slot<T> {
    /// Done → Taken. Waits until the operation is settled, or until `until`: then `None`.
    pub(crate) fn wait(&self, until: Option<Instant>) -> Option<Result<T, Error>> {
        spin_until(|| self.is_settled());
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

    /// Leaves a closure to be run with the result: by whoever settles the slot, or, when it is
    /// settled already, by whoever gets the notice.
    pub(crate) fn attach(self: &Arc<Self>, whose: Whose, closure: Closure<T>) -> Notice<T> {
        let mut state = self.state.lock();
        let Some(result) = state.take() else {
            state.listener = Some(Listener::Closure(whose, closure));
            return Notice::None;
        };
        drop(state);
        Notice::Closure(whose, closure, result, Arc::clone(self))
    }

    /// Done → Taken, or leaves a waker.
    pub(crate) fn poll(&self, waker: &Waker) -> Poll<Result<T, Error>> {
        let listener = Some(Listener::Waker(waker.clone()));
        let mut state = self.state.lock();
        if let Some(result) = state.take() {
            drop(state);
            return Poll::Ready(result);
        }
        let old = std::mem::replace(&mut state.listener, listener);
        drop(state);
        drop(old);
        Poll::Pending
    }

    /// The handle is gone. True if nobody is left who could learn of the outcome.
    pub(super) fn forsake(&self) -> bool {
        let state = self.state.lock();
        let is_pending = matches!(state.phase, Phase::Pending { .. });
        let has_closure = matches!(state.listener, Some(Listener::Closure(..)));
        drop(state);
        let forsaken = is_pending && !has_closure;
        if forsaken {
            self.wanted.store(false, Ordering::SeqCst);
        }
        forsaken
    }
}

/// What may come from any thread at any time.
impl<T: Send + 'static> Operation for Slot<T> {
    fn id(&self) -> usize {
        self.address()
    }

    fn place(&self) -> u64 {
        self.place.load(Ordering::Relaxed)
    }

    fn is_settled(&self) -> bool {
        Self::is_settled(self)
    }

    fn serve(&self) -> bool {
        self.provider()
            .is_some_and(|provider| provider.awaited(self))
    }

    fn hand_over(&self) {
        if let Some(provider) = self.provider() {
            provider.detached();
        }
    }

    fn give_up(&self) {
        self.wanted.store(false, Ordering::SeqCst);
    }

    fn is_wanted(&self) -> bool {
        self.wanted.load(Ordering::SeqCst)
    }

    fn progress(&self, moved: u64) {
        self.set_moved(moved);
    }

    fn cause(&self) -> Option<ErrorKind> {
        Self::cause(self)
    }

    fn interrupt(self: Arc<Self>, kind: ErrorKind) {
        let provider = self.provider();
        // One that is not in a call is settled by whoever knows its count.
        let taken_back = match (&provider, self.interruption()) {
            (Some(p), Some(Interruption::Finishes)) => p.take_back(&*self, kind),
            _ => TakenBack::Not,
        };
        if taken_back == TakenBack::Settled {
            return;
        }
        let mut state = self.state.lock();
        let told = match &mut state.phase {
            Phase::Pending {
                interruption: Interruption::Finishes,
                ..
            } if taken_back == TakenBack::Not => {
                let error = Error::new(kind).with_count(self.moved());
                self.settle(state, Err(error))
            }
            Phase::Pending {
                interruption: Interruption::Finishes | Interruption::Recorded,
                cause,
            } => {
                cause.get_or_insert(kind);
                drop(state);
                Told::Waiter
            }
            Phase::Pending {
                interruption: Interruption::Committed,
                ..
            }
            | Phase::Idle
            | Phase::Done(_)
            | Phase::Taken => return,
        };
        told.notice(Arc::clone(&self)).post(provider.as_deref());
        if let Some(provider) = provider {
            provider.interrupted(&*self);
        }
    }
}

impl<T> State<T> {
    fn take(&mut self) -> Option<Result<T, Error>> {
        match std::mem::replace(&mut self.phase, Phase::Taken) {
            Phase::Done(result) => Some(result),
            other => {
                self.phase = other;
                None
            }
        }
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
