//! Messages: heads, bodies and their limits.

use http_aio::http::{HeaderMap, Request, Response};
use http_aio::{Aio, Conn, ErrorKind, InFlight, Limits};

use super::{conn, error, get, said, told};
use crate::support::*;

/// What a server says to these bytes.
#[track_caller]
fn refused(head: &str) -> String {
    let (conn, _peer, whom) = told(head);
    let sentence = said(conn.read_request(Aio::new()));
    let doing = format!("reading a request from {whom}: ");
    sentence.strip_prefix(&doing).expect(&sentence).to_owned()
}

#[test]
fn heads_that_are_none() {
    let request = |lines: &str| format!("GET / HTTP/1.1\r\n{lines}\r\n\r\n");
    for (head, expected) in [
        (
            "GET / HTTP/3.0\r\n\r\n".into(),
            "what the peer sent is not HTTP/1: invalid HTTP version",
        ),
        (
            request("Host: a b"),
            "Host is not a host with or without a port: `a b`",
        ),
        (request("X: y"), "there is no Host"),
        (
            request("Host: h\r\nContent-Length: +5"),
            "Content-Length is not a length: `+5`",
        ),
        // It is not shown what cannot be.
        (
            request("Host: h\r\nContent-Length: \u{fc}"),
            "Content-Length is not a length",
        ),
        (
            request("Host: h\r\nTransfer-Encoding: GZip, chunked"),
            "a transfer coding besides chunked is not supported: `GZip`",
        ),
        (
            "GET / HTTP/1.1\r\nHo".into(),
            "the peer ended its stream in the middle of a message after 18 bytes had arrived",
        ),
    ] {
        assert_eq!(refused(&head), expected);
    }
}

/// Reads a response to its end, within these limits.
#[track_caller]
fn beyond(limits: Limits, response: &str) -> (String, &'static str) {
    let (conn, _peer, whom) = told(response);
    let conn = conn.limits(limits);
    let error = match settle(conn.read_response(Aio::new())) {
        Err(error) => error,
        Ok(_) => error(conn.read_body(Aio::new())),
    };
    assert_eq!(error.kind(), ErrorKind::TooLarge);
    let sentence = error.to_string();
    let (doing, happened) = sentence
        .split_once(&format!(" from {whom}: "))
        .expect("both");
    assert!(
        ["reading a response", "reading a body"].contains(&doing),
        "{doing}"
    );
    (happened.to_owned(), error.limit().expect("a limit"))
}

#[test]
fn limits_are_named_with_their_values() {
    let chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
    let limits = Limits::default;
    for (limits, response, name, expected) in [
        (
            limits().head_bytes(30),
            "HTTP/1.1 200 OK\r\nA: 1\r\nB: 2\r\nC: 3\r\n\r\n".to_owned(),
            "head_bytes",
            "the head is larger than the limit `head_bytes` of 30 bytes",
        ),
        (
            limits().headers(1),
            "HTTP/1.1 200 OK\r\nA: 1\r\nB: 2\r\n\r\n".to_owned(),
            "headers",
            "the head has more header lines than the limit `headers` of 1",
        ),
        (
            limits().interim(1),
            "HTTP/1.1 103 Early Hints\r\n\r\n".repeat(2),
            "interim",
            "there are more interim responses than the limit `interim` of 1",
        ),
        (
            limits().body_bytes(1000),
            format!("HTTP/1.1 200 OK\r\nContent-Length: 1001\r\n\r\n{:1001}", ""),
            "body_bytes",
            "the body is larger than the limit `body_bytes` of 1000 bytes",
        ),
        (
            limits().chunk_line(8),
            format!("{chunked}1;extension\r\n"),
            "chunk_line",
            "the line before a chunk is longer than the limit `chunk_line` of 8 bytes",
        ),
        (
            limits().trailer_bytes(8),
            format!("{chunked}0\r\nname: value\r\n\r\n"),
            "trailer_bytes",
            "the trailers are larger than the limit `trailer_bytes` of 8 bytes",
        ),
        (
            limits().headers(1),
            format!("{chunked}0\r\na: 1\r\nb: 2\r\n\r\n"),
            "headers",
            "there are more trailers than the limit `headers` of 1",
        ),
    ] {
        assert_eq!(beyond(limits, &response), (expected.to_owned(), name));
    }
}

