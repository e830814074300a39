//! What can be done with an aio while its operation runs: wait, be called back, cancel, look.

use std::sync::{Arc, Weak};
use std::time::Duration;

use super::habit::{self, Handling, Kind};
use super::handle::Handle;
use super::slot::Slot;
use super::state::Whose;
use super::{Aio, CancelToken, Canceler, InFlight, Interruption, Operation, Provider};
use crate::deadline::Deadline;
use crate::error::{Error, ErrorKind};

impl<T: Send + 'static> Aio<T, InFlight> {
    /// Blocks until the operation has completed.
    ///
    /// A thread that waits for a read, a write, an exchange or a `shutdown` does the work: if nobody has
    /// begun the operation, and it is next in its queue, this thread serves it, with the same
    /// deadline, cancellation and count.
    ///
    /// # Errors
    ///
    /// Whatever the operation failed with; [`Error::count`] says how far it got.
    /// [`WouldDeadlock`](ErrorKind::WouldDeadlock) inside a closure of the same connection, when the
    /// operation has not completed yet: a write or an exchange goes on, detached; a read is canceled,
    /// so that it takes nothing. An operation of a [`Client`](crate::Client) may need any connection:
    /// it cannot be waited for inside a closure of any [`Conn`](crate::Conn), and goes on, detached.
    #[doc(alias = "nng_aio_wait")]
    #[doc(alias = "nng_aio_result")]
    #[doc(alias = "join")]
    pub fn wait(mut self) -> Result<T, Error> {
        self.outcome()
    }

    /// As [`wait`](Self::wait), and gives the aio back for the next operation, options and all.
    pub fn reclaim(mut self) -> (Result<T, Error>, Aio<T>) {
        let result = self.outcome();
        (result, Aio::idle(self.handle, self.options))
    }

    /// Waits for it.
    fn outcome(&mut self) -> Result<T, Error> {
        let slot = self.handle.slot();
        let provider = self.unsettled();
        let result = match self.would_deadlock(provider.as_deref()) {
            Some(error) => Err(error),
            None => {
                habit::wait(slot.id(), || match &provider {
                    Some(provider) => provider.awaited(&**slot),
                    None => false,
                });
                drop(provider);
                let result = slot.wait(None);
                result.unwrap_or_else(|| Err(slot.explain(ErrorKind::Abandoned.into())))
            }
        };
        if self.handle.slot().is_settled() {
            self.state.end();
        }
        result
    }

    /// Blocks until the operation has completed, but no longer than `patience`. A thread of the
    /// connection serves it meanwhile.
    ///
    /// # Errors
    ///
    /// `Err` is the handle itself: the operation is still running, nothing was canceled. Dropping it
    /// [cancels a read](Aio#dropping-one-in-flight) and detaches anything else. The
    /// operation's own outcome is the inner result, with the errors of [`wait`](Self::wait).
    pub fn wait_timeout(mut self, patience: Duration) -> Result<Result<T, Error>, Self> {
        let provider = self.unsettled();
        if let Some(error) = self.would_deadlock(provider.as_deref()) {
            return Ok(Err(error));
        }
        self.handle.hand_over();
        let until = Deadline::after(patience).instant();
        let Some(result) = self.handle.slot().wait(until) else {
            return Err(self);
        };
        self.state.end();
        Ok(result)
    }

    /// Has `f` called with the outcome and the aio, idle again, ready to be submitted once more.
    ///
    /// It runs once, on the connection's thread, outside every lock; never on the caller's, unless
    /// the system has no thread to give. It may submit, cancel, close, and drop the last
    /// [`Conn`](crate::Conn); it may panic without harm to others. It should not block for long: the
    /// connection's next operation in that direction waits for it. If the thread is stuck in another
    /// operation when this one is canceled or expires, another thread of the same connection,
    /// `cb:PORT HOST`, runs the closure in its place. Attached to an exchange or a
    /// `shutdown` that is over already, it has a thread of its own. The closures of connects and of a
    /// [`Client`](crate::Client)'s operations run on a thread of their own.
    #[doc(alias = "then")]
    #[doc(alias = "callback")]
    pub fn on_complete<F>(mut self, f: F) -> Canceler
    where
        F: FnOnce(Result<T, Error>, Aio<T>) + Send + 'static,
    {
        let canceler = self.canceler();
        let (options, mut state) = (self.options, self.state);
        let closure = Box::new(move |result, slot| {
            state.end();
            f(result, Aio::idle(Handle::new(slot), options));
        });
        let notice = self.handle.attach(Whose::User, closure);
        if notice.is_none() {
            self.handle.hand_over();
        } else {
            notice.post(self.handle.slot().provider().as_deref());
        }
        canceler
    }

    /// As `on_complete`, for code of ours: it may run on any thread, also here and now, and somebody
    /// may still work on the operation while that thread waits for what becomes of it.
    pub(crate) fn then<F>(mut self, f: F)
    where
        F: FnOnce(Result<T, Error>) + Send + 'static,
    {
        let closure = Box::new(move |result, _| f(result));
        self.handle.attach(Whose::Ours, closure).run();
    }

    /// Has the operation canceled when the token is; at once, if it is canceled already.
    ///
    /// Stays for later operations, in place of a token that was given before.
    pub fn cancel_token(mut self, token: &CancelToken) -> Self {
        self.options.token = Some(token.clone());
        self.registered()
    }

    /// Puts the operation into the token of its aio, now that it is submitted, and so can be canceled.
    #[inline]
    pub(crate) fn registered(mut self) -> Self {
        if self.options.token.is_some() {
            self.register();
        }
        self
    }

    fn register(&mut self) {
        self.state.end();
        if let (Some(token), false) = (&self.options.token, self.handle.slot().is_settled()) {
            let operation = Arc::clone(self.handle.slot()) as Arc<dyn Operation>;
            self.state.registration = token.register(operation);
        }
    }

    /// Has the operation canceled when the aio is dropped: without a recipient it is of no use.
    pub(crate) fn canceled_when_dropped(mut self) -> Self {
        self.handle.cancel_when_dropped(Some(Slot::cancel_forsaken));
        self
    }

    /// Tells what was done with the submission, which the current thread has just made.
    #[inline]
    pub(crate) fn submitted(self, kind: Kind, handling: Handling) -> Self {
        let this = self.registered();
        let slot = this.handle.slot();
        habit::after(kind, handling, slot.id(), || {
            Arc::downgrade(slot) as Weak<dyn Operation>
        });
        this
    }

    /// A handle that can cancel this operation, and only this one, from anywhere.
    pub fn canceler(&self) -> Canceler {
        Canceler::new(Arc::clone(self.handle.slot()) as Arc<dyn Operation>)
    }

    /// Cancels the operation; see [`Canceler::cancel`] for what that means when.
    #[doc(alias = "nng_aio_cancel")]
    #[doc(alias = "nng_aio_abort")]
    #[doc(alias = "abort")]
    pub fn cancel(&self) {
        Arc::clone(self.handle.slot()).interrupt(ErrorKind::Canceled);
    }

    /// Whether the operation has completed, so that [`wait`](Self::wait) returns at once.
    #[doc(alias = "nng_aio_busy")]
    #[doc(alias = "is_finished")]
    pub fn is_done(&self) -> bool {
        self.handle.hand_over();
        self.handle.slot().is_settled()
    }

    /// How far the operation has got, in bytes, while it runs.
    ///
    /// A write: what the kernel has accepted, renewed after each system call, of which none moves
    /// more than 1 MiB. A read: what has arrived towards it. An exchange, and a call of a
    /// [`Client`](crate::Client): what is out of the request, and nothing of the response. To follow a
    /// download, read it in pieces, as the [`Body`](crate::Body) of a `transact_streaming`.
    #[doc(alias = "nng_aio_count")]
    pub fn count(&self) -> u64 {
        self.handle.hand_over();
        self.handle.slot().moved()
    }

    /// Who works on it, if it is not settled.
    fn unsettled(&self) -> Option<Arc<dyn Provider>> {
        let slot = self.handle.slot();
        if slot.is_settled() {
            return None;
        }
        slot.provider()
    }

    fn would_deadlock(&self, provider: Option<&dyn Provider>) -> Option<Error> {
        if !provider?.owns_current_thread() {
            return None;
        }
        let slot = self.handle.slot();
        match slot.interruption() {
            Some(Interruption::Recorded) => Some(slot.explain(ErrorKind::WouldDeadlock.into())),
            Some(Interruption::Finishes) => {
                // What it reads would go to nobody.
                Arc::clone(slot).interrupt(ErrorKind::WouldDeadlock);
                None
            }
            // It completes by itself.
            Some(Interruption::Committed) | None => None,
        }
    }
}

impl InFlight {
    /// Takes the operation, which has completed, out of its token.
    pub(super) fn end(&mut self) {
        if let Some(registration) = self.registration.take() {
            registration.end();
        }
    }
}
