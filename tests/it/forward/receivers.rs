//! What the receiver has asked for, and what it knows, decides what it gets.

use std::net::Shutdown;

use http_aio::http::{HeaderMap, Method, Response, StatusCode};
use http_aio::{BodyFraming, Conn, ErrorKind};

use super::{GET, HEAD, OLD_GET, Relay, prompt, response_becomes};
use crate::support::*;

/// RFC 9110 section 15.2.
#[test]
fn interim_responses_are_not_for_clients_of_http_1_0() {
    let mut relay = Relay::new();
    settle(relay.request(OLD_GET)).unwrap();
    for interim in ["100 Continue", "103 Early Hints"] {
        let said = format!("HTTP/1.1 {interim}\r\n\r\n");
        assert_eq!(settle(relay.response(said)).unwrap().count(), 0);
    }
    settle(relay.response("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")).unwrap();
    let (_, back) = relay.ends();
    assert_eq!(
        back,
        "HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\nok"
    );
}

/// RFC 9110 section 9.3.6.
#[test]
fn a_tunnel_that_is_opened_declares_no_body() {
    let asked = "CONNECT far:1 HTTP/1.1\r\nHost: far:1\r\n\r\n";
    for odd in [
        "",
        "Content-Length: 5\r\n",
        "Transfer-Encoding: chunked\r\n",
        "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
    ] {
        let mut relay = Relay::new();
        settle(relay.request(asked)).unwrap();
        settle(relay.response(format!("HTTP/1.1 200 OK\r\n{odd}Connection: x\r\n\r\n"))).unwrap();
        settle(relay.front.write_all(prompt().iov(["raw"]))).unwrap();
        let (there, back) = relay.ends();
        assert_eq!(there, "CONNECT far:1 HTTP/1.1\r\nhost: far:1\r\n\r\n");
        assert_eq!(back, "HTTP/1.1 200 OK\r\n\r\nraw", "{odd:?}");
    }
    // One that is refused has a body like any other.
    response_becomes(
        asked,
        "HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno",
        "HTTP/1.1 403 Forbidden\r\ncontent-length: 2\r\n\r\nno",
    );
}

#[test]
fn body_framing_is_that_of_the_last_head() {
    let mut relay = Relay::new();
    assert_eq!(relay.front.body_framing(), BodyFraming::UntilEnd);
    for (lines, expected) in [
        ("Content-Length: 3\r\n\r\nabc", BodyFraming::Exact(3)),
        ("Content-Length: 0\r\n\r\n", BodyFraming::None),
        (
            "Transfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n",
            BodyFraming::Chunked,
        ),
        ("\r\n", BodyFraming::None),
    ] {
        settle(relay.request(format!("POST / HTTP/1.1\r\nHost: h\r\n{lines}"))).unwrap();
        assert_eq!(relay.front.body_framing(), expected, "{lines:?}");
        relay
            .server
            .say("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n.");
        settle(relay.pass_back()).unwrap();
        assert_eq!(relay.back.body_framing(), BodyFraming::Exact(1));
        settle(relay.request(GET)).unwrap();
        relay.server.say("HTTP/1.1 100 Continue\r\n\r\n");
        settle(relay.pass_back()).unwrap();
        assert_eq!(relay.back.body_framing(), BodyFraming::None);
        settle(relay.response("HTTP/1.1 204 No Content\r\n\r\n")).unwrap();
    }
    settle(relay.request(GET)).unwrap();
    relay.server.say("HTTP/1.1 200 OK\r\n\r\nto the end");
    relay.server.shutdown(Shutdown::Write);
    settle(relay.pass_back()).unwrap();
    assert_eq!(relay.back.body_framing(), BodyFraming::UntilEnd);
}

/// A server, whose client says this request.
fn asked(said: &str) -> (Conn, Peer) {
    let (conn, mut peer) = pair(Family::Unix);
    peer.say(said);
    settle(conn.read_request(prompt())).unwrap();
    (conn, peer)
}

fn chunked() -> Response<()> {
    let response = Response::builder().header("transfer-encoding", "chunked");
    response.body(()).unwrap()
}

/// RFC 9112 section 6.1: HTTP/1.0 knows no chunks.
#[test]
fn chunks_are_not_for_clients_of_http_1_0() {
    for asked_for in ["", "Connection: keep-alive\r\n"] {
        for trailers in [false, true] {
            let (conn, mut peer) = asked(&format!("GET / HTTP/1.0\r\n{asked_for}\r\n"));
            let head = settle(conn.write_response(prompt(), chunked())).unwrap();
            assert_eq!(head.count(), 38);
            assert!(!conn.persists());
            settle(conn.write_all(prompt().iov(["one ", "two"]))).unwrap();
            settle(conn.write_all(prompt().iov([""]))).unwrap();
            settle(conn.write_all(prompt().iov([" three"]))).unwrap();
            let mut fields = HeaderMap::new();
            if trailers {
                fields.insert("checksum", "1".parse().unwrap());
            }
            settle(conn.finish_with_trailers(prompt(), fields)).unwrap();
            let drained = peer.drain();
            assert_eq!(drained.end, End::OfStream);
            assert_eq!(
                String::from_utf8_lossy(&drained.bytes),
                "HTTP/1.1 200 OK\r\nconnection: close\r\n\r\none two three"
            );
            // Nothing follows, in either direction.
            let again = settle(conn.write_response(prompt(), Response::new(())));
            assert_eq!(failure(again), (ErrorKind::Closed, 0));
            let next = settle(conn.read_request(prompt()));
            assert_eq!(failure(next), (ErrorKind::Closed, 0));
        }
    }
}

