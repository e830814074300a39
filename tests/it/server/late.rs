//! Answers that come from another thread: whole, in their turn, counted, and never twice; and what becomes of
//! them when the client leaves, the server stops, or nobody answers.

use std::io::Cursor;
use std::net::Shutdown;

use crossbeam_channel::{Receiver, unbounded};
use http_aio::http::{Response, StatusCode};
use http_aio::{Answer, Answered, CancelToken, Error, Exchange, Responder, any};

use super::*;

const ROUNDS: usize = 200;

/// A server whose `/later` leaves its answers to the test.
fn waiting_room() -> (Host, Receiver<Responder>) {
    let (give, take) = unbounded();
    let host = Host::new(|server| {
        let later = move |x: &mut Exchange| -> Result<Answered, Error> {
            let (responder, answered) = x.respond_later()?;
            assert_eq!(
                x.respond_later().unwrap_err().kind(),
                ErrorKind::InvalidInput
            );
            assert_eq!(
                x.stream(Response::new(())).unwrap_err().kind(),
                ErrorKind::InvalidInput
            );
            give.send(responder).unwrap();
            Ok(answered)
        };
        server.route("/later", any(later)).unwrap();
        server.route("/now", any(|_| "now")).unwrap();
    });
    (host, take)
}

/// Ends a connection without a word.
fn reset(visitor: Visitor) {
    let Peer::Tcp(stream) = visitor.peer else {
        panic!("a TCP connection");
    };
    let socket = socket2::Socket::from(stream);
    socket.set_linger(Some(Duration::ZERO)).unwrap();
}

fn respond(
    responder: Responder,
    answer: impl http_aio::IntoAnswer,
) -> Result<u64, (ErrorKind, u64)> {
    match settle(responder.respond(Aio::new(), answer)) {
        Ok(written) => Ok(written.count()),
        Err(error) => Err((error.kind(), error.count())),
    }
}

#[test]
fn an_answer_from_another_thread_is_whole_and_in_its_turn() {
    let (host, take) = waiting_room();
    for family in FAMILIES {
        let mut visitor = host.visit_over(family);
        visitor
            .ask("GET", "/later")
            .ask("GET", "/now")
            .ask("GET", "/later")
            .ask("HEAD", "/later");
        let first = receive(&take);
        assert!(visitor.is_quiet() && !first.is_disconnected());
        let count = respond(first, "late").expect("it is written");
        let reply = visitor.reply();
        assert_eq!((reply.text(), reply.head.len() as u64 + 4), ("late", count));
        assert!(!reply.closes());
        assert_eq!(visitor.reply().text(), "now");
        let second = receive(&take);
        let written = respond(
            second,
            Answer::reader(Response::new(()), Cursor::new("read"), 4),
        );
        let reply = visitor.reply();
        assert_eq!(
            (reply.text(), Ok(reply.head.len() as u64 + 4)),
            ("read", written)
        );
        respond(receive(&take), "head").unwrap();
        assert_eq!(visitor.reply_to_head().field("content-length"), Some("4"));
        visitor.goes_on();
        visitor.leave();
    }
    host.stop();
}

#[test]
fn an_answer_that_comes_before_its_handler_returns_is_not_early() {
    let (ready, is_ready) = gate();
    let (go, goes) = gate();
    let host = Host::new(|server| {
        let early = move |x: &mut Exchange| -> Result<Answered, Error> {
            let (responder, answered) = x.respond_later()?;
            let aio = responder.respond(Aio::new(), "early");
            // It is written when the handler has returned.
            let error = aio.wait().unwrap_err();
            assert_eq!(error.kind(), ErrorKind::WouldDeadlock);
            ready.send(()).unwrap();
            receive(&goes);
            Ok(answered)
        };
        server.route("/", any(early)).unwrap();
    });
    let mut visitor = host.visit();
    visitor.ask("GET", "/");
    receive(&is_ready);
    assert!(visitor.is_quiet());
    go.send(()).unwrap();
    assert_eq!(visitor.reply().text(), "early");
    visitor.goes_on();
    drop(visitor);
    host.stop();
}

#[test]
fn without_an_answer_it_is_500_and_told() {
    let (host, take) = waiting_room();
    let mut visitor = host.visit();
    visitor.ask("GET", "/later");
    let responder = receive(&take);
    let gone = responder.disconnected(Aio::new());
    drop(responder);
    let reply = visitor.reply();
    assert_eq!((reply.status, reply.closes()), (500, true));
    visitor.ends();
    assert_eq!(failure(settle(gone)), (ErrorKind::Closed, 0));
    let text = "the responder was dropped without an answer";
    let failed = Event::HandlerFailed("/later".into(), text.into());
    host.told.wait_for("it is told", |event| *event == failed);
    host.stop();
}

