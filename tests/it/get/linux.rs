//! What only Linux can show: connects that hang, full disks, memory.

use std::io::{self, Read, Write};
use std::time::Duration;

use super::{HELLO, OK, Unread, answering, get, start};
use crate::examples::{ALLOWANCE, Full, Peer, Request, answer, gate, peak_memory};

#[test]
fn ctrl_c_ends_a_connect() {
    let full = Full::new().expect("it can listen");
    let tool = start([format!("http://127.0.0.1:{}/", full.port())]);
    full.wait_for_connect();
    tool.interrupt();
    tool.end().expect_body(130, b"", "canceled");
}

#[test]
fn the_timeout_counts_for_the_connect_too() {
    let full = Full::new().expect("it can listen");
    let url = format!("http://127.0.0.1:{}/", full.port());
    let ended = get(["--timeout", "0.2", &url]);
    ended.expect_body(28, b"", "timed out");
    let most = Duration::from_millis(200) + ALLOWANCE;
    assert!(ended.time <= most, "{:?}", ended.time);
}

#[test]
fn a_full_disk_is_told() {
    let peer = answering(HELLO);
    let ended = get(["-o", "/dev/full", &peer.url]);
    let result = "cannot write /dev/full: no space left on device";
    ended.expect_body(23, b"", result);
}

#[test]
fn memory_does_not_grow_with_the_body() {
    const LEN: u64 = 512 << 20;
    const MOST_KIB: u64 = 32 << 10;
    let (go_on, told) = gate();
    let peer = Peer::new(move |stream| {
        Request::read(&stream)?;
        answer(
            &stream,
            "HTTP/1.1 200 OK\r\nContent-Length: 536870912\r\n\r\n",
        )?;
        let mut zeros = io::repeat(0).take(LEN - 1);
        io::copy(&mut zeros, &mut &stream)?;
        let _ = told.recv();
        (&stream).write_all(&[0])
    });
    let mut tool = Unread::start(&[&peer.url]);
    let mut most = tool.stdout.by_ref().take(LEN - 1);
    let count = io::copy(&mut most, &mut io::sink()).expect("it writes");
    assert_eq!(count, LEN - 1);
    let peak = peak_memory(&tool.child);
    let _ = go_on.send(());
    tool.end().expect_read(0, LEN as usize, OK);
    assert!(peak < MOST_KIB, "{peak} KiB");
}
