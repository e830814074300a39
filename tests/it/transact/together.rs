//! Exchanges of several threads, in queues, and together with other operations.

use std::net::Shutdown;
use std::thread;
use std::time::Duration;

use http_aio::bytes::Bytes;
use http_aio::http::Request;
use http_aio::{Aio, ErrorKind, Limits};

use super::{CHUNKS, Local, assert_closed, assert_usable, get, large, playing, post, written};
use crate::site::{answer, path};
use crate::support::*;

#[test]
fn exchanges_of_many_threads_on_one_connection_get_their_own_answers() {
    const THREADS: usize = 4;
    const EACH: usize = 100;
    let server = Local::listen();
    let conn = server.connect();
    let threads: Vec<_> = (0..THREADS)
        .map(|thread| {
            let (conn, address) = (conn.clone(), server.address);
            thread::spawn(move || {
                let started: Vec<_> = (0..EACH)
                    .map(|n| {
                        let path = format!("/{thread}-{n}");
                        let request = Request::get(format!("http://{address}{path}"));
                        let request = request.body(()).unwrap();
                        (path, conn.transact(Aio::new(), request))
                    })
                    .collect();
                for (path, exchange) in started {
                    assert_eq!(settle(exchange).unwrap().body(), &path);
                }
            })
        })
        .collect();
    threads.into_iter().for_each(join);
    assert_eq!(server.requests(), THREADS * EACH);
    assert!(conn.is_reusable());
}

/// The answers come all at once; and the methods tell which has a body.
#[test]
fn answers_to_exchanges_that_were_queued_are_told_apart() {
    let (conn, peer) = pair(Family::Tcp);
    let head = || Request::head("/").body(Bytes::new()).unwrap();
    let requests = [get("/a"), head(), post("b"), head(), get("/c")];
    let started: Vec<_> = requests
        .into_iter()
        .map(|request| conn.transact(Aio::new(), request))
        .collect();
    let playing = playing(peer, |peer| {
        for (n, body) in ["first", "", CHUNKS, "", "last"].into_iter().enumerate() {
            let head = peer.head();
            if head.starts_with("POST") {
                let _ = peer.expect(1);
            }
            match n {
                2 => peer.say(body),
                1 | 3 => peer.say("HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\n"),
                _ => peer.say(answer(body)),
            }
        }
    });
    let bodies = ["first", "", "hello world", "", "last"];
    for (exchange, body) in started.into_iter().zip(bodies) {
        assert_eq!(settle(exchange).unwrap().body(), body);
    }
    assert_usable(&conn, join(playing).1);
}

/// Nobody waits for it, and it goes on: its answer is not the next one's.
#[test]
fn an_exchange_that_is_detached_takes_its_answer() {
    let server = Local::listen();
    let conn = server.connect();
    drop(conn.transact(Aio::new(), server.get("/one")));
    let response = settle(conn.transact(Aio::new(), server.get("/two"))).unwrap();
    assert_eq!(response.body(), "two");
    // Nor is it lost with the last handle.
    let last = conn.transact(Aio::new(), server.get("/slow"));
    drop(conn);
    assert_eq!(settle(last).unwrap().body(), "slow");
    wait_until("all were seen", || server.requests() == 3);
}

/// The server has asked for the connection to close: what was sent behind gets no answer.
#[test]
fn an_exchange_behind_the_last_answer_fails() {
    let (conn, peer) = pair(Family::Unix);
    let (first, second) = (
        conn.transact(Aio::new(), get("/a")),
        conn.transact(Aio::new(), get("/b")),
    );
    let playing = playing(peer, |peer| {
        peer.head();
        peer.say("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 4\r\n\r\nlast");
        peer.shutdown(Shutdown::Write);
        peer.drain().count()
    });
    assert_eq!(settle(first).unwrap().body(), "last");
    let error = settle(second).unwrap_err();
    assert!(error.is_closed(), "{error:?}");
    let count = error.count();
    assert_closed(&conn);
    drop(conn);
    assert_eq!(join(playing).0, count);
}

