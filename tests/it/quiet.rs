//! Proves that nobody is kept waiting to learn whether a connection is at rest: what is told of it is
//! told at once, whatever its threads are doing.

use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender, unbounded};
use http_aio::testing::memory::{Faults, MemoryStream};
use http_aio::{Aio, Conn, ErrorKind};

use crate::support::hooks::{Hook, Hooks, get, hooked_pair};
use crate::support::*;

/// "At once", on a machine that has other things to do.
const AT_ONCE: Duration = Duration::from_millis(25);

/// Holds a thread inside a call of the transport, until it is dropped.
struct Hold {
    arrived: Receiver<()>,
    _go: Sender<()>,
}

fn hold() -> (Option<Hook>, Hold) {
    let (tell, arrived) = unbounded();
    let (go, wait) = unbounded::<()>();
    let hook: Hook = Box::new(move || {
        let _ = tell.send(());
        let _ = wait.recv_timeout(PATIENCE);
    });
    (Some(hook), Hold { arrived, _go: go })
}

/// A connection whose reader's thread is in a call for a read that was canceled.
fn with_reader_held() -> (Conn, MemoryStream, Hold) {
    let (before_read, hold) = hold();
    let hooks = Hooks {
        before_read,
        ..Hooks::default()
    };
    let (conn, peer, _) = hooked_pair(1 << 10, Faults::none(), hooks);
    let (read, canceler) = tell(conn.read(Aio::new(), 1));
    receive(&hold.arrived);
    canceler.cancel();
    assert_eq!(failure(receive(&read).result), (ErrorKind::Canceled, 0));
    (conn, peer, hold)
}

/// A connection whose writer's thread is in a call that was not to block.
fn with_writer_held(record: Option<usize>) -> (Conn, MemoryStream, Hold) {
    let (before_write, hold) = hold();
    let hooks = Hooks {
        before_write,
        record,
        ..Hooks::default()
    };
    let (conn, peer, _) = hooked_pair(1 << 10, Faults::none(), hooks);
    let _detached = tell(conn.write_all(Aio::new().iov(["held"])));
    receive(&hold.arrived);
    (conn, peer, hold)
}

/// The fastest of three: the others may have been kept by other things.
fn fastest(mut run: impl FnMut() -> Duration) -> Duration {
    (0..3).map(|_| run()).min().unwrap_or_default()
}

fn timed<T>(run: impl FnOnce() -> T) -> (T, Duration) {
    let start = Instant::now();
    let result = run();
    (result, start.elapsed())
}

#[test]
fn is_reusable_answers_at_once() {
    in_time(|| {
        let (conn, _peer, _hold) = with_reader_held();
        let took = fastest(|| timed(|| conn.is_reusable()).1);
        at_most("is_reusable beside a reader in a call", took, AT_ONCE)
    });
    in_time(|| {
        let (conn, _peer, _hold) = with_writer_held(None);
        let took = fastest(|| {
            let (reusable, took) = timed(|| conn.is_reusable());
            assert!(!reusable, "a write is in flight");
            took
        });
        at_most("is_reusable beside a writer in a call", took, AT_ONCE)
    });
}

#[test]
fn into_parts_answers_at_once() {
    in_time(|| {
        let (conn, _peer, _hold) = with_writer_held(None);
        let mut conn = Some(conn);
        let took = fastest(|| {
            let mine = conn.take().expect("it came back");
            let (parts, took) = timed(|| mine.into_parts());
            conn = Some(parts.expect_err("a write is in flight"));
            took
        });
        at_most("into_parts beside a writer in a call", took, AT_ONCE)
    });
}

#[test]
fn an_exchange_is_submitted_at_once() {
    in_time(|| {
        let took = fastest(|| {
            let (conn, _peer, _hold) = with_reader_held();
            timed(|| drop(conn.transact(Aio::new(), get()))).1
        });
        at_most("transact beside a reader in a call", took, AT_ONCE)
    });
    in_time(|| {
        let took = fastest(|| {
            let (conn, _peer, _hold) = with_writer_held(None);
            timed(|| drop(conn.transact(Aio::new(), get()))).1
        });
        at_most("transact beside a writer in a call", took, AT_ONCE)
    });
}

/// Where the end says whether the stream is whole, it depends on whether something is under way.
#[test]
fn close_returns_at_once() {
    in_time(|| {
        let took = fastest(|| {
            let (conn, _peer, _hold) = with_writer_held(Some(16 << 10));
            timed(|| conn.close()).1
        });
        at_most("close beside a writer in a call", took, AT_ONCE)
    });
}
