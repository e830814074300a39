//! Whether another message may follow: what `persists` says of it, and the `connection: close` of a
//! response that is the last because its request said so (RFC 9112 sections 9.3 and 9.6).

use std::net::Shutdown;

use http_aio::http::{Request, Response, StatusCode, Version, response};
use http_aio::{Aio, Conn, ErrorKind};

use crate::support::*;

const GET: &str = "GET / HTTP/1.1\r\nHost: h\r\n\r\n";
const LAST: &str = "GET /last HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n";

/// A server's connection that has read these requests.
#[track_caller]
fn asked(said: &str, requests: usize) -> (Conn, Peer) {
    let (conn, mut peer) = pair(Family::Unix);
    peer.say(said);
    for _ in 0..requests {
        settle(conn.read_request(Aio::new())).unwrap();
    }
    (conn, peer)
}

/// Writes a response, which is this on the wire, all of it counted.
#[track_caller]
fn answer(conn: &Conn, peer: &mut Peer, response: response::Builder, expected: &str) {
    let response = response.body(()).unwrap();
    let written = settle(conn.write_response(Aio::new(), response)).unwrap();
    assert_eq!(written.count(), expected.len() as u64, "{expected}");
    let sent = peer.expect(expected.len());
    assert_eq!(String::from_utf8_lossy(&sent), expected);
    assert!(!peer.has_input());
}

fn status(status: u16) -> response::Builder {
    Response::builder().status(status)
}

// -------------------------------------------------------------------- what a response says by itself

const OK: &str = "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n";
const LAST_OK: &str = "HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";

#[test]
fn the_response_to_the_last_request_announces_the_close() {
    for (request, is_last) in [
        (GET, false),
        (LAST, true),
        (
            "GET / HTTP/1.1\r\nHost: h\r\nConnection: Close\r\n\r\n",
            true,
        ),
        (
            "GET / HTTP/1.1\r\nHost: h\r\nConnection: x, close\r\n\r\n",
            true,
        ),
        (
            "GET / HTTP/1.1\r\nHost: h\r\nConnection: keep-alive\r\n\r\n",
            false,
        ),
        (
            "GET / HTTP/1.1\r\nHost: h\r\nConnection: closed\r\n\r\n",
            false,
        ),
        ("GET / HTTP/1.0\r\n\r\n", true),
        ("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", false),
        ("PUT / HTTP/1.0\r\nContent-Length: 2\r\n\r\nup", true),
    ] {
        let (conn, mut peer) = asked(request, 1);
        assert_eq!(conn.persists(), !is_last, "{request}");
        let expected = if is_last { LAST_OK } else { OK };
        answer(&conn, &mut peer, status(200), expected);
        assert_eq!(conn.persists(), !is_last, "{request}");
    }
}

/// An attached body is sent behind it, whole; a large one too.
#[test]
fn the_last_response_has_its_body() {
    for family in FAMILIES {
        for length in [5, MORE_THAN_FITS] {
            let (conn, mut peer) = pair(family);
            peer.say(LAST);
            settle(conn.read_request(Aio::new())).unwrap();
            let written = conn.write_response(Aio::new(), Response::new(pattern(0, length)));
            let head = peer.head();
            let expected =
                format!("HTTP/1.1 200 OK\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n");
            assert_eq!(head, expected);
            assert_pattern(0, &peer.expect(length));
            let count = settle(written).unwrap().count();
            assert_eq!(count, (expected.len() + length) as u64);
        }
    }
}

#[test]
fn a_last_response_in_pieces_is_framed_as_it_declares() {
    for (name, value, body) in [
        ("content-length", "5", "hello"),
        ("transfer-encoding", "chunked", "5\r\nhello\r\n0\r\n\r\n"),
    ] {
        let (conn, mut peer) = asked(LAST, 1);
        let head = format!("HTTP/1.1 200 OK\r\n{name}: {value}\r\nconnection: close\r\n\r\n");
        answer(&conn, &mut peer, status(200).header(name, value), &head);
        settle(conn.write_all(Aio::new().iov(["hello"]))).unwrap();
        settle(conn.finish(Aio::new())).unwrap();
        assert_eq!(peer.expect(body.len()), body.as_bytes());
        assert!(!conn.persists());
    }
}

