//! Calls that are canceled, in any phase.

use std::thread;
use std::time::Instant;

use http_aio::http::Method;
use http_aio::{Aio, Client, ErrorKind};

use super::SOON;
use crate::site::*;
use crate::support::*;

/// In each phase, whoever learns of it, at once, and the server sees the end.
#[test]
fn a_cancel_ends_a_call_in_any_phase() {
    const PHASES: [&str; 6] = ["write", "head", "part-of-head", "body", "hop", "slow-hop"];
    for phase in PHASES {
        for reused in [false, true] {
            for way in WAYS {
                let site = Site::listen(move |visit| {
                    while let Some(head) = visit.asked() {
                        match (phase, path(&head)) {
                            (_, "/first") => drop(visit.say(answer("first"))),
                            ("write", _) => {
                                wait_until("the client goes", || {
                                    let (near, far) = visit.ports();
                                    socket(far, near).is_none_or(|s| !s.established)
                                });
                                return;
                            }
                            ("part-of-head", _) => {
                                visit.say("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n");
                                return visit.idle();
                            }
                            ("body", _) => {
                                visit.say("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nsome");
                                return visit.idle();
                            }
                            ("hop" | "slow-hop", "/") => drop(visit.say(moved(307, "/next"))),
                            ("slow-hop", _) => {
                                thread::sleep(SOON / 4);
                                visit.say(moved(307, "/next"));
                            }
                            _ => return visit.idle(),
                        }
                    }
                });
                let client = Client::builder().max_redirects(u32::MAX).build();
                if reused {
                    fetch(&client, site.get("/first"));
                }
                let before = site.seen().len();
                let request = match phase {
                    "write" => site.ask(Method::POST, "/", vec![b'x'; 16 << 20]),
                    _ => site.get("/"),
                };
                let call = client.transact(Aio::new(), request);
                let canceler = call.canceler();
                let waiting = thread::spawn(move || way(call));
                site.wait_until_asked(before + if phase.ends_with("hop") { 2 } else { 1 });
                let start = Instant::now();
                canceler.cancel();
                let (kind, count) = failure(join(waiting));
                assert!(
                    start.elapsed() < PATIENCE / 6,
                    "{phase}: it took {:?}",
                    start.elapsed()
                );
                assert_eq!(kind, ErrorKind::Canceled, "{phase}");
                assert!(phase == "slow-hop" || count > 0, "{phase}");
                site.wait_until_open(0);
            }
        }
    }
}

#[test]
fn a_cancel_or_a_deadline_ends_a_connect() {
    let Some(hole) = BlackHole::open() else {
        return;
    };
    let client = Client::new();
    for way in WAYS {
        let call = client.transact(Aio::new(), hole.get());
        let canceler = call.canceler();
        let waiting = thread::spawn(move || way(call));
        thread::sleep(SOON / 4);
        canceler.cancel();
        assert_eq!(failure(join(waiting)), (ErrorKind::Canceled, 0));
        let call = client.transact(Aio::new().timeout(SOON), hole.get());
        assert_eq!(failure(way(call)), (ErrorKind::TimedOut, 0));
    }
}

/// Submitted and canceled at any moment: one outcome each, and it is true.
#[test]
fn a_cancel_that_races_with_anything_tells_the_truth() {
    let site = Site::listen(|visit| {
        while let Some((head, _)) = visit.request() {
            match path(&head).strip_prefix("/hop") {
                Some(rest) => visit.say(moved(307, rest)),
                None => visit.say(answer("fine")),
            };
        }
    });
    let client = Client::builder().max_redirects(10).build();
    for round in 0..400 {
        let call = client.transact(
            Aio::new(),
            site.ask(Method::POST, &format!("/hop/hop/{round}"), "x"),
        );
        let canceler = call.canceler();
        let (told, _) = tell(call);
        for _ in 0..round * 20 {
            std::hint::spin_loop();
        }
        canceler.cancel();
        match receive(&told).result {
            Ok(response) => assert_eq!(response.body(), "fine"),
            Err(error) => assert_eq!(error.kind(), ErrorKind::Canceled),
        }
        assert!(told.recv_timeout(PATIENCE).is_err(), "told twice");
    }
    let mut asked = site.asked();
    asked.sort();
    let all = asked.len();
    asked.dedup();
    assert_eq!(asked.len(), all, "a POST was sent twice");
}
