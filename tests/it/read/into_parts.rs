//! Connections that are taken apart.

use std::thread;
use std::time::Duration;

use http_aio::{Aio, Conn, ErrorKind, Limits, Parts, Stream};

use super::{assert_alive, let_it_block, pair_with, pair_with_unread};
use crate::support::*;

#[track_caller]
fn parts(conn: Conn) -> Parts {
    match conn.into_parts() {
        Ok(parts) => parts,
        Err(conn) => panic!("refused: {conn:?}"),
    }
}

/// The stream blocks, has no timeouts, and nobody ends it.
#[track_caller]
fn assert_whole(stream: Stream, peer: &mut Peer) {
    let (mut stream, timeouts) = match stream {
        Stream::Tcp(stream) => {
            let timeouts = [stream.read_timeout(), stream.write_timeout()];
            (Peer::Tcp(stream), timeouts)
        }
        Stream::Unix(stream) => {
            let timeouts = [stream.read_timeout(), stream.write_timeout()];
            (Peer::Unix(stream), timeouts)
        }
        other => panic!("what is it? {other:?}"),
    };
    assert_eq!(timeouts.map(Result::unwrap), [None, None]);
    stream.say("mine");
    assert_eq!(peer.expect(4), b"mine");
    let reader = thread::spawn(move || stream.expect(4));
    thread::sleep(Duration::from_millis(20));
    assert!(!reader.is_finished(), "it does not block");
    peer.say("more");
    assert_eq!(join(reader), b"more");
}

#[test]
fn a_connection_gives_its_stream_back_with_what_was_not_read() {
    for family in FAMILIES {
        // Never used.
        let (conn, mut peer) = pair(family);
        let unused = parts(conn);
        assert_eq!(unused.unread, "");
        assert_whole(unused.stream, &mut peer);

        // Used, with timeouts that went to the kernel.
        let (conn, mut peer) = pair_with_unread(family, "abc");
        let aio = conn.read_all(Aio::new().timeout(Duration::from_millis(20)), 9);
        assert_eq!(failure(settle(aio)), (ErrorKind::TimedOut, 3));
        let aio = jam(&conn, Aio::new().timeout(PATIENCE));
        peer.expect(MORE_THAN_FITS);
        settle(aio).unwrap();
        let used = parts(conn);
        assert_eq!(used.unread, "abc");
        assert_whole(used.stream, &mut peer);
    }
}

/// Whoever has waited for the last operation has the connection to himself.
#[test]
fn a_connection_can_be_taken_apart_as_soon_as_the_last_operation_was_waited_for() {
    #[track_caller]
    fn check(last: impl Fn(&Conn)) {
        for round in 0..300 {
            let (conn, _peer) = pair_with(Family::Unix, "xyz");
            last(&conn);
            assert!(conn.into_parts().is_ok(), "refused in round {round}");
        }
    }
    check(|conn| drop(settle(conn.read(Aio::new(), 1)).unwrap()));
    check(|conn| drop(settle(conn.read_all(Aio::new(), 3)).unwrap()));
    check(|conn| {
        assert_eq!(
            settle(conn.write_all(Aio::new().iov(["abc"])))
                .unwrap()
                .count(),
            3
        )
    });
    check(|conn| {
        let expired = conn.read_all(Aio::new().timeout(Duration::from_millis(1)), 4);
        assert_eq!(failure(settle(expired)).0, ErrorKind::TimedOut);
    });
    check(|conn| {
        let queued = (conn.read(Aio::new(), 1), conn.read(Aio::new(), 1));
        settle(queued.1).unwrap();
        drop(queued.0);
    });
}

