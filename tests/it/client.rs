//! The client: connections that are kept and used again, what is sent again and what is not,
//! redirections, proxies, and that nothing is left of any of it.

use std::collections::HashMap;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use crossbeam_channel::unbounded;
use http_aio::bytes::Bytes;
use http_aio::http::{HeaderName, HeaderValue, Method, Request, StatusCode, Uri, Version};
use http_aio::{Aio, Client, ErrorKind, Limits, Proxies, Written};

use crate::site::*;
use crate::support::*;

const SOON: Duration = Duration::from_millis(40);

// --------------------------------------------------------------------------- connections are kept

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
            fetch(&client, Request::get(url).body(Bytes::new()).unwrap());
        }
    }
    assert_eq!((one.connections(), other.connections()), (2, 1));
    assert!(one.heads().iter().all(|head| !head.contains("secret")));
}

/// Has so many answers under way at once, and puts their connections back in the order of asking.
#[track_caller]
fn keep(client: &Client, site: &Site, count: usize) {
    let held: Vec<_> = (0..count)
        .map(|_| stream(client, site.get("/held")))
        .collect();
    for response in held {
        read_to_end(&response);
    }
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
    if !alone("client::any_number_of_idle_connections_may_have_ended") {
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
        let mut reader = response.body().reader();
        text.clear();
        reader.read_to_string(&mut text).unwrap();
        drop(reader);
        drop(response);

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
    assert_eq!(settle(response.body().read(Aio::new(), 2)).unwrap(), "/t");
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

// ------------------------------------------------------------------------------ what is sent again

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Out {
    None,
    Some,
    All,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Came {
    Nothing,
    PartOfHead,
    PartOfBody,
}

#[derive(Clone, Copy, Debug)]
struct Case {
    method: &'static str,
    reused: bool,
    out: Out,
    came: Came,
    resets: bool,
}

impl Case {
    fn all() -> Vec<Self> {
        let mut all = Vec::new();
        for method in ["GET", "PUT", "DELETE", "POST", "PATCH"] {
            for out in [Out::None, Out::Some, Out::All] {
                for came in [Came::Nothing, Came::PartOfHead, Came::PartOfBody] {
                    for (reused, resets) in
                        [(true, true), (true, false), (false, true), (false, false)]
                    {
                        let case = Self {
                            method,
                            reused,
                            out,
                            came,
                            resets,
                        };
                        // A new connection of which nothing is known is refused, see below; a large
                        // upload is ended by a reset whichever way the server closes.
                        let large = out == Out::Some;
                        if (out != Out::None || reused)
                            && (!large || resets && matches!(method, "PUT" | "POST"))
                        {
                            all.push(case);
                        }
                    }
                }
            }
        }
        all
    }

    fn is_sent_again(self) -> bool {
        let idempotent = matches!(self.method, "GET" | "PUT" | "DELETE");
        self.reused && (self.out == Out::None || idempotent && self.came == Came::Nothing)
    }

    fn request(self, site: &Site) -> Request<Bytes> {
        let body = match self.out {
            Out::None | Out::All => pattern(0, 1000),
            Out::Some => vec![b'x'; 16 << 20].into(),
        };
        site.ask(self.method.parse().unwrap(), "/case", body)
    }

    /// The first connection goes wrong, with its first request or the second.
    fn play(self, visit: &mut Visit) {
        if visit.nth > 0 {
            return visit.serve();
        }
        if self.reused {
            visit.request();
            visit.say(answer("first"));
            if self.out == Out::None && self.resets {
                visit.wait_until_heard();
            }
        }
        match self.out {
            Out::None => {}
            Out::Some => {
                visit.asked();
                let mut some = vec![0; 10_000];
                let _ = visit.stream.read_exact(&mut some);
            }
            Out::All => drop(visit.request()),
        }
        match self.came {
            Came::Nothing => true,
            Came::PartOfHead => visit.say("HTTP/1.1 200 OK\r\nContent-"),
            Came::PartOfBody => visit.say("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nsome"),
        };
        if self.resets {
            if self.came != Came::Nothing && self.out != Out::None {
                visit.wait_until_heard();
            }
            visit.reset();
        }
    }

    #[track_caller]
    fn check(self, way: Way) {
        let site = Site::listen(move |visit| self.play(visit));
        let client = Client::new();
        if self.reused {
            fetch(&client, site.get("/first"));
            if self.out == Out::None {
                wait_until_ended(&site, 0);
            }
        }
        let result = way(client.transact(Aio::new(), self.request(&site)));
        let again = self.is_sent_again();
        let seen = site
            .heads()
            .iter()
            .filter(|head| path(head) == "/case")
            .count();
        let times = if again && self.out != Out::None { 2 } else { 1 };
        assert_eq!(seen, times, "{self:?}: seen so often, and then {result:?}");
        assert_eq!(site.connections(), if again { 2 } else { 1 }, "{self:?}");
        if again {
            let response = result.unwrap_or_else(|error| panic!("{self:?}: {error:?}"));
            assert_eq!(response.body(), "/case", "{self:?}");
            return;
        }
        let Err(error) = result else {
            panic!("{self:?}: {result:?}");
        };
        assert_eq!(error.kind(), ErrorKind::Reset, "{self:?}: {error:?}");
        assert_eq!(
            error.is_incomplete_message(),
            self.came != Came::Nothing,
            "{self:?}: {error:?}"
        );
        let head = site.heads().pop().unwrap();
        let total = (head.len() + length(&head)) as u64;
        match self.out {
            Out::Some => assert!((1..total).contains(&error.count()), "{self:?}: {error:?}"),
            _ => assert_eq!(error.count(), total, "{self:?}: {error:?}"),
        }
        if self.out == Out::All {
            assert_eq!(
                error.is_end_of_stream(),
                !self.resets,
                "{self:?}: {error:?}"
            );
        }
    }
}

/// (Bytes written) x (idempotent) x (new or reused) x (nothing or a part came) x (FIN or RST).
#[test]
fn the_retry_table() {
    let mut failed = Vec::new();
    for (nth, case) in Case::all().into_iter().enumerate() {
        let ways = if case.out == Out::Some { 1 } else { 2 };
        let ways = WAYS.iter().cycle().skip(nth).take(ways);
        for way in ways {
            if let Err(panic) = std::panic::catch_unwind(|| case.check(*way)) {
                failed.extend(panic.downcast::<String>());
            }
        }
    }
    assert!(
        failed.is_empty(),
        "{} failed:\n{}",
        failed.len(),
        failed
            .iter()
            .map(|f| f.as_str())
            .collect::<Vec<_>>()
            .join("\n")
    );
}

#[test]
fn what_was_sent_again_is_not_sent_a_third_time() {
    // Two idle connections die under a request each; so does a new one.
    let site = Site::listen(|visit| {
        if visit.nth < 2 {
            visit.request();
            visit.say(answer("first"));
        }
        visit.request();
    });
    let client = Client::new();
    keep(&client, &site, 2);
    let error = settle(client.transact(Aio::new(), site.get("/case"))).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Reset);
    assert!(error.count() > 0);
    let on: Vec<_> = site.seen()[2..]
        .iter()
        .map(|seen| seen.connection)
        .collect();
    assert_eq!(on, [1, 2]);
}

#[test]
fn a_refused_connection_is_not_tried_again() {
    let (_kept, address) = refusing();
    let request = Request::get(format!("http://{address}/"))
        .body(Bytes::new())
        .unwrap();
    let client = Client::new();
    assert_eq!(
        failure(settle(client.transact(Aio::new(), request))),
        (ErrorKind::Refused, 0)
    );
    let uri: Uri = format!("http://{address}").parse().unwrap();
    assert_eq!(
        failure(settle(client.connect(Aio::new(), &uri))),
        (ErrorKind::Refused, 0)
    );
}

#[test]
fn nothing_is_sent_again_after_a_cancel_or_a_deadline() {
    let site = Site::serving();
    let client = Client::builder().head_timeout(6 * SOON).build();
    fetch(&client, site.get("/"));
    let (kind, count) = failure(settle(client.transact(Aio::new(), site.get("/never"))));
    assert_eq!(kind, ErrorKind::TimedOut);
    assert!(count > 0);
    fetch(&client, site.get("/"));
    let aio = client.transact(Aio::new(), site.get("/never"));
    aio.cancel();
    assert_eq!(failure(settle(aio)).0, ErrorKind::Canceled);
    fetch(&client, site.get("/"));
    let aio = client.transact(Aio::new().timeout(SOON), site.get("/never"));
    assert_eq!(failure(settle(aio)).0, ErrorKind::TimedOut);
    assert_eq!(site.seen().len(), 6);
}

#[test]
fn what_cannot_be_asked_is_refused_before_anything_happens() {
    let site = Site::serving();
    let client = Client::new();
    let declared = |name: &str, value: &str, body: &'static str| {
        let mut request = site.ask(Method::POST, "/", body);
        let name = HeaderName::from_bytes(name.as_bytes()).unwrap();
        request.headers_mut().insert(name, value.parse().unwrap());
        request
    };
    let bare = |uri: &str| Request::get(uri).body(Bytes::new()).unwrap();
    let cases = [
        (bare("/path"), ErrorKind::InvalidInput),
        (bare("127.0.0.1:80"), ErrorKind::InvalidInput),
        (bare("ftp://127.0.0.1/"), ErrorKind::InvalidInput),
        (declared("content-length", "5", ""), ErrorKind::InvalidInput),
        (
            declared("transfer-encoding", "chunked", ""),
            ErrorKind::InvalidInput,
        ),
    ];
    for (request, kind) in cases {
        for way in WAYS {
            let result = way(client.transact(Aio::new(), request.clone()));
            assert_eq!(failure(result), (kind, 0), "{request:?}");
        }
    }
    let late = client.transact(Aio::new().timeout(Duration::ZERO), site.get("/"));
    assert_eq!(failure(settle(late)), (ErrorKind::TimedOut, 0));
    assert_eq!(site.connections(), 0);
    // What is found out only when the head is made: the connection is as good as before.
    fetch(&client, site.get("/"));
    for request in [
        declared("content-length", "7", "text"),
        declared("transfer-encoding", "chunked", "text"),
    ] {
        assert_eq!(
            failure(settle(client.transact(Aio::new(), request))),
            (ErrorKind::InvalidInput, 0)
        );
    }
    assert_eq!(site.seen().len(), 1);
}

// -------------------------------------------------------------------------- connecting, and timeouts

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
            .body(Bytes::new())
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
    let six = client.transact(Aio::new(), Request::get(url).body(Bytes::new()).unwrap());
    let kinds = [ErrorKind::Refused, ErrorKind::Unreachable];
    assert!(kinds.contains(&failure(settle(six)).0));
}

