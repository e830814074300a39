//! The slot under the model checker: every interleaving of the calls below, up to a bound.
//!
//! ```text
//! RUSTFLAGS="--cfg loom" cargo test --lib --release model
//! ```
//!
//! `LOOM_MAX_PREEMPTIONS` changes the bound.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Weak};

use loom::thread;

use super::{Aio, Completer, InFlight, Interruption, Operation, Provider};
use crate::background::UserCode;
use crate::error::{Action, Error, ErrorKind};

/// It stands for a connection, and runs what is posted at once.
struct Inline;

impl Provider for Inline {
    fn interrupted(&self, _: &dyn Operation) {}

    fn post(&self, code: UserCode) {
        code();
    }

    fn owns_current_thread(&self) -> bool {
        false
    }
}

type Started = (Aio<u32, InFlight>, Completer<u32>);

fn start(aio: Aio<u32>, provider: &Arc<Inline>, interruption: Interruption) -> Started {
    let provider: Weak<dyn Provider> = Arc::<Inline>::downgrade(provider);
    let (aio, completer, _) = aio.start(&provider, interruption, Action::Read);
    (aio, completer)
}

fn check(model: impl Fn() + Send + Sync + 'static) {
    crate::sync::check_up_to(3, model);
}

/// What the thread that has a job does at its end.
fn complete(completer: Completer<u32>) {
    let result = match completer.cause() {
        Some(cause) => Err(cause.into()),
        None => Ok(7),
    };
    completer.finish(result).run();
}

fn kind(result: Result<u32, Error>) -> Result<u32, ErrorKind> {
    result.map_err(|error| error.kind())
}

fn both(test: fn(Interruption)) {
    test(Interruption::Finishes);
    test(Interruption::Recorded);
}

#[test]
fn completion_against_cancel_and_deadline() {
    both(|interruption| {
        check(move || {
            let provider = Arc::new(Inline);
            let (aio, completer) = start(Aio::new(), &provider, interruption);
            let canceler = aio.canceler();
            let deadline = completer.operation();
            let cancels = thread::spawn(move || canceler.cancel());
            let expires = thread::spawn(move || {
                deadline
                    .into_iter()
                    .for_each(|op| op.interrupt(ErrorKind::TimedOut));
            });
            let completes = thread::spawn(move || complete(completer));
            let result = kind(aio.wait());
            let expected = [Ok(7), Err(ErrorKind::Canceled), Err(ErrorKind::TimedOut)];
            assert!(expected.contains(&result), "{result:?}");
            for thread in [cancels, expires, completes] {
                thread.join().expect("no panic");
            }
        });
    });
}

#[test]
fn a_committed_read_cannot_be_canceled_any_more() {
    check(|| {
        let provider = Arc::new(Inline);
        let (aio, completer) = start(Aio::new(), &provider, Interruption::Finishes);
        let canceler = aio.canceler();
        let taken = Arc::new(AtomicUsize::new(0));
        let takes = Arc::clone(&taken);
        let cancels = thread::spawn(move || canceler.cancel());
        let completes = thread::spawn(move || {
            if completer.commit() {
                takes.store(1, Ordering::Relaxed);
                completer.finish(Ok(7)).run();
            }
        });
        let result = kind(aio.wait());
        cancels.join().expect("no panic");
        completes.join().expect("no panic");
        // Bytes leave the buffer if and only if the read has succeeded.
        let expected = match taken.load(Ordering::Relaxed) {
            0 => Err(ErrorKind::Canceled),
            _ => Ok(7),
        };
        assert_eq!(result, expected);
    });
}

/// Bytes leave the buffer before the handle is gone, or not at all.
#[test]
fn a_read_that_is_dropped_takes_nothing_afterwards() {
    check(|| {
        let provider = Arc::new(Inline);
        let (aio, completer) = start(Aio::new(), &provider, Interruption::Finishes);
        let aio = aio.canceled_when_dropped();
        let dropped = Arc::new(AtomicBool::new(false));
        let is_dropped = Arc::clone(&dropped);
        let completes = thread::spawn(move || {
            let was_dropped = is_dropped.load(Ordering::Acquire);
            let taken = completer.commit();
            if taken {
                completer.finish(Ok(7)).run();
            }
            assert!(!(was_dropped && taken));
        });
        drop(aio);
        dropped.store(true, Ordering::Release);
        completes.join().expect("no panic");
    });
}

