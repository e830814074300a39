//! `read_body`: all of a body, or nothing of it.

use std::net::Shutdown;
use std::time::Duration;

use http_aio::http::{Request, Response};
use http_aio::{Aio, Conn, ErrorKind, Limits};

use super::cases::{NEXT, next};
use super::{assert_next, listed, prompt};
use crate::support::*;

const CHUNKS: &str = "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n";

/// A client's connection behind a head that was read, and its peer, who has said so much more.
#[track_caller]
fn behind_head(family: Family, rest: &str) -> (Conn, Peer) {
    let (conn, mut peer) = pair(family);
    for _ in 0..2 {
        settle(conn.write_request(Aio::new(), next().request())).unwrap();
    }
    peer.say(format!("HTTP/1.1 200 OK\r\n{rest}"));
    settle(conn.read_response(prompt())).unwrap();
    (conn, peer)
}

#[test]
fn the_rest_of_a_body_is_read_whole() {
    for (rest, body) in [
        ("Content-Length: 11\r\n\r\nhello world", "hello world"),
        (CHUNKS, "hello world"),
        ("Content-Length: 0\r\n\r\n", ""),
        ("Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", ""),
    ] {
        for family in FAMILIES {
            // From its beginning, and behind a part that was read: in the middle of a chunk, too.
            for taken in 0..=body.len() {
                let (conn, mut peer) = behind_head(family, rest);
                peer.say(NEXT);
                let part = settle(conn.read_all(prompt(), taken)).unwrap();
                assert_eq!(part, &body[..taken]);
                let whole = settle(conn.read_body(prompt())).unwrap();
                assert_eq!(whole, &body[taken..], "{rest:?} behind {taken}");
                assert!(settle(conn.read_body(prompt())).unwrap().is_empty());
                assert_next(&conn, rest);
                assert!(conn.is_reusable());
            }
        }
    }
}

#[test]
fn trailers_can_be_read_behind_a_whole_body() {
    for behind in ["", "5\r\nhello\r\n"] {
        let chunked =
            format!("Transfer-Encoding: chunked\r\n\r\n{behind}0\r\nA: 1\r\nb: 2\r\n\r\n");
        let (conn, mut peer) = behind_head(Family::Tcp, &chunked);
        peer.say(NEXT);
        let body = settle(conn.read_body(prompt())).unwrap();
        assert_eq!(body.len(), if behind.is_empty() { 0 } else { 5 });
        for _ in 0..2 {
            let trailers = settle(conn.read_trailers(prompt())).unwrap();
            let expected = [("a", "1"), ("b", "2")].map(|(n, v)| (n.to_owned(), v.to_owned()));
            assert_eq!(listed(&trailers), expected);
            assert!(settle(conn.read_body(prompt())).unwrap().is_empty());
        }
        assert_next(&conn, "trailers");
        assert!(settle(conn.read_trailers(prompt())).unwrap().is_empty());
    }
}

/// The end is that of the stream; the content before it is there only with the end.
#[test]
fn a_body_may_end_with_the_stream() {
    for family in FAMILIES {
        let (conn, mut peer) = behind_head(family, "\r\nhello");
        let reading = conn.read_body(prompt());
        wait_until("it has arrived", || reading.count() == 5);
        peer.say(" world");
        peer.shutdown(Shutdown::Write);
        assert_eq!(settle(reading).unwrap(), "hello world");
        assert!(settle(conn.read_body(prompt())).unwrap().is_empty());
        assert!(!conn.is_reusable());
    }
}

