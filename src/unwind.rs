//! The border between this library and the code of its users: closures, wakers, and what a buffer
//! does when it is dropped.

use std::panic::{AssertUnwindSafe, catch_unwind};

/// Runs user code. One that panics hurts nobody else. Its message has been printed by the panic
/// hook; the payload is leaked, because dropping it may panic again.
pub(crate) fn guard(f: impl FnOnce()) {
    if let Err(payload) = catch_unwind(AssertUnwindSafe(f)) {
        std::mem::forget(payload);
    }
}
