//! What servers say, and how `put` tells it.

use std::io::{self, Read, Write};
use std::time::Duration;

use super::{CREATED, LARGE, TOO_LARGE, answering, put_file};
use crate::examples::{Peer, Request, Scratch, answer, gate};

#[test]
fn the_status_is_shown_as_the_server_says_it() {
    let cases = [
        ("HTTP/1.1 200 OK\r\n\r\n", 0, "ok (200 OK)"),
        ("HTTP/1.1 204 No Content\r\n\r\n", 0, "ok (204 No Content)"),
        ("HTTP/1.0 299\r\n\r\n", 0, "ok (299)"),
        (
            "HTTP/1.1 404 Not Found\r\n\r\n",
            22,
            "refused (404 Not Found)",
        ),
        (
            "HTTP/1.1 404 Nothing (here)\r\n\r\n",
            22,
            "refused (404 Nothing (here))",
        ),
        (
            "HTTP/1.1 301 Moved Permanently\r\n\r\n",
            22,
            "refused (301 Moved Permanently)",
        ),
        (
            "HTTP/1.1 101 Switching Protocols\r\n\r\n",
            22,
            "refused (101 Switching Protocols)",
        ),
    ];
    let file = Scratch::new(b"hello");
    for (answer, code, result) in cases {
        let peer = answering(answer);
        put_file(&file, &peer.url).expect(code, 5, 5, result);
    }
}

#[test]
fn interim_responses_are_skipped() {
    let file = Scratch::new(b"hello");
    let peer = answering(
        "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n\
         HTTP/1.1 201 Created\r\n\r\n",
    );
    put_file(&file, &peer.url).expect(0, 5, 5, "ok (201 Created)");
}

#[test]
fn interim_responses_without_end_are_no_answer() {
    let file = Scratch::new(b"hello");
    let peer = Peer::new(|stream| {
        Request::read(&stream)?;
        while answer(&stream, "HTTP/1.1 100 Continue\r\n\r\n").is_ok() {}
        Ok(())
    });
    put_file(&file, &peer.url).expect(8, 5, 5, "the answer is too large");
}

#[test]
fn garbage_is_no_answer() {
    let file = Scratch::new(b"hello");
    for garbage in [
        "\x15\x03\x01\x00\x02\x02\x28",
        "SSH-2.0-OpenSSH_9.9\r\n",
        "HTTP/1.1 abc\r\n\r\n",
    ] {
        let peer = answering(garbage);
        put_file(&file, &peer.url).expect(8, 5, 5, "the answer is not HTTP/1");
    }
}

#[test]
fn a_head_without_end_is_no_answer() {
    let file = Scratch::new(b"hello");
    let peer = Peer::new(|stream| {
        Request::read(&stream)?;
        answer(&stream, "HTTP/1.1 200 OK\r\n")?;
        while answer(&stream, "x-more: and more\r\n").is_ok() {}
        Ok(())
    });
    put_file(&file, &peer.url).expect(8, 5, 5, "the answer is too large");
}

#[test]
fn a_server_that_closes_has_not_answered() {
    let file = Scratch::new(b"hello");
    // An empty answer, and one that is broken off.
    for (answer, code) in [("", 52), ("HTTP/1.1 200 OK\r\n", 56)] {
        let peer = answering(answer);
        put_file(&file, &peer.url).expect(code, 5, 5, "closed without an answer");
    }
}

#[test]
fn an_early_refusal_ends_the_upload() {
    let file = Scratch::sparse(LARGE);
    let (go_on, told) = gate();
    let peer = Peer::new(move |stream| {
        let request = Request::begin(&stream)?;
        answer(&stream, TOO_LARGE)?;
        let _ = told.recv();
        request.rest(&stream)
    });
    let ended = put_file(&file, &peer.url);
    let _ = go_on.send(());
    let written = peer.outcome();
    let result = "refused (413 Payload Too Large)";
    ended.expect_answer(22, written, LARGE, result, "large\n");
}

#[test]
fn an_early_refusal_is_heard_though_the_server_resets() {
    let file = Scratch::sparse(LARGE);
    let peer = Peer::new(|stream| {
        Request::begin(&stream)?;
        answer(&stream, TOO_LARGE) // Then it closes, with input that it has not read: a reset.
    });
    let ended = put_file(&file, &peer.url);
    let line = ended.line();
    assert_eq!(ended.code, Some(22));
    assert_eq!(line.total, Some(LARGE));
    assert!(line.written < LARGE, "{line:?}");
    // Which of the two comes first is up to the kernel.
    let results = [
        "refused (413 Payload Too Large)",
        "reset by peer (413 Payload Too Large)",
    ];
    assert!(results.contains(&line.result.as_str()), "{line:?}");
}

#[test]
fn an_early_success_is_one_when_the_body_is_out() {
    let file = Scratch::sparse(LARGE);
    let peer = Peer::new(|stream| {
        answer(&stream, CREATED)?;
        Request::begin(&stream)?.rest(&stream)
    });
    put_file(&file, &peer.url).expect(0, LARGE, LARGE, "ok (201 Created)");
    assert_eq!(peer.outcome(), LARGE);
}

#[test]
fn an_early_success_is_none_when_the_body_is_cut() {
    let file = Scratch::sparse(LARGE);
    let peer = Peer::new(|stream| {
        Request::begin(&stream)?;
        answer(&stream, CREATED)
    });
    let ended = put_file(&file, &peer.url);
    let line = ended.line();
    assert_eq!(ended.code, Some(55));
    assert!(line.written < LARGE, "{line:?}");
    assert_eq!(line.result, "reset by peer (201 Created)");
}

#[test]
fn a_server_may_talk_while_it_reads() {
    let file = Scratch::sparse(LARGE);
    let peer = Peer::new(|stream| {
        answer(&stream, "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n")?;
        let request = Request::begin(&stream)?;
        (&stream).write_all(&request.body)?;
        // An echo: it reads no more than it can send.
        io::copy(
            &mut (&stream).take(LARGE - request.body.len() as u64),
            &mut &stream,
        )
    });
    let ended = put_file(&file, &peer.url);
    assert_eq!(ended.code, Some(0));
    assert_eq!(ended.line().result, "ok (200 OK)");
    assert!(
        ended.answer().len() as u64 == LARGE + 1,
        "and the end of a line"
    );
}

#[test]
fn a_reset_midway_is_one() {
    let file = Scratch::sparse(LARGE);
    let peer = Peer::new(|stream| {
        Request::begin(&stream)?;
        socket2::Socket::from(stream).set_linger(Some(Duration::ZERO)) // Closing resets.
    });
    let ended = put_file(&file, &peer.url);
    let line = ended.line();
    assert_eq!(ended.code, Some(55));
    assert!(line.written < LARGE, "{line:?}");
    assert_eq!(line.result, "reset by peer");
}
