//! Slow peers (cases 275 to 281), with the times scaled down.

use std::io::Write;

use http_aio::http::Response;
use http_aio::{Answered, Error, Exchange, GivenUp, get, post};

use super::*;

const BOUND: Duration = Duration::from_millis(200);
/// What comes this late is late for another reason than a machine that is busy.
const LATE: Duration = Duration::from_secs(10);

fn collecting(limits: ServerLimits) -> Host {
    Host::with(limits, |server| {
        server.route("/", get(|_| "hello")).unwrap();
        let collect = |x: &mut Exchange| x.collect();
        server.route("/collect", post(collect)).unwrap();
        let late = |x: &mut Exchange| {
            thread::sleep(3 * BOUND);
            x.collect()
        };
        server.route("/late", post(late)).unwrap();
    })
}

fn upload(path: &str, length: usize) -> String {
    format!("POST {path} HTTP/1.1\r\nHost: h\r\nContent-Length: {length}\r\n\r\n")
}

#[test]
fn a_silent_connection_ends_without_a_word() {
    let host = collecting(ServerLimits::default().silence(BOUND).head(LATE));
    for family in FAMILIES {
        let start = Instant::now();
        let mut visitor = host.visit_over(family);
        // Others are served meanwhile.
        assert_eq!(host.get("/").text(), "hello");
        let after = visitor.ends_after(start);
        assert!((BOUND..LATE).contains(&after), "{after:?}");
        visitor.leave();
    }
    host.stop();
    assert_eq!(
        host.told.count(|event| matches!(event, Event::Refused(..))),
        0
    );
}

#[test]
fn an_idle_connection_ends_without_a_word() {
    let host = collecting(ServerLimits::default().idle(BOUND).silence(LATE));
    for family in FAMILIES {
        let mut visitor = host.visit_over(family);
        let start = Instant::now();
        assert_eq!(visitor.get("/").text(), "hello");
        let after = visitor.ends_after(start);
        assert!((BOUND..LATE).contains(&after), "{after:?}");
        visitor.leave();
    }
    host.stop();
}

#[test]
fn a_head_that_drips_is_408_at_its_bound() {
    let limits = ServerLimits::default()
        .head(2 * BOUND)
        .silence(LATE)
        .idle(LATE);
    let host = collecting(limits);
    for family in FAMILIES {
        let mut visitor = host.visit_over(family);
        for is_second in [false, true] {
            if is_second {
                visitor = host.visit_over(family);
                visitor.get("/");
            }
            let start = Instant::now();
            for byte in "GET / HTTP/1.1\r\nHost: hhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhh".bytes() {
                let _ = visitor.peer.write_all(&[byte]);
                thread::sleep(Duration::from_millis(10));
            }
            let reply = visitor.reply();
            assert_eq!((reply.status, reply.closes()), (408, true));
            let after = visitor.ends_after(start);
            assert!((2 * BOUND..LATE).contains(&after), "{after:?}");
        }
    }
    let refused = Event::Refused(408, ErrorKind::TimedOut);
    assert_eq!(host.told.count(|event| *event == refused), 4);
}

#[test]
fn a_body_that_drips_is_408_and_one_that_keeps_the_pace_is_not() {
    let limits = ServerLimits::default().pace(BOUND, 500).stall(LATE);
    let host = collecting(limits);
    for family in FAMILIES {
        let mut visitor = host.visit_over(family);
        visitor.say(upload("/collect", 1000)).say("a");
        let start = Instant::now();
        let reply = visitor.reply();
        assert_eq!((reply.status, reply.closes()), (408, true));
        let after = visitor.ends_after(start);
        assert!((BOUND..LATE).contains(&after), "{after:?}");
        visitor.leave();

        let mut visitor = host.visit_over(family);
        visitor.say(upload("/collect", 1500));
        // 10 times the grace, at more than the rate.
        for _ in 0..50 {
            visitor.say([b'a'; 30]);
            thread::sleep(BOUND / 5);
        }
        let reply = visitor.reply();
        assert_eq!((reply.status, reply.body.len()), (200, 1500));
        visitor.leave();
    }
    host.stop();
}

