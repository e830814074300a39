//! What is written is what the head declared, or is refused whole.

use http_aio::bytes::Bytes;
use http_aio::http::{HeaderMap, Request, Response, Version, response};
use http_aio::{Aio, ErrorKind};

use super::cases::next;
use super::{CHUNKED, LENGTH_11, assert_wire, put, refused, text, trailers};
use crate::support::*;

#[test]
fn more_than_was_declared_is_refused_whole() {
    for family in FAMILIES {
        let (conn, peer) = pair(family);
        settle(conn.write_request(Aio::new(), put("Content-Length", "11"))).unwrap();
        refused(text(&conn, "hello world!"));
        assert_eq!(settle(text(&conn, "hello")).unwrap().count(), 5);
        // Seven where six are left: both numbers, or the difference, help to find the mistake.
        let told = refused(text(&conn, " world!")).to_string();
        assert!(told.contains(|c: char| c.is_ascii_digit()), "{told}");
        refused(conn.write(Aio::new().iov([" world!"])));
        settle(conn.write_all(Aio::new().iov([" ", "", "world"]))).unwrap();
        refused(text(&conn, "!"));
        assert_eq!(settle(text(&conn, "")).unwrap().count(), 0);
        // As good as before.
        settle(conn.write_request(Aio::new(), next().request())).unwrap();
        let expected = format!("{LENGTH_11}hello worldGET / HTTP/1.1\r\nhost: h\r\n\r\n");
        assert_wire(conn, peer, &expected);
    }
}

/// Without a declaration there is no body, and what follows would be the next request.
#[test]
fn a_body_that_was_not_declared_is_refused() {
    let (conn, peer) = pair(Family::Unix);
    settle(conn.write_request(Aio::new(), next().request())).unwrap();
    refused(text(&conn, "GET /smuggled HTTP/1.1\r\n\r\n"));
    let attached = Request::put("/").body(Bytes::from("attached")).unwrap();
    settle(conn.write_request(Aio::new(), attached)).unwrap();
    refused(text(&conn, "more"));
    settle(conn.write_request(Aio::new(), next().request())).unwrap();
    let get = "GET / HTTP/1.1\r\nhost: h\r\n\r\n";
    let expected =
        format!("{get}PUT / HTTP/1.1\r\nhost: \r\ncontent-length: 8\r\n\r\nattached{get}");
    assert_wire(conn, peer, &expected);
}

#[test]
fn a_head_does_not_go_out_before_the_body_is_complete() {
    let cases = [
        (
            put("Content-Length", "11"),
            LENGTH_11,
            "hello",
            " world",
            "hello world",
        ),
        (
            put("Transfer-Encoding", "chunked"),
            CHUNKED,
            "hello",
            "",
            "5\r\nhello\r\n0\r\n\r\n",
        ),
    ];
    for (request, head, first, second, body) in cases {
        let (conn, peer) = pair(Family::Tcp);
        settle(conn.write_request(Aio::new(), request)).unwrap();
        refused(conn.write_request(Aio::new(), next().request()));
        settle(text(&conn, first)).unwrap();
        refused(conn.write_request(Aio::new(), next().request()));
        refused(conn.write_response(Aio::new(), Response::new(Bytes::new())));
        if second.is_empty() {
            assert_eq!(settle(conn.finish(Aio::new())).unwrap().count(), 0);
        } else {
            refused(conn.finish(Aio::new()));
            settle(text(&conn, second)).unwrap();
            assert_eq!(settle(conn.finish(Aio::new())).unwrap().count(), 0);
        }
        settle(conn.write_request(Aio::new(), next().request())).unwrap();
        let expected = format!("{head}{body}GET / HTTP/1.1\r\nhost: h\r\n\r\n");
        assert_wire(conn, peer, &expected);
    }
}

