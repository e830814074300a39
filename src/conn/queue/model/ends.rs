//! The end of the queue, and its rest.

use super::half::Half;
use super::run::{check, join, spawn, waits};
use crate::conn::queue::Job;
use crate::error::ErrorKind;

#[test]
fn the_last_handle_goes_while_a_caller_comes() {
    check(|| {
        let half = Half::new(0);
        let (aio, kick) = half.hold_back();
        let drops = spawn(&half, Half::drop_handle);
        let peer = spawn(&half, Half::arrive);
        assert_eq!(join(waits(aio)), Ok(1));
        if kick {
            half.kick();
        }
        join(drops);
        join(peer);
        half.end();
    });
}

#[test]
fn a_close_meets_a_caller_and_the_timer() {
    check(|| {
        let half = Half::new(0);
        let (aio, _) = half.hold_back();
        let closes = spawn(&half, Half::close);
        let timer = spawn(&half, Half::kick);
        assert_eq!(aio.wait().unwrap_err().kind(), ErrorKind::Closed);
        join(closes);
        join(timer);
        half.end();
    });
}

/// As after a panic.
#[test]
fn a_caller_that_dies_ends_the_queue() {
    check(|| {
        let half = Half::new(1);
        assert_eq!(join(waits(half.submit())), Ok(1));
        let (second, job) = half.job();
        match half.queue.claim_with(job) {
            Ok(job) => {
                let third = spawn(&half, |half| {
                    let kind = half.submit().wait().unwrap_err().kind();
                    assert_eq!(kind, ErrorKind::Closed);
                });
                drop(job);
                let (queue, stand_in) = half.queue.worker_died();
                assert!(!stand_in);
                for job in queue {
                    assert!(job.fail(ErrorKind::Closed.into()).is_none());
                }
                assert!(!half.queue.caller_leaves());
                assert_eq!(second.wait().unwrap_err().kind(), ErrorKind::Abandoned);
                join(third);
            }
            Err(job) => {
                drop(job);
                half.close();
            }
        }
        half.end();
    });
}

/// The thread waits for the caller to leave, and must not wait for more.
#[test]
fn the_end_comes_while_a_caller_works_in_place_of_the_thread() {
    for end in [Half::drop_handle, Half::close] {
        check(move || {
            let half = Half::new(2);
            assert_eq!(join(waits(half.submit())), Ok(1));
            let (second, _) = half.hold_back();
            let ends = spawn(&half, end);
            let kind = second.wait().map_err(|error| error.kind());
            assert!(matches!(kind, Ok(2) | Err(ErrorKind::Closed)));
            join(ends);
            half.ends();
        });
    }
}

/// Whoever is told of the last operation finds the queue quiet.
#[test]
fn the_queue_is_quiet_when_the_last_is_told() {
    check(|| {
        let half = Half::new(1);
        let aio = half.submit();
        assert!(!half.queue.is_quiet() || aio.is_done());
        assert_eq!(aio.wait().unwrap(), 1);
        assert!(half.queue.is_quiet());
        half.end();
    });
}