/// As a server: requests without a body, and responses that have none.
#[test]
fn no_body_is_read_as_none() {
    let (conn, mut peer) = pair(Family::Unix);
    peer.say("GET / HTTP/1.1\r\nHost: h\r\n\r\nPUT /next HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\nup");
    settle(conn.read_request(prompt())).unwrap();
    assert!(settle(conn.read_body(prompt())).unwrap().is_empty());
    settle(conn.read_request(prompt())).unwrap();
    assert_eq!(settle(conn.read_body(prompt())).unwrap(), "up");

    for (method, answer) in [
        ("HEAD", "200 OK\r\nContent-Length: 5"),
        ("GET", "204 No Content"),
        ("GET", "304 Not Modified\r\nContent-Length: 5"),
    ] {
        let (conn, mut peer) = pair(Family::Unix);
        let request = Request::builder().method(method).uri("http://h/");
        settle(conn.write_request(Aio::new(), request.body(()).unwrap())).unwrap();
        settle(conn.write_request(Aio::new(), next().request())).unwrap();
        peer.say(format!("HTTP/1.1 {answer}\r\n\r\n{NEXT}"));
        settle(conn.read_response(prompt())).unwrap();
        assert!(settle(conn.read_body(prompt())).unwrap().is_empty());
        assert_next(&conn, answer);
    }
    // Behind an interim response there is none either.
    let (conn, mut peer) = pair(Family::Unix);
    settle(conn.write_request(Aio::new(), next().request())).unwrap();
    peer.say(format!("HTTP/1.1 102 Processing\r\n\r\n{NEXT}"));
    settle(conn.read_any_response(prompt())).unwrap();
    assert!(settle(conn.read_body(prompt())).unwrap().is_empty());
    assert_next(&conn, "interim");
}

#[test]
fn a_raw_connection_has_no_body() {
    let (conn, mut peer) = pair(Family::Tcp);
    peer.say("raw");
    assert_no_body(&conn);
    assert_eq!(settle(conn.read_all(prompt(), 3)).unwrap(), "raw");

    let upgrade = Request::get("http://h/").header("upgrade", "x");
    let upgrade = upgrade.header("connection", "upgrade").body(()).unwrap();
    let connect = Request::connect("h:443").body(()).unwrap();
    for (request, status) in [(upgrade, 101), (connect, 200)] {
        let (conn, mut peer) = pair(Family::Unix);
        settle(conn.write_request(Aio::new(), request)).unwrap();
        peer.say(format!("HTTP/1.1 {status} Yes\r\n\r\nraw"));
        settle(conn.read_response(prompt())).unwrap();
        assert_no_body(&conn);
        assert_eq!(settle(conn.read_all(prompt(), 3)).unwrap(), "raw");
    }
}

#[track_caller]
fn assert_no_body(conn: &Conn) {
    for read in [conn.read_body(prompt()), conn.body().collect(prompt())] {
        assert_eq!(failure(settle(read)).0, ErrorKind::InvalidInput);
    }
}

/// At the limit it is read; beyond it nothing is taken, and it can be read in another way.
#[test]
fn a_body_beyond_the_limit_leaves_what_there_is() {
    for (rest, ends) in [
        ("Content-Length: 11\r\n\r\nhello world", false),
        (CHUNKS, false),
        ("\r\nhello world", true),
    ] {
        for most in [0, 1, 5, 10, 11, 12] {
            let (conn, mut peer) = behind_head(Family::Tcp, rest);
            match ends {
                true => peer.shutdown(Shutdown::Write),
                false => peer.say(NEXT),
            }
            let limited = conn.clone().limits(Limits::default().body_bytes(most));
            let result = settle(limited.read_body(prompt()));
            if most >= 11 {
                assert_eq!(result.unwrap(), "hello world");
            } else {
                let (kind, count) = failure(result);
                assert_eq!(kind, ErrorKind::TooLarge, "{rest:?}");
                // Of chunks, no more is decoded than shows that there are too many.
                assert!(count > most && count <= 11, "{rest:?}: {count}");
                let again = failure(settle(limited.read_body(prompt())));
                assert_eq!(again, (kind, count), "{rest:?}");
                // In pieces, or with another limit.
                assert_eq!(settle(limited.read_all(prompt(), 6)).unwrap(), "hello ");
                assert_eq!(settle(conn.read_body(prompt())).unwrap(), "world");
            }
            if !ends {
                assert_next(&conn, rest);
            }
        }
    }
}

