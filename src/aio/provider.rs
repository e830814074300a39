//! The seam between an aio and whoever works on it: `aio` knows connections by these traits only.

use std::sync::Arc;

use crate::error::ErrorKind;

/// User code on its way to a connection's thread.
pub(crate) type Call = Box<dyn FnOnce() + Send>;

/// Works on operations: one direction of a connection, its exchanges, a connect, a call of a client.
pub(crate) trait Provider: Send + Sync {
    /// The operation was interrupted: settled (drop its job), or a cause is recorded (finish its
    /// job, or make the thread that has it look). Called without locks, from any thread.
    fn interrupted(&self, operation: usize);

    /// Runs `call` on a thread of the connection, soon, and never on the caller's, unless there is no
    /// other thread to be had.
    fn post(&self, call: Call);

    /// The caller is about to block until the operation is settled: it may work on it meanwhile.
    fn awaited(&self, _operation: usize) {}

    /// Nobody is going to block for the operation.
    fn detached(&self, _operation: usize) {}

    /// Whether the caller is a thread that the operation may need, so that waiting here cannot end
    /// well.
    fn owns_current_thread(&self) -> bool;
}

/// An operation of any type, as the queue and the cancellers see it.
pub(crate) trait Operation: Send + Sync {
    /// Unique among the operations that exist.
    fn id(&self) -> usize;

    fn is_settled(&self) -> bool;

    /// How far it has got.
    fn progress(&self, moved: u64);

    /// What an interruption has recorded.
    fn cause(&self) -> Option<ErrorKind>;

    /// Ends it for `kind`, if it is not settled yet.
    fn interrupt(self: Arc<Self>, kind: ErrorKind);
}
