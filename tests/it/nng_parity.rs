//! The cases of `reference/nng-contract.md` by their numbers, so that one finds them: 106 to 121 are
//! those that nng itself fails, 94 to 105 come from its `src/core/aio_test.c` (v2.0.0-alpha.7).
//!
//! Each is the shortest form of what other files prove at length. Not here: 91 to 93, 95 and 100
//! (sleeping aios, stopping the library, cancel hooks of providers, socket-wide timeouts: nothing
//! of the kind exists), 117 (TLS, not yet) and 122 to 136 (client, server).

use std::net::{Shutdown, TcpListener};
use std::thread;
use std::time::{Duration, Instant};

use crossbeam_channel::{RecvTimeoutError, Sender, unbounded};
use http_aio::bytes::Bytes;
use http_aio::http::{HeaderValue, Method, Request, Response, Uri};
use http_aio::{Aio, Conn, Error, ErrorKind, Reason, Written};

use crate::support::*;

const SOON: Duration = Duration::from_millis(40);

// ----------------------------------------------------------------- nng's own aio tests, 94 to 105

/// nng refuses more than 8 segments. There is no such limit here.
#[test]
fn case_094_a_vector_has_any_number_of_segments() {
    for count in [8, 9, 32, 1024] {
        let (conn, mut peer) = pair(Family::Tcp);
        let aio = Aio::new().iov(vec!["x"; count]);
        assert_eq!(settle(conn.write_all(aio)).unwrap().count(), count as u64);
        assert_eq!(peer.expect(count), vec![b'x'; count]);
    }
}

#[test]
fn case_096_a_canceled_operation_has_one_callback_with_canceled() {
    let (conn, _peer) = pair(Family::Tcp);
    let (told, canceler) = tell(conn.read(Aio::new(), 1));
    canceler.cancel();
    canceler.cancel();
    assert_eq!(failure(once(&told).result).0, ErrorKind::Canceled);
}

#[test]
fn case_097_send_and_receive_each_have_one_callback() {
    let (near, far) = tcp_pair();
    let (near, far) = (Conn::from(near), Conn::from(far));
    let received = tell(far.read_all(Aio::new(), 5)).0;
    let sent = tell(near.write_all(Aio::new().iov(["hello"]))).0;
    assert_eq!(once(&sent).result.unwrap().count(), 5);
    assert_eq!(once(&received).result.unwrap(), "hello");
}

#[test]
fn case_098_an_explicit_timeout_has_one_callback_with_timed_out() {
    let (conn, _peer) = pair(Family::Tcp);
    let start = Instant::now();
    let told = tell(conn.read(Aio::new().timeout(SOON), 1)).0;
    assert_eq!(failure(once(&told).result).0, ErrorKind::TimedOut);
    assert!(start.elapsed() >= SOON);
}

#[test]
fn case_099_an_absolute_expiry_is_the_same() {
    let (conn, _peer) = pair(Family::Tcp);
    let at = Instant::now() + SOON;
    let told = tell(conn.read(Aio::new().deadline(at), 1)).0;
    assert_eq!(failure(once(&told).result).0, ErrorKind::TimedOut);
    assert!(Instant::now() >= at);
}

#[test]
fn case_101_a_timeout_of_zero_has_one_callback_with_timed_out() {
    let (conn, mut peer) = pair(Family::Tcp);
    peer.say("there would be something");
    let told = tell(conn.read(Aio::new().timeout(Duration::ZERO), 1)).0;
    assert_eq!(failure(once(&told).result).0, ErrorKind::TimedOut);
    let told = tell(conn.write_all(Aio::new().iov(["x"]).timeout(Duration::ZERO))).0;
    assert_eq!(failure(once(&told).result), (ErrorKind::TimedOut, 0));
    assert!(!peer.has_input());
}

