//! Proves that a read whose result nobody can receive takes nothing and keeps nothing open, and that one
//! which is given up says what had arrived.

use std::io::Read;
use std::task::{Context, Waker};
use std::time::{Duration, Instant};

use http_aio::bytes::Bytes;
use http_aio::http::Request;
use http_aio::testing::memory::{Faults, MemoryStream};
use http_aio::{Aio, Conn, Error, ErrorKind, InFlight, Limits};

use crate::support::hooks::{get, say};
use crate::support::*;

/// Shorter than `PATIENCE`: a connection that stays open is found sooner.
const BOUND: Duration = Duration::from_secs(5);

/// A connection, and its raw peer, which does not wait for ever.
fn watched(family: Family) -> (Conn, Peer) {
    let (conn, peer) = pair(family);
    let bounded = match &peer {
        Peer::Tcp(stream) => stream.set_read_timeout(Some(BOUND)),
        Peer::Unix(stream) => stream.set_read_timeout(Some(BOUND)),
    };
    bounded.expect("a socket");
    (conn, peer)
}

#[track_caller]
fn assert_ended(peer: &mut Peer, what: &str) {
    let ended = peer.read(&mut [0; 10]);
    assert!(matches!(ended, Ok(0)), "{what}: {ended:?}");
}

/// An exchange whose outcome nobody can receive still goes out; a `shutdown` has ended the stream.
#[test]
fn an_exchange_or_a_shutdown_that_nobody_can_receive_ends_with_the_last_handle() {
    if !cfg!(target_os = "linux")
        || !alone(
            "detached::an_exchange_or_a_shutdown_that_nobody_can_receive_ends_with_the_last_handle",
        )
    {
        return;
    }
    let (before, open) = (tasks(), descriptors());
    for family in FAMILIES {
        for polled in [false, true] {
            let (conn, mut peer) = watched(family);
            let request = Request::post("http://h/").body(pattern(0, MORE_THAN_FITS));
            let asked = conn.transact(Aio::new(), request.expect("it is one"));
            if polled {
                assert!(!asked.is_done());
            }
            drop((asked, conn));
            let drained = peer.drain();
            assert_eq!(drained.end, End::OfStream);
            let body = pattern(0, MORE_THAN_FITS);
            assert!(drained.bytes.ends_with(&body[body.len() - 9..]));
            drop(peer);

            let (conn, mut peer) = watched(family);
            let shutdown = conn.shutdown(Aio::new());
            if polled {
                assert!(!shutdown.is_done());
            }
            drop((shutdown, conn));
            assert_ended(&mut peer, "a shutdown");
            // It is seen off for a second of silence, though its peer stays.
            wait_until("threads end, and sockets close", || {
                tasks_since(&before).is_empty() && descriptors() <= open + 1
            });
        }
    }
}

/// Lets go of the connection, and of all that could receive what a read of it yields.
type Way = fn(Conn);

const WAYS: [(&str, Way); 7] = [
    ("a read", |conn| drop(conn.read(Aio::new(), 1))),
    ("a read of all", |conn| drop(conn.read_all(Aio::new(), 10))),
    ("a read of a head", |conn| {
        drop(conn.read_request(Aio::new()));
    }),
    ("two reads, one after the other", |conn| {
        let (first, second) = (conn.read(Aio::new(), 1), conn.read(Aio::new(), 1));
        drop(conn);
        drop(second);
        drop(first);
    }),
    ("a read that was looked at", |conn| {
        let read = conn.read(Aio::new(), 1);
        assert!(!read.is_done());
        // Its thread is in the call by then, or about to be.
        assert!(read.wait_timeout(Duration::from_millis(20)).is_err());
    }),
    ("a read that somebody could cancel", |conn| {
        let canceler = conn.read(Aio::new(), 1).canceler();
        drop(conn);
        // It lives as long as the process.
        std::mem::forget(canceler);
    }),
    ("a read, the connection first", |conn| {
        let read = conn.read(Aio::new(), 1);
        drop(conn);
        drop(read);
    }),
];

