//! Proves that a child of `fork` can make connections of its own: it has none of its parent's
//! threads, the one that looks after deadlines included.

use std::process;
use std::time::{Duration, Instant};

use fork::{Fork, fork, waitpid};
use http_aio::{Aio, ErrorKind, InFlight};

use crate::support::*;

const SOON: Duration = Duration::from_millis(200);

/// What works in the child, as bits of its exit status.
const DEADLINE: i32 = 1;
const QUEUED_DEADLINE: i32 = 2;
const POLLED: i32 = 4;
const ALL: i32 = DEADLINE | QUEUED_DEADLINE | POLLED;

#[test]
fn a_child_has_deadlines_and_reads_that_are_polled() {
    if !alone("fork::a_child_has_deadlines_and_reads_that_are_polled") {
        return;
    }
    // The parent has all the threads there are: the timer's, and those of a connection.
    let (conn, mut peer) = pair(Family::Unix);
    let _stuck = jam(&conn, Aio::new());
    let queued = conn.write_all(Aio::new().iov(["late"]).timeout(SOON));
    assert_eq!(failure(settle(queued)), (ErrorKind::TimedOut, 0));
    peer.say("x");
    let (read, _) = tell(conn.read(Aio::new(), 1));
    assert_eq!(receive(&read).result.expect("it was sent"), "x");

    match fork().expect("a process") {
        Fork::Child => process::exit(std::panic::catch_unwind(what_works).unwrap_or(0)),
        Fork::Parent(child) => {
            let status = waitpid(child).expect("it is ours");
            assert!(libc::WIFEXITED(status), "status {status}");
            let works = libc::WEXITSTATUS(status);
            let says = |bit: i32| if works & bit == 0 { "fails" } else { "works" };
            assert_eq!(
                works,
                ALL,
                "a deadline {}, one in a queue {}, a read that is polled {}",
                says(DEADLINE),
                says(QUEUED_DEADLINE),
                says(POLLED)
            );
        }
    }
    // And the parent goes on as if nothing had happened.
    assert_eq!(what_works(), ALL);
}

/// On connections that are new.
fn what_works() -> i32 {
    let mut works = 0;
    // Nobody waits for it: that it is looked at is all that happens.
    let (conn, _peer) = pair(Family::Unix);
    let read = conn.read(Aio::new().timeout(SOON), 1);
    if completes(&read) && failure(read.wait()) == (ErrorKind::TimedOut, 0) {
        works |= DEADLINE;
    }
    let (conn, _peer) = pair(Family::Unix);
    let _stuck = jam(&conn, Aio::new());
    let queued = conn.write_all(Aio::new().iov(["late"]).timeout(SOON));
    if completes(&queued) && failure(queued.wait()) == (ErrorKind::TimedOut, 0) {
        works |= QUEUED_DEADLINE;
    }
    let (conn, mut peer) = pair(Family::Unix);
    peer.say("x");
    let read = conn.read(Aio::new(), 1);
    if completes(&read) && read.wait().is_ok_and(|bytes| bytes == "x") {
        works |= POLLED;
    }
    works
}

/// By itself, in a process where nothing may be taken for granted.
fn completes<T: Send + 'static>(aio: &Aio<T, InFlight>) -> bool {
    let until = Instant::now() + Duration::from_secs(5);
    while !aio.is_done() && Instant::now() < until {
        std::thread::sleep(Duration::from_millis(1));
    }
    aio.is_done()
}