#[test]
fn trailers_on_the_wire() {
    let (conn, peer) = pair(Family::Unix);
    settle(conn.write_request(Aio::new(), put("Transfer-Encoding", "chunked"))).unwrap();
    settle(text(&conn, "a")).unwrap();
    // 18: these would frame, route or authorise a message whose head has gone (RFC 9110 6.5.1).
    for name in [
        "Content-Length",
        "Transfer-Encoding",
        "Host",
        "Trailer",
        "Connection",
        "Content-Encoding",
        "Content-Type",
        "Content-Range",
        "Authorization",
        "Set-Cookie",
        "Expect",
        "Cache-Control",
        "TE",
    ] {
        let forbidden = trailers(&[("x-sum", "1"), (name, "5")]);
        let error = settle(conn.finish_with_trailers(Aio::new(), forbidden));
        let (kind, count) = match error {
            Ok(_) => panic!("{name} went out as a trailer"),
            Err(error) => (error.kind(), error.count()),
        };
        assert_eq!((kind, count), (ErrorKind::InvalidInput, 0), "{name}");
    }
    let two = trailers(&[("x-sum", "1"), ("x-more", "a b")]);
    assert_eq!(
        settle(conn.finish_with_trailers(Aio::new(), two))
            .unwrap()
            .count(),
        0
    );
    // Ended, and there is nothing left to do.
    assert_eq!(settle(conn.finish(Aio::new())).unwrap().count(), 0);
    let expected = format!("{CHUNKED}1\r\na\r\n0\r\nx-sum: 1\r\nx-more: a b\r\n\r\n");
    assert_wire(conn, peer, &expected);
    // None is as good as `finish`; where there are no chunks there is no place for any.
    let (conn, peer) = pair(Family::Unix);
    settle(conn.write_request(Aio::new(), put("Transfer-Encoding", "chunked"))).unwrap();
    settle(conn.finish_with_trailers(Aio::new(), HeaderMap::new())).unwrap();
    settle(conn.write_request(Aio::new(), put("Content-Length", "1"))).unwrap();
    settle(text(&conn, "x")).unwrap();
    let nowhere = conn.finish_with_trailers(Aio::new(), trailers(&[("a", "b")]));
    assert_eq!(failure(settle(nowhere)), (ErrorKind::InvalidInput, 0));
    assert_eq!(settle(conn.finish(Aio::new())).unwrap().count(), 0);
    let expected =
        format!("{CHUNKED}0\r\n\r\nPUT / HTTP/1.1\r\nhost: \r\ncontent-length: 1\r\n\r\nx");
    assert_wire(conn, peer, &expected);
}

/// 11, 124 of nng's.
#[test]
fn a_response_to_a_head_request_has_no_body_on_the_wire() {
    let (conn, mut peer) = pair(Family::Tcp);
    peer.say("HEAD /a HTTP/1.1\r\nHost: h\r\n\r\nHEAD /b HTTP/1.1\r\nHost: h\r\n\r\nHEAD /c HTTP/1.1\r\nHost: h\r\n\r\nGET /d HTTP/1.1\r\nHost: h\r\n\r\n");
    // Attached.
    settle(conn.read_request(Aio::new())).unwrap();
    let response = Response::new(Bytes::from("hello"));
    let written = settle(conn.write_response(Aio::new(), response)).unwrap();
    let first = "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n";
    assert_eq!(written.count(), first.len() as u64);
    // Declared.
    settle(conn.read_request(Aio::new())).unwrap();
    let response = Response::builder().header("Content-Length", "7");
    settle(conn.write_response(Aio::new(), response.body(()).unwrap())).unwrap();
    settle(conn.read_request(Aio::new())).unwrap();
    let response = Response::builder()
        .status(404)
        .header("Transfer-Encoding", "chunked");
    settle(conn.write_response(Aio::new(), response.body(()).unwrap())).unwrap();
    // And it goes on.
    settle(conn.read_request(Aio::new())).unwrap();
    settle(conn.write_response(Aio::new(), Response::new(Bytes::from("body")))).unwrap();
    assert!(conn.is_reusable());
    let expected = format!(
        "{first}HTTP/1.1 200 OK\r\ncontent-length: 7\r\n\r\n\
         HTTP/1.1 404 Not Found\r\ntransfer-encoding: chunked\r\n\r\n\
         HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nbody"
    );
    assert_wire(conn, peer, &expected);
}