#[test]
fn a_read_that_nobody_can_receive_ends_with_the_last_handle() {
    for family in FAMILIES {
        for (what, let_go) in WAYS {
            let (conn, mut peer) = watched(family);
            let_go(conn);
            assert_ended(&mut peer, what);
        }
    }
}

/// What was submitted before is written; then it ends.
#[test]
fn writes_finish_before_a_detached_read_ends() {
    for family in FAMILIES {
        let (conn, mut peer) = watched(family);
        drop(conn.read(Aio::new(), 1));
        drop(write_pattern(&conn, Aio::new(), 0, 1 << 20));
        drop(conn);
        let drained = peer.drain();
        assert_eq!((drained.count(), drained.end), (1 << 20, End::OfStream));
    }
}

/// Both ends do so: neither waits for the other, and nothing is left of them.
#[test]
#[cfg(target_os = "linux")]
fn two_connections_that_read_from_each_other_end() {
    if !alone("detached::two_connections_that_read_from_each_other_end") {
        return;
    }
    let (before, open) = (tasks(), descriptors());
    let (near, far) = tcp_pair();
    let (near, far) = (Conn::from(near), Conn::from(far));
    drop(near.read(Aio::new(), 1));
    drop(far.read(Aio::new(), 1));
    drop((near, far));
    wait_until("threads end, and sockets close", || {
        tasks_since(&before).is_empty() && descriptors() <= open
    });
}

/// Its read is in a call when the last that could receive the answer goes.
#[test]
fn an_exchange_that_nobody_can_receive_ends_with_the_last_handle() {
    for family in FAMILIES {
        for conn_first in [false, true] {
            let (conn, mut peer) = watched(family);
            let exchange = conn.transact(Aio::new(), get());
            assert!(!exchange.is_done());
            peer.head();
            // Its thread is in the call by then, or about to be.
            let Err(exchange) = exchange.wait_timeout(Duration::from_millis(20)) else {
                panic!("nobody has answered");
            };
            if conn_first {
                drop(conn);
                drop(exchange);
            } else {
                drop(exchange);
                drop(conn);
            }
            assert_ended(&mut peer, "an exchange");
        }
    }
}

/// Where a streaming exchange is when the last that could receive its answer goes.
#[cfg(target_os = "linux")]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Submitted,
    Polled,
    /// The peer does not read the request.
    Jammed,
    /// The request is out.
    Asked,
    /// A part of the answer's head is there.
    InHead,
    /// It has completed, and the response is dropped with it, or unread.
    Answered,
    Received,
    /// A canceler stays.
    Cancellable,
    /// It was to be awaited.
    Awaited,
    /// It has failed.
    Canceled,
}

/// It has a handle of the connection, for its body; that must not keep it open when nobody can receive it.
#[test]
#[cfg(target_os = "linux")]
fn a_streaming_exchange_that_nobody_can_receive_ends_with_the_last_handle() {
    use Stage::*;
    if !alone("detached::a_streaming_exchange_that_nobody_can_receive_ends_with_the_last_handle") {
        return;
    }
    let (before, open) = (tasks(), descriptors());
    for family in FAMILIES {
        for stage in [
            Submitted,
            Polled,
            Jammed,
            Asked,
            InHead,
            Answered,
            Received,
            Cancellable,
            Awaited,
            Canceled,
        ] {
            for conn_first in [false, true] {
                let (conn, peer) = watched(family);
                let what = format!("{stage:?}, {family:?}, conn first: {conn_first}");
                let_go_of_streaming(stage, conn, conn_first, peer, &what);
            }
            wait_until("threads end, and sockets close", || {
                tasks_since(&before).is_empty() && descriptors() <= open + 1
            });
        }
    }
}

