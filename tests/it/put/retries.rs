//! Further attempts, where they do no harm.

use std::ffi::OsStr;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use super::{CREATED, Line, answering, parse, put, server, start};
use crate::examples::{Ended, Peer, Request, Scratch, answer, binary, gate};
use crate::site::refusing;

const BUSY: &str = "HTTP/1.1 503 Busy\r\nContent-Length: 4\r\n\r\nbusy";

/// `put OPTIONS FILE URL`, with five bytes in the file.
fn put_hello(options: &[&str], url: &str) -> Ended {
    let file = Scratch::new(b"12345");
    let arguments = [file.as_ref(), OsStr::new(url)];
    put(options.iter().map(OsStr::new).chain(arguments))
}

/// The lines on standard error are these, which are notes.
#[track_caller]
fn expect_notes(ended: &Ended, notes: &[&str]) {
    let lines: Vec<_> = ended.stderr.lines().collect();
    let notes: Vec<_> = notes.iter().map(|note| format!("put: {note}")).collect();
    assert_eq!(lines, notes);
}

#[test]
fn a_server_that_is_busy_is_asked_again() {
    let peer = server(&[BUSY, "HTTP/1.1 429 Slow down\r\n\r\n", CREATED]);
    let ended = put_hello(&["--retry", "3"], &peer.url);
    ended.expect(0, 5, 5, "ok (201 Created)");
    expect_notes(
        &ended,
        &[
            "refused (503 Busy); trying again in 0.5 s, 3 left",
            "refused (429 Slow down); trying again in 1.0 s, 2 left",
        ],
    );
    for request in peer.outcome() {
        assert_eq!(request.body, b"12345");
    }
    assert!(
        ended.time >= Duration::from_millis(1500),
        "{:?}",
        ended.time
    );
}

#[test]
fn the_last_attempt_is_told() {
    let peer = server(&[BUSY, BUSY]);
    let ended = put_hello(&["--retry", "1"], &peer.url);
    ended.expect_answer(22, 5, 5, "refused (503 Busy)", "busy\n");
    assert_eq!(peer.outcome().len(), 2);
    // Without the option there is only one.
    let ended = put_hello(&[], &answering(BUSY).url);
    ended.expect_answer(22, 5, 5, "refused (503 Busy)", "busy\n");
    assert_eq!(ended.stderr, "");
}

#[test]
fn the_server_may_ask_for_more_time() {
    const LATER: &str = "HTTP/1.1 503 Busy\r\nRetry-After: 1\r\nContent-Length: 0\r\n\r\n";
    let peer = server(&[LATER, CREATED]);
    let ended = put_hello(&["--retry", "1"], &peer.url);
    ended.expect(0, 5, 5, "ok (201 Created)");
    expect_notes(
        &ended,
        &["refused (503 Busy); trying again in 1.0 s, 1 left"],
    );
    // But not for more than there is.
    let peer = answering("HTTP/1.1 503 Busy\r\nRetry-After: 3600\r\nContent-Length: 0\r\n\r\n");
    let ended = put_hello(&["--retry", "1", "--timeout", "5"], &peer.url);
    ended.expect(22, 5, 5, "refused (503 Busy)");
    assert!(ended.time < Duration::from_secs(4), "{:?}", ended.time);
}

#[test]
fn what_will_not_pass_is_not_tried_again() {
    for (text, code, result) in [
        (
            "HTTP/1.1 404 Not Found\r\n\r\n",
            22,
            "refused (404 Not Found)",
        ),
        (
            "HTTP/1.1 302 Found\r\nLocation: /\r\n\r\n",
            22,
            "refused (302 Found)",
        ),
        ("SSH-2.0-OpenSSH_9.9\r\n", 8, "the answer is not HTTP/1"),
    ] {
        let ended = put_hello(&["--retry", "3"], &answering(text).url);
        ended.expect(code, 5, 5, result);
        assert_eq!(ended.stderr, "");
    }
    put(["--retry", "3", "there/is/none", "http://127.0.0.1:9/"]).expect(
        26,
        0,
        0,
        "cannot read there/is/none: there is no such file",
    );
}

#[test]
fn an_upload_that_breaks_off_begins_again() {
    let peer = Peer::listening(|listener| {
        let (stream, _) = listener.accept()?;
        Request::begin(&stream)?;
        drop(stream); // With most of it unread: a reset.
        let (stream, _) = listener.accept()?;
        let request = Request::read(&stream)?;
        answer(&stream, CREATED)?;
        Ok(request.body.len() as u64)
    });
    let file = Scratch::sparse(super::LARGE);
    let retry = ["--retry", "1"].map(OsStr::new);
    let ended = put([&retry[..], &[file.as_ref(), OsStr::new(&peer.url)]].concat());
    ended.expect(0, super::LARGE, super::LARGE, "ok (201 Created)");
    assert!(
        ended.stderr.contains("; trying again in 0.5 s, 1 left"),
        "{}",
        ended.stderr
    );
    assert_eq!(peer.outcome(), super::LARGE);
}

#[test]
fn what_may_have_been_done_is_not_done_again() {
    // POST is not idempotent.
    for (text, code, result) in [
        ("", 52, "closed without an answer"),
        (BUSY, 22, "refused (503 Busy)"),
    ] {
        let ended = put_hello(&["-f", "-X", "POST", "--retry", "3"], &answering(text).url);
        ended.expect(code, 5, 5, result);
        assert_eq!(ended.stderr, "");
    }
}