#[test]
fn a_handler_that_fails_takes_the_answer_from_its_responder() {
    let (give, take) = unbounded();
    let host = Host::new(|server| {
        let theirs = give.clone();
        let fails = move |x: &mut Exchange| -> Result<Answered, &'static str> {
            give.send(x.respond_later().map_err(|_| "no responder")?.0)
                .unwrap();
            Err("it went wrong")
        };
        server.route("/fails", any(fails)).unwrap();
        let panics = move |x: &mut Exchange| -> Answered {
            theirs.send(x.respond_later().unwrap().0).unwrap();
            panic!("it went wrong");
        };
        server.route("/panics", any(panics)).unwrap();
    });
    for path in ["/fails", "/panics"] {
        let mut visitor = host.visit();
        assert_eq!(visitor.get(path).status, 500);
        visitor.ends();
        let responder = receive(&take);
        assert!(responder.is_disconnected());
        assert_eq!(respond(responder, "too late"), Err((ErrorKind::Closed, 0)));
        let failed = Event::HandlerFailed(path.into(), "it went wrong".into());
        host.told.wait_for("it is told", |event| *event == failed);
    }
    host.stop();
}

#[test]
fn an_answer_that_was_given_does_not_outlive_the_failure_of_its_handler() {
    let (give, take) = unbounded();
    let (go, goes) = gate();
    let host = Host::new(|server| {
        let fails = move |x: &mut Exchange| -> Result<Answered, &'static str> {
            give.send(x.respond_later().map_err(|_| "no responder")?.0)
                .unwrap();
            receive(&goes);
            Err("it went wrong")
        };
        server.route("/", any(fails)).unwrap();
    });
    let mut visitor = host.visit();
    visitor.ask("GET", "/");
    let answering = receive(&take).respond(Aio::new(), "in vain");
    assert!(!answering.is_done());
    go.send(()).unwrap();
    assert_eq!(visitor.reply().status, 500);
    visitor.ends();
    assert_eq!(failure(settle(answering)), (ErrorKind::Closed, 0));
    host.stop();
}

#[test]
fn what_cannot_be_sent_is_500_and_the_responder_learns_of_it() {
    let (host, take) = waiting_room();
    let answers = [
        Response::builder().status(103).body(()).unwrap(),
        Response::builder()
            .header("content-length", "7")
            .body(())
            .unwrap(),
        Response::builder()
            .header("transfer-encoding", "gzip")
            .body(())
            .unwrap(),
    ];
    for answer in answers {
        let mut visitor = host.visit();
        visitor.ask("GET", "/later");
        let outcome = respond(receive(&take), answer);
        assert_eq!(outcome, Err((ErrorKind::InvalidInput, 0)));
        assert_eq!(visitor.reply().status, 500);
        visitor.ends();
    }
    // What is an answer by itself was given.
    let mut visitor = host.visit();
    visitor.ask("GET", "/later");
    let outcome = respond(receive(&take), Err::<(), _>("no luck"));
    let reply = visitor.reply();
    let count = (reply.head.len() + reply.body.len()) as u64;
    assert_eq!((reply.status, outcome), (500, Ok(count)));
    host.stop();
}

#[test]
fn a_client_that_has_gone_is_noticed_while_nobody_answers() {
    let (host, take) = waiting_room();
    for family in FAMILIES {
        let mut visitor = host.visit_over(family);
        visitor.ask("GET", "/later");
        let responder = receive(&take);
        let (told, _) = tell(responder.disconnected(Aio::new()));
        let gone = responder.disconnected(Aio::new());
        assert!(!gone.is_done() && !responder.is_disconnected());
        // What is behind the request does not hide the end.
        visitor.ask("GET", "/now");
        visitor.leave_it();
        settle(gone).expect("it has gone");
        receive(&told).result.expect("it has gone");
        assert!(responder.is_disconnected());
        settle(responder.disconnected(Aio::new())).expect("it is known");
        if family == Family::Unix {
            // Both directions have ended, so nobody can be answered.
            assert_eq!(respond(responder, "too late"), Err((ErrorKind::Reset, 0)));
        }
    }
    host.stop();
}

impl Visitor {
    /// Hangs up, and leaves whoever serves the connection to itself.
    fn leave_it(self) {
        drop(self.peer);
    }
}

