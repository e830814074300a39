//! Closures that wait for operations.

use std::io::{self, Read, Write};
use std::time::Duration;

use http_aio::{Aio, Conn, Error, ErrorKind};

use super::{Inside, SOON, assert_alive};
use crate::support::*;

#[test]
fn waiting_in_a_closure_for_the_same_connection_is_answered() {
    /// `wait` is one way to wait for a read or a write.
    #[track_caller]
    fn check(wait: impl Fn(&Conn) -> Option<ErrorKind> + Copy + Send + 'static) {
        for inside in Inside::ALL {
            let (conn, mut peer) = pair(Family::Tcp);
            // So that a write does not complete by itself meanwhile; but for the closure of one.
            let stuck = (!matches!(inside, Inside::Write)).then(|| jam(&conn, Aio::new()));
            let mine = conn.clone();
            let kind = inside.call(&conn, &mut peer, move || wait(&mine));
            assert_eq!(kind, Some(ErrorKind::WouldDeadlock), "{inside:?}");
            if let Some(stuck) = stuck {
                assert_pattern(0, &peer.expect(MORE_THAN_FITS));
                settle(stuck).unwrap();
            }
        }
    }
    fn kind<T>(result: Result<T, Error>) -> Option<ErrorKind> {
        result.err().map(|error| error.kind())
    }
    fn io_kind<T>(result: io::Result<T>) -> Option<ErrorKind> {
        let error = result.err()?;
        assert_eq!(error.kind(), io::ErrorKind::Deadlock);
        Some(Error::from(error).kind())
    }
    let write = |conn: &Conn| conn.write_all(Aio::new().iov(["x"]));
    let read = |conn: &Conn| conn.read(Aio::new(), 1);
    check(move |conn| kind(write(conn).wait()));
    check(move |conn| kind(write(conn).reclaim().0));
    check(move |conn| kind(write(conn).wait_timeout(PATIENCE).unwrap()));
    check(move |conn| kind(read(conn).wait()));
    check(move |conn| kind(read(conn).reclaim().0));
    check(move |conn| kind(read(conn).wait_timeout(PATIENCE).unwrap()));
    check(move |conn| io_kind(conn.io().write(b"x")));
    check(move |conn| io_kind(conn.io().write_all(b"x")));
    check(move |conn| io_kind(conn.io().read(&mut [0; 9])));
    check(move |conn| io_kind(conn.body().read(&mut [0; 9])));
}

/// The aio that comes back is a good one.
#[test]
fn an_aio_that_was_not_waited_for_can_be_submitted_again() {
    let (conn, mut peer) = pair(Family::Tcp);
    let mine = conn.clone();
    let again = Inside::Write.call(&conn, &mut peer, move || {
        let (result, aio) = mine.write_all(Aio::new().iov(["detached "])).reclaim();
        assert_eq!(failure(result).0, ErrorKind::WouldDeadlock);
        mine.write_all(aio.iov(["again"]))
    });
    assert_eq!(settle(again).unwrap().count(), 5);
    assert_eq!(peer.expect(14), b"detached again");
}

/// A read has its bytes to itself, so one that nobody waits for would lose them.
#[test]
fn a_read_that_was_not_waited_for_takes_nothing() {
    for inside in Inside::ALL {
        let (conn, mut peer) = pair(Family::Tcp);
        let mine = conn.clone();
        let (result, aio) = inside.call(&conn, &mut peer, move || {
            mine.read(Aio::new().timeout(SOON), 9).reclaim()
        });
        assert_eq!(failure(result), (ErrorKind::WouldDeadlock, 0));
        peer.say("kept");
        assert_eq!(settle(conn.read_all(aio, 4)).unwrap(), "kept");
        assert_alive(&conn, &mut peer);
    }
}

/// `std::io` has no handle left that the bytes could go to, so nothing may be under way after it.
#[test]
fn std_io_that_would_deadlock_has_moved_nothing() {
    for inside in Inside::ALL {
        let (conn, mut peer) = pair(Family::Tcp);
        let mine = conn.clone();
        inside.call(&conn, &mut peer, move || {
            let error = mine.io().write(b"lost?").unwrap_err();
            assert_eq!(Error::from(error).count(), 0);
            let error = mine.io().read(&mut [0; 9]).unwrap_err();
            assert_eq!(Error::from(error).count(), 0);
        });
        peer.say("for whoever asks");
        assert_eq!(
            settle(conn.read(Aio::new().timeout(PATIENCE / 3), 99)).unwrap(),
            "for whoever asks"
        );
        settle(conn.write_all(Aio::new().iov(["next"]))).unwrap();
        drop(conn);
        assert_eq!(peer.drain().bytes, b"next");
    }
}

#[test]
fn waiting_in_a_closure_for_what_is_done_or_for_another_connection_works() {
    for inside in Inside::ALL {
        let (conn, mut peer) = pair(Family::Tcp);
        let done = conn.write_all(Aio::new().iov(["done"]));
        assert_eq!(peer.expect(4), b"done");
        wait_until("it is done", || done.is_done());
        let (other, mut others) = pair(Family::Unix);
        let address = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let there = address.local_addr().unwrap();
        others.say("there");
        inside.call(&conn, &mut peer, move || {
            assert_eq!(done.wait().unwrap().count(), 4);
            other.write_all(Aio::new().iov(["x"])).wait().unwrap();
            assert_eq!(other.read_all(Aio::new(), 5).wait().unwrap(), "there");
            let expired = other.read(Aio::new().timeout(Duration::from_millis(10)), 1);
            assert!(expired.wait().unwrap_err().is_timeout());
            let third = Conn::connect(Aio::new(), there).wait().unwrap();
            third.write_all(Aio::new().iov(["x"])).wait().unwrap();
        });
        assert_alive(&conn, &mut peer);
    }
}
