//! `Connection: close`: after the message that says so nothing is written, and nothing is waited for
//! (RFC 9112 section 9.6); what belongs to it, and what was asked before it, still comes.

use std::net::Shutdown;

use http_aio::bytes::Bytes;
use http_aio::http::{HeaderMap, Request, Response, StatusCode};
use http_aio::{Aio, Conn, ErrorKind, InFlight, IntoBody, Written};

use crate::support::*;

const CLOSED: (ErrorKind, u64) = (ErrorKind::Closed, 0);

fn get(path: &str) -> Request<Bytes> {
    let request = Request::get(path).header("host", "h");
    request.body(Bytes::new()).unwrap()
}

/// The last request of its client.
fn last(path: &str) -> Request<Bytes> {
    let mut request = get(path);
    let close = "close".parse().unwrap();
    request.headers_mut().insert("connection", close);
    request
}

fn answer(body: &'static str) -> Response<&'static str> {
    Response::new(body)
}

fn last_answer(body: &'static str) -> Response<&'static str> {
    let response = Response::builder().header("connection", "close");
    response.body(body).unwrap()
}

fn ask(conn: &Conn, request: Request<impl IntoBody>) -> Aio<Written, InFlight> {
    conn.write_request(Aio::new(), request)
}

/// The paths of the requests in `sent`.
fn paths(sent: &[u8]) -> Vec<String> {
    let text = String::from_utf8_lossy(sent);
    let lines = text.lines().filter(|line| line.ends_with("HTTP/1.1"));
    lines
        .map(|line| line.split(' ').nth(1).unwrap().to_owned())
        .collect()
}

// ----------------------------------------------------------------------------------- as a client

#[test]
fn requests_queued_behind_the_last_one_are_not_sent() {
    for family in FAMILIES {
        let (conn, mut peer) = pair(family);
        let mut large = last("/last");
        *large.body_mut() = pattern(0, MORE_THAN_FITS);
        let first = conn.transact(Aio::new(), large);
        wait_until("it is on its way", || first.count() > 0);
        let behind = conn.transact(Aio::new(), get("/behind"));
        let request = ask(&conn, get("/behind"));
        let streaming = conn.transact_streaming(Aio::new(), get("/behind"));
        let playing = std::thread::spawn(move || {
            peer.head();
            assert_pattern(0, &peer.expect(MORE_THAN_FITS));
            peer.say("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
            peer.drain()
        });
        assert_eq!(settle(first).unwrap().body(), "ok");
        assert_eq!(failure(settle(behind)), CLOSED);
        assert_eq!(failure(settle(request)), CLOSED);
        assert_eq!(failure(settle(streaming)), CLOSED);
        assert!(!conn.is_reusable());
        // It is the connection's own doing, not an end.
        assert_eq!(failure(settle(ask(&conn, get("/later")))), CLOSED);
        drop(conn);
        assert_eq!(join(playing).count(), 0);
    }
}

#[test]
fn a_response_that_says_close_stops_later_requests() {
    for (length, body) in [
        ("Content-Length: 2", "ok"),
        ("Transfer-Encoding: chunked", "2\r\nok\r\n0\r\n\r\n"),
        ("Content-Length: 0", ""),
    ] {
        let (conn, mut peer) = pair(Family::Tcp);
        settle(ask(&conn, get("/"))).unwrap();
        peer.say(format!(
            "HTTP/1.1 200 OK\r\nConnection: close\r\n{length}\r\n\r\n{body}"
        ));
        let response = settle(conn.read_response(Aio::new())).unwrap();
        assert_eq!(response.status(), StatusCode::OK);
        // The peer stays: neither of them waits for it.
        assert_eq!(failure(settle(ask(&conn, get("/next")))), CLOSED);
        if !body.is_empty() {
            let unread = settle(conn.read_response(Aio::new()));
            let (kind, _) = failure(unread);
            assert_eq!(kind, ErrorKind::InvalidInput, "the body comes first");
            assert_eq!(settle(conn.read_all(Aio::new(), 2)).unwrap(), "ok");
        }
        assert!(settle(conn.read(Aio::new(), 1)).unwrap().is_empty());
        assert_eq!(failure(settle(conn.read_response(Aio::new()))), CLOSED);
        assert_eq!(failure(settle(conn.read_any_response(Aio::new()))), CLOSED);
        let next = conn.transact(Aio::new(), get("/next"));
        assert_eq!(failure(settle(next)), CLOSED);
        assert!(settle(conn.read_trailers(Aio::new())).unwrap().is_empty());
        conn.close();
        assert_eq!(paths(&peer.drain().bytes), ["/"]);
    }
}

/// Whatever the server says about it.
#[test]
fn nothing_is_awaited_behind_the_answer_to_the_last_request() {
    let (conn, mut peer) = pair(Family::Unix);
    settle(ask(&conn, get("/a"))).unwrap();
    settle(ask(&conn, last("/b"))).unwrap();
    for body in ["a", "b"] {
        peer.say(format!(
            "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n{body}"
        ));
        settle(conn.read_response(Aio::new())).unwrap();
        assert_eq!(settle(conn.read_all(Aio::new(), 1)).unwrap(), body);
    }
    assert_eq!(failure(settle(conn.read_response(Aio::new()))), CLOSED);
    // What comes all the same is nobody's.
    peer.say("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    assert_eq!(failure(settle(conn.read_response(Aio::new()))), CLOSED);
}

#[test]
fn a_body_that_ends_with_the_stream_is_the_last() {
    let (conn, mut peer) = pair(Family::Unix);
    settle(ask(&conn, get("/"))).unwrap();
    peer.say("HTTP/1.1 200 OK\r\n\r\nto the end");
    peer.shutdown(Shutdown::Write);
    settle(conn.read_response(Aio::new())).unwrap();
    assert_eq!(failure(settle(ask(&conn, get("/next")))), CLOSED);
    assert_eq!(settle(conn.read_all(Aio::new(), 10)).unwrap(), "to the end");
    assert_eq!(failure(settle(conn.read_response(Aio::new()))), CLOSED);
}

/// The body of the message that says it is a part of that.
#[test]
fn the_body_of_the_last_message_goes_out() {
    let (client, server) = {
        let (near, far) = unix_pair();
        (Conn::from(near), Conn::from(far))
    };
    let mut request = last("/upload");
    let headers = request.headers_mut();
    headers.insert("transfer-encoding", "chunked".parse().unwrap());
    settle(ask(&client, request)).unwrap();
    settle(client.write_all(Aio::new().iov(["more"]))).unwrap();
    settle(client.finish_with_trailers(Aio::new(), HeaderMap::new())).unwrap();
    settle(server.read_request(Aio::new())).unwrap();
    assert_eq!(settle(server.read_all(Aio::new(), 4)).unwrap(), "more");
    // An interim response, and then the final one.
    let interim = Response::builder().status(103).body(()).unwrap();
    settle(server.write_response(Aio::new(), interim)).unwrap();
    let mut response = last_answer("");
    response.headers_mut().insert("content-length", 5.into());
    settle(server.write_response(Aio::new(), response)).unwrap();
    settle(server.write_all(Aio::new().iov(["hello"]))).unwrap();
    settle(server.finish(Aio::new())).unwrap();
    let response = settle(client.read_response(Aio::new())).unwrap();
    assert_eq!(response.headers()["connection"], "close");
    assert_eq!(settle(client.read_all(Aio::new(), 5)).unwrap(), "hello");
    assert_eq!(failure(settle(client.read_response(Aio::new()))), CLOSED);
}

// ----------------------------------------------------------------------------------- as a server

#[test]
fn a_server_answers_what_was_asked_up_to_the_last_request() {
    for family in FAMILIES {
        let (conn, mut peer) = pair(family);
        peer.say("GET /a HTTP/1.1\r\nHost: h\r\n\r\n");
        peer.say("GET /b HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
        peer.say("GET /c HTTP/1.1\r\nHost: h\r\n\r\n");
        for path in ["/a", "/b"] {
            let request = settle(conn.read_request(Aio::new())).unwrap();
            assert_eq!(request.uri(), path);
        }
        // There is one more, and there could be none: it is not looked at.
        let error = settle(conn.read_request(Aio::new())).unwrap_err();
        assert!(error.detail().is_some(), "{error:?}");
        assert_eq!((error.kind(), error.count()), CLOSED);
        let written: Vec<_> = ["a", "b", "c"]
            .into_iter()
            .map(|body| conn.write_response(Aio::new(), answer(body)))
            .map(|write| settle(write).map_err(|error| (error.kind(), error.count())))
            .collect();
        assert!(written[0].is_ok() && written[1].is_ok(), "{written:?}");
        assert_eq!(written[2].as_ref().unwrap_err(), &CLOSED);
        conn.close();
        let text = peer.drain().bytes;
        let text = String::from_utf8(text).unwrap();
        assert!(text.ends_with("\r\n\r\nb"), "{text}");
    }
}

#[test]
fn nothing_follows_the_last_response() {
    let (conn, mut peer) = pair(Family::Tcp);
    for path in ["/a", "/b"] {
        peer.say(format!("GET {path} HTTP/1.1\r\nHost: h\r\n\r\n"));
        settle(conn.read_request(Aio::new())).unwrap();
    }
    settle(conn.write_response(Aio::new(), last_answer("a"))).unwrap();
    let behind = conn.write_response(Aio::new(), answer("b"));
    assert_eq!(failure(settle(behind)), CLOSED);
    let interim = Response::builder().status(103).body(()).unwrap();
    let behind = conn.write_response(Aio::new(), interim);
    assert_eq!(failure(settle(behind)), CLOSED);
    assert_eq!(failure(settle(conn.read_request(Aio::new()))), CLOSED);
    conn.close();
    let text = String::from_utf8(peer.drain().bytes).unwrap();
    assert!(text.ends_with("\r\n\r\na"), "{text}");
}

#[test]
fn a_request_of_version_1_0_is_the_last_unless_it_says_otherwise() {
    let (conn, mut peer) = pair(Family::Unix);
    peer.say("GET /a HTTP/1.0\r\nConnection: keep-alive\r\n\r\nGET /b HTTP/1.0\r\n\r\n");
    for path in ["/a", "/b"] {
        let request = settle(conn.read_request(Aio::new())).unwrap();
        assert_eq!(request.uri(), path);
        settle(conn.write_response(Aio::new(), answer(""))).unwrap();
    }
    assert_eq!(failure(settle(conn.read_request(Aio::new()))), CLOSED);
    drop(peer);
}

// --------------------------------------------------------------------------------------- tunnels

/// What is spoken in a tunnel is not for the head that opened it to end.
#[test]
fn a_tunnel_outlives_what_its_messages_say() {
    for (request, status) in [
        (Request::connect("h:443"), 200),
        (Request::get("/").header("upgrade", "x"), 101),
    ] {
        let (client, server) = {
            let (near, far) = unix_pair();
            (Conn::from(near), Conn::from(far))
        };
        let request = request.header("host", "h:443");
        let request = request.header("connection", "close, upgrade");
        settle(ask(&client, request.body(()).unwrap())).unwrap();
        settle(server.read_request(Aio::new())).unwrap();
        let response = Response::builder().status(status);
        let response = response.header("connection", "close, upgrade");
        let response = response.body(()).unwrap();
        settle(server.write_response(Aio::new(), response)).unwrap();
        settle(client.read_response(Aio::new())).unwrap();
        for (from, to) in [(&client, &server), (&server, &client)] {
            settle(from.write_all(Aio::new().iov(["raw"]))).unwrap();
            assert_eq!(settle(to.read_all(Aio::new(), 3)).unwrap(), "raw");
        }
        settle(ask(&client, get("/inside"))).unwrap();
        assert_eq!(
            settle(server.read_request(Aio::new())).unwrap().uri(),
            "/inside"
        );
    }
}

// -------------------------------------------------------------------------------- in the same call

#[cfg(feature = "test-util")]
mod in_memory {
    use super::*;
    use http_aio::testing::memory::Faults;
    use http_aio::transport::{Transport, Wait};

    /// Small ones go out in one call; those behind the last are not among them.
    #[test]
    fn what_is_admitted_ends_with_the_last() {
        let (conn, far, gate) = gated_pair(1 << 20, Faults::none());
        let first = ask(&conn, get("/first"));
        let offered = gate.arrived().offered;
        let then = ask(&conn, get("/then"));
        let closing = ask(&conn, last("/last"));
        let behind: Vec<_> = (0..3).map(|_| ask(&conn, get("/behind"))).collect();
        gate.permit();
        let both = gate.arrived();
        gate.permit();
        let calls = gate.open();
        let sent = [first, then, closing].map(|write| settle(write).unwrap().count());
        assert_eq!(
            (offered as u64, both.offered as u64),
            (sent[0], sent[1] + sent[2])
        );
        for write in behind {
            assert_eq!(failure(settle(write)), CLOSED);
        }
        assert!(calls.is_empty(), "nothing of it was offered");
        conn.close();
        assert_eq!(paths(&drain_memory(far)), ["/first", "/then", "/last"]);
    }

    #[test]
    fn responses_behind_the_last_are_not_sent() {
        let (conn, far, gate) = gated_pair(1 << 20, Faults::none());
        let respond = |response| conn.write_response(Aio::new(), response);
        let (first, closing) = (respond(answer("1")), respond(last_answer("2")));
        let behind = respond(answer("3"));
        gate.arrived();
        drop(gate.open());
        settle(first).unwrap();
        settle(closing).unwrap();
        assert_eq!(failure(settle(behind)), CLOSED);
        conn.close();
        let text = String::from_utf8(drain_memory(far)).unwrap();
        assert!(text.ends_with("\r\n\r\n2"), "{text}");
    }

    /// What was canceled in the queue has announced nothing.
    #[test]
    fn a_last_request_that_is_not_sent_stops_nothing() {
        let (conn, far, gate) = gated_pair(1 << 20, Faults::none());
        let first = ask(&conn, get("/first"));
        gate.arrived();
        let closing = ask(&conn, last("/last"));
        let behind = ask(&conn, get("/behind"));
        closing.cancel();
        let (kind, count) = failure(settle(closing));
        assert_eq!((kind, count), (ErrorKind::Canceled, 0));
        drop(gate.open());
        settle(first).unwrap();
        settle(behind).unwrap();
        conn.close();
        assert_eq!(paths(&drain_memory(far)), ["/first", "/behind"]);
    }

    /// Exchanges, whose reads wait in the other queue.
    #[test]
    fn exchanges_behind_the_last_can_be_made_again() {
        let (conn, far, gate) = gated_pair(1 << 20, Faults::none());
        let answered = conn.read_response(Aio::new());
        let first = ask(&conn, get("/first"));
        gate.arrived();
        let closing = conn.transact(Aio::new(), last("/last"));
        let behind: Vec<_> = (0..3)
            .map(|_| conn.transact(Aio::new(), get("/behind")))
            .collect();
        drop(gate.open());
        settle(first).unwrap();
        for exchange in behind {
            assert_eq!(failure(settle(exchange)), CLOSED);
        }
        let ok = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
        for _ in 0..2 {
            let bytes = [std::io::IoSlice::new(ok.as_bytes())];
            assert_eq!(far.write(&bytes, Wait::Forever).unwrap(), ok.len());
        }
        settle(answered).unwrap();
        settle(closing).unwrap();
        conn.close();
        assert_eq!(paths(&drain_memory(far)), ["/first", "/last"]);
    }
}