#[test]
fn a_client_that_resets_is_not_waited_for() {
    let (host, take) = waiting_room();
    let mut visitor = host.visit();
    visitor.ask("GET", "/later");
    let responder = receive(&take);
    reset(visitor);
    host.wait_for_connections(0);
    assert!(responder.is_disconnected());
    assert_eq!(respond(responder, "too late"), Err((ErrorKind::Reset, 0)));
    let failed = Event::AnswerFailed("/later".into(), ErrorKind::Reset, 0);
    host.told.wait_for("it is told", |event| *event == failed);
    host.stop();
}

#[test]
fn a_client_that_only_ends_its_requests_is_answered() {
    let (host, take) = waiting_room();
    for family in FAMILIES {
        let mut visitor = host.visit_over(family);
        visitor.ask("GET", "/later");
        let responder = receive(&take);
        visitor.peer.shutdown(Shutdown::Write);
        settle(responder.disconnected(Aio::new())).expect("it says nothing more");
        let count = respond(responder, "late").expect("it listens");
        let reply = visitor.reply();
        assert_eq!((reply.text(), reply.head.len() as u64 + 4), ("late", count));
        visitor.ends();
        visitor.leave();
    }
    host.stop();
}

#[test]
fn a_server_that_closes_ends_the_wait_and_one_that_drains_does_not() {
    let (host, take) = waiting_room();
    let mut visitor = host.visit();
    visitor.ask("GET", "/later").ask("GET", "/now");
    let responder = receive(&take);
    let draining = host.server.drain(Aio::new());
    let draining = draining
        .wait_timeout(Duration::from_millis(50))
        .expect_err("one is left");
    respond(responder, "late").unwrap();
    let reply = visitor.reply();
    assert_eq!((reply.text(), reply.closes()), ("late", true));
    visitor.ends();
    settle(draining).unwrap();

    let (host, take) = waiting_room();
    let mut visitor = host.visit();
    visitor.ask("GET", "/later");
    let responder = receive(&take);
    let gone = responder.disconnected(Aio::new());
    host.server.close();
    settle(host.server.join(Aio::new())).expect("nobody is waited for");
    visitor.ends();
    assert_eq!(failure(settle(gone)), (ErrorKind::Closed, 0));
    assert!(responder.is_disconnected());
    assert_eq!(respond(responder, "too late"), Err((ErrorKind::Closed, 0)));
}

#[test]
fn an_answer_that_is_given_up_before_it_begins_is_500() {
    let (give, take) = unbounded();
    let (go, goes) = unbounded();
    let host = Host::new(|server| {
        let later = move |x: &mut Exchange| -> Result<Answered, Error> {
            let (responder, answered) = x.respond_later()?;
            give.send(responder).unwrap();
            receive(&goes);
            Ok(answered)
        };
        server.route("/", any(later)).unwrap();
    });
    let token = CancelToken::new();
    for (how, kind) in [
        ("canceled", ErrorKind::Canceled),
        ("by a token", ErrorKind::Canceled),
        ("expired", ErrorKind::TimedOut),
        ("late", ErrorKind::TimedOut),
    ] {
        let mut visitor = host.visit();
        visitor.ask("GET", "/");
        let aio = match how {
            "expired" => Aio::new().timeout(Duration::from_millis(20)),
            "late" => Aio::new().timeout(Duration::ZERO),
            "by a token" => Aio::new().cancel_token(&token),
            _ => Aio::new(),
        };
        let answering = receive(&take).respond(aio, "never");
        match how {
            "canceled" => answering.cancel(),
            "by a token" => token.cancel(),
            _ => {}
        }
        assert_eq!(failure(settle(answering)), (kind, 0), "{how}");
        go.send(()).unwrap();
        assert_eq!(visitor.reply().status, 500, "{how}");
        visitor.ends();
    }
    host.stop();
}

#[test]
fn an_answer_that_is_canceled_in_the_middle_is_cut_and_counted() {
    let (host, take) = waiting_room();
    let large = vec![b'x'; 64 << 20];
    let whole = Response::new(large.clone());
    let read = Answer::reader(Response::new(()), Cursor::new(large), None);
    for answer in [http_aio::IntoAnswer::into_answer(whole), read] {
        let mut visitor = host.visit();
        visitor.ask("GET", "/later");
        let answering = receive(&take).respond(Aio::new(), answer);
        let head = visitor.peer.expect(100).len() as u64;
        answering.cancel();
        let (kind, count) = failure(settle(answering));
        assert_eq!(kind, ErrorKind::Canceled);
        let rest = visitor.peer.drain();
        assert_eq!(rest.bytes.len() as u64 + head, count);
    }
    host.stop();
}

