//! Connects of a client, and its timeouts.

use std::io::Write;
use std::net::{SocketAddr, TcpListener};
use std::thread;
use std::time::Instant;

use http_aio::http::{Method, Request, Uri};
use http_aio::{Aio, Client, ErrorKind};

use super::SOON;
use crate::site::*;
use crate::support::*;

/// `nng-contract.md` B6, 118: connect B timing out does not touch connect A.
#[test]
fn case_118_one_connect_of_a_client_has_nothing_to_do_with_another() {
    let Some(hole) = BlackHole::open() else {
        return;
    };
    let site = Site::serving();
    let client = Client::new();
    let nowhere: Uri = format!("http://{}", hole.address).parse().unwrap();
    let somewhere: Uri = site.url("/").parse().unwrap();
    // Those before it neither delay it nor take it with them.
    let timed = client.connect(Aio::new().timeout(SOON), &nowhere);
    let canceled = client.connect(Aio::new(), &nowhere);
    let stuck: Vec<_> = (0..4)
        .map(|_| client.connect(Aio::new(), &nowhere))
        .collect();
    let call = client.transact(Aio::new(), hole.get());
    let conn = settle(client.connect(Aio::new(), &somewhere)).unwrap();
    assert_eq!(fetch(&client, site.get("/")).body(), "/");
    canceled.cancel();
    assert_eq!(failure(settle(canceled)), (ErrorKind::Canceled, 0));
    assert_eq!(failure(settle(timed)), (ErrorKind::TimedOut, 0));
    assert!(stuck.iter().all(|aio| !aio.is_done()) && !call.is_done());
    settle(conn.transact(Aio::new(), site.get("/still"))).unwrap();
    stuck.iter().for_each(Aio::cancel);
    call.cancel();
    for aio in stuck {
        assert_eq!(failure(settle(aio)), (ErrorKind::Canceled, 0));
    }
    assert_eq!(failure(settle(call)), (ErrorKind::Canceled, 0));
}

#[test]
fn all_addresses_of_a_name_are_tried() {
    use std::net::{Ipv6Addr, ToSocketAddrs};
    let addresses: Vec<_> = ("localhost", 0).to_socket_addrs().unwrap().collect();
    let both =
        addresses.iter().any(SocketAddr::is_ipv4) && addresses.iter().any(SocketAddr::is_ipv6);
    let site = Site::serving();
    let client = Client::builder().connect_timeout(PATIENCE / 6).build();
    let at = |port| {
        Request::get(format!("http://localhost:{port}/"))
            .body(())
            .unwrap()
    };
    assert_eq!(fetch(&client, at(site.address.port())).body(), "/");
    match TcpListener::bind((Ipv6Addr::LOCALHOST, 0)) {
        Ok(listener) if both => {
            let port = listener.local_addr().unwrap().port();
            let call = client.transact(Aio::new(), at(port));
            let (mut stream, _) = listener.accept().unwrap();
            stream.write_all(answer("six").as_bytes()).unwrap();
            assert_eq!(settle(call).unwrap().body(), "six");
        }
        _ => println!("skipped: localhost is not both ::1 and 127.0.0.1"),
    }
    // By address.
    let url = format!("http://[::1]:{}/", site.address.port());
    let six = client.transact(Aio::new(), Request::get(url).body(()).unwrap());
    let kinds = [ErrorKind::Refused, ErrorKind::Unreachable];
    assert!(kinds.contains(&failure(settle(six)).0));
}

#[test]
fn a_name_that_does_not_exist() {
    let client = Client::new();
    let request = Request::get("http://nobody.invalid/").body(()).unwrap();
    let aio = Aio::new().timeout(PATIENCE / 2);
    let (kind, count) = failure(settle(client.transact(aio, request)));
    // A resolver without a network may take its time.
    assert!(
        matches!(kind, ErrorKind::Resolve | ErrorKind::TimedOut),
        "{kind:?}"
    );
    assert_eq!(count, 0);
}

