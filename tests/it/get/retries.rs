//! Further attempts, where they do no harm.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::process::{Command, Stdio};
use std::time::Duration;

use super::{
    HELLO, OK, answering, expect_content, get, get_file, has_line, message, part, server, whole,
};
use crate::examples::{Ended, Peer, Request, Scratch, answer, binary, noise};
use crate::site::refusing;

const BUSY: &str = "HTTP/1.1 503 Busy\r\nConnection: close\r\nContent-Length: 4\r\n\r\nbusy";

/// What comes before the last line is these notes.
#[track_caller]
fn expect_notes(ended: &Ended, notes: &[&str], last: &str) {
    let lines: Vec<_> = ended.stderr.lines().collect();
    let notes = notes.iter().map(|note| format!("get: {note}"));
    let expected: Vec<_> = notes.chain([last.to_owned()]).collect();
    assert_eq!(lines, expected);
}

/// For each connection, what is said over it, before it closes.
fn saying(answers: Vec<Vec<u8>>) -> Peer<Vec<Request>> {
    Peer::listening(move |listener| {
        let serve = |text: Vec<u8>| {
            let (stream, _) = listener.accept()?;
            let request = Request::read(&stream)?;
            (&stream).write_all(&text)?;
            Ok(request)
        };
        answers.into_iter().map(serve).collect()
    })
}

fn tagged(tag: &str, body: &[u8]) -> Vec<u8> {
    let length = body.len();
    let head = format!("HTTP/1.1 200 OK\r\n{tag}\r\nContent-Length: {length}\r\n\r\n");
    message(&head, body)
}

#[test]
fn a_server_that_is_busy_is_asked_again() {
    let peer = server(&[(BUSY, 1), ("HTTP/1.1 429 Slow down\r\n\r\n", 1), (HELLO, 1)]);
    let ended = get(["--retry", "2", &peer.url]);
    assert_eq!((ended.code, &*ended.stdout), (Some(0), &b"hello"[..]));
    let notes = [
        "refused (503 Busy); trying again in 0.5 s, 2 left",
        "refused (429 Slow down); trying again in 1.0 s, 1 left",
    ];
    expect_notes(&ended, &notes, "read 5 bytes: ok (200 OK)");
    assert!(
        ended.time >= Duration::from_millis(1500),
        "{:?}",
        ended.time
    );
    assert_eq!(peer.outcome().len(), 3);
}

#[test]
fn the_last_attempt_is_told() {
    let peer = server(&[(BUSY, 1), (BUSY, 1)]);
    let ended = get(["--retry", "1", &peer.url]);
    assert_eq!((ended.code, &*ended.stdout), (Some(22), &b"busy"[..]));
    let note = "refused (503 Busy); trying again in 0.5 s, 1 left";
    expect_notes(&ended, &[note], "read 4 bytes: refused (503 Busy)");
    get([&answering(BUSY).url]).expect_body(22, b"busy", "refused (503 Busy)");
}

#[test]
fn what_will_not_pass_is_not_tried_again() {
    for (text, code, result) in [
        (
            "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n",
            22,
            "refused (404 Not Found)",
        ),
        ("SSH-2.0-OpenSSH_9.9\r\n", 8, "the answer is not HTTP/1"),
    ] {
        get(["--retry", "3", &answering(text).url]).expect_body(code, b"", result);
    }
    let url = "http://127.0.0.1:9/";
    let result = "cannot write no/such/place: there is no such directory";
    get(["--retry", "3", "-o", "no/such/place", url]).expect_body(23, b"", result);
}

#[test]
fn what_may_have_been_done_is_not_done_again() {
    for (text, code, body, result) in [
        ("", 52, "", "closed without an answer"),
        (BUSY, 22, "busy", "refused (503 Busy)"),
    ] {
        let peer = answering(text);
        let ended = get(["--retry", "3", "-d", "data", &peer.url]);
        ended.expect_body(code, body.as_bytes(), result);
    }
    // Behind a redirection nobody can tell.
    let (_socket, address) = refusing();
    let text =
        format!("HTTP/1.1 307 There\r\nLocation: http://{address}/\r\nContent-Length: 0\r\n\r\n");
    let ended = get(["-L", "--retry", "3", "-d", "data", &answering(text).url]);
    ended.expect_body(7, b"", "connection refused");
}

