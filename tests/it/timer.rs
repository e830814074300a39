//! Proves that the thread which looks after deadlines runs no code of users: neither destructors nor
//! closures. All connections depend on it.

use std::net::{SocketAddr, ToSocketAddrs};
use std::thread;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender, bounded, unbounded};
use http_aio::bytes::Bytes;
use http_aio::http::Request;
use http_aio::testing::memory::Faults;
use http_aio::{Aio, Client, Conn, ErrorKind, Limits};

use crate::site::BlackHole;
use crate::support::hooks::{Hooks, head, hooked_pair};
use crate::support::*;

const SOON: Duration = Duration::from_millis(100);

/// Bytes of a buffer: more than is left of `ROOM`, with a head before it.
const SIZE: usize = 4_000;
const ROOM: usize = 1 << 10;

/// A value of a user's that says on which thread it is dropped, and takes its time.
struct Slow {
    takes: Duration,
    dropped: Sender<String>,
}

impl Drop for Slow {
    fn drop(&mut self) {
        let _ = self.dropped.send(thread_name());
        thread::sleep(self.takes);
    }
}

impl AsRef<[u8]> for Slow {
    fn as_ref(&self) -> &[u8] {
        &[b's'; SIZE]
    }
}

/// A buffer, and what tells where it is dropped.
fn slow(takes: Duration) -> (Bytes, Receiver<String>) {
    let (dropped, told) = unbounded();
    (Bytes::from_owner(Slow { takes, dropped }), told)
}

#[track_caller]
fn assert_not_on_timer(dropped: &Receiver<String>, what: &str) {
    assert_ne!(receive(dropped), TIMER, "{what}");
}

/// Submits something with the buffer in it; true when it is over.
type Way = fn(&Conn, Bytes) -> Box<dyn Fn() -> bool>;

/// Operations that carry a buffer, and expire in the queue.
const WAYS: [(&str, Way); 3] = [
    ("write_all", |conn, bytes| {
        let aio = conn.write_all(Aio::new().timeout(SOON).iov([bytes]));
        Box::new(move || aio.is_done())
    }),
    ("write_request", |conn, bytes| {
        let request = Request::put("http://h/").body(bytes).expect("valid");
        let aio = conn.write_request(Aio::new().timeout(SOON), request);
        Box::new(move || aio.is_done())
    }),
    ("transact", |conn, bytes| {
        let request = Request::put("http://h/").body(bytes).expect("valid");
        let aio = conn.transact(Aio::new().timeout(SOON), request);
        Box::new(move || aio.is_done())
    }),
];

#[test]
fn a_buffer_that_is_slow_to_drop_delays_no_other_connection() {
    if !alone("timer::a_buffer_that_is_slow_to_drop_delays_no_other_connection") {
        return;
    }
    for (what, submit) in WAYS {
        in_time(|| {
            let ((conn, _peer), (other, _other_peer)) = (pair(Family::Tcp), pair(Family::Tcp));
            let _stuck = (jam(&conn, Aio::new()), jam(&other, Aio::new()));
            let (bytes, dropped) = slow(Duration::from_secs(2));
            let over = submit(&conn, bytes);
            let start = Instant::now();
            let later = Aio::new().timeout(2 * SOON);
            let (later, _) = tell(write_pattern(&other, later, 0, 10));
            let told = receive(&later);
            assert_eq!(failure(told.result), (ErrorKind::TimedOut, 0));
            assert_not_on_timer(&dropped, what);
            wait_until("it expires", &*over);
            at_most(
                &format!("a deadline of 200 ms, beside a {what} that expires,"),
                told.at - start,
                Duration::from_secs(1),
            )
        });
    }
}

/// It is held back for a server that says nothing, and then there is no write side any more.
#[test]
fn a_body_that_was_held_in_vain_is_dropped_elsewhere() {
    let (conn, peer) = memory_pair(ROOM, Faults::none());
    let conn = conn.limits(Limits::default().continue_wait(2 * SOON));
    let (bytes, dropped) = slow(Duration::ZERO);
    let request = Request::put("http://h/").header("expect", "100-continue");
    let request = request.body(bytes).expect("valid");
    let exchange = conn.transact(Aio::new().timeout(PATIENCE), request);
    head(&peer);
    // A part of the body by other means: it gets stuck, and its end is that of the write side.
    let stuck = conn.write_all(Aio::new().iov([vec![b'x'; SIZE / 2]]));
    wait_until("it is stuck", || stuck.count() == ROOM as u64);
    stuck.cancel();
    assert_eq!(failure(settle(stuck)).0, ErrorKind::Canceled);
    assert_not_on_timer(&dropped, "a body that waited for 100 (Continue)");
    assert!(settle(exchange).is_err());
}