/// `nng_aio_reap` from the callback is dropping the aio there.
#[test]
fn case_102_an_aio_may_be_dropped_in_its_own_callback() {
    let (conn, mut peer) = pair(Family::Tcp);
    let (sender, gone) = unbounded::<()>();
    let aio = conn.read(Aio::new(), 1);
    aio.on_complete(move |_, aio| {
        drop(aio);
        drop(sender);
    });
    peer.say("x");
    assert_eq!(
        gone.recv_timeout(PATIENCE),
        Err(RecvTimeoutError::Disconnected)
    );
}

/// Resubmits until it fails, or `left` times; the end of the sender is the end of the loop.
fn read_loop(conn: Conn, aio: Aio<Bytes>, left: usize, told: Sender<Result<Bytes, Error>>) {
    let aio = conn.read(aio, 1);
    aio.on_complete(move |result, aio| {
        let go_on = result.is_ok() && left > 1;
        let _ = told.send(result);
        if go_on {
            read_loop(conn, aio, left - 1, told);
        }
    });
}

#[test]
fn case_103_an_aio_is_resubmitted_from_its_callback_three_times() {
    let (conn, mut peer) = pair(Family::Tcp);
    peer.say("xxxxx");
    let (sender, told) = unbounded();
    read_loop(conn, Aio::new(), 3, sender);
    for _ in 0..3 {
        assert_eq!(receive(&told).unwrap(), "x");
    }
    let end = told.recv_timeout(PATIENCE).map(drop);
    assert_eq!(end, Err(RecvTimeoutError::Disconnected));
}

/// Here a canceler knows one operation; closing the connection is what stops such a loop.
#[test]
fn case_104_a_loop_of_resubmissions_is_stopped() {
    let (conn, mut peer) = pair(Family::Tcp);
    let (sender, told) = unbounded();
    read_loop(conn.clone(), Aio::new(), usize::MAX, sender);
    peer.say("xx");
    for _ in 0..2 {
        assert_eq!(receive(&told).unwrap(), "x");
    }
    conn.close();
    assert_eq!(failure(receive(&told)).0, ErrorKind::Closed);
    let end = told.recv_timeout(PATIENCE).map(drop);
    assert_eq!(end, Err(RecvTimeoutError::Disconnected));
}

#[test]
fn case_105_an_operation_is_busy_until_it_is_done() {
    let (conn, mut peer) = pair(Family::Tcp);
    let aio = conn.read(Aio::new(), 1);
    assert!(!aio.is_done());
    peer.say("x");
    wait_until("it is done", || aio.is_done());
    assert_eq!(settle(aio).unwrap(), "x");
}

// -------------------------------------------------------------------------- the contract, 106 to 121

/// A1.
#[test]
fn case_106_a_write_that_fails_reports_what_the_peer_can_read() {
    #[track_caller]
    fn check(aio: Aio<Written>, end: impl FnOnce(&Conn, &http_aio::Canceler), kind: ErrorKind) {
        let (conn, mut peer) = pair(Family::Tcp);
        let write = jam(&conn, aio);
        end(&conn, &write.canceler());
        let (failed, count) = failure(settle(write));
        assert_eq!(failed, kind);
        assert!(0 < count && count < MORE_THAN_FITS as u64);
        drop(conn);
        let drained = peer.drain();
        assert_eq!(drained.count(), count);
        assert_pattern(0, &drained.bytes);
    }
    check(
        Aio::new(),
        |_, canceler| canceler.cancel(),
        ErrorKind::Canceled,
    );
    check(Aio::new(), |conn, _| conn.close(), ErrorKind::Closed);
    check(Aio::new().timeout(5 * SOON), |_, _| {}, ErrorKind::TimedOut);
}

/// A1, A4.
#[test]
fn case_107_a_read_that_fails_reports_what_is_there_for_the_next() {
    let (conn, mut peer) = pair(Family::Tcp);
    peer.say("abc");
    let expired = conn.read_all(Aio::new().timeout(SOON), 8);
    assert_eq!(failure(settle(expired)), (ErrorKind::TimedOut, 3));
    peer.shutdown(Shutdown::Write);
    let ended = conn.read_all(Aio::new(), 8);
    assert_eq!(failure(settle(ended)), (ErrorKind::Reset, 3));
    assert_eq!(settle(conn.read_all(Aio::new(), 3)).unwrap(), "abc");
}