/// The declared length says so at once; chunks, when there are too many of them. Nobody waits for the rest.
#[test]
fn a_body_beyond_the_limit_is_not_waited_for() {
    for rest in [
        "Content-Length: 11\r\n\r\nhel",
        "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
        "\r\nhello",
    ] {
        let (conn, _peer) = behind_head(Family::Unix, rest);
        let limited = conn.clone().limits(Limits::default().body_bytes(4));
        let result = settle(limited.read_body(prompt()));
        let (kind, count) = failure(result);
        assert_eq!(kind, ErrorKind::TooLarge, "{rest:?}");
        let arrived = if rest.ends_with("hello") || rest.ends_with("\r\n") {
            5
        } else {
            3
        };
        assert_eq!(count, arrived, "{rest:?}");
        assert_eq!(settle(conn.read_all(prompt(), 3)).unwrap(), "hel");
    }
}

/// What is left counts, not what has been read before.
#[test]
fn the_limit_is_for_what_is_kept() {
    let (conn, _peer) = behind_head(Family::Unix, CHUNKS);
    let limited = conn.limits(Limits::default().body_bytes(6));
    assert_eq!(settle(limited.read_all(prompt(), 5)).unwrap(), "hello");
    assert_eq!(settle(limited.read_body(prompt())).unwrap(), " world");
}

#[test]
fn a_whole_body_that_is_given_up_loses_nothing() {
    for (rest, more) in [
        ("Content-Length: 11\r\n\r\nhello", " world"),
        (
            "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
            "6\r\n world\r\n0\r\n\r\n",
        ),
        (
            "Transfer-Encoding: chunked\r\n\r\n9\r\nhello",
            " wor\r\n2\r\nld\r\n0\r\n\r\n",
        ),
    ] {
        for family in FAMILIES {
            for way in ["cancel", "queued", "timeout", "dropped"] {
                let (conn, mut peer) = behind_head(family, rest);
                match way {
                    "cancel" => {
                        let reading = conn.read_body(Aio::new());
                        wait_until("it has arrived", || reading.count() == 5);
                        reading.cancel();
                        assert_eq!(failure(settle(reading)), (ErrorKind::Canceled, 5));
                    }
                    // Behind another read, that waits for more.
                    "queued" => {
                        let first = conn.read_all(Aio::new(), 6);
                        let reading = conn.read_body(Aio::new());
                        wait_until("it has arrived", || first.count() == 5);
                        reading.cancel();
                        assert_eq!(failure(settle(reading)).0, ErrorKind::Canceled);
                        first.cancel();
                        assert_eq!(failure(settle(first)), (ErrorKind::Canceled, 5));
                    }
                    "timeout" => {
                        let aio = Aio::new().timeout(Duration::from_millis(20));
                        let (kind, count) = failure(conn.read_body(aio).wait());
                        assert_eq!(kind, ErrorKind::TimedOut);
                        // As much as had come when its time was up.
                        assert!(count <= 5, "{count}");
                    }
                    _ => {
                        let reading = conn.read_body(Aio::new());
                        wait_until("it has arrived", || reading.count() == 5);
                        reading.canceler().cancel();
                        drop(reading);
                    }
                }
                peer.say(more);
                peer.say(NEXT);
                let whole = settle(conn.read_body(prompt())).unwrap();
                assert_eq!(whole, "hello world", "{way}: {rest:?}");
                assert_next(&conn, rest);
            }
        }
    }
}

