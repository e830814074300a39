//! Handlers that fail, clients that go, observers that panic (cases 302, 303, 306 to 308), and what the
//! observer is told.

use std::panic::panic_any;

use http_aio::http::Response;
use http_aio::{Answered, Client, Error, Exchange, get};

use super::*;

/// A panic that panics again when it is dropped.
struct Twice;

impl Drop for Twice {
    fn drop(&mut self) {
        panic!("and again");
    }
}

fn failing() -> Host {
    Host::new(|server| {
        server.route("/", get(|_| "hello")).unwrap();
        let panics = |x: &mut Exchange| -> &'static str {
            match x.param("how") {
                "text" => panic!("the text"),
                "formatted" => panic!("{} and {}", 1, 2),
                _ => panic_any(Twice),
            }
        };
        server.route("/panic/{how}", get(panics)).unwrap();
        let late = |x: &mut Exchange| -> Result<Answered, Error> {
            let mut writer = x.stream(Response::new(()))?;
            writer.write_all(["some"])?;
            match x.param("how") {
                "text" => panic!("the text"),
                _ => panic_any(Twice),
            }
        };
        server.route("/late/{how}", get(late)).unwrap();
        let error = |_: &mut Exchange| -> Result<&'static str, std::io::Error> {
            Err(std::io::Error::other("no disk"))
        };
        server.route("/error", get(error)).unwrap();
    })
}

#[test]
fn a_panic_before_the_head_is_500_and_the_server_goes_on() {
    let host = failing();
    for (path, text) in [
        ("/panic/text", "the text"),
        ("/panic/formatted", "1 and 2"),
        ("/panic/twice", "the handler panicked"),
        ("/error", "no disk"),
    ] {
        for family in FAMILIES {
            let mut visitor = host.visit_over(family);
            let reply = visitor.get(path);
            assert_eq!((reply.status, reply.closes()), (500, true), "{path}");
            // What went wrong is nobody's business.
            assert_eq!(reply.text(), "500 Internal Server Error\n");
            visitor.ends();
            visitor.leave();
            assert_eq!(host.get("/").text(), "hello");
        }
        let failed = Event::HandlerFailed(path.into(), text.into());
        assert_eq!(host.told.count(|event| *event == failed), 2);
    }
    host.stop();
    assert_eq!(
        host.told
            .count(|event| matches!(event, Event::AnswerFailed(..))),
        0
    );
}

#[test]
fn a_panic_after_the_head_cuts_the_answer_off() {
    let host = failing();
    for path in ["/late/text", "/late/twice"] {
        let mut visitor = host.visit();
        let head = visitor.ask("GET", path).head();
        let rest = visitor.peer.drain();
        assert_eq!(
            (&*rest.bytes, rest.end),
            (&b"4\r\nsome\r\n"[..], End::OfStream)
        );
        let written = head.head.len() as u64 + rest.count();
        let failed = Event::AnswerFailed(path.into(), ErrorKind::Abandoned, written);
        host.told.wait_for("it is told", |event| *event == failed);
        assert_eq!(host.get("/").text(), "hello");
    }
    host.stop();
}

#[test]
fn an_answer_of_another_exchange_is_none() {
    let kept = Mutex::new(None::<Answered>);
    let host = Host::new(|server| {
        let swap = move |x: &mut Exchange| -> Result<Answered, Error> {
            if let Some(answered) = kept.lock().unwrap().take() {
                return Ok(answered);
            }
            let answered = x.stream(Response::new(()))?.finish()?;
            *kept.lock().unwrap() = Some(answered);
            Err(Error::from(std::io::Error::other("kept")))
        };
        server.route("/", get(swap)).unwrap();
    });
    // Its answer was whole, though its handler failed.
    let mut visitor = host.visit();
    let reply = visitor.get("/");
    assert_eq!((reply.status, reply.text()), (200, ""));
    let reply = visitor.get("/");
    assert_eq!((reply.status, reply.closes()), (500, true));
    visitor.ends();
    host.stop();
}