/// A1b. There is nothing to sleep with; what comes nearest is an aio whose time ran out before.
#[test]
fn case_108_an_aio_that_has_timed_out_before_times_out_again() {
    let (conn, _peer) = pair(Family::Tcp);
    let stuck = jam(&conn, Aio::new());
    let queued = conn.write_all(Aio::new().iov(["x"]).timeout(SOON));
    let (result, aio) = settle_and_reclaim(queued);
    assert_eq!(failure(result), (ErrorKind::TimedOut, 0));
    let result = settle(conn.write_all(aio.iov(["y"])));
    assert_eq!(failure(result), (ErrorKind::TimedOut, 0));
    assert!(!stuck.is_done());
}

/// A2.
#[test]
fn case_109_a_cancel_that_races_with_completion_tells_the_truth() {
    for round in 0..1000_u64 {
        let (conn, mut peer) = pair(Family::Unix);
        let first = conn.write_all(Aio::new().iov(["1234"]));
        let second = conn.write_all(Aio::new().iov(["5678"]));
        for _ in 0..round % 100 * 20 {
            std::hint::spin_loop();
        }
        first.cancel();
        let first = settle(first);
        let second = settle(second);
        let expected = match (&first, &second) {
            (Ok(_), Ok(_)) => "12345678",
            (Err(error), Ok(_)) if error.is_canceled() && error.count() == 0 => "5678",
            outcome => panic!("round {round}: {outcome:?}"),
        };
        drop(conn);
        assert_eq!(peer.drain().bytes, expected.as_bytes());
    }
}

/// A3.
#[test]
fn case_110_a_cancel_after_completion_changes_nothing() {
    let (conn, mut peer) = pair(Family::Tcp);
    let aio = conn.write_all(Aio::new().iov(["hello"]));
    let canceler = aio.canceler();
    wait_until("it is done", || aio.is_done());
    canceler.cancel();
    assert_eq!(aio.count(), 5);
    let (result, aio) = settle_and_reclaim(aio);
    assert_eq!(result.unwrap().count(), 5);
    // Nor what the aio does next.
    let aio = conn.write_all(aio.iov(["again"]));
    canceler.cancel();
    assert_eq!(settle(aio).unwrap().count(), 5);
    assert_eq!(peer.expect(10), b"helloagain");
}

/// A5.
#[test]
fn case_111_a_write_is_resubmitted_from_the_callback_of_a_canceled_one() {
    for _ in 0..50 {
        let (conn, _peer) = pair(Family::Unix);
        let write = jam_briefly(&conn);
        let (sender, again) = unbounded();
        let mine = conn.clone();
        let canceler = write.on_complete(move |result, aio| {
            assert_eq!(failure(result).0, ErrorKind::Canceled);
            let _ = sender.send(tell(mine.write_all(aio.iov(["again"]))).0);
        });
        canceler.cancel();
        // The stream is cut, so the write side has ended; that is a clean result.
        let result = once(&receive(&again)).result;
        assert_eq!(failure(result), (ErrorKind::Closed, 0));
        conn.close();
    }

    /// As `jam`, without waiting until the kernel takes no more.
    fn jam_briefly(conn: &Conn) -> Aio<Written, http_aio::InFlight> {
        let write = write_pattern(conn, Aio::new(), 0, MORE_THAN_FITS);
        wait_until("it has begun", || write.count() > 0);
        write
    }
}

/// A6. What is stopped here is the connection.
#[test]
fn case_112_what_is_submitted_after_the_end_still_has_its_callback() {
    let (conn, _peer) = pair(Family::Tcp);
    conn.close();
    let write = tell(conn.write_all(Aio::new().iov(["x"]))).0;
    let read = tell(conn.read_request(Aio::new())).0;
    assert_eq!(failure(once(&write).result), (ErrorKind::Closed, 0));
    assert_eq!(failure(once(&read).result), (ErrorKind::Closed, 0));
}

