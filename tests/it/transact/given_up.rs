//! Deadlines, cancels, closes and ends of the stream, in every phase of an exchange.

use std::net::Shutdown;
use std::time::{Duration, Instant};
use std::{io, thread};

use http_aio::bytes::Bytes;
use http_aio::http::{Request, Response};
use http_aio::{Aio, Conn, ErrorKind, InFlight, Limits};

use super::{
    CHUNKS, assert_closed, assert_given_up, assert_usable, get, large, playing, post, written,
};
use crate::site::{answer, path};
use crate::support::*;

/// How far an exchange gets before it is given up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Writing,
    Waiting,
    InTheHead,
    InTheBody,
    InTheChunks,
    ToTheEnd,
}

const PHASES: [Phase; 6] = [
    Phase::Writing,
    Phase::Waiting,
    Phase::InTheHead,
    Phase::InTheBody,
    Phase::InTheChunks,
    Phase::ToTheEnd,
];

impl Phase {
    fn request(self) -> Request<Bytes> {
        match self {
            Self::Writing => post(large()),
            _ => post("hello"),
        }
    }

    /// What of an answer comes.
    fn said(self) -> &'static str {
        match self {
            Self::Writing | Self::Waiting => "",
            Self::InTheHead => "HTTP/1.1 200 OK\r\nContent-Len",
            Self::InTheBody => "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf",
            Self::InTheChunks => {
                "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n6"
            }
            Self::ToTheEnd => "HTTP/1.1 200 OK\r\n\r\nwhen?",
        }
    }

    /// Starts it, and has the peer play its part; then it stands still.
    #[track_caller]
    fn reach(self, conn: &Conn, peer: &mut Peer, aio: Aio<Response<Bytes>>) -> Exchange {
        let aio = conn.transact(aio, self.request());
        let mut taken = 0;
        if self != Self::Writing {
            taken = peer.head().len() + peer.expect(5).len();
            peer.say(self.said());
        }
        Exchange { aio, taken }
    }
}

struct Exchange {
    aio: Aio<Response<Bytes>, InFlight>,
    taken: usize,
}

#[test]
fn a_deadline_covers_every_phase() {
    for family in FAMILIES {
        for phase in PHASES {
            let what = format!("{family:?} {phase:?}");
            let (conn, mut peer) = pair(family);
            let timeout = Duration::from_millis(150);
            let start = Instant::now();
            let Exchange { aio, taken } =
                phase.reach(&conn, &mut peer, Aio::new().timeout(timeout));
            let error = settle(aio).unwrap_err();
            assert!(start.elapsed() >= timeout, "{what}");
            assert_eq!(error.kind(), ErrorKind::TimedOut, "{what}: {error:?}");
            assert!(error.count() > 0, "{what}");
            assert_given_up(&what, &conn, peer, taken, &error);
        }
    }
}

/// A peer that always does a little does not stretch it.
#[test]
fn a_deadline_is_total() {
    in_time(|| {
        let timeout = Duration::from_millis(300);
        let script = |said: &'static str| {
            let (conn, peer) = pair(Family::Tcp);
            let dripping = playing(peer, move |peer| {
                peer.head();
                for byte in said.bytes() {
                    if io::Write::write_all(peer, &[byte]).is_err() {
                        return;
                    }
                    thread::sleep(Duration::from_millis(20));
                }
            });
            (conn, dripping)
        };
        let heads = "HTTP/1.1 200 OK\r\nServer: a name that takes a second and more to be said\r\n";
        let chunks = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n\
                      1\r\na\r\n1\r\na\r\n1\r\na\r\n1\r\na\r\n1\r\na\r\n1\r\na\r\n";
        for said in [heads, chunks] {
            let (conn, dripping) = script(said);
            let start = Instant::now();
            let result = settle(conn.transact(Aio::new().timeout(timeout), get("/")));
            let took = start.elapsed();
            drop(conn);
            join(dripping);
            assert_eq!(failure(result).0, ErrorKind::TimedOut);
            at_most("the exchange", took, timeout + Duration::from_millis(200))?;
        }
        Ok(())
    });
}

