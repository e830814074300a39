//! What `put` is for: files of any size, and standard input.

use std::ffi::OsStr;
use std::io::Write;
use std::net::TcpListener;

use super::{CREATED, answering, put, put_file, start};
use crate::examples::{Peer, Request, Scratch, answer, noise};

#[test]
fn without_arguments_it_uploads_to_a_server_of_its_own() {
    let ended = put([""; 0]);
    ended.expect(0, 256 << 20, 256 << 20, "ok (201 Created)");
    let seen = "268435456 bytes of body, all as generated; it answered 201 Created";
    assert!(ended.stderr.contains(seen), "{}", ended.stderr);
}

#[test]
fn a_file_arrives_whole() {
    let piece = 256 << 10;
    for len in [0, 1, 1000, piece, piece + 1, 3_000_000] {
        let content = noise(len);
        let file = Scratch::new(&content);
        let peer = answering(CREATED);
        let url = peer.url.clone();
        let ended = put_file(&file, &url);
        ended.expect(0, len as u64, len as u64, "ok (201 Created)");
        assert_eq!(ended.stderr, "", "no progress where nobody watches");
        let request = peer.outcome();
        assert!(request.body == content, "{len} bytes");
        let head = request.head.to_lowercase();
        assert!(head.starts_with("put /dir/file?a=b http/1.1\r\n"), "{head}");
        let host = url.split('/').nth(2).unwrap_or_default();
        assert!(head.contains(&format!("\r\nhost: {host}\r\n")), "{head}");
        assert!(
            head.contains(&format!("\r\ncontent-length: {len}\r\n")),
            "{head}"
        );
    }
}

#[test]
fn pieces_of_any_size_and_number_make_the_same_body() {
    let content = noise(100_003);
    let file = Scratch::new(&content);
    for (buffer, depth) in [
        ("1000", "1"),
        ("7001", "3"),
        ("100003", "4096"),
        ("999999999", "1"),
    ] {
        let peer = answering(CREATED);
        let url = peer.url.clone();
        let arguments = ["--buffer", buffer, "--depth", depth, "--timeout", "50.5"].map(OsStr::new);
        let ended = put([&arguments[..], &[file.as_ref(), url.as_ref()]].concat());
        ended.expect(0, 100_003, 100_003, "ok (201 Created)");
        assert!(peer.outcome().body == content, "{buffer} {depth}");
    }
}

#[test]
fn standard_input_is_a_file_too() {
    let content = noise(1_000_000);
    let peer = answering(CREATED);
    let mut upload = start(["-", &peer.url]);
    let mut stdin = upload.child.stdin.take().expect("it is piped");
    stdin.write_all(&content).expect("it reads");
    drop(stdin);
    upload
        .end()
        .expect(0, 1_000_000, 1_000_000, "ok (201 Created)");
    assert!(peer.outcome().body == content);
}

#[test]
fn ipv6_literals_are_understood() {
    let serve = |listener: TcpListener| {
        let (stream, _) = listener.accept()?;
        let request = Request::read(&stream)?;
        answer(&stream, CREATED)?;
        Ok(request)
    };
    let Ok(peer) = Peer::at("[::1]:0", serve) else {
        return; // This machine has no IPv6.
    };
    let file = Scratch::new(b"hello");
    put_file(&file, &peer.url).expect(0, 5, 5, "ok (201 Created)");
    let head = peer.outcome().head.to_lowercase();
    assert!(head.contains("\r\nhost: [::1]:"), "{head}");
}
