//! Completion closures: each runs once, on a thread of its connection, outside every lock, and
//! whatever it does there (submit, wait, block, panic, drop everything) harms nobody else.

mod blocking;
#[cfg(feature = "test-util")]
mod in_memory;
mod panics;
mod resubmit;
#[cfg(target_os = "linux")]
mod storm;
mod threads;
mod uses;
mod waits;

use std::io::Write;
use std::panic::resume_unwind;
use std::time::Duration;

use crossbeam_channel::unbounded;
use http_aio::{Aio, Conn, ErrorKind};

use crate::support::*;

const SOON: Duration = Duration::from_millis(100);

/// The thread of one direction, or the one that stands in for it.
fn thread_of(conn: &Conn, role: &str) -> String {
    match conn.peer_addr().ip() {
        Some(peer) => format!("{role}:{} {}", peer.port(), peer.ip()),
        None => format!("{role}:{}", conn.peer_addr()),
    }
}

/// Runs `f` in a closure that nobody waits for, and returns what it returns.
#[derive(Clone, Copy, Debug)]
enum Inside {
    Write,
    Read,
    /// The thread is busy, so another one stands in for it.
    StandIn,
}

impl Inside {
    const ALL: [Self; 3] = [Self::Write, Self::Read, Self::StandIn];

    #[track_caller]
    fn call<R: Send + 'static>(
        self,
        conn: &Conn,
        peer: &mut Peer,
        f: impl FnOnce() -> R + Send + 'static,
    ) -> R {
        let (sender, returned) = unbounded();
        let call = move || drop(sender.send(f()));
        match self {
            Self::Write => {
                let aio = conn.write_all(Aio::new().iov(["w"]));
                aio.on_complete(|result, _| {
                    result.unwrap();
                    call();
                });
                assert_eq!(peer.expect(1), b"w");
            }
            Self::Read => {
                let aio = conn.read(Aio::new(), 1);
                aio.on_complete(|result, _| {
                    assert_eq!(result.unwrap(), "r");
                    call();
                });
                peer.say("r");
            }
            Self::StandIn => {
                let front = conn.read(Aio::new(), 1);
                let queued = conn.read(Aio::new(), 1);
                let canceler = queued.on_complete(|result, _| {
                    assert!(result.unwrap_err().is_canceled());
                    call();
                });
                canceler.cancel();
                let returned = receive(&returned);
                // Unless `f` has closed the connection.
                let _ = peer.write_all(b"f");
                match settle(front) {
                    Ok(bytes) => assert_eq!(bytes, "f"),
                    Err(error) => assert_eq!(error.kind(), ErrorKind::Closed),
                }
                return returned;
            }
        }
        receive(&returned)
    }
}

#[track_caller]
fn assert_alive(conn: &Conn, peer: &mut Peer) {
    let told = tell(conn.write_all(Aio::new().iov(["ping"]))).0;
    assert_eq!(once(&told).result.unwrap().count(), 4);
    assert_eq!(peer.expect(4), b"ping");
    peer.say("pong");
    let told = tell(conn.read_all(Aio::new(), 4)).0;
    assert_eq!(once(&told).result.unwrap(), "pong");
}

/// For values that do something when they go away.
struct OnDrop<F: FnMut()>(F);

impl<F: FnMut()> Drop for OnDrop<F> {
    fn drop(&mut self) {
        (self.0)();
    }
}

/// A buffer whose owner does something when it goes away.
struct Body<F: FnMut()>(OnDrop<F>);

impl<F: FnMut()> AsRef<[u8]> for Body<F> {
    fn as_ref(&self) -> &[u8] {
        b"body"
    }
}

/// A panic without a message on the terminal.
fn panic_quietly() -> ! {
    resume_unwind(Box::new("quiet"))
}
