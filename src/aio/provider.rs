//! The seam between an aio and whoever works on it: `aio` knows connections by these traits only.

use std::sync::Arc;

use crate::background::UserCode;
use crate::error::{ErrorKind, Peer};

/// Whoever works on operations: a direction of a connection, an exchange, a connect, a call of a client.
pub(crate) trait Provider: Send + Sync {
    /// Takes back an operation that it has not begun, and settles it for `kind` with its exact count.
    fn take_back(&self, _operation: &dyn Operation, _kind: ErrorKind) -> TakenBack {
        TakenBack::Not
    }

    /// The operation was interrupted. If it is settled, its job is to be dropped; if a cause is recorded,
    /// its job is to be finished, or the thread that has it made to look. This is called without locks,
    /// from any thread.
    fn interrupted(&self, operation: &dyn Operation);

    /// Runs `code` soon on a thread of the connection, and never on the caller's unless there is no other
    /// thread to be had.
    fn post(&self, code: UserCode);

    /// The caller is about to block until the operation is settled: it may work on it meanwhile.
    /// True if it has.
    fn awaited(&self, _operation: &dyn Operation) -> bool {
        false
    }

    /// Nobody is going to block for an operation: it must not be held back any longer.
    fn detached(&self) {}

    /// Nobody can learn of the outcome of an operation any more.
    fn forsaken(&self) {}

    /// Whom errors of its operations are about. It may be asked under the lock of an operation that settles at
    /// once when it is interrupted.
    fn peer(&self) -> Option<Arc<Peer>> {
        None
    }

    /// Whether the caller is a thread that the operation may need, so that waiting here cannot end
    /// well.
    fn owns_current_thread(&self) -> bool;
}

/// What became of an operation that was to be taken back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TakenBack {
    Settled,
    /// Whoever has begun it looks for a cause before it blocks, and knows the count.
    Begun,
    /// Whoever interrupts it settles it.
    Not,
}

/// An operation of any type, as the queue and the cancelers see it.
pub(crate) trait Operation: Send + Sync {
    /// Unique among the operations that exist.
    fn id(&self) -> usize;

    /// Its place in the queue that it lies in, which that queue's lock protects.
    fn place(&self) -> u64;

    fn is_settled(&self) -> bool;

    /// The caller is about to block for it: it may serve it. True if it has.
    fn serve(&self) -> bool;

    /// Has its provider hold it back no longer.
    fn hand_over(&self);

    /// Nobody can learn of the outcome any more.
    fn give_up(&self);

    /// Whether somebody can still learn of the outcome.
    fn is_wanted(&self) -> bool;

    /// How far it has got.
    fn progress(&self, moved: u64);

    /// What an interruption has recorded.
    fn cause(&self) -> Option<ErrorKind>;

    /// Ends it for `kind`, if it is not settled yet.
    fn interrupt(self: Arc<Self>, kind: ErrorKind);
}
