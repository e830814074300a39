//! Exchanges, what the announced close prevents, and forwarding.

use std::time::Duration;

use http_aio::http::Request;
use http_aio::{Aio, Limits};

use super::{conn, error, get, said, told};
use crate::support::*;

const SOON: Duration = Duration::from_millis(100);

#[test]
fn exchanges_count_the_request() {
    let (conn, mut peer, whom) = conn();
    let late = error(conn.transact(Aio::new().timeout(SOON), get()));
    let count = late.count();
    assert_eq!(
        late.to_string(),
        format!(
            "reading a response from {whom}: the deadline passed \
             after {count} bytes of the request were written"
        )
    );
    assert_eq!(peer.head().len() as u64, count);
    assert_eq!(
        said(conn.transact(Aio::new(), get())),
        format!(
            "exchanging messages with {whom}: an exchange before it failed and closed the connection"
        )
    );

    let (conn, _peer, whom) = told("HTTP/1.1 200 OK\r\nContent-Length: 1001\r\n\r\n");
    // It has come before the request, so it cannot be its answer.
    assert_eq!(
        said(conn.transact(Aio::new(), get())),
        format!("exchanging messages with {whom}: the peer sent something that was not asked for")
    );
}

#[test]
fn a_body_that_is_too_large_for_an_exchange() {
    let (conn, mut peer, whom) = conn();
    let conn = conn.limits(Limits::default().body_bytes(1000));
    let asked = conn.transact(Aio::new(), get());
    peer.head();
    peer.say("HTTP/1.1 200 OK\r\nContent-Length: 1001\r\n\r\n");
    let error = error(asked);
    assert!(
        error.count() > 0,
        "of the request, which is not what was wrong"
    );
    assert_eq!(
        error.to_string(),
        format!(
            "reading a response from {whom}: the body is larger than the limit `body_bytes` \
             of 1000 bytes"
        )
    );
}

#[test]
fn behind_the_announced_close() {
    let (conn, _peer, whom) = conn();
    let last = Request::get("http://h/").header("connection", "close");
    settle(conn.write_request(Aio::new(), last.body(()).unwrap())).unwrap();
    assert_eq!(
        said(conn.write_request(Aio::new(), get())),
        format!(
            "writing a request to {whom}: a message announced that the connection closes after it"
        )
    );
}

#[test]
fn forwarding_counts_what_was_written() {
    let (from, mut sender, whom) = conn();
    let (to, mut receiver, _) = conn();
    sender.say("PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\n\r\nhello");
    let request = settle(from.read_request(Aio::new())).unwrap();
    let forwarding = from.forward_request(Aio::new(), request, &to);
    let head = receiver.head();
    receiver.expect(5);
    sender.shutdown(std::net::Shutdown::Write);
    let cut = error(forwarding);
    assert_eq!(cut.count(), head.len() as u64 + 5);
    assert_eq!(
        cut.to_string(),
        format!(
            "reading from {whom}: the peer ended its stream in the middle of a message \
             after {} bytes were written",
            cut.count()
        )
    );
    let there = to.peer_addr();
    assert_eq!(
        said(to.write_all(Aio::new().iov(["x"]))),
        format!(
            "writing to {there}: a message before it was not forwarded whole, which ended the write side"
        )
    );
}
