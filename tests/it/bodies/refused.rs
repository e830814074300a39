//! What contradicts itself, is ambiguous or exceeds a limit is refused, promptly and for good.

use std::io;
use std::net::Shutdown;
use std::thread;

use http_aio::{Aio, ErrorKind, Limits};

use super::cases::{NEXT, illegal, next};
use super::{WAYS, prompt, read_message};
use crate::support::*;

#[test]
fn what_contradicts_itself_is_refused_promptly_and_for_good() {
    for (lines, raw, kinds) in illegal() {
        let shown: String = raw.chars().take(60).collect();
        let what = format!("{lines:?} {shown:?}");
        let said = format!("HTTP/1.1 200 OK\r\n{lines}\r\n\r\n{raw}");
        for how in WAYS {
            let (conn, mut peer) = pair(Family::Unix);
            settle(conn.write_request(Aio::new(), next().request())).unwrap();
            peer.say(&said);
            let (got, result) = read_message(&conn, how);
            let Err(error) = result else {
                panic!("{how:?}: {what}: taken for {got:?}");
            };
            assert!(kinds.contains(&error.kind()), "{how:?}: {what}: {error:?}");
            assert!(
                b"hello".starts_with(&got.body) || b"a".starts_with(&got.body[..]),
                "{what}"
            );
            assert!(!conn.is_reusable(), "{how:?}: {what}");
            // Nothing behind it is taken for a body, or for a message.
            peer.say(NEXT);
            let again = settle(conn.read_response(Aio::new()));
            assert!(again.is_err(), "{how:?}: {what}: then {again:?}");
        }
        let (conn, mut peer) = pair(Family::Tcp);
        let answered = conn.transact(prompt(), next().request());
        peer.head();
        peer.say(&said);
        let error = settle(answered).unwrap_err();
        assert!(kinds.contains(&error.kind()), "{what}: {error:?}");
        assert!(!conn.is_reusable(), "{what}");
        let error = settle(conn.transact(prompt(), next().request())).unwrap_err();
        assert_eq!(
            (error.kind(), error.count()),
            (ErrorKind::Closed, 0),
            "{what}"
        );
    }
}

/// 4, 5, 7: a client may understand these, one way, and must not go on afterwards; or refuse them.
#[test]
fn ambiguous_responses_do_not_desynchronise() {
    let hello = "5\r\nhello\r\n0\r\n\r\n";
    let cases = [
        (
            "HTTP/1.1",
            "Content-Length: 3\r\nTransfer-Encoding: chunked",
            hello,
            "hello",
        ),
        (
            "HTTP/1.1",
            "Transfer-Encoding: chunked\r\nContent-Length: 3",
            hello,
            "hello",
        ),
        ("HTTP/1.0", "Transfer-Encoding: chunked", hello, "hello"),
        (
            "HTTP/1.0",
            "Connection: keep-alive\r\nTransfer-Encoding: chunked",
            hello,
            "hello",
        ),
        (
            "HTTP/1.1",
            "Transfer-Encoding: gzip, chunked",
            hello,
            "hello",
        ),
        (
            "HTTP/1.1",
            "Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked",
            hello,
            "hello",
        ),
        // `chunked` is not the last: to the end of the stream.
        ("HTTP/1.1", "Transfer-Encoding: gzip", hello, hello),
        ("HTTP/1.1", "Transfer-Encoding: identity", hello, hello),
        ("HTTP/1.1", "Transfer-Encoding: xchunked", hello, hello),
        ("HTTP/1.1", "Transfer-Encoding: chunkedx", hello, hello),
        ("HTTP/1.1", "Transfer-Encoding: chunked, gzip", hello, hello),
        (
            "HTTP/1.1",
            "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity",
            hello,
            hello,
        ),
        (
            "HTTP/1.1",
            "Transfer-Encoding: chunked, chunked",
            hello,
            hello,
        ),
        ("HTTP/1.1", "Transfer-Encoding: \"chunked\"", hello, hello),
        ("HTTP/1.1", "Transfer-Encoding:", hello, hello),
    ];
    for (version, lines, raw, body) in cases {
        for how in WAYS {
            let what = format!("{how:?}: {version} {lines:?}");
            let (conn, mut peer) = pair(Family::Unix);
            settle(conn.write_request(Aio::new(), next().request())).unwrap();
            peer.say(format!("{version} 200 OK\r\n{lines}\r\n\r\n{raw}"));
            peer.shutdown(Shutdown::Write);
            match read_message(&conn, how) {
                (got, Ok(())) => assert_eq!(String::from_utf8_lossy(&got.body), body, "{what}"),
                (_, Err(error)) => assert!(
                    matches!(error.kind(), ErrorKind::Protocol | ErrorKind::NotSupported),
                    "{what}: {error:?}"
                ),
            }
            assert!(
                !conn.is_reusable() || lines.starts_with("Transfer-Encoding: gzip"),
                "{what}"
            );
        }
    }
}

