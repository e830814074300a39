//! Cancels, wherever the job is.

use loom::thread;

use super::half::{COUNT, Half};
use super::run::{check, join, waits};
use crate::error::ErrorKind;

#[test]
fn a_caller_whose_read_is_canceled_and_the_read_behind_it() {
    check(|| {
        let half = Half::new(0);
        let (first, _) = half.hold_back();
        let canceler = first.canceler();
        let cancels = thread::spawn(move || canceler.cancel());
        let first = waits(first);
        let second = half.submit();
        half.change(|input| input.there += 2);
        let second = second.wait().map_err(|error| error.kind());
        let expected = match join(first) {
            Ok(read) => read + 1,
            Err(_) => 1,
        };
        assert_eq!(second, Ok(expected));
        join(cancels);
        half.end();
    });
}

/// The job lies in the queue, or the thread has it or is blocked for it: whoever knows its count settles it.
#[test]
fn what_is_canceled_says_its_count() {
    check(|| {
        let half = Half::new(0);
        let first = half.submit();
        first.cancel();
        let error = first.wait().unwrap_err();
        assert_eq!((error.kind(), error.count()), (ErrorKind::Canceled, COUNT));
        half.end();
    });
}

/// The job lies in the queue, or the waiter or the thread has it, or is blocked for it.
#[test]
fn what_a_waiter_takes_back_is_canceled() {
    check(|| {
        let half = Half::new(0);
        let first = half.submit();
        let canceler = first.canceler();
        let cancels = thread::spawn(move || canceler.cancel());
        assert_eq!(first.wait().unwrap_err().kind(), ErrorKind::Canceled);
        join(cancels);
        half.arrive();
        assert_eq!(half.submit().wait().unwrap(), 1);
        half.end();
    });
}

/// It lies in the queue, or the thread has it or is blocked for it: the next read gets what arrives.
#[test]
fn a_dropped_read_takes_nothing_and_the_next_goes_on() {
    check(|| {
        let half = Half::new(0);
        let first = half.submit().canceled_when_dropped();
        let second = half.submit();
        drop(first);
        half.arrive();
        assert_eq!(second.wait().unwrap(), 1);
        half.end();
    });
}

#[test]
fn a_dropped_read_that_was_held_back_takes_nothing() {
    check(|| {
        let half = Half::new(0);
        let (first, _) = half.hold_back();
        drop(first.canceled_when_dropped());
        half.arrive();
        assert_eq!(half.submit().wait().unwrap(), 1);
        half.end();
    });
}