#[test]
fn a_name_that_does_not_exist() {
    let client = Client::new();
    let request = Request::get("http://nobody.invalid/")
        .body(Bytes::new())
        .unwrap();
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
        .redirections(1000)
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

// ---------------------------------------------------------------------------------------- cancels

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
                let client = Client::builder().redirections(u32::MAX).build();
                if reused {
                    fetch(&client, site.get("/first"));
                }
                let before = site.seen().len();
                let request = match phase {
                    "write" => site.ask(Method::POST, "/", vec![b'x'; 16 << 20]),
                    _ => site.get("/"),
                };
                let call = client.transact(Aio::new(), request);
                let canceller = call.canceller();
                let waiting = thread::spawn(move || way(call));
                site.wait_until_asked(before + if phase.ends_with("hop") { 2 } else { 1 });
                let start = Instant::now();
                canceller.cancel();
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
        let canceller = call.canceller();
        let waiting = thread::spawn(move || way(call));
        thread::sleep(SOON / 4);
        canceller.cancel();
        assert_eq!(failure(join(waiting)), (ErrorKind::Canceled, 0));
        let call = client.transact(Aio::new().timeout(SOON), hole.get());
        assert_eq!(failure(way(call)), (ErrorKind::TimedOut, 0));
    }
}

/// Submitted and cancelled at any moment: one outcome each, and it is true.
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
    let client = Client::builder().redirections(10).build();
    for round in 0..400 {
        let call = client.transact(
            Aio::new(),
            site.ask(Method::POST, &format!("/hop/hop/{round}"), "x"),
        );
        let canceller = call.canceller();
        let (told, _) = tell(call);
        for _ in 0..round * 20 {
            std::hint::spin_loop();
        }
        canceller.cancel();
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

// ------------------------------------------------------------------------------------ redirections

#[test]
fn redirections_are_responses_unless_they_are_to_be_followed() {
    let site = Site::listen(|visit| {
        while visit.request().is_some() {
            visit.say(moved(302, "/next"));
        }
    });
    let client = Client::new();
    let response = fetch(&client, site.get("/"));
    assert_eq!(
        (response.status(), &response.body()[..]),
        (StatusCode::FOUND, &b"moved"[..])
    );
    assert_eq!(response.headers()["location"], "/next");
    assert_eq!(site.seen().len(), 1);
}

/// Redirects "/N" to "/N-1", "/0" is the end; relative, absolute, and to where the query says.
fn redirecting(status: u16) -> Site {
    Site::listen(move |visit| {
        while let Some((head, content)) = visit.request() {
            let said = match path(&head).trim_start_matches('/') {
                "0" | "" => visit.say(answer(&format!(
                    "{} {}",
                    head.split(' ').next().unwrap(),
                    content.len()
                ))),
                "loop" => visit.say(moved(status, "loop")),
                "nowhere" => visit.say("HTTP/1.1 302 Found\r\nContent-Length: 4\r\n\r\nlost"),
                "secure" => visit.say(moved(status, "https://127.0.0.1:1/")),
                "files" => visit.say(moved(status, "ftp://127.0.0.1/")),
                "empty" => visit.say(format!(
                    "HTTP/1.1 {status} Moved\r\nLocation: 0\r\nContent-Length: 0\r\n\r\n"
                )),
                to if to.starts_with("to?") => visit.say(moved(status, &to[3..])),
                n => {
                    let next = n.parse::<u32>().expect("a number") - 1;
                    visit.say(moved(status, &next.to_string()))
                }
            };
            if !said {
                return;
            }
        }
    })
}

#[test]
fn redirections_are_followed_up_to_a_limit() {
    let site = redirecting(302);
    let client = Client::builder().redirections(3).build();
    for way in WAYS {
        for hops in 0..4 {
            let response = way(client.transact(Aio::new(), site.get(&format!("/{hops}")))).unwrap();
            assert_eq!(response.body(), "GET 0");
        }
        let before = site.seen().len();
        let error = way(client.transact(Aio::new(), site.get("/4"))).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::TooLarge);
        assert_eq!(site.seen().len() - before, 4);
        let error = way(client.transact(Aio::new(), site.get("/loop"))).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::TooLarge);
        assert_eq!(site.seen().len() - before, 8);
    }
    assert_eq!(fetch(&client, site.get("/nowhere")).body(), "lost");
    assert_eq!(
        failure(settle(client.transact(Aio::new(), site.get("/secure")))).0,
        if cfg!(feature = "tls") {
            ErrorKind::Refused
        } else {
            ErrorKind::NotSupported
        }
    );
    assert_eq!(
        failure(settle(client.transact(Aio::new(), site.get("/files")))).0,
        ErrorKind::Protocol
    );
    assert_eq!(fetch(&client, site.get("/0")).body(), "GET 0");
    assert!(
        site.connections() <= 3,
        "what led nowhere may cost its connection, nothing else"
    );
}

