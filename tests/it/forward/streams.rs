//! Streams that are no messages: all of them arrives, nothing is lost on the way, and their ends are passed on.

use std::net::Shutdown;

use http_aio::http::{Request, Response};
use http_aio::testing::memory::{Fault, Faults};
use http_aio::{Aio, Conn, ErrorKind};

use super::{GET, prompt, say};
use crate::support::*;

/// All that is there to be read, once nothing else comes.
#[track_caller]
fn rest(conn: &Conn) -> Vec<u8> {
    let mut rest = Vec::new();
    loop {
        match settle(conn.read(prompt(), 1 << 20)) {
            Ok(piece) => rest.extend_from_slice(&piece),
            Err(error) if error.is_end_of_stream() => return rest,
            Err(error) => panic!("after {} bytes: {error:?}", rest.len()),
        }
    }
}

#[test]
fn all_of_it_arrives_and_then_its_end() {
    const MUCH: usize = 3 << 20;
    for family in FAMILIES {
        let ((from, mut sender), (to, mut receiver)) = (pair(family), pair(family));
        let passing = from.forward_stream(Aio::new(), &to);
        let sender = std::thread::spawn(move || {
            sender.say(pattern(0, MUCH));
            sender.shutdown(Shutdown::Write);
            sender
        });
        let drained = receiver.drain();
        assert_eq!((drained.count(), drained.end), (MUCH as u64, End::OfStream));
        assert_pattern(0, &drained.bytes);
        assert_eq!(settle(passing).unwrap().count(), MUCH as u64);
        // The other direction goes on.
        let mut sender = join(sender);
        let back = to.forward_stream(Aio::new(), &from);
        receiver.say("answer");
        receiver.shutdown(Shutdown::Write);
        assert_eq!(settle(back).unwrap().count(), 6);
        assert_eq!(sender.drain().bytes, b"answer");
    }
}

#[test]
fn an_empty_stream_is_passed_on() {
    let ((from, sender), (to, mut receiver)) = (pair(Family::Unix), pair(Family::Unix));
    sender.shutdown(Shutdown::Write);
    let passing = from.forward_stream(prompt(), &to);
    assert_eq!(settle(passing).unwrap().count(), 0);
    assert_eq!(receiver.drain().bytes, b"");
}

/// What was read ahead of the tunnel is its beginning.
#[test]
fn what_came_with_the_head_is_passed_on() {
    let ((from, mut sender), (to, mut receiver)) = (pair(Family::Unix), pair(Family::Unix));
    sender.say("CONNECT h:1 HTTP/1.1\r\nHost: h:1\r\n\r\nearly");
    settle(from.read_request(prompt())).unwrap();
    settle(from.write_response(prompt(), Response::new(()))).unwrap();
    sender.shutdown(Shutdown::Write);
    let passing = from.forward_stream(prompt(), &to);
    assert_eq!(settle(passing).unwrap().count(), 5);
    assert_eq!(receiver.drain().bytes, b"early");
}

/// Where messages are spoken, what comes is not for this, and stays; nothing is written, and nothing ended.
#[test]
fn where_messages_are_read_there_is_no_stream() {
    for body in ["", "Content-Length: 2\r\n\r\nok"] {
        let ((from, mut sender), (to, mut receiver)) = (pair(Family::Unix), pair(Family::Unix));
        match body {
            "" => sender.say(GET),
            _ => sender.say(format!("PUT / HTTP/1.1\r\nHost: h\r\n{body}")),
        }
        settle(from.read_request(prompt())).unwrap();
        let passing = from.forward_stream(prompt(), &to);
        assert_eq!(failure(settle(passing)), (ErrorKind::InvalidInput, 0));
        let left = settle(from.read_body(prompt())).unwrap();
        assert_eq!(left.is_empty(), body.is_empty());
        settle(to.write_all(prompt().iov(["still open"]))).unwrap();
        drop(to);
        assert_eq!(receiver.drain().bytes, b"still open");
    }
}

#[test]
fn where_messages_are_written_there_is_no_stream() {
    for declared in ["content-length", "transfer-encoding"] {
        for is_complete in [true, false] {
            let ((from, mut sender), (to, mut receiver)) = (pair(Family::Unix), pair(Family::Unix));
            let request = match (is_complete, declared) {
                (true, _) => Request::get("/"),
                (false, "content-length") => Request::put("/").header(declared, "5"),
                (false, _) => Request::put("/").header(declared, "chunked"),
            };
            settle(to.write_request(prompt(), request.body(()).unwrap())).unwrap();
            sender.say("raw");
            let passing = from.forward_stream(prompt(), &to);
            assert_eq!(failure(settle(passing)), (ErrorKind::InvalidInput, 0));
            assert!(to.persists());
            drop(to);
            assert!(receiver.drain().bytes.ends_with(b"\r\n\r\n"));
            assert_eq!(settle(from.read(prompt(), 9)).unwrap(), "raw");
        }
    }
}

/// A failure at any byte: what was counted is what the receiver has, and the rest is there to be read.
#[test]
fn what_was_not_written_stays_to_be_read() {
    const STREAM: &[u8] = b"something to be passed on";
    for call_bytes in [1, 7, usize::MAX] {
        for failing in 1..=STREAM.len() + 1 {
            let (from, sender) = memory_pair(1 << 10, Faults::none());
            let fault = Fault::Error(std::io::ErrorKind::ConnectionReset);
            let (to, receiver) = memory_pair(1 << 10, faults(call_bytes, Some((failing, fault))));
            say(&sender, STREAM);
            drop(sender);
            let result = settle(from.forward_stream(prompt(), &to));
            drop(to);
            let got = drain_memory(receiver);
            assert_eq!(count(&result), got.len() as u64, "{result:?}");
            match &result {
                Ok(_) => assert_eq!(got, STREAM),
                Err(error) => {
                    assert_eq!(error.kind(), ErrorKind::Reset);
                    assert_eq!([got, rest(&from)].concat(), STREAM, "{failing}");
                }
            }
        }
    }
}

/// Queued behind another write, the piece that was read has harmed nobody: the stream can be passed on again.
#[test]
fn a_cancel_in_the_queue_loses_nothing() {
    let (from, sender) = memory_pair(6, Faults::none());
    let (to, receiver, gate) = gated_pair(3, Faults::none());
    let (first, _) = tell(to.write_all(Aio::new().iov(["first "])));
    assert!(!gate.arrived().may_block);
    gate.permit();
    assert!(gate.arrived().may_block);
    say(&sender, "second");
    let (passing, canceler) = tell(from.forward_stream(Aio::new(), &to));
    let probe = from.read(Aio::new(), 1);
    say(&sender, "!"); // There is room for it once the piece is read.
    assert_eq!(settle(probe).unwrap(), "!");
    canceler.cancel();
    let told = once(&passing);
    assert_eq!(failure(told.result), (ErrorKind::Canceled, 0));
    let received = drain_in_background(receiver);
    drop((sender, gate));
    assert_eq!(once(&first).result.unwrap().count(), 6);
    let passing = from.forward_stream(prompt(), &to);
    assert_eq!(settle(passing).unwrap().count(), 6);
    drop(to);
    assert_eq!(receive(&received), b"first second");
}
