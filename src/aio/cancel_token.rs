//! One handle that cancels any number of operations, those to come included.
//!
//! Invariants:
//!
//! 1. An operation that is registered after `cancel` has begun is canceled by whoever registers it; one
//!    that is registered before, by `cancel`: the lock decides.
//! 2. The lock is held for bookkeeping only: operations are canceled outside of it.
//! 3. An entry goes with the handle of an operation that has completed. Those of operations that were
//!    detached are swept out when there are twice as many entries as the last sweep has left.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Weak};

use parking_lot::Mutex;

use super::provider::Operation;
use crate::error::ErrorKind;

/// Fewer entries than this are not worth a sweep.
const SWEEP_AT_LEAST: usize = 64;

/// Cancels all the operations whose aios it was given to, before or after they were submitted.
///
/// Cloneable; clones are the same token. It can be given to any number of aios, with
/// [`Aio::cancel_token`](crate::Aio::cancel_token), on any connections and clients, and canceled from any
/// thread, such as one that waits for Ctrl-C; not from a signal handler itself, because it takes a lock.
/// What is submitted with a token that is canceled already fails with [`Canceled`](ErrorKind::Canceled),
/// and nothing of it is done. A token that was canceled stays so.
///
/// What canceling means for an operation says [`Canceler::cancel`](crate::Canceler::cancel).
///
/// # Examples
///
/// ```
/// use http_aio::{Aio, CancelToken, Conn, ErrorKind};
/// use std::os::unix::net::UnixStream;
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let (near, far) = UnixStream::pair()?;
/// let conn = Conn::from(near);
///
/// let token = CancelToken::new();
/// let reading = conn.read(Aio::new().cancel_token(&token), 1024); // The peer says nothing.
/// let theirs = token.clone();
/// std::thread::spawn(move || theirs.cancel());
/// assert_eq!(reading.wait().unwrap_err().kind(), ErrorKind::Canceled);
///
/// let late = conn.write_all(Aio::new().cancel_token(&token).iov(["too late"]));
/// let error = late.wait().unwrap_err();
/// assert_eq!((error.kind(), error.count()), (ErrorKind::Canceled, 0));
/// # drop(far);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Default)]
pub struct CancelToken {
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
}

enum State {
    Waiting(Entries),
    Canceled,
}

struct Entries {
    operations: HashMap<u64, Weak<dyn Operation>>,
    next: u64,
    sweep_at: usize,
}

impl CancelToken {
    /// A token that nothing has yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Cancels all that the token was given to and that has not completed, and all that it will be given
    /// to. It returns at once; the outcomes arrive through the aios.
    pub fn cancel(&self) {
        let state = std::mem::replace(&mut *self.shared.state.lock(), State::Canceled);
        let State::Waiting(entries) = state else {
            return;
        };
        for operation in entries.operations.into_values() {
            if let Some(operation) = operation.upgrade() {
                operation.interrupt(ErrorKind::Canceled);
            }
        }
    }

    /// Whether somebody has canceled it.
    pub fn is_canceled(&self) -> bool {
        matches!(*self.shared.state.lock(), State::Canceled)
    }

    /// Has the operation canceled with the token; at once, if that is canceled.
    pub(super) fn register(&self, operation: Arc<dyn Operation>) -> Option<Registration> {
        let weak = Arc::downgrade(&operation);
        let mut state = self.shared.state.lock();
        let key = match &mut *state {
            State::Waiting(entries) => entries.insert(weak),
            State::Canceled => {
                drop(state);
                operation.interrupt(ErrorKind::Canceled);
                return None;
            }
        };
        drop(state);
        let shared = Arc::clone(&self.shared);
        Some(Registration { shared, key })
    }
}

/// An operation's place in its token. Dropping it with the handle of an operation that goes on leaves the
/// operation in the token.
pub(super) struct Registration {
    shared: Arc<Shared>,
    key: u64,
}

impl Registration {
    /// The operation has completed.
    pub(super) fn end(self) {
        if let State::Waiting(entries) = &mut *self.shared.state.lock() {
            entries.operations.remove(&self.key);
        }
    }
}

impl Drop for Registration {
    fn drop(&mut self) {
        if let State::Waiting(entries) = &mut *self.shared.state.lock() {
            if entries.operations.get(&self.key).is_some_and(is_gone) {
                entries.operations.remove(&self.key);
            }
        }
    }
}

impl Entries {
    fn insert(&mut self, operation: Weak<dyn Operation>) -> u64 {
        if self.operations.len() >= self.sweep_at {
            self.operations.retain(|_, operation| !is_gone(operation));
            self.sweep_at = SWEEP_AT_LEAST.max(2 * self.operations.len());
        }
        let key = self.next;
        self.next += 1;
        self.operations.insert(key, operation);
        key
    }
}

/// Whether nobody has the operation any more. It is not asked itself: the reference that this takes could
/// become the last, and a result of the user's would be dropped under the lock.
fn is_gone(operation: &Weak<dyn Operation>) -> bool {
    operation.strong_count() == 0
}

impl Default for State {
    fn default() -> Self {
        Self::Waiting(Entries {
            operations: HashMap::new(),
            next: 0,
            sweep_at: SWEEP_AT_LEAST,
        })
    }
}

impl fmt::Debug for CancelToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CancelToken")
            .field("canceled", &self.is_canceled())
            .finish()
    }
}

impl fmt::Debug for Registration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Registration")
            .field("key", &self.key)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;
    use std::os::unix::net::UnixStream;

    use super::*;
    use crate::{Aio, Conn};

    fn entries(token: &CancelToken) -> usize {
        match &*token.shared.state.lock() {
            State::Waiting(entries) => entries.operations.len(),
            State::Canceled => 0,
        }
    }

    #[test]
    fn forgets_what_has_completed() {
        let (near, mut far) = UnixStream::pair().expect("two sockets");
        let conn = Conn::from(near);
        let token = CancelToken::new();
        let write = || conn.write_all(Aio::new().cancel_token(&token).iov(["x"]));
        for _ in 0..100 {
            write().wait().expect("there is room");
            assert_eq!(entries(&token), 0);
        }
        // Detached, they stay until a sweep.
        for _ in 0..100 {
            for _ in 0..SWEEP_AT_LEAST {
                drop(write());
            }
            let mut received = [0; SWEEP_AT_LEAST];
            far.read_exact(&mut received).expect("they are written");
            // The thread that has written the last has let go of all that came before.
            write().wait().expect("there is room");
            far.read_exact(&mut [0]).expect("it is written");
        }
        assert!(entries(&token) <= 2 * SWEEP_AT_LEAST, "{}", entries(&token));
    }
}