#[test]
fn a_detached_answer_is_written() {
    let (host, take) = waiting_room();
    let mut visitor = host.visit();
    visitor.ask("GET", "/later");
    drop(receive(&take).respond(Aio::new(), (StatusCode::CREATED, "made")));
    let reply = visitor.reply();
    assert_eq!((reply.status, reply.text()), (201, "made"));
    drop(visitor);
    host.stop();
}

/// What the client has got is the whole answer or, if that is not said, exactly what was counted.
#[track_caller]
fn check(outcome: Result<u64, (ErrorKind, u64)>, received: &[u8], may: &[ErrorKind]) {
    match outcome {
        Ok(count) => {
            assert_eq!(count, received.len() as u64);
            assert!(received.ends_with(b"\r\n\r\nlate"));
        }
        Err((kind, count)) => {
            assert!(may.contains(&kind), "{kind:?}");
            // A 500 is no part of the answer.
            let is_told = count == 0 && received.starts_with(b"HTTP/1.1 500 ");
            assert!(is_told || count == received.len() as u64, "{count}");
        }
    }
}

#[test]
fn answering_races_with_canceling() {
    let (host, take) = waiting_room();
    for round in 0..ROUNDS {
        let mut visitor = host.visit();
        visitor.ask("GET", "/later");
        let answering = receive(&take).respond(Aio::new(), "late");
        let canceler = answering.canceler();
        let racing = thread::spawn(move || {
            (0..round % 20 * 50).for_each(|_| std::hint::spin_loop());
            canceler.cancel();
        });
        let outcome = match settle(answering) {
            Ok(written) => Ok(written.count()),
            Err(error) => Err((error.kind(), error.count())),
        };
        join(racing);
        visitor.peer.shutdown(Shutdown::Write);
        check(outcome, &visitor.peer.drain().bytes, &[ErrorKind::Canceled]);
    }
    host.stop();
}

#[test]
fn answering_races_with_closing() {
    for round in 0..ROUNDS {
        let (host, take) = waiting_room();
        let mut visitor = host.visit();
        visitor.ask("GET", "/later");
        let responder = receive(&take);
        let server = host.server.clone();
        let racing = thread::spawn(move || {
            (0..round % 20 * 50).for_each(|_| std::hint::spin_loop());
            server.close();
        });
        let outcome = respond(responder, "late");
        join(racing);
        check(outcome, &visitor.peer.drain().bytes, &[ErrorKind::Closed]);
        settle(host.server.join(Aio::new())).unwrap();
    }
}

#[test]
fn answering_and_dropping_race_with_the_client() {
    let (host, take) = waiting_room();
    for round in 0..ROUNDS {
        let mut visitor = host.visit();
        visitor.ask("GET", "/later");
        let responder = receive(&take);
        let gone = responder.disconnected(Aio::new());
        let racing = thread::spawn(move || {
            (0..round % 20 * 50).for_each(|_| std::hint::spin_loop());
            reset(visitor);
        });
        if round % 2 == 0 {
            if let Err((kind, count)) = respond(responder, "late") {
                assert_eq!((kind, count), (ErrorKind::Reset, 0));
            }
        } else {
            drop(responder);
        }
        join(racing);
        if let Err(error) = settle(gone) {
            assert_eq!(error.kind(), ErrorKind::Closed);
        }
    }
    host.wait_for_connections(0);
    host.stop();
}

/// A transport that cannot wait for a departure looks for it.
#[cfg(feature = "test-util")]
#[test]
fn over_a_transport_of_ones_own() {
    use http_aio::testing::memory::{self, Faults};
    use http_aio::transport::{Transport, Wait};
    use std::io::IoSlice;

    let (host, take) = waiting_room();
    let request = b"GET /later HTTP/1.1\r\nHost: h\r\n\r\n";
    for leaves in [false, true] {
        let (near, far) = memory::pair(64 << 10, Faults::none());
        let server = host.server.clone();
        let serving = thread::spawn(move || server.serve(Conn::from_transport(near)));
        far.write(&[IoSlice::new(request)], Wait::Never).unwrap();
        let responder = receive(&take);
        let gone = responder.disconnected(Aio::new());
        if leaves {
            drop(far);
            settle(gone).expect("it has gone");
            assert_eq!(respond(responder, "late"), Err((ErrorKind::Reset, 0)));
        } else {
            let count = respond(responder, "late").unwrap();
            assert_eq!(failure(settle(gone)), (ErrorKind::Closed, 0));
            let mut buffer = [0; 1000];
            let received = far.read(&mut buffer, Wait::Forever).unwrap();
            assert_eq!(received as u64, count);
            drop(far);
        }
        join(serving);
    }
    host.stop();
}