#[test]
fn a_server_that_is_not_there_yet_is_waited_for() {
    // Nothing went out: so it may be tried again, whatever it is.
    let (socket, address) = refusing();
    let mut child = Command::new(binary("get"))
        .args(["--retry", "20", "-d", "data", &format!("http://{address}/")])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("get starts");
    let mut stderr = BufReader::new(child.stderr.take().expect("it is piped"));
    let mut note = String::new();
    stderr.read_line(&mut note).expect("it says something");
    assert_eq!(
        note,
        "get: connection refused; trying again in 0.5 s, 20 left\n"
    );
    socket.listen(8).expect("it can");
    let (stream, _) = TcpListener::from(socket).accept().expect("it connects");
    let request = Request::read(&stream).expect("a request");
    assert_eq!(request.body, b"data");
    answer(&stream, HELLO).expect("it listens");
    let output = child.wait_with_output().expect("it can be waited for");
    assert_eq!(
        (output.status.code(), &*output.stdout),
        (Some(0), &b"hello"[..])
    );
}

#[test]
fn a_file_that_was_cut_is_continued() {
    let all = noise(5000);
    for tag in [
        "ETag: \"one\"",
        "Last-Modified: Sun, 06 Nov 1994 08:49:37 GMT",
    ] {
        let mut first = tagged(tag, &all);
        first.truncate(first.len() - 4000);
        let mut second = part(&all, 1000, 5000);
        second.truncate(second.len() - 2000);
        let peer = saying(vec![first, second, part(&all, 3000, 5000)]);
        let file = Scratch::new(b"old");
        let ended = get_file(&["--retry", "2"], &file, &peer.url);
        assert_eq!(ended.code, Some(0), "{}", ended.stderr);
        let notes = [
            "incomplete (1000 of 5000 bytes); trying again in 0.5 s, 2 left",
            "incomplete (2000 of 4000 bytes); trying again in 1.0 s, 1 left",
        ];
        expect_notes(&ended, &notes, "read 5000 bytes: ok (206 Partial Content)");
        expect_content(&file, &all);
        let requests = peer.outcome();
        let (_, value) = tag.split_once(' ').expect("it is a header");
        for (request, range) in requests.iter().skip(1).zip(["bytes=1000-", "bytes=3000-"]) {
            assert!(
                has_line(request, &format!("range: {range}")),
                "{}",
                request.head
            );
            assert!(
                has_line(request, &format!("if-range: {value}")),
                "{}",
                request.head
            );
        }
    }
}

#[test]
fn a_file_that_has_changed_begins_again() {
    let (old, new) = (noise(5000), noise(3000));
    let mut first = tagged("ETag: \"one\"", &old);
    first.truncate(first.len() - 1000);
    let peer = saying(vec![first, tagged("ETag: \"two\"", &new)]);
    let file = Scratch::missing();
    let ended = get_file(&["--retry", "1"], &file, &peer.url);
    let note = "incomplete (4000 of 5000 bytes); trying again in 0.5 s, 1 left";
    expect_notes(&ended, &[note], "read 3000 bytes: ok (200 OK)");
    expect_content(&file, &new);
}

#[test]
fn a_file_that_cannot_be_told_from_another_begins_again() {
    // A weak tag does not tell it.
    for tag in ["X-No: tag", "ETag: W/\"weak\""] {
        let all = noise(5000);
        let mut first = tagged(tag, &all);
        first.truncate(first.len() - 1000);
        let peer = saying(vec![first, whole(&all)]);
        let file = Scratch::missing();
        let ended = get_file(&["--retry", "1", "-i"], &file, &peer.url);
        assert_eq!(ended.code, Some(0), "{}", ended.stderr);
        let last = ended.stderr.lines().last();
        assert_eq!(last, Some("read 5000 bytes: ok (200 OK)"));
        let head = b"HTTP/1.1 200 OK\r\ncontent-length: 5000\r\n\r\n";
        expect_content(&file, &message(std::str::from_utf8(head).unwrap(), &all));
        let request = peer.outcome().pop().expect("there are two");
        assert!(!request.head.contains("range"), "{}", request.head);
    }
}