#[test]
fn a_redirection_keeps_or_drops_the_body() {
    let cases = [
        (301, Method::POST, "GET 0"),
        (302, Method::POST, "GET 0"),
        (303, Method::POST, "GET 0"),
        (303, Method::PUT, "GET 0"),
        (302, Method::PUT, "PUT 7"),
        (307, Method::POST, "POST 7"),
        (308, Method::POST, "POST 7"),
    ];
    for (status, method, expected) in cases {
        let (site, other) = (redirecting(status), redirecting(status));
        let client = Client::builder().redirections(5).build();
        let response = fetch(&client, site.ask(method.clone(), "/3", "content"));
        assert_eq!(response.body(), expected, "{status} {method}");
        let there = format!("/to?{}", other.url("/2"));
        let response = fetch(&client, site.ask(method.clone(), &there, "content"));
        assert_eq!(response.body(), expected, "{status} {method}");
        assert_eq!((site.connections(), other.connections()), (1, 1));
    }
    // A large one, whose answer comes early.
    let early = Site::listen(|visit| {
        while let Some(head) = visit.asked() {
            if path(&head) == "/here" {
                let content = visit.content(&head).unwrap_or_default();
                visit.say(answer(&content.len().to_string()));
            } else {
                visit.say(moved(307, "/here"));
                visit.idle();
            }
        }
    });
    let client = Client::builder().redirections(1).build();
    let large = early.ask(Method::PUT, "/", vec![b'x'; 16 << 20]);
    assert_eq!(
        fetch(&client, large).body(),
        (16 << 20).to_string().as_str()
    );
}

