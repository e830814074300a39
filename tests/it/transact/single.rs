//! One exchange after the other, as it is on the wire and as nng tests it.

use std::net::Shutdown;
use std::time::{Duration, Instant};

use http_aio::bytes::Bytes;
use http_aio::http::{Request, StatusCode, Version};
use http_aio::{Aio, ErrorKind};

use super::{CHUNKS, Local, assert_closed, assert_usable, get, playing, post, written};
use crate::site::answer;
use crate::support::*;

#[test]
fn an_exchange_on_the_wire() {
    for family in FAMILIES {
        let (conn, peer) = pair(family);
        let expected = [
            "GET /a?b HTTP/1.1\r\nhost: \r\n\r\n",
            "POST / HTTP/1.1\r\nhost: \r\ncontent-length: 5\r\n\r\nhello",
            "POST / HTTP/1.1\r\nhost: \r\ncontent-length: 0\r\n\r\n",
            "HEAD / HTTP/1.1\r\nhost: \r\n\r\n",
            "GET /end HTTP/1.1\r\nhost: \r\n\r\n",
        ];
        let answers = [
            answer("to the first"),
            CHUNKS.to_owned(),
            "HTTP/1.1 204 No Content\r\n\r\n".to_owned(),
            "HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n".to_owned(),
            "HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 500 Oops\r\n\r\nto the end".to_owned(),
        ];
        let playing = playing(peer, move |peer| {
            for (expected, answer) in expected.iter().zip(answers) {
                let request = peer.expect(expected.len());
                assert_eq!(String::from_utf8_lossy(&request), *expected);
                peer.say(answer);
            }
            peer.shutdown(Shutdown::Write);
        });
        let head = Request::head("/").body(Bytes::new()).unwrap();
        let requests = [get("/a?b"), post("hello"), post(""), head, get("/end")];
        let bodies = ["to the first", "hello world", "", "", "to the end"];
        for (n, (request, body)) in requests.into_iter().zip(bodies).enumerate() {
            let response = settle(conn.transact(Aio::new(), request)).unwrap();
            assert_eq!(response.body(), body);
            assert_eq!(written(&response), expected[n].len() as u64);
            assert_eq!(interim(&response), if n == 4 { vec![103] } else { vec![] });
            assert_eq!(conn.is_reusable(), n < 4);
        }
        assert_closed(&conn);
        join(playing);
    }
}

/// Of nng's tests of the client (nng-contract.md, 4.2). A wait on an idle aio does not compile here.
#[test]
fn nng_34_to_36_connect_ask_and_read() {
    let server = Local::listen();
    let conn = server.connect();
    settle(conn.write_request(Aio::new(), server.get("/large"))).unwrap();
    let response = settle(conn.read_response(Aio::new())).unwrap();
    assert_eq!(response.status(), StatusCode::OK);
    let length: usize = response.headers()["content-length"]
        .to_str()
        .unwrap()
        .parse()
        .unwrap();
    assert_eq!(length, 1 << 20);
    let body = settle(conn.read_all(Aio::new(), length)).unwrap();
    assert!(body.chunks(16).all(|part| part == b"0123456789abcdef"));
    assert!(conn.is_reusable());
}

#[test]
fn nng_37_38_and_71_transact_once_and_again_on_one_connection() {
    let server = Local::listen();
    let conn = server.connect();
    let mut aio = Aio::new().timeout(PATIENCE);
    for _ in 0..5 {
        let (result, back) = settle_and_reclaim(conn.transact(aio, server.get("/large")));
        aio = back;
        let response = result.unwrap();
        assert_eq!(response.status(), StatusCode::OK);
        assert_eq!(response.body().len(), 1 << 20);
        assert!(response.body().ends_with(b"abcdef"));
    }
}

#[test]
fn nng_39_and_75_a_reply_that_is_late_times_out() {
    let server = Local::listen();
    for timeout in [10, 20] {
        let conn = server.connect();
        let before = server.requests();
        let timeout = Duration::from_millis(timeout);
        let start = Instant::now();
        let (kind, count) = failure(settle(
            conn.transact(Aio::new().timeout(timeout), server.get("/slow")),
        ));
        assert!(start.elapsed() >= timeout);
        assert_eq!(kind, ErrorKind::TimedOut);
        if count > 0 {
            wait_until("the server sees it", || server.requests() == before + 1);
            assert_closed(&conn);
        }
    }
}

#[test]
fn nng_40_and_76_chunks_are_put_together() {
    let server = Local::listen();
    let conn = server.connect();
    for _ in 0..2 {
        let response = settle(conn.transact(Aio::new(), server.get("/chunked"))).unwrap();
        assert_eq!(response.body(), "hello world");
    }
}

