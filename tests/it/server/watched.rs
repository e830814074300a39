//! Connections that are watched: who serves them, and who is held up by whom.

use std::num::NonZero;

use crossbeam_channel::{Receiver, Sender};
use http_aio::{Endpoint, get, post};

use super::*;

/// A server whose connections are watched. `/block` blocks until it is let go, without a word to anybody.
fn watched() -> (Host, Receiver<()>, Sender<()>) {
    watched_with(ServerLimits::default())
}

fn watched_with(limits: ServerLimits) -> (Host, Receiver<()>, Sender<()>) {
    let (go, goes) = crossbeam_channel::unbounded::<()>();
    let (entered, enters) = crossbeam_channel::unbounded();
    let host = Host::on(Threads::Watched, limits, |server| {
        let block = move |_: &mut http_aio::Exchange| {
            entered.send(()).unwrap();
            receive(&goes);
            "done"
        };
        server.route("/block", get(block)).unwrap();
        server.route("/", get(|_| "hello")).unwrap();
    });
    (host, enters, go)
}

/// More handlers than there are watches block, on connections of each of them.
#[test]
fn handlers_that_block_hold_up_nobody() {
    let (host, enters, go) = watched();
    let mut quick: Vec<_> = (0..8).map(|_| host.visit()).collect();
    for visitor in &mut quick {
        assert_eq!(visitor.get("/").text(), "hello");
    }
    let mut slow: Vec<_> = (0..32).map(|_| host.visit()).collect();
    for visitor in &mut slow {
        visitor.ask("GET", "/block");
        receive(&enters);
    }
    for visitor in &mut quick {
        assert_eq!(visitor.get("/").text(), "hello");
    }
    assert_eq!(host.get("/").text(), "hello");
    (0..slow.len()).for_each(|_| go.send(()).unwrap());
    for visitor in &mut slow {
        assert_eq!(visitor.reply().text(), "done");
        assert_eq!(visitor.get("/").text(), "hello"); // It is watched again.
    }
    host.stop();
}

/// Requests that come when there are as many threads as there may be wait for one, in the watch or in the queue for a
/// handshake.
#[test]
fn at_the_most_threads_requests_wait_and_are_all_answered() {
    let processors = thread::available_parallelism().map_or(1, NonZero::get);
    let (host, enters, go) = watched_with(ServerLimits::default().threads(1)); // One more than processors.
    let proxied = Endpoint::bind("127.0.0.1:0").unwrap().proxy_protocol();
    let proxied = host.server.listen(proxied).unwrap().ip().unwrap();
    let mut slow: Vec<_> = (0..8 * processors).map(|_| host.visit()).collect();
    for visitor in &mut slow {
        visitor.ask("GET", "/block");
    }
    for _ in 0..=processors {
        receive(&enters);
    }
    // Nobody is left to take another watch, or the header of a proxy.
    let out = host
        .told
        .wait_for("the event", |event| matches!(event, Event::OutOfThreads(_)));
    assert_eq!(out, Event::OutOfThreads(processors + 1));
    let mut late = Visitor::to(proxied);
    late.say("PROXY UNKNOWN\r\n");
    late.ask("GET", "/block");
    let stats = host.server.stats();
    assert_eq!(
        (stats.threads, stats.spare_threads),
        (processors as u64 + 1, 0)
    );
    (0..=slow.len()).for_each(|_| go.send(()).unwrap());
    for visitor in slow.iter_mut().chain([&mut late]) {
        assert_eq!(visitor.reply().text(), "done");
    }
    drop((slow, late));
    host.stop();
    assert_eq!(
        host.told
            .count(|event| matches!(event, Event::Rejected(..))),
        0
    );
}

