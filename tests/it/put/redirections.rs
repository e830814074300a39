//! Redirections that are followed if asked for.

use std::ffi::OsStr;
use std::io::Write;

use super::{CREATED, answering, put, read_until, server, start};
use crate::examples::{Ended, Peer, Request, Scratch, answer};

/// `put OPTIONS FILE URL`, with five bytes in the file.
fn put_hello(options: &[&str], url: &str) -> Ended {
    let file = Scratch::new(b"12345");
    let arguments = [file.as_ref(), OsStr::new(url)];
    put(options.iter().map(OsStr::new).chain(arguments))
}

fn to(status: &str, location: &str) -> String {
    format!("HTTP/1.1 {status}\r\nLocation: {location}\r\nContent-Length: 3\r\n\r\nbye")
}

/// Answers one request so.
fn leading(status: &str, location: &str) -> Peer<Request> {
    let text = to(status, location);
    Peer::new(move |stream| {
        let request = Request::read(&stream)?;
        answer(&stream, &text)?;
        Ok(request)
    })
}

fn has(request: &Request, name: &str) -> bool {
    let mut lines = request.head.lines();
    lines.any(|line| line.starts_with(&format!("{name}:")))
}

#[test]
fn redirections_are_followed_if_asked_for() {
    for status in ["301 Moved", "302 Found", "307 Temporary", "308 Permanent"] {
        let there = answering(CREATED);
        let here = leading(status, &there.url);
        let ended = put_hello(&["-L"], &here.url);
        ended.expect(0, 5, 5, "ok (201 Created)");
        assert_eq!(ended.stderr, "");
        assert_eq!(here.outcome().body, b"12345");
        let request = there.outcome();
        assert!(
            request.head.starts_with("PUT /dir/file?a=b HTTP/1.1\r\n"),
            "{}",
            request.head
        );
        assert_eq!(request.body, b"12345");

        let here = leading(status, "http://name.invalid/");
        let ended = put_hello(&[], &here.url);
        ended.expect_answer(22, 5, 5, &format!("refused ({status})"), "bye\n");
    }
}

#[test]
fn a_relative_location_is_resolved() {
    const ELSEWHERE: &str =
        "HTTP/1.1 307 Elsewhere\r\nLocation: ../else/where?c#part\r\nContent-Length: 0\r\n\r\n";
    let peer = server(&[ELSEWHERE, CREATED]);
    let elsewhere = format!("http://{}/else/where?c", peer.address());
    let ended = put_hello(&["-Lv"], &peer.url);
    ended.expect(0, 5, 5, "ok (201 Created)");
    let line = format!("* 307 Temporary Redirect: redirected to {elsewhere}\n");
    assert!(ended.stderr.contains(&line), "{}", ended.stderr);
    let requests = peer.outcome();
    let line = "PUT /else/where?c HTTP/1.1\r\n";
    assert!(requests[1].head.starts_with(line), "{}", requests[1].head);
}

#[test]
fn another_server_is_not_told_secrets() {
    let there = answering(CREATED);
    let here = leading("307 Elsewhere", &there.url);
    let options = [
        "-L",
        "-u",
        "me:secret",
        "-H",
        "Cookie: a=b",
        "-H",
        "Host: my.host",
        "-H",
        "X-One: 1",
    ];
    put_hello(&options, &here.url).expect(0, 5, 5, "ok (201 Created)");
    let (first, second) = (here.outcome(), there.outcome());
    for name in ["authorization", "cookie"] {
        assert!(has(&first, name) && !has(&second, name), "{name}");
    }
    assert!(has(&second, "x-one"));
    assert!(!second.head.contains("my.host"), "{}", second.head);

    // The same server may know them.
    const ELSEWHERE: &str = "HTTP/1.1 307 Elsewhere\r\nLocation: /x\r\nContent-Length: 0\r\n\r\n";
    let peer = server(&[ELSEWHERE, CREATED]);
    put_hello(&options, &peer.url).expect(0, 5, 5, "ok (201 Created)");
    assert!(
        peer.outcome()
            .iter()
            .all(|request| has(request, "authorization"))
    );
}

#[test]
fn a_redirection_to_another_method_is_a_refusal() {
    let here = leading("303 See Other", "http://name.invalid/");
    let ended = put_hello(&["-L"], &here.url);
    ended.expect_answer(22, 5, 5, "refused (303 See Other)", "bye\n");
}

#[test]
fn redirections_without_end_are_told() {
    const ROUND: &str = "HTTP/1.1 307 Round\r\nLocation: /x\r\nContent-Length: 0\r\n\r\n";
    let peer = server(&[ROUND; 11]);
    let ended = put_hello(&["-L"], &peer.url);
    ended.expect(47, 5, 5, "too many redirections (307 Round)");
    assert_eq!(peer.outcome().len(), 11);
}

#[test]
fn redirections_to_nowhere_are_told() {
    let cannot = "the redirection cannot be followed";
    for (location, why) in [
        ("ftp://host/", "ftp: is neither http: nor https:"),
        ("http://host:99999/", "it is not a URL"),
    ] {
        let ended = put_hello(&["-L"], &leading("307 There", location).url);
        ended.expect(8, 5, 5, &format!("{cannot}: {why} (307 There)"));
    }
    let ended = put_hello(&["-L"], &leading("307 There", "http://name.invalid/").url);
    ended.expect(6, 0, 5, "cannot resolve name.invalid");
}

#[test]
fn what_comes_from_a_pipe_follows_only_if_it_was_not_sent() {
    let run = |options: &[&str], url: &str| {
        let arguments = ["-L", "--chunked"]
            .iter()
            .chain(options)
            .chain([&"-", &url]);
        let mut upload = start(arguments);
        let mut stdin = upload.child.stdin.take().expect("it is piped");
        stdin.write_all(b"12345").expect("it reads");
        drop(stdin);
        upload.end()
    };
    let whole = |stream: &std::net::TcpStream, text: &str| {
        let mut request = Request::begin(stream)?;
        read_until(&mut request, stream, b"0\r\n\r\n")?;
        answer(stream, text)
    };
    let text = to("307 There", "http://name.invalid/");
    let peer = Peer::new(move |stream| whole(&stream, &text));
    let ended = run(&[], &peer.url);
    ended.expect_answer(22, 5, None, "refused (307 There)", "bye\n");

    let there = Peer::new(move |stream| whole(&stream, CREATED));
    let text = to("307 There", &there.url);
    let here = Peer::new(move |stream| {
        Request::begin(&stream)?;
        answer(&stream, &text)
    });
    run(&["--expect-continue"], &here.url).expect(0, 5, None, "ok (201 Created)");
}
