//! Connections that are kept and used again, how many and how long.

use std::io::Read;
use std::thread;
use std::time::{Duration, Instant};

use crossbeam_channel::unbounded;
use http_aio::http::{HeaderValue, Method, Request, StatusCode, Uri, Version};
use http_aio::{Aio, Client, Limits, Written};

use super::keep;
use crate::site::*;
use crate::support::*;

#[test]
fn an_idle_connection_is_used_again_whoever_learns_how() {
    let site = Site::serving();
    let client = Client::new();
    for path in [
        "/a",
        "/chunked",
        "/empty",
        "/same",
        "/interim",
        "/1.0-kept",
        "/echo",
    ] {
        for way in WAYS {
            let response = way(client.transact(Aio::new(), site.get(path)));
            assert!(response.is_ok(), "{path}: {response:?}");
        }
    }
    let head = fetch(&client, site.ask(Method::HEAD, "/a", ""));
    assert_eq!(
        (&head.headers()["x"], head.body().len()),
        (&HeaderValue::from_static("/a"), 0)
    );
    let large = pattern(0, 1 << 20);
    let length = fetch(&client, site.ask(Method::POST, "/large", large))
        .extensions()
        .get::<Written>()
        .unwrap()
        .count();
    assert!(length > 1 << 20);
    assert_eq!(
        fetch(&client, site.ask(Method::POST, "/echo", "text")).body(),
        "text"
    );
    assert_eq!(site.connections(), 1);
    assert_eq!(site.open(), 1);
    drop(client);
    site.wait_until_open(0);
}

#[test]
fn clones_share_their_connections_and_others_do_not() {
    let site = Site::serving();
    let (one, other) = (Client::new(), Client::new());
    let clone = one.clone();
    fetch(&one, site.get("/"));
    fetch(&clone, site.get("/"));
    drop(clone);
    fetch(&one, site.get("/"));
    assert_eq!(site.connections(), 1);
    fetch(&other, site.get("/"));
    assert_eq!(site.connections(), 2);
}

#[test]
fn a_connection_is_used_for_its_authority_only() {
    let (one, other) = (Site::serving(), Site::serving());
    let client = Client::new();
    for _ in 0..3 {
        fetch(&client, one.get("/"));
        fetch(&client, other.get("/"));
        for host in ["localhost", "LOCALHOST", "user:secret@localhost"] {
            let url = format!("http://{host}:{}/", one.address.port());
            fetch(&client, Request::get(url).body(()).unwrap());
        }
    }
    assert_eq!((one.connections(), other.connections()), (2, 1));
    assert!(one.heads().iter().all(|head| !head.contains("secret")));
}

#[test]
fn the_connection_that_was_used_last_comes_first() {
    let site = Site::serving();
    let client = Client::new();
    keep(&client, &site, 3);
    let (first, second) = (
        stream(&client, site.get("/1")),
        stream(&client, site.get("/2")),
    );
    read_to_end(&second);
    drop(second);
    read_to_end(&first);
    drop(first);
    fetch(&client, site.get("/3"));
    let order: Vec<_> = site.seen()[3..]
        .iter()
        .map(|seen| seen.connection)
        .collect();
    assert_eq!(order, [2, 1, 2]);
}

#[test]
fn so_many_are_kept_for_each_authority() {
    let (site, other) = (Site::serving(), Site::serving());
    let client = Client::builder().idle_per_authority(2).build();
    keep(&client, &other, 2);
    keep(&client, &site, 5);
    site.wait_until_open(2);
    assert_eq!(other.open(), 2);
    // Those that came last.
    keep(&client, &site, 2);
    assert_eq!(site.connections(), 5);
    let last: Vec<_> = site.seen()[5..]
        .iter()
        .map(|seen| seen.connection)
        .collect();
    assert_eq!(last, [4, 3]);
}

#[test]
fn so_many_are_kept_in_all() {
    let sites: Vec<_> = (0..4).map(|_| Site::serving()).collect();
    let client = Client::builder().idle_total(3).build();
    for site in &sites {
        fetch(&client, site.get("/"));
    }
    sites[0].wait_until_open(0); // The oldest.
    assert!(sites[1..].iter().all(|site| site.open() == 1));
    fetch(&client, sites[1].get("/")); // The youngest now.
    fetch(&client, sites[0].get("/"));
    sites[2].wait_until_open(0);
    assert_eq!((sites[1].open(), sites[3].open()), (1, 1));
}

#[test]
fn one_too_many_costs_one() {
    let (site, other) = (Site::serving(), Site::serving());
    let client = Client::builder()
        .idle_per_authority(2)
        .idle_total(3)
        .build();
    fetch(&client, other.get("/"));
    keep(&client, &site, 3);
    site.wait_until_open(2);
    fetch(&client, other.get("/"));
    assert_eq!(
        other.connections(),
        1,
        "another authority's was thrown away for nothing"
    );
}