#[test]
fn what_is_no_whole_begins_again() {
    let all = noise(5000);
    // The user's own range is asked for again.
    let mut first = part(&all, 0, 3000);
    let at = first.len() - 3000;
    first.splice(at - 2..at - 2, *b"ETag: \"one\"\r\n");
    first.truncate(first.len() - 1000);
    let peer = saying(vec![first, part(&all, 0, 3000)]);
    let file = Scratch::missing();
    let options = ["--retry", "1", "-H", "Range: bytes=0-2999"];
    let ended = get_file(&options, &file, &peer.url);
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    expect_content(&file, &all[..3000]);
    for request in peer.outcome() {
        assert!(
            has_line(&request, "range: bytes=0-2999"),
            "{}",
            request.head
        );
    }
    // A page that says what is wrong is not continued.
    let cut = "HTTP/1.1 404 Not Found\r\nETag: \"one\"\r\nContent-Length: 10\r\n\r\nsorry";
    let peer = saying(vec![cut.into(), whole(&all)]);
    let ended = get_file(&["--retry", "1"], &file, &peer.url);
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    expect_content(&file, &all);
    let second = peer.outcome().pop().expect("there are two");
    assert!(!second.head.contains("range"), "{}", second.head);
}

#[test]
fn a_head_in_front_is_not_lost_when_a_file_is_continued() {
    let all = noise(5000);
    let mut first = tagged("ETag: \"one\"", &all);
    first.truncate(first.len() - 1000);
    let peer = saying(vec![first, part(&all, 4000, 5000)]);
    let file = Scratch::missing();
    let ended = get_file(&["--retry", "1", "-i"], &file, &peer.url);
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    let head = "HTTP/1.1 200 OK\r\netag: \"one\"\r\ncontent-length: 5000\r\n\r\n";
    expect_content(&file, &message(head, &all));
}

#[test]
fn what_is_continued_goes_on_after_a_cut() {
    let all = noise(5000);
    let file = Scratch::new(&all[..1000]);
    let mut first = part(&all, 1000, 5000);
    first.truncate(first.len() - 1500);
    let peer = saying(vec![first, part(&all, 3500, 5000)]);
    let ended = get_file(&["-C", "--retry", "1"], &file, &peer.url);
    let note = "incomplete (2500 of 4000 bytes); trying again in 0.5 s, 1 left";
    expect_notes(&ended, &[note], "read 4000 bytes: ok (206 Partial Content)");
    expect_content(&file, &all);
}

#[test]
fn what_was_shown_is_not_shown_again() {
    let cut = "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello";
    let ended = get(["--retry", "3", &answering(cut).url]);
    ended.expect_body(56, b"hello", "incomplete (5 of 10 bytes)");
    // If nothing was, it may be.
    let peer = server(&[("", 1), (HELLO, 1)]);
    let ended = get(["--retry", "3", &peer.url]);
    assert_eq!((ended.code, &*ended.stdout), (Some(0), &b"hello"[..]));
    let note = "closed without an answer; trying again in 0.5 s, 3 left";
    expect_notes(&ended, &[note], &format!("read 5 bytes: {OK}"));
}

#[test]
fn the_pause_ends_with_everything_else() {
    let (_socket, address) = refusing();
    let ended = get(["--retry", "20", "-m", "1", &format!("http://{address}/")]);
    let note = "connection refused; trying again in 0.5 s, 20 left";
    expect_notes(&ended, &[note], "read 0 bytes: connection refused");
    assert_eq!(ended.code, Some(7));

    let mut child = Command::new(binary("get"))
        .args(["--retry", "20", &format!("http://{address}/")])
        .stderr(Stdio::piped())
        .spawn()
        .expect("get starts");
    let mut stderr = BufReader::new(child.stderr.take().expect("it is piped"));
    let mut line = String::new();
    stderr.read_line(&mut line).expect("it says something");
    crate::examples::interrupt(&child);
    line.clear();
    stderr.read_line(&mut line).expect("it says something");
    assert_eq!(line, "read 0 bytes: canceled\n");
    assert_eq!(child.wait().expect("it ends").code(), Some(130));
}