#[test]
fn a_write_that_is_dropped_goes_on() {
    check(|| {
        let provider = Arc::new(Inline);
        let (aio, completer) = start(Aio::new(), &provider, Interruption::Recorded);
        let completes = thread::spawn(move || {
            assert_eq!(completer.cause(), None);
            complete(completer);
        });
        drop(aio);
        completes.join().expect("no panic");
    });
}

#[test]
fn a_dropped_completer_wakes_the_waiter() {
    both(|interruption| {
        check(move || {
            let provider = Arc::new(Inline);
            let (aio, completer) = start(Aio::new(), &provider, interruption);
            let canceler = aio.canceler();
            let drops = thread::spawn(move || drop(completer));
            let cancels = thread::spawn(move || canceler.cancel());
            let result = kind(aio.wait());
            let expected = [Err(ErrorKind::Abandoned), Err(ErrorKind::Canceled)];
            assert!(expected.contains(&result), "{result:?}");
            drops.join().expect("no panic");
            cancels.join().expect("no panic");
        });
    });
}

#[test]
fn a_closure_attached_late_runs_once() {
    both(|interruption| {
        check(move || {
            let provider = Arc::new(Inline);
            let (aio, completer) = start(Aio::new(), &provider, interruption);
            let canceler = aio.canceler();
            let runs = Arc::new(AtomicUsize::new(0));
            let counted = Arc::clone(&runs);
            let completes = thread::spawn(move || complete(completer));
            let cancels = thread::spawn(move || canceler.cancel());
            let _ = aio.on_complete(move |result, _| {
                assert!(matches!(kind(result), Ok(7) | Err(ErrorKind::Canceled)));
                counted.fetch_add(1, Ordering::Relaxed);
            });
            completes.join().expect("no panic");
            cancels.join().expect("no panic");
            assert_eq!(runs.load(Ordering::Relaxed), 1);
        });
    });
}

#[test]
fn a_stale_canceler_does_not_hit_the_next_operation() {
    both(|interruption| {
        check(move || {
            let provider = Arc::new(Inline);
            let (aio, completer) = start(Aio::new(), &provider, interruption);
            let stale = aio.canceler();
            let completes = thread::spawn(move || complete(completer));
            let cancels = thread::spawn(move || stale.cancel());
            let (first, aio) = aio.reclaim();
            assert!(matches!(kind(first), Ok(7) | Err(ErrorKind::Canceled)));
            // The completer of the first and the stale canceler may still be at it.
            let (aio, completer) = start(aio, &provider, interruption);
            complete(completer);
            assert_eq!(kind(aio.wait()), Ok(7));
            completes.join().expect("no panic");
            cancels.join().expect("no panic");
        });
    });
}

#[test]
fn a_waker_is_woken_once_or_not_needed() {
    check(|| {
        let provider = Arc::new(Inline);
        let (aio, completer) = start(Aio::new(), &provider, Interruption::Finishes);
        let canceler = aio.canceler();
        let completes = thread::spawn(move || complete(completer));
        let cancels = thread::spawn(move || canceler.cancel());
        let result = loom::future::block_on(async { aio.await });
        assert!(matches!(kind(result), Ok(7) | Err(ErrorKind::Canceled)));
        completes.join().expect("no panic");
        cancels.join().expect("no panic");
    });
}

#[test]
fn the_first_recorded_cause_is_the_result() {
    check(|| {
        let provider = Arc::new(Inline);
        let (aio, completer) = start(Aio::new(), &provider, Interruption::Recorded);
        let canceler = aio.canceler();
        let cancels = thread::spawn(move || canceler.cancel());
        cancels.join().expect("no panic");
        aio.cancel();
        assert!(!aio.is_done(), "who has the job has not finished it");
        complete(completer);
        assert_eq!(kind(aio.wait()), Err(ErrorKind::Canceled));
    });
}
