//! User code that is posted, and who runs it.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::half::Half;
use super::run::{check, check_up_to, join, spawn};
use crate::aio::Provider;
use crate::conn::queue::Runner;
use crate::sync::Bell;

/// A closure that is posted while a caller works finds the thread, or has it started.
#[test]
fn a_closure_that_is_posted_while_a_caller_works_runs() {
    check(|| {
        let half = Half::new(0);
        let (_first, job) = half.job();
        let job = half
            .queue
            .claim_with(job)
            .unwrap_or_else(|_| panic!("vacant"));
        let ran = Arc::new(AtomicUsize::new(0));
        let runs = Arc::clone(&ran);
        let posts = spawn(&half, move |half| {
            let code = Box::new(move || {
                runs.fetch_add(1, Ordering::SeqCst);
            });
            if let Runner::StandIn = half.queue.post(code) {
                while let Some(code) = half.queue.next_posted() {
                    code();
                }
            }
        });
        drop(job);
        if half.queue.caller_leaves() {
            half.start();
        }
        join(posts);
        half.end();
        assert_eq!(ran.load(Ordering::SeqCst), 1);
    });
}

/// The thread has taken user code and is about to run it: nobody takes its place then.
#[test]
fn a_caller_meets_a_thread_that_runs_user_code() {
    check_up_to(3, || {
        let half = Half::new(2);
        let first = half.submit();
        half.post(Box::new(|| ()));
        let second = spawn(&half, |half| {
            let _ = half.submit().wait();
        });
        assert!(first.wait().is_ok());
        join(second);
        half.end();
    });
}

/// No thread is to be had that stands in, and the queue's own comes back meanwhile.
#[test]
fn user_code_without_a_stand_in_is_left_to_the_thread() {
    check(|| {
        let half = Half::new(0);
        let first = half.submit();
        let ran = Arc::new(Bell::new());
        let runs = Arc::clone(&ran);
        let posts = spawn(&half, move |half| {
            let code = Box::new(move || runs.ring());
            if let Runner::StandIn = half.queue.post(code) {
                if half.queue.no_stand_in() {
                    half.stand_in();
                }
            }
        });
        half.arrive();
        assert!(first.wait().is_ok());
        join(posts);
        ran.wait();
        half.end();
    });
}
