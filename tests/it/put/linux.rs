//! What only Linux can show: connects and files that hang, reads that fail, memory.

use std::ffi::OsStr;
use std::fs;
use std::io::Read;
use std::path::Path;
use std::time::Duration;

use super::{CREATED, answering_chunks, content, put, start};
use crate::examples::{
    ALLOWANCE, Full, LIMIT, Peer, Request, Scratch, answer, gate, peak_memory, wait_for_thread,
};
use crate::support::{at_most, in_time};

#[test]
fn ctrl_c_ends_a_connect() {
    let file = Scratch::new(b"hello");
    let full = Full::new().expect("it can listen");
    let url = format!("http://127.0.0.1:{}/", full.port());
    let upload = start([file.as_ref(), url.as_ref()]);
    full.wait_for_connect();
    upload.interrupt();
    upload.end().expect(130, 0, 5, "canceled");
}

#[test]
fn the_timeout_counts_for_the_connect_too() {
    let file = Scratch::new(b"hello");
    let full = Full::new().expect("it can listen");
    let url = format!("http://127.0.0.1:{}/", full.port());
    in_time(|| {
        let ended = put([
            "--timeout".as_ref(),
            "0.2".as_ref(),
            file.as_ref(),
            url.as_ref(),
        ]);
        ended.expect(28, 0, 5, "timed out");
        let most = Duration::from_millis(200) + ALLOWANCE;
        at_most("the upload", ended.time, most)
    });
}

#[test]
fn ctrl_c_ends_the_opening_of_a_fifo() {
    let fifo = Scratch::fifo();
    let url = OsStr::new("http://127.0.0.1:9/");
    let upload = start(["--chunked".as_ref(), fifo.as_ref(), url]);
    wait_for_thread(&upload.child, "put:source"); // Nobody writes.
    upload.interrupt();
    upload.end().expect(130, 0, None, "canceled");
}

#[test]
fn a_read_that_fails_cuts_the_upload() {
    let path = Path::new("/proc/self/mem"); // Nothing is mapped at its beginning.
    let peer = Peer::new(|mut stream| {
        let mut request = Request::begin(&stream)?;
        stream.read_to_end(&mut request.body)?;
        Ok(request.body)
    });
    let ended = put(["--chunked".as_ref(), path.as_os_str(), peer.url.as_ref()]);
    let result = "cannot read /proc/self/mem: input/output error";
    ended.expect(26, 0, None, result);
    assert_eq!(peer.outcome(), b"", "it looks whole");
}

#[test]
fn files_without_a_length_can_be_sent_in_chunks() {
    let path = Path::new("/proc/version");
    let peer = answering_chunks(CREATED);
    let ended = put(["--chunked".as_ref(), path.as_os_str(), peer.url.as_ref()]);
    let (content, is_whole) = content(&peer.outcome().body);
    ended.expect(0, content.len() as u64, None, "ok (201 Created)");
    assert!(is_whole && content == fs::read(path).expect("it is there"));
}

#[test]
fn memory_does_not_grow_with_the_file() {
    const LEN: u64 = 1 << 30;
    const MOST_KIB: u64 = 32 << 10;
    let file = Scratch::sparse(LEN);
    let (read, has_read) = gate();
    let (go_on, told) = gate();
    let peer = Peer::new(move |stream| {
        let request = Request::begin(&stream)?;
        let mut rest = (&stream).take(LEN - request.body.len() as u64);
        let mut part = vec![0; 1 << 20];
        while rest.read(&mut part)? > 0 {}
        let _ = read.send(());
        let _ = told.recv();
        answer(&stream, CREATED)
    });
    let upload = start([file.as_ref(), peer.url.as_ref()]);
    has_read.recv_timeout(LIMIT).expect("the body arrives");
    let peak = peak_memory(&upload.child);
    let _ = go_on.send(());
    upload.end().expect(0, LEN, LEN, "ok (201 Created)");
    assert!(peak < MOST_KIB, "{peak} KiB");
}