/// A server refuses them: what it takes for a body, a proxy before it may have taken for a request.
#[test]
fn ambiguous_requests_are_refused() {
    let hello = "5\r\nhello\r\n0\r\n\r\n";
    let cases = [
        ("HTTP/1.1", "Transfer-Encoding: gzip"),
        ("HTTP/1.1", "Transfer-Encoding: identity"),
        ("HTTP/1.1", "Transfer-Encoding: xchunked"),
        ("HTTP/1.1", "Transfer-Encoding: chunked, gzip"),
        ("HTTP/1.1", "Transfer-Encoding: chunked, identity"),
        (
            "HTTP/1.1",
            "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity",
        ),
        ("HTTP/1.1", "Transfer-Encoding: chunked, chunked"),
        ("HTTP/1.1", "Transfer-Encoding: chunked;a=b"),
        ("HTTP/1.1", "Transfer-Encoding:"),
        ("HTTP/1.1", "Content-Length: 5, 6"),
        ("HTTP/1.1", "Content-Length: 5\r\nContent-Length: 6"),
        ("HTTP/1.1", "Content-Length: +5"),
        ("HTTP/1.1", "Content-Length: 5x"),
        ("HTTP/1.1", "Content-Length:"),
        ("HTTP/1.1", "Content-Length: -1"),
        ("HTTP/1.1", "Content-Length: 99999999999999999999"),
        ("HTTP/1.0", "Transfer-Encoding: chunked"),
        (
            "HTTP/1.1",
            "Content-Length: 3\r\nTransfer-Encoding: chunked",
        ),
        (
            "HTTP/1.1",
            "Transfer-Encoding: chunked\r\nContent-Length: 3",
        ),
    ];
    for (version, lines) in cases {
        let (conn, mut peer) = pair(Family::Unix);
        peer.say(format!(
            "POST / {version}\r\nHost: h\r\n{lines}\r\n\r\n{hello}"
        ));
        let error = match settle(conn.read_request(Aio::new())) {
            Err(error) => error,
            Ok(request) => panic!("{version} {lines:?}: taken for {request:?}"),
        };
        let kind = error.kind();
        let right = matches!(kind, ErrorKind::Protocol | ErrorKind::NotSupported)
            || (kind == ErrorKind::TooLarge && lines.contains("999"));
        assert!(right, "{version} {lines:?}: {error:?}");
        assert!(!conn.is_reusable(), "{version} {lines:?}");
    }
}

/// 3, F13: memory grows with what arrives, not with what is announced.
#[test]
fn an_announced_size_is_not_believed() {
    let heads = [
        "HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 18446744073709551615\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n7fffffffffffffff\r\n",
    ];
    for head in heads {
        let (conn, mut peer) = pair(Family::Unix);
        settle(conn.write_request(Aio::new(), next().request())).unwrap();
        peer.say(format!("{head}hello"));
        settle(conn.read_response(Aio::new())).unwrap();
        assert_eq!(settle(conn.read_all(Aio::new(), 5)).unwrap(), "hello");
        let read = conn.read_all(Aio::new(), usize::MAX / 2);
        peer.say("more");
        peer.shutdown(Shutdown::Write);
        let error = settle(read).unwrap_err();
        assert!(error.is_incomplete_message(), "{error:?}");
        assert_eq!(error.count(), 4);
        assert_eq!(settle(conn.read(Aio::new(), 100)).unwrap(), "more");
        let error = settle(conn.read(Aio::new(), 100)).unwrap_err();
        assert!(error.is_incomplete_message(), "{error:?}");

        // Whole, it is beyond the limit; of a length, that is known before it comes.
        if !head.contains("Length") {
            continue;
        }
        let (conn, mut peer) = pair(Family::Unix);
        let answered = conn.transact(prompt(), next().request());
        peer.head();
        peer.say(head);
        assert_eq!(failure(settle(answered)).0, ErrorKind::TooLarge, "{head:?}");
    }
}

