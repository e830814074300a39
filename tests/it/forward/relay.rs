//! The loop of the documentation, and what clients and servers do to it.

use std::net::Shutdown;
use std::thread;
use std::time::Duration;

use http_aio::bytes::Bytes;
use http_aio::http::{HeaderMap, Request, Response};
use http_aio::{Aio, Conn, Error, ErrorKind};

use super::{GET, Relay, prompt};
use crate::support::*;

/// Passes the requests of `client` on to `server`, and the answers back.
fn relay(client: &Conn, server: &Conn) {
    while client.persists() && server.persists() && exchange(client, server).is_ok() {}
    client.close();
    server.close();
}

fn exchange(client: &Conn, server: &Conn) -> Result<(), Error> {
    let request = client.read_request(Aio::new()).wait()?;
    let upload = client.forward_request(Aio::new(), request, server);
    loop {
        let response = server.read_any_response(Aio::new()).wait()?;
        let status = response.status().as_u16();
        server
            .forward_response(Aio::new(), response, client)
            .wait()?;
        if !matches!(status, 100 | 102..=199) {
            break;
        }
    }
    let upload = upload.wait_timeout(Duration::from_secs(1));
    upload.map_err(|_| ErrorKind::TimedOut)??;
    Ok(())
}

/// A client and a server, and the relay between them at work.
fn start() -> (Peer, Peer, thread::JoinHandle<()>) {
    let Relay {
        client,
        front,
        back,
        server,
    } = Relay::new();
    let relay = thread::spawn(move || relay(&front, &back));
    (client, server, relay)
}

fn conn(peer: Peer) -> Conn {
    match peer {
        Peer::Tcp(stream) => stream.into(),
        Peer::Unix(stream) => stream.into(),
    }
}

const REQUESTS: usize = 200;

/// The body of this request: none, small, or more than fits.
fn body(round: usize) -> Bytes {
    match round % 4 {
        0 => Bytes::new(),
        1 => pattern(round as u64, round),
        2 => pattern(round as u64, 20_000),
        _ => pattern(round as u64, 300_000),
    }
}

/// Half of those with a body are chunked, with a trailer.
fn is_chunked(round: usize) -> bool {
    round % 8 > 4
}

/// Answers each request with its body, framed the other way.
fn echo(server: &Conn) {
    for round in 0..REQUESTS {
        let request = settle(server.read_request(prompt())).unwrap();
        assert_eq!(request.uri().path(), format!("/{round}"));
        let content = settle(server.read_body(prompt())).unwrap();
        assert_eq!(content.len(), body(round).len());
        let trailers = settle(server.read_trailers(prompt())).unwrap();
        assert_eq!(trailers.contains_key("t"), is_chunked(round), "{round}");
        if is_chunked(round) {
            settle(server.write_response(prompt(), Response::new(content))).unwrap();
            continue;
        }
        let response = Response::builder().header("transfer-encoding", "chunked");
        settle(server.write_response(prompt(), response.body(()).unwrap())).unwrap();
        settle(server.write_all(prompt().iov([content]))).unwrap();
        settle(server.finish(prompt())).unwrap();
    }
}

/// Submits one request, without waiting.
fn ask(client: &Conn, round: usize) {
    let request = Request::put(format!("http://h/{round}"));
    if !is_chunked(round) {
        drop(client.write_request(Aio::new(), request.body(body(round)).unwrap()));
        return;
    }
    let request = request.header("transfer-encoding", "chunked");
    drop(client.write_request(Aio::new(), request.body(()).unwrap()));
    drop(client.write_all(Aio::new().iov([body(round)])));
    let mut trailers = HeaderMap::new();
    trailers.insert("t", "1".parse().unwrap());
    drop(client.finish_with_trailers(Aio::new(), trailers));
}

