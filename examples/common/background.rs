//! Threads for what cannot be canceled: reading and writing files, pipes and terminals.

use std::thread;

use crossbeam_channel::{bounded, select};

use super::exit::Exit;
use super::failure::{Failure, plain};
use super::task::Task;

/// Starts a thread that nobody waits for.
pub(crate) fn spawn(name: &str, run: impl FnOnce() + Send + 'static) -> Result<(), Failure> {
    thread::Builder::new()
        .name(name.into())
        .spawn(run)
        .map(drop)
        .map_err(|error| no_thread(&error))
}

/// Does something on another thread, and waits for it until Ctrl-C.
pub(crate) fn wait_for<T: Send + 'static>(
    name: &str,
    task: &Task,
    run: impl FnOnce() -> Result<T, Failure> + Send + 'static,
) -> Result<T, Failure> {
    let (tell, result) = bounded(1);
    spawn(name, move || {
        let _ = tell.send(run()); // Nobody waits after Ctrl-C.
    })?;
    select! {
        recv(result) -> result => result.unwrap_or_else(|_| Err(Failure::lost())),
        recv(task.bell()) -> _ => Err(Failure::interrupted()),
    }
}

pub(crate) fn no_thread(error: &std::io::Error) -> Failure {
    Failure::new(
        Exit::Memory,
        format!("cannot start a thread: {}", plain(error)),
    )
}