/// Row 46 of the checklist: also on later hops, and back.
#[test]
fn credentials_stay_with_their_origin() {
    let (here, there) = (redirecting(307), redirecting(307));
    let client = Client::builder().redirections(5).build();
    let back = format!("/to?{}", here.url("/0"));
    let away = format!("/to?{}", there.url(&back));
    let mut request = here.get(&format!("/to?{away}"));
    let mut secret = HeaderValue::from_static("secret");
    for name in ["authorization", "cookie", "proxy-authorization"] {
        request.headers_mut().insert(name, secret.clone());
    }
    secret.set_sensitive(true);
    request.headers_mut().insert("x-token", secret);
    request
        .headers_mut()
        .insert("x-plain", HeaderValue::from_static("plain"));
    for way in WAYS {
        let before = (here.seen().len(), there.seen().len());
        way(client.transact(Aio::new(), request.clone())).unwrap();
        let (ours, theirs) = (
            here.heads().split_off(before.0),
            there.heads().split_off(before.1),
        );
        assert_eq!((ours.len(), theirs.len()), (3, 1));
        for (head, knows) in [
            (&ours[0], true),
            (&ours[1], true),
            (&theirs[0], false),
            (&ours[2], false),
        ] {
            for name in ["authorization", "cookie", "x-token"] {
                assert_eq!(header(head, name).is_some(), knows, "{name}: {head}");
            }
            // That is for a proxy, and there is none.
            assert_eq!(header(head, "proxy-authorization"), None);
            assert_eq!(header(head, "x-plain"), Some("plain"));
        }
        let host = |head| header(head, "host").unwrap().to_owned();
        assert_eq!(host(&theirs[0]), there.address.to_string());
        assert_eq!(host(&ours[2]), here.address.to_string());
    }
    // To and fro over what was kept.
    assert_eq!((here.connections(), there.connections()), (1, 1));
}