#[test]
fn what_the_queues_do_not_take_is_refused() {
    // The writer's is full.
    let (conn, peer) = pair(Family::Tcp);
    let conn = conn.limits(Limits::default().queued(2));
    let first = conn.transact(Aio::new(), post(large()));
    wait_until("the first is under way", || peer.has_input());
    let queued: Vec<_> = (0..5)
        .map(|_| conn.transact(Aio::new(), get("/queued")))
        .collect();
    let serving = playing(peer, |peer| {
        peer.head();
        for _ in 0..4 {
            let _ = peer.expect(MORE_THAN_FITS);
        }
        peer.say(answer("first"));
        let mut served = 0;
        while path(&peer.head()) != "/last" {
            peer.say(answer("queued"));
            served += 1;
        }
        peer.say(answer("last"));
        served
    });
    assert_eq!(settle(first).unwrap().body(), "first");
    let mut answered = 0;
    for queued in queued {
        match settle(queued) {
            Ok(response) => {
                assert_eq!(response.body(), "queued");
                answered += 1;
            }
            Err(error) => assert_eq!((error.kind(), error.count()), (ErrorKind::NoMemory, 0)),
        }
    }
    // Two places, of which the first's answer may have had one.
    assert!((1..=2).contains(&answered), "{answered}");
    let last = settle(conn.transact(Aio::new(), get("/last"))).unwrap();
    assert_eq!(last.body(), "last");
    assert_eq!(join(serving).0, answered);
    // The reader's is.
    let (conn, peer) = pair(Family::Tcp);
    let conn = conn.limits(Limits::default().queued(1));
    let reading = conn.read(Aio::new(), 1);
    let mut behind = None;
    wait_until("the first is under way, and the second queued", || {
        let read = conn.read(Aio::new(), 1);
        behind = (!read.is_done()).then_some(read);
        behind.is_some()
    });
    let behind = behind.expect("as waited for");
    let error = settle(conn.transact(Aio::new(), get("/"))).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NoMemory, "{error:?}");
    if error.count() == 0 {
        reading.cancel();
        behind.cancel();
        assert_eq!(failure(settle(reading)).0, ErrorKind::Canceled);
        assert_eq!(failure(settle(behind)).0, ErrorKind::Canceled);
        wait_until("its thread is back from the call", || conn.is_reusable());
        assert_usable(&conn, peer);
    } else {
        assert_closed(&conn);
    }
}

/// A body that is declared and not attached is the caller's to write, while the exchange is under way.
#[test]
fn the_body_of_an_exchange_can_be_written_meanwhile() {
    let chunks = "5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n";
    let cases = [
        ("Content-Length", "11", "hello world"),
        ("Transfer-Encoding", "chunked", chunks),
    ];
    for (name, value, wire) in cases {
        let (conn, peer) = pair(Family::Tcp);
        let playing = playing(peer, move |peer| {
            let head = peer.head();
            assert_eq!(peer.expect(wire.len()), wire.as_bytes());
            peer.say(answer("thanks"));
            head.len() as u64
        });
        let head = Request::put("/").header(name, value).body(());
        let exchange = conn.transact(Aio::new(), head.unwrap());
        for part in ["hello", " world"] {
            settle(conn.write_all(Aio::new().iov([part]))).unwrap();
        }
        settle(conn.finish(Aio::new())).unwrap();
        let response = settle(exchange).unwrap();
        assert_eq!(response.body(), "thanks");
        let (head, peer) = join(playing);
        assert_eq!(written(&response), head);
        assert_usable(&conn, peer);
    }
}

#[test]
fn the_trailers_of_an_answer_can_be_had_until_the_next() {
    let (conn, peer) = pair(Family::Tcp);
    let playing = playing(peer, |peer| {
        peer.head();
        peer.say(CHUNKS.replace("0\r\n\r\n", "0\r\nX-Sum: 42\r\n\r\n"));
        peer.head();
        peer.say(answer("none"));
    });
    assert_eq!(
        settle(conn.transact(Aio::new(), get("/"))).unwrap().body(),
        "hello world"
    );
    for _ in 0..2 {
        assert_eq!(
            settle(conn.read_trailers(Aio::new())).unwrap()["x-sum"],
            "42"
        );
    }
    assert_eq!(
        settle(conn.transact(Aio::new(), get("/"))).unwrap().body(),
        "none"
    );
    assert!(settle(conn.read_trailers(Aio::new())).unwrap().is_empty());
    assert_usable(&conn, join(playing).1);
}

