//! The border between this library and the code of its users: closures, wakers, and what a buffer
//! does when it is dropped.

#[cfg(not(loom))]
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Runs user code. One that panics hurts nobody else. Its message has been printed by the panic
/// hook; the payload is leaked, because dropping it may panic again.
#[cfg(not(loom))]
pub(crate) fn guard(f: impl FnOnce()) {
    if let Err(payload) = catch_unwind(AssertUnwindSafe(f)) {
        std::mem::forget(payload);
    }
}

/// The model checker is to hear of each failure.
#[cfg(loom)]
pub(crate) fn guard(f: impl FnOnce()) {
    f();
}
