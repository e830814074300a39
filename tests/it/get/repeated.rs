//! Several exchanges.

use std::io::Read;

use super::{HELLO, OK, expect_content, get, get_file, has_line, server};
use crate::examples::{Peer, Request, Scratch, answer, gate};

#[test]
fn it_is_repeated_over_one_connection() {
    const CHUNKED: &str =
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n";
    for text in [HELLO, CHUNKED] {
        let peer = server(&[(text, 20)]);
        let ended = get(["--repeat", "20", "-d", "data", &peer.url]);
        ended.expect_body(0, "hello".repeat(20).as_bytes(), OK);
        let requests = peer.outcome();
        let (last, others) = requests.split_last().expect("there are 20");
        assert!(has_line(last, "connection: close"), "{}", last.head);
        for request in others {
            assert!(!has_line(request, "connection: close"), "{}", request.head);
            assert_eq!(request.body, b"data");
        }
    }
}

#[test]
fn it_connects_again_when_the_server_says_that_it_closes() {
    // In words, by the version, by the way the body ends. Data are not sent on the off-chance.
    let peer = server(&[
        (
            "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 5\r\n\r\nhello",
            1,
        ),
        ("HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\nhello", 1),
        ("HTTP/1.1 200 OK\r\n\r\nhello", 1),
        (HELLO, 1),
    ]);
    let ended = get(["--repeat", "4", "-d", "data", &peer.url]);
    ended.expect_body(0, "hello".repeat(4).as_bytes(), OK);
    assert_eq!(peer.outcome().len(), 4);
}

#[test]
fn it_connects_again_when_the_server_closes_without_a_word() {
    let peer = server(&[(HELLO, 2), (HELLO, 1)]);
    let ended = get(["--repeat", "3", &peer.url]);
    ended.expect_body(0, "hello".repeat(3).as_bytes(), OK);
    assert_eq!(peer.outcome().len(), 3);
}

#[test]
fn a_file_takes_the_bodies_of_all_exchanges() {
    let file = Scratch::new(b"old, and longer than what comes, all of it");
    let peer = server(&[(HELLO, 3)]);
    get_file(&["--repeat", "3"], &file, &peer.url).expect_read(0, 15, OK);
    expect_content(&file, b"hellohellohello");
}

#[test]
fn what_may_have_been_done_is_not_done_again() {
    let (go_on, told) = gate();
    let peer = Peer::listening(move |listener| {
        let (stream, _) = listener.accept()?;
        Request::read(&stream)?;
        answer(&stream, HELLO)?;
        Request::read(&stream)?;
        drop(stream); // Without an answer.
        let _ = told.recv();
        listener.set_nonblocking(true)?;
        Ok(listener.accept().is_ok())
    });
    let ended = get(["--repeat", "3", "-d", "data", &peer.url]);
    ended.expect_body(52, b"hello", "closed without an answer");
    let _ = go_on.send(());
    assert!(!peer.outcome(), "it connected again");
}

#[test]
fn the_first_refusal_is_the_last_exchange() {
    let peer = Peer::new(|stream| {
        Request::read(&stream)?;
        answer(&stream, HELLO)?;
        Request::read(&stream)?;
        answer(
            &stream,
            "HTTP/1.1 503 Busy\r\nContent-Length: 4\r\n\r\nbusy",
        )?;
        let mut rest = Vec::new();
        (&stream).read_to_end(&mut rest)?;
        Ok(rest)
    });
    let ended = get(["--repeat", "5", &peer.url]);
    ended.expect_body(22, b"hellobusy", "refused (503 Busy)");
    assert!(peer.outcome().is_empty(), "it asked again");
}
