//! What a server counts, to the byte, and what it tells of handlers, connections that were given away, and its stop.

use std::sync::atomic::{AtomicUsize, Ordering};

use http_aio::http::Response;
use http_aio::{Answer, Answered, Error, Exchange, ServerStats, any, get};

use super::*;

/// The numbers, once they say this.
#[track_caller]
fn stats_when(server: &Server, fits: impl Fn(&ServerStats) -> bool) -> ServerStats {
    wait_until("it is counted", || fits(&server.stats()));
    server.stats()
}

/// What a server has done, without what it has.
fn done(server: &Server) -> [u64; 9] {
    let stats = server.stats();
    let answers = [
        stats.successes,
        stats.redirections,
        stats.client_errors,
        stats.server_errors,
    ];
    let [a, b, c, d] = answers;
    let (requests, failed) = (stats.requests, stats.failed);
    [
        stats.accepted,
        stats.read,
        stats.written,
        requests,
        failed,
        a,
        b,
        c,
        d,
    ]
}

#[test]
fn everything_is_counted_once_and_to_the_byte() {
    let (give, take) = crossbeam_channel::unbounded();
    let host = Host::new(|server| {
        server.route("/", any(|_| "hello")).unwrap();
        server.redirect("/moved", "/").unwrap();
        server
            .route("/fails", get(|_| Err::<(), _>("it broke")))
            .unwrap();
        let stream = |x: &mut Exchange| -> Result<Answered, Error> {
            let mut writer = x.stream(Response::new(()))?;
            writer.write_all(["in ", "pieces"])?;
            writer.finish()
        };
        server.route("/stream", get(stream)).unwrap();
        let cut = |x: &mut Exchange| -> Result<Answered, Error> {
            let head = Response::builder()
                .header("content-length", "10")
                .body(())
                .unwrap();
            x.stream(head)?.write_all(["short"])?;
            Err(Error::from(std::io::Error::other("it broke")))
        };
        server.route("/cut", get(cut)).unwrap();
        let later = move |x: &mut Exchange| -> Result<Answered, Error> {
            let (responder, answered) = x.respond_later()?;
            give.send(responder).unwrap();
            Ok(answered)
        };
        server.route("/later", get(later)).unwrap();
        let hijack = |x: &mut Exchange| -> Result<Answered, Error> { Ok(x.hijack()?.1) };
        server.route("/hijack", get(hijack)).unwrap();
    });
    // Threads may be there already.
    assert_eq!(done(&host.server), done(&Server::new()));

    let mut visitor = host.visit();
    let mut said = 0;
    let mut count = |reply: &Reply| said += (reply.head.len() + reply.body.len()) as u64;
    for path in ["/", "/moved", "/none"] {
        count(&visitor.get(path));
    }
    count(&visitor.post("/", "12345"));
    count(&visitor.ask("HEAD", "/").reply_to_head());
    visitor.ask("GET", "/later");
    let responder = receive(&take);
    let stats = stats_when(&host.server, |stats| stats.late == 1);
    assert_eq!(
        (stats.requests, stats.successes, stats.connections),
        (6, 3, 1)
    );
    drop(responder);
    count(&visitor.reply());
    visitor.ends();
    count(&host.get("/fails"));
    let mut visitor = host.visit();
    visitor.ask("GET", "/stream");
    let head = visitor.head().head.len();
    said += (head
        + visitor
            .peer
            .expect("9\r\nin pieces\r\n0\r\n\r\n".len())
            .len()) as u64;
    let mut visitor = host.visit();
    visitor.ask("GET", "/cut");
    said += visitor.peer.drain().bytes.len() as u64;
    let mut visitor = host.visit();
    visitor.say("GET / HTTP/2.0\r\n\r\n");
    said += visitor.peer.drain().bytes.len() as u64;
    let mut visitor = host.visit();
    visitor.ask("GET", "/hijack");
    assert_eq!(visitor.peer.drain().bytes, b"");
    host.stop();

    let stats = host.server.stats();
    assert_eq!(stats.accepted, 6);
    assert_eq!((stats.connections, stats.hijacked, stats.late), (0, 1, 0));
    assert_eq!(stats.requests, 10);
    assert_eq!((stats.successes, stats.redirections), (4, 1));
    assert_eq!((stats.client_errors, stats.server_errors), (1, 2));
    assert_eq!(
        (stats.failed, stats.refused, stats.accept_failures),
        (1, 1, 0)
    );
    assert_eq!((stats.read, stats.written), (5, said));
    let hijacked = Event::Hijacked("/hijack".into());
    assert_eq!(host.told.count(|event| *event == hijacked), 1);
}