#[cfg(target_os = "linux")]
fn let_go_of_streaming(stage: Stage, conn: Conn, conn_first: bool, mut peer: Peer, what: &str) {
    let length = match stage {
        Stage::Jammed => MORE_THAN_FITS,
        _ => 5,
    };
    let request = Request::post("http://h/").body(pattern(0, length));
    let request = request.expect("it is one");
    let exchange = conn.transact_streaming(Aio::new(), request);
    let conn = (!conn_first).then_some(conn);
    let answer = "HTTP/1.1 200 OK\r\nContent-Length: 11\r\n\r\nhello";
    let mut left = length;
    match stage {
        Stage::Submitted | Stage::Awaited => {}
        Stage::Polled => assert!(!exchange.is_done(), "{what}"),
        Stage::Jammed => wait_until("it goes out", || exchange.count() > 0),
        Stage::Asked
        | Stage::InHead
        | Stage::Answered
        | Stage::Received
        | Stage::Cancellable
        | Stage::Canceled => {
            assert!(!exchange.is_done(), "{what}");
            peer.head();
            peer.expect(length);
            left = 0;
        }
    }
    match stage {
        Stage::InHead => {
            peer.say(&answer[..20]);
            assert!(exchange.wait_timeout(Duration::from_millis(20)).is_err());
        }
        Stage::Answered => {
            peer.say(answer);
            wait_until("it completes", || exchange.is_done());
            drop(exchange);
        }
        Stage::Received => {
            peer.say(answer);
            let response = settle(exchange).expect("an answer");
            let some = settle(response.body().read_some(Aio::new(), 2));
            assert_eq!(some.expect("it came"), "he");
            drop(response);
        }
        Stage::Cancellable => {
            std::mem::forget(exchange.canceler());
            drop(exchange);
        }
        Stage::Awaited => {
            let mut exchange = std::pin::pin!(exchange);
            let mut context = Context::from_waker(Waker::noop());
            let polled = exchange.as_mut().poll(&mut context);
            assert!(polled.is_pending());
        }
        Stage::Canceled => {
            exchange.cancel();
            assert_eq!(failure(settle(exchange)).0, ErrorKind::Canceled);
        }
        Stage::Submitted | Stage::Polled | Stage::Jammed | Stage::Asked => drop(exchange),
    }
    drop(conn);
    if left > 0 {
        // What was submitted is written, whole.
        peer.head();
        assert_pattern(0, &peer.expect(left));
    }
    assert_ended(&mut peer, what);
}

/// The writer's thread has nothing to do when the last handle goes, and the body is still to come.
#[test]
fn a_body_that_is_held_goes_out_after_the_last_handle() {
    for family in FAMILIES {
        let (conn, mut peer) = watched(family);
        let conn = conn.limits(Limits::default().continue_wait(PATIENCE));
        let (written, _) = tell(conn.write_all(Aio::new().iov(["GET / HTTP/1.0\r\n\r\n"])));
        receive(&written).result.expect("there is room");
        peer.head();
        let request = Request::put("/").header("Expect", "100-continue");
        let request = request.body("hello").expect("it is one");
        let exchange = conn.transact(Aio::new(), request);
        peer.head();
        drop(conn);
        std::thread::sleep(Duration::from_millis(30)); // Threads with nothing to do end.
        peer.say("HTTP/1.1 100 Continue\r\n\r\n");
        assert_eq!(peer.expect(5), b"hello", "{family:?}");
        peer.say("HTTP/1.1 204 No Content\r\n\r\n");
        assert_eq!(settle(exchange).expect("an answer").status(), 204);
    }
}

type Receives = Box<dyn FnOnce() -> Result<Bytes, Error>>;

/// Somebody can receive it: a closure, a handle, a future.
#[test]
fn a_read_that_somebody_can_receive_goes_on() {
    for family in FAMILIES {
        for way in 0..4 {
            let (conn, mut peer) = watched(family);
            let read = conn.read(Aio::new(), 1);
            let receives: Receives = match way {
                0 => {
                    let (told, _) = tell(read);
                    drop(conn);
                    Box::new(move || receive(&told).result)
                }
                1 => {
                    drop(conn);
                    Box::new(move || settle(read))
                }
                2 => {
                    drop(conn);
                    Box::new(move || read.wait())
                }
                _ => {
                    drop(conn);
                    Box::new(move || block_on(read))
                }
            };
            // It has had the time to end, if it were to.
            std::thread::sleep(Duration::from_millis(30));
            peer.say("x");
            assert_eq!(receives().expect("it was sent"), "x", "way {way}");
            assert_ended(&mut peer, "after it");
        }
    }
}