/// Calls of a client whose connects expire: their requests go with them.
#[test]
fn the_body_of_a_call_that_expires_is_dropped_elsewhere() {
    let Some(hole) = BlackHole::open() else {
        return;
    };
    let client = Client::new();
    let calls: Vec<_> = (0..20)
        .map(|_| {
            let (bytes, dropped) = slow(Duration::ZERO);
            let request = Request::put(format!("http://{}/", hole.address));
            let request = request.body(bytes).expect("valid");
            let call = client.transact(Aio::new().timeout(SOON), request);
            (call, dropped)
        })
        .collect();
    for (call, dropped) in calls {
        assert_eq!(failure(settle(call)), (ErrorKind::TimedOut, 0));
        assert_not_on_timer(&dropped, "the body of a call");
    }
}

/// The last handle goes, and the connection's thread ends, while a deadline of the connection is
/// being seen to: whoever does that may be the last who knows the connection.
#[test]
fn a_transport_is_dropped_elsewhere() {
    if !alone("timer::a_transport_is_dropped_elsewhere") {
        return;
    }
    let (tell_arrived, arrived) = bounded(1);
    let (go_on, wait) = bounded::<()>(1);
    let (dropped, told) = unbounded();
    let owned = Slow {
        takes: Duration::ZERO,
        dropped,
    };
    let before_shutdown = move || {
        let _ = &owned; // Goes with the transport.
        if thread_name() == TIMER {
            let _ = tell_arrived.try_send(());
            let _ = wait.recv_timeout(PATIENCE);
        }
    };
    let hooks = Hooks {
        before_shutdown: Some(Box::new(before_shutdown)),
        ..Hooks::default()
    };
    let before = tasks();
    let (conn, _peer, _) = hooked_pair(ROOM, Faults::none(), hooks);
    // Two writes in one call, the second of which is cut and waits for the closure of the first.
    let (start, may_start) = gate();
    let (end, may_end) = gate();
    let _ = (conn.write_all(Aio::new().iov(["0"]))).on_complete(move |_, _| receive(&may_start));
    let _ = (conn.write_all(Aio::new().iov(["1"]))).on_complete(move |_, _| receive(&may_end));
    let cut = Aio::new().timeout(SOON).iov([vec![b'2'; SIZE]]);
    let cut = conn.write_all(cut);
    start.send(()).expect("it waits");
    wait_until("it expires", || cut.is_done() || !arrived.is_empty());
    drop(conn);
    end.send(()).expect("it waits");
    // As long as the timer's thread is held, only the others can end.
    let enough = Instant::now() + Duration::from_secs(2);
    wait_until("the connection's threads end", || {
        tasks_since(&before).is_empty() || !told.is_empty() || Instant::now() > enough
    });
    drop(go_on);
    assert_not_on_timer(&told, "a transport");
    assert_eq!(failure(settle(cut)).0, ErrorKind::TimedOut);
}

/// An address that takes as long to resolve as the test wants.
struct Unresolved(Receiver<()>);

impl ToSocketAddrs for Unresolved {
    type Iter = std::vec::IntoIter<SocketAddr>;

    fn to_socket_addrs(&self) -> std::io::Result<Self::Iter> {
        receive(&self.0);
        Ok(Vec::new().into_iter())
    }
}

/// A closure is due, and the system has no thread to give: it waits for one.
#[test]
fn a_closure_for_which_there_is_no_thread_waits_for_one() {
    if !alone_with_large_threads("timer::a_closure_for_which_there_is_no_thread_waits_for_one") {
        return;
    }
    let (resolved, wait) = gate();
    let connect = Conn::connect(Aio::new().timeout(2 * SOON), Unresolved(wait));
    let (told, _) = tell(connect);
    no_threads();
    let early = told.recv_timeout(4 * SOON);
    threads_again();
    resolved.send(()).expect("it waits");
    let told = early.unwrap_or_else(|_| receive(&told));
    assert_ne!(told.thread, TIMER);
    assert_eq!(failure(told.result), (ErrorKind::TimedOut, 0));
}
