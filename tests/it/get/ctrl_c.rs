//! Ctrl-C.

use std::io::Write;

use super::{Unread, flood, start};
use crate::examples::{LIMIT, Peer, Request, answer, gate, interrupt};

#[test]
fn ctrl_c_ends_the_wait_for_the_answer() {
    let (read, has_read) = gate();
    let (go_on, told) = gate();
    let peer = Peer::new(move |stream| {
        Request::read(&stream)?;
        let _ = read.send(());
        let _ = told.recv();
        Ok(())
    });
    let tool = start([&peer.url]);
    has_read.recv_timeout(LIMIT).expect("the request arrives");
    tool.interrupt();
    tool.end().expect_body(130, b"", "canceled");
    let _ = go_on.send(());
}

#[test]
fn ctrl_c_ends_a_body() {
    let (go_on, told) = gate();
    let peer = Peer::new(move |stream| {
        Request::read(&stream)?;
        answer(
            &stream,
            "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello",
        )?;
        let _ = told.recv();
        Ok(())
    });
    let mut tool = Unread::start(&[&peer.url]);
    assert_eq!(tool.read_some(), b"hello");
    interrupt(&tool.child);
    tool.end().expect_read(130, 5, "canceled");
    let _ = go_on.send(());
}

#[test]
fn ctrl_c_ends_the_wait_for_a_reader_that_does_not_read() {
    let peer = Peer::new(|stream| flood(&stream));
    let mut tool = Unread::start(&[&peer.url]);
    let begun = tool.read_some().len();
    interrupt(&tool.child);
    let ended = tool.end();
    ended.expect_read(130, begun + ended.stdout.len(), "canceled");
}

#[test]
fn ctrl_c_ends_the_reading_of_standard_input() {
    let mut tool = start(["-d", "@-", "http://127.0.0.1:9/"]);
    let mut stdin = tool.child.stdin.take().expect("it is piped");
    // More than a pipe holds: when it is written, it is being read.
    stdin.write_all(&[0; 1 << 20]).expect("it reads");
    tool.interrupt();
    tool.end().expect_body(130, b"", "canceled");
    drop(stdin);
}