#[test]
fn an_exchange_may_turn_the_connection_into_a_stream() {
    let upgrade = Request::get("/")
        .header("Upgrade", "x")
        .header("Connection", "upgrade");
    let upgrade = upgrade.body(()).unwrap();
    let connect = Request::connect("example.com:443").body(()).unwrap();
    let answers = [
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\nfirst",
        "HTTP/1.1 200 Go\r\nContent-Length: 3\r\n\r\nfirst",
    ];
    for (request, said) in [upgrade, connect].into_iter().zip(answers) {
        let (conn, peer) = pair(Family::Unix);
        let playing = playing(peer, move |peer| {
            peer.head();
            peer.say(said);
            assert_eq!(peer.expect(6), b"second");
            peer.say("third");
        });
        let response = settle(conn.transact(Aio::new(), request)).unwrap();
        assert!(matches!(response.status().as_u16(), 101 | 200));
        assert!(response.body().is_empty());
        assert_eq!(settle(conn.read_all(Aio::new(), 5)).unwrap(), "first");
        settle(conn.write_all(Aio::new().iov(["second"]))).unwrap();
        assert_eq!(settle(conn.read_all(Aio::new(), 5)).unwrap(), "third");
        assert!(!conn.is_reusable());
        join(playing);
    }
}

/// In whatever order, by whomever, and even if nobody does.
#[test]
fn exchanges_go_on_whoever_waits_for_them() {
    let server = Local::listen();
    let get = |path: &str| server.get(path);
    for round in 0..30 {
        let conn = server.connect();
        // Nobody waits; they are looked at.
        let polled = conn.transact(Aio::new(), get("/one"));
        wait_until("it completes by itself", || polled.is_done());
        assert_eq!(settle(polled).unwrap().body(), "one");
        // The last one first, and the first one never.
        drop(conn.transact(Aio::new(), get("/dropped")));
        let exchanges: Vec<_> = (0..4)
            .map(|n| conn.transact(Aio::new(), get(&format!("/{n}"))))
            .collect();
        for (n, exchange) in exchanges.into_iter().enumerate().rev() {
            assert_eq!(settle(exchange).unwrap().body(), &format!("/{n}"));
        }
        // Somebody who loses patience, and comes back.
        let mut waited = conn.transact(Aio::new(), get("/slow"));
        if round > 0 {
            waited.cancel();
            assert_eq!(failure(settle(waited)).0, ErrorKind::Canceled);
            continue;
        }
        let response = loop {
            match waited.wait_timeout(Duration::from_millis(1)) {
                Ok(result) => break result.unwrap(),
                Err(back) => waited = back,
            }
        };
        assert_eq!(response.body(), "slow");
        // Somebody who waits for the second, while the first is waited for by somebody else.
        let first = conn.transact(Aio::new(), get("/slow"));
        let second = conn.transact(Aio::new(), get("/two"));
        let waiting = thread::spawn(move || settle(second));
        assert_eq!(settle(first).unwrap().body(), "slow");
        assert_eq!(join(waiting).unwrap().body(), "two");
        // The first is given up by the one who waits for it: that ends both.
        let first = conn.transact(Aio::new().timeout(Duration::from_millis(50)), get("/slow"));
        let second = conn.transact(Aio::new(), get("/two"));
        let waiting = thread::spawn(move || settle(second));
        assert_eq!(failure(settle(first)).0, ErrorKind::TimedOut);
        assert!(join(waiting).unwrap_err().is_closed());
    }
}

