//! Running a model, and its threads.

use std::sync::Arc;

use loom::thread::{self, JoinHandle};

pub(super) use crate::sync::{check, check_up_to};

use super::half::Half;
use crate::aio::{Aio, InFlight};
use crate::error::ErrorKind;

pub(super) fn spawn(half: &Arc<Half>, run: impl FnOnce(&Half) + Send + 'static) -> JoinHandle<()> {
    let half = Arc::clone(half);
    thread::spawn(move || run(&half))
}

pub(super) fn waits(aio: Aio<u32, InFlight>) -> JoinHandle<Result<u32, ErrorKind>> {
    thread::spawn(move || aio.wait().map_err(|error| error.kind()))
}

pub(super) fn join<T>(thread: JoinHandle<T>) -> T {
    thread.join().expect("no panic")
}
