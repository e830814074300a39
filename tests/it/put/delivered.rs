//! The answer's body, on standard output.

use std::io::{Read, Write};
use std::process::{Command, Stdio};
use std::time::Duration;

use super::{answering, put, put_file, start};
use crate::examples::{LIMIT, Peer, Request, Scratch, answer, binary, gate, noise, unread};

#[test]
fn the_answer_comes_before_the_last_line() {
    let file = Scratch::new(b"12345");
    for (text, shown) in [
        (
            "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nhello\n",
            "hello\n",
        ),
        // The line has its own, whatever is before it.
        (
            "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
            "hello\n",
        ),
        (
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n2\r\nlo\r\n0\r\n\r\n",
            "hello\n",
        ),
        ("HTTP/1.1 200 OK\r\n\r\nhello", "hello\n"),
        ("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", ""),
    ] {
        let ended = put_file(&file, &answering(text).url);
        ended.expect_answer(0, 5, 5, "ok (200 OK)", shown);
    }
}

#[test]
fn a_large_answer_arrives_whole() {
    let file = Scratch::new(b"12345");
    let peer = Peer::new(|stream| {
        Request::read(&stream)?;
        answer(
            &stream,
            "HTTP/1.1 200 OK\r\nContent-Length: 3000000\r\n\r\n",
        )?;
        (&stream).write_all(&noise(3_000_000))
    });
    let ended = put(["-s".as_ref(), file.as_ref(), peer.url.as_ref()]);
    assert_eq!(ended.code, Some(0));
    assert!(ended.stdout == noise(3_000_000));
}

#[test]
fn an_answer_that_is_cut_is_told() {
    let file = Scratch::new(b"12345");
    let cut = "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello";
    let ended = put_file(&file, &answering(cut).url);
    ended.expect_answer(56, 5, 5, "the answer is incomplete (200 OK)", "hello\n");
    // That it refuses is what counts.
    let cut = "HTTP/1.1 404 Not Found\r\nContent-Length: 10\r\n\r\nhello";
    let ended = put_file(&file, &answering(cut).url);
    ended.expect_answer(22, 5, 5, "refused (404 Not Found)", "hello\n");
}

#[test]
fn an_answer_without_end_ends_with_everything_else() {
    let endless = || {
        let (begun, has_begun) = gate();
        let (go_on, told) = gate();
        let peer = Peer::new(move |stream| {
            Request::read(&stream)?;
            answer(&stream, "HTTP/1.1 200 OK\r\n\r\nhello\n")?;
            let _ = begun.send(());
            let _ = told.recv();
            Ok(())
        });
        (peer, has_begun, go_on)
    };
    let file = Scratch::new(b"12345");
    let (peer, _, _go_on) = endless();
    let timeout = ["--timeout", "2"].map(AsRef::as_ref);
    let ended = put([&timeout[..], &[file.as_ref(), peer.url.as_ref()]].concat());
    ended.expect_answer(28, 5, 5, "timed out (200 OK)", "hello\n");

    let (peer, has_begun, _go_on) = endless();
    let upload = start([file.as_ref(), peer.url.as_ref()]);
    has_begun.recv_timeout(LIMIT).expect("the answer begins");
    upload.interrupt();
    let ended = upload.end();
    assert_eq!(
        (ended.code, ended.line().result.as_str()),
        (Some(130), "canceled")
    );
}

/// A refusal is not waited for as long as it likes: the server may wait for the rest of the body.
#[test]
fn a_refusal_that_does_not_end_costs_a_second() {
    let file = Scratch::sparse(super::LARGE);
    let (go_on, told) = gate();
    let peer = Peer::new(move |stream| {
        let request = Request::begin(&stream)?;
        answer(&stream, "HTTP/1.1 403 Forbidden\r\n\r\nno\n")?;
        let _ = told.recv();
        request.rest(&stream)
    });
    let ended = put_file(&file, &peer.url);
    let _ = go_on.send(());
    let written = peer.outcome();
    ended.expect_answer(22, written, super::LARGE, "refused (403 Forbidden)", "no\n");
    assert!(ended.time >= Duration::from_secs(1), "{:?}", ended.time);
}

/// Somebody who does not read standard output cannot keep the tool.
#[test]
fn a_reader_that_does_not_read_costs_the_timeout_and_no_more() {
    let peer = Peer::new(|stream| {
        Request::read(&stream)?;
        answer(&stream, "HTTP/1.1 200 OK\r\n\r\n")?;
        while (&stream).write_all(&[b'x'; 64 << 10]).is_ok() {}
        Ok(())
    });
    let file = Scratch::new(b"12345");
    let mut child = Command::new(binary("put"))
        .args(["-s", "--timeout", "0.5"])
        .args([file.as_ref(), peer.url.as_ref()])
        .stdout(Stdio::piped())
        .spawn()
        .expect("put starts");
    let status = child.wait().expect("it can be waited for");
    assert_eq!(status.code(), Some(28));
    let mut shown = Vec::new();
    let stdout = child.stdout.take().expect("it is piped");
    let mut stdout = stdout.take(1 << 20);
    stdout.read_to_end(&mut shown).expect("it has ended");
    assert!(!shown.is_empty() && shown.iter().all(|byte| *byte == b'x'));
}

#[test]
#[cfg(target_os = "linux")]
fn a_full_disk_is_told() {
    let file = Scratch::new(b"12345");
    let full = || {
        let full = std::fs::File::options().write(true).open("/dev/full");
        Stdio::from(full.expect("Linux has it"))
    };
    let run = |options: &[&str], text: &'static str| {
        let peer = answering(text);
        let output = Command::new(binary("put"))
            .args(options)
            .args([file.as_ref(), peer.url.as_ref()])
            .stdout(full())
            .output()
            .expect("put starts");
        let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
        (output.status.code(), stderr)
    };
    let why = "put: cannot write standard output: no space left on device\n";
    let hello = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";
    assert_eq!(run(&[], super::CREATED), (Some(23), why.to_owned()));
    assert_eq!(run(&[], hello), (Some(23), why.to_owned()));
    assert_eq!(run(&["-s"], hello), (Some(23), String::new()));
    assert_eq!(run(&["-s"], super::CREATED), (Some(0), String::new()));

    let ended = put([
        "-o".as_ref(),
        "/dev/full".as_ref(),
        file.as_ref(),
        answering(hello).url.as_ref(),
    ]);
    let result = "cannot write /dev/full: no space left on device (200 OK)";
    ended.expect(23, 5, 5, result);
}

#[test]
fn a_standard_output_that_nobody_reads_is_told_if_there_is_an_answer() {
    let file = Scratch::new(b"12345");
    let peer = answering("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello");
    let output = Command::new(binary("put"))
        .args([file.as_ref(), peer.url.as_ref()])
        .stdout(unread())
        .output()
        .expect("put starts");
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    assert_eq!(output.status.code(), Some(23));
}
