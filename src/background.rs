//! Threads for user code that has no other thread to run on.
//!
//! The library's global threads serve everybody, so they must never run what a user wrote: they call
//! [`forbid_user_code`] when they start, and what cannot get a thread there is kept and tried again.

use std::cell::Cell;
use std::sync::Arc;

use parking_lot::Mutex;

use crate::sync::thread_local;
use crate::unwind::guard;

/// User code on its way to a thread: a closure to run, or a value to drop.
pub(crate) type UserCode = Box<dyn FnOnce() + Send>;

/// What found no thread, and must not run on the thread that it came from.
static KEPT: Mutex<Vec<UserCode>> = Mutex::new(Vec::new());

thread_local! {
    static FORBIDDEN: Cell<bool> = const { Cell::new(false) };
}

/// Marks the current thread as one that others depend on.
pub(crate) fn forbid_user_code() {
    FORBIDDEN.with(|is_forbidden| is_forbidden.set(true));
}

/// Whether the current thread may run user code.
pub(crate) fn may_run_user_code() -> bool {
    !FORBIDDEN.try_with(Cell::get).unwrap_or(false)
}

/// Runs `code` on a thread of its own. If the system has none to give, the current thread runs it, or
/// keeps it for [`retry`] where it must not.
pub(crate) fn run(code: UserCode) {
    if let Err(code) = spawn(code) {
        if may_run_user_code() {
            guard(code);
        } else {
            KEPT.lock().push(code);
        }
    }
}

/// Tries again to find threads for what was kept. True if something is still left.
pub(crate) fn retry() -> bool {
    let kept = std::mem::take(&mut *KEPT.lock());
    if kept.is_empty() {
        return false;
    }
    for code in kept {
        run(code);
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

fn spawn(code: UserCode) -> Result<(), UserCode> {
    // The closure of a thread that cannot be had is dropped, so what it runs is shared with it.
    let shared = Arc::new(Mutex::new(Some(code)));
    let theirs = Arc::clone(&shared);
    let run = move || {
        let code = theirs.lock().take();
        if let Some(code) = code {
            guard(code);
        }
    };
    let spawned = std::thread::Builder::new()
        .name("http-aio:call".into())
        .spawn(run);
    match spawned {
        Ok(_) => Ok(()),
        Err(_) => {
            let code = shared.lock().take();
            code.map_or(Ok(()), Err)
        }
    }
}
