//! Closures of calls, and calls that outlive their `Aio` or their client.

use std::thread;
use std::time::{Duration, Instant};

use crossbeam_channel::unbounded;
use http_aio::bytes::Bytes;
use http_aio::http::{Method, Request, Uri};
use http_aio::{Aio, Client, ErrorKind};

use super::redirecting;
use crate::site::*;
use crate::support::*;

#[test]
fn closures_run_on_threads_of_the_library_and_submit_again() {
    fn chain(
        client: Client,
        request: Request<Bytes>,
        left: u32,
        done: crossbeam_channel::Sender<u32>,
    ) {
        let again = (client.clone(), request.clone());
        let aio = client.transact(Aio::new(), request);
        aio.on_complete(move |result, _| {
            assert!(is_ours(&thread_name()), "on {}", thread_name());
            assert_eq!(result.unwrap().body(), "/");
            match left {
                0 => drop(done.send(0)),
                _ => chain(again.0, again.1, left - 1, done),
            }
        });
    }
    let site = Site::serving();
    let client = Client::new();
    let (done, is_done) = unbounded();
    chain(client.clone(), site.get("/"), 200, done);
    assert_eq!(receive(&is_done), 0);
    assert_eq!(site.seen().len(), 201);
    assert_eq!(site.connections(), 1);
    // Also what fails before it began, and what is over already.
    let bad = Request::get("/relative").body(()).unwrap();
    let aio = client.transact(Aio::new(), bad);
    let told = receive(&tell(aio).0);
    assert!(is_ours(&told.thread), "on {}", told.thread);
    let aio = client.transact(Aio::new(), site.get("/"));
    wait_until("it completes", || aio.is_done());
    let told = receive(&tell(aio).0);
    assert!(is_ours(&told.thread), "on {}", told.thread);
}

/// The connection is in the pool by then: whoever gets it knows nothing of the closure.
#[test]
fn a_closure_that_blocks_does_not_hold_up_another_call() {
    let site = Site::serving();
    let client = Client::new();
    for way in WAYS {
        let (let_go, gate) = gate();
        let (told, running) = unbounded();
        client
            .transact(Aio::new(), site.get("/"))
            .on_complete(move |result, _| {
                let _ = told.send(result.is_ok());
                receive(&gate);
            });
        assert!(receive(&running));
        let call = client.transact(Aio::new().timeout(PATIENCE / 15), site.get("/other"));
        let result = way(call);
        let_go.send(()).unwrap();
        assert_eq!(
            result.expect("it does not wait for the closure").body(),
            "/other"
        );
    }
}

#[test]
fn a_closure_that_panics_harms_nobody() {
    let site = Site::serving();
    let client = Client::new();
    for _ in 0..3 {
        let (told, running) = unbounded::<()>();
        client
            .transact(Aio::new(), site.get("/"))
            .on_complete(move |_, _| {
                let _told = told;
                panic!("on purpose");
            });
        assert!(running.recv_timeout(PATIENCE).is_err());
        assert_eq!(fetch(&client, site.get("/")).body(), "/");
    }
}

/// It has a thread of its own. That of a connection's operation has not, and is told so.
#[test]
fn a_closure_of_a_call_may_wait_for_another() {
    let site = Site::serving();
    let client = Client::new();
    let (told, results) = unbounded();
    let uri: Uri = site.url("/").parse().unwrap();
    let wait = |path: &str| {
        let (client, request, uri) = (client.clone(), site.get(path), uri.clone());
        let told = told.clone();
        move || {
            let inner = client.transact(Aio::new(), request);
            let _ = told.send(inner.wait().map(drop));
            let _ = told.send(client.connect(Aio::new(), &uri).wait().map(drop));
        }
    };
    let inner = wait("/of-a-call");
    let outer = client.transact(Aio::new(), site.get("/outer"));
    outer.on_complete(move |_, _| inner());
    receive(&results).unwrap();
    receive(&results).unwrap();

    let (conn, mut peer) = pair(Family::Tcp);
    let inner = wait("/never");
    let outer = conn.transact(Aio::new(), site.get("/outer"));
    // Before it is answered: a closure that comes later has a thread of its own.
    outer.on_complete(move |_, _| inner());
    peer.head();
    peer.say(answer("outer"));
    let result = receive(&results);
    assert_eq!(failure(result), (ErrorKind::WouldDeadlock, 0));
    let _ = receive(&results); // It may be there already.
    site.wait_until_asked(3); // The call goes on, detached.
    assert_eq!(site.asked().pop().as_deref(), Some("GET /never"));
}

