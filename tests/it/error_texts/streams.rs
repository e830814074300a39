//! Reading and writing, and the end of a connection.

use std::io::{self, Read, Write};
use std::net::Shutdown;
use std::time::Duration;

use http_aio::{Aio, Error, Limits};
use socket2::SockRef;

use super::{conn, error, said};
use crate::support::*;

const SOON: Duration = Duration::from_millis(100);

/// Closes the peer's socket with a reset.
fn reset(peer: Peer) {
    if let Peer::Tcp(stream) = peer {
        let abort = SockRef::from(&stream).set_linger(Some(Duration::ZERO));
        abort.expect("a socket");
    }
}

#[test]
fn reading() {
    let (conn, mut peer, whom) = conn();
    peer.say("abc");
    let late = error(conn.read_all(Aio::new().timeout(SOON), 9));
    assert_eq!(late.count(), 3);
    assert_eq!(
        late.to_string(),
        format!("reading from {whom}: the deadline passed after 3 bytes had arrived")
    );
    peer.shutdown(Shutdown::Write);
    let ended = error(conn.read_all(Aio::new(), 9));
    assert!(ended.is_end_of_stream() && !ended.is_reset());
    assert_eq!(
        ended.to_string(),
        format!("reading from {whom}: the peer ended its stream after 3 bytes had arrived")
    );
    assert_eq!(
        said(conn.read_body(Aio::new())),
        format!("reading a body from {whom}: no message has been read")
    );
}

#[test]
fn calls_of_std_that_are_idle() {
    let (conn, _peer, whom) = conn();
    let _stuck = jam(&conn, Aio::new());
    let mut idle = conn.io().idle_timeout(SOON);
    let (read, written) = (idle.read(&mut [0]), idle.write(b"x"));
    let limit = "nothing has moved for longer than the limit `idle_timeout` of 100ms";
    for (error, doing) in [
        (read.unwrap_err(), "reading from"),
        (written.unwrap_err(), "writing to"),
    ] {
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        assert_eq!(error.to_string(), format!("{doing} {whom}: {limit}"));
        assert_eq!(Error::from(error).limit(), Some("idle_timeout"));
    }
    let late = conn.io().timeout(SOON).read(&mut [0]).unwrap_err();
    assert_eq!(
        late.to_string(),
        format!("reading from {whom}: the deadline passed")
    );
}

#[test]
fn a_reset_is_none_of_the_ends() {
    let (conn, peer, whom) = conn();
    reset(peer);
    for _ in 0..2 {
        let error = error(conn.read(Aio::new(), 1));
        assert!(error.is_reset() && !error.is_end_of_stream());
        assert_eq!(
            error.to_string(),
            format!("reading from {whom}: the peer reset the connection")
        );
    }
}

#[test]
fn writing() {
    let (conn, peer, whom) = conn();
    let late = error(write_pattern(
        &conn,
        Aio::new().timeout(SOON),
        0,
        MORE_THAN_FITS,
    ));
    let count = late.count();
    assert_eq!(
        late.to_string(),
        format!("writing to {whom}: the deadline passed after {count} bytes were written")
    );
    assert_eq!(
        said(conn.write_all(Aio::new().iov(["x"]))),
        format!("writing to {whom}: a write before it failed and ended the write side")
    );
    drop(peer);
}

#[test]
fn a_write_that_is_reset() {
    let (conn, peer, whom) = conn();
    let stuck = jam(&conn, Aio::new());
    reset(peer);
    let error = error(stuck);
    let count = error.count();
    assert!(error.is_reset());
    assert_eq!(
        error.to_string(),
        format!(
            "writing to {whom}: the peer reset the connection after {count} bytes were written"
        )
    );
}

