//! Streams that are raw: before the first head, and after an upgrade.

use std::net::Shutdown;

use http_aio::http::{Request, Response, StatusCode};
use http_aio::{Aio, Conn};

use super::prompt;
use crate::support::*;

/// Before the first head, and after the connection has become something else.
#[test]
fn a_raw_connection_frames_nothing() {
    for family in FAMILIES {
        let (conn, mut peer) = pair(family);
        let written = settle(conn.write_all(Aio::new().iov(["any", "", " bytes"]))).unwrap();
        assert_eq!(written.count(), 9);
        assert_eq!(peer.expect(9), b"any bytes");
        peer.say("5\r\nhello\r\n0\r\n\r\n");
        let read = settle(conn.read_all(Aio::new(), 15)).unwrap();
        assert_eq!(read, "5\r\nhello\r\n0\r\n\r\n");
        peer.say("tail");
        peer.shutdown(Shutdown::Write);
        let error = settle(conn.read_all(Aio::new(), 5)).unwrap_err();
        assert!(error.is_end_of_stream(), "{error:?}");
        assert_eq!(error.count(), 4);
        assert_eq!(settle(conn.read(Aio::new(), 10)).unwrap(), "tail");
        let error = settle(conn.read(Aio::new(), 10)).unwrap_err();
        assert!(error.is_end_of_stream(), "{error:?}");
        assert!(!error.is_incomplete_message(), "{error:?}");
    }
}

#[test]
fn a_connection_that_was_upgraded_is_raw_at_both_ends() {
    let upgrade = || {
        let request = Request::get("http://h/").header("Upgrade", "x");
        let request = request.header("Connection", "upgrade").body(());
        let response = Response::builder().status(101).header("Upgrade", "x");
        (
            request.unwrap(),
            response.header("Connection", "upgrade").body(()).unwrap(),
        )
    };
    let connect = || {
        let request = Request::connect("example.com:443").body(()).unwrap();
        // A length here means nothing (RFC 9110 section 9.3.6).
        (request, Response::new(()))
    };
    for exchange in [upgrade as fn() -> (Request<()>, Response<()>), connect] {
        let (near, far) = unix_pair();
        let (client, server) = (Conn::from(near), Conn::from(far));
        let (request, response) = exchange();
        let status = response.status();
        settle(client.write_request(Aio::new(), request)).unwrap();
        settle(server.read_request(Aio::new())).unwrap();
        // Together with the head, so that it arrives together.
        let head = server.write_response(Aio::new(), response);
        let first = server.write_all(Aio::new().iov(["first"]));
        settle(head).unwrap();
        assert_eq!(settle(first).unwrap().count(), 5);
        assert_eq!(
            settle(client.read_response(Aio::new())).unwrap().status(),
            status
        );
        assert_eq!(settle(client.read_all(Aio::new(), 5)).unwrap(), "first");
        for (from, to) in [(&client, &server), (&server, &client)] {
            let text = "0\r\n\r\nHTTP/1.1 200 OK\r\n\r\n";
            settle(from.write_all(Aio::new().iov([text]))).unwrap();
            assert_eq!(settle(to.read_all(Aio::new(), text.len())).unwrap(), text);
        }
        assert!(!client.is_reusable() && !server.is_reusable());
        drop(client);
        let error = settle(server.read(Aio::new(), 1)).unwrap_err();
        assert!(error.is_end_of_stream(), "{error:?}");
    }
}

/// A CONNECT that is refused is an exchange like any other.
#[test]
fn a_connection_that_was_not_upgraded_goes_on() {
    let (conn, mut peer) = pair(Family::Tcp);
    let request = Request::connect("example.com:443").body(()).unwrap();
    let answered = conn.transact(prompt(), request);
    peer.head();
    peer.say("HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno");
    let response = settle(answered).unwrap();
    assert_eq!(
        (response.status(), &response.body()[..]),
        (StatusCode::FORBIDDEN, &b"no"[..])
    );
    assert!(conn.is_reusable());
}
