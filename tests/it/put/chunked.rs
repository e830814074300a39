//! Uploads in chunks.

use std::fs;
use std::io::{Read, Write};
use std::sync::mpsc::Receiver;

use super::{CREATED, LARGE, TOO_LARGE, answering_chunks, content, put, read_until, start};
use crate::examples::{LIMIT, Peer, Request, Scratch, answer, gate, noise};

/// Reads a body to the end of the stream, having begun with it.
fn cut_chunks() -> (Peer<(Vec<u8>, bool)>, Receiver<()>) {
    let (begun, has_begun) = gate();
    let peer = Peer::new(move |mut stream| {
        let mut request = Request::begin(&stream)?;
        read_until(&mut request, &stream, b"hello\r\n")?;
        let _ = begun.send(());
        stream.read_to_end(&mut request.body)?;
        Ok(content(&request.body))
    });
    (peer, has_begun)
}

#[test]
fn a_file_arrives_whole_in_chunks() {
    let piece = 256 << 10;
    for len in [1, 1000, piece, piece + 1, 3_000_000] {
        let sent = noise(len);
        let file = Scratch::new(&sent);
        let peer = answering_chunks(CREATED);
        let ended = put(["--chunked".as_ref(), file.as_ref(), peer.url.as_ref()]);
        ended.expect(0, len as u64, None, "ok (201 Created)");
        assert_eq!(ended.stderr, "");
        let request = peer.outcome();
        assert!(content(&request.body) == (sent, true), "{len} bytes");
        let head = request.head.to_lowercase();
        assert!(
            head.contains("\r\ntransfer-encoding: chunked\r\n"),
            "{head}"
        );
        assert!(!head.contains("content-length"), "{head}");
    }
}

#[test]
fn nothing_is_a_body_in_chunks_too() {
    let file = Scratch::new(b"");
    let peer = Peer::new(|stream| {
        let mut request = Request::begin(&stream)?;
        read_until(&mut request, &stream, b"0\r\n\r\n")?;
        answer(&stream, CREATED)?;
        Ok(request.body)
    });
    let ended = put(["--chunked".as_ref(), file.as_ref(), peer.url.as_ref()]);
    ended.expect(0, 0, None, "ok (201 Created)");
    assert_eq!(peer.outcome(), b"0\r\n\r\n");
}

#[test]
fn standard_input_goes_out_as_it_comes() {
    let (read, has_read) = gate();
    let peer = Peer::new(move |stream| {
        let mut request = Request::begin(&stream)?;
        for end in [&b"hello\r\n"[..], b"world\r\n"] {
            read_until(&mut request, &stream, end)?;
            let _ = read.send(());
        }
        read_until(&mut request, &stream, b"0\r\n\r\n")?;
        answer(&stream, CREATED)?;
        Ok(content(&request.body))
    });
    let mut upload = start(["--chunked", "-", &peer.url]);
    let mut stdin = upload.child.stdin.take().expect("it is piped");
    for part in ["hello", "world"] {
        stdin.write_all(part.as_bytes()).expect("it reads");
        // Though more may come.
        has_read.recv_timeout(LIMIT).expect("it arrives");
    }
    drop(stdin);
    upload.end().expect(0, 10, None, "ok (201 Created)");
    assert_eq!(peer.outcome(), (b"helloworld".to_vec(), true));
}

#[test]
fn a_fifo_can_be_sent_in_chunks() {
    let fifo = Scratch::fifo();
    let sent = noise(300_000);
    let peer = answering_chunks(CREATED);
    let upload = start(["--chunked".as_ref(), fifo.as_ref(), peer.url.as_ref()]);
    fs::write(&fifo.0, &sent).expect("it reads");
    upload.end().expect(0, 300_000, None, "ok (201 Created)");
    assert!(content(&peer.outcome().body) == (sent, true));
}

#[test]
fn what_cannot_be_sent_in_chunks_is_told() {
    let url = "http://127.0.0.1:9/";
    let result = "cannot read there/is/none: there is no such file";
    put(["--chunked", "there/is/none", url]).expect(26, 0, None, result);
    let directory = std::env::temp_dir();
    let result = format!("{} is a directory", directory.display());
    put(["--chunked".as_ref(), directory.as_os_str(), url.as_ref()]).expect(26, 0, None, &result);
}

#[test]
fn chunks_that_are_cut_do_not_look_whole() {
    let (peer, has_begun) = cut_chunks();
    let mut upload = start(["--chunked", "-", &peer.url]);
    let mut stdin = upload.child.stdin.take().expect("it is piped");
    stdin.write_all(b"hello").expect("it reads");
    has_begun.recv_timeout(LIMIT).expect("the upload begins");
    upload.interrupt();
    upload.end().expect(130, 5, None, "canceled");
    assert_eq!(peer.outcome(), (b"hello".to_vec(), false));
    drop(stdin);

    let (peer, has_begun) = cut_chunks();
    let mut upload = start(["--chunked", "--timeout", "0.5", "-", &peer.url]);
    let mut stdin = upload.child.stdin.take().expect("it is piped");
    stdin.write_all(b"hello").expect("it reads");
    has_begun.recv_timeout(LIMIT).expect("the upload begins");
    upload.end().expect(28, 5, None, "timed out");
    assert_eq!(peer.outcome(), (b"hello".to_vec(), false));
    drop(stdin);
}

#[test]
fn an_early_refusal_ends_an_upload_in_chunks() {
    let file = Scratch::sparse(LARGE);
    let (go_on, told) = gate();
    let peer = Peer::new(move |mut stream| {
        let mut request = Request::begin(&stream)?;
        answer(&stream, TOO_LARGE)?;
        let _ = told.recv();
        stream.read_to_end(&mut request.body)?;
        Ok(content(&request.body))
    });
    let ended = put(["--chunked".as_ref(), file.as_ref(), peer.url.as_ref()]);
    let _ = go_on.send(());
    let (content, is_whole) = peer.outcome();
    let (written, result) = (content.len() as u64, "refused (413 Payload Too Large)");
    ended.expect_answer(22, written, None, result, "large\n");
    assert!(!is_whole);
}