#[test]
fn a_streaming_call_follows_redirections_too() {
    let (here, there) = (redirecting(303), redirecting(303));
    let client = Client::builder().redirections(3).build();
    let request = here.ask(Method::POST, &format!("/to?{}", there.url("/2")), "content");
    let response = stream(&client, request);
    assert_eq!(read_to_end(&response), b"GET 0");
    drop(response);
    here.wait_until_open(0); // The body of a redirection that nobody read.
    there.wait_until_open(1);
    // Without a body it costs nothing.
    let before = there.connections();
    drop(stream(&client, there.get("/empty")));
    assert_eq!(there.connections(), before);
    let request = here.get("/loop");
    let error = settle(client.transact_streaming(Aio::new(), request)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TooLarge);
}

// ----------------------------------------------------------------------------------------- proxies

/// A proxy that says what it was asked, and passes nothing on.
pub(crate) fn proxy() -> Site {
    Site::listen(|visit| {
        while let Some((head, content)) = visit.request() {
            match path(&head).strip_suffix("/moved") {
                Some(to) => visit.say(moved(307, &format!("{to}/there"))),
                None => visit.say(answer(&format!(
                    "proxied {} {}",
                    path(&head),
                    content.len()
                ))),
            };
        }
    })
}

#[test]
fn a_proxy_is_asked_for_the_whole_uri() {
    let (site, proxy) = (Site::serving(), proxy());
    let proxies = Proxies::all(&format!("http://user:pass@{}", proxy.address)).unwrap();
    let client = Client::builder().proxies(proxies).redirections(2).build();
    for way in WAYS {
        let request = Request::post("http://me:too@nobody.invalid:81/a?b")
            .body("text".into())
            .unwrap();
        let response = way(client.transact(Aio::new(), request)).unwrap();
        assert_eq!(response.body(), "proxied http://nobody.invalid:81/a?b 4");
    }
    let response = fetch(&client, site.get("/moved"));
    assert_eq!(
        response.body(),
        &format!("proxied {} 0", site.url("/there"))
    );
    for head in proxy.heads() {
        assert_eq!(
            header(&head, "proxy-authorization"),
            Some("Basic dXNlcjpwYXNz"),
            "{head}"
        );
    }
    assert_eq!(header(&proxy.heads()[0], "host"), Some("nobody.invalid:81"));
    assert!(!proxy.heads()[0].contains("too"));
    assert_eq!(
        (proxy.connections(), site.connections()),
        (2, 0),
        "one for each server"
    );
    // Streaming, and an idle connection that has ended, as without.
    let response = stream(&client, site.get("/streamed"));
    assert!(read_to_end(&response).starts_with(b"proxied"));
}