#[test]
fn what_is_written_of_a_long_answer_is_counted_meanwhile() {
    const SIZE: usize = 64 << 20;
    let host = Host::new(|server| {
        let long = |_: &mut Exchange| {
            let content = std::io::repeat(b'x');
            Answer::reader(Response::new(()), content.take(SIZE as u64), SIZE as u64)
        };
        server.route("/long", get(long)).unwrap();
    });
    let mut visitor = host.visit();
    let head = visitor.ask("GET", "/long").head().head.len();
    let stats = stats_when(&host.server, |stats| stats.written > 256 << 10);
    assert!(stats.written < SIZE as u64 && stats.successes == 0);
    assert_eq!(visitor.peer.expect(SIZE).len(), SIZE);
    visitor.leave();
    host.stop();
    assert_eq!(host.server.stats().written, (head + SIZE) as u64);
}

#[test]
fn bodies_that_nobody_wants_are_counted_too() {
    let host = Host::new(|server| {
        server.route("/", any(|_| ())).unwrap();
    });
    let server = Server::clone(&host.server);
    let mut visitor = host.visit();
    visitor.post("/", &"x".repeat(1000));
    visitor.goes_on();
    drop(visitor);
    assert_eq!(stats_when(&server, |stats| stats.read > 0).read, 1000);
    host.stop();
}

#[test]
fn a_handler_that_is_slow_is_told_of_while_it_runs() {
    let told = Arc::<Told>::default();
    let theirs = Arc::clone(&told);
    let server = Server::builder()
        .slow_handlers(Duration::from_millis(20))
        .observe(move |event| theirs.0.lock().unwrap().push(event.into()))
        .build();
    let (go, goes) = gate();
    let slow = move |_: &mut Exchange| {
        receive(&goes);
        "done"
    };
    server.route("/slow", get(slow)).unwrap();
    server.route("/quick", get(|_| "done")).unwrap();
    let (near, far) = unix_pair();
    let mut visitor = Visitor {
        peer: Peer::from(far),
        serving: Some(thread::spawn(move || server.serve(Conn::from(near)))),
    };
    visitor.get("/quick");
    visitor.ask("GET", "/slow");
    let event = Event::HandlerSlow("GET /slow".into());
    told.wait_for("it is slow", |told| *told == event);
    assert!(visitor.is_quiet());
    go.send(()).unwrap();
    assert_eq!(visitor.reply().text(), "done");
    visitor.leave();
    assert_eq!(
        told.count(|event| matches!(event, Event::HandlerSlow(_))),
        1
    );
}

#[test]
fn a_stop_is_told_once_for_each_of_its_phases() {
    for drops in [false, true] {
        let host = Host::new(|_| {});
        let Host { server, told, .. } = host;
        if drops {
            drop(server);
            told.wait_for("it drains", |event| *event == Event::Draining);
            assert_eq!(told.count(|event| *event == Event::Closed), 0);
            continue;
        }
        for _ in 0..2 {
            settle(server.drain(Aio::new())).unwrap();
        }
        assert_eq!(told.all(), [Event::Draining]);
        server.close();
        server.close();
        assert_eq!(told.all(), [Event::Draining, Event::Closed]);
        settle(server.drain(Aio::new())).unwrap();
        drop(server);
        assert_eq!(told.all(), [Event::Draining, Event::Closed]);
    }
}

/// What the event is for: those who have hijacked connections say goodbye.
#[test]
fn whoever_has_a_hijacked_connection_can_say_goodbye_when_the_server_stops() {
    let conns = Arc::new(Mutex::new(Vec::<Conn>::new()));
    let (theirs, keeper) = (Arc::clone(&conns), Arc::clone(&conns));
    let told = Arc::new(AtomicUsize::new(0));
    let tells = Arc::clone(&told);
    let server = Server::builder()
        .observe(move |event| {
            if let ServerEvent::Draining { .. } = event {
                tells.fetch_add(1, Ordering::SeqCst);
                for conn in theirs.lock().unwrap().drain(..) {
                    drop(conn.write_all(Aio::new().bytes("goodbye")));
                }
            }
        })
        .build();
    let keep = move |x: &mut Exchange| -> Result<Answered, Error> {
        let (conn, answered) = x.hijack()?;
        keeper.lock().unwrap().push(conn);
        Ok(answered)
    };
    server.route("/", get(keep)).unwrap();
    let address = server.bind("127.0.0.1:0").unwrap().ip().unwrap();
    let mut peer = Peer::from(TcpStream::connect(address).unwrap());
    peer.say("GET / HTTP/1.1\r\nHost: h\r\n\r\n");
    wait_until("it is kept", || !conns.lock().unwrap().is_empty());
    settle(server.drain(Aio::new().timeout(PATIENCE))).unwrap();
    assert_eq!(peer.drain().bytes, b"goodbye");
    assert_eq!(told.load(Ordering::SeqCst), 1);
}
