//! Ends: in order, cut, or garbage.

use std::io::{Read, Write};
use std::net::Shutdown;
use std::thread;
use std::time::Duration;

use http_aio::http::{Request, Response};
use http_aio::rustls::version::TLS13;
use http_aio::{Aio, ErrorKind};

use super::{Ending, VERSIONS, conn_and_raw, drain_raw};
use crate::support::*;

/// nng contract B5: there, up to a record is lost, behind a clean end.
#[test]
fn case_117_write_all_then_close_loses_nothing() {
    for version in VERSIONS {
        for closes in [true, false] {
            for size in [1, 16_384, 100_000, 3_499_264] {
                let (conn, mut peer) = conn_and_raw(version);
                let draining = thread::spawn(move || drain_raw(&mut peer));
                let written = settle(write_pattern(&conn, Aio::new(), 0, size));
                assert_eq!(written.expect("it is read").count(), size as u64);
                if closes {
                    conn.close();
                }
                drop(conn);
                let (received, ending) = join(draining);
                assert_eq!((received.len(), ending), (size, Ending::InOrder));
                assert_pattern(0, &received);
            }
        }
    }
}

/// What is submitted when the last handle goes is still written, and the end behind it.
#[test]
fn dropping_finishes_what_is_queued() {
    let (conn, mut peer) = conn_and_raw(&TLS13);
    for i in 0..3 {
        drop(write_pattern(&conn, Aio::new(), i * 1_000_000, 1_000_000));
    }
    drop(conn);
    let (received, ending) = drain_raw(&mut peer);
    assert_eq!((received.len(), ending), (3_000_000, Ending::InOrder));
    assert_pattern(0, &received);
}

/// A body that ends with the connection: only `close_notify` says that it is whole.
#[test]
fn truncation_is_an_error() {
    for (head, whole) in [
        ("HTTP/1.1 200 OK\r\n\r\n", false),
        ("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", true),
        ("HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n", false),
    ] {
        for in_order in [true, false] {
            let (conn, mut peer) = conn_and_raw(&TLS13);
            let request = Request::get("https://localhost/").body(());
            let answer = conn.transact(Aio::new().timeout(PATIENCE), request.expect("a request"));
            peer.write_all(format!("{head}hello").as_bytes())
                .expect("room");
            if in_order {
                peer.conn.send_close_notify();
            }
            peer.flush().expect("room");
            peer.sock.shutdown(Shutdown::Write).expect("connected");
            let what = format!("{head:?}, {in_order}");
            let is_whole = whole || (in_order && !head.contains("Length"));
            match settle(answer) {
                Ok(response) => {
                    assert!(is_whole, "{what}");
                    assert_eq!(response.body(), "hello", "{what}");
                }
                Err(error) => {
                    assert!(!is_whole, "{what}: {error}");
                    assert_eq!(error.kind(), ErrorKind::Reset, "{what}");
                    assert!(error.is_incomplete_message(), "{what}");
                    assert_eq!(error.is_end_of_stream(), in_order, "{what}");
                }
            }
        }
    }
}

/// Read bit by bit, too: the content is had, the end is not.
#[test]
fn a_raw_stream_that_is_cut_has_no_end() {
    let (conn, mut peer) = conn_and_raw(&TLS13);
    peer.write_all(b"some").expect("room");
    peer.sock.shutdown(Shutdown::Write).expect("connected");
    assert_eq!(
        settle(conn.read_all(Aio::new(), 4)).expect("it came"),
        "some"
    );
    for _ in 0..2 {
        let error = settle(conn.read(Aio::new(), 1)).expect_err("it is cut");
        assert_eq!(error.kind(), ErrorKind::Reset);
        assert!(!error.is_end_of_stream() && !error.is_reset());
    }
}