// ------------------------------------------------------------------------------------ dropped reads

/// Lets go of a read, and of nothing else.
type LetGo = fn(Aio<Bytes, InFlight>);

const LET_GO: [(&str, LetGo); 5] = [
    ("at once", drop),
    ("after a look", |read| assert!(!read.is_done())),
    ("after a while", |read| {
        // Its thread is in the call by then, or about to be.
        assert!(read.wait_timeout(Duration::from_millis(20)).is_err());
    }),
    ("as a branch of a select that has lost", |read| {
        let mut read = std::pin::pin!(read);
        let mut context = Context::from_waker(Waker::noop());
        assert!(read.as_mut().poll(&mut context).is_pending());
    }),
    ("while somebody could cancel it", |read| {
        std::mem::forget(read.canceler());
    }),
];

/// What comes after a read was dropped is for the next one.
#[test]
fn a_dropped_read_takes_nothing() {
    for family in FAMILIES {
        for (what, let_go) in LET_GO {
            let (conn, mut peer) = pair(family);
            let_go(conn.read(Aio::new(), 100));
            let_go(conn.read_all(Aio::new(), 10));
            let_go(conn.read_all(Aio::new(), 2));
            peer.say("all of it");
            let all = settle(conn.read_all(Aio::new(), 9));
            assert_eq!(all.expect("it was sent"), "all of it", "{what}");
        }
    }
}

/// The others go on, in their order.
#[test]
fn a_read_that_is_dropped_in_the_queue_takes_nothing() {
    for family in FAMILIES {
        for (what, let_go) in LET_GO {
            let (conn, mut peer) = pair(family);
            let first = conn.read_all(Aio::new(), 3);
            assert!(!first.is_done());
            let second = conn.read_all(Aio::new(), 3);
            let third = conn.read_all(Aio::new(), 4);
            let_go(second);
            peer.say("onetwo!");
            assert_eq!(settle(first).expect("it was sent"), "one", "{what}");
            assert_eq!(settle(third).expect("it was sent"), "two!", "{what}");
        }
    }
}

/// Heads, bodies, trailers: whatever is read.
#[test]
fn a_dropped_read_of_a_message_takes_nothing() {
    const HEAD: &str = "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n";
    const BODY: &str = "5\r\nhello\r\n0\r\nA: b\r\n\r\n";
    fn given_up<T: Send + 'static>(read: Aio<T, InFlight>) {
        assert!(read.wait_timeout(Duration::from_millis(2)).is_err());
    }
    for cut in [0, 1, HEAD.len() - 1] {
        let (conn, peer) = memory_pair(1 << 10, Faults::none());
        say(&peer, &HEAD[..cut]);
        given_up(conn.read_request(Aio::new()));
        say(&peer, &HEAD[cut..]);
        let request = settle(conn.read_request(Aio::new()));
        assert_eq!(request.expect("it was sent").method(), "POST");

        say(&peer, &BODY[..5]);
        given_up(conn.read_body(Aio::new()));
        given_up(conn.read_all(Aio::new(), 5));
        say(&peer, &BODY[5..BODY.len() - 2]);
        given_up(conn.read_body(Aio::new()));
        let content = settle(conn.read_all(Aio::new(), 5));
        assert_eq!(content.expect("it was sent"), "hello");
        given_up(conn.read_trailers(Aio::new()));
        say(&peer, "\r\n");
        let trailers = settle(conn.read_trailers(Aio::new()));
        assert_eq!(trailers.expect("they were sent")["a"], "b");
    }
}

