//! Bodies of every framing, to receivers of both versions: all of the content arrives, or what arrives is not
//! the whole.

use std::net::Shutdown;
use std::thread;

use http_aio::ErrorKind;

use super::received::{Asked, Received, Whole, take_message};
use super::{GET, OLD_GET, Relay, prompt};
use crate::support::*;

/// A body in each framing that a response can have.
const LENGTH: &str = "Content-Length: 11\r\n\r\nhello world";
const CHUNKS: &str = "Transfer-Encoding: chunked\r\n\r\n6;a=b\r\nhello \r\n5\r\nworld\r\n0\r\n\r\n";
const TRAILERS: &str =
    "Transfer-Encoding: chunked\r\n\r\n6\r\nhello \r\n5\r\nworld\r\n0\r\nt: 1\r\n\r\n";
const TO_THE_END: &str = "\r\nhello world";

/// What one message was received as, and nothing behind it.
#[track_caller]
fn received(wire: &[u8]) -> Received {
    let mut rest = wire;
    let received = take_message(&mut rest, Asked::Whole);
    assert_eq!(rest, b"", "{:?}", String::from_utf8_lossy(wire));
    received
}

/// Wherever the sender's stream is cut.
#[test]
fn a_response_that_is_cut_is_not_whole() {
    for asked in [GET, OLD_GET] {
        for body in [LENGTH, CHUNKS, TRAILERS, TO_THE_END] {
            let said = format!("HTTP/1.1 200 OK\r\n{body}");
            let head = said.find("\r\n\r\n").unwrap() + 4;
            for cut in head..=said.len() {
                for at_once in [true, false] {
                    let what = format!("{asked:?} {:?} {at_once}", &said[..cut]);
                    cut_response(asked, &said, cut, at_once, &what);
                }
            }
        }
    }
}

/// The end of the stream comes with what is there, or after some of it was passed on.
#[track_caller]
fn cut_response(asked: &str, said: &str, cut: usize, at_once: bool, what: &str) {
    let mut relay = Relay::new();
    settle(relay.request(asked)).unwrap();
    let head = said.find("\r\n\r\n").unwrap() + 4;
    let first = if at_once { cut } else { head };
    relay.server.say(&said[..first]);
    if at_once {
        relay.server.shutdown(Shutdown::Write);
    }
    let passing = relay.pass_back();
    relay.server.say(&said[first..cut]);
    relay.server.shutdown(Shutdown::Write);
    let result = settle(passing);
    let drained = relay.client_drained();
    let received = received(&drained);
    assert_eq!(count(&result), received.count(), "{what}");
    let to_the_end = said == format!("HTTP/1.1 200 OK\r\n{TO_THE_END}");
    let is_whole = cut == said.len() || to_the_end;
    match &result {
        Ok(_) => assert!(is_whole && received.whole != Whole::No, "{what}"),
        Err(error) => {
            assert!(!is_whole && received.whole != Whole::Yes, "{what}");
            assert!(error.is_incomplete_message(), "{what}: {error:?}");
        }
    }
    let expected: &[u8] = match to_the_end {
        true => &said.as_bytes()[head..cut],
        false => b"hello world",
    };
    assert!(expected.starts_with(&received.content), "{what}");
    if is_whole {
        assert_eq!(received.content, expected, "{what}");
        let has_trailers = said.ends_with(TRAILERS) && asked == GET;
        assert_eq!(received.trailers.len(), usize::from(has_trailers), "{what}");
    }
}

#[test]
fn a_request_that_is_cut_is_not_whole() {
    for body in [LENGTH, CHUNKS, TRAILERS] {
        let said = format!("PUT / HTTP/1.1\r\nHost: h\r\n{body}");
        let head = said.find("\r\n\r\n").unwrap() + 4;
        for cut in head..=said.len() {
            let mut relay = Relay::new();
            relay.client.say(&said[..cut]);
            relay.client.shutdown(Shutdown::Write);
            let request = settle(relay.front.read_request(prompt())).unwrap();
            let result = settle(relay.front.forward_request(prompt(), request, &relay.back));
            // The write side has ended, or is now.
            let Relay {
                front,
                back,
                mut server,
                ..
            } = relay;
            if result.is_ok() {
                drop((front, back));
            }
            let received = received(&server.drain().bytes);
            assert_eq!(count(&result), received.count(), "{:?}", &said[..cut]);
            assert_eq!(result.is_ok(), cut == said.len());
            assert_eq!(received.whole == Whole::Yes, result.is_ok());
            assert!(b"hello world".starts_with(&received.content));
        }
    }
}

