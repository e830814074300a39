//! How a forwarding ends: by itself, by the end of a connection, or with nobody left who knows of it.

use std::net::Shutdown;
use std::time::{Duration, Instant};

use http_aio::{Aio, ErrorKind};

use super::{GET, Relay, prompt};
use crate::support::*;

const AT_ONCE: Duration = Duration::from_millis(50);

/// A PUT of which two bytes are to come.
const UPLOAD: &str = "PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\n\r\nab";
/// What is sent on of it: the head, and what has come of the body.
const HEAD_COUNT: u64 = 46;

/// Nothing comes from the sender, and nobody waits for that.
#[test]
fn closing_the_receiver_ends_it() {
    in_time(|| {
        let mut relay = Relay::new();
        let passing = relay.request(UPLOAD);
        relay.server.expect(HEAD_COUNT as usize + 2);
        let start = Instant::now();
        relay.back.close();
        let result = settle(passing);
        let took = start.elapsed();
        assert_eq!(failure(result), (ErrorKind::Closed, HEAD_COUNT + 2));
        relay.client.say("cd");
        assert_eq!(settle(relay.front.read_body(prompt())).unwrap(), "cd");
        at_most("the end", took, AT_ONCE)
    });
    in_time(|| {
        let relay = Relay::new();
        let passing = relay.front.forward_stream(Aio::new(), &relay.back);
        let (passing, _) = tell(passing);
        let start = Instant::now();
        relay.back.close();
        let told = once(&passing);
        assert_eq!(failure(told.result), (ErrorKind::Closed, 0));
        at_most("the end", told.at - start, AT_ONCE)
    });
}

#[test]
fn a_receiver_that_has_ended_is_not_read_for() {
    let mut relay = Relay::new();
    settle(relay.back.close_write(prompt())).unwrap();
    let passing = relay.front.forward_stream(prompt(), &relay.back);
    assert_eq!(failure(settle(passing)), (ErrorKind::Closed, 0));
    relay.client.say(GET);
    let request = settle(relay.front.read_request(prompt())).unwrap();
    let passing = relay.front.forward_request(prompt(), request, &relay.back);
    assert_eq!(failure(settle(passing)), (ErrorKind::Closed, 0));
}

/// The receiver is told that the message is not whole.
#[test]
fn closing_the_sender_ends_it() {
    in_time(|| {
        let mut relay = Relay::new();
        let passing = relay.request(UPLOAD);
        let sent = relay.server.expect(HEAD_COUNT as usize + 2);
        let start = Instant::now();
        relay.front.close();
        let result = settle(passing);
        let took = start.elapsed();
        assert_eq!(failure(result), (ErrorKind::Closed, HEAD_COUNT + 2));
        let drained = relay.server.drain();
        assert_eq!((drained.count(), drained.end), (0, End::OfStream));
        assert!(sent.ends_with(b"ab"));
        // An answer can still be read.
        relay
            .server
            .say("HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n");
        let response = settle(relay.back.read_response(prompt())).unwrap();
        assert_eq!(response.status(), 400);
        at_most("the end", took, AT_ONCE)
    });
}

/// Who waits for it has the connections for himself when it is over.
#[test]
fn it_lets_go_of_the_connections_before_it_tells() {
    for round in 0..300 {
        let Relay {
            mut client,
            front,
            back,
            server,
        } = Relay::new();
        let passing = front.forward_stream(Aio::new(), &back);
        client.say("raw");
        client.shutdown(Shutdown::Write);
        let result = match round % 3 {
            0 => passing.wait(),
            1 => settle(passing),
            _ => once(&tell(passing).0).result,
        };
        assert_eq!(result.unwrap().count(), 3);
        front.into_parts().expect("nobody else has it");
        back.into_parts().expect("nobody else has it");
        drop(server);
    }
}

/// What was submitted goes on, and ends the connections when it is over.
#[test]
#[cfg(target_os = "linux")]
fn detached_it_goes_on_without_its_connections() {
    if !alone("forward::ends::detached_it_goes_on_without_its_connections") {
        return;
    }
    let (tasks, open) = (tasks(), descriptors());
    for much in [2, 3 << 20] {
        for polled in [false, true] {
            let Relay {
                mut client,
                front,
                back,
                mut server,
            } = Relay::new();
            client.say(format!(
                "PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: {much}\r\n\r\n"
            ));
            let request = settle(front.read_request(prompt())).unwrap();
            let passing = front.forward_request(Aio::new(), request, &back);
            assert!(!(polled && passing.is_done()));
            drop(passing);
            drop((front, back));
            let sending = std::thread::spawn(move || {
                client.say(pattern(0, much));
                client
            });
            let drained = server.drain();
            let body = &drained.bytes[drained.bytes.len() - much..];
            assert_pattern(0, body);
            drop(server);
            let mut client = join(sending);
            assert_eq!(client.drain().bytes, b"");
        }
    }
    wait_until("threads end, and descriptors close", || {
        tasks_since(&tasks).is_empty() && descriptors() <= open
    });
}
