//! What the tests share: here, waits that fail instead of hanging; below, data, peers, connections in
//! memory, hooks in a transport, programs that others wrote, and what the kernel says of the process.

#![allow(
    dead_code,
    reason = "not every test needs every helper, and not under every feature"
)]

mod browser;
mod data;
#[cfg(feature = "test-util")]
pub(crate) mod hooks;
#[cfg(feature = "test-util")]
mod memory;
mod peers;
mod processes;
mod programs;

use std::fmt;
use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, JoinHandle, Thread};
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, bounded, unbounded};
use http_aio::http::Response;
use http_aio::{Aio, Canceler, Error, ErrorKind, InFlight, Interim, Written};

pub(crate) use self::browser::*;
pub(crate) use self::data::*;
#[cfg(feature = "test-util")]
#[allow(unused_imports, reason = "not every test needs every helper")]
pub(crate) use self::memory::*;
pub(crate) use self::peers::*;
pub(crate) use self::processes::*;
pub(crate) use self::programs::*;

/// How long a test waits for what must happen before it fails. Generous: only a hang takes it.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// Waits for a condition that another thread brings about.
#[track_caller]
pub(crate) fn wait_until(what: &str, mut condition: impl FnMut() -> bool) {
    let patience = Instant::now() + PATIENCE;
    while !condition() {
        assert!(Instant::now() < patience, "never happened: {what}");
        thread::sleep(Duration::from_millis(1));
    }
}

/// `wait`, bounded.
#[track_caller]
pub(crate) fn settle<T: Send + 'static>(aio: Aio<T, InFlight>) -> Result<T, Error> {
    match aio.wait_timeout(PATIENCE) {
        Ok(result) => result,
        Err(aio) => panic!("still running: {aio:?}"),
    }
}

/// `reclaim`, bounded.
#[track_caller]
pub(crate) fn settle_and_reclaim<T: Send + 'static>(
    aio: Aio<T, InFlight>,
) -> (Result<T, Error>, Aio<T>) {
    wait_until("the operation completes", || aio.is_done());
    aio.reclaim()
}

/// The kind and the count of a failure.
#[track_caller]
pub(crate) fn failure<T: fmt::Debug>(result: Result<T, Error>) -> (ErrorKind, u64) {
    match result {
        Ok(value) => panic!("succeeded with {value:?}"),
        Err(error) => (error.kind(), error.count()),
    }
}

/// The bytes that a write moved, whatever became of it.
pub(crate) fn count(result: &Result<Written, Error>) -> u64 {
    match result {
        Ok(written) => written.count(),
        Err(error) => error.count(),
    }
}

/// Receives, bounded.
#[track_caller]
pub(crate) fn receive<T>(from: &Receiver<T>) -> T {
    match from.recv_timeout(PATIENCE) {
        Ok(value) => value,
        Err(error) => panic!("nothing received: {error}"),
    }
}

/// Whether it completes by itself, though nobody waits.
pub(crate) fn completes<T: Send + 'static>(aio: &Aio<T, InFlight>, within: Duration) -> bool {
    let until = Instant::now() + within;
    while !aio.is_done() {
        if Instant::now() > until {
            return false;
        }
        thread::sleep(Duration::from_millis(1));
    }
    true
}

/// Joins, bounded; passes a panic on.
#[track_caller]
pub(crate) fn join<T>(handle: JoinHandle<T>) -> T {
    wait_until("the thread ends", || handle.is_finished());
    match handle.join() {
        Ok(value) => value,
        Err(payload) => std::panic::resume_unwind(payload),
    }
}

/// For `Step::Await` and `Step::Signal`.
pub(crate) fn gate() -> (Sender<()>, Receiver<()>) {
    bounded(1)
}

/// As `gate`, for a value.
pub(crate) fn gate_of<T>() -> (Sender<T>, Receiver<T>) {
    bounded(1)
}

/// What a closure was told: the outcome, where, and when.
#[derive(Debug)]
pub(crate) struct Told<T> {
    pub(crate) result: Result<T, Error>,
    pub(crate) thread: String,
    pub(crate) at: Instant,
}

/// Attaches a closure that sends what it is told. A second call of it would be seen as a second
/// message; when the closure is gone the channel is closed.
pub(crate) fn tell<T: Send + 'static>(aio: Aio<T, InFlight>) -> (Receiver<Told<T>>, Canceler) {
    let (sender, receiver) = unbounded();
    let canceler = aio.on_complete(move |result, _| {
        let _ = sender.send(Told {
            result,
            thread: thread_name(),
            at: Instant::now(),
        });
    });
    (receiver, canceler)
}

/// The one message, after which the sender is gone: the closure was called once, and is dropped.
#[track_caller]
pub(crate) fn once<T>(told: &Receiver<Told<T>>) -> Told<T> {
    let first = receive(told);
    match told.recv_timeout(PATIENCE) {
        Err(RecvTimeoutError::Disconnected) => first,
        Err(RecvTimeoutError::Timeout) => panic!("the closure was not dropped"),
        Ok(_) => panic!("the closure was called twice"),
    }
}

/// The statuses of the interim responses before this one.
pub(crate) fn interim<B>(response: &Response<B>) -> Vec<u16> {
    let interim = response.extensions().get::<Interim>();
    interim.map_or_else(Vec::new, |interim| {
        let responses = interim.responses().iter();
        responses
            .map(|response| response.status().as_u16())
            .collect()
    })
}

/// Whether a thread of this name is one of the library's: of a connection, by its role, or a global one.
pub(crate) fn is_ours(name: &str) -> bool {
    let roles = ["http-aio:", "rd:", "wr:", "cb:", "hs:"];
    roles.iter().any(|role| name.starts_with(role))
}

pub(crate) fn thread_name() -> String {
    thread::current().name().unwrap_or_default().to_owned()
}

/// For upper bounds of time on a machine that is busy with other things: a scenario that is late
/// may be repeated twice. Everything else is asserted inside the scenario, every time.
#[track_caller]
pub(crate) fn in_time(scenario: impl FnMut() -> Result<(), String>) {
    once_of(3, scenario);
}

/// As `in_time`, for what fails as soon as this thread is kept for a millisecond at the wrong moment.
#[track_caller]
pub(crate) fn once_of(tries: usize, mut scenario: impl FnMut() -> Result<(), String>) {
    let mut late = Vec::new();
    for _ in 0..tries {
        match scenario() {
            Ok(()) => return,
            Err(how) => late.push(how),
        }
    }
    panic!("too late, {tries} times: {late:?}");
}

/// For `in_time`: late, unless `took` is at most `most`.
pub(crate) fn at_most(what: &str, took: Duration, most: Duration) -> Result<(), String> {
    if took <= most {
        Ok(())
    } else {
        Err(format!("{what} took {took:?}, allowed are {most:?}"))
    }
}

/// A tiny executor: polls on this thread, parks in between.
pub(crate) fn block_on<F: Future>(future: F) -> F::Output {
    struct Unpark(Thread);
    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut context = Context::from_waker(&waker);
    let mut future = pin!(future);
    let patience = Instant::now() + PATIENCE;
    loop {
        if let Poll::Ready(output) = future.as_mut().poll(&mut context) {
            return output;
        }
        assert!(Instant::now() < patience, "the future is never woken");
        thread::park_timeout(PATIENCE);
    }
}

/// In the middle of what was measured, so that a few that were late do not matter.
pub(crate) fn median(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times[times.len() / 2]
}
