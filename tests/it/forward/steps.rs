//! Interrupted at every step: at once, with the exact count, and a message that was begun is not taken for
//! whole.

use std::time::{Duration, Instant};

use http_aio::testing::memory::{Fault, Faults, MemoryStream};
use http_aio::transport::Transport;
use http_aio::{Aio, CancelToken, Conn, ErrorKind, InFlight, Written};

use super::received::{Asked, Received, Whole, take_message};
use super::{prompt, say};
use crate::support::*;

const AT_ONCE: Duration = Duration::from_millis(50);
const MUCH: usize = 1 << 10;

const SAID: &str = "PUT / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n";
/// What is sent on of it.
const HEAD: usize = "PUT / HTTP/1.1\r\nhost: h\r\ntransfer-encoding: chunked\r\n\r\n".len();

/// Where it is stopped: by a sender that says no more, or a receiver that has room for no more.
#[derive(Clone, Copy, Debug)]
struct Place {
    said: &'static str,
    room: usize,
    /// On the wire, all in all.
    sent: usize,
    count: usize,
}

const PLACES: [Place; 6] = [
    // In the head.
    Place {
        said: "",
        room: 10,
        sent: 10,
        count: 10,
    },
    // Before the first piece.
    Place {
        said: "",
        room: MUCH,
        sent: HEAD,
        count: HEAD,
    },
    // In a piece: "2\r\no".
    Place {
        said: "2\r\nok\r\n",
        room: HEAD + 4,
        sent: HEAD + 4,
        count: HEAD + 1,
    },
    // Before the second piece.
    Place {
        said: "2\r\nok\r\n",
        room: MUCH,
        sent: HEAD + 7,
        count: HEAD + 2,
    },
    // Before the trailers.
    Place {
        said: "2\r\nok\r\n0\r\nt: 1\r\n",
        room: MUCH,
        sent: HEAD + 7,
        count: HEAD + 2,
    },
    // In the end: "0\r\nt:".
    Place {
        said: "2\r\nok\r\n0\r\nt: 1\r\n\r\n",
        room: HEAD + 12,
        sent: HEAD + 12,
        count: HEAD + 2,
    },
];

impl Place {
    fn waits_for_sender(self) -> bool {
        self.room == MUCH
    }
}

/// What is under way.
struct Scene {
    sender: MemoryStream,
    from: Conn,
    to: Conn,
    receiver: MemoryStream,
}

impl Scene {
    fn new(place: Place) -> Self {
        let (from, sender) = memory_pair(MUCH, Faults::none());
        let (to, receiver) = memory_pair(place.room, Faults::none());
        say(&sender, SAID);
        Self {
            sender,
            from,
            to,
            receiver,
        }
    }

    /// Goes as far as it goes.
    #[track_caller]
    fn stopped(&self, place: Place, aio: Aio<Written>) -> Aio<Written, InFlight> {
        let request = settle(self.from.read_request(prompt())).unwrap();
        let passing = self.from.forward_request(aio, request, &self.to);
        say(&self.sender, place.said);
        wait_until("it is stopped", || {
            assert!(!passing.is_done(), "{place:?}: {passing:?}");
            self.receiver.peek().is_ok_and(|there| there == place.sent)
        });
        passing
    }

    /// What the receiver has got when nothing more comes.
    #[track_caller]
    fn received(self) -> Received {
        let wire = drain_memory(self.receiver);
        let mut rest = &wire[..];
        let received = take_message(&mut rest, Asked::Whole);
        assert_eq!(rest, b"");
        received
    }
}

/// It ends as it should, and as it counts; the sender can go on.
#[track_caller]
fn interrupted(
    kind: ErrorKind,
    aio: Aio<Written>,
    interrupt: impl Fn(&Scene, &Aio<Written, InFlight>),
) {
    for place in PLACES {
        in_time(|| {
            let scene = Scene::new(place);
            let passing = scene.stopped(place, aio.another());
            let start = Instant::now();
            interrupt(&scene, &passing);
            let result = settle(passing);
            let took = start.elapsed();
            assert_eq!(failure(result), (kind, place.count as u64), "{place:?}");
            // The write side has ended: nothing follows.
            let late = settle(scene.to.write_all(prompt().iov(["late"])));
            assert_eq!(failure(late), (ErrorKind::Closed, 0), "{place:?}");
            let received = scene.received();
            assert_eq!(received.count(), place.count as u64, "{place:?}");
            assert_eq!(received.whole, Whole::No, "{place:?}");
            at_most(&format!("{place:?}"), took, AT_ONCE)
        });
    }
}

#[test]
fn a_cancel_ends_it_at_every_step() {
    interrupted(ErrorKind::Canceled, Aio::new(), |_, passing| {
        passing.cancel()
    });
}

#[test]
fn a_token_ends_it_at_every_step() {
    for place in PLACES {
        let scene = Scene::new(place);
        let token = CancelToken::new();
        let passing = scene.stopped(place, Aio::new().cancel_token(&token));
        token.cancel();
        let result = settle(passing);
        assert_eq!(failure(result), (ErrorKind::Canceled, place.count as u64));
        assert_eq!(scene.received().count(), place.count as u64);
    }
}

#[test]
fn closing_the_receiver_ends_it_at_every_step() {
    interrupted(ErrorKind::Closed, Aio::new(), |scene, _| scene.to.close());
}