#[test]
fn a_cancel_takes_effect_in_every_phase() {
    for family in FAMILIES {
        for phase in PHASES {
            let what = format!("{family:?} {phase:?}");
            let (conn, mut peer) = pair(family);
            let Exchange { aio, taken } = phase.reach(&conn, &mut peer, Aio::new());
            if phase == Phase::Writing {
                // Until it blocks. A count that does not tell is asked for elsewhere.
                wait_until("the peer has some of it", || peer.has_input());
            }
            assert!(!aio.is_done(), "{what}");
            aio.cancel();
            let error = settle(aio).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Canceled, "{what}: {error:?}");
            assert_given_up(&what, &conn, peer, taken, &error);
        }
    }
}

#[test]
fn a_close_takes_effect_in_every_phase() {
    for phase in PHASES {
        let what = format!("{phase:?}");
        let (conn, mut peer) = pair(Family::Tcp);
        let Exchange { aio, taken } = phase.reach(&conn, &mut peer, Aio::new());
        if phase == Phase::Writing {
            wait_until("the peer has some of it", || peer.has_input());
        }
        conn.close();
        let error = settle(aio).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Closed, "{what}: {error:?}");
        assert_given_up(&what, &conn, peer, taken, &error);
    }
}

/// The peer goes away, in order or not.
#[test]
fn an_end_of_stream_in_every_phase_is_no_answer() {
    for family in FAMILIES {
        for phase in PHASES {
            let what = format!("{family:?} {phase:?}");
            let (conn, mut peer) = pair(family);
            let Exchange { aio, taken } = phase.reach(&conn, &mut peer, Aio::new());
            if phase == Phase::Writing {
                wait_until("the peer has some of it", || peer.has_input());
                drop(peer);
                let error = settle(aio).unwrap_err();
                assert_eq!(error.kind(), ErrorKind::Reset, "{what}: {error:?}");
                assert!(error.count() < large().len() as u64, "{what}");
                assert_closed(&conn);
                continue;
            }
            peer.shutdown(Shutdown::Write);
            let result = settle(aio);
            if phase == Phase::ToTheEnd {
                assert_eq!(result.unwrap().body(), "when?");
                continue;
            }
            let error = result.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Reset, "{what}: {error:?}");
            let incomplete = phase != Phase::Waiting;
            assert_eq!(
                error.is_incomplete_message(),
                incomplete,
                "{what}: {error:?}"
            );
            assert_given_up(&what, &conn, peer, taken, &error);
        }
    }
}

#[test]
fn giving_up_what_is_queued_touches_nothing() {
    for family in FAMILIES {
        let (conn, peer) = pair(family);
        let first = conn.transact(Aio::new(), post(large()));
        wait_until("the first is under way", || peer.has_input());
        let queued: Vec<_> = (0..5)
            .map(|n| conn.transact(Aio::new(), get(&format!("/{n}"))))
            .collect();
        let timeout = Duration::from_millis(20);
        let late = conn.transact(Aio::new().timeout(timeout), get("/late"));
        let last = conn.transact(Aio::new(), get("/last"));
        for (n, queued) in queued.iter().enumerate() {
            if n % 2 == 0 {
                queued.cancel();
                wait_until("it is canceled", || queued.is_done());
            }
        }
        assert_eq!(failure(settle(late)), (ErrorKind::TimedOut, 0));
        let playing = playing(peer, |peer| {
            peer.head();
            let mut left = large().len();
            while left > 0 {
                left -= peer.expect(MORE_THAN_FITS).len();
            }
            peer.say(answer("uploaded"));
            for _ in 0..3 {
                let head = peer.head();
                peer.say(answer(path(&head)));
            }
        });
        assert_eq!(settle(first).unwrap().body(), "uploaded");
        for (n, queued) in queued.into_iter().enumerate() {
            match settle(queued) {
                Ok(response) => assert_eq!(response.body(), &format!("/{n}")),
                Err(error) => {
                    assert_eq!((error.kind(), error.count()), (ErrorKind::Canceled, 0));
                    assert_eq!(n % 2, 0);
                }
            }
        }
        assert_eq!(settle(last).unwrap().body(), "/last");
        assert_usable(&conn, join(playing).1);
    }
}