/// Opens a tunnel, for this path of a proxy's life: answers a CONNECT so, then passes bytes on.
pub(crate) fn tunneling(response: &'static str) -> Site {
    Site::listen(move |visit| {
        let Some(head) = visit.asked() else { return };
        visit.say(response);
        if response.split(' ').nth(1) != Some("200") {
            return visit.idle();
        }
        let near = visit.stream.get_ref().try_clone().unwrap();
        let far = TcpStream::connect(path(&head)).unwrap();
        let copy = |from: &TcpStream, to: &TcpStream| {
            let (mut from, mut to) = (from.try_clone().unwrap(), to.try_clone().unwrap());
            move || {
                let _ = std::io::copy(&mut from, &mut to);
                let _ = to.shutdown(std::net::Shutdown::Write);
            }
        };
        let back = thread::spawn(copy(&far, &near));
        copy(&near, &far)();
        let _ = back.join();
    })
}

#[test]
fn a_connection_of_ones_own_goes_through_a_tunnel() {
    let site = Site::serving();
    let uri: Uri = site.url("/").parse().unwrap();
    let client = |proxy: &Site| {
        let proxies = Proxies::all(&format!("http://user:pass@{}", proxy.address)).unwrap();
        let builder = Client::builder().proxies(proxies).connect_timeout(PATIENCE);
        builder.build()
    };
    for answered in [
        "HTTP/1.1 200 OK\r\n\r\n",
        "HTTP/1.0 200 Connection established\r\nX: y\r\n\r\n",
    ] {
        let proxy = tunneling(answered);
        let conn = settle(client(&proxy).connect(Aio::new(), &uri)).unwrap();
        let head = proxy.heads().remove(0);
        assert!(
            head.starts_with(&format!("CONNECT {} HTTP/1.1\r\n", site.address)),
            "{head}"
        );
        assert_eq!(
            header(&head, "proxy-authorization"),
            Some("Basic dXNlcjpwYXNz")
        );
        for _ in 0..2 {
            let response = settle(conn.transact(Aio::new(), site.get("/direct"))).unwrap();
            assert_eq!(response.body(), "/direct");
        }
        assert!(
            site.heads()
                .iter()
                .all(|head| header(head, "proxy-authorization").is_none())
        );
        drop(conn);
        proxy.wait_until_open(0);
        site.wait_until_open(0);
    }
}

#[test]
fn a_tunnel_that_is_not_opened_is_an_error() {
    let uri = Uri::from_static("http://somewhere.invalid:81");
    let cases = [
        (
            "HTTP/1.1 407 No\r\nContent-Length: 0\r\n\r\n",
            ErrorKind::Refused,
        ),
        (
            "HTTP/1.1 502 No\r\nContent-Length: 100\r\n\r\n",
            ErrorKind::Refused,
        ),
        ("HTTP/1.1 2", ErrorKind::TimedOut),
        ("", ErrorKind::TimedOut),
        ("what?\r\n\r\n", ErrorKind::Protocol),
    ];
    for (answered, kind) in cases {
        let proxy = Site::listen(move |visit| {
            visit.asked();
            visit.say(answered);
            visit.idle();
        });
        let waits = kind == ErrorKind::TimedOut;
        let after = if waits { 6 * SOON } else { PATIENCE };
        let proxies = Proxies::all(&proxy.address.to_string()).unwrap();
        let client = Client::builder()
            .proxies(proxies)
            .connect_timeout(after)
            .build();
        let error = settle(client.connect(Aio::new(), &uri)).unwrap_err();
        assert_eq!(error.kind(), kind, "{answered}: {error:?}");
        proxy.wait_until_open(0);
        if waits {
            let call = client.connect(Aio::new(), &uri);
            proxy.wait_until_asked(2);
            call.cancel();
            assert_eq!(failure(settle(call)).0, ErrorKind::Canceled);
            proxy.wait_until_open(0);
        }
    }
}

#[test]
fn a_host_may_be_excepted_from_the_proxy() {
    let (site, proxy) = (Site::serving(), proxy());
    let proxies = Proxies::all(&format!("http://user:pass@{}", proxy.address)).unwrap();
    let proxies = proxies.except(&format!("127.0.0.1:{}", site.address.port()));
    let client = Client::builder().proxies(proxies).redirections(2).build();
    assert_eq!(fetch(&client, site.get("/direct")).body(), "/direct");
    let head = site.heads().pop().unwrap();
    assert!(head.starts_with("GET /direct HTTP/1.1"), "{head}");
    assert_eq!(header(&head, "proxy-authorization"), None);
    assert_eq!(proxy.connections(), 0);
}

