//! What is no HTTP, and what exceeds a limit.

use std::thread;

use http_aio::bytes::Bytes;
use http_aio::http::{Request, Response};
use http_aio::{Aio, ErrorKind, Limits};

use super::Message;
use crate::support::*;

/// The peer says no more than that, and does not close: the answer must not wait for it.
#[test]
fn what_is_no_http_is_told_promptly_and_can_still_be_read() {
    #[track_caller]
    fn check<M: Message>(said: &[u8]) {
        let (conn, mut peer) = pair(Family::Unix);
        peer.say(said);
        for _ in 0..2 {
            let aio = Aio::new().timeout(PATIENCE / 3);
            let (kind, count) = failure(settle(M::read(&conn, aio)));
            let shown = String::from_utf8_lossy(said);
            assert_eq!(kind, ErrorKind::Protocol, "{shown:?}");
            assert_eq!(count, said.len() as u64, "{shown:?}");
        }
        assert_eq!(settle(conn.read_all(Aio::new(), said.len())).unwrap(), said);
        // And then goes on with what is.
        peer.say(if said.starts_with(b"HTTP") {
            "HTTP/1.1 200 OK\r\n\r\n"
        } else {
            "GET / HTTP/1.1\r\nHost: h\r\n\r\n"
        });
        if said.starts_with(b"HTTP") {
            settle(conn.read_response(Aio::new())).unwrap();
        } else {
            settle(conn.read_request(Aio::new())).unwrap();
        }
    }
    let requests: [&[u8]; 40] = [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", // TLS
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"\x80\x2e\x01\x00\x02", // SSL 2
        b"\0",
        b" GET / HTTP/1.1\r\nHost: h\r\n\r\n",
        b"GET  / HTTP/1.1\r\nHost: h\r\n\r\n",
        b"GET /\tHTTP/1.1\r\nHost: h\r\n\r\n",
        b"GET / HTTP/1.1 \r\nHost: h\r\n\r\n",
        b"GET /\r\n\r\n", // 0.9
        b"GET / HTTP/0.9\r\nHost: h\r\n\r\n",
        b"GET / HTTP/2.0\r\nHost: h\r\n\r\n",
        b"GET / HTTP/1.2\r\nHost: h\r\n\r\n",
        b"GET / HTTP/1.10\r\nHost: h\r\n\r\n",
        b"GET / http/1.1\r\nHost: h\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: h\r\n\r\r\n",
        b"GET / HTTP/1.1\r\r\n",
        b"G\0T / HTTP/1.1\r\nHost: h\r\n\r\n",
        b"G(T / HTTP/1.1\r\nHost: h\r\n\r\n",
        b"GET /a\0b HTTP/1.1\r\nHost: h\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost : h\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: h\r\n folded\r\n\r\n",
        b"GET / HTTP/1.1\r\n Host: h\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: h\r\nno colon\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: h\r\n: v\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: h\r\nA\xe9: v\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: h\r\nA: b\0c\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: h\r\nA: b\rc\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: h\r\nA: b\x7f\r\n\r\n",
        // Whose it is, and where it ends, must be seen by all peers alike.
        b"GET / HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: h\r\nHost: h\r\n\r\n",
        b"PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: +1\r\n\r\nx",
        b"PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: 1, 1\r\n\r\nx",
        b"PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nxy",
        b"PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: 99999999999999999999\r\n\r\nx",
        b"PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"PUT / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: gzip\r\n\r\nx",
        b"PUT / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked, gzip\r\n\r\nx",
        b"PUT / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked, chunked\r\n\r\nx",
        b"PUT / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked;x\r\n\r\nx",
        b"PUT / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    ];
    requests.into_iter().for_each(check::<Request<Bytes>>);
    let responses: [&[u8]; 16] = [
        b"SSH-2.0-OpenSSH_9.9\r\n",
        b"220 mail.example.com ESMTP\r\n",
        b"\x15\x03\x01\x00\x02\x02\x46", // TLS alert
        b"HTTP/2.0 200 OK\r\n\r\n",
        b"HTTP/1.2 200 OK\r\n\r\n",
        b"HTTP/1.1  200 OK\r\n\r\n",
        b"HTTP/1.1 20 OK\r\n\r\n",
        b"HTTP/1.1 2000 OK\r\n\r\n",
        b"HTTP/1.1 099 Low\r\n\r\n",
        b"HTTP/1.1 200 a\0b\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nA : b\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nA: b\r\n c\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1x\r\n\r\nx",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nxy",
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked, gzip\r\n\r\nx",
    ];
    responses.into_iter().for_each(check::<Response<Bytes>>);
}

#[test]
fn limits_hold_at_the_edge_and_leave_the_bytes() {
    #[track_caller]
    fn check(limits: Limits, text: &str, ok: bool) {
        let (conn, peer) = pair(Family::Tcp);
        let conn = conn.limits(limits);
        let said = text.to_owned();
        let saying = thread::spawn(move || {
            let mut peer = peer;
            peer.say(said);
            peer
        });
        for _ in 0..2 {
            let aio = Aio::new().timeout(PATIENCE / 3);
            let read = settle(conn.read_request(aio));
            if ok {
                read.unwrap();
                return drop(join(saying));
            }
            assert_eq!(failure(read).0, ErrorKind::TooLarge);
        }
        assert_eq!(settle(conn.read_all(Aio::new(), text.len())).unwrap(), text);
        join(saying);
    }
    let default = Limits::default();
    let small = "GET / HTTP/1.1\r\nHost: h\r\nA: 1\r\n\r\n";
    check(default.head_bytes(small.len()), small, true);
    check(default.head_bytes(small.len() - 1), small, false);
    check(default.headers(2), small, true);
    check(default.headers(1), small, false);
    // What follows the head does not count.
    check(
        default.head_bytes(small.len()),
        &format!("{small}{small}"),
        true,
    );
    // The defaults, as documented.
    let sized = |len: usize| {
        let fill = len - "GET / HTTP/1.1\r\nHost: h\r\nA: \r\n\r\n".len();
        format!(
            "GET / HTTP/1.1\r\nHost: h\r\nA: {}\r\n\r\n",
            "x".repeat(fill)
        )
    };
    check(default, &sized(65_536), true);
    check(default, &sized(65_537), false);
    let many = |count: usize| {
        let lines = "A: b\r\n".repeat(count - 1);
        format!("GET / HTTP/1.1\r\nHost: h\r\n{lines}\r\n")
    };
    check(default, &many(128), true);
    check(default, &many(129), false);
    // Before the end is in sight.
    check(default.head_bytes(99), &"A".repeat(100), false);
    check(default.head_bytes(99), &"\r\n".repeat(50), false);
    check(
        default.head_bytes(99),
        &format!("GET /{}", "a".repeat(95)),
        false,
    );
}

/// "No limit" is a large number too, and a peer that uses it up must not bring the reader down.
#[test]
fn large_limits_are_only_limits() {
    #[track_caller]
    fn check(limits: Limits, lines: usize) {
        let (conn, peer) = pair(Family::Tcp);
        let conn = conn.limits(limits);
        let saying = thread::spawn(move || {
            let mut peer = peer;
            let lines = "a:b\r\n".repeat(lines);
            peer.say(format!("GET / HTTP/1.1\r\nHost: h\r\n{lines}\r\n"));
            peer
        });
        match settle(conn.read_request(Aio::new())) {
            Ok(request) => assert_eq!(request.headers().get_all("a").iter().count(), lines),
            // `HeaderMap` has a limit of its own.
            Err(error) => assert_eq!(error.kind(), ErrorKind::TooLarge),
        }
        join(saying);
    }
    let limits = Limits::default().head_bytes(usize::MAX);
    check(limits.headers(100_000), 10);
    check(limits.headers(100_000), 20_000);
    check(limits.headers(100_000), 30_000);
    check(limits.headers(100_000), 50_000);
    check(limits.headers(usize::MAX), 10);
}