#[test]
fn a_deadline_ends_it_at_every_step() {
    for place in PLACES {
        in_time(|| {
            let scene = Scene::new(place);
            let until = Instant::now() + Duration::from_millis(200);
            let passing = scene.stopped(place, Aio::new().deadline(until));
            let (told, _) = tell(passing);
            let told = once(&told);
            let counted = (ErrorKind::TimedOut, place.count as u64);
            assert_eq!(failure(told.result), counted, "{place:?}");
            assert_eq!(scene.received().count(), place.count as u64);
            at_most(&format!("{place:?}"), told.at - until, AT_ONCE)
        });
    }
}

#[test]
fn closing_the_sender_ends_it_where_it_is_waited_for() {
    for place in PLACES.into_iter().filter(|place| place.waits_for_sender()) {
        let scene = Scene::new(place);
        let passing = scene.stopped(place, Aio::new());
        scene.from.close();
        let counted = (ErrorKind::Closed, place.count as u64);
        assert_eq!(failure(settle(passing)), counted, "{place:?}");
        let received = scene.received();
        assert_eq!(
            (received.count(), received.whole),
            (place.count as u64, Whole::No)
        );
    }
}

/// What has come stays, for whoever reads it.
#[test]
fn a_cancel_leaves_the_rest_to_be_read() {
    let place = PLACES[3];
    let scene = Scene::new(place);
    let passing = scene.stopped(place, Aio::new());
    passing.cancel();
    assert_eq!(
        failure(settle(passing)),
        (ErrorKind::Canceled, place.count as u64)
    );
    say(&scene.sender, "5\r\n, yes\r\n0\r\nt: 1\r\n\r\n");
    assert_eq!(settle(scene.from.read_body(prompt())).unwrap(), ", yes");
    assert_eq!(
        settle(scene.from.read_trailers(prompt())).unwrap()["t"],
        "1"
    );
}

/// Before anything is begun.
#[test]
fn what_is_over_before_it_begins_touches_nothing() {
    let canceled = CancelToken::new();
    canceled.cancel();
    for (options, kind) in [
        (
            Aio::<()>::new().timeout(Duration::ZERO),
            ErrorKind::TimedOut,
        ),
        (Aio::new().cancel_token(&canceled), ErrorKind::Canceled),
    ] {
        let scene = Scene::new(PLACES[1]);
        let request = settle(scene.from.read_request(prompt())).unwrap();
        let again = request.clone();
        let passing = scene
            .from
            .forward_request(options.another(), request, &scene.to);
        assert_eq!(failure(settle(passing)), (kind, 0));
        let stream = memory_pair(MUCH, Faults::none());
        let streaming = stream.0.forward_stream(options.another(), &scene.to);
        assert_eq!(failure(settle(streaming)), (kind, 0));
        // It can be had again.
        say(&scene.sender, "0\r\n\r\n");
        let passing = scene.from.forward_request(prompt(), again, &scene.to);
        settle(passing).unwrap();
    }
}

/// Each call of the receiver's connection fails once, or panics, with calls of all sizes.
#[test]
fn a_failure_of_any_write_is_counted_exactly() {
    let said = format!("{SAID}2\r\nok\r\n3\r\nyes\r\n0\r\nt: 1\r\n\r\n");
    let reset = Fault::Error(std::io::ErrorKind::ConnectionReset);
    for fault in [reset, Fault::Panic] {
        for call_bytes in [1, 5, usize::MAX] {
            for failing in 1.. {
                let (from, sender) = memory_pair(MUCH, Faults::none());
                let (to, receiver) = memory_pair(MUCH, faults(call_bytes, Some((failing, fault))));
                say(&sender, &said);
                let request = settle(from.read_request(prompt())).unwrap();
                let passing = from.forward_request(prompt(), request, &to);
                let result = match failing % 2 {
                    0 => passing.wait(),
                    _ => settle(passing),
                };
                let scene = Scene {
                    sender,
                    from,
                    to: memory_pair(1, Faults::none()).0,
                    receiver,
                };
                drop(to);
                let received = scene.received();
                assert_eq!(count(&result), received.count(), "{failing}: {result:?}");
                if result.is_ok() {
                    assert_eq!(received.whole, Whole::Yes);
                    break;
                }
                assert_eq!(received.whole, Whole::No, "{failing}");
            }
        }
    }
}

#[test]
fn a_failure_of_any_read_is_counted_exactly() {
    let reset = Fault::Error(std::io::ErrorKind::ConnectionReset);
    for fault in [reset, Fault::Panic] {
        for failing in 1.. {
            let mut odd = Faults::none();
            (odd.call_bytes, odd.fail_read) = (3, Some((failing, fault)));
            let (from, sender) = memory_pair(MUCH, odd);
            let (to, receiver) = memory_pair(MUCH, Faults::none());
            say(&sender, SAID);
            say(&sender, "2\r\nok\r\n3\r\nyes\r\n0\r\nt: 1\r\n\r\n");
            let Ok(request) = settle(from.read_request(prompt())) else {
                continue;
            };
            let result = settle(from.forward_request(prompt(), request, &to));
            let scene = Scene {
                sender,
                from,
                to: memory_pair(1, Faults::none()).0,
                receiver,
            };
            drop(to);
            let received = scene.received();
            assert_eq!(count(&result), received.count(), "{failing}: {result:?}");
            assert_eq!(result.is_ok(), received.whole == Whole::Yes, "{failing}");
            if result.is_ok() {
                break;
            }
        }
    }
}