/// One whose standard error is read while it runs.
fn watched(arguments: &[&OsStr]) -> (Child, BufReader<std::process::ChildStderr>) {
    let mut child = Command::new(binary("put"))
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("put starts");
    let stderr = child.stderr.take().expect("it is piped");
    (child, BufReader::new(stderr))
}

fn line_of(child: Child) -> Line {
    let output = child.wait_with_output().expect("it can be waited for");
    let stdout = String::from_utf8_lossy(&output.stdout).into_owned();
    parse(&stdout).expect("it is the line")
}

#[test]
fn a_server_that_is_not_there_yet_is_waited_for() {
    // Nothing went out: so it may be tried again, whatever it is, and wherever it comes from.
    let file = Scratch::new(b"12345");
    for options in [&["-X", "POST"][..], &["--chunked"]] {
        let (socket, address) = refusing();
        let url = format!("http://{address}/");
        let mut arguments: Vec<&OsStr> = vec!["--retry".as_ref(), "20".as_ref()];
        arguments.extend(options.iter().map(OsStr::new));
        arguments.extend([file.as_ref(), OsStr::new(&url)]);
        let (child, mut stderr) = watched(&arguments);
        let mut note = String::new();
        stderr.read_line(&mut note).expect("it says something");
        assert_eq!(
            note,
            "put: connection refused; trying again in 0.5 s, 20 left\n"
        );
        socket.listen(8).expect("it can");
        let (stream, _) = TcpListener::from(socket).accept().expect("it connects");
        let mut request = Request::begin(&stream).expect("a request");
        while !request.body.windows(5).any(|five| five == b"12345") {
            let mut part = [0; 64];
            let count = (&stream).read(&mut part).expect("the body");
            assert!(count > 0, "it ends");
            request.body.extend(&part[..count]);
        }
        answer(&stream, CREATED).expect("it listens");
        let line = line_of(child);
        assert_eq!(
            (line.written, line.result.as_str()),
            (5, "ok (201 Created)")
        );
    }
}

#[test]
fn what_comes_from_a_pipe_is_sent_once() {
    let peer = Peer::new(|stream| {
        let mut request = Request::begin(&stream)?;
        super::read_until(&mut request, &stream, b"0\r\n\r\n")?;
        answer(&stream, BUSY)
    });
    let mut upload = start(["--retry", "3", "--chunked", "-", &peer.url]);
    let mut stdin = upload.child.stdin.take().expect("it is piped");
    stdin.write_all(b"12345").expect("it reads");
    drop(stdin);
    let ended = upload.end();
    ended.expect_answer(22, 5, None, "refused (503 Busy)", "busy\n");
    assert_eq!(ended.stderr, "");
}

#[test]
fn what_comes_from_a_pipe_is_kept_for_a_server_that_did_not_want_it() {
    let peer = Peer::listening(|listener| {
        let (stream, _) = listener.accept()?;
        Request::begin(&stream)?;
        answer(&stream, BUSY)?;
        let (stream, _) = listener.accept()?;
        let mut request = Request::begin(&stream)?;
        answer(&stream, "HTTP/1.1 100 Continue\r\n\r\n")?;
        super::read_until(&mut request, &stream, b"0\r\n\r\n")?;
        answer(&stream, CREATED)?;
        Ok(super::content(&request.body))
    });
    let mut upload = start([
        "--retry",
        "1",
        "--expect-continue",
        "--chunked",
        "-",
        &peer.url,
    ]);
    let mut stdin = upload.child.stdin.take().expect("it is piped");
    stdin.write_all(b"12345").expect("it reads");
    drop(stdin);
    upload.end().expect(0, 5, None, "ok (201 Created)");
    assert_eq!(peer.outcome(), (b"12345".to_vec(), true));
}

#[test]
fn the_pause_ends_with_everything_else() {
    let (_socket, address) = refusing();
    let url = format!("http://{address}/");
    // There is no time for a third attempt.
    let start = Instant::now();
    let ended = put_hello(&["--retry", "20", "--timeout", "1"], &url);
    ended.expect(7, 0, 5, "connection refused");
    expect_notes(
        &ended,
        &["connection refused; trying again in 0.5 s, 20 left"],
    );
    assert!(start.elapsed() < Duration::from_secs(10));

    let file = Scratch::new(b"12345");
    let arguments = ["--retry", "20"].map(OsStr::new);
    let arguments = [&arguments[..], &[file.as_ref(), OsStr::new(&url)]].concat();
    let (child, mut stderr) = watched(&arguments);
    let mut note = String::new();
    stderr.read_line(&mut note).expect("it says something");
    crate::examples::interrupt(&child);
    let line = line_of(child);
    assert_eq!((line.written, line.result.as_str()), (0, "canceled"));
}

#[test]
fn a_dead_server_costs_no_more_than_it_must() {
    // Ctrl-C between two attempts is as good as within one.
    let (read, has_read) = gate();
    let peer = Peer::new(move |stream| {
        Request::read(&stream)?;
        let _ = read.send(());
        let mut rest = Vec::new();
        (&stream).read_to_end(&mut rest)
    });
    let file = Scratch::new(b"12345");
    let arguments = ["--retry", "20"].map(OsStr::new);
    let upload = start([&arguments[..], &[file.as_ref(), OsStr::new(&peer.url)]].concat());
    has_read
        .recv_timeout(crate::examples::LIMIT)
        .expect("it arrives");
    upload.interrupt();
    let ended = upload.end();
    ended.expect(130, 5, 5, "canceled");
    assert_eq!(ended.stderr, "");
}
