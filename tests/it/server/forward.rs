//! Passing requests on to another server, and its answers back.

use std::sync::atomic::{AtomicUsize, Ordering};

use http_aio::http::{HeaderValue, Response, StatusCode};
use http_aio::{Answered, Error, Exchange, any, get, post};

use super::*;

/// A proxy in front of the server at `back`, and what its handler has ended with.
fn proxy(back: SocketAddr, limits: ServerLimits) -> (Host, crossbeam_channel::Receiver<Outcome>) {
    let (give, take) = crossbeam_channel::unbounded();
    let host = Host::with(limits, |server| {
        let pass_on = move |exchange: &mut Exchange| -> Result<Answered, Error> {
            let upstream = Conn::connect(Aio::new(), back).wait()?;
            let mut request = exchange.request().clone();
            let via = HeaderValue::from_static("1.1 front");
            request.headers_mut().append("via", via);
            let aio = Aio::new().timeout(PATIENCE);
            let result = exchange.forward(aio, request, &upstream);
            let _ = give.send(Outcome {
                kind: result.as_ref().err().map(Error::kind),
                has_begun: exchange.has_begun(),
                is_reusable: upstream.is_reusable(),
            });
            result
        };
        server.tree("/", any(pass_on)).unwrap();
    });
    (host, take)
}

#[derive(Debug, PartialEq, Eq)]
struct Outcome {
    kind: Option<ErrorKind>,
    has_begun: bool,
    is_reusable: bool,
}

const PASSED: Outcome = Outcome {
    kind: None,
    has_begun: true,
    is_reusable: true,
};

/// A server that says back what it gets, with the `Via` that came.
fn echo() -> Host {
    Host::with(ServerLimits::default().collect(64 << 20), |server| {
        let echo = |x: &mut Exchange| -> Result<Response<Vec<u8>>, Error> {
            let via = x.headers().get("via").cloned();
            let mut response = Response::new(x.collect()?.to_vec());
            let via = via.unwrap_or(HeaderValue::from_static("none"));
            response.headers_mut().insert("seen-via", via);
            Ok(response)
        };
        server.tree("/", any(echo)).unwrap();
    })
}

/// A server for one connection, which plays this part.
fn actor(part: impl FnOnce(Peer) + Send + 'static) -> (SocketAddr, JoinHandle<()>) {
    let stuck = Stuck::listen();
    let address = stuck.address;
    (address, thread::spawn(move || part(stuck.accepted())))
}

#[test]
fn requests_and_answers_are_passed_on_with_their_bodies() {
    let back = echo();
    let (host, outcomes) = proxy(back.address, ServerLimits::default());
    let mut visitor = host.visit();
    let reply = visitor.get("/a?b");
    assert_eq!((reply.status, reply.text()), (200, ""));
    assert_eq!(reply.field("seen-via"), Some("1.1 front"));
    assert_eq!(receive(&outcomes), PASSED);

    let body = "x".repeat(3 << 20); // More than a piece, in both directions at once.
    let reply = visitor.post("/big", &body);
    assert_eq!((reply.status, reply.text().len()), (200, body.len()));
    assert_eq!(receive(&outcomes), PASSED);

    visitor.say("POST /c HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n");
    visitor.say("3\r\nabc\r\n0\r\n\r\n");
    let reply = visitor.reply();
    assert_eq!((reply.status, reply.text()), (200, "abc"));
    assert!(!reply.closes());
    assert_eq!(receive(&outcomes), PASSED);
    visitor.leave();
    host.stop();
    back.stop();
}

#[test]
fn an_interim_answer_lets_a_client_that_waits_send_its_body() {
    let back = Host::new(|server| {
        let take = |x: &mut Exchange| -> Result<String, Error> {
            Ok(format!("{} bytes", x.collect()?.len()))
        };
        server.route("/", post(take)).unwrap();
    });
    let (host, outcomes) = proxy(back.address, ServerLimits::default());
    let mut visitor = host.visit();
    visitor.say("POST / HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n");
    assert_eq!(visitor.head().status, 100);
    let reply = visitor.say("hello").reply();
    assert_eq!((reply.status, reply.text()), (200, "5 bytes"));
    assert!(!reply.closes());
    assert_eq!(receive(&outcomes), PASSED);
    visitor.leave();
    host.stop();
    back.stop();
}

#[test]
fn an_early_answer_is_passed_on_and_ends_the_upload() {
    let (address, part) = actor(|mut peer| {
        peer.head();
        peer.say("HTTP/1.1 413 Payload Too Large\r\nContent-Length: 2\r\n\r\nno");
        peer.drain();
    });
    let (host, outcomes) = proxy(address, ServerLimits::default());
    let mut visitor = host.visit();
    visitor.say("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1000000\r\n\r\nbegun");
    let reply = visitor.reply();
    assert_eq!((reply.status, reply.text()), (413, "no"));
    assert!(reply.closes());
    let outcome = receive(&outcomes);
    assert_eq!((outcome.kind, outcome.is_reusable), (None, false));
    visitor.ends();
    join(part);
    host.stop();
}