/// A deadline that passes while somebody else is served, and a cancel from elsewhere while it is
/// waited for.
#[test]
fn exchanges_that_are_waited_for_can_be_given_up_from_elsewhere() {
    for round in 0..50 {
        let (conn, mut peer) = pair(FAMILIES[round % 2]);
        let exchange = conn.transact(Aio::new(), get("/"));
        let canceler = exchange.canceler();
        let waiting = thread::spawn(move || exchange.wait());
        let taken = peer.head().len() as u64;
        if round % 3 == 0 {
            peer.say("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf");
        }
        let expected = if round % 2 == 0 {
            canceler.cancel();
            ErrorKind::Canceled
        } else {
            conn.close();
            ErrorKind::Closed
        };
        assert_eq!(failure(join(waiting)), (expected, taken));
        assert_closed(&conn);
    }
}

/// There is no HTTP on it any more.
#[test]
fn an_exchange_on_a_connection_that_was_upgraded_is_refused() {
    let (conn, peer) = pair(Family::Tcp);
    let playing = playing(peer, |peer| {
        peer.head();
        peer.say("HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n");
    });
    let upgrade = Request::get("/")
        .header("Upgrade", "x")
        .header("Connection", "upgrade");
    settle(conn.transact(Aio::new(), upgrade.body(()).unwrap())).unwrap();
    let (_, mut peer) = join(playing);
    let aio = Aio::new().timeout(PATIENCE / 3);
    let (kind, count) = failure(settle(conn.transact(aio, get("/more"))));
    assert!(
        matches!(kind, ErrorKind::InvalidInput | ErrorKind::Closed),
        "{kind:?}"
    );
    assert_eq!(count, 0);
    settle(conn.write_all(Aio::new().iov(["raw"]))).unwrap();
    assert_eq!(peer.expect(3), b"raw");
}

#[test]
fn exchanges_and_single_operations_mix() {
    let server = Local::listen();
    let conn = server.connect();
    for n in 0..20 {
        let path = format!("/{n}");
        if n % 2 == 0 {
            let response = settle(conn.transact(Aio::new(), server.get(&path))).unwrap();
            assert_eq!(response.body(), &path);
        } else {
            let asked = conn.write_request(Aio::new(), server.get(&path));
            let answered = conn.read_response(Aio::new());
            settle(asked).unwrap();
            settle(answered).unwrap();
            assert_eq!(settle(conn.read_all(Aio::new(), path.len())).unwrap(), path);
        }
        assert!(conn.is_reusable());
    }
}

#[test]
fn ten_thousand_exchanges_leave_nothing_behind() {
    if !alone("transact::together::ten_thousand_exchanges_leave_nothing_behind") {
        return;
    }
    let tasks = || {
        std::fs::read_dir("/proc/self/task")
            .expect("procfs")
            .count()
    };
    let files = || std::fs::read_dir("/proc/self/fd").expect("procfs").count();
    let server = Local::listen();
    let idle = (tasks(), files());
    let conn = server.connect();
    let mut aio = Aio::new().timeout(PATIENCE);
    let mut running = None;
    for n in 0..10_000 {
        let path = format!("/{n}");
        let request = match n % 3 {
            0 => server.get("/chunked"),
            _ => server.get(&path),
        };
        let (result, back) = conn.transact(aio, request).reclaim();
        aio = back;
        let expected = if n % 3 == 0 { "hello world" } else { &path };
        assert_eq!(result.unwrap().body(), expected);
        if n == 100 {
            running = Some((tasks(), files()));
        }
    }
    let (threads, descriptors) = running.expect("at the hundredth");
    // One or two may be about to end, or to stand in.
    assert!(
        tasks() <= threads + 2,
        "{} threads, and {threads} after a hundred",
        tasks()
    );
    assert!(
        files() <= descriptors + 2,
        "{} descriptors, and {descriptors} after a hundred",
        files()
    );
    assert_eq!(server.requests(), 10_000);
    drop((conn, aio));
    // The timer's thread may stay, once.
    wait_until("all threads and descriptors are gone", || {
        tasks() <= idle.0 + 1 && files() <= idle.1
    });
}
