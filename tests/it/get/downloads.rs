//! What `get` is for: bodies in every framing, heads, headers, data.

use std::io::Write;

use super::{
    HELLO, OK, answering, chunked, expect_content, get, get_file, has_line, message, start, whole,
};
use crate::examples::{Scratch, noise};

#[test]
fn without_arguments_it_downloads_from_a_server_of_its_own() {
    let ended = get([""; 0]);
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    assert!(ended.stdout.is_empty());
    let last = ended.stderr.lines().last();
    assert_eq!(last, Some("read 268435456 bytes: ok (200 OK)"));
    let seen = " MiB/s, 268435456 bytes as generated\n";
    assert!(ended.stderr.contains(seen), "{}", ended.stderr);
}

#[test]
fn a_body_arrives_whole() {
    let piece = 256 << 10;
    for len in [0, 1, 1000, piece, piece + 1, 3_000_000] {
        let body = noise(len);
        let peer = answering(whole(&body));
        let url = peer.url.clone();
        get([&url]).expect_body(0, &body, OK);
        let request = peer.outcome();
        let head = &request.head;
        assert!(head.starts_with("GET /dir/file?a=b HTTP/1.1\r\n"), "{head}");
        let host = url.split('/').nth(2).unwrap_or_default();
        assert!(has_line(&request, &format!("host: {host}")), "{head}");
        assert!(!head.to_lowercase().contains("content-"), "{head}");
        assert!(request.body.is_empty());
    }
}

#[test]
fn a_chunked_body_arrives_whole() {
    for (len, size) in [
        (0, 1),
        (1, 1),
        (10_000, 7),
        (1_000_000, 65_521),
        (300_000, 300_000),
    ] {
        let body = noise(len);
        let peer = answering(chunked(&body, size));
        get([&peer.url]).expect_body(0, &body, OK);
    }
}

#[test]
fn a_body_that_ends_with_the_connection_arrives_whole() {
    for head in ["HTTP/1.1 200 OK\r\n\r\n", "HTTP/1.0 200 OK\r\n\r\n"] {
        let body = noise(1_000_000);
        let peer = answering(message(head, &body));
        get([&peer.url]).expect_body(0, &body, OK);
    }
}

#[test]
fn a_file_is_replaced_by_what_arrives() {
    let file = Scratch::new(&noise(5000));
    let body = noise(1000);
    let peer = answering(whole(&body));
    let ended = get_file(&[], &file, &peer.url);
    ended.expect_read(0, 1000, OK);
    assert!(ended.stdout.is_empty());
    expect_content(&file, &body);
}

#[test]
fn a_file_is_made_where_there_is_none() {
    let file = Scratch::missing();
    let peer = answering(HELLO);
    get_file(&["--timeout", "50.5"], &file, &peer.url).expect_read(0, 5, OK);
    expect_content(&file, b"hello");
}

#[test]
fn a_dash_is_standard_output() {
    let peer = answering(HELLO);
    get(["-o", "-", &peer.url]).expect_body(0, b"hello", OK);
}

#[test]
fn the_head_comes_first_if_asked_for() {
    let peer = answering("HTTP/1.1 404 Nothing here\r\nX-One: 1\r\nContent-Length: 5\r\n\r\nhello");
    let ended = get(["-i", &peer.url]);
    ended.expect_read(22, 5, "refused (404 Nothing here)");
    let text = String::from_utf8_lossy(&ended.stdout);
    let (head, body) = text.split_once("\r\n\r\n").expect("there is a head");
    assert!(head.starts_with("HTTP/1.1 404 Nothing here\r\n"), "{head}");
    let head = head.to_lowercase();
    assert!(head.contains("\r\nx-one: 1"), "{head}");
    assert!(head.contains("\r\ncontent-length: 5"), "{head}");
    assert_eq!(body, "hello");
}

#[test]
fn head_has_no_body() {
    for framing in [
        "Content-Length: 5",
        "Transfer-Encoding: chunked",
        "X-Other: 5",
    ] {
        let peer = answering(format!("HTTP/1.1 200 OK\r\n{framing}\r\n\r\n"));
        let ended = get(["-i", "-X", "HEAD", &peer.url]);
        ended.expect_read(0, 0, OK);
        let head = String::from_utf8_lossy(&ended.stdout).to_lowercase();
        assert!(head.contains(&framing.to_lowercase()), "{head}");
        assert!(peer.outcome().head.starts_with("HEAD /dir/file?a=b "));
    }
}

#[test]
fn headers_are_sent_as_given() {
    let peer = answering(HELLO);
    get([
        "-H",
        "X-One: 1",
        "-H",
        "x-one:2 3 ",
        "-H",
        "User-Agent: me",
        "-H",
        "Host: else.where",
        "-H",
        "X-Empty:",
        &peer.url,
    ])
    .expect_body(0, b"hello", OK);
    let request = peer.outcome();
    for line in [
        "x-one: 1",
        "x-one: 2 3",
        "user-agent: me",
        "host: else.where",
        "x-empty: ",
    ] {
        assert!(has_line(&request, line), "{line}: {}", request.head);
    }
    let head = request.head.to_lowercase();
    for once in ["\r\nuser-agent:", "\r\nhost:"] {
        assert_eq!(head.matches(once).count(), 1, "{head}");
    }
}

#[test]
fn data_are_posted() {
    let data = noise(300_000);
    let file = Scratch::new(&data);
    let from_file = format!("@{}", file.0.display());
    let cases: [(&str, &[u8]); 4] = [("a=b", b"a=b"), ("-", b"-"), ("", b""), (&from_file, &data)];
    for (argument, body) in cases {
        let peer = answering(HELLO);
        get(["-d", argument, &peer.url]).expect_body(0, b"hello", OK);
        let request = peer.outcome();
        let head = &request.head;
        assert!(
            head.starts_with("POST /dir/file?a=b HTTP/1.1\r\n"),
            "{head}"
        );
        let length = format!("content-length: {}", body.len());
        let kind = "content-type: application/x-www-form-urlencoded";
        assert!(has_line(&request, &length), "{head}");
        assert!(has_line(&request, kind), "{head}");
        assert!(request.body == body, "{argument}");
    }
}

#[test]
fn data_come_from_standard_input_too() {
    let data = noise(1_000_000);
    let peer = answering(HELLO);
    let mut tool = start([
        "-d",
        "@-",
        "-X",
        "PUT",
        "-H",
        "Content-Type: a/b",
        &peer.url,
    ]);
    let mut stdin = tool.child.stdin.take().expect("it is piped");
    stdin.write_all(&data).expect("it reads");
    drop(stdin);
    tool.end().expect_body(0, b"hello", OK);
    let request = peer.outcome();
    assert!(request.head.starts_with("PUT "), "{}", request.head);
    assert!(has_line(&request, "content-type: a/b"), "{}", request.head);
    assert!(request.body == data);
}
