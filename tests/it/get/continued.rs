//! Downloads that are continued.

use std::fs;

use super::{HELLO, OK, answering, expect_content, get_file, has_line, part, whole};
use crate::examples::{Scratch, noise};

#[test]
fn a_download_is_continued_where_it_ended() {
    let all = noise(5000);
    let file = Scratch::new(&all[..1000]);
    let peer = answering(part(&all, 1000, 5000));
    let ended = get_file(&["-C"], &file, &peer.url);
    ended.expect_read(0, 4000, "ok (206 Partial Content)");
    expect_content(&file, &all);
    let request = peer.outcome();
    assert!(has_line(&request, "range: bytes=1000-"), "{}", request.head);
}

#[test]
fn it_is_continued_until_it_is_whole() {
    let all = noise(5000);
    let file = Scratch::missing();
    // Cut on the way, then in three parts, of which the server chooses one.
    let first = answering(&whole(&all)[..2000]);
    let ended = get_file(&["-C"], &file, &first.url);
    let had = fs::read(&file.0).expect("it was made").len();
    ended.expect_read(56, had, &format!("incomplete ({had} of 5000 bytes)"));
    let head = first.outcome().head.to_lowercase();
    assert!(!head.contains("\r\nrange:"), "{head}");

    let second = answering(part(&all, had, 3000));
    let ended = get_file(&["-C"], &file, &second.url);
    ended.expect_read(56, 3000 - had, "incomplete (3000 of 5000 bytes)");

    let mut text = part(&all, 3000, 5000);
    text.truncate(text.len() - 1000);
    let ended = get_file(&["-C"], &file, &answering(text).url);
    ended.expect_read(56, 1000, "incomplete (1000 of 2000 bytes)");

    let ended = get_file(&["-C"], &file, &answering(part(&all, 4000, 5000)).url);
    ended.expect_read(0, 1000, "ok (206 Partial Content)");
    expect_content(&file, &all);
}

#[test]
fn a_server_that_sends_all_of_it_starts_over() {
    let file = Scratch::new(&noise(5000));
    get_file(&["-C"], &file, &answering(HELLO).url).expect_read(0, 5, OK);
    expect_content(&file, b"hello");
}

#[test]
fn what_is_complete_stays() {
    let content = noise(5000);
    let file = Scratch::new(&content);
    let peer = answering(
        "HTTP/1.1 416 Range Not Satisfiable\r\nContent-Range: bytes */5000\r\n\
         Content-Length: 5\r\n\r\nsorry",
    );
    let ended = get_file(&["-C"], &file, &peer.url);
    ended.expect_read(0, 0, "ok (416 Range Not Satisfiable)");
    expect_content(&file, &content);
}

#[test]
fn nothing_wrong_gets_into_a_file_that_is_continued() {
    let all = noise(5000);
    let refused = |status: &str, headers: &str| {
        format!("HTTP/1.1 {status}\r\n{headers}Content-Length: 5\r\n\r\nsorry").into_bytes()
    };
    let partial = |headers: &str| refused("206 Partial Content", headers);
    let unsaid = "the server does not say which part it sends (206 Partial Content)";
    let cases = [
        (
            refused(
                "416 Range Not Satisfiable",
                "Content-Range: bytes */900\r\n",
            ),
            22,
            "refused (416 Range Not Satisfiable)",
        ),
        (
            refused("416 Range Not Satisfiable", ""),
            22,
            "refused (416 Range Not Satisfiable)",
        ),
        (refused("404 Not Found", ""), 22, "refused (404 Not Found)"),
        (
            refused("302 Found", "Location: /\r\n"),
            22,
            "refused (302 Found)",
        ),
        (
            part(&all, 999, 5000),
            33,
            "the server continues at byte 999 instead of 1000 (206 Partial Content)",
        ),
        (
            part(&all, 0, 5000),
            33,
            "the server continues at byte 0 instead of 1000 (206 Partial Content)",
        ),
        (partial(""), 33, unsaid),
        (partial("Content-Range: bytes 1000-\r\n"), 33, unsaid),
        (
            partial("Content-Range: bytes +1000-1004/5000\r\n"),
            33,
            unsaid,
        ),
        (
            partial("Content-Range: bytes 1000-999/5000\r\n"),
            33,
            unsaid,
        ),
        (
            partial("Content-Range: bytes 1000-1004/1002\r\n"),
            33,
            unsaid,
        ),
        (partial("Content-Range: bytes */5000\r\n"), 33, unsaid),
        (
            partial("Content-Range: lines 1000-1004/5000\r\n"),
            33,
            unsaid,
        ),
        (
            partial("Content-Range: bytes 1000-18446744073709551615/*\r\n"),
            33,
            unsaid,
        ),
        (
            partial("Content-Range: bytes 1000-1003/5000\r\n"),
            33,
            "the server sends more than it says",
        ),
        (b"".to_vec(), 52, "closed without an answer"),
    ];
    let file = Scratch::new(&all[..1000]);
    for (text, code, result) in cases {
        get_file(&["-C"], &file, &answering(text).url).expect_read(code, 0, result);
        expect_content(&file, &all[..1000]);
    }
}

#[test]
fn a_part_that_is_shorter_than_it_says_is_incomplete() {
    let file = Scratch::new(b"01234");
    let peer = answering(
        "HTTP/1.1 206 Partial Content\r\nContent-Range: bytes 5-9/*\r\n\
         Content-Length: 3\r\n\r\n567",
    );
    get_file(&["-C"], &file, &peer.url).expect_read(56, 3, "incomplete (8 of 10 bytes)");
    expect_content(&file, b"01234567");
}