#[test]
fn each_direction_ends_by_itself() {
    for version in VERSIONS {
        // The peer's first: what we write still arrives.
        let (conn, mut peer) = conn_and_raw(version);
        peer.write_all(b"last words").expect("room");
        peer.conn.send_close_notify();
        peer.flush().expect("room");
        assert_eq!(
            settle(conn.read_all(Aio::new(), 10)).expect("they came"),
            "last words"
        );
        let error = settle(conn.read(Aio::new(), 1)).expect_err("the end");
        assert!(error.is_end_of_stream(), "{error}");
        settle(write_pattern(&conn, Aio::new(), 0, 50_000)).expect("there is room");
        drop(conn);
        let (received, ending) = drain_raw(&mut peer);
        assert_eq!((received.len(), ending), (50_000, Ending::InOrder));

        // Ours first: what the peer writes still arrives.
        let (conn, mut peer) = conn_and_raw(version);
        let head = Response::builder().header("connection", "close");
        let head = head.body(()).expect("a head");
        settle(conn.write_response(Aio::new(), head)).expect("there is room");
        settle(write_pattern(&conn, Aio::new(), 0, 50_000)).expect("there is room");
        settle(conn.finish(Aio::new())).expect("there is room");
        let (received, ending) = drain_raw(&mut peer);
        assert_pattern(0, &received[received.len() - 50_000..]);
        assert_eq!(ending, Ending::InOrder);
        peer.write_all(b"thanks").expect("room");
        peer.flush().expect("room");
        assert_eq!(
            settle(conn.read_all(Aio::new(), 6)).expect("it came"),
            "thanks"
        );
    }
}

/// A write that fails on its way must not look like the end of a whole body.
#[test]
fn what_is_cut_has_no_close_notify() {
    for ends in ["deadline", "cancel", "close"] {
        let (conn, mut peer) = conn_and_raw(&TLS13);
        let aio = match ends {
            "deadline" => Aio::new().timeout(Duration::from_millis(100)),
            _ => Aio::new(),
        };
        let stuck = jam(&conn, aio);
        match ends {
            "cancel" => stuck.cancel(),
            "close" => conn.close(),
            _ => {}
        }
        let (_, count) = failure(settle(stuck));
        drop(conn);
        let (received, ending) = drain_raw(&mut peer);
        assert_eq!(ending, Ending::Cut, "{ends}");
        assert_eq!(received.len() as u64, count, "{ends}");
        assert_pattern(0, &received);
    }
}

/// The answer to an interrupted upload can still be read.
#[test]
fn reading_goes_on_behind_a_cut() {
    let (conn, mut peer) = conn_and_raw(&TLS13);
    let stuck = jam(&conn, Aio::new());
    stuck.cancel();
    assert_eq!(failure(settle(stuck)).0, ErrorKind::Canceled);
    peer.write_all(b"too large").expect("room");
    assert_eq!(
        settle(conn.read_all(Aio::new(), 9)).expect("it came"),
        "too large"
    );
    let later = settle(conn.write_all(Aio::new().iov(["later"])));
    assert_eq!(failure(later), (ErrorKind::Closed, 0));
}

#[test]
fn garbage_ends_the_session() {
    let (conn, mut peer) = conn_and_raw(&TLS13);
    peer.write_all(b"good").expect("room");
    peer.sock
        .write_all(&[
            23, 3, 3, 0, 20, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9,
        ])
        .expect("room");
    assert_eq!(
        settle(conn.read_all(Aio::new(), 4)).expect("it came"),
        "good"
    );
    for _ in 0..2 {
        let error = settle(conn.read(Aio::new(), 1)).expect_err("that was no record");
        assert_eq!(error.kind(), ErrorKind::Tls);
        assert_eq!(
            error.detail().as_deref(),
            Some("what the peer sent is damaged")
        );
    }
    let error = settle(conn.write_all(Aio::new().iov(["x"]))).expect_err("it is broken");
    assert_eq!((error.kind(), error.count()), (ErrorKind::Tls, 0));
    drop(conn);
    let said = peer.read(&mut [0; 10]).expect_err("an alert");
    assert!(said.to_string().contains("BadRecordMac"), "{said}");
}
