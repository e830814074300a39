//! What has come of a body when it is passed on goes with the head, in one call; and if that does not go, it is
//! there again.

use std::net::Shutdown;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use http_aio::http::Request;
use http_aio::testing::memory::{Faults, MemoryStream};
use http_aio::transport::Transport;
use http_aio::{Aio, BodyFraming, Conn, ErrorKind};

use super::{prompt, say};
use crate::support::hooks::{Hooks, hooked_pair};
use crate::support::*;

/// A receiver, and the number of its writes.
fn counted() -> (Conn, MemoryStream, Arc<AtomicUsize>) {
    let writes = Arc::new(AtomicUsize::new(0));
    let theirs = Arc::clone(&writes);
    let hooks = Hooks {
        before_write: Some(Box::new(move || {
            theirs.fetch_add(1, Ordering::SeqCst);
        })),
        ..Hooks::default()
    };
    let (conn, peer, _) = hooked_pair(1 << 20, Faults::none(), hooks);
    (conn, peer, writes)
}

/// A sender that has said this, of which the head is read.
fn sender(said: &str) -> (Conn, MemoryStream, Request<()>) {
    let (from, peer) = memory_pair(1 << 20, Faults::none());
    say(&peer, said);
    let request = settle(from.read_request(prompt())).unwrap();
    (from, peer, request)
}

const NEXT: &str = "GET /next HTTP/1.1\r\nHost: h\r\n\r\n";

#[test]
fn a_small_message_goes_in_one_call() {
    for (said, sent) in [
        (
            "Content-Length: 5\r\n\r\nhello",
            "content-length: 5\r\n\r\nhello",
        ),
        // What is there as a whole has a length.
        (
            "Transfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n2\r\nlo\r\n0\r\n\r\n",
            "content-length: 5\r\n\r\nhello",
        ),
        (
            "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            "content-length: 0\r\n\r\n",
        ),
        ("\r\n", "content-length: 0\r\n\r\n"),
    ] {
        for next in ["", NEXT] {
            let (from, _peer, request) =
                sender(&format!("POST / HTTP/1.1\r\nHost: h\r\n{said}{next}"));
            let (to, receiver, writes) = counted();
            let written = settle(from.forward_request(prompt(), request, &to)).unwrap();
            assert_eq!(writes.load(Ordering::SeqCst), 1, "{said:?}");
            if !next.is_empty() {
                let next = settle(from.read_request(prompt())).unwrap();
                assert_eq!(next.uri(), "/next");
            }
            drop(to);
            let sent = format!("POST / HTTP/1.1\r\nhost: h\r\n{sent}");
            assert_eq!(drain_memory(receiver), sent.as_bytes());
            assert_eq!(written.count(), sent.len() as u64);
        }
    }
}

/// The rest follows as it comes.
#[test]
fn what_is_there_of_a_large_message_goes_with_its_head() {
    let (from, peer, request) =
        sender("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 11\r\n\r\nhello");
    let (to, receiver, writes) = counted();
    let passing = from.forward_request(prompt(), request, &to);
    let head = hooks::head(&receiver);
    assert!(head.ends_with("content-length: 11\r\n\r\n"));
    wait_until("it is written", || writes.load(Ordering::SeqCst) == 1);
    say(&peer, " world");
    assert_eq!(settle(passing).unwrap().count(), head.len() as u64 + 11);
    drop(to);
    assert_eq!(drain_memory(receiver), b"hello world");
    assert_eq!(writes.load(Ordering::SeqCst), 2);
}

/// Trailers need chunks; and what is not whole has no length yet.
#[test]
fn chunks_stay_chunks_where_they_must() {
    let head = "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n";
    for (first, then) in [
        ("5\r\nhello\r\n0\r\nt: 1\r\n\r\n", ""),
        ("5\r\nhello\r\n", "0\r\nt: 1\r\n\r\n"),
        ("", "5\r\nhello\r\n0\r\nt: 1\r\n\r\n"),
    ] {
        let (from, peer, request) = sender(&format!("{head}{first}"));
        let (to, receiver, _) = counted();
        let passing = from.forward_request(prompt(), request, &to);
        say(&peer, then);
        settle(passing).unwrap();
        drop(to);
        assert_eq!(
            String::from_utf8_lossy(&drain_memory(receiver)),
            "POST / HTTP/1.1\r\nhost: h\r\ntransfer-encoding: chunked\r\n\r\n\
             5\r\nhello\r\n0\r\nt: 1\r\n\r\n"
        );
    }
}