#[test]
fn a_call_whose_aio_is_dropped_goes_on() {
    let site = Site::serving();
    let client = Client::new();
    drop(client.transact(Aio::new(), site.get("/dropped")));
    site.wait_until_asked(1);
    fetch(&client, site.get("/"));
    // Reused, and along redirections.
    let site = redirecting(302);
    let client = Client::builder().max_redirects(5).build();
    fetch(&client, site.get("/0"));
    drop(client.transact(Aio::new(), site.get("/5")));
    site.wait_until_asked(7);
    assert!(site.connections() <= 2);
}

#[test]
fn a_call_outlives_its_client() {
    for reused in [false, true] {
        for way in WAYS {
            let site = redirecting(302);
            let client = Client::builder().max_redirects(5).build();
            if reused {
                fetch(&client, site.get("/0"));
            }
            let call = client.transact(Aio::new(), site.get("/5"));
            drop(client);
            assert_eq!(way(call).unwrap().body(), "GET 0");
            site.wait_until_open(0);
        }
    }
    // So does a body.
    let site = Site::serving();
    let response = stream(&Client::new(), site.get("/text"));
    assert_eq!(read_to_end(&response), b"/text");
    drop(response);
    site.wait_until_open(0);
}

/// The same aio again and again, with its timeout.
#[test]
fn an_aio_is_used_again() {
    let site = Site::serving();
    let client = Client::new();
    let mut aio = Aio::new().timeout(PATIENCE);
    for nth in 0..50 {
        let path = format!("/{nth}");
        let (result, back) = settle_and_reclaim(client.transact(aio, site.get(&path)));
        assert_eq!(result.unwrap().body(), path.as_str());
        aio = back;
    }
    assert_eq!(site.connections(), 1);
}

#[test]
fn a_call_tells_how_far_it_is() {
    let (let_go, gate) = gate();
    let site = Site::listen(move |visit| {
        let Some(head) = visit.asked() else { return };
        receive(&gate);
        visit.content(&head);
        visit.say(answer("all"));
    });
    let client = Client::new();
    let call = client.transact(Aio::new(), site.ask(Method::PUT, "/", vec![b'x'; 16 << 20]));
    site.wait_until_asked(1);
    let patience = Instant::now() + PATIENCE / 6;
    while call.count() < 10_000 && Instant::now() < patience {
        thread::sleep(Duration::from_millis(1));
    }
    let count = call.count();
    let_go.send(()).unwrap();
    settle(call).unwrap();
    assert!(count >= 10_000, "after a while it was {count}");
}

/// Hop one is over, hop two takes its time: the first server sees its end.
#[test]
fn a_connection_that_a_call_is_done_with_closes() {
    let slow = Site::listen(|visit| {
        visit.request();
        visit.idle();
    });
    let there = slow.url("/");
    let site = Site::listen(move |visit| {
        while let Some((head, _)) = visit.request() {
            match path(&head) {
                "/first" => drop(visit.say(answer("first"))),
                _ => {
                    let close = format!(
                        "HTTP/1.1 302 Found\r\nLocation: {there}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
                    );
                    visit.say(close);
                    return visit.idle();
                }
            }
        }
    });
    let client = Client::builder().max_redirects(1).build();
    fetch(&client, site.get("/first")); // So that the next is left to a waiter.
    let call = client.transact(Aio::new(), site.get("/"));
    slow.wait_until_asked(1);
    let patience = Instant::now() + PATIENCE / 6;
    while site.open() > 0 && Instant::now() < patience {
        thread::sleep(Duration::from_millis(1));
    }
    let open = site.open();
    call.cancel();
    assert_eq!(failure(settle(call)).0, ErrorKind::Canceled);
    assert_eq!(open, 0);
}
