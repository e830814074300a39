//! `close_write`: our direction ends behind all that was submitted, and the other goes on.

use std::net::Shutdown;
use std::time::Duration;

use http_aio::http::{Request, Response};
use http_aio::{Aio, Conn, ErrorKind, InFlight, Written};

use crate::site::answer;
use crate::support::*;

const CLOSED: (ErrorKind, u64) = (ErrorKind::Closed, 0);

/// For operations that need not wait for anybody.
fn prompt<T>() -> Aio<T> {
    Aio::new().timeout(PATIENCE / 3)
}

fn text(conn: &Conn, text: &'static str) -> Aio<Written, InFlight> {
    conn.write_all(prompt().iov([text]))
}

/// Nothing more can be written, and what the peer says is still read, to its end.
#[track_caller]
fn assert_half_closed(conn: &Conn, mut peer: Peer) {
    assert_eq!(failure(settle(text(conn, "more"))), CLOSED);
    assert_eq!(failure(settle(conn.close_write(prompt()))), CLOSED);
    let head = Request::get("http://h/").body(()).unwrap();
    assert_eq!(failure(settle(conn.write_request(prompt(), head))), CLOSED);
    assert!(!conn.persists() && !conn.is_reusable());
    peer.say("thank you");
    peer.shutdown(Shutdown::Write);
    assert_eq!(settle(conn.read_all(prompt(), 9)).unwrap(), "thank you");
    let error = settle(conn.read(prompt(), 1)).unwrap_err();
    assert!(error.is_end_of_stream(), "{error:?}");
}

#[test]
fn a_raw_connection_is_closed_for_writing() {
    for family in FAMILIES {
        for text in ["", "all that I have"] {
            let (conn, mut peer) = pair(family);
            settle(conn.write_all(prompt().iov([text]))).unwrap();
            let closed = settle(conn.close_write(prompt())).unwrap();
            assert_eq!(closed.count(), 0);
            let drained = peer.drain();
            assert_eq!((drained.bytes, drained.end), (text.into(), End::OfStream));
            assert_half_closed(&conn, peer);
        }
    }
}

/// Nothing was written before: an end is all that is said.
#[test]
fn a_read_that_is_under_way_goes_on() {
    for family in FAMILIES {
        let (conn, mut peer) = pair(family);
        let (told, _) = tell(conn.read_all(Aio::new(), 4));
        settle(conn.close_write(prompt())).unwrap();
        assert_eq!(peer.drain().count(), 0);
        peer.say("here");
        assert_eq!(receive(&told).result.unwrap(), "here");
        assert_half_closed(&conn, peer);
    }
}

/// Both ends are ours, and each ends its own direction: then all is over.
#[test]
fn two_connections_close_in_turn() {
    for family in FAMILIES {
        let (near, far) = conns(family);
        settle(text(&near, "question")).unwrap();
        settle(near.close_write(prompt())).unwrap();
        assert_eq!(settle(far.read_all(prompt(), 8)).unwrap(), "question");
        let error = settle(far.read(prompt(), 1)).unwrap_err();
        assert!(error.is_end_of_stream() && !error.is_incomplete_message());
        settle(text(&far, "answer")).unwrap();
        settle(far.close_write(prompt())).unwrap();
        assert_eq!(settle(near.read_all(prompt(), 6)).unwrap(), "answer");
        assert!(
            settle(near.read(prompt(), 1))
                .unwrap_err()
                .is_end_of_stream()
        );
        // The orderly end has nothing left to do.
        settle(near.shutdown(prompt())).unwrap();
        settle(far.shutdown(prompt())).unwrap();
    }
}

fn conns(family: Family) -> (Conn, Conn) {
    match family {
        Family::Tcp => {
            let (near, far) = tcp_pair();
            (Conn::from(near), Conn::from(far))
        }
        Family::Unix => {
            let (near, far) = unix_pair();
            (Conn::from(near), Conn::from(far))
        }
    }
}

/// An orderly end behind it waits for the peer's.
#[test]
fn a_shutdown_may_follow() {
    for family in FAMILIES {
        let (conn, mut peer) = pair(family);
        let closing = conn.close_write(prompt());
        let shutdown = conn.shutdown(Aio::new());
        settle(closing).unwrap();
        assert_eq!(peer.drain().count(), 0);
        peer.say("some more");
        assert!(!completes(&shutdown, Duration::from_millis(20)));
        peer.shutdown(Shutdown::Write);
        settle(shutdown).unwrap();
    }
}

