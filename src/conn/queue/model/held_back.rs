//! What is held back for its waiter, and what the timer makes of it.

use std::sync::atomic::Ordering;

use loom::thread;

use super::half::Half;
use super::run::{check, join, spawn, waits};

#[test]
fn a_caller_and_the_timer_and_what_arrives() {
    check(|| {
        let half = Half::new(0);
        let (aio, kick) = half.hold_back();
        assert!(kick);
        let timer = spawn(&half, Half::kick);
        let peer = spawn(&half, Half::arrive);
        assert_eq!(aio.wait().unwrap(), 1);
        join(timer);
        join(peer);
        half.end();
    });
}

#[test]
fn nobody_waits_and_the_timer_comes() {
    check(|| {
        let half = Half::new(1);
        let (aio, kick) = half.hold_back();
        assert!(kick);
        let canceler = aio.canceler();
        drop(aio);
        let timer = spawn(&half, Half::kick);
        let cancels = thread::spawn(move || canceler.cancel());
        join(timer);
        join(cancels);
        half.end();
        assert!(!half.working.load(Ordering::SeqCst));
    });
}

#[test]
fn two_waiters_and_the_timer() {
    check(|| {
        let half = Half::new(2);
        let (first, _) = half.hold_back();
        let (second, _) = half.hold_back();
        let first = waits(first);
        let timer = spawn(&half, Half::kick);
        assert_eq!(second.wait().unwrap(), 2);
        assert_eq!(join(first), Ok(1));
        join(timer);
        half.end();
    });
}

/// Anything that happens on the connection hands over what is held back, once.
#[test]
fn what_is_held_back_is_handed_over_by_two() {
    check(|| {
        let half = Half::new(1);
        let (held, _) = half.hold_back();
        let first = spawn(&half, Half::hand_over);
        let second = spawn(&half, Half::kick);
        assert_eq!(join(waits(held)), Ok(1));
        join(first);
        join(second);
        half.end();
    });
}