#[test]
fn the_credentials_of_a_proxy_do_not_go_past_it() {
    let site = Site::serving();
    let there = site.url("/there");
    let proxy = Site::listen(move |visit| {
        while visit.request().is_some() {
            visit.say(moved(302, &there));
        }
    });
    let proxies = Proxies::all(&format!("http://user:pass@{}", proxy.address)).unwrap();
    let client = Client::builder()
        .proxies(proxies.except("127.0.0.1"))
        .redirections(2)
        .build();
    let request = Request::get("http://somewhere.invalid/")
        .body(Bytes::new())
        .unwrap();
    assert_eq!(fetch(&client, request).body(), "/there");
    assert_eq!(
        header(&proxy.heads()[0], "proxy-authorization"),
        Some("Basic dXNlcjpwYXNz")
    );
    assert_eq!(header(&site.heads()[0], "proxy-authorization"), None);
}

#[test]
fn a_proxy_that_is_not_there_is_an_error() {
    let (site, (_kept, address)) = (Site::serving(), refusing());
    let client = Client::builder()
        .proxies(Proxies::all(&address.to_string()).unwrap())
        .build();
    assert_eq!(
        failure(settle(client.transact(Aio::new(), site.get("/")))),
        (ErrorKind::Refused, 0)
    );
    assert_eq!(site.connections(), 0);
}

#[cfg(not(feature = "tls"))]
#[test]
fn https_is_not_supported_with_or_without_a_proxy() {
    let proxy = proxy();
    let proxied = Client::builder().proxies(Proxies::all(&proxy.address.to_string()).unwrap());
    for client in [Client::new(), proxied.build()] {
        let uri = Uri::from_static("https://127.0.0.1/");
        for way in WAYS {
            let request = Request::get(&uri).body(Bytes::new()).unwrap();
            let result = way(client.transact(Aio::new(), request));
            assert_eq!(failure(result), (ErrorKind::NotSupported, 0));
        }
        assert_eq!(
            failure(settle(client.connect(Aio::new(), &uri))),
            (ErrorKind::NotSupported, 0)
        );
    }
    assert_eq!(proxy.connections(), 0);
}

// ------------------------------------------------------------------------- who learns of the end

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
    let bad = Request::get("/relative").body(Bytes::new()).unwrap();
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

    let conn = settle(client.connect(Aio::new(), &uri)).unwrap();
    let inner = wait("/never");
    let outer = conn.transact(Aio::new(), site.get("/outer"));
    outer.on_complete(move |_, _| inner());
    let result = receive(&results);
    assert_eq!(failure(result), (ErrorKind::WouldDeadlock, 0));
    let _ = receive(&results); // It may be there already.
    site.wait_until_asked(4); // The call goes on, detached.
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
    let client = Client::builder().redirections(5).build();
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
            let client = Client::builder().redirections(5).build();
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
    let client = Client::builder().redirections(1).build();
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

// ------------------------------------------------------------------------------------- everything

/// Marsaglia's xorshift.
struct Dice(u64);

impl Dice {
    fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    fn roll(&mut self, below: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) % below
    }
}

/// Answers, closes, resets, and stops in the middle, at random.
fn capricious(seed: u64) -> Site {
    Site::listen(move |visit| {
        let mut dice = Dice::new(seed + visit.nth as u64 * 7919);
        loop {
            let caprice = dice.roll(40);
            if caprice == 0 {
                return; // As soon as it has answered, or at once.
            }
            let Some((head, _)) = visit.request() else {
                return;
            };
            match caprice {
                1 => return,
                2 => return visit.reset(),
                3 => {
                    visit.say("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nsome");
                    return;
                }
                4 => {
                    visit.say("HTTP/1.1 200 O");
                    return visit.reset();
                }
                5 => {
                    visit.say(format!(
                        "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{}",
                        path(&head).len(),
                        path(&head)
                    ));
                    return;
                }
                6 => {
                    visit.say(answer(path(&head)));
                    return visit.reset();
                }
                _ => {
                    if !visit.say(answer(path(&head))) {
                        return;
                    }
                }
            }
        }
    })
}

