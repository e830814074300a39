//! What errors say: one sentence with what we were doing, with whom, what happened, and the limit that
//! was met. The words are for people, and these tests are the only ones that know them.

mod calls;
mod connects;
mod exchanges;
mod messages;
#[cfg(feature = "tls")]
mod secure;
mod streams;

use std::fmt;
use std::net::{SocketAddr, TcpListener};

use http_aio::http::Request;
use http_aio::{Aio, Conn, Error, InFlight, Peer as Whom};

use crate::support::*;

/// How an operation has failed.
#[track_caller]
fn error<T: Send + fmt::Debug + 'static>(aio: Aio<T, InFlight>) -> Error {
    settle(aio).expect_err("it must fail")
}

/// What is said about an operation that has failed, of which it is known with whom.
#[track_caller]
fn said<T: Send + fmt::Debug + 'static>(aio: Aio<T, InFlight>) -> String {
    let error = error(aio);
    let whom = error.peer().map(Whom::to_string).expect("somebody");
    let sentence = error.to_string();
    assert!(sentence.contains(&whom), "{sentence}");
    check_style(&sentence);
    sentence
}

/// Plain words: one line, no capital at the beginning, no full stop.
#[track_caller]
fn check_style(sentence: &str) {
    let first = sentence.chars().next().expect("something");
    assert!(first.is_lowercase(), "{sentence}");
    assert!(!sentence.ends_with('.'), "{sentence}");
    assert!(!sentence.contains(char::is_control), "{sentence}");
}

/// A connection over TCP, and the peer's address as it is said.
fn conn() -> (Conn, Peer, String) {
    let (conn, peer) = pair(Family::Tcp);
    let whom = conn.peer_addr().to_string();
    (conn, peer, whom)
}

/// A connection on which this has arrived, and nothing more comes.
fn told(said: impl AsRef<[u8]>) -> (Conn, Peer, String) {
    let (conn, mut peer, whom) = conn();
    peer.say(said);
    peer.shutdown(std::net::Shutdown::Write);
    (conn, peer, whom)
}

fn get() -> Request<()> {
    Request::get("http://h/").body(()).expect("valid")
}

/// A port of loopback on which nobody listens.
fn nobody() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.local_addr().expect("bound")
}