/// A body that is no body any more in the middle of it.
#[test]
fn chunks_that_are_none_are_not_passed_on() {
    for (after, kind) in [
        ("zz\r\n", ErrorKind::Protocol),
        ("5\r\nhello5\r\n", ErrorKind::Protocol),
        ("0\r\nContent-Length: 5\r\n\r\n", ErrorKind::Protocol),
    ] {
        let mut relay = Relay::new();
        let said = format!("PUT / HTTP/1.1\r\nHost: h\r\n{}2\r\nab\r\n", &CHUNKS[..30]);
        let passing = relay.request(format!("{said}{after}"));
        let result = settle(passing);
        let received = received(&relay.server.drain().bytes);
        assert_eq!(failure(result), (kind, received.count()));
        assert_eq!(received.whole, Whole::No);
        assert!(b"abhello".starts_with(&received.content));
    }
}

/// Much of it, in each framing, to each receiver, over each kind of socket.
#[test]
fn large_bodies_are_passed_on() {
    const MUCH: usize = 3 << 20;
    for family in FAMILIES {
        for asked in [GET, OLD_GET] {
            for framing in ["length", "chunked", "end"] {
                let mut relay = Relay::over(family);
                settle(relay.request(asked)).unwrap();
                let Relay {
                    mut client,
                    front,
                    back,
                    mut server,
                } = relay;
                let sending = thread::spawn(move || {
                    server.say("HTTP/1.1 200 OK\r\n");
                    match framing {
                        "length" => server.say(format!("Content-Length: {MUCH}\r\n\r\n")),
                        "chunked" => server.say("Transfer-Encoding: chunked\r\n\r\n"),
                        _ => server.say("\r\n"),
                    }
                    for at in (0..MUCH).step_by(1 << 18) {
                        let part = pattern(at as u64, 1 << 18);
                        match framing {
                            "chunked" => server.say([b"40000\r\n", &part[..], b"\r\n"].concat()),
                            _ => server.say(part),
                        }
                    }
                    if framing == "chunked" {
                        server.say("0\r\n\r\n");
                    }
                    server.shutdown(Shutdown::Write);
                    server
                });
                let receiving = thread::spawn(move || (client.drain(), client));
                let response = settle(back.read_response(prompt())).unwrap();
                let written = settle(back.forward_response(prompt(), response, &front)).unwrap();
                drop((front, back));
                let (drained, _) = join(receiving);
                let received = received(&drained.bytes);
                assert_eq!((received.content.len(), drained.end), (MUCH, End::OfStream));
                assert_pattern(0, &received.content);
                assert_eq!(received.count(), written.count());
                assert_ne!(received.whole, Whole::No);
                join(sending);
            }
        }
    }
}

/// What comes is passed on as it comes: nobody waits for a piece to fill.
#[test]
fn a_trickle_is_not_held_up() {
    let mut relay = Relay::new();
    settle(relay.request(GET)).unwrap();
    let passing = relay.response("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
    relay.client.head();
    for part in ["a", "bc", "def"] {
        let chunk = format!("{:x}\r\n{part}\r\n", part.len());
        relay.server.say(&chunk);
        assert_eq!(relay.client.expect(chunk.len()), chunk.as_bytes());
    }
    relay.server.say("0\r\n\r\n");
    assert_eq!(relay.client.expect(5), b"0\r\n\r\n");
    settle(passing).unwrap();
}

/// Trailers that must not be among the fields of a message, and those that a request may not have at all.
#[test]
fn trailers_are_passed_on_both_ways_but_for_some() {
    let body = "Transfer-Encoding: chunked\r\nTrailer: checksum\r\n\r\n2\r\nok\r\n0\r\n";
    let late = "Checksum: 1\r\nContent-Type: a/b\r\nX-Two: 2\r\n\r\n";
    let mut relay = Relay::new();
    settle(relay.request(format!("PUT / HTTP/1.1\r\nHost: h\r\n{body}{late}"))).unwrap();
    settle(relay.response(format!(
        "HTTP/1.1 200 OK\r\n{body}Host: h\r\nTransfer-Encoding: gzip\r\nSet-Cookie: c\r\n{late}"
    )))
    .unwrap();
    let (there, back) = relay.ends();
    for wire in [there, back] {
        assert!(wire.contains("trailer: checksum"));
        let received = received(wire.as_bytes());
        let trailers: Vec<_> = received.trailers.into_iter().collect();
        let expected = [("checksum", "1"), ("x-two", "2")];
        assert_eq!(
            trailers,
            expected.map(|(n, v)| (n.to_owned(), v.to_owned()))
        );
    }
}
