//! What servers say, and how `get` tells it.

use std::io;
use std::time::Duration;

use super::{HELLO, LARGE, OK, Unread, answering, expect_content, get, get_file};
use crate::examples::{Peer, Request, Scratch, answer, gate};

#[test]
fn the_status_is_shown_as_the_server_says_it() {
    let cases = [
        ("200 OK", 0, "ok (200 OK)"),
        ("299", 0, "ok (299)"),
        ("404 Nothing (here)", 22, "refused (404 Nothing (here))"),
        ("500 Oh\tno", 22, "refused (500 Oh?no)"),
        (
            "301 Moved Permanently",
            22,
            "refused (301 Moved Permanently)",
        ),
    ];
    for (status, code, result) in cases {
        let text = format!("HTTP/1.1 {status}\r\nContent-Length: 5\r\n\r\nhello");
        get([&answering(text).url]).expect_body(code, b"hello", result);
    }
    for status in ["204 No Content", "304 Not Modified"] {
        let text = format!("HTTP/1.1 {status}\r\n\r\n");
        let ended = get([&answering(text).url]);
        let (code, word) = if status.starts_with('2') {
            (0, "ok")
        } else {
            (22, "refused")
        };
        ended.expect_body(code, b"", &format!("{word} ({status})"));
    }
}

#[test]
fn interim_responses_are_skipped() {
    let text = format!("HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n{HELLO}");
    get(["-i", &answering(text).url]).expect_read(0, 5, OK);
}

#[test]
fn another_protocol_is_not_read() {
    let text = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\nand now for something";
    let ended = get([
        "-H",
        "Upgrade: x",
        "-H",
        "Connection: upgrade",
        &answering(text).url,
    ]);
    ended.expect_body(22, b"", "refused (101 Switching Protocols)");
}

#[test]
fn garbage_is_no_answer() {
    for garbage in [
        "\x15\x03\x01\x00\x02\x02\x28",
        "SSH-2.0-OpenSSH_9.9\r\n",
        "HTTP/1.1 abc\r\n\r\n",
    ] {
        get([&answering(garbage).url]).expect_body(8, b"", "the answer is not HTTP/1");
    }
}

#[test]
fn a_server_that_closes_has_not_answered() {
    for (text, code) in [("", 52), ("HTTP/1.1 200 OK\r\n", 56)] {
        get([&answering(text).url]).expect_body(code, b"", "closed without an answer");
    }
}

#[test]
fn a_body_that_is_cut_is_incomplete() {
    let file = Scratch::new(b"old, and longer than what comes");
    let peer = answering("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello");
    get_file(&[], &file, &peer.url).expect_read(56, 5, "incomplete (5 of 10 bytes)");
    expect_content(&file, b"hello");

    let result = "incomplete (closed before the end)";
    for rest in [
        "5\r\nhello",
        "5\r\nhello\r\n",
        "5\r\nhello\r\n0\r\n",
        "8\r\nhello",
    ] {
        let head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
        let ended = get([&answering(format!("{head}{rest}")).url]);
        ended.expect_body(56, b"hello", result);
    }
}

#[test]
fn a_chunked_body_that_is_none_is_incomplete() {
    let peer = Peer::new(|stream| {
        Request::read(&stream)?;
        answer(
            &stream,
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\nzzz\r\n",
        )?;
        io::copy(&mut &stream, &mut io::sink())
    });
    get([&peer.url]).expect_body(56, b"hello", "incomplete (the rest is not HTTP/1)");
}

#[test]
fn a_refusal_that_is_cut_is_incomplete() {
    let peer = answering("HTTP/1.1 404 Not Found\r\nContent-Length: 10\r\n\r\nhello");
    get([&peer.url]).expect_body(56, b"hello", "incomplete (5 of 10 bytes)");
}

#[test]
fn a_reset_midway_is_one() {
    let (go_on, told) = gate();
    let peer = Peer::new(move |stream| {
        Request::read(&stream)?;
        answer(
            &stream,
            "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello",
        )?;
        let _ = told.recv();
        socket2::Socket::from(stream).set_linger(Some(Duration::ZERO)) // Closing resets.
    });
    let mut tool = Unread::start(&[&peer.url]);
    assert_eq!(tool.read_some(), b"hello");
    let _ = go_on.send(());
    tool.end().expect_read(56, 5, "reset by peer");
}

#[test]
fn a_refused_upload_is_heard_though_the_body_is_not_read() {
    let data = Scratch::sparse(LARGE as u64);
    let (go_on, told) = gate();
    let peer = Peer::new(move |stream| {
        let request = Request::begin(&stream)?;
        answer(
            &stream,
            "HTTP/1.1 413 Payload Too Large\r\nContent-Length: 5\r\n\r\nlarge",
        )?;
        let _ = told.recv();
        request.rest(&stream)
    });
    let ended = get(["-d", &format!("@{}", data.0.display()), &peer.url]);
    let _ = go_on.send(());
    ended.expect_body(22, b"large", "refused (413 Payload Too Large)");
    assert!(peer.outcome() < LARGE as u64);
}