/// The other server answers each piece when it comes, before it has read the next.
#[test]
fn an_answer_that_begins_before_the_body_has_ended_goes_on_beside_it() {
    let (address, part) = actor(|mut peer| {
        peer.head();
        peer.say("HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n");
        for _ in 0..2 {
            let piece = peer.expect(3);
            peer.say(piece);
        }
        peer.drain();
    });
    let (host, outcomes) = proxy(address, ServerLimits::default());
    let mut visitor = host.visit();
    visitor.say("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 6\r\n\r\n");
    let reply = visitor.head();
    assert_eq!(reply.status, 200);
    assert!(reply.closes());
    for piece in ["abc", "def"] {
        assert_eq!(visitor.say(piece).peer.expect(3), piece.as_bytes());
    }
    assert_eq!(receive(&outcomes).kind, None);
    visitor.ends();
    join(part);
    host.stop();
}

#[test]
fn a_server_that_says_nothing_useful_is_a_failure_before_the_answer() {
    for said in ["", "nonsense\r\n\r\n"] {
        let (address, part) = actor(move |mut peer| {
            peer.head();
            peer.say(said);
        });
        let (host, outcomes) = proxy(address, ServerLimits::default());
        let reply = host.get("/");
        assert_eq!(reply.status, 500, "{said:?}"); // The handler has made no 502 of it.
        let outcome = receive(&outcomes);
        assert!(outcome.kind.is_some() && !outcome.has_begun, "{said:?}");
        join(part);
        host.stop();
    }
}

#[test]
fn an_answer_that_is_cut_off_is_cut_off_for_the_client() {
    let (address, part) = actor(|mut peer| {
        peer.head();
        peer.say("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf");
    });
    let (host, outcomes) = proxy(address, ServerLimits::default());
    let mut visitor = host.visit();
    visitor.ask("GET", "/");
    assert_eq!(visitor.head().status, 200);
    assert_eq!(visitor.peer.drain().bytes, b"half");
    let outcome = receive(&outcomes);
    assert!(outcome.kind.is_some() && outcome.has_begun);
    host.told.wait_for("the failure is told", |event| {
        matches!(event, Event::AnswerFailed(..))
    });
    join(part);
    host.stop();
}

#[test]
fn a_client_that_sends_nothing_more_is_given_up() {
    let (address, part) = actor(|mut peer| {
        peer.head();
        peer.drain();
    });
    let grace = Duration::from_millis(200);
    let limits = ServerLimits::default().pace(grace, 1000).stall(grace);
    let (host, outcomes) = proxy(address, limits);
    let mut visitor = host.visit();
    visitor.say("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1000\r\n\r\nbegun");
    let reply = visitor.reply();
    assert_eq!(reply.status, 500);
    assert!(receive(&outcomes).kind.is_some());
    join(part);
    host.stop();
}

#[test]
fn a_client_that_takes_nothing_is_given_up() {
    let (address, part) = actor(|mut peer| {
        peer.head();
        peer.say("HTTP/1.1 200 OK\r\nContent-Length: 67108864\r\n\r\n");
        let piece = vec![b'x'; 1 << 16];
        // Until the proxy ends this connection, too.
        while std::io::Write::write_all(&mut peer, &piece).is_ok() {}
    });
    let grace = Duration::from_millis(200);
    let limits = ServerLimits::default()
        .pace(grace, 100_000_000)
        .stall(grace);
    let (host, outcomes) = proxy(address, limits);
    let mut visitor = host.visit();
    visitor.ask("GET", "/");
    let outcome = receive(&outcomes);
    assert_eq!(outcome.kind, Some(ErrorKind::TimedOut));
    assert!(outcome.has_begun);
    join(part);
    visitor.leave();
    host.stop();
}

#[test]
fn a_server_that_is_slow_to_answer_is_not_the_fault_of_the_client() {
    let grace = Duration::from_millis(100);
    let (address, part) = actor(move |mut peer| {
        peer.head();
        peer.expect(5);
        thread::sleep(4 * grace); // A part of the scenario: a server that takes its time.
        peer.say("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n");
        thread::sleep(4 * grace);
        peer.say("0\r\n\r\n");
        peer.drain();
    });
    let limits = ServerLimits::default().pace(grace, 1000).stall(grace);
    let (host, outcomes) = proxy(address, limits);
    let mut visitor = host.visit();
    let reply = visitor.post("/", "hello");
    assert_eq!((reply.status, reply.text()), (200, "abc"));
    assert_eq!(receive(&outcomes), PASSED);
    visitor.leave();
    join(part);
    host.stop();
}

/// 16 clients through a proxy whose other server is another route of the same one.
#[test]
fn a_server_can_pass_on_to_itself() {
    let served = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&served);
    let host = Host::new(|server| {
        let count = move |_: &mut Exchange| {
            counter.fetch_add(1, Ordering::SeqCst);
            StatusCode::NO_CONTENT
        };
        server.route("/inner", get(count)).unwrap();
    });
    let own = host.address;
    let pass_on = move |exchange: &mut Exchange| -> Result<Answered, Error> {
        let upstream = Conn::connect(Aio::new(), own).wait()?;
        let mut request = exchange.request().clone();
        *request.uri_mut() = "/inner".parse().expect("a path");
        exchange.forward(Aio::new(), request, &upstream)
    };
    host.server.route("/outer", get(pass_on)).unwrap();
    let clients: Vec<_> = (0..16)
        .map(|_| {
            let mut visitor = host.visit();
            thread::spawn(move || assert_eq!(visitor.get("/outer").status, 204))
        })
        .collect();
    clients.into_iter().for_each(join);
    assert_eq!(served.load(Ordering::SeqCst), 16);
    host.stop();
}
