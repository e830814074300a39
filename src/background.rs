//! Threads for user code that has no other thread to run on.
//!
//! The library's global threads serve everybody, so they must never run what a user wrote: they call
//! [`forbid_user_code`] when they start, and what cannot get a thread there is kept and tried again.

use std::cell::Cell;
use std::sync::Arc;

use parking_lot::Mutex;

use crate::unwind::guard;

/// User code on its way to a thread.
pub(crate) type Call = Box<dyn FnOnce() + Send>;

/// Calls for which there was no thread, and which the current thread must not run.
static KEPT: Mutex<Vec<Call>> = Mutex::new(Vec::new());

thread_local! {
    static FORBIDDEN: Cell<bool> = const { Cell::new(false) };
}

/// Marks the current thread as one that others depend on.
pub(crate) fn forbid_user_code() {
    FORBIDDEN.set(true);
}

/// Whether the current thread may run user code.
pub(crate) fn may_run_user_code() -> bool {
    !FORBIDDEN.try_with(Cell::get).unwrap_or(false)
}

/// Runs `call` on a thread of its own. If the system has none to give, the current thread runs it, or
/// keeps it for [`retry`] where it must not.
pub(crate) fn run(call: Call) {
    if let Err(call) = spawn(call) {
        if may_run_user_code() {
            guard(call);
        } else {
            KEPT.lock().push(call);
        }
    }
}

/// Tries again to find threads for what was kept. True if something is still left.
pub(crate) fn retry() -> bool {
    let kept = std::mem::take(&mut *KEPT.lock());
    if kept.is_empty() {
        return false;
    }
    for call in kept {
        run(call);
    }
    !KEPT.lock().is_empty()
}

/// Lets go of a reference on a thread that must not run destructors of users' values. The value itself,
/// if this was the last reference, is dropped on another thread.
pub(crate) fn release<T: Send + Sync + 'static>(shared: Arc<T>) {
    if let Some(last) = Arc::into_inner(shared) {
        run(Box::new(move || drop(last)));
    }
}

fn spawn(call: Call) -> Result<(), Call> {
    // The closure of a thread that cannot be had is dropped, so the call is shared with it.
    let shared = Arc::new(Mutex::new(Some(call)));
    let theirs = Arc::clone(&shared);
    let run = move || {
        let call = theirs.lock().take();
        if let Some(call) = call {
            guard(call);
        }
    };
    let spawned = std::thread::Builder::new()
        .name("http-aio:call".into())
        .spawn(run);
    match spawned {
        Ok(_) => Ok(()),
        Err(_) => {
            let call = shared.lock().take();
            call.map_or(Ok(()), Err)
        }
    }
}