/// It has no body, which says nothing about the length that the answer to GET would have.
#[test]
fn a_response_to_a_head_request_says_no_length_that_nobody_declared() {
    let (conn, mut peer) = pair(Family::Tcp);
    let answer = |peer: &mut Peer, method: &str, response: response::Builder, head: &str| {
        peer.say(format!("{method} / HTTP/1.1\r\nHost: h\r\n\r\n"));
        settle(conn.read_request(Aio::new())).unwrap();
        let response = response.body("").unwrap();
        let written = settle(conn.write_response(Aio::new(), response)).unwrap();
        assert_eq!(peer.head(), head);
        assert_eq!(written.count(), head.len() as u64);
    };
    let status = |status: u16| Response::builder().status(status);
    answer(&mut peer, "HEAD", status(200), "HTTP/1.1 200 OK\r\n\r\n");
    let empty = "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n";
    answer(&mut peer, "GET", status(200), empty);
    let declared = status(200).header("Content-Length", "0");
    answer(&mut peer, "HEAD", declared, empty);
    let not_found = "HTTP/1.1 404 Not Found\r\n\r\n";
    answer(&mut peer, "HEAD", status(404), not_found);
    assert!(conn.is_reusable());
    // Its request is the last.
    peer.say("HEAD / HTTP/1.0\r\n\r\n");
    settle(conn.read_request(Aio::new())).unwrap();
    settle(conn.write_response(Aio::new(), Response::new(()))).unwrap();
    assert_eq!(peer.head(), "HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n");
}

/// What follows its head is the tunnel's (RFC 9110 section 9.3.6).
#[test]
fn a_response_that_opens_a_tunnel_has_neither_body_nor_framing() {
    let (conn, mut peer) = pair(Family::Tcp);
    peer.say("CONNECT h:443 HTTP/1.1\r\nHost: h:443\r\n\r\n");
    settle(conn.read_request(Aio::new())).unwrap();
    let aio = conn.write_response(Aio::new(), Response::new("welcome"));
    assert_eq!(failure(settle(aio)), (ErrorKind::InvalidInput, 0));
    // Nothing of it was sent, and the request can be answered.
    let chunked = Response::builder().header("Transfer-Encoding", "chunked");
    settle(conn.write_response(Aio::new(), chunked.body(()).unwrap())).unwrap();
    settle(conn.write_all(Aio::new().iov(["raw"]))).unwrap();
    assert_wire(conn, peer, "HTTP/1.1 200 OK\r\n\r\nraw");
    // One that refuses it is a message.
    let (conn, mut peer) = pair(Family::Tcp);
    peer.say("CONNECT h:443 HTTP/1.1\r\nHost: h:443\r\n\r\n");
    settle(conn.read_request(Aio::new())).unwrap();
    let refusal = Response::builder().status(403).body("no").unwrap();
    settle(conn.write_response(Aio::new(), refusal)).unwrap();
    let expected = "HTTP/1.1 403 Forbidden\r\ncontent-length: 2\r\n\r\nno";
    assert_wire(conn, peer, expected);
}

