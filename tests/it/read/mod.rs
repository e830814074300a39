//! Reading loses nothing: what a read that fails has seen is there for the next one, reads end in
//! time whatever the kernel is doing, and neither the connection nor its other direction is harmed.

mod cancel;
mod failure;
#[cfg(feature = "test-util")]
mod in_memory;
mod into_parts;
mod memory;
mod success;

use std::thread;
use std::time::Duration;

use http_aio::{Aio, Conn, InFlight};

use crate::support::*;

const SOON: Duration = Duration::from_millis(100);

/// A pair where the peer has said `text`.
fn pair_with(family: Family, text: &str) -> (Conn, Peer) {
    let (conn, mut peer) = pair(family);
    peer.say(text);
    (conn, peer)
}

/// A pair where `rest` is in the connection's buffer, not in the kernel's.
#[track_caller]
fn pair_with_unread(family: Family, rest: &str) -> (Conn, Peer) {
    let (conn, peer) = pair_with(family, &format!("+{rest}"));
    assert_eq!(settle(conn.read(Aio::new(), 1)).unwrap(), "+");
    (conn, peer)
}

/// Reads `text`, and asserts that it comes although the peer says nothing more.
#[track_caller]
fn expect(conn: &Conn, text: &str) {
    let mut got = Vec::new();
    while got.len() < text.len() {
        let aio = Aio::new().timeout(PATIENCE / 3);
        let part = settle(conn.read(aio, text.len() - got.len()));
        match part {
            Ok(part) if part.is_empty() => panic!("a body ends after {got:?} of {text:?}"),
            Ok(part) => got.extend_from_slice(&part),
            Err(error) => panic!("{error}; before that {got:?} of {text:?}"),
        }
    }
    assert_eq!(got, text.as_bytes());
}

/// Both directions still work.
#[track_caller]
fn assert_alive(conn: &Conn, peer: &mut Peer) {
    assert!(
        !peer.has_input(),
        "the peer got something, or the end of the stream"
    );
    settle(conn.write_all(Aio::new().iov(["ping"]))).expect("the write side is open");
    assert_eq!(peer.expect(4), b"ping");
    peer.say("pong");
    expect(conn, "pong");
}

/// Waits until `aio` waits in the kernel with `count` bytes. Before the first arrival nothing
/// shows from outside that it does, so this only gives the thread time to get there.
fn let_it_block<T: Send + 'static>(aio: &Aio<T, InFlight>, count: u64) {
    wait_until("the bytes arrive", || aio.count() == count);
    thread::sleep(Duration::from_millis(20));
}
