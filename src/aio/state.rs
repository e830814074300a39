//! Where one operation stands, and who is told of its outcome. These are pure states: the slot keeps
//! them under its lock.
//!
//! ```text
//!           start               settle, interrupt (Finishes)          take
//!   Idle ───────────▶ Pending ───────────────────────────────▶ Done ────────▶ Taken
//!    ▲                  │  ▲                                                    │
//!    │                  └──┘ interrupt (Recorded): the first cause is kept      │
//!    └────────────────────────────── start, if nobody else knows the slot ──────┘
//! ```
//!
//! | phase | the provider finishes, or drops the completer | interrupt (cancel, deadline) |
//! |---|---|---|
//! | Idle | - | no effect |
//! | Pending, `Finishes` | Done | Done, with the count so far; as `Recorded` if it is being begun |
//! | Pending, `Recorded` | Done | the cause is recorded; whoever has the job finishes it |
//! | Pending, `Committed` | Done | no effect: it is about to be finished |
//! | Done, Taken | no effect | no effect |
//!
//! Where a closure is attached, Done is skipped: the closure takes the result with it. Who takes the
//! outcome of what is Taken gets an error, and a poll stays pending.

use std::task::Waker;

use crate::error::{Error, ErrorKind};

/// The state of an operation that yields a `T`, and whose closure is a `C`.
pub(super) struct State<T, C> {
    phase: Phase<T>,
    listener: Option<Listener<C>>,
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
    /// It settles the operation at once; what the thread still does is nobody's loss (reads, connects).
    Finishes,
    /// It has no effect: a read is taking its bytes, or a connect yields its connection.
    Committed,
    /// It is recorded; whoever has the job, and so knows the exact count, settles the operation (writes,
    /// exchanges, calls of a client).
    Recorded,
}

/// Whose code a closure is, which decides where it may run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Whose {
    /// The user's: it runs on the library's threads only.
    User,
    /// The library's: it runs wherever the operation is settled.
    Ours,
}

/// Somebody who does not block for the outcome.
pub(super) enum Listener<C> {
    Closure(Whose, C),
    Waker(Waker),
}

/// Who is told of an outcome.
#[must_use = "somebody waits for this"]
pub(super) enum Told<T, C> {
    /// At most a waiter, which the condvar wakes.
    Waiter,
    Closure(Whose, C, Result<T, Error>),
    Waker(Waker),
}

/// What an interruption has done.
pub(super) enum Interrupted<T, C> {
    Settled(Told<T, C>),
    Recorded,
    Nothing,
}

impl<T, C> State<T, C> {
    pub(super) const fn idle() -> Self {
        Self {
            phase: Phase::Idle,
            listener: None,
        }
    }

    pub(super) const fn pending(interruption: Interruption) -> Self {
        let phase = Phase::Pending {
            interruption,
            cause: None,
        };
        Self {
            phase,
            listener: None,
        }
    }

    pub(super) fn is_pending(&self) -> bool {
        matches!(self.phase, Phase::Pending { .. })
    }

    /// Whether its outcome has reached the owner.
    pub(super) fn is_taken(&self) -> bool {
        matches!(self.phase, Phase::Taken)
    }

    /// What an interruption would do now.
    pub(super) fn interruption(&self) -> Option<Interruption> {
        match self.phase {
            Phase::Pending { interruption, .. } => Some(interruption),
            _ => None,
        }
    }

    /// What an interruption has recorded.
    pub(super) fn cause(&self) -> Option<ErrorKind> {
        match self.phase {
            Phase::Pending { cause, .. } => cause,
            _ => None,
        }
    }

    /// From here on only the provider settles it. False when it was settled already.
    pub(super) fn commit(&mut self) -> bool {
        match &mut self.phase {
            Phase::Pending { interruption, .. } => {
                *interruption = Interruption::Committed;
                true
            }
            _ => false,
        }
    }

    /// Pending → Done, or Taken by a closure. It must be pending.
    pub(super) fn settle(&mut self, result: Result<T, Error>) -> Told<T, C> {
        match self.listener.take() {
            Some(Listener::Closure(whose, closure)) => {
                self.phase = Phase::Taken;
                Told::Closure(whose, closure, result)
            }
            Some(Listener::Waker(waker)) => {
                self.phase = Phase::Done(result);
                Told::Waker(waker)
            }
            None => {
                self.phase = Phase::Done(result);
                Told::Waiter
            }
        }
    }

    /// Ends the operation with `error`, which is of this kind, or records that it is to end, as it does with
    /// one that is being begun.
    pub(super) fn interrupt(
        &mut self,
        kind: ErrorKind,
        is_begun: bool,
        error: impl FnOnce() -> Error,
    ) -> Interrupted<T, C> {
        match &mut self.phase {
            Phase::Pending {
                interruption: Interruption::Finishes,
                ..
            } if !is_begun => Interrupted::Settled(self.settle(Err(error()))),
            Phase::Pending {
                interruption: Interruption::Finishes | Interruption::Recorded,
                cause,
            } => {
                cause.get_or_insert(kind);
                Interrupted::Recorded
            }
            Phase::Pending {
                interruption: Interruption::Committed,
                ..
            }
            | Phase::Idle
            | Phase::Done(_)
            | Phase::Taken => Interrupted::Nothing,
        }
    }

    /// Done → Taken.
    pub(super) fn take(&mut self) -> Option<Result<T, Error>> {
        match std::mem::replace(&mut self.phase, Phase::Taken) {
            Phase::Done(result) => Some(result),
            // The owner has polled it to its end, and asks again in another way: it must not wait forever.
            Phase::Taken => Some(Err(Error::new(ErrorKind::InvalidInput)
                .with_detail("the outcome of the operation was taken by a poll before"))),
            other => {
                self.phase = other;
                None
            }
        }
    }

    /// Has the listener told when the operation is settled. The one before it comes back, to be dropped
    /// outside of the lock.
    pub(super) fn listen(&mut self, listener: Listener<C>) -> Option<Listener<C>> {
        self.listener.replace(listener)
    }

    /// Has nobody told. Who was to be comes back, to be dropped outside of the lock.
    pub(super) fn stop_listening(&mut self) -> Option<Listener<C>> {
        self.listener.take()
    }

    /// Whether nobody will learn of the outcome once the handle is gone.
    pub(super) fn lacks_listener(&self) -> bool {
        self.is_pending() && !matches!(self.listener, Some(Listener::Closure(..)))
    }
}
