//! How many threads serve, compared with the watches that some of them hold.

use std::sync::atomic::{AtomicUsize, Ordering};

/// The threads that hold the watches of a server, or have lost them and still serve the connection for which they
/// have. A hint, which the model checker need not know.
#[derive(Debug, Default)]
pub(super) struct Company {
    threads: AtomicUsize,
    watches: AtomicUsize,
}

/// A thread that counts, until this is dropped.
pub(super) struct Member<'a>(&'a Company);

impl Company {
    pub(super) fn watch_begins(&self) {
        self.watches.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn join(&self) -> Member<'_> {
        self.threads.fetch_add(1, Ordering::Relaxed);
        Member(self)
    }

    /// Whether there are threads that serve without a watch.
    pub(super) fn has_others(&self) -> bool {
        self.threads.load(Ordering::Relaxed) > self.watches.load(Ordering::Relaxed)
    }
}

impl Drop for Member<'_> {
    fn drop(&mut self) {
        self.0.threads.fetch_sub(1, Ordering::Relaxed);
    }
}