/// Requests from before the last are answered as ever (RFC 9112 section 9.6).
#[test]
fn only_the_last_of_pipelined_responses_announces_the_close() {
    for asks in [2, 3] {
        let said = format!("{}{LAST}", GET.repeat(asks - 1));
        // All of them are read before any is answered; or each is answered at once.
        for at_once in [false, true] {
            let (conn, mut peer) = asked(&said, if at_once { 0 } else { asks });
            for n in 1..=asks {
                if at_once {
                    settle(conn.read_request(Aio::new())).unwrap();
                }
                let expected = if n == asks { LAST_OK } else { OK };
                answer(&conn, &mut peer, status(200), expected);
            }
            let behind = settle(conn.write_response(Aio::new(), Response::new("more")));
            assert_eq!(failure(behind), (ErrorKind::Closed, 0));
            assert_eq!(
                failure(settle(conn.read_request(Aio::new()))),
                (ErrorKind::Closed, 0)
            );
        }
    }
    // And if they are all written before any has gone out.
    let (conn, mut peer) = asked(&format!("{GET}{GET}{LAST}"), 3);
    let written: Vec<_> = (0..3)
        .map(|_| conn.write_response(Aio::new(), Response::new(())))
        .collect();
    for (write, expected) in written.into_iter().zip([OK, OK, LAST_OK]) {
        assert_eq!(settle(write).unwrap().count(), expected.len() as u64);
        let sent = peer.expect(expected.len());
        assert_eq!(String::from_utf8_lossy(&sent), expected);
    }
}

/// What comes before the final response says nothing about what follows it.
#[test]
fn an_interim_response_is_not_touched() {
    let (conn, mut peer) = asked(LAST, 1);
    answer(
        &conn,
        &mut peer,
        status(100),
        "HTTP/1.1 100 Continue\r\n\r\n",
    );
    let hints = status(103).header("link", "x");
    answer(
        &conn,
        &mut peer,
        hints,
        "HTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\n",
    );
    assert!(!conn.persists());
    answer(&conn, &mut peer, status(200), LAST_OK);
}

/// After an upgrade there are no messages that could be the last.
#[test]
fn a_response_that_opens_a_tunnel_is_not_touched() {
    for (request, status, head) in [
        (
            "GET / HTTP/1.1\r\nHost: h\r\nUpgrade: x\r\nConnection: close, upgrade\r\n\r\n",
            status(101)
                .header("upgrade", "x")
                .header("connection", "upgrade"),
            "HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n",
        ),
        (
            "CONNECT h:443 HTTP/1.1\r\nHost: h:443\r\nConnection: close\r\n\r\n",
            status(200),
            "HTTP/1.1 200 OK\r\n\r\n",
        ),
        (
            "CONNECT h:443 HTTP/1.0\r\n\r\n",
            status(200),
            "HTTP/1.1 200 OK\r\n\r\n",
        ),
    ] {
        let (conn, mut peer) = asked(request, 1);
        answer(&conn, &mut peer, status, head);
        assert!(!conn.persists(), "{request}");
        settle(conn.write_all(Aio::new().iov(["raw"]))).unwrap();
        assert_eq!(peer.expect(3), b"raw");
        peer.say("raw");
        assert_eq!(settle(conn.read_all(Aio::new(), 3)).unwrap(), "raw");
    }
}

