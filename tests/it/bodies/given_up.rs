//! Reads of a body that are given up, and connections that are taken apart around one.

use std::io::{self, Read};
use std::net::Shutdown;
use std::thread;
use std::time::{Duration, Instant};

use http_aio::{Aio, Error, ErrorKind};

use super::cases::{NEXT, next};
use super::{How, read_message};
use crate::support::*;

#[test]
fn a_body_is_whole_however_often_its_reading_was_given_up() {
    let whole = pattern(0, 200_000);
    for chunked in [false, true] {
        let (conn, mut peer) = pair(Family::Unix);
        settle(conn.write_request(Aio::new(), next().request())).unwrap();
        let framing = if chunked {
            "Transfer-Encoding: chunked"
        } else {
            "Content-Length: 200000"
        };
        peer.say(format!("HTTP/1.1 200 OK\r\n{framing}\r\n\r\n"));
        settle(conn.read_response(Aio::new())).unwrap();
        let mut had = 0;
        for part in whole.chunks(10_007) {
            let reading = conn.read_all(Aio::new(), whole.len());
            if chunked {
                peer.say(format!("{:x}\r\n", part.len()));
            }
            peer.say(part);
            had += part.len();
            if had == whole.len() {
                assert_pattern(0, &settle(reading).unwrap());
                break;
            }
            wait_until("the part has arrived", || reading.count() >= had as u64);
            reading.cancel();
            let (kind, count) = failure(settle(reading));
            assert_eq!((kind, count), (ErrorKind::Canceled, had as u64));
            if chunked {
                peer.say("\r\n");
            }
        }
        if chunked {
            peer.say("\r\n0\r\n\r\n");
        }
        assert!(settle(conn.read(Aio::new(), 1)).unwrap().is_empty());
        assert!(conn.is_reusable());
    }
}

/// The deadline of a body reader is one for all its reads, which a slow peer cannot stretch.
#[test]
fn a_body_reader_has_one_deadline() {
    let (conn, peer) = pair(Family::Tcp);
    settle(conn.write_request(Aio::new(), next().request())).unwrap();
    let dripping = thread::spawn(move || {
        let mut peer = peer;
        peer.say("HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n");
        while io::Write::write_all(&mut peer, b"x").is_ok() {
            thread::sleep(Duration::from_millis(5));
        }
    });
    settle(conn.read_response(Aio::new())).unwrap();
    let timeout = Duration::from_millis(100);
    let start = Instant::now();
    let mut body = Vec::new();
    let error = conn
        .body()
        .timeout(timeout)
        .read_to_end(&mut body)
        .unwrap_err();
    let took = start.elapsed();
    assert_eq!(error.kind(), io::ErrorKind::TimedOut);
    assert_eq!(Error::from(error).kind(), ErrorKind::TimedOut);
    assert!(took >= timeout && took < PATIENCE, "{took:?}");
    assert!(!body.is_empty());
    // A deadline that has passed reads nothing; the connection is none the worse.
    let past = Instant::now();
    let error = conn.body().deadline(past).read(&mut [0; 10]).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::TimedOut);
    assert_eq!(settle(conn.read(Aio::new(), 1)).unwrap(), "x");
    conn.close();
    join(dripping);
}

#[test]
fn a_connection_is_taken_apart_after_a_body() {
    let bodies = [
        "Content-Length: 5\r\n\r\nhello",
        "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nA: b\r\n\r\n",
    ];
    for body in bodies {
        let (conn, mut peer) = pair(Family::Unix);
        settle(conn.write_request(Aio::new(), next().request())).unwrap();
        peer.say(format!("HTTP/1.1 200 OK\r\n{body}{NEXT}"));
        peer.shutdown(Shutdown::Write);
        let (got, result) = read_message(&conn, How::Some(3));
        result.unwrap();
        assert_eq!(got.body, b"hello");
        let parts = conn.into_parts().expect("nothing is in flight");
        let mut stream = parts.stream.into_unix().expect("it was one");
        let mut rest = parts.unread.to_vec();
        stream.read_to_end(&mut rest).unwrap();
        assert_eq!(String::from_utf8_lossy(&rest), NEXT, "{body:?}");
    }
}

/// What has arrived comes back as it arrived; what is decoded cannot, so there it does not come apart.
#[test]
fn a_connection_is_taken_apart_in_the_middle_of_a_body() {
    for family in FAMILIES {
        let (conn, mut peer) = pair(family);
        settle(conn.write_request(Aio::new(), next().request())).unwrap();
        peer.say(format!(
            "HTTP/1.1 200 OK\r\nContent-Length: 11\r\n\r\nhello world{NEXT}"
        ));
        settle(conn.read_response(Aio::new())).unwrap();
        assert_eq!(settle(conn.read_all(Aio::new(), 6)).unwrap(), "hello ");
        let parts = conn.into_parts().expect("nothing is in flight");
        assert!(format!("world{NEXT}").as_bytes().starts_with(&parts.unread));

        let (conn, mut peer) = pair(family);
        settle(conn.write_request(Aio::new(), next().request())).unwrap();
        peer.say("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n");
        settle(conn.read_response(Aio::new())).unwrap();
        assert_eq!(settle(conn.read_all(Aio::new(), 2)).unwrap(), "he");
        let conn = conn.into_parts().expect_err("in the middle of a chunk");
        peer.say("0\r\n\r\n");
        assert_eq!(settle(conn.read_all(Aio::new(), 3)).unwrap(), "llo");
        assert!(settle(conn.read(Aio::new(), 1)).unwrap().is_empty());
        assert!(conn.into_parts().is_ok());
    }
}