#[test]
fn a_tunnel_passes_an_end_on() {
    let upgrade = Request::get("http://h/").header("upgrade", "x");
    let upgrade = upgrade.header("connection", "upgrade");
    for (request, status) in [(upgrade, 101), (Request::connect("h:443"), 200)] {
        let request = request.body(()).unwrap();
        // The client ends its direction first, or the server does.
        for first in ["client", "server"] {
            for family in FAMILIES {
                let (client, server) = conns(family);
                settle(client.write_request(prompt(), request.clone())).unwrap();
                settle(server.read_request(prompt())).unwrap();
                let response = Response::builder().status(status).body(()).unwrap();
                settle(server.write_response(prompt(), response)).unwrap();
                settle(client.read_response(prompt())).unwrap();
                let (near, far) = match first {
                    "client" => (&client, &server),
                    _ => (&server, &client),
                };
                settle(text(near, "last")).unwrap();
                settle(near.close_write(prompt())).unwrap();
                assert_eq!(settle(far.read_all(prompt(), 4)).unwrap(), "last");
                assert!(
                    settle(far.read(prompt(), 1))
                        .unwrap_err()
                        .is_end_of_stream()
                );
                settle(text(far, "words")).unwrap();
                settle(far.close_write(prompt())).unwrap();
                assert_eq!(settle(near.read_all(prompt(), 5)).unwrap(), "words");
                assert!(
                    settle(near.read(prompt(), 1))
                        .unwrap_err()
                        .is_end_of_stream()
                );
                assert_eq!(failure(settle(text(near, "more"))), CLOSED);
            }
        }
    }
}

/// A client that has no more to ask may say so: the answers still come.
#[test]
fn requests_are_answered_behind_the_end() {
    for family in FAMILIES {
        let (conn, mut peer) = pair(family);
        let get = || Request::get("http://h/").body(()).unwrap();
        let first = conn.transact(prompt(), get());
        let second = conn.transact_streaming(prompt(), get());
        let closing = conn.close_write(prompt());
        let late = conn.transact(prompt(), get());
        settle(closing).unwrap();
        assert_eq!(failure(settle(late)), CLOSED);
        let asked = String::from_utf8(peer.drain().bytes).unwrap();
        assert_eq!(asked, "GET / HTTP/1.1\r\nhost: h\r\n\r\n".repeat(2));
        peer.say(answer("first"));
        peer.say(answer("second"));
        assert_eq!(settle(first).unwrap().body(), "first");
        let second = settle(second).unwrap();
        assert_eq!(settle(second.body().collect(prompt())).unwrap(), "second");
        assert_eq!(failure(settle(conn.transact(prompt(), get()))), CLOSED);
    }
}

/// In the middle of a body an end would cut it: nothing is ended, and the body can be completed.
#[test]
fn an_end_in_the_middle_of_a_body_is_refused() {
    for (name, value, parts, sent) in [
        ("content-length", "4", ["", "body"], "body"),
        ("content-length", "4", ["bo", "dy"], "body"),
        (
            "transfer-encoding",
            "chunked",
            ["", "body"],
            "4\r\nbody\r\n0\r\n\r\n",
        ),
        (
            "transfer-encoding",
            "chunked",
            ["body", ""],
            "4\r\nbody\r\n0\r\n\r\n",
        ),
    ] {
        for family in FAMILIES {
            let (conn, mut peer) = pair(family);
            let head = Request::put("http://h/").header(name, value);
            settle(conn.write_request(prompt(), head.body(()).unwrap())).unwrap();
            for part in parts {
                settle(text(&conn, part)).unwrap();
                if part != "dy" && !(name == "content-length" && part == "body") {
                    let error = settle(conn.close_write(prompt())).unwrap_err();
                    assert_eq!((error.kind(), error.count()), (ErrorKind::InvalidInput, 0));
                    assert!(error.detail().is_some());
                }
            }
            assert!(conn.persists());
            settle(conn.finish(prompt())).unwrap();
            settle(conn.close_write(prompt())).unwrap();
            peer.head();
            let drained = peer.drain();
            assert_eq!(String::from_utf8(drained.bytes).unwrap(), sent);
            assert_eq!(drained.end, End::OfStream);
        }
    }
}

