//! Stopping (cases 289 to 296): what has arrived is served, what was begun is finished, and nothing is left.

use std::net::TcpListener;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use http_aio::bytes::Bytes;
use http_aio::http::Response;
use http_aio::{Error, Exchange, InFlight, get, post};

use super::*;

const SLOW: Duration = Duration::from_millis(300);

/// A handler that waits until it is told to go on, after it has said that it runs.
fn held() -> (
    impl Fn(&mut Exchange) -> &'static str,
    crossbeam_channel::Receiver<()>,
    crossbeam_channel::Sender<()>,
) {
    let (entered, enters) = gate();
    let (go, goes) = gate();
    let handler = move |_: &mut Exchange| {
        entered.send(()).unwrap();
        receive(&goes);
        "done"
    };
    (handler, enters, go)
}

#[test]
fn connections_without_a_request_end_at_once_and_half_a_head_is_served() {
    let host = Host::new(|server| {
        server.route("/", get(|_| "hello")).unwrap();
    });
    for family in FAMILIES {
        let host = match family {
            Family::Tcp => &host,
            Family::Unix => &Host::new(|server| {
                server.route("/", get(|_| "hello")).unwrap();
            }),
        };
        let mut idle = host.visit_over(family);
        assert_eq!(idle.get("/").text(), "hello");
        let mut blank = host.visit_over(family);
        blank.get("/");
        blank.say("\r\n");
        let mut unused = host.visit_over(family);
        let mut half = host.visit_over(family);
        half.say("GET / HTTP/1.1\r\n");
        let mut second = host.visit_over(family);
        second.get("/");
        second.say("GET /");
        host.wait_for_connections(5);

        let mut draining = host.server.drain(Aio::new().timeout(PATIENCE));
        let start = Instant::now();
        for visitor in [&mut idle, &mut blank, &mut unused] {
            visitor.ends();
        }
        assert!(start.elapsed() < Duration::from_secs(5), "at once");
        draining = draining
            .wait_timeout(Duration::from_millis(20))
            .expect_err("two are left");
        assert_eq!(host.server.connections(), 2);
        half.say("Host: h\r\n\r\n");
        second.say(" HTTP/1.1\r\nHost: h\r\n\r\n");
        for visitor in [&mut half, &mut second] {
            let reply = visitor.reply();
            assert_eq!((reply.text(), reply.closes()), ("hello", true));
            visitor.ends();
        }
        settle(draining).unwrap();
        assert_eq!(host.server.connections(), 0);
    }
}

#[test]
fn a_slow_handler_is_waited_for_and_its_answer_says_close() {
    let (handler, enters, go) = held();
    let host = Host::new(|server| {
        server.route("/", get(handler)).unwrap();
    });
    let mut visitor = host.visit();
    visitor.ask("GET", "/").ask("GET", "/never-asked");
    receive(&enters);
    let draining = host.server.drain(Aio::new().timeout(PATIENCE));
    wait_until("nobody listens", || {
        TcpStream::connect(host.address).is_err()
    });
    assert!(!draining.is_done());
    go.send(()).unwrap();
    let reply = visitor.reply();
    assert_eq!((reply.text(), reply.closes()), ("done", true));
    visitor.ends();
    settle(draining).unwrap();
    let answered = Event::Answered("GET /".into(), 200, reply.head.len() as u64 + 4);
    let told = host.told.all();
    let about: Vec<_> = told
        .iter()
        .filter(|event| !matches!(event, Event::Accepted | Event::Ended(0) | Event::Draining))
        .collect();
    assert_eq!(about, [&answered, &Event::Ended(1)]);
}