#[test]
fn a_credit_does_not_excuse_a_stall() {
    let limits = ServerLimits::default().pace(LATE, 1).stall(BOUND);
    let host = collecting(limits);
    let mut visitor = host.visit();
    visitor
        .say(upload("/collect", 1 << 20))
        .say(vec![b'a'; 100_000]);
    let start = Instant::now();
    assert_eq!(visitor.reply().status, 408);
    let after = visitor.ends_after(start);
    assert!((BOUND / 2..LATE).contains(&after), "{after:?}");
    host.stop();
}

#[test]
fn a_handler_that_is_slow_is_not_blamed_on_the_client() {
    let limits = ServerLimits::default()
        .pace(BOUND, 500)
        .stall(BOUND)
        .idle(LATE);
    let host = collecting(limits);
    let mut visitor = host.visit();
    let reply = visitor.post("/late", "here already");
    assert_eq!((reply.status, reply.text()), (200, "here already"));
    host.stop();
}

/// Writes a lot, and tells how that ended.
fn pouring(limits: ServerLimits) -> (Host, crossbeam_channel::Receiver<(ErrorKind, u64)>) {
    let (ended, ends) = crossbeam_channel::unbounded();
    let host = Host::with(limits, |server| {
        let pour = move |x: &mut Exchange| -> Result<Answered, Error> {
            let head = Response::builder()
                .header("content-length", 64 << 20)
                .body(());
            let mut writer = x.stream(head.unwrap())?;
            let result = writer.write_all([vec![b'a'; 64 << 20]]);
            ended.send(failure(result)).unwrap();
            writer.finish()
        };
        server.route("/", get(pour)).unwrap();
    });
    (host, ends)
}

#[test]
fn a_client_that_does_not_read_is_given_up_with_an_exact_count() {
    let limits = ServerLimits::default().pace(BOUND, 1 << 30).stall(BOUND);
    let (host, ends) = pouring(limits);
    for family in FAMILIES {
        let mut visitor = host.visit_over(family);
        visitor.ask("GET", "/");
        let (kind, count) = receive(&ends);
        assert_eq!(kind, ErrorKind::TimedOut);
        assert!(count > 0);
        let head = visitor.head();
        let rest = visitor.peer.drain();
        assert_eq!((rest.count(), rest.end), (count, End::OfStream));
        visitor.leave();
        let written = head.head.len() as u64 + count;
        let failed = Event::AnswerFailed("/".into(), ErrorKind::Abandoned, written);
        host.told.wait_for("it is told", |event| *event == failed);
        let answered = Event::Answered("GET /".into(), 200, written);
        host.told.wait_for("it is told", |event| *event == answered);
    }
    host.stop();
}

/// Whether the connection is over in both directions.
fn is_reset(peer: &Peer) -> bool {
    use rustix::event::{PollFd, PollFlags, Timespec, poll};
    let Peer::Tcp(stream) = peer else {
        panic!("no socket of TCP");
    };
    let mut polled = [PollFd::new(stream, PollFlags::empty())];
    poll(&mut polled, Some(&Timespec::default())).expect("a socket");
    polled[0].revents().contains(PollFlags::HUP)
}

#[test]
fn what_a_client_does_not_take_can_be_thrown_away() {
    let limits = ServerLimits::default().pace(BOUND, 1 << 30).stall(BOUND);
    for given_up in [GivenUp::Deliver, GivenUp::Reset] {
        let host = Host::with(limits.given_up(given_up), |server| {
            server.route("/", get(|_| vec![b'a'; 64 << 20])).unwrap();
        });
        let mut visitor = host.visit();
        visitor.ask("GET", "/");
        let failed = host.told.wait_for("it is given up", |event| {
            matches!(event, Event::AnswerFailed(..))
        });
        let Event::AnswerFailed(_, ErrorKind::TimedOut, count) = failed else {
            panic!("{failed:?}");
        };
        if given_up == GivenUp::Reset {
            wait_until("it is reset", || is_reset(&visitor.peer));
        }
        let drained = visitor.peer.drain();
        match given_up {
            GivenUp::Reset => {
                assert_eq!(drained.end, End::Reset);
                assert!(drained.count() < count, "{} of {count}", drained.count());
            }
            _ => assert_eq!((drained.count(), drained.end), (count, End::OfStream)),
        }
        host.stop();
    }
}