/// What fails in flight takes with it what is queued behind, which has sent nothing.
#[test]
fn those_behind_a_failed_exchange_fail_untouched() {
    let (conn, mut peer) = pair(Family::Tcp);
    let first = conn.transact(Aio::new(), post(large()));
    wait_until("the first is under way", || peer.has_input());
    let queued: Vec<_> = (0..3)
        .map(|_| conn.transact(Aio::new(), get("/")))
        .collect();
    first.cancel();
    let (kind, count) = failure(settle(first));
    assert_eq!(kind, ErrorKind::Canceled);
    for queued in queued {
        assert_eq!(failure(settle(queued)), (ErrorKind::Closed, 0));
    }
    assert_eq!(peer.drain().count(), count);
}

/// However it is given up, and whenever: either nothing went out and the next exchange works, or it is
/// told exactly what did, and the connection is closed.
#[test]
fn giving_up_at_any_moment_leaves_no_doubt() {
    #[derive(Clone, Copy, Debug)]
    enum How {
        Cancel,
        Deadline,
        Close,
    }
    for round in 0..300_u64 {
        let how = [How::Cancel, How::Deadline, How::Close][round as usize % 3];
        let moment = Duration::from_micros(round * 37 % 600);
        let what = format!("{how:?} after {moment:?}");
        let (conn, peer) = pair(FAMILIES[round as usize % 2]);
        let body = Bytes::from(vec![b'x'; 100_000]);
        let playing = playing(peer, move |peer| {
            let (mut taken, mut head) = (0, Vec::new());
            // Serves as many requests as come, until the stream ends.
            loop {
                let mut byte = [0];
                match io::Read::read(peer, &mut byte) {
                    Ok(1..) => taken += 1,
                    _ => return taken,
                }
                head.push(byte[0]);
                if !head.ends_with(b"\r\n\r\n") {
                    continue;
                }
                if head.starts_with(b"POST") {
                    let mut left = 100_000;
                    while left > 0 {
                        let mut body = vec![0; left];
                        match io::Read::read(peer, &mut body) {
                            Ok(count @ 1..) => left -= count,
                            _ => return taken + 100_000 - left as u64,
                        }
                    }
                    taken += 100_000;
                }
                head.clear();
                // Fails when the other end has gone.
                let _ = io::Write::write_all(peer, answer("served").as_bytes());
            }
        });
        let aio = match how {
            How::Deadline => Aio::new().timeout(moment),
            How::Cancel | How::Close => Aio::new(),
        };
        let exchange = conn.transact(aio, post(body));
        // Not a wait for anything: any moment will do.
        let start = Instant::now();
        while start.elapsed() < moment {
            std::hint::spin_loop();
        }
        match how {
            How::Cancel => exchange.cancel(),
            How::Close => conn.close(),
            How::Deadline => {}
        }
        let expected = match settle(exchange) {
            Ok(response) => {
                assert_eq!(response.body(), "served", "{what}");
                Some(written(&response))
            }
            Err(error) if error.count() == 0 && !matches!(how, How::Close) => {
                let next = settle(conn.transact(Aio::new(), get("/next")));
                assert_eq!(next.unwrap().body(), "served", "{what}, untouched");
                None
            }
            Err(error) => {
                let kind = match how {
                    How::Cancel => ErrorKind::Canceled,
                    How::Deadline => ErrorKind::TimedOut,
                    How::Close => ErrorKind::Closed,
                };
                assert_eq!(error.kind(), kind, "{what}: {error:?}");
                assert_closed(&conn);
                Some(error.count())
            }
        };
        drop(conn);
        let taken = join(playing).0;
        if let Some(expected) = expected {
            assert_eq!(taken, expected, "{what}");
        }
    }
}

#[test]
fn an_answer_beyond_the_limit_is_refused() {
    let answers = [
        answer("0123456789!"),
        "HTTP/1.1 200 OK\r\nContent-Length: 11\r\n\r\n".to_owned(), // Known beforehand.
        CHUNKS.to_owned(),
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nb\r\n0123456789!".to_owned(),
        "HTTP/1.1 200 OK\r\n\r\n0123456789!".to_owned(),
    ];
    for said in answers {
        let (conn, peer) = pair(Family::Unix);
        let conn = conn.limits(Limits::default().body_bytes(10));
        let text = said.clone();
        let playing = playing(peer, move |peer| {
            let head = peer.head();
            peer.say(text);
            head.len() as u64
        });
        let error = settle(conn.transact(Aio::new(), get("/"))).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::TooLarge, "{said:?}: {error:?}");
        assert_closed(&conn);
        assert_eq!(join(playing).0, error.count());
    }
}