/// A stream that ends in the middle of a body: an error, which stays, and so does the content.
#[test]
fn a_whole_body_is_never_a_part_of_one() {
    for rest in [
        "Content-Length: 11\r\n\r\nhello",
        "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
        "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nA: b\r\n",
        "Transfer-Encoding: chunked\r\n\r\n9\r\nhello",
    ] {
        for family in FAMILIES {
            let (conn, peer) = behind_head(family, rest);
            peer.shutdown(Shutdown::Write);
            for _ in 0..2 {
                let error = settle(conn.read_body(prompt())).unwrap_err();
                assert!(error.is_incomplete_message(), "{rest:?}: {error:?}");
                assert!(error.is_end_of_stream(), "{rest:?}: {error:?}");
                assert_eq!(error.count(), 5, "{rest:?}");
            }
            assert_eq!(settle(conn.read_all(prompt(), 5)).unwrap(), "hello");
            let error = settle(conn.read_body(prompt())).unwrap_err();
            assert!(error.is_incomplete_message(), "{rest:?}: {error:?}");
            assert_eq!(error.count(), 0);
        }
    }
}

/// What comes behind content that was good is not HTTP: all reads of the whole fail, and the good part is
/// there.
#[test]
fn a_whole_body_is_refused_for_what_is_no_chunk() {
    let rest = "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\nnonsense\r\n";
    let (conn, _peer) = behind_head(Family::Tcp, rest);
    for _ in 0..2 {
        let (kind, count) = failure(settle(conn.read_body(prompt())));
        assert_eq!((kind, count), (ErrorKind::Protocol, 5));
    }
    assert_eq!(settle(conn.read_all(prompt(), 5)).unwrap(), "hello");
    let (kind, count) = failure(settle(conn.read_body(prompt())));
    assert_eq!((kind, count), (ErrorKind::Protocol, 0));
}

/// Submitted before the head is there, as reads may be: in their order.
#[test]
fn whole_bodies_are_read_in_their_turn() {
    let (near, far) = unix_pair();
    let (near, far) = (Conn::from(near), Conn::from(far));
    let (mut server, mut client) = (Vec::new(), Vec::new());
    for _ in 0..3 {
        server.push((far.read_request(Aio::new()), far.read_body(Aio::new())));
        client.push((near.read_response(Aio::new()), near.read_body(Aio::new())));
    }
    for n in 0..3 {
        let request = Request::put("http://h/").body(format!("up {n}"));
        settle(near.write_request(Aio::new(), request.unwrap())).unwrap();
        let response = Response::new(format!("down {n}"));
        settle(far.write_response(Aio::new(), response)).unwrap();
    }
    for (n, (head, body)) in server.into_iter().enumerate() {
        settle(head).unwrap();
        assert_eq!(settle(body).unwrap(), format!("up {n}"));
    }
    for (n, (head, body)) in client.into_iter().enumerate() {
        settle(head).unwrap();
        assert_eq!(settle(body).unwrap(), format!("down {n}"));
    }
}

/// More than a call brings, in every way to learn of the end.
#[test]
fn a_large_body_is_read_whole() {
    const LEN: usize = 3 << 20;
    for chunked in [false, true] {
        for way in 0..3 {
            let (conn, peer) = pair(Family::Tcp);
            settle(conn.write_request(Aio::new(), next().request())).unwrap();
            let wire = match chunked {
                false => [&b"Content-Length: 3145728\r\n\r\n"[..], &pattern(0, LEN)].concat(),
                true => {
                    let mut wire = b"Transfer-Encoding: chunked\r\n\r\n".to_vec();
                    for part in pattern(0, LEN).chunks(50_000) {
                        wire.extend(format!("{:x}\r\n", part.len()).bytes());
                        wire.extend(part);
                        wire.extend(b"\r\n");
                    }
                    wire.extend(b"0\r\n\r\n");
                    wire
                }
            };
            let wire = [&b"HTTP/1.1 200 OK\r\n"[..], &wire].concat();
            let saying = peer.run([Step::Say(wire.into())]);
            settle(conn.read_response(Aio::new())).unwrap();
            let reading = conn.read_body(Aio::new());
            let body = match way {
                0 => reading.wait().unwrap(),
                1 => receive(&tell(reading).0).result.unwrap(),
                _ => block_on(reading).unwrap(),
            };
            assert_eq!(body.len(), LEN);
            assert_pattern(0, &body);
            join(saying);
        }
    }
}