#[test]
fn the_close_is_announced_once() {
    let (conn, mut peer) = asked(OLD_GET);
    let mut response = chunked();
    let headers = response.headers_mut();
    headers.insert("connection", "close".parse().unwrap());
    settle(conn.write_response(prompt(), response)).unwrap();
    settle(conn.finish(prompt())).unwrap();
    assert_eq!(
        String::from_utf8_lossy(&peer.drain().bytes),
        "HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n"
    );
}

#[test]
fn a_head_for_http_1_0_declares_no_chunks_either() {
    let (conn, mut peer) = asked("HEAD / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
    settle(conn.write_response(prompt(), chunked())).unwrap();
    settle(conn.finish(prompt())).unwrap();
    drop(conn);
    assert_eq!(
        String::from_utf8_lossy(&peer.drain().bytes),
        "HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n"
    );
}

/// What is not chunked is the same for all.
#[test]
fn a_length_keeps_the_connection_to_http_1_0() {
    let (conn, mut peer) = asked("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
    settle(conn.write_response(prompt(), Response::new("ok"))).unwrap();
    assert!(conn.persists());
    peer.say(OLD_GET);
    settle(conn.read_request(prompt())).unwrap();
    settle(conn.write_response(prompt(), chunked())).unwrap();
    settle(conn.finish(prompt())).unwrap();
    assert_eq!(
        String::from_utf8_lossy(&peer.drain().bytes),
        "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok\
         HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n"
    );
}

/// Queued together they are written in one call, and admitted one by one.
#[test]
fn a_response_for_http_1_0_is_written_with_its_content_behind_it() {
    let (conn, mut peer) = asked(OLD_GET);
    let head = conn.write_response(prompt(), chunked());
    let content = conn.write_all(prompt().iov(["content"]));
    let end = conn.finish(prompt());
    for (aio, count) in [(head, 38), (content, 7), (end, 0)] {
        assert_eq!(settle(aio).unwrap().count(), count);
    }
    assert_eq!(
        String::from_utf8_lossy(&peer.drain().bytes),
        "HTTP/1.1 200 OK\r\nconnection: close\r\n\r\ncontent"
    );
}

/// A relay may ask for another message than it was asked for.
#[test]
fn a_head_that_was_asked_for_is_all_that_is_written() {
    for said in [
        "Content-Length: 2\r\n\r\nok",
        "Transfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nt: 1\r\n\r\n",
    ] {
        let mut relay = Relay::new();
        relay.client.say(HEAD);
        let mut request = settle(relay.front.read_request(prompt())).unwrap();
        *request.method_mut() = Method::GET;
        let passing = relay.front.forward_request(prompt(), request, &relay.back);
        settle(passing).unwrap();
        settle(relay.response(format!("HTTP/1.1 200 OK\r\n{said}"))).unwrap();
        // Both connections are ready for the next.
        settle(relay.request(GET)).unwrap();
        settle(relay.response("HTTP/1.1 204 No Content\r\n\r\n")).unwrap();
        let (_, back) = relay.ends();
        let (first, second) = back.split_once("\r\n\r\n").unwrap();
        assert!(first.starts_with("HTTP/1.1 200 OK"), "{back}");
        assert_eq!(second, "HTTP/1.1 204 No Content\r\n\r\n");
    }
}

/// And one that has none gets an empty one.
#[test]
fn a_status_with_body_ends_the_body_that_there_is_not() {
    let mut relay = Relay::new();
    settle(relay.request(GET)).unwrap();
    relay.server.say("HTTP/1.1 204 No Content\r\n\r\n");
    let mut response = settle(relay.back.read_response(prompt())).unwrap();
    *response.status_mut() = StatusCode::OK;
    settle(
        relay
            .back
            .forward_response(prompt(), response, &relay.front),
    )
    .unwrap();
    settle(relay.request(GET)).unwrap();
    settle(relay.response("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")).unwrap();
    let (_, back) = relay.ends();
    assert_eq!(
        back,
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n\
         HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"
    );
}

/// A response to HEAD is no answer to a client that waits for content: the stream ends before it.
#[test]
fn content_that_does_not_come_is_not_waited_for() {
    let mut relay = Relay::new();
    relay.client.say(GET);
    let mut request = settle(relay.front.read_request(prompt())).unwrap();
    *request.method_mut() = Method::HEAD;
    settle(relay.front.forward_request(prompt(), request, &relay.back)).unwrap();
    let passing = relay.response("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n");
    let (kind, count) = failure(settle(passing));
    assert_eq!((kind, count), (ErrorKind::InvalidInput, 38));
    assert_eq!(
        String::from_utf8_lossy(&relay.client.drain().bytes),
        "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n"
    );
}
