//! Closures that block.

use std::thread;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, unbounded};
use http_aio::bytes::Bytes;
use http_aio::{Aio, Conn, ErrorKind, InFlight};

use super::{Body, OnDrop, SOON, assert_alive, thread_of};
use crate::support::*;

#[test]
fn a_closure_that_blocks_delays_its_own_direction_only() {
    for family in FAMILIES {
        let (conn, mut peer) = pair(family);
        let (let_go, gate) = gate();
        let aio = conn.write_all(Aio::new().iov(["a"]));
        aio.on_complete(move |_, _| receive(&gate));
        assert_eq!(peer.expect(1), b"a");
        let behind = conn.write_all(Aio::new().iov(["b"]));
        peer.say("xy");
        assert_eq!(settle(conn.read(Aio::new(), 1)).unwrap(), "x");
        let told = once(&tell(conn.read(Aio::new(), 1)).0);
        assert_eq!(told.thread, thread_of(&conn, "rd"));
        assert!(!behind.is_done());
        let_go.send(()).unwrap();
        settle(behind).unwrap();
        assert_eq!(peer.expect(1), b"b");

        let (let_go, gate) = self::gate();
        let aio = conn.read(Aio::new(), 1);
        aio.on_complete(move |_, _| receive(&gate));
        peer.say("z");
        settle(conn.write_all(Aio::new().iov(["c"]))).unwrap();
        assert_eq!(peer.expect(1), b"c");
        let_go.send(()).unwrap();
        assert_alive(&conn, &mut peer);
    }
}

#[test]
fn operations_behind_a_closure_that_blocks_still_end_in_time() {
    /// `block` occupies a direction until the gate opens, `queue` submits to it.
    #[track_caller]
    fn check<T: Send + std::fmt::Debug + 'static>(
        block: impl Fn(&Conn, &mut Peer, Receiver<()>),
        queue: impl Fn(&Conn, Aio<T>) -> Aio<T, InFlight>,
    ) {
        in_time(|| {
            let (conn, mut peer) = pair(Family::Tcp);
            let (let_go, gate) = gate();
            block(&conn, &mut peer, gate);
            let start = Instant::now();
            let (expires, _) = tell(queue(&conn, Aio::new().timeout(SOON)));
            let (canceled, canceler) = tell(queue(&conn, Aio::new()));
            let last = queue(&conn, Aio::new());
            canceler.cancel();
            let canceled = once(&canceled);
            assert_eq!(failure(canceled.result), (ErrorKind::Canceled, 0));
            let expires = once(&expires);
            assert_eq!(failure(expires.result), (ErrorKind::TimedOut, 0));
            assert!(expires.at - start >= SOON);
            for thread in [canceled.thread, expires.thread] {
                assert_eq!(thread, thread_of(&conn, "cb"));
            }
            assert!(!last.is_done());
            let_go.send(()).unwrap();
            peer.say("x");
            settle(last).unwrap();
            let most = Duration::from_millis(50);
            at_most("the cancel", canceled.at - start, most)?;
            at_most("the deadline", expires.at - start, SOON + most)
        });
    }
    check(
        |conn, peer, gate| {
            let (sender, started) = unbounded();
            let aio = conn.write_all(Aio::new().iov(["a"]));
            aio.on_complete(move |_, _| {
                let _ = sender.send(());
                receive(&gate);
            });
            peer.expect(1);
            receive(&started);
        },
        |conn, aio| conn.write_all(aio.iov(["b"])),
    );
    check(
        |conn, peer, gate| {
            let (sender, started) = unbounded();
            let aio = conn.read(Aio::new(), 1);
            aio.on_complete(move |_, _| {
                let _ = sender.send(());
                receive(&gate);
            });
            peer.say("a");
            receive(&started);
        },
        |conn, aio| conn.read(aio, 1),
    );
}

/// What falls due while one runs comes after it, unless that takes its time: on a busy machine it may
/// seem to, so one time in many will do.
#[test]
fn what_falls_due_in_a_closure_is_told_after_it() {
    for family in FAMILIES {
        let (conn, _peer) = pair(family);
        let in_order = (0..20).any(|_| {
            let (sender, order) = unbounded();
            let (theirs, behind) = (sender.clone(), conn.clone());
            let _ = write_pattern(&conn, Aio::new(), 0, 1).on_complete(move |_, _| {
                let write = write_pattern(&behind, Aio::new(), 0, 1);
                let canceler = write.on_complete(move |_, _| {
                    let _ = sender.send(2);
                });
                canceler.cancel();
                thread::sleep(Duration::from_millis(3));
                let _ = theirs.send(1);
            });
            [receive(&order), receive(&order)] == [1, 2]
        });
        assert!(in_order, "{family:?}");
    }
}

/// Canceled while the thread is on its way from the completion of one operation to its closure,
/// which then blocks: what fell due in that moment must not be left waiting.
#[test]
fn a_closure_that_falls_due_just_before_another_blocks_does_not_wait_for_it() {
    let (conn, mut peer) = pair(Family::Tcp);
    let (sender, canceler) = unbounded::<http_aio::Canceler>();
    // The thread lets go of the buffer when it is written, and that is the moment.
    let cancel = OnDrop(move || receive(&canceler).cancel());
    let (let_go, gate) = gate();
    let first = conn.write_all(Aio::new().iov([Bytes::from_owner(Body(cancel))]));
    first.on_complete(move |_, _| receive(&gate));
    // Too long to go out together with the first.
    let (told, canceler) = tell(write_pattern(&conn, Aio::new(), 0, 20 << 10));
    sender.send(canceler).unwrap();
    assert_eq!(peer.expect(4), b"body");
    // The gate is closed all the while; only a closure that waits for it takes so long.
    let told = told.recv_timeout(PATIENCE / 6).expect("it does not wait");
    assert_eq!(failure(told.result), (ErrorKind::Canceled, 0));
    let_go.send(()).unwrap();
    assert_alive(&conn, &mut peer);
}