/// A body that waits for the server's word is not complete either.
#[test]
fn an_end_behind_a_body_that_is_held_is_refused() {
    let (conn, mut peer) = pair(Family::Tcp);
    let conn = conn.limits(http_aio::Limits::default().continue_wait(PATIENCE));
    let request = Request::put("http://h/").header("expect", "100-continue");
    let exchange = conn.transact(prompt(), request.body("body").unwrap());
    peer.head();
    let (kind, count) = failure(settle(conn.close_write(prompt())));
    assert_eq!((kind, count), (ErrorKind::InvalidInput, 0));
    peer.say("HTTP/1.1 100 Continue\r\n\r\n");
    assert_eq!(peer.expect(4), b"body");
    peer.say("HTTP/1.1 204 No Content\r\n\r\n");
    settle(exchange).unwrap();
    settle(conn.close_write(prompt())).unwrap();
    assert_eq!(peer.drain().count(), 0);
}

/// The body of a response that ends with the connection ends so, as by `finish`.
#[test]
fn a_body_that_ends_with_the_connection_ends() {
    let (conn, mut peer) = pair(Family::Unix);
    let response = Response::builder().header("connection", "close").body(());
    settle(conn.write_response(prompt(), response.unwrap())).unwrap();
    settle(text(&conn, "to the end")).unwrap();
    settle(conn.close_write(prompt())).unwrap();
    peer.head();
    assert_eq!(peer.drain().bytes, b"to the end");
    // There is nothing left to finish.
    assert_eq!(failure(settle(conn.finish(prompt()))), CLOSED);
}

// ------------------------------------------------------------------------------------------- queued

/// Behind writes that wait, and in front of others: these are too late.
#[test]
fn an_end_is_queued_behind_what_was_submitted() {
    for family in FAMILIES {
        let (conn, mut peer) = pair(family);
        let jammed = jam(&conn, Aio::new());
        let queued: Vec<_> = (0..3).map(|_| text(&conn, "more")).collect();
        let closing = conn.close_write(Aio::new());
        let late = text(&conn, "late");
        assert!(!completes(&closing, Duration::from_millis(20)));
        assert!(!late.is_done());
        assert!(conn.persists(), "nothing has ended yet");
        let drained = peer.drain();
        assert_eq!(drained.end, End::OfStream);
        assert_pattern(0, &drained.bytes[..MORE_THAN_FITS]);
        assert_eq!(&drained.bytes[MORE_THAN_FITS..], b"moremoremore");
        settle(jammed).unwrap();
        for write in queued {
            assert_eq!(settle(write).unwrap().count(), 4);
        }
        assert_eq!(settle(closing).unwrap().count(), 0);
        assert_eq!(failure(settle(late)), CLOSED);
        assert_half_closed(&conn, peer);
    }
}

/// In the queue it is canceled, and expires, as a write: the connection is untouched.
#[test]
fn an_end_that_is_given_up_in_the_queue_ends_nothing() {
    for family in FAMILIES {
        let (conn, mut peer) = pair(family);
        let jammed = jam(&conn, Aio::new());
        let canceled = conn.close_write(Aio::new());
        let expired = conn.close_write(Aio::new().timeout(Duration::from_millis(10)));
        let past = conn.close_write(Aio::new().timeout(Duration::ZERO));
        let behind = text(&conn, "behind");
        canceled.cancel();
        assert_eq!(failure(settle(canceled)), (ErrorKind::Canceled, 0));
        assert_eq!(failure(settle(expired)), (ErrorKind::TimedOut, 0));
        assert_eq!(failure(settle(past)), (ErrorKind::TimedOut, 0));
        assert_pattern(0, &peer.expect(MORE_THAN_FITS));
        assert_eq!(peer.expect(6), b"behind");
        settle(jammed).unwrap();
        settle(behind).unwrap();
        settle(conn.close_write(prompt())).unwrap();
        assert_eq!(peer.drain().end, End::OfStream);
    }
}