#[test]
fn a_connect_has_a_timeout_of_its_own() {
    let Some(hole) = BlackHole::open() else {
        return;
    };
    let client = Client::builder().connect_timeout(SOON).build();
    for way in WAYS {
        let start = Instant::now();
        let result = way(client.transact(Aio::new().timeout(PATIENCE), hole.get()));
        assert_eq!(failure(result), (ErrorKind::TimedOut, 0));
        assert!((SOON..PATIENCE / 3).contains(&start.elapsed()));
    }
    let uri: Uri = format!("http://{}", hole.address).parse().unwrap();
    assert_eq!(
        failure(settle(client.connect(Aio::new(), &uri))).0,
        ErrorKind::TimedOut
    );
    // It is no timeout of anything else.
    let client = Client::builder().connect_timeout(12 * SOON).build();
    let site = Site::listen(|visit| {
        visit.request();
        thread::sleep(14 * SOON);
        visit.say(answer("late"));
    });
    assert_eq!(fetch(&client, site.get("/")).body(), "late");
}

/// What is not asked for is not visible but in the settings: nobody wants to wait for it here.
#[test]
fn a_connect_has_a_timeout_by_default_and_can_have_none() {
    let shown = |client: Client| format!("{client:?}");
    assert!(shown(Client::new()).contains("connect_timeout: Some(30s)"));
    let none = Client::builder().connect_timeout(None).build();
    assert!(shown(none).contains("connect_timeout: None"));
    let some = Client::builder().connect_timeout(SOON).build();
    assert!(shown(some).contains("connect_timeout: Some(40ms)"));
}

#[test]
fn the_head_of_a_response_has_a_timeout_of_its_own() {
    let after = 6 * SOON;
    let client = Client::builder().head_timeout(after).build();
    for interim in [false, true] {
        for way in WAYS {
            let site = Site::listen(move |visit| {
                visit.request();
                visit.say(answer("first"));
                visit.request();
                if interim {
                    // Neither this nor a part of a head is the head.
                    visit.say("HTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 200 OK\r\n");
                }
                visit.idle();
            });
            fetch(&client, site.get("/"));
            let start = Instant::now();
            let request = site.ask(Method::PUT, "/", "text");
            let (kind, count) = failure(way(client.transact(Aio::new(), request)));
            assert!((after..PATIENCE / 3).contains(&start.elapsed()));
            let head = site.heads().pop().unwrap();
            assert_eq!((kind, count), (ErrorKind::TimedOut, head.len() as u64 + 4));
            assert_eq!(site.seen().len(), 2);
            site.wait_until_open(0);
        }
    }
}

/// Neither a long upload nor a long body of the answer counts.
#[test]
fn the_timeout_of_the_head_is_for_the_head_alone() {
    let after = 8 * SOON;
    let client = Client::builder().head_timeout(after).build();
    for way in WAYS.into_iter().take(2) {
        let site = Site::listen(move |visit| {
            while let Some(head) = visit.asked() {
                if length(&head) > 0 {
                    thread::sleep(2 * after);
                }
                visit.content(&head);
                visit.say("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhe");
                thread::sleep(after + SOON);
                visit.say("llo");
            }
        });
        let request = site.ask(Method::POST, "/", vec![b'x'; 16 << 20]);
        let response = way(client.transact(Aio::new(), request)).unwrap();
        assert_eq!(response.body(), "hello");
        let response = way(client.transact(Aio::new(), site.get("/"))).unwrap();
        assert_eq!(response.body(), "hello");
        assert_eq!(site.connections(), 1);
    }
}

/// Each hop in time, all of them not.
#[test]
fn the_deadline_is_over_everything() {
    let client = Client::builder()
        .max_redirects(1000)
        .head_timeout(PATIENCE)
        .connect_timeout(PATIENCE)
        .build();
    for close in [false, true] {
        let site = Site::listen(move |visit| {
            while visit.request().is_some() {
                thread::sleep(SOON / 2);
                visit.say(moved(302, "/on"));
                if close {
                    return;
                }
            }
        });
        for way in WAYS {
            let start = Instant::now();
            let aio = Aio::new().timeout(6 * SOON);
            let (kind, _) = failure(way(client.transact(aio, site.get("/"))));
            assert_eq!(kind, ErrorKind::TimedOut);
            assert!((6 * SOON..PATIENCE / 3).contains(&start.elapsed()));
        }
        assert!(site.seen().len() > 8);
        site.wait_until_open(0);
    }
}