/// Nothing that was dropped keeps a connection from being used or taken apart.
#[test]
fn a_connection_is_at_rest_after_a_dropped_read() {
    let (conn, _peer) = pair(Family::Tcp);
    let read = conn.read(Aio::new(), 1);
    assert!(read.wait_timeout(Duration::from_millis(20)).is_err());
    wait_until("it is at rest", || conn.is_reusable());
}

/// It was left to a waiter who does not come.
#[test]
fn a_dropped_read_that_was_held_back_starts_no_thread() {
    if !cfg!(target_os = "linux")
        || !alone("detached::a_dropped_read_that_was_held_back_starts_no_thread")
    {
        return;
    }
    let (conn, _peer) = pair(Family::Tcp);
    drop(conn.read(Aio::new(), 1));
    std::thread::sleep(Duration::from_millis(20)); // It has had the time to start.
    assert_eq!(threads("rd:"), Vec::<String>::new());
}

// ------------------------------------------------------------------------------------ what arrived

/// A connection with ten bytes in its buffer, which a read has left there.
fn with_ten() -> (Conn, MemoryStream) {
    let (conn, peer) = memory_pair(1 << 10, Faults::none());
    say(&peer, "x0123456789");
    assert_eq!(settle(conn.read(Aio::new(), 1)).expect("it is there"), "x");
    (conn, peer)
}

#[track_caller]
fn assert_nothing_lost(conn: &Conn) {
    let rest = settle(conn.read_all(Aio::new(), 10));
    assert_eq!(rest.expect("they are there"), "0123456789");
}

#[test]
fn a_read_that_is_canceled_before_anybody_serves_it_counts_what_is_there() {
    let (conn, _peer) = with_ten();
    let read = conn.read_all(Aio::new(), 100);
    read.cancel();
    assert_eq!(failure(read.wait()), (ErrorKind::Canceled, 10));
    let read = conn.read_all(Aio::new(), 100);
    let (told, canceler) = tell(read);
    canceler.cancel();
    let canceled = receive(&told).result;
    assert_eq!(failure(canceled), (ErrorKind::Canceled, 10));
    let head = conn.read_request(Aio::new());
    head.cancel();
    assert_eq!(failure(head.wait()), (ErrorKind::Canceled, 10));
    assert_nothing_lost(&conn);
}

/// The thread is in a closure; the read is the next, and whatever ends it finds it in the queue.
#[test]
fn a_read_that_ends_behind_a_closure_counts_what_is_there() {
    for expires in [true, false] {
        let (conn, peer) = memory_pair(1 << 10, Faults::none());
        say(&peer, "x0123456789");
        let ((arrive, arrived), (go, wait)) = (gate(), gate());
        let _ = conn.read(Aio::new(), 1).on_complete(move |_, _| {
            let _ = arrive.send(());
            receive(&wait);
        });
        receive(&arrived);
        let expected = if expires {
            let read = conn.read_all(Aio::new().timeout(Duration::from_millis(30)), 100);
            (settle(read), ErrorKind::TimedOut)
        } else {
            let read = conn.read_all(Aio::new(), 100);
            read.cancel();
            (settle(read), ErrorKind::Canceled)
        };
        assert_eq!(failure(expected.0), (expected.1, 10));
        go.send(()).expect("it waits");
        assert_nothing_lost(&conn);
    }
}

/// Its time is up before anybody comes to it.
#[test]
fn a_read_that_expires_before_anybody_serves_it_counts_what_is_there() {
    let (conn, _peer) = with_ten();
    for _ in 0..5 {
        // Reads that are waited for at once, for a while, so that the next is left to its waiter.
        let until = Instant::now() + Duration::from_millis(60);
        while Instant::now() < until {
            conn.read(Aio::new(), 0).wait().expect("nothing is wanted");
        }
        let read = conn.read_all(Aio::new().timeout(Duration::from_millis(3)), 100);
        std::thread::sleep(Duration::from_millis(20)); // He does something else.
        assert_eq!(failure(read.wait()), (ErrorKind::TimedOut, 10));
    }
    assert_nothing_lost(&conn);
}