/// Eight threads over one client, against servers that close at any moment. Each call has one
/// outcome, which is its own; nothing but what is idempotent is seen twice; nothing is left.
#[test]
#[cfg(target_os = "linux")]
fn whatever_servers_do_each_call_ends_once_and_nothing_is_left() {
    if !alone("client::whatever_servers_do_each_call_ends_once_and_nothing_is_left") {
        return;
    }
    const CALLS: usize = 5000;
    let sites: Arc<Vec<_>> = Arc::new((1..4).map(capricious).collect());
    let client = Client::builder()
        .idle_per_authority(4)
        .idle_total(9)
        .build();
    let threads: Vec<_> = (0..8)
        .map(|thread| {
            let (client, sites) = (client.clone(), Arc::clone(&sites));
            thread::spawn(move || {
                let mut dice = Dice::new(1000 + thread);
                let mut answered = Vec::new();
                for nth in 0..CALLS {
                    let path = format!("/{thread}/{nth}");
                    let method =
                        [Method::GET, Method::PUT, Method::POST][dice.roll(3) as usize].clone();
                    let site = &sites[dice.roll(3) as usize];
                    let body = if method == Method::GET { "" } else { "content" };
                    let call = client
                        .transact(Aio::new().timeout(PATIENCE), site.ask(method, &path, body));
                    let canceled = dice.roll(50) == 0;
                    if canceled {
                        call.cancel();
                    }
                    match WAYS[dice.roll(4) as usize](call) {
                        Ok(response) => {
                            assert_eq!(response.body(), path.as_str());
                            answered.push(path);
                        }
                        Err(error) => {
                            let expected = [ErrorKind::Reset, ErrorKind::Canceled];
                            assert!(expected.contains(&error.kind()), "{error:?}");
                            assert!(canceled || error.kind() == ErrorKind::Reset, "{error:?}");
                        }
                    }
                }
                answered
            })
        })
        .collect();
    let answered: Vec<_> = threads.into_iter().flat_map(join).collect();
    let mut seen = HashMap::<String, u32>::new();
    for site in sites.iter() {
        for asked in site.asked() {
            *seen.entry(asked).or_default() += 1;
        }
    }
    for (asked, times) in &seen {
        let most = if asked.starts_with("POST") { 1 } else { 2 };
        assert!(*times <= most, "{asked} was seen {times} times");
    }
    assert!(
        answered.len() > 8 * CALLS / 2,
        "only {} answers",
        answered.len()
    );
    let retried = seen.values().filter(|times| **times == 2).count();
    let connections: usize = sites.iter().map(Site::connections).sum();
    println!(
        "{} answered, {retried} sent again, {connections} connections",
        answered.len()
    );
    drop(client);
    for site in sites.iter() {
        site.wait_until_open(0);
    }
    drop(sites);
    wait_until("the threads end", || threads_of_ours().is_empty());
    wait_until("the sockets close", || sockets() == 0);
}

/// But for the timer, which stays.
#[cfg(target_os = "linux")]
fn threads_of_ours() -> Vec<String> {
    let tasks = std::fs::read_dir("/proc/self/task").unwrap();
    let names = tasks.filter_map(|task| {
        // Gone already, if there is none.
        std::fs::read_to_string(task.ok()?.path().join("comm")).ok()
    });
    names
        .filter(|name| is_ours(name) && !name.starts_with("http-aio:timer"))
        .collect()
}

/// Calls that are given up in all phases leave nothing behind, while the client lives on.
#[test]
#[cfg(target_os = "linux")]
fn what_is_given_up_leaves_nothing() {
    if !alone("client::what_is_given_up_leaves_nothing") {
        return;
    }
    let hole = BlackHole::open();
    let site = Site::serving();
    let client = Client::builder()
        .idle_per_authority(0)
        .redirections(3)
        .build();
    let before = sockets();
    for round in 0..60 {
        let path = ["/never", "/text", "/until-end"][round % 3];
        let calls = [
            site.get(path),
            site.ask(Method::PUT, path, vec![b'x'; 1 << 20]),
        ];
        for request in calls {
            let call = client.transact(Aio::new(), request.clone());
            thread::sleep(Duration::from_micros(round as u64 * 50));
            call.cancel();
            drop(call);
            let call = client.transact_streaming(Aio::new().timeout(SOON / 8), request);
            call.on_complete(|_, _| {});
        }
        if let Some(hole) = hole.as_ref() {
            drop(client.transact(Aio::new().timeout(SOON / 4), hole.get()));
        }
    }
    site.wait_until_open(0);
    wait_until("the threads end", || threads_of_ours().is_empty());
    wait_until("the sockets close", || sockets() == before);
}