/// A tunnel that is refused leaves the connection with its messages, of which this is the last.
#[test]
fn the_refusal_of_a_tunnel_announces_the_close() {
    for request in [
        "CONNECT h:443 HTTP/1.1\r\nHost: h:443\r\nConnection: close\r\n\r\n",
        "CONNECT h:443 HTTP/1.0\r\n\r\n",
    ] {
        let (conn, mut peer) = asked(request, 1);
        let head = "HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
        answer(&conn, &mut peer, status(403), head);
        assert!(!conn.persists());
    }
    let (conn, mut peer) = asked("CONNECT h:443 HTTP/1.1\r\nHost: h:443\r\n\r\n", 1);
    let head = "HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\n\r\n";
    answer(&conn, &mut peer, status(403), head);
    assert!(conn.persists());
}

#[test]
fn a_response_that_announces_the_close_itself_is_not_changed() {
    let (conn, mut peer) = asked(LAST, 1);
    let head = "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 0\r\n\r\n";
    let response = status(200).header("connection", "close");
    answer(
        &conn,
        &mut peer,
        response.header("content-length", "0"),
        head,
    );
    // In another word, and by its version.
    let (conn, mut peer) = asked(LAST, 1);
    let head = "HTTP/1.1 200 OK\r\nconnection: X, Close\r\ncontent-length: 0\r\n\r\n";
    let response = status(200).header("connection", "X, Close");
    answer(
        &conn,
        &mut peer,
        response.header("content-length", "0"),
        head,
    );
    let (conn, mut peer) = asked("GET / HTTP/1.0\r\n\r\n", 1);
    let head = "HTTP/1.0 200 OK\r\ncontent-length: 0\r\n\r\n";
    let response = status(200).version(Version::HTTP_10);
    answer(
        &conn,
        &mut peer,
        response.header("content-length", "0"),
        head,
    );
    // Its body ends with the connection.
    let (conn, mut peer) = asked(LAST, 1);
    let head = "HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n";
    answer(
        &conn,
        &mut peer,
        status(200).header("connection", "close"),
        head,
    );
    settle(conn.write_all(Aio::new().iov(["to the end"]))).unwrap();
    settle(conn.finish(Aio::new())).unwrap();
    assert_eq!(peer.drain().bytes, b"to the end");
}

/// What it promises cannot be kept: one more line says so.
#[test]
fn a_response_that_promises_another_is_corrected() {
    let (conn, mut peer) = asked("GET / HTTP/1.0\r\n\r\n", 1);
    let head = "HTTP/1.0 200 OK\r\nconnection: keep-alive\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
    let response = status(200).version(Version::HTTP_10);
    let response = response.header("connection", "keep-alive");
    answer(
        &conn,
        &mut peer,
        response.header("content-length", "0"),
        head,
    );
    assert!(!conn.persists());
}

/// The head alone, with what it declares and the line.
#[test]
fn the_last_response_to_a_head_request_announces_the_close() {
    let head = "HTTP/1.1 200 OK\r\ncontent-length: 5\r\nconnection: close\r\n\r\n";
    let (conn, mut peer) = asked("HEAD / HTTP/1.0\r\n\r\n", 1);
    let written = settle(conn.write_response(Aio::new(), Response::new("hello"))).unwrap();
    assert_eq!(written.count(), head.len() as u64);
    drop(conn);
    assert_eq!(String::from_utf8_lossy(&peer.drain().bytes), head);

    let (conn, mut peer) = asked(&LAST.replace("GET", "HEAD"), 1);
    answer(
        &conn,
        &mut peer,
        status(200).header("content-length", "5"),
        head,
    );
}

/// Statuses without a body announce it as well.
#[test]
fn a_last_response_without_a_body_announces_the_close() {
    for (code, line) in [
        (StatusCode::NO_CONTENT, "HTTP/1.1 204 No Content"),
        (StatusCode::NOT_MODIFIED, "HTTP/1.1 304 Not Modified"),
    ] {
        let (conn, mut peer) = asked(LAST, 1);
        let head = format!("{line}\r\nconnection: close\r\n\r\n");
        answer(&conn, &mut peer, status(code.as_u16()), &head);
    }
}

