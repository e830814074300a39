//! Forwarding: the next hop gets the same message, framed for it, and can tell whether it is whole; nothing
//! that is counted is lost, nothing that is not whole is taken for it, and nothing is left behind.

#[cfg(feature = "test-util")]
mod beginning;
mod bodies;
mod ends;
mod heads;
#[cfg(feature = "test-util")]
mod random;
mod received;
mod receivers;
mod relay;
#[cfg(feature = "test-util")]
mod steps;
#[cfg(feature = "test-util")]
mod streams;
#[cfg(feature = "tls")]
mod tls;
mod ways;

use std::net::Shutdown;

use http_aio::{Aio, Conn, Error, InFlight, Written};

use crate::support::*;

/// For what need not wait for anybody.
fn prompt<T>() -> Aio<T> {
    Aio::new().timeout(PATIENCE / 3)
}

/// A client, the two connections of a relay, and a server; the outer two are raw.
struct Relay {
    client: Peer,
    front: Conn,
    back: Conn,
    server: Peer,
}

impl Relay {
    fn new() -> Self {
        Self::over(Family::Unix)
    }

    fn over(family: Family) -> Self {
        let (front, client) = pair(family);
        let (back, server) = pair(family);
        Self {
            client,
            front,
            back,
            server,
        }
    }

    /// The client says this, and its request is passed on.
    fn request(&mut self, said: impl AsRef<[u8]>) -> Aio<Written, InFlight> {
        self.client.say(said);
        let request = settle(self.front.read_request(prompt())).expect("a request");
        self.front.forward_request(prompt(), request, &self.back)
    }

    /// The server says this, and its response is passed on.
    fn response(&mut self, said: impl AsRef<[u8]>) -> Aio<Written, InFlight> {
        self.server.say(said);
        self.pass_back()
    }

    fn pass_back(&self) -> Aio<Written, InFlight> {
        let response = settle(self.back.read_any_response(prompt())).expect("a response");
        self.back.forward_response(prompt(), response, &self.front)
    }

    /// What the client gets from now on, once both connections are dropped.
    fn client_drained(self) -> Vec<u8> {
        let Self {
            mut client,
            front,
            back,
            server,
        } = self;
        drop((front, back));
        let drained = client.drain().bytes;
        drop(server);
        drained
    }

    /// What the server and the client get from now on, once both connections are dropped.
    fn ends(self) -> (String, String) {
        let Self {
            mut client,
            front,
            back,
            mut server,
        } = self;
        drop((front, back));
        let text = |peer: &mut Peer| String::from_utf8_lossy(&peer.drain().bytes).into_owned();
        (text(&mut server), text(&mut client))
    }
}

/// What is sent on for this request, and what is told.
fn request_passed(said: &str) -> (Result<Written, Error>, String) {
    let mut relay = Relay::new();
    let result = settle(relay.request(said));
    (result, relay.ends().0)
}

/// What is sent back for this response to such a request, and what is told. The stream of the server ends
/// behind it.
fn response_passed(asked: &str, said: &str) -> (Result<Written, Error>, String) {
    let mut relay = Relay::new();
    settle(relay.request(asked)).expect("a request that is passed on");
    relay.server.say(said);
    relay.server.shutdown(Shutdown::Write);
    let result = settle(relay.pass_back());
    (result, relay.ends().1)
}

/// A request with these lines is sent on with those; the body, if there is one, is sent on as it is.
#[track_caller]
fn request_becomes(said: &str, expected: &str) {
    let (result, passed) = request_passed(said);
    result.unwrap_or_else(|error| panic!("{said:?}: {error:?}"));
    assert_eq!(sorted(&passed), sorted(expected), "{said:?}");
}

#[track_caller]
fn response_becomes(asked: &str, said: &str, expected: &str) {
    let (result, passed) = response_passed(asked, said);
    result.unwrap_or_else(|error| panic!("{said:?}: {error:?}"));
    assert_eq!(sorted(&passed), sorted(expected), "{said:?}");
}

/// The lines of a message, those of its head in order: that of fields with different names means nothing.
fn sorted(message: &str) -> Vec<&str> {
    let mut lines: Vec<_> = message.split("\r\n").collect();
    let end = lines
        .iter()
        .position(|line| line.is_empty())
        .unwrap_or(lines.len());
    lines[1..end].sort();
    lines
}

const GET: &str = "GET / HTTP/1.1\r\nHost: h\r\n\r\n";
const HEAD: &str = "HEAD / HTTP/1.1\r\nHost: h\r\n\r\n";
const OLD_GET: &str = "GET / HTTP/1.0\r\nHost: h\r\n\r\n";

/// The raw peer in memory speaks.
#[cfg(feature = "test-util")]
#[track_caller]
fn say(peer: &http_aio::testing::memory::MemoryStream, bytes: impl AsRef<[u8]>) {
    hooks::say(peer, bytes);
}
