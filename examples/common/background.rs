//! Threads for what cannot be cancelled: reading and writing files, pipes and terminals.

use std::convert::Infallible;
use std::thread;

use crossbeam_channel::{Receiver, bounded, select};

use crate::common::sentence::plain;

/// Starts a thread that nobody waits for.
pub(crate) fn spawn(name: &str, run: impl FnOnce() + Send + 'static) -> Result<(), String> {
    thread::Builder::new()
        .name(name.into())
        .spawn(run)
        .map(drop)
        .map_err(|error| format!("cannot start a thread: {}", plain(&error)))
}

/// Does something on another thread, and waits for it until the bell rings.
pub(crate) fn wait_for<T: Send + 'static>(
    name: &str,
    bell: &Receiver<Infallible>,
    run: impl FnOnce() -> Result<T, String> + Send + 'static,
) -> Result<T, String> {
    let (tell, result) = bounded(1);
    spawn(name, move || {
        let _ = tell.send(run()); // Nobody waits after the bell.
    })?;
    select! {
        recv(result) -> result => result.unwrap_or_else(|_| Err("a thread was lost".to_owned())),
        recv(bell) -> _ => Err("interrupted".to_owned()),
    }
}