/// Who has to serve others instead, and why, is counted.
#[test]
fn hand_overs_are_counted_by_reason_and_slow_handlers_are_named() {
    let (host, enters, go) = watched();
    let echo = |x: &mut http_aio::Exchange| x.collect();
    host.server.route("/echo", post(echo)).unwrap();
    let mut visitor = host.visit();
    visitor.say("POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\n");
    wait_until("it waits for the body", || {
        host.server.stats().hand_overs_blocking == 1
    });
    visitor.say("hello");
    assert_eq!(visitor.reply().text(), "hello");
    let block = || {
        // Another connection each time: one that has a thread loses no watch.
        let mut visitor = host.visit();
        visitor.ask("GET", "/block");
        receive(&enters);
        visitor
    };
    for count in 1..=2 {
        let mut visitor = block();
        wait_until("it is overdue", || {
            host.server.stats().hand_overs_overdue == count
        });
        go.send(()).unwrap();
        assert_eq!(visitor.reply().text(), "done");
    }
    wait_until("it is known to be slow", || {
        host.server.stats().slow_handlers == 1
    });
    assert!(format!("{:?}", host.server).contains(r#"slow_handlers: ["GET /block"]"#));
    let mut visitor = block();
    assert_eq!(host.server.stats().hand_overs_slow, 1);
    go.send(()).unwrap();
    assert_eq!(visitor.reply().text(), "done");
    host.stop();
}

/// The second request lies in the buffer of a connection whose watch was taken away in the first.
#[test]
fn what_was_pipelined_behind_a_handler_that_blocks_is_served_after_it() {
    let (host, enters, go) = watched();
    for _ in 0..20 {
        let mut visitor = host.visit();
        let (block, hello) = ("GET /block", "GET /");
        let rest = "HTTP/1.1\r\nHost: h\r\n\r\n";
        visitor.say(format!(
            "{block} {rest}{hello} {rest}{block} {rest}{hello} {rest}"
        ));
        for _ in 0..2 {
            receive(&enters);
            // Somebody else has the watch by the time this one is answered.
            assert_eq!(host.get("/").text(), "hello");
            go.send(()).unwrap();
            assert_eq!(visitor.reply().text(), "done");
            assert_eq!(visitor.reply().text(), "hello");
        }
        visitor.leave();
    }
    host.stop();
}

/// Several requests that came with one another take turns with those of other connections.
#[test]
fn many_pipelined_requests_are_answered_in_order() {
    let host = Host::on(Threads::Watched, ServerLimits::default(), |server| {
        let say = |x: &mut http_aio::Exchange| x.param("n").to_owned();
        server.route("/{n}", get(say)).unwrap();
    });
    let mut visitors: Vec<_> = (0..6).map(|_| host.visit()).collect();
    for visitor in &mut visitors {
        let requests: Vec<String> = (0..200)
            .map(|n| format!("GET /{n} HTTP/1.1\r\nHost: h\r\n\r\n"))
            .collect();
        visitor.say(requests.concat());
    }
    for visitor in &mut visitors {
        for n in 0..200 {
            assert_eq!(visitor.reply().text(), n.to_string());
        }
    }
    host.stop();
}

#[test]
fn a_close_ends_a_connection_whose_handler_blocks_and_those_that_wait() {
    let (host, enters, go) = watched();
    let mut busy = host.visit();
    busy.ask("GET", "/block");
    receive(&enters);
    let mut idle = host.visit();
    assert_eq!(idle.get("/").text(), "hello");
    host.server.close();
    idle.ends();
    busy.peer.drain();
    go.send(()).unwrap();
    settle(host.server.join(Aio::new().timeout(PATIENCE))).expect("it ends");
    assert_eq!(host.server.connections(), 0);
}

/// A request is served whole though its head comes in pieces, each of which wakes the watch.
#[test]
fn a_head_that_comes_in_pieces_is_one_request() {
    let (host, ..) = watched();
    let mut visitor = host.visit();
    for piece in "GET / HTTP/1.1\r\nHost: h\r\n\r\n".as_bytes().chunks(3) {
        visitor.say(piece);
        // The piece is read before the next one is sent: others are served in between.
        assert_eq!(host.get("/").text(), "hello");
    }
    assert_eq!(visitor.reply().text(), "hello");
    visitor.leave();
    host.stop();
}

#[test]
#[cfg(target_os = "linux")]
fn connections_that_wait_have_no_threads() {
    if !alone("server::watched::connections_that_wait_have_no_threads") {
        return;
    }
    let before = tasks();
    let (host, ..) = watched();
    let mut visitors: Vec<_> = (0..100).map(|_| host.visit()).collect();
    for visitor in &mut visitors {
        assert_eq!(visitor.get("/").text(), "hello");
    }
    // Those that accept, monitor, and hold the watches, and a spare one or two.
    let most = 4 + thread::available_parallelism().map_or(1, usize::from);
    let threads = tasks_since(&before);
    assert!(threads.len() <= most, "{threads:?}");
    host.stop();
}