#[test]
fn a_connection_in_use_is_handed_back_whole() {
    /// `keep` makes the connection one that is in use.
    #[track_caller]
    fn check<K>(what: &str, keep: impl Fn(&Conn) -> K, and_then: impl Fn(K, &mut Peer)) {
        for family in FAMILIES {
            let (conn, mut peer) = pair(family);
            let conn = conn.limits(Limits::default().head_bytes(20));
            let kept = keep(&conn);
            let Err(conn) = conn.into_parts() else {
                panic!("{family:?}: taken apart with {what}");
            };
            and_then(kept, &mut peer);
            assert_alive(&conn, &mut peer);
            // The limits are still the handle's.
            peer.say("GET / HTTP/1.1\r\nHost: h\r\n\r\n");
            let head = settle(conn.read_request(Aio::new()));
            assert_eq!(failure(head).0, ErrorKind::TooLarge);
        }
    }
    check("another handle", Conn::clone, |_, _| {});
    check(
        "a read in flight",
        |conn| conn.read(Aio::new(), 1),
        |aio, peer| {
            peer.say("x");
            assert_eq!(settle(aio).unwrap(), "x");
        },
    );
    check(
        "reads queued",
        |conn| [conn.read_all(Aio::new(), 2), conn.read_all(Aio::new(), 2)],
        |aios, peer| {
            peer.say("abcd");
            assert_eq!(aios.map(|aio| settle(aio).unwrap()), ["ab", "cd"]);
        },
    );
    check(
        "a write in flight",
        |conn| jam(conn, Aio::new()),
        |aio, peer| {
            peer.expect(MORE_THAN_FITS);
            settle(aio).unwrap();
        },
    );
    check(
        "a detached write",
        |conn| drop(jam(conn, Aio::new())),
        |(), peer| drop(peer.expect(MORE_THAN_FITS)),
    );
}

/// Its call may take a moment to notice; until then the connection is handed back, and in use.
#[test]
fn a_connection_whose_read_was_canceled_can_be_taken_apart() {
    for family in FAMILIES {
        let (conn, mut peer) = pair_with_unread(family, "abc");
        let aio = conn.read_all(Aio::new(), 9);
        let_it_block(&aio, 3);
        aio.cancel();
        assert_eq!(failure(settle(aio)), (ErrorKind::Canceled, 3));
        let mut whole = Some(conn);
        let mut taken = None;
        wait_until("it is taken apart", || {
            match whole.take().expect("handed back").into_parts() {
                Ok(parts) => taken = Some(parts),
                Err(conn) => whole = Some(conn),
            }
            taken.is_some()
        });
        let taken = taken.expect("just now");
        assert_eq!(taken.unread, "abc");
        assert_whole(taken.stream, &mut peer);
    }
}

/// As a protocol upgrade does it.
#[test]
fn a_connection_can_be_taken_apart_in_its_own_closure() {
    for family in FAMILIES {
        let (conn, mut peer) = pair(family);
        let (sender, taken) = crossbeam_channel::unbounded();
        let reader = conn.clone();
        let aio = reader.read_request(Aio::new());
        drop(reader);
        aio.on_complete(move |request, _| {
            let path = request.unwrap().uri().path().to_owned();
            let _ = sender.send((path, conn.into_parts()));
        });
        peer.say("GET /chat HTTP/1.1\r\nHost: h\r\n\r\nhello");
        let (path, taken) = receive(&taken);
        assert_eq!(path, "/chat");
        let taken = taken.expect("nothing else is in flight");
        assert_eq!(taken.unread, "hello");
        assert_whole(taken.stream, &mut peer);

        let (conn, mut peer) = pair(family);
        let (sender, taken) = crossbeam_channel::unbounded();
        let writer = conn.clone();
        let aio = writer.write_all(Aio::new().iov(["HTTP/1.1 101 \r\n\r\n"]));
        drop(writer);
        aio.on_complete(move |_, _| drop(sender.send(conn.into_parts())));
        let taken = receive(&taken).expect("nothing else is in flight");
        assert_eq!(peer.expect(17), b"HTTP/1.1 101 \r\n\r\n");
        assert_whole(taken.stream, &mut peer);
    }
}
