//! What is to be looked up, and how.

use std::io;
use std::net::{SocketAddr, ToSocketAddrs};
use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::background;

pub(in super::super) enum Query {
    Name(String, u16),
    /// Code of the caller's, of which nothing is known but that it can be asked.
    Opaque(Job),
}

pub(in super::super) type Job = Box<dyn FnOnce() -> io::Result<Vec<SocketAddr>> + Send>;

impl Query {
    pub(in super::super) fn opaque(address: impl ToSocketAddrs + Send + 'static) -> Self {
        let job = move || address.to_socket_addrs().map(Iterator::collect);
        Self::Opaque(Box::new(job))
    }

    pub(super) fn port(&self) -> Option<u16> {
        match self {
            Self::Name(_, port) => Some(*port),
            Self::Opaque(_) => None,
        }
    }

    /// Looks it up. `None` if that was code of the caller's, which has panicked.
    pub(super) fn look_up(self) -> Option<io::Result<Vec<SocketAddr>>> {
        let look_up = || match self {
            Self::Name(host, _) => look_up(&host),
            Self::Opaque(job) => job(),
        };
        match catch_unwind(AssertUnwindSafe(look_up)) {
            Ok(found) => Some(found),
            Err(payload) => {
                std::mem::forget(payload); // Dropping it may panic again.
                None
            }
        }
    }

    /// Drops it unused. Code of the caller's is dropped on a thread of its own, because that may run it.
    pub(super) fn dispose(self) {
        match self {
            Self::Name(..) => {}
            Self::Opaque(job) => background::run(Box::new(move || drop(job))),
        }
    }
}

fn look_up(host: &str) -> io::Result<Vec<SocketAddr>> {
    #[cfg(feature = "test-util")]
    if let Some(fake) = super::fake::current() {
        return fake(host);
    }
    (host, 0).to_socket_addrs().map(Iterator::collect)
}