#[test]
fn a_client_that_reads_slowly_keeps_its_answer() {
    const LENGTH: usize = 3 << 20;
    let limits = ServerLimits::default().pace(BOUND, 1 << 20).stall(LATE);
    let host = Host::with(limits, |server| {
        server.route("/", get(|_| vec![b'a'; LENGTH])).unwrap();
    });
    let mut visitor = host.visit_over(Family::Unix);
    visitor.ask("GET", "/").head();
    // More than the rate, for 10 times the grace.
    let mut got = 0;
    while got < LENGTH {
        got += visitor.peer.expect((64 << 10).min(LENGTH - got)).len();
        thread::sleep(BOUND / 5);
    }
    visitor.leave();
    host.stop();
    assert_eq!(
        host.told
            .count(|event| matches!(event, Event::AnswerFailed(..))),
        0
    );
}

#[test]
fn a_stream_of_events_may_be_quiet() {
    let limits = ServerLimits::default()
        .pace(BOUND / 4, 500)
        .stall(BOUND / 4)
        .idle(BOUND / 4)
        .head(BOUND / 4);
    let (ended, ends) = gate_of();
    let host = Host::with(limits, |server| {
        let events = move |x: &mut Exchange| -> Result<Answered, Error> {
            let mut writer = x.stream(Response::new(()))?;
            for number in 0.. {
                let result = writer.write_all([format!("data: {number}\n\n")]);
                if let Err(error) = result {
                    let _ = ended.send(error.kind());
                    return Err(error);
                }
                thread::sleep(BOUND);
            }
            writer.finish()
        };
        server.route("/", get(events)).unwrap();
    });
    let mut visitor = host.visit();
    visitor.ask("GET", "/").head();
    for number in 0..4 {
        assert_eq!(visitor.line(), "9");
        assert_eq!(
            visitor.peer.expect(11),
            format!("data: {number}\n\n\r\n").into_bytes()
        );
    }
    visitor.leave();
    assert_eq!(receive(&ends), ErrorKind::Reset);
    host.stop();
}

#[test]
fn bounds_can_be_set_for_one_exchange() {
    let limits = ServerLimits::default()
        .pace(LATE, 500)
        .stall(LATE)
        .collect(10);
    let host = Host::with(limits, |server| {
        let own = move |x: &mut Exchange| {
            x.set_limits(limits.pace(BOUND, 500).stall(BOUND).collect(1000));
            x.collect()
        };
        server.route("/own", post(own)).unwrap();
        server
            .route("/usual", post(|x: &mut Exchange| x.collect()))
            .unwrap();
    });
    let mut visitor = host.visit();
    assert_eq!(visitor.post("/own", &"a".repeat(100)).status, 200);
    assert_eq!(visitor.post("/usual", &"a".repeat(100)).status, 413);
    visitor.say(upload("/own", 100));
    assert_eq!(visitor.reply().status, 408);
    visitor.ends();
    host.stop();
}

#[test]
fn blank_lines_do_not_begin_a_head() {
    let host = collecting(ServerLimits::default().idle(BOUND).head(LATE).silence(LATE));
    let mut visitor = host.visit();
    let start = Instant::now();
    assert_eq!(visitor.get("/").text(), "hello");
    visitor.say("\r\n\r\n");
    let after = visitor.ends_after(start);
    assert!((BOUND..LATE).contains(&after), "{after:?}");
    host.stop();
}