/// A client's exchange learns of it: the next is refused, and can be made elsewhere.
#[test]
fn a_client_of_the_library_understands_it() {
    let (near, far) = tcp_pair();
    let (client, server) = (Conn::from(near), Conn::from(far));
    let request = Request::get("http://h/").version(Version::HTTP_10);
    let asking = client.transact(Aio::new(), request.body(()).unwrap());
    settle(server.read_request(Aio::new())).unwrap();
    settle(server.write_response(Aio::new(), Response::new("once"))).unwrap();
    let response = settle(asking).unwrap();
    assert_eq!(response.headers()["connection"], "close");
    assert_eq!(response.body(), "once");
    assert!(!client.is_reusable() && !client.persists() && !server.persists());
    let again = client.transact(Aio::new(), Request::get("/").body(()).unwrap());
    assert_eq!(failure(settle(again)), (ErrorKind::Closed, 0));
}

// -------------------------------------------------------------------------------- what persists says

#[test]
fn a_server_goes_on_while_it_persists() {
    for family in FAMILIES {
        let (conn, mut peer) = pair(family);
        peer.say(format!(
            "{GET}PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\nup{LAST}{GET}"
        ));
        let mut served = Vec::new();
        while conn.persists() {
            let request = settle(conn.read_request(Aio::new())).unwrap();
            let body = settle(conn.read_body(Aio::new())).unwrap();
            served.push((request.uri().path().to_owned(), body.len()));
            settle(conn.write_response(Aio::new(), Response::new(body))).unwrap();
        }
        let expected = [("/", 0), ("/", 2), ("/last", 0)];
        assert_eq!(served, expected.map(|(path, len)| (path.to_owned(), len)));
        drop(conn);
        let said = String::from_utf8(peer.drain().bytes).unwrap();
        assert_eq!(said.matches("HTTP/1.1 200 OK").count(), 3);
        assert!(said.ends_with("connection: close\r\n\r\n"), "{said}");
    }
}

/// Unlike `is_reusable`, it does not mind what is under way, unread or unanswered.
#[test]
fn what_is_under_way_does_not_matter() {
    let (conn, mut peer) = pair(Family::Tcp);
    assert!(conn.persists(), "nothing was said");
    let head = conn.read_request(Aio::new());
    assert!(conn.persists(), "a read is under way");
    peer.say(format!(
        "PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhello{GET}"
    ));
    settle(head).unwrap();
    assert!(conn.persists(), "the body is unread");
    settle(conn.read_body(Aio::new())).unwrap();
    assert!(conn.persists(), "the request is not answered");
    let chunked = status(200).header("transfer-encoding", "chunked");
    settle(conn.write_response(Aio::new(), chunked.body(()).unwrap())).unwrap();
    assert!(conn.persists(), "the response is not complete");
    settle(conn.finish(Aio::new())).unwrap();
    wait_until("the next request has arrived", || !conn.is_reusable());
    assert!(conn.persists(), "there is another request");
    settle(conn.read_request(Aio::new())).unwrap();
    settle(conn.write_response(Aio::new(), Response::new(()))).unwrap();
    assert!(conn.persists());
}

#[test]
fn what_has_ended_on_this_side_does_not_persist() {
    type End = fn(&Conn);
    let ends: [(&str, End); 6] = [
        ("close", Conn::close),
        ("close_write", |conn| {
            settle(conn.close_write(Aio::new())).unwrap();
        }),
        ("shutdown", |conn| drop(conn.shutdown(Aio::new()))),
        ("a response that announces it", |conn| {
            let response = status(200).header("connection", "close").body("x");
            settle(conn.write_response(Aio::new(), response.unwrap())).unwrap();
        }),
        ("a body that ends with the connection", |conn| {
            let response = status(200).version(Version::HTTP_10).body(());
            settle(conn.write_response(Aio::new(), response.unwrap())).unwrap();
        }),
        ("a write that failed in flight", |conn| {
            let response = Response::new(pattern(0, MORE_THAN_FITS));
            let stuck = conn.write_response(Aio::new(), response);
            wait_until("it is on its way", || stuck.count() > 0);
            stuck.cancel();
            assert_eq!(failure(settle(stuck)).0, ErrorKind::Canceled);
        }),
    ];
    for (what, end) in ends {
        let (conn, _peer) = asked(GET, 1);
        assert!(conn.persists(), "{what}");
        end(&conn);
        assert!(!conn.persists(), "{what}");
        assert!(!conn.clone().persists(), "{what}");
    }
}

