//! The threads of a connection: named, and aware of whose they are.

use std::cell::Cell;
use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::Builder;

/// Tells the threads of one connection from all others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Owner(u64);

thread_local! {
    static CURRENT: Cell<Owner> = const { Cell::new(Owner(0)) };
}

impl Owner {
    pub(crate) fn new() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        Self(NEXT.fetch_add(1, Ordering::Relaxed))
    }

    pub(crate) fn owns_current_thread(self) -> bool {
        // Not there any more while the thread's other locals are dropped.
        CURRENT
            .try_with(Cell::get)
            .is_ok_and(|current| current == self)
    }

    /// Whether the caller is a thread of any connection.
    pub(crate) fn is_any() -> bool {
        let current = CURRENT.try_with(Cell::get);
        current.is_ok_and(|current| current != Self(0))
    }

    /// Starts a thread of this owner.
    ///
    /// # Errors
    ///
    /// The operating system has none to give.
    pub(crate) fn spawn(self, name: String, run: impl FnOnce() + Send + 'static) -> io::Result<()> {
        let run = move || {
            CURRENT.set(self);
            run();
        };
        Builder::new().name(name).spawn(run).map(drop)
    }
}