/// B1.
#[test]
fn case_113_operations_of_different_kinds_do_not_change_one_another() {
    let (conn, mut peer) = pair(Family::Tcp);
    let all = jam(&conn, Aio::new());
    let some = conn.write(Aio::new().iov(["tail"]));
    peer.expect(MORE_THAN_FITS);
    assert_eq!(settle(all).unwrap().count(), MORE_THAN_FITS as u64);
    assert_eq!(settle(some).unwrap().count(), 4);
    assert_eq!(peer.expect(4), b"tail");

    let head = conn.read_response(Aio::new());
    let body = conn.read_all(Aio::new(), 5);
    let rest = conn.read(Aio::new(), 100);
    let next = conn.read_request(Aio::new());
    for part in [
        "HTTP/1.1 20",
        "1 Created\r\nContent-Length: 6\r\n\r",
        "\nHEL",
        "LO+",
    ] {
        peer.say(part);
    }
    assert_eq!(settle(head).unwrap().status(), 201);
    assert_eq!(settle(body).unwrap(), "HELLO");
    assert_eq!(settle(rest).unwrap(), "+");
    peer.say("GET / HTTP/1.1\r\nHost: h\r\n\r\n");
    assert_eq!(settle(next).unwrap().method(), Method::GET);
}

/// B2.
#[test]
fn case_114_a_read_that_times_out_leaves_the_write_in_flight_alone() {
    let (conn, mut peer) = pair(Family::Tcp);
    let write = jam(&conn, Aio::new());
    let read = conn.read(Aio::new().timeout(SOON), 1);
    assert_eq!(failure(settle(read)).0, ErrorKind::TimedOut);
    assert!(!write.is_done());
    assert_pattern(0, &peer.expect(MORE_THAN_FITS));
    assert_eq!(settle(write).unwrap().count(), MORE_THAN_FITS as u64);
}

/// B3.
#[test]
fn case_115_segments_of_no_length_mean_nothing() {
    for family in FAMILIES {
        let (conn, mut peer) = pair(family);
        for (segments, count) in [
            (vec![], 0),
            (vec![""], 0),
            (vec!["", "", ""], 0),
            (vec!["ab", "", "cd"], 4),
            (vec!["", "ab", ""], 2),
        ] {
            let aio = conn.write_all(Aio::new().iov(segments.clone()));
            assert_eq!(settle(aio).unwrap().count(), count);
            assert_eq!(peer.expect(count as usize), segments.concat().as_bytes());
        }
        assert_eq!(settle(conn.read(Aio::new(), 0)).unwrap(), "");
        assert_eq!(settle(conn.read_all(Aio::new(), 0)).unwrap(), "");
        peer.say("x");
        assert_eq!(settle(conn.read(Aio::new(), 1)).unwrap(), "x");
    }
}

/// B4, D17.
#[test]
fn case_116_200_pipelined_requests_have_200_answers_in_order() {
    let (near, far) = tcp_pair();
    let (client, server) = (Conn::from(near), Conn::from(far));
    for n in 0..200 {
        let request = Request::get(format!("http://example.com/{n}"));
        drop(client.write_request(Aio::new(), request.body(()).unwrap()));
    }
    let serving = thread::spawn(move || {
        for _ in 0..200 {
            let request = settle(server.read_request(Aio::new())).unwrap();
            let path = request.uri().path().to_owned();
            drop(server.write_response(Aio::new(), Response::new(path)));
        }
    });
    for n in 0..200 {
        let expected = format!("/{n}");
        let response = settle(client.read_response(Aio::new())).unwrap();
        assert_eq!(
            response.headers()["content-length"],
            &*expected.len().to_string()
        );
        let body = settle(client.read_all(Aio::new(), expected.len()));
        assert_eq!(body.unwrap(), expected);
    }
    join(serving);
}