/// As a client: what the server has announced, and what this side has asked for.
#[test]
fn a_client_learns_whether_it_persists() {
    for (answer, persists) in [
        ("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", true),
        (
            "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n",
            false,
        ),
        ("HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n", false),
        (
            "HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 0\r\n\r\n",
            true,
        ),
        ("HTTP/1.1 200 OK\r\n\r\n", false),
        ("HTTP/1.1 101 Yes\r\n\r\n", false),
    ] {
        let (conn, mut peer) = pair(Family::Unix);
        settle(conn.write_request(Aio::new(), Request::get("http://h/").body(()).unwrap()))
            .unwrap();
        assert!(conn.persists());
        peer.say(answer);
        settle(conn.read_response(Aio::new())).unwrap();
        assert_eq!(conn.persists(), persists, "{answer:?}");
    }
    let (conn, _peer) = pair(Family::Unix);
    let last = Request::get("http://h/").header("connection", "close");
    settle(conn.write_request(Aio::new(), last.body(()).unwrap())).unwrap();
    assert!(!conn.persists());
}

/// The peer's end is found by the read of the next request, as ever.
#[test]
fn the_end_of_the_peer_is_for_reads_to_find() {
    let (conn, mut peer) = asked(GET, 1);
    peer.shutdown(Shutdown::Write);
    answer(&conn, &mut peer, status(200), OK);
    assert!(conn.persists());
    let error = settle(conn.read_request(Aio::new())).unwrap_err();
    assert!(error.is_end_of_stream() && !error.is_incomplete_message());
}

// -------------------------------------------------------------------------------- put off and moved up

#[cfg(feature = "test-util")]
mod in_memory {
    use super::*;
    use crate::support::hooks::say;

    /// A response that goes back to the queue, and is the answer to another request once one before it was
    /// canceled, is admitted anew: it is not the last any more.
    #[test]
    fn a_response_that_is_no_longer_the_last_announces_nothing() {
        // A call takes one of them.
        let ((go, gone), (let_go, is_let_go)) = (gate(), gate());
        let (conn, peer, gate) = gated_pair(1 << 10, faults(OK.len(), None));
        say(&peer, format!("{GET}{GET}{GET}{LAST}"));
        for _ in 0..4 {
            settle(conn.read_request(Aio::new())).unwrap();
        }
        let respond = || conn.write_response(Aio::new(), Response::new(()));
        let first = respond();
        gate.arrived();
        let _ = respond().on_complete(move |result, _| {
            result.unwrap();
            let _ = go.send(());
            receive(&is_let_go);
        });
        let (third, last) = (respond(), respond());
        gate.permit();
        // All three were offered, the last as the last, and one was taken: its closure comes first.
        assert_eq!(gate.arrived().offered, 2 * OK.len() + LAST_OK.len());
        gate.permit();
        receive(&gone);
        third.cancel();
        assert_eq!(failure(settle(third)), (ErrorKind::Canceled, 0));
        let_go.send(()).unwrap();
        drop(gate.open());
        settle(first).unwrap();
        assert_eq!(settle(last).unwrap().count(), OK.len() as u64);
        assert_eq!(settle(respond()).unwrap().count(), LAST_OK.len() as u64);
        drop(conn);
        let sent = String::from_utf8(drain_memory(peer)).unwrap();
        assert_eq!(sent, [OK, OK, OK, LAST_OK].concat());
    }
}
