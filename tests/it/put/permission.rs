//! Uploads that wait for permission (`Expect: 100-continue`).

use std::ffi::OsStr;
use std::io::{self, Read};
use std::net::TcpStream;
use std::time::Duration;

use super::{CREATED, answering, put, start};
use crate::examples::{Ended, LIMIT, Peer, Request, Scratch, answer, gate};

/// Whether nothing comes for a while.
fn is_silent(mut stream: &TcpStream) -> io::Result<bool> {
    stream.set_read_timeout(Some(Duration::from_millis(100)))?;
    let result = stream.read(&mut [0]);
    stream.set_read_timeout(None)?;
    Ok(result.is_err())
}

fn put_asking(options: &[&str], file: &Scratch, url: &str) -> Ended {
    let arguments = [OsStr::new("--expect-continue"), file.as_ref(), url.as_ref()];
    put(options.iter().map(OsStr::new).chain(arguments))
}

#[test]
fn the_body_follows_the_permission() {
    let file = Scratch::new(b"hello");
    for permission in [
        "HTTP/1.1 100 Continue\r\n\r\n",
        "HTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n",
    ] {
        let peer = Peer::new(move |mut stream| {
            let request = Request::begin(&stream)?;
            let waits = request.body.is_empty() && is_silent(&stream)?;
            answer(&stream, permission)?;
            let mut body = [0; 5];
            stream.read_exact(&mut body)?;
            answer(&stream, CREATED)?;
            Ok((request.head.to_lowercase(), waits, body))
        });
        put_asking(&[], &file, &peer.url).expect(0, 5, 5, "ok (201 Created)");
        let (head, waits, body) = peer.outcome();
        assert!(head.contains("\r\nexpect: 100-continue\r\n"), "{head}");
        assert!(waits, "it did not wait");
        assert_eq!(&body, b"hello");
    }
}

#[test]
fn an_answer_instead_of_the_permission_is_a_refusal() {
    let file = Scratch::new(b"hello");
    for (answer, code) in [
        (
            "HTTP/1.1 417 Expectation Failed\r\n\r\n",
            "417 Expectation Failed",
        ),
        (
            "HTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 403 Forbidden\r\n\r\n",
            "403 Forbidden",
        ),
        ("HTTP/1.1 200 OK\r\n\r\n", "200 OK"),
    ] {
        for options in [&[][..], &["--chunked"]] {
            let peer = Peer::new(move |stream| {
                let request = Request::begin(&stream)?;
                crate::examples::answer(&stream, answer)?;
                request.rest(&stream)
            });
            let total = if options.is_empty() { Some(5) } else { None };
            let ended = put_asking(options, &file, &peer.url);
            ended.expect(22, 0, total, &format!("refused ({code})"));
            assert_eq!(peer.outcome(), 0);
        }
    }
}

#[test]
fn no_answer_instead_of_the_permission_is_none() {
    let file = Scratch::new(b"hello");
    for (text, code, result) in [
        ("", 52, "closed without an answer"),
        ("HTTP/1.1 200 OK\r\n", 56, "closed without an answer"),
        ("SSH-2.0-OpenSSH_9.9\r\n", 8, "the answer is not HTTP/1"),
    ] {
        let peer = Peer::new(move |stream| {
            let request = Request::begin(&stream)?;
            answer(&stream, text)?;
            stream.shutdown(std::net::Shutdown::Write)?;
            request.rest(&stream)
        });
        put_asking(&[], &file, &peer.url).expect(code, 0, 5, result);
        assert_eq!(peer.outcome(), 0);
    }
}

#[test]
fn silence_is_a_permission_after_a_second() {
    let file = Scratch::new(b"hello");
    // A late word is none at all.
    for answer in [
        CREATED,
        "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 201 Created\r\n\r\n",
    ] {
        let peer = answering(answer);
        let ended = put_asking(&[], &file, &peer.url);
        ended.expect(0, 5, 5, "ok (201 Created)");
        assert!(ended.time >= Duration::from_secs(1), "{:?}", ended.time);
        assert_eq!(peer.outcome().body, b"hello");
    }
}

#[test]
fn what_is_nothing_needs_no_permission() {
    let file = Scratch::new(b"");
    let peer = answering(CREATED);
    put_asking(&[], &file, &peer.url).expect(0, 0, 0, "ok (201 Created)");
    let head = peer.outcome().head.to_lowercase();
    assert!(!head.contains("expect"), "{head}");
}

#[test]
fn the_wait_for_the_permission_ends_with_everything_else() {
    let file = Scratch::new(b"hello");
    let silent = || {
        let (begun, has_begun) = gate();
        let peer = Peer::new(move |stream| {
            let request = Request::begin(&stream)?;
            let _ = begun.send(());
            request.rest(&stream)
        });
        (peer, has_begun)
    };
    let (peer, _) = silent();
    let ended = put_asking(&["--timeout", "0.2"], &file, &peer.url);
    ended.expect(28, 0, 5, "timed out");
    assert!(ended.time < Duration::from_secs(1), "{:?}", ended.time);
    assert_eq!(peer.outcome(), 0);

    let (peer, has_begun) = silent();
    let arguments = [
        OsStr::new("--expect-continue"),
        file.as_ref(),
        peer.url.as_ref(),
    ];
    let upload = start(arguments);
    has_begun.recv_timeout(LIMIT).expect("the head arrives");
    upload.interrupt();
    upload.end().expect(130, 0, 5, "canceled");
    assert_eq!(peer.outcome(), 0);
}