#[test]
fn a_streamed_answer_and_a_body_under_way_are_finished() {
    let (entered, enters) = gate();
    let (go, goes) = gate();
    let host = Host::new(|server| {
        let stream = move |x: &mut Exchange| {
            let mut writer = x.stream(Response::new(()))?;
            writer.write_all(["begun "])?;
            entered.send(()).unwrap();
            receive(&goes);
            writer.write_all(["ended"])?;
            writer.finish()
        };
        server.route("/stream", get(stream)).unwrap();
        let echo = |x: &mut Exchange| -> Result<Bytes, Error> { x.collect() };
        server.route("/echo", post(echo)).unwrap();
    });
    let mut down = host.visit();
    down.ask("GET", "/stream");
    receive(&enters);
    let mut up = host.visit();
    up.say("POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\nhello");
    host.wait_for_connections(2);
    let draining = host.server.drain(Aio::new().timeout(PATIENCE));
    wait_until("nobody listens", || {
        TcpStream::connect(host.address).is_err()
    });
    go.send(()).unwrap();
    // Its head was out before the stop, so it ends without a word.
    assert_eq!(down.reply().text(), "begun ended");
    down.ends();
    let reply = up.say("again").reply();
    assert_eq!((reply.text(), reply.closes()), ("helloagain", true));
    up.ends();
    settle(draining).unwrap();
}

#[test]
fn one_that_was_just_accepted_may_still_ask() {
    in_time(|| {
        let (handler, enters, go) = held();
        let host = Host::new(|server| {
            server.route("/", get(|_| "hello")).unwrap();
            server.route("/held", get(handler)).unwrap();
        });
        let mut busy = host.visit();
        busy.ask("GET", "/held");
        receive(&enters);
        let draining = host.server.drain(Aio::new().timeout(PATIENCE));
        let mut late = host.visit_over(Family::Unix);
        let _ = std::io::Write::write_all(&mut late.peer, b"GET / HTTP/1.1\r\nHost: h\r\n\r\n");
        let got = String::from_utf8(late.peer.drain().bytes).unwrap();
        late.leave();
        go.send(()).unwrap();
        assert_eq!(busy.reply().text(), "done");
        settle(draining).unwrap();
        match got.ends_with("\r\n\r\nhello") {
            true => Ok(()),
            false => Err(format!("it was too late: {got}")),
        }
    });
}

#[test]
fn those_in_the_queue_of_the_listener_are_served() {
    let (handler, enters, go) = held();
    let host = Host::with(ServerLimits::default().connections(1), |server| {
        let show = |x: &mut Exchange| x.query().to_owned();
        server.route("/", get(show)).unwrap();
        server.route("/held", get(handler)).unwrap();
    });
    let mut first = host.visit();
    first.ask("GET", "/held");
    receive(&enters);
    let mut visitors: Vec<_> = (0..100).map(|_| host.visit()).collect();
    for (n, visitor) in visitors.iter_mut().enumerate() {
        visitor.ask("GET", &format!("/?{n}"));
    }
    let draining = host.server.drain(Aio::new().timeout(PATIENCE));
    go.send(()).unwrap();
    assert_eq!(first.reply().text(), "done");
    for (n, visitor) in visitors.iter_mut().enumerate() {
        let reply = visitor.reply();
        assert_eq!((reply.status, reply.text()), (200, &*n.to_string()));
        visitor.ends();
    }
    settle(draining).unwrap();
    assert!(TcpStream::connect(host.address).is_err());
}