/// Another connection may take the request, with all of its body.
#[test]
fn a_message_of_which_nothing_went_out_can_be_passed_on_again() {
    for (said, framing) in [
        ("Content-Length: 5\r\n\r\nhello", BodyFraming::Exact(5)),
        (
            "Transfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n2\r\nlo\r\n0\r\n\r\n",
            BodyFraming::Exact(5),
        ),
        (
            "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nt: 1\r\n\r\n",
            BodyFraming::Chunked,
        ),
        ("\r\n", BodyFraming::None),
    ] {
        let (from, _peer, request) = sender(&format!("POST / HTTP/1.1\r\nHost: h\r\n{said}{NEXT}"));
        let again = request.clone();
        let (closed, _) = memory_pair(1 << 10, Faults::none());
        closed.close();
        for aio in [Aio::new(), Aio::new().timeout(std::time::Duration::ZERO)] {
            let passing = from.forward_request(aio, request.clone(), &closed);
            let (_, count) = failure(settle(passing));
            assert_eq!(count, 0);
        }
        let (mut odd, back) = (request.clone(), memory_pair(1 << 10, Faults::none()));
        odd.headers_mut().append("host", "another".parse().unwrap());
        let passing = from.forward_request(prompt(), odd, &back.0);
        assert_eq!(failure(settle(passing)), (ErrorKind::InvalidInput, 0));
        assert_eq!(from.body_framing(), framing, "{said:?}");
        let (to, receiver, _) = counted();
        settle(from.forward_request(prompt(), again, &to)).unwrap();
        let next = settle(from.read_request(prompt())).unwrap();
        assert_eq!(next.uri(), "/next");
        drop(to);
        let sent = drain_memory(receiver);
        let sent = String::from_utf8_lossy(&sent);
        assert_eq!(
            sent.contains("hello"),
            framing != BodyFraming::None,
            "{sent}"
        );
    }
}

/// Neither can it be read any more, nor is it missed silently.
#[test]
fn a_body_of_which_a_part_was_read_is_not_passed_on() {
    for said in [
        "Content-Length: 5\r\n\r\nhello",
        "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
    ] {
        let (from, _peer, request) = sender(&format!("POST / HTTP/1.1\r\nHost: h\r\n{said}"));
        assert_eq!(settle(from.read(prompt(), 2)).unwrap(), "he");
        let (to, receiver, writes) = counted();
        let passing = from.forward_request(prompt(), request, &to);
        assert_eq!(failure(settle(passing)), (ErrorKind::InvalidInput, 0));
        assert_eq!(writes.load(Ordering::SeqCst), 0);
        assert_eq!(settle(from.read_body(prompt())).unwrap(), "llo");
        drop((to, receiver));
    }
}

/// A body that ends with the stream has a length once the end is there.
#[test]
fn what_ends_with_the_stream_has_a_length_when_it_is_there() {
    let (from, peer) = memory_pair(1 << 10, Faults::none());
    say(&peer, "HTTP/1.1 200 OK\r\n\r\nhello");
    peer.shutdown(Shutdown::Write).unwrap();
    let response = settle(from.read_response(prompt())).unwrap();
    // The end is seen by whoever waits for more than there is.
    let error = settle(from.read_all(prompt(), 6)).unwrap_err();
    assert_eq!((error.kind(), error.count()), (ErrorKind::EndOfBody, 5));
    let (to, receiver, writes) = counted();
    settle(from.forward_response(prompt(), response, &to)).unwrap();
    assert_eq!(writes.load(Ordering::SeqCst), 1);
    drop(to);
    assert_eq!(
        drain_memory(receiver),
        b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello"
    );
}