#[test]
fn canceling() {
    let (conn, _peer, whom) = conn();
    let (stuck, queued) = (
        jam(&conn, Aio::new()),
        conn.write_all(Aio::new().iov(["x"])),
    );
    queued.cancel();
    assert_eq!(
        said(queued),
        format!("writing to {whom}: the operation was canceled")
    );
    stuck.cancel();
    let error = error(stuck);
    let count = error.count();
    assert_eq!(
        error.to_string(),
        format!("writing to {whom}: the operation was canceled after {count} bytes were written")
    );
    let read = conn.read(Aio::new(), 1);
    read.cancel();
    assert_eq!(
        said(read),
        format!("reading from {whom}: the operation was canceled")
    );
}

#[test]
fn the_end_of_a_connection() {
    let (conn, _peer, whom) = conn();
    let read = conn.read_request(Aio::new());
    conn.close();
    let closed = "the connection was closed on this side";
    assert_eq!(
        said(read),
        format!("reading a request from {whom}: {closed}")
    );
    assert_eq!(
        said(conn.write_all(Aio::new().iov(["x"]))),
        format!("writing to {whom}: {closed}")
    );
    assert_eq!(
        said(conn.close_write(Aio::new())),
        format!("ending the stream to {whom}: {closed}")
    );

    let (conn, _peer, whom) = super::conn();
    let ending = conn.shutdown(Aio::new().timeout(SOON));
    assert_eq!(
        said(ending),
        format!("shutting down the connection to {whom}: the deadline passed")
    );
    assert_eq!(
        said(conn.read(Aio::new(), 1)),
        format!("reading from {whom}: the connection was shut down before it")
    );

    let (conn, _peer, whom) = super::conn();
    settle(conn.close_write(Aio::new())).unwrap();
    assert_eq!(
        said(conn.write_all(Aio::new().iov(["x"]))),
        format!("writing to {whom}: the write side was ended before it")
    );
}

#[test]
fn what_an_operation_lacks() {
    let (conn, _peer, whom) = conn();
    assert_eq!(
        said(conn.write_all(Aio::new())),
        format!("writing to {whom}: no vector was set: set one with `Aio::iov`")
    );
    let conn = conn.limits(Limits::default().queued(2));
    let _stuck = jam(&conn, Aio::new());
    let _queued = [(); 2].map(|()| conn.write_all(Aio::new().iov(["x"])));
    let full = error(conn.write_all(Aio::new().iov(["x"])));
    assert_eq!(full.limit(), Some("queued"));
    assert_eq!(
        full.to_string(),
        format!("writing to {whom}: the queue of operations has reached the limit `queued` of 2")
    );
}

#[test]
fn waiting_where_that_would_never_end() {
    let (conn, mut peer, whom) = conn();
    peer.say("x");
    let theirs = conn.clone();
    let (tell, told) = gate_of();
    conn.read(Aio::new(), 1).on_complete(move |_, _| {
        let error = theirs.write_all(Aio::new().iov(["y"])).wait().unwrap_err();
        let io = theirs.io().read(&mut [0]).unwrap_err();
        let _ = tell.send((error.to_string(), io.to_string()));
    });
    let never = "a closure cannot wait for an operation that may need its own thread";
    let (error, io) = receive(&told);
    assert_eq!(error, format!("writing to {whom}: {never}"));
    assert_eq!(io, format!("reading from {whom}: {never}"));
}

/// Sockets of the other family, and what has no address.
#[test]
fn peers_without_a_port() {
    let (conn, peer) = pair(Family::Unix);
    drop(peer);
    assert_eq!(
        said(conn.read(Aio::new(), 1)),
        "reading from a Unix socket without a name: the peer ended its stream"
    );
    #[cfg(feature = "test-util")]
    {
        let faults = http_aio::testing::memory::Faults::none();
        let (near, far) = http_aio::testing::memory::pair(9, faults);
        drop(far);
        let error = error(http_aio::Conn::from_transport(near).read(Aio::new(), 1));
        assert!(error.peer().is_none());
        assert_eq!(error.to_string(), "reading: the peer ended its stream");
    }
}
