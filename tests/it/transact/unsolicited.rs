//! What a peer says while nothing was asked.

use http_aio::{Aio, ErrorKind};

use super::{get, playing};
use crate::site::answer;
use crate::support::*;

/// 44: what is there before anything was asked is no answer.
#[test]
fn an_unsolicited_response_is_not_taken_for_an_answer() {
    // Before the first request.
    let (conn, mut peer) = pair(Family::Unix);
    peer.say("HTTP/1.1 408 Too Slow\r\nContent-Length: 5\r\n\r\nwrong");
    let result = settle(conn.transact(Aio::new(), get("/")));
    assert!(result.is_err(), "taken for the answer: {result:?}");
    assert!(!conn.is_reusable());
    let again = settle(conn.transact(Aio::new(), get("/again")));
    assert_eq!(failure(again).1, 0);
    // Behind an answer, in the same breath.
    for family in FAMILIES {
        let (conn, peer) = pair(family);
        let playing = playing(peer, |peer| {
            peer.head();
            peer.say(format!("{}{}", answer("right"), answer("wrong")));
        });
        let response = settle(conn.transact(Aio::new(), get("/"))).unwrap();
        assert_eq!(response.body(), "right");
        assert!(
            !conn.is_reusable(),
            "there is something that nobody asked for"
        );
        let (_, mut peer) = join(playing);
        let result = settle(conn.transact(Aio::new(), get("/again")));
        let (kind, count) = failure(result);
        assert_eq!(count, 0, "{kind:?}");
        assert!(
            matches!(kind, ErrorKind::Protocol | ErrorKind::Closed),
            "{kind:?}"
        );
        drop(conn);
        assert!(peer.drain().bytes.is_empty());
    }
}

#[test]
fn what_comes_while_the_connection_is_idle_is_seen() {
    let (conn, peer) = pair(Family::Unix);
    let (go, gone) = gate();
    let playing = playing(peer, move |peer| {
        peer.head();
        peer.say(answer("right"));
        receive(&gone);
        peer.say(answer("wrong"));
    });
    let response = settle(conn.transact(Aio::new(), get("/"))).unwrap();
    assert_eq!(response.body(), "right");
    assert!(conn.is_reusable());
    go.send(()).unwrap();
    let (_, _peer) = join(playing);
    assert!(!conn.is_reusable());
    // It has arrived by now.
    let result = settle(conn.transact(Aio::new(), get("/again")));
    assert_eq!(failure(result).1, 0);
}

/// A server that closes what is idle: it is told as a closed connection, not as an answer, and
/// whether something went out is told too.
#[test]
fn a_connection_that_was_closed_while_idle() {
    for family in FAMILIES {
        let (conn, peer) = pair(family);
        let playing = playing(peer, |peer| {
            peer.head();
            peer.say(answer("right"));
        });
        assert_eq!(
            settle(conn.transact(Aio::new(), get("/"))).unwrap().body(),
            "right"
        );
        drop(join(playing));
        let error = settle(conn.transact(Aio::new(), get("/again"))).unwrap_err();
        assert!(error.is_closed(), "{error:?}");
        assert!(!error.is_incomplete_message(), "{error:?}");
        assert!(!conn.is_reusable());
    }
}
