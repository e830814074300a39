//! Deadlines, whatever the server does.

use std::ffi::OsStr;
use std::io::{self, Read};
use std::net::TcpStream;
use std::sync::mpsc::Receiver;
use std::time::Duration;

use super::{LARGE, TIMEOUT_1, put};
use crate::examples::{Peer, Request, Scratch, gate};

/// `put --timeout 1` against a server that is told when it has ended. The result must be right each
/// time; in time, on machines with other things to do, it need only be once of three times.
#[track_caller]
fn check_timeout(serve: fn(TcpStream, Receiver<()>) -> io::Result<u64>) {
    let file = Scratch::sparse(LARGE);
    let mut times = Vec::new();
    for _ in 0..3 {
        let (go_on, told) = gate();
        let peer = Peer::new(move |stream| serve(stream, told));
        let ended = put([
            "--timeout".as_ref(),
            "1".as_ref(),
            file.as_ref(),
            peer.url.as_ref(),
        ]);
        let _ = go_on.send(());
        let written = peer.outcome();
        ended.expect(28, written, LARGE, "timed out");
        assert!(written > 0);
        assert!(ended.time >= Duration::from_secs(1), "{:?}", ended.time);
        times.push(ended.time);
        if ended.time <= TIMEOUT_1 {
            return;
        }
    }
    panic!("too late, three times: {times:?}");
}

#[test]
fn a_server_that_never_reads_costs_the_timeout_and_a_second() {
    check_timeout(|stream, told| {
        let _ = told.recv();
        Request::begin(&stream)?.rest(&stream)
    });
}

#[test]
fn a_server_that_drips_cannot_stretch_the_timeout() {
    check_timeout(|stream, told| {
        let mut request = Request::begin(&stream)?;
        let mut part = vec![0; 64 << 10];
        // The pace is the test: 64 KiB each 100 ms, until the upload has ended.
        while told.recv_timeout(Duration::from_millis(100)).is_err() {
            let count = (&stream).read(&mut part)?;
            request.body.extend_from_slice(&part[..count]);
        }
        request.rest(&stream)
    });
}

#[test]
fn the_timeout_counts_for_the_answer_too() {
    let file = Scratch::new(b"hello");
    let (go_on, told) = gate();
    let peer = Peer::new(move |stream| {
        Request::read(&stream)?;
        let _ = told.recv();
        Ok(())
    });
    let ended = put([
        "--timeout".as_ref(),
        "0.2".as_ref(),
        file.as_ref(),
        peer.url.as_ref(),
    ]);
    let _ = go_on.send(());
    ended.expect(28, 5, 5, "timed out");
    assert!(ended.time >= Duration::from_millis(200), "{:?}", ended.time);
}

#[test]
fn a_timeout_of_zero_sends_nothing() {
    let file = Scratch::new(b"hello");
    let arguments = ["--timeout", "0"].map(OsStr::new);
    let url = "http://127.0.0.1:9/".as_ref();
    put([&arguments[..], &[file.as_ref(), url]].concat()).expect(28, 0, 5, "timed out");
}
