//! Ctrl-C.

use std::io::{Read, Write};
use std::thread;
use std::time::Duration;

use super::{LARGE, start};
use crate::examples::{LIMIT, Peer, Request, Scratch, gate};

#[test]
#[cfg(unix)]
fn ctrl_c_ends_an_upload() {
    let file = Scratch::sparse(LARGE);
    let (begun, has_begun) = gate();
    let (go_on, told) = gate();
    let peer = Peer::new(move |stream| {
        let request = Request::begin(&stream)?;
        let _ = begun.send(());
        let _ = told.recv();
        request.rest(&stream)
    });
    let upload = start([file.as_ref(), peer.url.as_ref()]);
    has_begun.recv_timeout(LIMIT).expect("the upload begins");
    upload.interrupt();
    let ended = upload.end();
    let _ = go_on.send(());
    ended.expect(130, peer.outcome(), LARGE, "canceled");
}

/// The process has ended, and the server still has what was counted, though it said something.
#[test]
#[cfg(unix)]
fn ctrl_c_destroys_nothing_that_was_counted() {
    let file = Scratch::sparse(LARGE);
    let (begun, has_begun) = gate();
    let (go_on, told) = gate();
    let peer = Peer::new(move |mut stream| {
        let mut part = vec![0; 256 << 10];
        let mut seen = Request::begin(&stream)?.body.len() as u64;
        seen += stream.read(&mut part)? as u64;
        let _ = begun.send(());
        let _ = told.recv();
        loop {
            stream.write_all(b"HTTP/1.1 102 Processing\r\n\r\n")?;
            match stream.read(&mut part)? {
                0 => return Ok(seen),
                count => seen += count as u64,
            }
            thread::sleep(Duration::from_millis(1)); // The pace is the test.
        }
    });
    let upload = start([file.as_ref(), peer.url.as_ref()]);
    has_begun.recv_timeout(LIMIT).expect("the upload begins");
    upload.interrupt();
    thread::sleep(Duration::from_millis(50)); // It has ended by then, if nothing keeps it.
    let _ = go_on.send(());
    let ended = upload.end();
    let written = ended.line().written;
    assert!(written > 0);
    ended.expect(130, written, LARGE, "canceled");
    assert_eq!(peer.outcome(), written);
}

#[test]
#[cfg(unix)]
fn ctrl_c_ends_the_wait_for_the_answer() {
    let file = Scratch::new(b"hello");
    let (read, has_read) = gate();
    let (go_on, told) = gate();
    let peer = Peer::new(move |stream| {
        Request::read(&stream)?;
        let _ = read.send(());
        let _ = told.recv();
        Ok(())
    });
    let upload = start([file.as_ref(), peer.url.as_ref()]);
    has_read.recv_timeout(LIMIT).expect("the body arrives");
    upload.interrupt();
    upload.end().expect(130, 5, 5, "canceled");
    let _ = go_on.send(());
}

#[test]
#[cfg(unix)]
fn ctrl_c_ends_the_reading_of_standard_input() {
    let mut upload = start(["-", "http://127.0.0.1:9/"]);
    let mut stdin = upload.child.stdin.take().expect("it is piped");
    // More than a pipe holds: when it is written, it is being read.
    stdin.write_all(&[0; 1 << 20]).expect("it reads");
    upload.interrupt();
    upload.end().expect(130, 0, 0, "canceled");
    drop(stdin);
}
