//! What reads hold: memory, descriptors, and what was handed out.

use std::net::Shutdown;
use std::thread;

use http_aio::http::Request;
use http_aio::{Aio, ErrorKind};

use super::{SOON, expect, let_it_block, pair_with};
use crate::support::*;

/// A number that the kernel tells about this process.
#[cfg(target_os = "linux")]
fn status(key: &str) -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with(key)).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

/// Many connections, of which each has brought much: it is gone when the caller has dropped it.
#[test]
#[cfg(target_os = "linux")]
fn connections_that_are_idle_hold_nothing_of_what_passed() {
    const CONNECTIONS: usize = 96;
    const BODY: usize = 4 << 20;
    if !alone("read::memory::connections_that_are_idle_hold_nothing_of_what_passed") {
        return;
    }
    let body = pattern(0, BODY);
    let before = status("VmRSS");
    let idle: Vec<_> = (0..CONNECTIONS)
        .map(|_| {
            let (conn, mut peer) = pair(Family::Tcp);
            let request = Request::get("http://h/").body(()).unwrap();
            let asked = conn.transact(Aio::new(), request);
            let said = body.clone();
            let saying = thread::spawn(move || {
                peer.say(format!("HTTP/1.1 200 OK\r\nContent-Length: {BODY}\r\n\r\n"));
                peer.say(said);
                peer
            });
            assert_eq!(settle(asked).unwrap().body(), &body);
            (conn, join(saying))
        })
        .collect();
    let held = status("VmRSS").saturating_sub(before);
    assert!(idle.iter().all(|(conn, _)| conn.is_reusable()));
    // In KiB. An allocator keeps some of what it got back, but not for each connection.
    let all = (CONNECTIONS * BODY) as u64 >> 10;
    assert!(held < all / 3, "{held} KiB of {all}");
}

/// What a peer announces costs nothing until it is sent.
#[test]
#[cfg(target_os = "linux")]
fn a_gibibyte_that_is_asked_for_is_not_allocated() {
    if !alone("read::memory::a_gibibyte_that_is_asked_for_is_not_allocated") {
        return;
    }
    let before = (status("VmHWM"), status("VmPeak"));
    let (conn, mut peer) = pair_with(Family::Tcp, "abc");
    let aio = conn.read_all(Aio::new(), 1 << 30);
    let_it_block(&aio, 3);
    peer.say("def");
    let_it_block(&aio, 6);
    let grown = (status("VmHWM") - before.0, status("VmPeak") - before.1);
    // In KiB. The peak counts address space, and each new thread reserves some.
    assert!(grown.0 < 16 << 10, "{} KiB resident", grown.0);
    assert!(grown.1 < 512 << 10, "{} KiB reserved", grown.1);
    peer.shutdown(Shutdown::Write);
    assert_eq!(failure(settle(aio)), (ErrorKind::Reset, 6));
    expect(&conn, "abcdef");
}

/// Having none is a state of the process that passes, and no fault of the connection's.
#[test]
#[cfg(target_os = "linux")]
fn running_out_of_descriptors_breaks_no_connection() {
    if !alone("read::memory::running_out_of_descriptors_breaks_no_connection") {
        return;
    }
    let (conn, mut peer) = pair(Family::Tcp);
    let mut files = Vec::new();
    while let Ok(file) = std::fs::File::open("/dev/null") {
        files.push(file);
    }
    let failed = settle(conn.read(Aio::new().timeout(SOON), 1)).unwrap_err();
    drop(files);
    peer.say("abc");
    let read = settle(conn.read(Aio::new().timeout(PATIENCE), 3));
    match read {
        Ok(bytes) => assert_eq!(bytes, "abc"),
        Err(error) => panic!("first {failed:?}, and now {error:?}"),
    }
}

/// What was handed out is the caller's, and keeps nothing of what is read later from being reused.
#[test]
fn what_was_handed_out_does_not_change() {
    let (conn, mut peer) = pair(Family::Tcp);
    let sender = thread::spawn(move || {
        for offset in (0..8 << 20).step_by(1 << 20) {
            peer.say(pattern(offset, 1 << 20));
        }
        peer
    });
    let mut kept = Vec::new();
    let mut at = 0_u64;
    for most in [1, 10, 1000, 100_000, 1_000_000].into_iter().cycle() {
        if at == 8 << 20 {
            break;
        }
        let bytes = settle(conn.read(Aio::new(), most)).unwrap();
        at += bytes.len() as u64;
        kept.push(bytes);
    }
    let mut from = 0;
    for bytes in kept {
        assert_pattern(from, &bytes);
        from += bytes.len() as u64;
    }
    join(sender);
}
