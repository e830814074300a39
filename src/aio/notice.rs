//! What is left to do once a slot is settled: somebody's code to run, outside every lock.

use std::sync::Arc;
use std::task::Waker;

use super::provider::Provider;
use super::slot::{Closure, Slot, Told};
use super::state::Whose;
use crate::background::{self, UserCode};
use crate::error::Error;
use crate::unwind::guard;

/// Who is to be told, and of what.
#[must_use = "somebody waits for this"]
pub(crate) enum Notice<T> {
    /// Nobody is left to tell: at most a waiter was, and it has been woken.
    None,
    Closure(Whose, Closure<T>, Result<T, Error>, Arc<Slot<T>>),
    Waker(Waker),
}

impl<T> Notice<T> {
    /// Of a slot that was settled.
    pub(super) fn new(told: Told<T>, slot: &Arc<Slot<T>>) -> Self {
        match told {
            Told::Closure(whose, closure, result) => {
                Self::Closure(whose, closure, result, Arc::clone(slot))
            }
            Told::Waiter => Self::None,
            Told::Waker(waker) => Self::Waker(waker),
        }
    }

    pub(crate) fn is_none(&self) -> bool {
        matches!(self, Self::None)
    }

    /// It may run anywhere.
    pub(crate) fn is_ours(&self) -> bool {
        matches!(self, Self::Closure(Whose::Ours, ..))
    }

    /// It does nothing but wake an executor.
    pub(crate) fn is_waker(&self) -> bool {
        matches!(self, Self::Waker(_))
    }

    /// Runs it here: for the connection's own threads, which hold nothing at that moment.
    pub(crate) fn run(self) {
        match self {
            Self::None => {}
            Self::Closure(_, closure, result, slot) => guard(|| closure(result, slot)),
            Self::Waker(waker) => guard(|| waker.wake()),
        }
    }
}

impl<T: Send + 'static> Notice<T> {
    /// Runs it here if it may run anywhere, or if this is a thread of the provider's; otherwise this is a
    /// caller's thread, and the provider has it run.
    pub(crate) fn run_or_post(self, provider: &dyn Provider) {
        if self.is_ours() || provider.owns_current_thread() {
            self.run();
        } else {
            self.post(Some(provider));
        }
    }

    /// Has it run by the connection. Without one any more, on a thread of its own.
    pub(crate) fn post(self, provider: Option<&dyn Provider>) {
        let Some(code) = self.into_call() else {
            return;
        };
        match provider {
            Some(provider) => provider.post(code),
            None => background::run(code),
        }
    }

    pub(crate) fn into_call(self) -> Option<UserCode> {
        (!self.is_none()).then(|| Box::new(move || self.run()) as UserCode)
    }
}