#[test]
fn limits_hold_at_the_edge() {
    #[track_caller]
    fn check(limits: Limits, said: &str, ok: bool) {
        let (conn, mut peer) = pair(Family::Unix);
        let conn = conn.limits(limits);
        let answered = conn.transact(prompt(), next().request());
        peer.head();
        peer.say(said);
        if said.contains("\r\nend") {
            peer.shutdown(Shutdown::Write);
        }
        match settle(answered) {
            Ok(_) => assert!(ok, "{said:?} was taken"),
            Err(error) => {
                assert!(!ok, "{said:?}: {error:?}");
                assert_eq!(error.kind(), ErrorKind::TooLarge, "{said:?}");
                assert!(!conn.is_reusable());
            }
        }
    }
    let default = Limits::default();
    let body = |limit| default.body_bytes(limit);
    let length = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";
    check(body(5), length, true);
    check(body(4), length, false);
    let stream = "HTTP/1.1 200 OK\r\n\r\nend of 11 b";
    check(body(11), stream, true);
    check(body(10), stream, false);
    // 80 of nng's: the second chunk is too much.
    let chunks =
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n2\r\nbc\r\n0\r\n\r\n";
    check(body(3), chunks, true);
    check(body(2), chunks, false);
    check(body(1), chunks, false);
    check(
        body(0),
        "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
        true,
    );
    // Lines of chunks, trailers.
    let extended = |len| {
        let extension = "x".repeat(len);
        format!(
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1;{extension}\r\na\r\n0\r\n\r\n"
        )
    };
    check(default, &extended(4000), true);
    check(default, &extended(4200), false);
    check(default.chunk_line(100), &extended(90), true);
    check(default.chunk_line(100), &extended(110), false);
    let trailed = |len| {
        let value = "x".repeat(len);
        format!(
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\nA: {value}\r\n\r\n"
        )
    };
    check(default, &trailed(16_000), true);
    check(default, &trailed(17_000), false);
    check(default.trailer_bytes(100), &trailed(80), true);
    check(default.trailer_bytes(100), &trailed(110), false);
    // 45: interim responses.
    let hinted = |count| format!("{}{length}", "HTTP/1.1 103 Hints\r\n\r\n".repeat(count));
    check(default, &hinted(32), true);
    check(default, &hinted(33), false);
    check(default.interim(1), &hinted(1), true);
    check(default.interim(1), &hinted(2), false);
    check(default.interim(0), &hinted(0), true);
    check(default.interim(0), &hinted(1), false);
}

/// 16: each line is within its limit, and still there is far more of them than of content.
#[test]
fn much_ado_about_little_content_is_refused() {
    let (conn, mut peer) = pair(Family::Unix);
    settle(conn.write_request(Aio::new(), next().request())).unwrap();
    peer.say("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
    settle(conn.read_response(Aio::new())).unwrap();
    let saying = thread::spawn(move || {
        let chunk = format!("1;{}\r\na\r\n", "x".repeat(4000));
        let mut said = 0;
        // Ends when the other end has gone, or has taken 64 MiB for 16 KiB of content.
        while said < 64 << 20 && io::Write::write_all(&mut peer, chunk.as_bytes()).is_ok() {
            said += chunk.len();
        }
    });
    let mut taken = 0;
    let kind = loop {
        match settle(conn.read(Aio::new(), 1000)) {
            Ok(part) => taken += part.len(),
            Err(error) => break error.kind(),
        }
        assert!(taken < 16 << 10, "16 KiB of content out of 64 MiB");
    };
    assert!(
        matches!(kind, ErrorKind::TooLarge | ErrorKind::Protocol),
        "{kind:?}"
    );
    conn.close();
    join(saying);
}