#[test]
fn none_are_kept_where_none_are_wanted() {
    let builders = [
        Client::builder().idle_per_authority(0),
        Client::builder().idle_total(0),
    ];
    for builder in builders {
        let site = Site::serving();
        let client = builder.build();
        fetch(&client, site.get("/"));
        site.wait_until_open(0);
        fetch(&client, site.get("/"));
        assert_eq!(site.connections(), 2);
    }
}

#[test]
fn an_idle_connection_is_closed_when_it_is_old() {
    let site = Site::serving();
    let age = Duration::from_millis(300);
    let client = Client::builder().idle_timeout(age).build();
    let start = Instant::now();
    keep(&client, &site, 3);
    site.wait_until_open(0); // Nobody asks for it: the timer does it.
    assert!(start.elapsed() >= age);
    // And again, with ages of their own.
    fetch(&client, site.get("/"));
    let held = stream(&client, site.get("/"));
    thread::sleep(age / 2);
    let start = Instant::now();
    read_to_end(&held);
    drop(held);
    site.wait_until_open(0);
    assert!(start.elapsed() >= age);
    // One that ages for ever, and one that is old at once.
    let client = Client::builder().idle_timeout(Duration::MAX).build();
    fetch(&client, site.get("/"));
    fetch(&client, site.get("/"));
    assert_eq!(site.open(), 1);
    let client = Client::builder().idle_timeout(Duration::ZERO).build();
    fetch(&client, site.get("/"));
    fetch(&client, site.get("/"));
    site.wait_until_open(1);
}

#[test]
fn a_connection_that_is_over_is_not_kept() {
    let site = Site::serving();
    let client = Client::new();
    let mut connections = 0;
    for path in ["/close", "/1.0", "/until-end"] {
        fetch(&client, site.get(path));
        site.wait_until_open(0);
        connections += 1;
        assert_eq!(site.connections(), connections, "{path}");
    }
    // Also if it is the request that says so (hyper#4110).
    let mut request = site.get("/");
    request
        .headers_mut()
        .insert("connection", "close".parse().unwrap());
    fetch(&client, request);
    site.wait_until_open(0);
    let mut request = site.get("/");
    *request.version_mut() = Version::HTTP_10;
    fetch(&client, request);
    site.wait_until_open(0);
}

#[test]
fn a_connection_with_an_early_answer_is_not_kept() {
    let site = Site::listen(|visit| {
        while let Some(head) = visit.asked() {
            if head.starts_with("GET") {
                visit.say(answer("fine"));
            } else {
                visit.say("HTTP/1.1 413 Too Large\r\nContent-Length: 2\r\n\r\nno");
                return visit.idle();
            }
        }
    });
    let client = Client::new();
    fetch(&client, site.get("/"));
    let response = fetch(&client, site.ask(Method::POST, "/", vec![b'x'; 16 << 20]));
    assert_eq!(
        (response.status().as_u16(), &response.body()[..]),
        (413, &b"no"[..])
    );
    assert_eq!(fetch(&client, site.get("/")).body(), "fine");
    let on: Vec<_> = site.seen().iter().map(|seen| seen.connection).collect();
    assert_eq!(on, [0, 0, 1]);
    site.wait_until_open(1);
}

/// Row 43 of the checklist: the answer instead of a 100, the body unsent.
#[test]
fn a_connection_whose_body_was_never_sent_is_not_kept() {
    let site = Site::listen(|visit| {
        while let Some(head) = visit.asked() {
            match header(&head, "expect") {
                Some(_) => visit.say("HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n"),
                None => visit.say(answer("fine")),
            };
        }
    });
    let client = Client::builder()
        .limits(Limits::default().continue_wait(PATIENCE))
        .build();
    let mut request = site.ask(Method::POST, "/", "secret");
    request
        .headers_mut()
        .insert("expect", "100-continue".parse().unwrap());
    assert_eq!(fetch(&client, request).status(), StatusCode::UNAUTHORIZED);
    site.wait_until_open(0);
    assert_eq!(fetch(&client, site.get("/")).body(), "fine");
    assert_eq!(site.asked(), ["POST /", "GET /"]);
}

