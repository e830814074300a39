//! Which thread serves a connection.

use std::num::NonZero;
use std::thread;

/// Which thread serves a connection of a [`Server`](crate::Server): see
/// [`ServerBuilder::threads`](crate::ServerBuilder::threads).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Threads {
    /// Connections that wait have none: a few threads, as many as there are processors, wait for all of them, and
    /// serve what is ready. A handler that takes its time, or that waits for something of this crate, has a thread
    /// of its own for its connection meanwhile, so it may block, and holds up nobody. Handlers that are quick run at
    /// the speed of an event loop. Where the system has no epoll, or no descriptors for it are left, it is as
    /// [`PerConnection`](Self::PerConnection).
    #[default]
    Watched,
    /// Each connection has one, from its first byte to its last.
    PerConnection,
}

/// How many threads can run at once.
pub(super) fn processors() -> usize {
    thread::available_parallelism().map_or(1, NonZero::get)
}