#[test]
fn around_a_drain_an_answer_is_whole_or_there_is_none() {
    for round in 0..60 {
        let ran = Arc::new(AtomicUsize::new(0));
        let theirs = Arc::clone(&ran);
        let host = Host::new(|server| {
            let count = move |_: &mut Exchange| {
                theirs.fetch_add(1, Ordering::SeqCst);
                "hello"
            };
            server.route("/", get(count)).unwrap();
        });
        let mut visitor = host.visit();
        visitor.get("/");
        let asking = thread::spawn(move || {
            let step = Duration::from_micros(7 * (round % 30));
            let start = Instant::now();
            while start.elapsed() < step {
                std::hint::spin_loop();
            }
            use std::io::Write;
            let _ = visitor.peer.write_all(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n");
            visitor.peer.drain()
        });
        host.stop();
        let got = String::from_utf8(join(asking).bytes).unwrap();
        let answered = ran.load(Ordering::SeqCst) - 1;
        assert_eq!(got.matches("HTTP/1.1 200").count(), answered, "{got}");
        assert!(got.is_empty() || got.ends_with("\r\n\r\nhello"), "{got}");
    }
}

#[test]
fn a_drain_under_load_completes_and_cuts_nothing() {
    let host = Host::new(|server| {
        server.route("/", get(|_| "hello")).unwrap();
    });
    let done = Arc::new(AtomicBool::new(false));
    let clients: Vec<_> = (0..4)
        .map(|_| {
            let (address, done) = (host.address, Arc::clone(&done));
            thread::spawn(move || {
                let mut whole = 0;
                while !done.load(Ordering::SeqCst) {
                    let Ok(stream) = TcpStream::connect(address) else {
                        break;
                    };
                    let mut peer = Peer::from(stream);
                    use std::io::Write;
                    if peer
                        .write_all(b"GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
                        .is_err()
                    {
                        continue;
                    }
                    let Drained { bytes, .. } = peer.drain();
                    let got = String::from_utf8(bytes).unwrap();
                    assert!(got.is_empty() || got.ends_with("\r\n\r\nhello"), "{got}");
                    whole += usize::from(!got.is_empty());
                }
                whole
            })
        })
        .collect();
    wait_until("they are served", || {
        host.told
            .count(|event| matches!(event, Event::Answered(..)))
            >= 200
    });
    host.stop();
    done.store(true, Ordering::SeqCst);
    let whole: usize = clients.into_iter().map(join).sum();
    assert_eq!(
        host.told
            .count(|event| matches!(event, Event::Answered(..))),
        whole
    );
}

#[test]
fn a_drain_tells_how_many_are_left_and_a_close_ends_them() {
    let (entered, enters) = gate();
    let (go, goes) = gate();
    let (failed, fails) = gate_of();
    let host = Host::new(|server| {
        let endless = move |x: &mut Exchange| {
            let mut writer = x.stream(Response::new(()))?;
            entered.send(()).unwrap();
            receive(&goes);
            let result = writer.write_all(["too late"]);
            failed.send(failure(result)).unwrap();
            writer.finish()
        };
        server.route("/", get(endless)).unwrap();
    });
    let mut visitor = host.visit();
    visitor.ask("GET", "/");
    receive(&enters);
    let drained = settle(host.server.drain(Aio::new().timeout(SLOW)));
    assert_eq!(failure(drained), (ErrorKind::TimedOut, 1));
    let start = Instant::now();
    host.server.close();
    assert!(start.elapsed() < Duration::from_secs(5), "it does not wait");
    visitor.head();
    assert_eq!(visitor.peer.drain().bytes, b"");
    let joining = host.server.join(Aio::new().timeout(PATIENCE));
    assert!(!joining.is_done());
    go.send(()).unwrap();
    assert_eq!(receive(&fails), (ErrorKind::Closed, 0));
    settle(joining).unwrap();
    assert_eq!(host.server.connections(), 0);
}

#[test]
fn a_close_ends_whoever_waits() {
    let host = Host::new(|server| {
        server
            .route("/", post(|x: &mut Exchange| x.collect()))
            .unwrap();
    });
    let mut idle = host.visit();
    idle.get("/");
    let mut half = host.visit();
    half.say("GET /");
    let mut body = host.visit();
    body.say("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\nhello");
    host.wait_for_connections(3);
    host.server.close();
    for visitor in [&mut idle, &mut half, &mut body] {
        visitor.ends();
    }
    settle(host.server.join(Aio::new().timeout(PATIENCE))).unwrap();
    // It stays closed.
    assert_eq!(
        failure(host.server.bind("127.0.0.1:0")),
        (ErrorKind::Closed, 0)
    );
    let mut late = host.visit_over(Family::Unix);
    late.ends();
    late.leave();
    host.server.close();
    host.stop();
}

#[test]
fn stopping_twice_and_in_any_order() {
    let (handler, enters, go) = held();
    let host = Host::new(|server| {
        server.route("/", get(handler)).unwrap();
    });
    let mut visitor = host.visit();
    visitor.ask("GET", "/");
    receive(&enters);
    let first = host.server.drain(Aio::new().timeout(PATIENCE));
    let second = host.server.drain(Aio::new().timeout(PATIENCE));
    let canceled = host.server.join(Aio::new());
    canceled.cancel();
    assert_eq!(failure(settle(canceled)), (ErrorKind::Canceled, 0));
    go.send(()).unwrap();
    assert_eq!(visitor.reply().text(), "done");
    settle(first).unwrap();
    settle(second).unwrap();
    host.stop();
    host.server.close();
    host.stop();
}

#[test]
fn a_handler_that_waits_for_its_own_end_is_told_so() {
    let (said, says) = gate_of();
    let host = Host::new(|_| ());
    let server = host.server.clone();
    let drain = move |_: &mut Exchange| {
        let result = server.drain(Aio::new().timeout(PATIENCE)).wait();
        said.send(failure(result)).unwrap();
        "stopping"
    };
    host.server.route("/", get(drain)).unwrap();
    let reply = host.get("/");
    assert_eq!((reply.text(), reply.closes()), ("stopping", true));
    assert_eq!(receive(&says), (ErrorKind::WouldDeadlock, 0));
    settle(host.server.join(Aio::new().timeout(PATIENCE))).unwrap();
}

#[test]
fn a_handler_may_close_its_server() {
    let host = Host::new(|_| ());
    let server = host.server.clone();
    let close = move |_: &mut Exchange| {
        server.close();
        "never sent"
    };
    host.server.route("/", get(close)).unwrap();
    let mut visitor = host.visit();
    visitor.ask("GET", "/");
    visitor.ends();
    settle(host.server.join(Aio::new().timeout(PATIENCE))).unwrap();
    host.told.wait_for("it is told", |event| {
        matches!(event, Event::AnswerFailed(_, ErrorKind::Closed, 0))
    });
}

#[test]
fn the_last_handle_drains() {
    let (handler, enters, go) = held();
    let host = Host::new(|server| {
        server.route("/", get(handler)).unwrap();
    });
    let mut visitor = host.visit();
    visitor.ask("GET", "/");
    receive(&enters);
    let mut idle = host.visit();
    let Host {
        server,
        address,
        told,
    } = host;
    let clone = server.clone();
    drop(server);
    assert_eq!(TcpStream::connect(address).map(drop).ok(), Some(()));
    drop(clone);
    idle.ends();
    go.send(()).unwrap();
    let reply = visitor.reply();
    assert_eq!((reply.text(), reply.closes()), ("done", true));
    visitor.ends();
    wait_until("all are gone", || {
        told.count(|event| matches!(event, Event::Ended(_)))
            == told.count(|event| *event == Event::Accepted)
    });
    assert!(TcpStream::connect(address).is_err());
}

#[test]
fn the_last_handle_may_be_dropped_in_a_handler() {
    let host = Host::new(|_| ());
    let last = Arc::new(Mutex::new(None));
    let theirs = Arc::clone(&last);
    let give_up = move |_: &mut Exchange| {
        drop(theirs.lock().unwrap().take());
        "gone"
    };
    host.server.route("/", get(give_up)).unwrap();
    let Host {
        server, address, ..
    } = host;
    *last.lock().unwrap() = Some(server);
    let mut visitor = Visitor {
        peer: Peer::from(TcpStream::connect(address).unwrap()),
        serving: None,
    };
    let reply = visitor.get("/");
    assert_eq!((reply.text(), reply.closes()), ("gone", true));
    visitor.ends();
    wait_until("nobody listens", || TcpStream::connect(address).is_err());
}

/// A value of a handler's, which cannot be dropped without a panic.
struct Unlucky;

impl Drop for Unlucky {
    fn drop(&mut self) {
        panic!("the value of a handler");
    }
}

#[test]
fn a_drain_completes_though_dropping_the_handlers_panics() {
    let (handler, enters, go) = held();
    let unlucky = Unlucky;
    let server = Server::new();
    let owner = move |exchange: &mut Exchange| {
        let _ = &unlucky;
        handler(exchange)
    };
    server.route("/", get(owner)).unwrap();
    let Ok(Addr::Ip(address)) = server.bind("127.0.0.1:0") else {
        panic!("an address");
    };
    let mut visitor = Visitor {
        peer: Peer::from(TcpStream::connect(address).unwrap()),
        serving: None,
    };
    visitor.ask("GET", "/");
    receive(&enters);
    let draining = server.drain(Aio::new().timeout(PATIENCE));
    drop(server); // The handlers are left to the connection.
    wait_until("nobody listens", || TcpStream::connect(address).is_err());
    go.send(()).unwrap();
    assert_eq!(visitor.reply().text(), "done");
    draining.wait().unwrap();
}

#[test]
#[cfg(target_os = "linux")]
fn nothing_is_left_and_the_port_is_free() {
    if !alone("server::stop::nothing_is_left_and_the_port_is_free") {
        return;
    }
    let before = (tasks(), descriptors());
    for round in 0..3 {
        let host = Host::new(|server| {
            server.route("/", get(|_| "hello")).unwrap();
        });
        let mut visitors: Vec<_> = (0..8).map(|_| host.visit()).collect();
        for visitor in &mut visitors {
            assert_eq!(visitor.get("/").text(), "hello");
        }
        if round == 1 {
            host.server.close();
        }
        host.stop();
        drop(visitors);
        drop(TcpListener::bind(host.address).expect("the port is free at once"));
        // With the handle still there.
        let start = Instant::now();
        wait_until("threads end", || tasks_since(&before.0).is_empty());
        assert!(
            start.elapsed() < Duration::from_secs(4),
            "they need not wait"
        );
        wait_until("descriptors are closed", || descriptors() <= before.1);
    }
}

// ------------------------------------------------------------------------------------------ grace

const BOTH: [Threads; 2] = [Threads::Watched, Threads::PerConnection];

/// A server that is drained with this grace.
fn gracious(threads: Threads, grace: Duration) -> Host {
    let limits = ServerLimits::default().drain_grace(grace);
    Host::on(threads, limits, |server| {
        server.route("/", get(|_| "hello")).unwrap();
    })
}

/// Begins to drain, and waits until nobody can come any more.
#[track_caller]
fn begin_drain(host: &Host) -> Aio<(), InFlight> {
    let draining = host.server.drain(Aio::new().timeout(PATIENCE));
    wait_until("nobody listens", || {
        TcpStream::connect(host.address).is_err()
    });
    draining
}

/// A connection that has been used, and one that has not, which both wait.
#[track_caller]
fn two_that_wait(host: &Host) -> [Visitor; 2] {
    let mut used = host.visit();
    assert!(!used.get("/").closes());
    let unused = host.visit();
    host.wait_for_waiting(2);
    [used, unused]
}

#[test]
fn a_request_within_the_grace_is_answered_as_the_last_one() {
    for threads in BOTH {
        let host = gracious(threads, 10 * PATIENCE);
        let [mut used, mut unused] = two_that_wait(&host);
        let draining = begin_drain(&host);
        assert!(used.is_quiet() && unused.is_quiet());
        let reply = used.get("/");
        assert_eq!((reply.text(), reply.closes()), ("hello", true));
        used.ends();
        host.wait_for_connections(1);
        assert!(unused.is_quiet() && !draining.is_done());
        // A client that sends several at once is told which was the last.
        unused.ask("GET", "/").ask("GET", "/");
        let reply = unused.reply();
        assert_eq!((reply.text(), reply.closes()), ("hello", true));
        unused.ends();
        settle(draining).expect("as soon as nobody is left");
        let told = host.told.count(|event| *event == Event::Draining);
        assert_eq!(told, 1, "{threads:?}");
    }
}

#[test]
fn who_asks_nothing_within_the_grace_is_asked_to_leave_then() {
    for threads in BOTH {
        let host = gracious(threads, SLOW);
        let visitors = two_that_wait(&host);
        let mut half = host.visit();
        half.say("GET / HTTP/1.1\r\n");
        host.wait_for_connections(3);
        let start = Instant::now();
        let draining = begin_drain(&host);
        for mut visitor in visitors {
            let after = visitor.ends_after(start);
            assert!(after >= SLOW, "{threads:?}: after {after:?}");
        }
        host.wait_for_connections(1);
        // What has begun by then is served, as without a grace.
        half.say("Host: h\r\n\r\n");
        let reply = half.reply();
        assert_eq!((reply.text(), reply.closes()), ("hello", true));
        half.ends();
        settle(draining).unwrap();
    }
}

#[test]
fn an_answer_that_was_begun_before_the_grace_leaves_its_connection_open() {
    for threads in BOTH {
        let (entered, enters) = gate();
        let (go, goes) = gate();
        let host = gracious(threads, 10 * PATIENCE);
        let stream = move |x: &mut Exchange| {
            let writer = x.stream(Response::new(()))?;
            entered.send(()).unwrap();
            receive(&goes);
            writer.finish()
        };
        host.server.route("/stream", get(stream)).unwrap();
        let mut visitor = host.visit();
        visitor.ask("GET", "/stream");
        receive(&enters);
        let draining = begin_drain(&host);
        go.send(()).unwrap();
        assert!(!visitor.reply().closes());
        let reply = visitor.get("/");
        assert_eq!((reply.text(), reply.closes()), ("hello", true));
        visitor.ends();
        settle(draining).unwrap();
    }
}

#[test]
fn a_grace_ends_with_a_second_drain_or_a_close_but_not_with_the_last_handle() {
    for threads in BOTH {
        for is_closed in [false, true] {
            let host = gracious(threads, 10 * PATIENCE);
            let visitors = two_that_wait(&host);
            let draining = begin_drain(&host);
            host.wait_for_connections(2); // Whoever has looked who listens may be among them at first.
            match is_closed {
                true => host.server.close(),
                false => host.stop(),
            }
            for mut visitor in visitors {
                visitor.ends();
            }
            settle(draining).unwrap();
            let told = host.told.count(|event| *event == Event::Draining);
            assert_eq!(told, 1, "{threads:?}");
        }
        let host = gracious(threads, 10 * PATIENCE);
        let visitors = two_that_wait(&host);
        let draining = begin_drain(&host);
        drop(host.server);
        for mut visitor in visitors {
            assert!(visitor.get("/").closes());
            visitor.ends();
        }
        settle(draining).unwrap();
    }
}

#[test]
fn who_has_waited_longest_makes_room_within_the_grace_too() {
    for threads in BOTH {
        let limits = ServerLimits::default().connections(1);
        let limits = limits.drain_grace(10 * PATIENCE);
        let (handler, enters, go) = held();
        let host = Host::on(threads, limits, |server| {
            server.route("/", get(|_| "hello")).unwrap();
            server.route("/held", get(handler)).unwrap();
        });
        let mut first = host.visit();
        first.ask("GET", "/held");
        receive(&enters);
        let mut queued: Vec<_> = (0..3).map(|_| host.visit()).collect();
        let draining = host.server.drain(Aio::new().timeout(PATIENCE));
        go.send(()).unwrap();
        assert!(first.reply().closes());
        // Nobody but the last of them has a place for as long as it likes.
        for visitor in &mut queued[..2] {
            visitor.ends();
        }
        assert!(queued[2].get("/").closes());
        settle(draining).unwrap();
    }
}

#[test]
fn a_connection_that_comes_within_the_grace_has_it_too() {
    let host = gracious(chosen_threads(), 10 * PATIENCE);
    let [mut waits, other] = two_that_wait(&host);
    drop(other);
    let draining = begin_drain(&host);
    let mut late = host.visit_over(Family::Unix);
    host.wait_for_waiting(2);
    let reply = late.get("/");
    assert_eq!((reply.text(), reply.closes()), ("hello", true));
    late.leave();
    assert!(waits.get("/").closes());
    settle(draining).unwrap();
}
