//! Deadlines, whatever the server or the reader of the output does.

use std::io;
use std::net::TcpStream;
use std::sync::mpsc::Receiver;
use std::time::Duration;

use super::{HELLO, TIMEOUT_1, Unread, flood, get};
use crate::examples::{Peer, Request, answer, gate};

/// `get --timeout 1` against a server that is told when it has ended. The result must be right each
/// time; in time, on machines with other things to do, it need only be once of three times.
#[track_caller]
fn check_timeout(serve: fn(TcpStream, Receiver<()>) -> io::Result<usize>) {
    let mut times = Vec::new();
    for _ in 0..3 {
        let (go_on, told) = gate();
        let peer = Peer::new(move |stream| serve(stream, told));
        let ended = get(["--timeout", "1", &peer.url]);
        let _ = go_on.send(());
        let most = peer.outcome();
        ended.expect_read(28, ended.stdout.len(), "timed out");
        assert!(ended.stdout.len() <= most && (most == 0 || !ended.stdout.is_empty()));
        assert!(ended.time >= Duration::from_secs(1), "{:?}", ended.time);
        times.push(ended.time);
        if ended.time <= TIMEOUT_1 {
            return;
        }
    }
    panic!("too late, three times: {times:?}");
}

#[test]
fn a_silent_server_costs_the_timeout_and_no_more() {
    check_timeout(|stream, told| {
        Request::read(&stream)?;
        let _ = told.recv();
        Ok(0)
    });
}

#[test]
fn a_dripping_head_cannot_stretch_the_timeout() {
    check_timeout(|stream, told| {
        Request::read(&stream)?;
        answer(&stream, "HTTP/1.1 200 OK\r\nX-Long: ")?;
        // The pace is the test.
        while told.recv_timeout(Duration::from_millis(50)).is_err() {
            let _ = answer(&stream, "drip");
        }
        Ok(0)
    });
}

#[test]
fn a_dripping_body_cannot_stretch_the_timeout() {
    check_timeout(|stream, told| {
        Request::read(&stream)?;
        answer(&stream, "HTTP/1.1 200 OK\r\n\r\n")?;
        let mut sent = 0;
        // The pace is the test.
        while told.recv_timeout(Duration::from_millis(50)).is_err() {
            let _ = answer(&stream, "drip");
            sent += 4;
        }
        Ok(sent)
    });
}

#[test]
fn the_timeout_is_over_all_exchanges() {
    let (go_on, told) = gate();
    let peer = Peer::new(move |stream| {
        Request::read(&stream)?;
        answer(&stream, HELLO)?;
        Request::read(&stream)?;
        let _ = told.recv();
        Ok(())
    });
    let ended = get(["--timeout", "0.3", "--repeat", "2", &peer.url]);
    let _ = go_on.send(());
    ended.expect_body(28, b"hello", "timed out");
    assert!(ended.time >= Duration::from_millis(300), "{:?}", ended.time);
}

#[test]
fn a_timeout_of_zero_asks_for_nothing() {
    get(["--timeout", "0", "http://127.0.0.1:9/"]).expect_body(28, b"", "timed out");
}

#[test]
fn a_reader_that_does_not_read_costs_the_timeout_and_no_more() {
    let peer = Peer::new(|stream| flood(&stream));
    let ended = Unread::start(&["--timeout", "0.5", &peer.url]).end();
    // What is in the pipe has been delivered, to the byte.
    ended.expect_read(28, ended.stdout.len(), "timed out");
    assert!(!ended.stdout.is_empty());
}