/// The stream is cut already, and there is no end in order.
#[test]
fn an_end_behind_a_write_that_failed_is_too_late() {
    let (conn, mut peer) = pair(Family::Tcp);
    let jammed = jam(&conn, Aio::new());
    let closing = conn.close_write(Aio::new());
    jammed.cancel();
    let (kind, count) = failure(settle(jammed));
    assert_eq!(kind, ErrorKind::Canceled);
    assert_eq!(failure(settle(closing)), CLOSED);
    assert_eq!(peer.drain().count(), count);
    let (conn, _peer) = pair(Family::Tcp);
    conn.close();
    assert_eq!(failure(settle(conn.close_write(prompt()))), CLOSED);
    let (conn, _peer) = pair(Family::Unix);
    drop(conn.shutdown(Aio::new()));
    assert_eq!(failure(settle(conn.close_write(prompt()))), CLOSED);
}

/// In every way to learn of it, and detached.
#[test]
fn an_end_completes_in_every_way() {
    for family in FAMILIES {
        for way in 0..4 {
            let (conn, mut peer) = pair(family);
            let closing = conn.close_write(Aio::new());
            match way {
                0 => drop(closing.wait().unwrap()),
                1 => drop(block_on(closing).unwrap()),
                2 => drop(once(&tell(closing).0).result.unwrap()),
                _ => drop(closing),
            }
            assert_eq!(peer.drain().end, End::OfStream);
            wait_until("it has ended", || !conn.persists());
            assert_half_closed(&conn, peer);
        }
    }
}

/// An end that was submitted is carried out, though the last handle goes.
#[test]
fn an_end_outlives_the_last_handle() {
    for family in FAMILIES {
        let (conn, mut peer) = pair(family);
        let jammed = jam(&conn, Aio::new());
        let closing = conn.close_write(Aio::new());
        drop(conn);
        let drained = peer.drain();
        assert_eq!(
            (drained.count(), drained.end),
            (MORE_THAN_FITS as u64, End::OfStream)
        );
        settle(jammed).unwrap();
        settle(closing).unwrap();
    }
}

// --------------------------------------------------------------------------------------------- TLS

#[cfg(feature = "tls")]
mod secure {
    use std::io::Write;
    use std::thread;

    use super::*;
    use crate::tls::{Ending, VERSIONS, conn_and_raw, drain_raw};

    /// `close_notify` says that the stream is whole, and the other direction goes on.
    #[test]
    fn an_end_is_a_close_notify() {
        for version in VERSIONS {
            for size in [0, 1, 100_000, MORE_THAN_FITS] {
                let (conn, mut peer) = conn_and_raw(version);
                let draining = thread::spawn(move || {
                    let drained = drain_raw(&mut peer);
                    (drained, peer)
                });
                let written = write_pattern(&conn, Aio::new(), 0, size);
                let closing = conn.close_write(Aio::new());
                let late = write_pattern(&conn, Aio::new(), 0, 1);
                settle(written).expect("it is read");
                assert_eq!(settle(closing).expect("in order").count(), 0);
                assert_eq!(failure(settle(late)), CLOSED);
                let ((received, ending), mut peer) = join(draining);
                assert_eq!((received.len(), ending), (size, Ending::InOrder));
                assert_pattern(0, &received);
                for words in ["thank", "you"] {
                    peer.write_all(words.as_bytes()).expect("room");
                    peer.flush().expect("room");
                    let read = settle(conn.read_all(prompt(), words.len()));
                    assert_eq!(read.expect("it came"), words);
                }
                peer.conn.send_close_notify();
                peer.flush().expect("room");
                let error = settle(conn.read(prompt(), 1)).expect_err("the end");
                assert!(error.is_end_of_stream(), "{error:?}");
            }
        }
    }

    /// In the middle of a body nothing is ended over TLS either.
    #[test]
    fn an_end_in_the_middle_of_a_body_is_refused() {
        let (conn, mut peer) = conn_and_raw(VERSIONS[1]);
        let head = Request::put("https://localhost/").header("content-length", "4");
        settle(conn.write_request(prompt(), head.body(()).unwrap())).expect("room");
        let (kind, count) = failure(settle(conn.close_write(prompt())));
        assert_eq!((kind, count), (ErrorKind::InvalidInput, 0));
        settle(text(&conn, "body")).expect("room");
        settle(conn.close_write(prompt())).expect("in order");
        let (received, ending) = drain_raw(&mut peer);
        assert!(received.ends_with(b"\r\n\r\nbody"));
        assert_eq!(ending, Ending::InOrder);
    }
}