/// Row 44 of the checklist.
#[test]
fn an_idle_connection_that_says_something_or_ends_is_dropped() {
    let unasked = [
        "HTTP/1.1 408 Too Late\r\nContent-Length: 0\r\n\r\n",
        "\0",
        "",
    ];
    for unasked in unasked {
        for resets in [false, true] {
            let site = Site::listen(move |visit| {
                if visit.nth == 1 {
                    return visit.serve();
                }
                visit.request();
                visit.say(answer("once"));
                visit.wait_until_heard();
                visit.say(unasked);
                if unasked.is_empty() && !resets {
                    return;
                }
                if resets {
                    visit.reset();
                } else {
                    visit.idle();
                }
            });
            let client = Client::new();
            fetch(&client, site.get("/"));
            if resets || unasked.is_empty() {
                wait_until_ended(&site, 0);
            } else {
                wait_until_told(&site, 0);
            }
            // Not even a POST fails for it: nothing was written.
            let response = fetch(&client, site.ask(Method::POST, "/echo", "text"));
            assert_eq!(response.body(), "text");
            assert_eq!(site.asked(), ["GET /", "POST /echo"]);
            site.wait_until_open(1);
        }
    }
}

/// One call finds them all dead, and does not need stack for each.
#[test]
fn any_number_of_idle_connections_may_have_ended() {
    if !alone("client::kept::any_number_of_idle_connections_may_have_ended") {
        return;
    }
    const MANY: usize = 500;
    let (close, closed) = unbounded::<()>();
    let site = Site::listen(move |visit| {
        if visit.nth >= MANY {
            return visit.serve();
        }
        visit.request();
        visit.say(answer("kept"));
        let _ = closed.recv_timeout(PATIENCE);
    });
    let client = Client::builder()
        .idle_per_authority(MANY)
        .idle_total(MANY)
        .build();
    keep(&client, &site, MANY);
    drop(close);
    site.wait_until_open(0);
    [0, MANY / 2, MANY - 1]
        .iter()
        .for_each(|nth| wait_until_ended(&site, *nth));
    let request = site.ask(Method::POST, "/echo", "text");
    let call = thread::Builder::new()
        .stack_size(256 << 10)
        .spawn(move || fetch(&client, request));
    assert_eq!(join(call.unwrap()).body(), "text");
    assert_eq!(site.connections(), MANY + 1);
}

#[test]
fn a_body_that_is_read_to_its_end_gives_its_connection_back() {
    let site = Site::serving();
    let client = Client::new();
    for _ in 0..2 {
        let response = stream(&client, site.get("/text"));
        assert_eq!(read_to_end(&response), b"/text");
        drop(response);

        let mut response = stream(&client, site.get("/chunked"));
        let mut text = String::new();
        response.body_mut().read_to_string(&mut text).unwrap();
        assert_eq!(text, "hello");
        let trailers = settle(response.body().read_trailers(Aio::new())).unwrap();
        assert_eq!(trailers["x-end"], "yes");
        drop(response);

        let response = stream(&client, site.get("/chunked"));
        let mut body = response.into_body().timeout(PATIENCE);
        text.clear();
        body.read_to_string(&mut text).unwrap();
        drop(body);

        // There is nothing to be read.
        drop(stream(&client, site.get("/empty")));
        drop(stream(&client, site.ask(Method::HEAD, "/", "")));
    }
    assert_eq!(site.connections(), 1);
}

#[test]
fn a_body_that_is_not_read_to_its_end_closes_its_connection() {
    let site = Site::serving();
    let client = Client::new();
    drop(stream(&client, site.get("/text")));
    site.wait_until_open(0);
    let response = stream(&client, site.get("/text"));
    assert_eq!(
        settle(response.body().read_some(Aio::new(), 2)).unwrap(),
        "/t"
    );
    drop(response);
    site.wait_until_open(0);
    // Nor is it given back while somebody else has a handle of it.
    let response = stream(&client, site.get("/text"));
    let other = response.body().conn().clone();
    read_to_end(&response);
    drop(response);
    fetch(&client, site.get("/text"));
    assert_eq!(site.connections(), 4);
    drop(other);
    site.wait_until_open(1);
    // Nor, if nobody wants the answer, from there.
    let client = Client::new();
    let aio = client.transact_streaming(Aio::new(), site.get("/text"));
    wait_until("it completes", || aio.is_done());
    drop(aio);
    site.wait_until_open(1);
}

#[test]
fn a_connection_of_ones_own_is_not_the_clients() {
    let site = Site::serving();
    let client = Client::new();
    fetch(&client, site.get("/"));
    let uri: Uri = site.url("/ignored").parse().unwrap();
    let conn = settle(client.connect(Aio::new(), &uri)).unwrap();
    site.wait_until_open(2);
    settle(conn.transact(Aio::new(), site.get("/own"))).unwrap();
    drop(conn);
    site.wait_until_open(1);
    fetch(&client, site.get("/"));
    let on: Vec<_> = site.seen().iter().map(|seen| seen.connection).collect();
    assert_eq!(on, [0, 1, 0]);
}