#[test]
fn a_response_says_where_its_body_ends() {
    let ask = |peer: &mut Peer| peer.say("GET / HTTP/1.1\r\nHost: h\r\n\r\n");
    let empty = |response: response::Builder| response.body(()).unwrap();
    // Nothing declared: nothing follows.
    let (conn, mut peer) = pair(Family::Unix);
    ask(&mut peer);
    settle(conn.read_request(Aio::new())).unwrap();
    settle(conn.write_response(Aio::new(), empty(Response::builder()))).unwrap();
    refused(text(&conn, "body"));
    assert!(conn.is_reusable());
    assert_wire(conn, peer, "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n");
    // Statuses that have none.
    for (status, expected) in [
        (204, "HTTP/1.1 204 No Content\r\n\r\n"),
        (304, "HTTP/1.1 304 Not Modified\r\n\r\n"),
    ] {
        let (conn, mut peer) = pair(Family::Unix);
        ask(&mut peer);
        settle(conn.read_request(Aio::new())).unwrap();
        settle(conn.write_response(Aio::new(), empty(Response::builder().status(status)))).unwrap();
        refused(text(&conn, "body"));
        assert_wire(conn, peer, expected);
    }
    // Announced to end with the connection.
    let (conn, mut peer) = pair(Family::Unix);
    ask(&mut peer);
    settle(conn.read_request(Aio::new())).unwrap();
    let response = empty(Response::builder().header("Connection", "close"));
    settle(conn.write_response(Aio::new(), response)).unwrap();
    settle(text(&conn, "to the ")).unwrap();
    settle(text(&conn, "end")).unwrap();
    settle(conn.finish(Aio::new())).unwrap();
    assert!(!conn.is_reusable());
    let expected = "HTTP/1.1 200 OK\r\nconnection: close\r\n\r\nto the end";
    // While the connection is still ours.
    assert_eq!(String::from_utf8_lossy(&peer.drain().bytes), expected);
    assert!(settle(text(&conn, "more")).is_err());
    assert_wire(conn, peer, "");
    // Of a version that keeps no connection by itself.
    let (conn, mut peer) = pair(Family::Unix);
    ask(&mut peer);
    settle(conn.read_request(Aio::new())).unwrap();
    let response = empty(Response::builder().version(Version::HTTP_10));
    settle(conn.write_response(Aio::new(), response)).unwrap();
    settle(text(&conn, "old")).unwrap();
    assert_wire(conn, peer, "HTTP/1.0 200 OK\r\n\r\nold");
    // In pieces.
    let (conn, mut peer) = pair(Family::Unix);
    ask(&mut peer);
    settle(conn.read_request(Aio::new())).unwrap();
    let response = empty(Response::builder().header("Transfer-Encoding", "chunked"));
    settle(conn.write_response(Aio::new(), response)).unwrap();
    settle(text(&conn, "piece")).unwrap();
    assert!(!conn.is_reusable());
    settle(conn.finish(Aio::new())).unwrap();
    assert!(conn.is_reusable());
    let expected = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\npiece\r\n0\r\n\r\n";
    assert_wire(conn, peer, expected);
}

/// An interim response is no answer: the final one follows.
#[test]
fn interim_responses_are_written_before_the_final_one() {
    let (conn, mut peer) = pair(Family::Unix);
    peer.say("PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n");
    settle(conn.read_request(Aio::new())).unwrap();
    for status in [103, 100] {
        let response = Response::builder().status(status).body(());
        settle(conn.write_response(Aio::new(), response.unwrap())).unwrap();
    }
    peer.say("ok");
    assert_eq!(settle(conn.read_all(Aio::new(), 2)).unwrap(), "ok");
    settle(conn.write_response(Aio::new(), Response::new(Bytes::from("done")))).unwrap();
    assert!(conn.is_reusable());
    let expected = "HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n\
                    HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\ndone";
    assert_wire(conn, peer, expected);
}

/// What a version does not have is not written with it (RFC 9112 section 6.1).
#[test]
fn http_1_0_has_no_chunks_and_keeps_no_connection_by_itself() {
    let (conn, peer) = pair(Family::Unix);
    let mut chunked = put("Transfer-Encoding", "chunked");
    *chunked.version_mut() = Version::HTTP_10;
    refused(conn.write_request(Aio::new(), chunked));
    let chunked = Response::builder().version(Version::HTTP_10);
    let chunked = chunked.header("Transfer-Encoding", "chunked").body(());
    refused(conn.write_response(Aio::new(), chunked.unwrap()));
    assert_wire(conn, peer, "");
    for (head, reusable) in [
        ("GET / HTTP/1.0\r\n\r\n", false),
        ("GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n", true),
        (
            "GET / HTTP/1.1\r\nHost: h\r\nConnection: Close\r\n\r\n",
            false,
        ),
        ("GET / HTTP/1.1\r\nHost: h\r\nConnection: x\r\n\r\n", true),
    ] {
        let (conn, mut peer) = pair(Family::Unix);
        peer.say(head);
        settle(conn.read_request(Aio::new())).unwrap();
        let response = Response::new(Bytes::from("body"));
        settle(conn.write_response(Aio::new(), response)).unwrap();
        assert_eq!(conn.is_reusable(), reusable, "{head:?}");
    }
}