/// B6.
#[test]
fn case_118_a_connect_that_times_out_does_not_touch_another() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let there = listener.local_addr().unwrap();
    /// Resolves when it is told to, so that it depends on no network.
    struct Slow(crossbeam_channel::Receiver<()>, std::net::SocketAddr);
    impl std::net::ToSocketAddrs for Slow {
        type Iter = std::option::IntoIter<std::net::SocketAddr>;
        fn to_socket_addrs(&self) -> std::io::Result<Self::Iter> {
            receive(&self.0);
            Ok(Some(self.1).into_iter())
        }
    }
    let (let_go, gate) = unbounded();
    let first = Conn::connect(Aio::new(), Slow(gate.clone(), there));
    let second = Conn::connect(Aio::new().timeout(SOON), Slow(gate, there));
    assert_eq!(failure(settle(second)).0, ErrorKind::TimedOut);
    assert!(!first.is_done());
    for _ in 0..2 {
        let_go.send(()).unwrap();
    }
    let conn = settle(first).unwrap();
    assert_eq!(
        settle(conn.write_all(Aio::new().iov(["x"])))
            .unwrap()
            .count(),
        1
    );
}

/// C1.
#[test]
fn case_119_a_message_that_was_changed_is_sent_changed() {
    let (conn, mut peer) = pair(Family::Tcp);
    let mut request = Request::get("/a").header("X", "1").body(()).unwrap();
    settle(conn.write_request(Aio::new(), request.clone())).unwrap();
    *request.method_mut() = Method::DELETE;
    *request.uri_mut() = Uri::from_static("/b");
    request
        .headers_mut()
        .insert("x", HeaderValue::from_static("2"));
    settle(conn.write_request(Aio::new(), request)).unwrap();
    let expected = "GET /a HTTP/1.1\r\nhost: \r\nx: 1\r\n\r\n\
        DELETE /b HTTP/1.1\r\nhost: \r\nx: 2\r\n\r\n";
    assert_eq!(peer.expect(expected.len()), expected.as_bytes());
}

/// C2. The types refuse the rest; see `message`.
#[test]
fn case_120_nothing_that_splits_a_message_can_be_written() {
    let (conn, peer) = pair(Family::Tcp);
    for text in ["a\r\nb: c", "a\rb", "a\nb", "a\0b"] {
        assert!(Method::from_bytes(text.as_bytes()).is_err());
        assert!(format!("/{text}").parse::<Uri>().is_err());
        assert!(HeaderValue::from_bytes(text.as_bytes()).is_err());
        let mut response = Response::new(Bytes::new());
        response.extensions_mut().insert(Reason::from(text));
        let result = settle(conn.write_response(Aio::new(), response));
        assert_eq!(failure(result), (ErrorKind::InvalidInput, 0));
    }
    assert!(!peer.has_input());
}

/// C3, C4.
#[test]
fn case_121_five_gibibytes_and_nothing_are_lengths() {
    let (conn, mut peer) = pair(Family::Tcp);
    let empty = || Request::put("http://h/").body(()).unwrap();
    settle(conn.write_request(Aio::new(), empty())).unwrap();
    let large = Request::put("http://h/").header("Content-Length", 5_u64 << 30);
    settle(conn.write_request(Aio::new(), large.body(()).unwrap())).unwrap();
    // Its body comes before the next head.
    let early = settle(conn.write_request(Aio::new(), empty()));
    assert_eq!(failure(early), (ErrorKind::InvalidInput, 0));
    assert_eq!(
        settle(conn.write_all(Aio::new().iov(["x"])))
            .unwrap()
            .count(),
        1
    );
    let expected = "PUT / HTTP/1.1\r\nhost: h\r\ncontent-length: 0\r\n\r\n\
        PUT / HTTP/1.1\r\nhost: h\r\ncontent-length: 5368709120\r\n\r\nx";
    let sent = peer.expect(expected.len());
    assert_eq!(sent, expected.as_bytes());
    peer.say(sent);
    for length in ["0", "5368709120"] {
        let request = settle(conn.read_request(Aio::new())).unwrap();
        assert_eq!(request.headers()["content-length"], length);
    }
    let early = settle(conn.read_request(Aio::new()));
    assert_eq!(failure(early).0, ErrorKind::InvalidInput);
    assert_eq!(settle(conn.read(Aio::new(), 100)).unwrap(), "x");
}
