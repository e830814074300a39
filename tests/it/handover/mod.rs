//! Proves when an operation that its caller may serve itself is handed over to the connection's thread:
//! at once, but for one that is merely held after a run of others that were all waited for; and that
//! a caller who does the work loses nothing by it.

mod reads;
mod writes;

use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, unbounded};

use self::reads::Reading;
use crate::support::hooks::Hook;
use crate::support::{median, receive};

/// For what may be held back for a millisecond, on a machine that has other things to do.
const SOON: Duration = Duration::from_millis(5);

const ROUNDS: usize = 7;

/// When the transport was called.
fn calls() -> (Option<Hook>, Receiver<Instant>) {
    let (tell, calls) = unbounded();
    let hook: Hook = Box::new(move || {
        let _ = tell.send(Instant::now());
    });
    (Some(hook), calls)
}

/// What a hand-over may take here and now: some times what it takes to start a thread for a closure, or
/// less than the millisecond that nothing but a run of waiters excuses.
fn at_once() -> Duration {
    let took = (0..ROUNDS).map(|_| {
        let reading = Reading::new();
        let start = Instant::now();
        reading.read().on_complete(|_, _| ());
        receive(&reading.calls) - start
    });
    let usual = median(took.collect());
    (4 * usual).max(Duration::from_micros(700))
}