#[test]
fn nng_72_to_74_a_local_server_counts_the_requests() {
    let server = Local::listen();
    let conn = server.connect();
    settle(conn.write_request(Aio::new(), server.get("/text"))).unwrap();
    let response = settle(conn.read_response(Aio::new())).unwrap();
    assert_eq!(response.headers()["content-length"], "14");
    assert_eq!(
        settle(conn.read_all(Aio::new(), 14)).unwrap(),
        "Hello, World!\n"
    );
    assert_eq!(server.requests(), 1);
    let response = settle(conn.transact(Aio::new(), server.get("/hello"))).unwrap();
    assert_eq!(
        (response.status(), response.body().len()),
        (StatusCode::OK, 11)
    );
    let conn = server.connect();
    for body in ["one", "two"] {
        let request = server.get(&format!("/{body}"));
        let response = settle(conn.transact(Aio::new(), request)).unwrap();
        assert_eq!(response.body(), body);
    }
    assert_eq!(server.requests(), 4);
}

#[test]
fn nng_77_and_78_sizes_of_chunks_beyond_everything() {
    let server = Local::listen();
    for path in ["/wraps", "/huge"] {
        let conn = server.connect();
        let error = settle(conn.transact(Aio::new(), server.get(path))).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::TooLarge, "{path}: {error:?}");
        assert_closed(&conn);
    }
}

#[test]
fn a_peer_of_http_1_0() {
    // Ends with the connection.
    let (conn, peer) = pair(Family::Tcp);
    let playing_old = playing(peer, |peer| {
        peer.head();
        peer.say("HTTP/1.0 200 OK\r\n\r\nold");
        peer.shutdown(Shutdown::Write);
    });
    let response = settle(conn.transact(Aio::new(), get("/"))).unwrap();
    assert_eq!(
        (response.version(), &response.body()[..]),
        (Version::HTTP_10, &b"old"[..])
    );
    assert_closed(&conn);
    join(playing_old);
    // Has a length, and does not promise to stay.
    let (conn, peer) = pair(Family::Tcp);
    let playing_once = playing(peer, |peer| {
        peer.head();
        peer.say("HTTP/1.0 200 OK\r\nContent-Length: 4\r\n\r\nonce");
    });
    let response = settle(conn.transact(Aio::new(), get("/"))).unwrap();
    assert_eq!(response.body(), "once");
    assert!(!conn.is_reusable());
    join(playing_once);
    // Promises.
    let (conn, peer) = pair(Family::Tcp);
    let playing_on = playing(peer, |peer| {
        peer.head();
        peer.say("HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 2\r\n\r\non");
    });
    let response = settle(conn.transact(Aio::new(), get("/"))).unwrap();
    assert_eq!(response.body(), "on");
    assert_usable(&conn, join(playing_on).1);
}

#[test]
fn a_connection_that_was_announced_to_close_takes_nothing_more() {
    let (conn, peer) = pair(Family::Unix);
    let playing_theirs = playing(peer, |peer| {
        peer.head();
        peer.say("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 4\r\n\r\nlast");
        // No FIN yet: the announcement counts.
        peer.drain().bytes
    });
    let response = settle(conn.transact(Aio::new(), get("/"))).unwrap();
    assert_eq!(response.body(), "last");
    assert!(!conn.is_reusable());
    let error = settle(conn.transact(Aio::new(), get("/again"))).unwrap_err();
    assert_eq!(error.count(), 0, "{error:?}");
    drop(conn);
    assert!(join(playing_theirs).0.is_empty());
    // Ours counts too.
    let (conn, peer) = pair(Family::Unix);
    let playing_ours = playing(peer, |peer| {
        peer.head();
        peer.say(answer("last"));
    });
    let request = Request::get("/").header("Connection", "close").body(());
    let response = settle(conn.transact(Aio::new(), request.unwrap())).unwrap();
    assert_eq!(response.body(), "last");
    assert!(!conn.is_reusable());
    join(playing_ours);
}

#[test]
fn what_cannot_be_sent_leaves_the_connection_alone() {
    let (conn, mut peer) = pair(Family::Tcp);
    let two = Request::post("/")
        .header("Content-Length", "4")
        .body(Bytes::from("hello"));
    assert_eq!(
        failure(settle(conn.transact(Aio::new(), two.unwrap()))),
        (ErrorKind::InvalidInput, 0)
    );
    assert_eq!(
        failure(settle(
            conn.transact(Aio::new().timeout(Duration::ZERO), get("/"))
        )),
        (ErrorKind::TimedOut, 0)
    );
    let mut peer = {
        assert!(!peer.has_input());
        peer = assert_usable(&conn, peer);
        peer
    };
    // In the middle of another message of ours.
    let head = Request::put("/").header("Content-Length", "2").body(());
    settle(conn.write_request(Aio::new(), head.unwrap())).unwrap();
    peer.head();
    assert!(!conn.is_reusable());
    assert_eq!(
        failure(settle(conn.transact(Aio::new(), get("/")))),
        (ErrorKind::InvalidInput, 0)
    );
    settle(conn.write_all(Aio::new().iov(["ok"]))).unwrap();
    assert_eq!(peer.expect(2), b"ok");
    peer.say(answer("done"));
    settle(conn.read_response(Aio::new())).unwrap();
    assert_eq!(settle(conn.read_all(Aio::new(), 4)).unwrap(), "done");
    assert_usable(&conn, peer);
}