#[test]
fn extensions_of_chunks_have_a_limit_in_requests() {
    let (conn, _peer, whom) =
        told("POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n1;abc=def\r\n");
    let conn = conn.limits(Limits::default().chunk_extensions(4));
    settle(conn.read_request(Aio::new())).unwrap();
    assert_eq!(
        said(conn.read(Aio::new(), 9)),
        format!(
            "reading from {whom}: the extensions of a chunk are longer than the limit \
             `chunk_extensions` of 4 bytes"
        )
    );
}

#[test]
fn bodies_that_end_too_soon() {
    let (conn, _peer, whom) = told("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhello");
    settle(conn.read_response(Aio::new())).unwrap();
    let cut = error(conn.read_all(Aio::new(), 9));
    assert!(cut.is_end_of_stream() && cut.is_incomplete_message());
    assert_eq!(
        cut.to_string(),
        format!(
            "reading from {whom}: the peer ended its stream in the middle of a message \
             after 5 bytes had arrived"
        )
    );
    let (conn, _peer, whom) = told("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello");
    settle(conn.read_response(Aio::new())).unwrap();
    assert_eq!(
        said(conn.read_all(Aio::new(), 9)),
        format!("reading from {whom}: the body ended after 5 of the 9 bytes that were asked for")
    );
}

#[test]
fn what_was_not_read_before() {
    let (conn, _peer, whom) = told("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello");
    settle(conn.read_response(Aio::new())).unwrap();
    let unread = "a body has not been read to its end: read it with `Conn::read_body`";
    for (doing, found) in [
        (
            "reading a response from",
            said(conn.read_response(Aio::new())),
        ),
        (
            "reading trailers from",
            said(conn.read_trailers(Aio::new())),
        ),
        (
            "exchanging messages with",
            said(conn.transact(Aio::new(), get())),
        ),
    ] {
        assert_eq!(found, format!("{doing} {whom}: {unread}"));
    }
}

/// What is said against a write on a connection where a body is being written.
#[track_caller]
fn unwritable<T: Send + std::fmt::Debug + 'static>(
    (name, value): (&'static str, &'static str),
    write: impl FnOnce(&Conn) -> Aio<T, InFlight>,
) -> String {
    let (conn, _peer, whom) = conn();
    let request = Request::put("http://h/").header(name, value).body(());
    settle(conn.write_request(Aio::new(), request.unwrap())).unwrap();
    said(write(&conn)).replace(&whom, "PEER")
}

#[test]
fn what_must_not_be_written() {
    let (plain, length) = (("x", "y"), ("content-length", "5"));
    let chunked = ("transfer-encoding", "chunked");
    let ten = || Aio::new().iov(["0123456789"]);
    for (found, expected) in [
        (
            unwritable(length, |conn| conn.write_all(ten())),
            "writing to PEER: the vector has 5 bytes more than the 5 that are left of the declared \
             Content-Length",
        ),
        (
            unwritable(length, |conn| conn.write_request(Aio::new(), get())),
            "writing a request to PEER: 5 bytes of the body before it are not written yet",
        ),
        (
            unwritable(length, |conn| conn.finish(Aio::new())),
            "finishing a body for PEER: 5 bytes of the declared Content-Length are missing",
        ),
        (
            unwritable(plain, |conn| conn.write_all(ten())),
            "writing to PEER: no body is left to be written that the 10 bytes could be a part of",
        ),
        (
            unwritable(chunked, |conn| conn.write_request(Aio::new(), get())),
            "writing a request to PEER: the chunked body before it is not finished: \
             finish it with `Conn::finish`",
        ),
        (
            unwritable(chunked, |conn| {
                let trailers =
                    HeaderMap::from_iter([("host".parse().unwrap(), "h".parse().unwrap())]);
                conn.finish_with_trailers(Aio::new(), trailers)
            }),
            "finishing a body for PEER: a field of this name is not allowed in trailers: `host`",
        ),
        (
            unwritable(plain, |conn| {
                let response = Response::builder().status(204).body("text");
                conn.write_response(Aio::new(), response.unwrap())
            }),
            "writing a response to PEER: a response with the status 204 has no body, \
             and one is attached",
        ),
        (
            unwritable(plain, |conn| {
                let request = Request::put("http://h/").header("content-length", "7");
                conn.write_request(Aio::new(), request.body("hello").unwrap())
            }),
            "writing a request to PEER: Content-Length is not 5, the length of the attached body",
        ),
    ] {
        assert_eq!(found, expected);
    }
}
