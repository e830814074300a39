//! Redirections that are followed if asked for.

use std::io::Write;

use super::{HELLO, OK, answering, expect_content, get, get_file, has_line, part, server};
use crate::examples::{Peer, Request, Scratch, answer, noise};

/// Without a body, which would cost the connection.
const ELSEWHERE: &str =
    "HTTP/1.1 302 Found\r\nLocation: ../else/where\r\nContent-Length: 0\r\n\r\n";

#[test]
fn redirections_are_followed_if_asked_for() {
    // To another server, and there along one connection.
    let there = Peer::new(|stream| {
        let mut lines = Vec::new();
        for text in [ELSEWHERE, HELLO] {
            let request = Request::read(&stream)?;
            lines.extend(request.head.lines().next().map(str::to_owned));
            answer(&stream, text)?;
        }
        Ok(lines)
    });
    let far = there.url.clone();
    let here = |far: &str| {
        answering(format!(
            "HTTP/1.1 301 Moved Permanently\r\nLocation: {far}\r\nContent-Length: 3\r\n\r\nbye"
        ))
    };
    get([&here(&far).url]).expect_body(22, b"bye", "refused (301 Moved Permanently)");
    get(["-L", &here(&far).url]).expect_body(0, b"hello", OK);
    let lines = ["GET /dir/file?a=b HTTP/1.1", "GET /else/where HTTP/1.1"];
    assert_eq!(there.outcome(), lines);
}

#[test]
fn each_exchange_follows_its_redirections() {
    let peer = Peer::new(|stream| {
        for text in [ELSEWHERE, HELLO, ELSEWHERE, HELLO] {
            Request::read(&stream)?;
            answer(&stream, text)?;
        }
        Ok(())
    });
    let ended = get(["-L", "--repeat", "2", &peer.url]);
    ended.expect_body(0, b"hellohello", OK);
    peer.outcome();
}

#[test]
fn a_download_is_continued_elsewhere_too() {
    let all = noise(5000);
    let file = Scratch::new(&all[..1000]);
    let rest = part(&all, 1000, 5000);
    let peer = Peer::new(move |stream| {
        Request::read(&stream)?;
        answer(&stream, ELSEWHERE)?;
        let request = Request::read(&stream)?;
        (&stream).write_all(&rest)?;
        Ok(request)
    });
    let ended = get_file(&["-L", "-C"], &file, &peer.url);
    ended.expect_read(0, 4000, "ok (206 Partial Content)");
    expect_content(&file, &all);
    let request = peer.outcome();
    assert!(has_line(&request, "range: bytes=1000-"), "{}", request.head);
}

#[test]
fn redirections_without_end_are_told() {
    let file = Scratch::new(b"hello");
    let peer = server(&[(ELSEWHERE, 11)]);
    let ended = get_file(&["-L"], &file, &peer.url);
    ended.expect_read(47, 0, "too many redirections");
    assert_eq!(peer.outcome().len(), 11);
    expect_content(&file, b"hello");
}

#[test]
fn redirections_to_nowhere_are_told() {
    let cases = [
        (
            "ftp://host/",
            8,
            "the answer cannot be used: Location is neither http nor https",
        ),
        ("", 22, "refused (302 Found)"),
        ("http://name.invalid/", 6, "cannot resolve name.invalid"),
    ];
    for (location, code, result) in cases {
        let text =
            format!("HTTP/1.1 302 Found\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n");
        get(["-L", &answering(text).url]).expect_body(code, b"", result);
    }
}