#[track_caller]
fn expect_answer(client: &Conn, round: usize) {
    let response = settle(client.read_response(prompt())).unwrap();
    assert_eq!(response.status(), 200);
    let content = settle(client.read_body(prompt())).unwrap();
    assert_eq!(content.len(), body(round).len(), "{round}");
    assert_pattern(round as u64, &content);
}

/// Over the same two connections, one after the other or all at once.
#[test]
fn two_hundred_requests() {
    for is_pipelined in [false, true] {
        let (client, server, relay) = start();
        let (client, server) = (conn(client), conn(server));
        let echoing = thread::spawn(move || {
            echo(&server);
            server
        });
        if is_pipelined {
            (0..REQUESTS).for_each(|round| ask(&client, round));
        }
        for round in 0..REQUESTS {
            if !is_pipelined {
                ask(&client, round);
            }
            expect_answer(&client, round);
        }
        drop(client);
        join(relay);
        drop(join(echoing));
    }
}

/// The client waits for the 100 of the server, and the server for the body.
#[test]
fn an_expectation_goes_all_the_way() {
    let (mut client, mut server, relay) = start();
    client.say("PUT / HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n");
    assert!(server.head().contains("expect: 100-continue"));
    assert!(!client.has_input());
    server.say("HTTP/1.1 100 Continue\r\n\r\n");
    assert_eq!(client.head(), "HTTP/1.1 100 Continue\r\n\r\n");
    client.say("hello");
    assert_eq!(server.expect(5), b"hello");
    server.say("HTTP/1.1 103 Early Hints\r\nLink: l\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n");
    assert!(client.head().contains("link: l"));
    assert_eq!(client.head(), "HTTP/1.1 204 No Content\r\n\r\n");
    client.say(GET);
    server.head();
    drop((client, server));
    join(relay);
}

/// The server does not want the body, which never comes; nothing of this is left.
#[test]
#[cfg(target_os = "linux")]
fn an_early_answer_ends_the_upload() {
    if !alone("forward::relay::an_early_answer_ends_the_upload") {
        return;
    }
    let (tasks, open) = (tasks(), descriptors());
    for closes in [false, true] {
        let (mut client, mut server, relay) = start();
        client.say("PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: 500\r\n\r\nhello");
        server.head();
        server.expect(5);
        server.say("HTTP/1.1 413 Content Too Large\r\nContent-Length: 2\r\n\r\nno");
        if closes {
            drop(server);
        }
        assert!(client.head().starts_with("HTTP/1.1 413 "));
        assert_eq!(client.expect(2), b"no");
        if closes {
            // The relay finds out with the next that it has to send, or gives up.
            client.say("more");
        }
        assert_eq!(client.drain().bytes, b"");
        join(relay);
    }
    wait_until("threads end, and descriptors close", || {
        tasks_since(&tasks).is_empty() && descriptors() <= open
    });
}

/// Whoever goes away, the other learns of it, and nothing is left.
#[test]
#[cfg(target_os = "linux")]
fn a_side_that_goes_away_ends_the_relay() {
    if !alone("forward::relay::a_side_that_goes_away_ends_the_relay") {
        return;
    }
    let (tasks, open) = (tasks(), descriptors());
    for (request, response) in [
        (
            "PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\n\r\nab",
            None,
        ),
        (GET, None),
        (GET, Some("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nab")),
        (
            GET,
            Some("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab"),
        ),
    ] {
        for client_goes in [true, false] {
            let (mut client, mut server, relay) = start();
            client.say(request);
            server.head();
            if let Some(response) = response {
                server.say(response);
                client.head();
            }
            if client_goes {
                drop(client);
                // What the relay waits for from the server may still come.
                server.shutdown(Shutdown::Write);
                drop(server.drain());
            } else {
                drop(server);
                drop(client.drain());
            }
            join(relay);
        }
    }
    wait_until("threads end, and descriptors close", || {
        tasks_since(&tasks).is_empty() && descriptors() <= open
    });
}
