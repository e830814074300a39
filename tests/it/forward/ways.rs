//! Whoever waits for it, and however: the same comes of it.

use std::net::Shutdown;
use std::thread;

use crossbeam_channel::unbounded;
use http_aio::http::Response;
use http_aio::{Aio, Conn, Error, ErrorKind, InFlight, Written};

use super::received::{Asked, take_message};
use super::{GET, Relay, prompt};
use crate::support::*;

type Way = fn(Aio<Written, InFlight>) -> Result<Written, Error>;

const WAYS: [(&str, Way); 6] = [
    ("wait", |aio| aio.wait()),
    ("wait_timeout", settle),
    ("poll", |aio| settle_and_reclaim(aio).0),
    ("closure", |aio| once(&tell(aio).0).result),
    ("await", |aio| block_on(aio)),
    ("another thread", |aio| join(thread::spawn(|| aio.wait()))),
];

#[test]
fn every_way_gives_the_same() {
    const MUCH: usize = 1 << 20;
    for (name, way) in WAYS {
        for is_large in [true, false] {
            let much = if is_large { MUCH } else { 3 };
            let mut relay = Relay::new();
            settle(relay.request(GET)).unwrap();
            let Relay {
                mut client,
                front,
                back,
                mut server,
            } = relay;
            let sending = thread::spawn(move || {
                server.say("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
                server.say(format!("{much:x}\r\n"));
                server.say(pattern(0, much));
                server.say("\r\n0\r\nt: 1\r\n\r\n");
                server
            });
            let receiving = thread::spawn(move || client.drain().bytes);
            let response = settle(back.read_response(prompt())).unwrap();
            let written = way(back.forward_response(Aio::new(), response, &front));
            drop((front, back));
            let wire = join(receiving);
            let mut rest = &wire[..];
            let received = take_message(&mut rest, Asked::Whole);
            assert_pattern(0, &received.content);
            assert_eq!(received.content.len(), much, "{name}");
            assert_eq!(received.trailers["t"], "1", "{name}");
            assert_eq!(written.unwrap().count(), received.count(), "{name}");
            join(sending);
        }
    }
}

#[test]
fn one_aio_forwards_many() {
    let mut relay = Relay::new();
    let mut aio = Aio::new();
    for round in 0..100 {
        relay.client.say(format!(
            "PUT /{round} HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\nok"
        ));
        let request = settle(relay.front.read_request(prompt())).unwrap();
        let result;
        (result, aio) = relay
            .front
            .forward_request(aio, request, &relay.back)
            .reclaim();
        result.unwrap();
        relay.server.expect(46 + round.to_string().len() + 2);
    }
}

/// Who waits does the work: a relay that only waits starts no thread.
#[test]
#[cfg(target_os = "linux")]
fn a_relay_that_waits_needs_no_thread() {
    if !alone("forward::ways::a_relay_that_waits_needs_no_thread") {
        return;
    }
    // A thread that is kept from its wait for a millisecond is helped.
    once_of(10, || {
        let relay = Relay::new();
        let Relay {
            mut client,
            front,
            back,
            mut server,
        } = relay;
        let far = thread::spawn(move || {
            for _ in 0..20 {
                client
                    .say("PUT / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok");
                client.say("\r\n0\r\nt: 1\r\n\r\n");
                server.head();
                server.expect("2\r\nok\r\n0\r\nt: 1\r\n\r\n".len());
                server.say("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n");
                server.say("hello");
                client.head();
                client.expect(5);
            }
            (client, server)
        });
        for _ in 0..20 {
            let request = front.read_request(Aio::new()).wait().unwrap();
            let passing = front.forward_request(Aio::new(), request, &back);
            passing.wait().unwrap();
            let response = back.read_response(Aio::new()).wait().unwrap();
            let passing = back.forward_response(Aio::new(), response, &front);
            passing.wait().unwrap();
        }
        join(far);
        match threads_of_ours() {
            threads if threads.is_empty() => Ok(()),
            threads => Err(format!("{threads:?}")),
        }
    });
}

/// On threads of the connections, and not on that of the submitter.
#[test]
fn closures_run_on_threads_of_the_library() {
    for is_late in [false, true] {
        let mut relay = Relay::new();
        let passing = relay.request(GET);
        if is_late {
            wait_until("it is done", || passing.is_done());
        }
        let told = once(&tell(passing).0);
        assert!(is_ours(&told.thread), "{}", told.thread);
        told.result.unwrap();
    }
}

/// A closure of either connection is on a thread that it needs.
#[test]
fn a_closure_of_one_of_both_cannot_wait_for_it() {
    for of_receiver in [false, true] {
        let Relay {
            mut client,
            front,
            back,
            mut server,
        } = Relay::new();
        let (sender, told) = unbounded();
        let (from, to) = (front.clone(), back.clone());
        let wait = move || {
            let passing = from.forward_stream(Aio::new(), &to);
            let _ = sender.send(passing.wait().map_err(|error| error.kind()));
        };
        if of_receiver {
            let write = back.write_all(Aio::new().iov(["."]));
            write.on_complete(move |_, _| wait());
            server.expect(1);
        } else {
            client.say(".");
            front.read(Aio::new(), 1).on_complete(move |_, _| wait());
        }
        assert_eq!(receive(&told), Err(ErrorKind::WouldDeadlock));
        // It goes on.
        client.say("raw");
        client.shutdown(Shutdown::Write);
        assert_eq!(server.drain().bytes, b"raw");
    }
}

/// Callbacks all the way: each step of a relay begins in the closure of the last.
#[test]
fn a_relay_of_callbacks() {
    const ROUNDS: usize = 50;
    fn next(front: Conn, back: Conn, done: crossbeam_channel::Sender<ErrorKind>) {
        let (again, to) = (front.clone(), back);
        front
            .read_request(Aio::new())
            .on_complete(move |request, _| {
                let request = match request {
                    Ok(request) => request,
                    Err(error) => return done.send(error.kind()).unwrap(),
                };
                let passing = again.clone().forward_request(Aio::new(), request, &to);
                passing.on_complete(move |sent, _| {
                    sent.unwrap();
                    to.clone()
                        .read_response(Aio::new())
                        .on_complete(move |response, _| {
                            let response = response.unwrap();
                            let passing = to.clone().forward_response(Aio::new(), response, &again);
                            passing.on_complete(move |sent, _| {
                                sent.unwrap();
                                next(again, to, done);
                            });
                        });
                });
            });
    }
    let Relay {
        mut client,
        front,
        back,
        server,
    } = Relay::new();
    let server = Conn::from(match server {
        Peer::Unix(stream) => stream,
        Peer::Tcp(_) => unreachable!("it is none"),
    });
    let (sender, done) = unbounded();
    next(front, back, sender);
    for round in 0..ROUNDS {
        client.say(format!("GET /{round} HTTP/1.1\r\nHost: h\r\n\r\n"));
        let request = settle(server.read_request(prompt())).unwrap();
        assert_eq!(request.uri().path(), format!("/{round}"));
        let response = Response::new(pattern(round as u64, round));
        settle(server.write_response(prompt(), response)).unwrap();
        assert!(client.head().contains(&format!("content-length: {round}")));
        assert_pattern(round as u64, &client.expect(round));
    }
    drop(client);
    assert_eq!(receive(&done), ErrorKind::Reset);
}