#[test]
fn a_client_that_goes_is_noticed() {
    let (go, goes) = gate();
    let (entered, enters) = gate();
    let (seen, sees) = gate_of();
    let host = Host::new(|server| {
        let look = move |x: &mut Exchange| {
            let before = x.is_disconnected();
            entered.send(()).unwrap();
            receive(&goes);
            wait_until("it is seen", || x.is_disconnected());
            seen.send(before).unwrap();
            vec![b'a'; 1 << 20]
        };
        server.route("/", get(look)).unwrap();
    });
    let mut visitor = host.visit();
    visitor.ask("GET", "/");
    receive(&enters);
    // With a reset.
    let Peer::Tcp(stream) = &visitor.peer else {
        unreachable!()
    };
    socket2::SockRef::from(stream)
        .set_linger(Some(Duration::ZERO))
        .unwrap();
    visitor.leave();
    go.send(()).unwrap();
    assert!(!receive(&sees));
    let failed = host.told.wait_for("it is told", |event| {
        matches!(event, Event::AnswerFailed(..))
    });
    assert_eq!(failed, Event::AnswerFailed("/".into(), ErrorKind::Reset, 0));
    host.stop();
    // The handler did what it could.
    assert_eq!(
        host.told
            .count(|event| matches!(event, Event::HandlerFailed(..))),
        0
    );
}

#[test]
fn a_handler_may_ask_its_own_server() {
    let host = Host::new(|server| {
        server.route("/", get(|_| "hello")).unwrap();
    });
    let url = format!("http://{}/", host.address);
    let ask = move |_: &mut Exchange| -> Result<String, Error> {
        let response = Client::new().get(Aio::new(), &*url).wait()?;
        Ok(String::from_utf8_lossy(response.body()).into_owned())
    };
    host.server.route("/proxy", get(ask)).unwrap();
    let mut visitors: Vec<_> = (0..16).map(|_| host.visit()).collect();
    for visitor in &mut visitors {
        visitor.ask("GET", "/proxy");
    }
    for visitor in &mut visitors {
        assert_eq!(visitor.reply().text(), "hello");
    }
    host.stop();
}

#[test]
fn an_observer_that_panics_harms_nobody() {
    let server = Server::builder().observe(|_| panic!("in the log")).build();
    server.route("/", get(|_| "hello")).unwrap();
    server
        .route("/error", get(|_| Err::<(), _>("it broke")))
        .unwrap();
    let Addr::Ip(address) = server.bind("127.0.0.1:0").unwrap() else {
        unreachable!()
    };
    let mut visitor = Visitor {
        peer: Peer::from(TcpStream::connect(address).unwrap()),
        serving: None,
    };
    for _ in 0..3 {
        assert_eq!(visitor.get("/").text(), "hello");
    }
    assert_eq!(visitor.get("/error").status, 500);
    visitor.ends();
    settle(server.drain(Aio::new().timeout(PATIENCE))).unwrap();
}

#[test]
fn each_event_is_told_once_with_true_values() {
    let host = failing();
    let mut visitor = host.visit();
    let reply = visitor.get("/");
    let first = reply.head.len() + reply.body.len();
    let head = visitor.ask("HEAD", "/?q").reply_to_head().head.len();
    let missing = visitor.get("/none");
    let missing = missing.head.len() + missing.body.len();
    visitor.say("nonsense\r\n\r\n").reply();
    visitor.ends();
    host.told
        .wait_for("it ends", |event| *event == Event::Ended(3));
    host.stop();
    let answered =
        |what: &str, status, written: usize| Event::Answered(what.into(), status, written as u64);
    assert_eq!(
        host.told.all(),
        [
            Event::Accepted,
            answered("GET /", 200, first),
            answered("HEAD /?q", 200, head),
            answered("GET /none", 404, missing),
            Event::Refused(400, ErrorKind::Protocol),
            Event::Ended(3),
            Event::Draining,
        ]
    );
}

#[test]
fn the_time_of_an_answer_is_that_of_its_handler() {
    let (said, says) = crossbeam_channel::unbounded();
    let server = Server::builder()
        .observe(move |event| {
            if let ServerEvent::Answered { after, peer, .. } = event {
                said.send((*after, peer.to_string())).unwrap();
            }
        })
        .build();
    let slow = Duration::from_millis(50);
    let handler = move |_: &mut Exchange| thread::sleep(slow);
    server.route("/", get(handler)).unwrap();
    let Addr::Ip(address) = server.bind("127.0.0.1:0").unwrap() else {
        unreachable!()
    };
    let stream = TcpStream::connect(address).unwrap();
    let us = stream.local_addr().unwrap().to_string();
    let mut visitor = Visitor {
        peer: Peer::from(stream),
        serving: None,
    };
    assert_eq!(visitor.get("/").status, 204);
    let (after, peer) = receive(&says);
    assert!((slow..slow * 100).contains(&after), "{after:?}");
    assert_eq!(peer, us);
    settle(server.drain(Aio::new().timeout(PATIENCE))).unwrap();
}
