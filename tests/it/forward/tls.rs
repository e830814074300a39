//! TLS on either side of a relay: the same messages, and ends that can be told from cuts.

use std::io::{Read, Write};
use std::net::Shutdown;
use std::thread;

use http_aio::http::{Request, Response};
use http_aio::{Aio, ErrorKind};

use super::received::{Asked, Received, Whole, take_message};
use super::{OLD_GET, prompt};
use crate::support::*;
use crate::tls::{Ending, VERSIONS, conn_and_raw, drain_raw, secured};

const MUCH: usize = 3 << 20;

#[track_caller]
fn received(wire: &[u8]) -> Received {
    let mut rest = wire;
    let received = take_message(&mut rest, Asked::Whole);
    assert_eq!(rest, b"");
    received
}

/// A client, a relay and a server, with TLS between each two of them.
#[test]
fn large_bodies_go_both_ways() {
    for version in VERSIONS {
        let ((client, front), (back, server)) = (secured(version), secured(version));
        let serving = thread::spawn(move || {
            let request = settle(server.read_request(prompt())).unwrap();
            assert_eq!(request.headers()["transfer-encoding"], "chunked");
            let body = settle(server.read_body(prompt())).unwrap();
            settle(server.write_response(prompt(), Response::new(body))).unwrap();
            server
        });
        let asking = thread::spawn(move || {
            let request = Request::put("http://h/").header("transfer-encoding", "chunked");
            settle(client.write_request(prompt(), request.body(()).unwrap())).unwrap();
            for at in (0..MUCH).step_by(1 << 18) {
                let part = pattern(at as u64, 1 << 18);
                settle(client.write_all(prompt().iov([part]))).unwrap();
            }
            settle(client.finish(prompt())).unwrap();
            settle(client.read_response(prompt())).unwrap();
            settle(client.read_body(prompt())).unwrap()
        });
        let request = settle(front.read_request(prompt())).unwrap();
        let upload = front.forward_request(Aio::new(), request, &back);
        let response = settle(back.read_response(prompt())).unwrap();
        let sent = back.forward_response(Aio::new(), response, &front).wait();
        assert!(sent.unwrap().count() > MUCH as u64);
        assert!(settle(upload).unwrap().count() > MUCH as u64);
        let answer = join(asking);
        assert_eq!(answer.len(), MUCH);
        assert_pattern(0, &answer);
        drop(join(serving));
    }
}

/// A sender over TLS whose stream is cut, and not ended, has not said all.
#[test]
fn a_cut_of_the_sender_is_passed_on_as_a_cut() {
    for version in VERSIONS {
        for is_cut in [true, false] {
            let (from, mut raw) = conn_and_raw(version);
            let (to, mut receiver) = pair(Family::Tcp);
            raw.write_all(b"HTTP/1.1 200 OK\r\n\r\nto the end").unwrap();
            let response = settle(from.read_response(prompt())).unwrap();
            let passing = from.forward_response(prompt(), response, &to);
            if !is_cut {
                raw.conn.send_close_notify();
                raw.flush().unwrap();
            }
            raw.sock.shutdown(Shutdown::Write).unwrap();
            let result = settle(passing);
            drop(to);
            let received = received(&receiver.drain().bytes);
            assert_eq!(count(&result), received.count());
            assert_eq!(received.content, b"to the end");
            assert_eq!(received.whole == Whole::Yes, !is_cut);
            assert_eq!(result.is_err(), is_cut);
        }
    }
}

/// The receiver is told by TLS, where nothing else says so, whether the body is whole.
#[test]
fn a_body_that_ends_with_the_stream_ends_in_order_only_if_it_is_whole() {
    const SAID: &str = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nsome\r\n";
    #[derive(Clone, Copy, Debug, PartialEq)]
    enum Then {
        Whole,
        SenderCut,
        Canceled,
        Closed,
    }
    for version in VERSIONS {
        for then in [Then::Whole, Then::SenderCut, Then::Canceled, Then::Closed] {
            let (to, mut raw) = conn_and_raw(version);
            raw.write_all(OLD_GET.as_bytes()).unwrap();
            settle(to.read_request(prompt())).unwrap();
            let (from, mut sender) = pair(Family::Tcp);
            sender.say(SAID);
            let response = settle(from.read_response(prompt())).unwrap();
            let passing = from.forward_response(prompt(), response, &to);
            let head = "HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n".len() as u64;
            let mut first = vec![0; head as usize + 4];
            raw.read_exact(&mut first).unwrap();
            match then {
                Then::Whole => sender.say("0\r\n\r\n"),
                Then::SenderCut => drop(sender),
                Then::Canceled => passing.cancel(),
                Then::Closed => to.close(),
            }
            let result = settle(passing);
            let (rest, ending) = drain_raw(&mut raw);
            assert_eq!(rest, b"");
            assert_eq!(count(&result), head + 4, "{then:?}");
            assert_eq!(result.is_ok(), then == Then::Whole, "{then:?}: {result:?}");
            let expected = match then {
                Then::Whole => Ending::InOrder,
                _ => Ending::Cut,
            };
            assert_eq!(ending, expected, "{then:?}");
        }
    }
}

/// What a tunnel has counted is what the receiver has decrypted, also if that does not read on.
#[test]
fn a_stream_is_counted_in_plaintext() {
    for version in VERSIONS {
        let (to, mut raw) = conn_and_raw(version);
        let (from, mut sender) = pair(Family::Tcp);
        let saying = thread::spawn(move || {
            let said = sender.write_all(&pattern(0, MUCH));
            (sender, said)
        });
        let passing = from.forward_stream(Aio::new(), &to);
        raw.sock.peek(&mut [0]).unwrap();
        passing.cancel();
        let (kind, count) = failure(settle(passing));
        assert_eq!(kind, ErrorKind::Canceled);
        drop(to);
        let (bytes, _) = drain_raw(&mut raw);
        assert_eq!(bytes.len() as u64, count);
        assert_pattern(0, &bytes);
        // What was read and not written is there.
        let next = settle(from.read(prompt(), 100)).unwrap();
        assert_pattern(count, &next);
        drop(from);
        let _ = join(saying);
    }
}
