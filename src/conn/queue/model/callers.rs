//! Callers that work in place of the thread.

use std::collections::VecDeque;

use super::half::Half;
use super::run::{check, join, spawn, waits};

/// The second comes while the first one's caller is at work, or before, or after.
#[test]
fn a_submission_meets_a_caller() {
    check(|| {
        let half = Half::new(1);
        let (first, _) = half.hold_back();
        let first = waits(first);
        let peer = spawn(&half, Half::arrive);
        let (second, _) = half.hold_back();
        let second = join(waits(second));
        assert_eq!((join(first), second), (Ok(1), Ok(2)));
        join(peer);
        half.end();
    });
}

/// The thread is there, idle or parked or about to be, when callers come and leave something to it.
#[test]
fn a_caller_takes_the_place_of_the_thread_and_gives_it_back() {
    check(|| {
        let half = Half::new(3);
        assert_eq!(join(waits(half.submit())), Ok(1));
        let (second, kick) = half.hold_back();
        let second = waits(second);
        let third = spawn(&half, move |half| {
            let _ = half.submit().wait();
        });
        if kick {
            half.kick();
        }
        assert!(matches!(join(second), Ok(2 | 3)));
        join(third);
        half.end();
    });
}

/// As `write_some_inline` does: one that was never queued, part of which is left to the thread.
#[test]
fn a_caller_leaves_a_job_to_the_thread() {
    check(|| {
        let half = Half::new(2);
        let (first, job) = half.job();
        let job = half
            .queue
            .claim_with(job)
            .unwrap_or_else(|_| panic!("vacant"));
        let second = spawn(&half, |half| assert_eq!(half.submit().wait().unwrap(), 2));
        let mut rest = VecDeque::from([job]);
        assert!(half.queue.give_back(&mut rest).is_ok());
        if half.queue.caller_leaves() {
            half.start();
        }
        assert_eq!(first.wait().unwrap(), 1);
        join(second);
        half.end();
    });
}

/// The thread has been rung for it, and comes while the waiter takes it back; then the next.
#[test]
fn a_waiter_takes_back_what_was_handed_over() {
    check(|| {
        let half = Half::new(2);
        assert_eq!(half.submit().wait().unwrap(), 1);
        assert_eq!(half.submit().wait().unwrap(), 2);
        half.end();
    });
}
