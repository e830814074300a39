//! Whole exchanges: one call, one deadline, one answer, and a connection that is either as good as
//! before or closed.

use std::io;
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crossbeam_channel::unbounded;
use http_aio::bytes::Bytes;
use http_aio::http::{Request, Response, StatusCode, Version};
use http_aio::{Aio, Conn, Error, ErrorKind, InFlight, Interim, Limits, Written};

use crate::support::*;

// ------------------------------------------------------------------------------------------ peers

/// Reads a head, to its blank line and no further.
#[track_caller]
fn asked(peer: &mut Peer) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.extend(peer.expect(1));
    }
    String::from_utf8(head).expect("we write ASCII")
}

/// Has a thread play the peer; comes back with it, so that it is not closed before its time.
fn playing<T: Send + 'static>(
    mut peer: Peer,
    play: impl FnOnce(&mut Peer) -> T + Send + 'static,
) -> JoinHandle<(T, Peer)> {
    thread::spawn(move || {
        let result = play(&mut peer);
        (result, peer)
    })
}

fn path(head: &str) -> &str {
    head.split(' ').nth(1).expect("a request line")
}

fn answer(body: &str) -> String {
    format!(
        "HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

const CHUNKS: &str =
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n";

/// A server for many requests on many connections: it answers by path.
#[derive(Debug)]
struct Local {
    address: SocketAddr,
    requests: Arc<AtomicUsize>,
}

impl Local {
    fn listen() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("bound");
        let requests = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&requests);
        // Ends with the test process.
        thread::spawn(move || {
            while let Ok((stream, _)) = listener.accept() {
                let counted = Arc::clone(&counted);
                thread::spawn(move || serve(stream, &counted));
            }
        });
        Self { address, requests }
    }

    #[track_caller]
    fn connect(&self) -> Conn {
        settle(Conn::connect(Aio::new(), self.address)).expect("it listens")
    }

    fn get(&self, path: &str) -> Request<Bytes> {
        Request::get(format!("http://{}{path}", self.address))
            .body(Bytes::new())
            .unwrap()
    }

    fn requests(&self) -> usize {
        self.requests.load(Ordering::SeqCst)
    }
}

/// One connection, until it ends.
fn serve(stream: TcpStream, requests: &AtomicUsize) {
    let mut stream = io::BufReader::new(stream);
    loop {
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            match io::BufRead::read_line(&mut stream, &mut head) {
                Ok(1..) => {}
                _ => return,
            }
        }
        requests.fetch_add(1, Ordering::SeqCst);
        let answer = match path(&head) {
            "/text" => answer("Hello, World!\n"),
            "/one" => answer("one"),
            "/two" => answer("two"),
            "/hello" => answer("hello world"),
            "/large" => answer(&"0123456789abcdef".repeat(64 << 10)),
            "/chunked" => CHUNKS.to_owned(),
            "/wraps" => CHUNKS.replace("5\r\nhello", "10000000000000000\r\nhello"),
            "/huge" => CHUNKS.replace("5\r\nhello", "ffffffffffffffff\r\nhello"),
            "/slow" => {
                thread::sleep(Duration::from_millis(200));
                answer("slow")
            }
            path => answer(path),
        };
        if io::Write::write_all(stream.get_mut(), answer.as_bytes()).is_err() {
            return;
        }
    }
}

// --------------------------------------------------------------------------------------- requests

fn get(path: &str) -> Request<Bytes> {
    Request::get(path).body(Bytes::new()).unwrap()
}

fn post(body: impl Into<Bytes>) -> Request<Bytes> {
    Request::post("/").body(body.into()).unwrap()
}

/// More than fits between the ends of a pair, several times.
fn large() -> Bytes {
    pattern(0, 4 * MORE_THAN_FITS)
}

fn large_head() -> String {
    format!(
        "POST / HTTP/1.1\r\nhost: \r\ncontent-length: {}\r\n\r\n",
        large().len()
    )
}

fn written<B>(response: &Response<B>) -> u64 {
    let written = response.extensions().get::<Written>();
    written.expect("it tells what went out").count()
}

fn interim<B>(response: &Response<B>) -> Vec<u16> {
    let interim = response.extensions().get::<Interim>();
    interim.map_or_else(Vec::new, |interim| {
        let responses = interim.responses().iter();
        responses
            .map(|response| response.status().as_u16())
            .collect()
    })
}

/// The connection takes no further exchange, and says so without touching it.
#[track_caller]
fn assert_closed(conn: &Conn) {
    assert!(!conn.is_reusable());
    for aio in [Aio::new(), Aio::new().timeout(PATIENCE)] {
        assert_eq!(
            failure(settle(conn.transact(aio, get("/again")))),
            (ErrorKind::Closed, 0)
        );
    }
}

/// The next exchange works.
#[track_caller]
fn assert_usable(conn: &Conn, peer: Peer) -> Peer {
    assert!(conn.is_reusable());
    let playing = playing(peer, |peer| {
        assert_eq!(path(&asked(peer)), "/usable");
        peer.say(answer("usable"));
    });
    let response = settle(conn.transact(Aio::new(), get("/usable"))).unwrap();
    assert_eq!(response.body(), "usable");
    assert!(conn.is_reusable());
    join(playing).1
}

// --------------------------------------------------------------------------- small, and as they come

#[test]
fn an_exchange_on_the_wire() {
    for family in FAMILIES {
        let (conn, peer) = pair(family);
        let expected = [
            "GET /a?b HTTP/1.1\r\nhost: \r\n\r\n",
            "POST / HTTP/1.1\r\nhost: \r\ncontent-length: 5\r\n\r\nhello",
            "POST / HTTP/1.1\r\nhost: \r\ncontent-length: 0\r\n\r\n",
            "HEAD / HTTP/1.1\r\nhost: \r\n\r\n",
            "GET /end HTTP/1.1\r\nhost: \r\n\r\n",
        ];
        let answers = [
            answer("to the first"),
            CHUNKS.to_owned(),
            "HTTP/1.1 204 No Content\r\n\r\n".to_owned(),
            "HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n".to_owned(),
            "HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 500 Oops\r\n\r\nto the end".to_owned(),
        ];
        let playing = playing(peer, move |peer| {
            for (expected, answer) in expected.iter().zip(answers) {
                let request = peer.expect(expected.len());
                assert_eq!(String::from_utf8_lossy(&request), *expected);
                peer.say(answer);
            }
            peer.shutdown(Shutdown::Write);
        });
        let head = Request::head("/").body(Bytes::new()).unwrap();
        let requests = [get("/a?b"), post("hello"), post(""), head, get("/end")];
        let bodies = ["to the first", "hello world", "", "", "to the end"];
        for (n, (request, body)) in requests.into_iter().zip(bodies).enumerate() {
            let response = settle(conn.transact(Aio::new(), request)).unwrap();
            assert_eq!(response.body(), body);
            assert_eq!(written(&response), expected[n].len() as u64);
            assert_eq!(interim(&response), if n == 4 { vec![103] } else { vec![] });
            assert_eq!(conn.is_reusable(), n < 4);
        }
        assert_closed(&conn);
        join(playing);
    }
}

/// Of nng's tests of the client (nng-contract.md, 4.2). A wait on an idle aio does not compile here.
#[test]
fn nng_34_to_36_connect_ask_and_read() {
    let server = Local::listen();
    let conn = server.connect();
    settle(conn.write_request(Aio::new(), server.get("/large"))).unwrap();
    let response = settle(conn.read_response(Aio::new())).unwrap();
    assert_eq!(response.status(), StatusCode::OK);
    let length: usize = response.headers()["content-length"]
        .to_str()
        .unwrap()
        .parse()
        .unwrap();
    assert_eq!(length, 1 << 20);
    let body = settle(conn.read_all(Aio::new(), length)).unwrap();
    assert!(body.chunks(16).all(|part| part == b"0123456789abcdef"));
    assert!(conn.is_reusable());
}

#[test]
fn nng_37_38_and_71_transact_once_and_again_on_one_connection() {
    let server = Local::listen();
    let conn = server.connect();
    let mut aio = Aio::new().timeout(PATIENCE);
    for _ in 0..5 {
        let (result, back) = settle_and_reclaim(conn.transact(aio, server.get("/large")));
        aio = back;
        let response = result.unwrap();
        assert_eq!(response.status(), StatusCode::OK);
        assert_eq!(response.body().len(), 1 << 20);
        assert!(response.body().ends_with(b"abcdef"));
    }
}

#[test]
fn nng_39_and_75_a_reply_that_is_late_times_out() {
    let server = Local::listen();
    for timeout in [10, 20] {
        let conn = server.connect();
        let before = server.requests();
        let timeout = Duration::from_millis(timeout);
        let start = Instant::now();
        let (kind, count) = failure(settle(
            conn.transact(Aio::new().timeout(timeout), server.get("/slow")),
        ));
        assert!(start.elapsed() >= timeout);
        assert_eq!(kind, ErrorKind::TimedOut);
        if count > 0 {
            wait_until("the server sees it", || server.requests() == before + 1);
            assert_closed(&conn);
        }
    }
}

#[test]
fn nng_40_and_76_chunks_are_put_together() {
    let server = Local::listen();
    let conn = server.connect();
    for _ in 0..2 {
        let response = settle(conn.transact(Aio::new(), server.get("/chunked"))).unwrap();
        assert_eq!(response.body(), "hello world");
    }
}

#[test]
fn nng_72_to_74_a_local_server_counts_the_requests() {
    let server = Local::listen();
    let conn = server.connect();
    settle(conn.write_request(Aio::new(), server.get("/text"))).unwrap();
    let response = settle(conn.read_response(Aio::new())).unwrap();
    assert_eq!(response.headers()["content-length"], "14");
    assert_eq!(
        settle(conn.read_all(Aio::new(), 14)).unwrap(),
        "Hello, World!\n"
    );
    assert_eq!(server.requests(), 1);
    let response = settle(conn.transact(Aio::new(), server.get("/hello"))).unwrap();
    assert_eq!(
        (response.status(), response.body().len()),
        (StatusCode::OK, 11)
    );
    let conn = server.connect();
    for body in ["one", "two"] {
        let request = server.get(&format!("/{body}"));
        let response = settle(conn.transact(Aio::new(), request)).unwrap();
        assert_eq!(response.body(), body);
    }
    assert_eq!(server.requests(), 4);
}

#[test]
fn nng_77_and_78_sizes_of_chunks_beyond_everything() {
    let server = Local::listen();
    for path in ["/wraps", "/huge"] {
        let conn = server.connect();
        let error = settle(conn.transact(Aio::new(), server.get(path))).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::TooLarge, "{path}: {error:?}");
        assert_closed(&conn);
    }
}

#[test]
fn a_peer_of_http_1_0() {
    // Ends with the connection.
    let (conn, peer) = pair(Family::Tcp);
    let playing_old = playing(peer, |peer| {
        asked(peer);
        peer.say("HTTP/1.0 200 OK\r\n\r\nold");
        peer.shutdown(Shutdown::Write);
    });
    let response = settle(conn.transact(Aio::new(), get("/"))).unwrap();
    assert_eq!(
        (response.version(), &response.body()[..]),
        (Version::HTTP_10, &b"old"[..])
    );
    assert_closed(&conn);
    join(playing_old);
    // Has a length, and does not promise to stay.
    let (conn, peer) = pair(Family::Tcp);
    let playing_once = playing(peer, |peer| {
        asked(peer);
        peer.say("HTTP/1.0 200 OK\r\nContent-Length: 4\r\n\r\nonce");
    });
    let response = settle(conn.transact(Aio::new(), get("/"))).unwrap();
    assert_eq!(response.body(), "once");
    assert!(!conn.is_reusable());
    join(playing_once);
    // Promises.
    let (conn, peer) = pair(Family::Tcp);
    let playing_on = playing(peer, |peer| {
        asked(peer);
        peer.say("HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 2\r\n\r\non");
    });
    let response = settle(conn.transact(Aio::new(), get("/"))).unwrap();
    assert_eq!(response.body(), "on");
    assert_usable(&conn, join(playing_on).1);
}

#[test]
fn a_connection_that_was_announced_to_close_takes_nothing_more() {
    let (conn, peer) = pair(Family::Unix);
    let playing_theirs = playing(peer, |peer| {
        asked(peer);
        peer.say("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 4\r\n\r\nlast");
        // No FIN yet: the announcement counts.
        peer.drain().bytes
    });
    let response = settle(conn.transact(Aio::new(), get("/"))).unwrap();
    assert_eq!(response.body(), "last");
    assert!(!conn.is_reusable());
    let error = settle(conn.transact(Aio::new(), get("/again"))).unwrap_err();
    assert_eq!(error.count(), 0, "{error:?}");
    drop(conn);
    assert!(join(playing_theirs).0.is_empty());
    // Ours counts too.
    let (conn, peer) = pair(Family::Unix);
    let playing_ours = playing(peer, |peer| {
        asked(peer);
        peer.say(answer("last"));
    });
    let request = Request::get("/")
        .header("Connection", "close")
        .body(Bytes::new());
    let response = settle(conn.transact(Aio::new(), request.unwrap())).unwrap();
    assert_eq!(response.body(), "last");
    assert!(!conn.is_reusable());
    join(playing_ours);
}

#[test]
fn what_cannot_be_sent_leaves_the_connection_alone() {
    let (conn, mut peer) = pair(Family::Tcp);
    let two = Request::post("/")
        .header("Content-Length", "4")
        .body(Bytes::from("hello"));
    assert_eq!(
        failure(settle(conn.transact(Aio::new(), two.unwrap()))),
        (ErrorKind::InvalidInput, 0)
    );
    assert_eq!(
        failure(settle(
            conn.transact(Aio::new().timeout(Duration::ZERO), get("/"))
        )),
        (ErrorKind::TimedOut, 0)
    );
    let mut peer = {
        assert!(!peer.has_input());
        peer = assert_usable(&conn, peer);
        peer
    };
    // In the middle of another message of ours.
    let head = Request::put("/")
        .header("Content-Length", "2")
        .body(Bytes::new());
    settle(conn.write_request(Aio::new(), head.unwrap())).unwrap();
    asked(&mut peer);
    assert!(!conn.is_reusable());
    assert_eq!(
        failure(settle(conn.transact(Aio::new(), get("/")))),
        (ErrorKind::InvalidInput, 0)
    );
    settle(conn.write_all(Aio::new().iov(["ok"]))).unwrap();
    assert_eq!(peer.expect(2), b"ok");
    peer.say(answer("done"));
    settle(conn.read_response(Aio::new())).unwrap();
    assert_eq!(settle(conn.read_all(Aio::new(), 4)).unwrap(), "done");
    assert_usable(&conn, peer);
}

// ---------------------------------------------------------------------------------- early answers

#[test]
fn an_early_refusal_stops_the_upload_and_is_delivered() {
    for family in FAMILIES {
        for closes in [false, true] {
            let (conn, peer) = pair(family);
            let close = if closes { "Connection: close\r\n" } else { "" };
            let refusal = format!("HTTP/1.1 413 No\r\n{close}Content-Length: 9\r\n\r\ntoo large");
            let (go, gone) = gate();
            let playing = playing(peer, move |peer| {
                let head = asked(peer);
                let start = peer.expect(1 << 20);
                peer.say(refusal);
                receive(&gone);
                let rest = peer.drain().bytes;
                assert_pattern(0, &[start, rest.clone()].concat());
                head.len() as u64 + (1 << 20) + rest.len() as u64
            });
            let response = settle(conn.transact(Aio::new(), post(large()))).unwrap();
            assert_eq!(response.status(), StatusCode::PAYLOAD_TOO_LARGE);
            assert_eq!(response.body(), "too large");
            assert_closed(&conn);
            go.send(()).unwrap();
            // Without waiting for us to drop it.
            let (drained, _peer) = join(playing);
            assert_eq!(written(&response), drained);
            assert!(drained < large().len() as u64);
        }
    }
}

/// Even if it has no length, and ends with the connection.
#[test]
fn an_early_refusal_may_come_in_any_framing() {
    let refusals = [
        "HTTP/1.1 413 No\r\nTransfer-Encoding: chunked\r\n\r\n9\r\ntoo large\r\n0\r\n\r\n",
        "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 302 No\r\nContent-Length: 9\r\n\r\ntoo large",
        "HTTP/1.1 500 No\r\n\r\ntoo large",
    ];
    for refusal in refusals {
        let (conn, peer) = pair(Family::Tcp);
        let playing = playing(peer, move |peer| {
            let head = asked(peer);
            peer.say(refusal);
            peer.shutdown(Shutdown::Write);
            head.len() as u64 + peer.drain().count()
        });
        let response = settle(conn.transact(Aio::new(), post(large()))).unwrap();
        assert!(response.status().as_u16() >= 300);
        assert_eq!(response.body(), "too large");
        assert!(!conn.is_reusable() || written(&response) > large().len() as u64);
        let count = written(&response);
        drop(conn);
        assert_eq!(join(playing).0, count, "{refusal:?}");
    }
}

#[test]
fn an_early_success_does_not_stop_the_upload() {
    let (conn, peer) = pair(Family::Tcp);
    let playing = playing(peer, |peer| {
        asked(peer);
        peer.say(answer("fine so far"));
        let mut body = Vec::new();
        while body.len() < large().len() {
            body.extend(peer.expect(MORE_THAN_FITS));
        }
        assert_pattern(0, &body);
    });
    let response = settle(conn.transact(Aio::new(), post(large()))).unwrap();
    assert_eq!(response.body(), "fine so far");
    assert_eq!(
        written(&response),
        (large_head().len() + large().len()) as u64
    );
    let peer = join(playing).1;
    assert_usable(&conn, peer);
}

/// Wherever the upload is at that moment, even if it has just ended.
#[test]
fn an_early_refusal_may_come_at_any_byte() {
    for round in 0..60 {
        let head = large_head().len();
        let size = [200_000, 1 << 20, 16 << 20][round % 3];
        let taken = [1, 100, 70_000, 150_000][round % 4];
        let (conn, peer) = pair(FAMILIES[round % 2]);
        let playing = playing(peer, move |peer| {
            let start = asked(peer).len() + peer.expect(taken).len();
            peer.say("HTTP/1.1 413 No\r\nContent-Length: 2\r\n\r\nno");
            start as u64 + peer.drain().count()
        });
        let response = settle(conn.transact(Aio::new(), post(pattern(0, size)))).unwrap();
        assert_eq!(response.status(), StatusCode::PAYLOAD_TOO_LARGE);
        assert_eq!(response.body(), "no");
        let count = written(&response);
        if count < size as u64 {
            assert_closed(&conn);
        }
        assert!(count <= (head + size) as u64);
        drop(conn);
        assert_eq!(join(playing).0, count, "{size}, refused after {taken}");
    }
}

#[test]
fn an_early_refusal_before_anything_was_taken() {
    // The peer never reads: the refusal is already there when the upload begins to block.
    let (conn, mut peer) = pair(Family::Unix);
    let uploading = conn.transact(Aio::new(), post(large()));
    let taken = asked(&mut peer).len() as u64;
    peer.say("HTTP/1.1 401 No\r\nContent-Length: 2\r\n\r\nno");
    let response = settle(uploading).unwrap();
    assert_eq!(
        (response.status(), &response.body()[..]),
        (StatusCode::UNAUTHORIZED, &b"no"[..])
    );
    assert_closed(&conn);
    assert_eq!(peer.drain().count() + taken, written(&response));
}

// ------------------------------------------------------------------ deadlines and cancels, by phase

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
            taken = asked(peer).len() + peer.expect(5).len();
            peer.say(self.said());
        }
        Exchange { aio, taken }
    }
}

struct Exchange {
    aio: Aio<Response<Bytes>, InFlight>,
    taken: usize,
}

/// The failure tells what went out, and the connection is closed, not just dropped.
#[track_caller]
fn assert_given_up(what: &str, conn: &Conn, mut peer: Peer, taken: usize, error: &Error) {
    assert_closed(conn);
    // While the handle is still there.
    let rest = peer.drain().count();
    assert_eq!(error.count(), taken as u64 + rest, "{what}");
    let error = settle(conn.read(Aio::new(), 1)).unwrap_err();
    assert!(error.is_closed(), "{what}: {error:?}");
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
                asked(peer);
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
                wait_until("it is cancelled", || queued.is_done());
            }
        }
        assert_eq!(failure(settle(late)), (ErrorKind::TimedOut, 0));
        let playing = playing(peer, |peer| {
            asked(peer);
            let mut left = large().len();
            while left > 0 {
                left -= peer.expect(MORE_THAN_FITS).len();
            }
            peer.say(answer("uploaded"));
            for _ in 0..3 {
                let head = asked(peer);
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
            let head = asked(peer);
            peer.say(text);
            head.len() as u64
        });
        let error = settle(conn.transact(Aio::new(), get("/"))).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::TooLarge, "{said:?}: {error:?}");
        assert_closed(&conn);
        assert_eq!(join(playing).0, error.count());
    }
}

// --------------------------------------------------------------------------------- expect: 100-continue

fn expecting(body: &'static str) -> Request<Bytes> {
    let request = Request::post("/").header("Expect", "100-continue");
    request.body(Bytes::from_static(body.as_bytes())).unwrap()
}

const EXPECTING: &str =
    "POST / HTTP/1.1\r\nhost: \r\nexpect: 100-continue\r\ncontent-length: 5\r\n\r\n";

/// Longer than a test lasts: what goes out has been asked for.
fn patient(conn: Conn) -> Conn {
    conn.limits(Limits::default().continue_wait(PATIENCE * 2))
}

#[test]
fn a_body_is_held_until_it_is_asked_for() {
    for said in [
        "HTTP/1.1 100 Continue\r\n\r\n",
        "HTTP/1.1 100\r\nA: b\r\n\r\n",
        "HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n",
    ] {
        let (conn, peer) = pair(Family::Tcp);
        let conn = patient(conn);
        let playing = playing(peer, move |peer| {
            assert_eq!(
                String::from_utf8_lossy(&peer.expect(EXPECTING.len())),
                EXPECTING
            );
            if let Some((hints, asking)) = said.split_once("103 ") {
                peer.say(format!("{hints}103 "));
                thread::sleep(Duration::from_millis(50));
                assert!(!peer.has_input(), "a hint is no leave to send");
                peer.say(asking);
            } else {
                // Nothing can be waited for that does not come.
                thread::sleep(Duration::from_millis(50));
                assert!(!peer.has_input(), "it goes out before it is asked for");
                peer.say(said);
            }
            assert_eq!(peer.expect(5), b"hello");
            peer.say(answer("thanks"));
        });
        let response = settle(conn.transact(Aio::new(), expecting("hello"))).unwrap();
        assert_eq!(response.body(), "thanks");
        assert_eq!(interim(&response).last(), Some(&100));
        assert_eq!(written(&response), EXPECTING.len() as u64 + 5);
        assert_usable(&conn, join(playing).1);
    }
}

#[test]
fn a_body_that_is_never_asked_for_goes_out_after_the_wait() {
    for late in [false, true] {
        let (conn, peer) = pair(Family::Unix);
        let wait = Duration::from_millis(100);
        let conn = conn.limits(Limits::default().continue_wait(wait));
        let start = Instant::now();
        let playing = playing(peer, move |peer| {
            assert_eq!(peer.expect(EXPECTING.len()).len(), EXPECTING.len());
            assert_eq!(peer.expect(5), b"hello");
            let waited = start.elapsed();
            if late {
                peer.say("HTTP/1.1 100 Continue\r\n\r\n");
            }
            peer.say(answer("thanks"));
            waited
        });
        let response = settle(conn.transact(Aio::new(), expecting("hello"))).unwrap();
        assert_eq!(response.body(), "thanks");
        assert_eq!(interim(&response), if late { vec![100] } else { vec![] });
        let (waited, peer) = join(playing);
        assert!(waited >= wait, "{waited:?}");
        assert_usable(&conn, peer);
    }
}

/// The leave to send and the end of the wait at the same time: the body goes out once.
#[test]
fn a_body_that_is_asked_for_as_the_wait_ends_goes_out_once() {
    for round in 0..200 {
        let (conn, peer) = pair(FAMILIES[round % 2]);
        let conn = conn.limits(Limits::default().continue_wait(Duration::from_millis(1)));
        let playing = playing(peer, move |peer| {
            let _ = peer.expect(EXPECTING.len());
            let start = Instant::now();
            while start.elapsed() < Duration::from_micros(900 + round as u64) {
                std::hint::spin_loop();
            }
            peer.say("HTTP/1.1 100 Continue\r\n\r\n");
            assert_eq!(peer.expect(5), b"hello");
            peer.say(answer("thanks"));
        });
        let response = settle(conn.transact(Aio::new(), expecting("hello"))).unwrap();
        assert_eq!(response.body(), "thanks");
        assert_eq!(written(&response), EXPECTING.len() as u64 + 5);
        assert_usable(&conn, join(playing).1);
    }
}

/// 43: and then nobody knows what the peer makes of the next bytes.
#[test]
fn a_body_that_is_refused_does_not_go_out() {
    for status in [
        "417 Expectation Failed",
        "413 Too Large",
        "401 Who",
        "302 There",
        "200 OK",
    ] {
        let (conn, peer) = pair(Family::Tcp);
        let conn = patient(conn);
        let (go, gone) = gate();
        let playing = playing(peer, move |peer| {
            let head = peer.expect(EXPECTING.len());
            peer.say(format!("HTTP/1.1 {status}\r\nContent-Length: 2\r\n\r\nno"));
            receive(&gone);
            [head, peer.drain().bytes].concat()
        });
        let response = settle(conn.transact(Aio::new(), expecting("hello"))).unwrap();
        assert_eq!(response.body(), "no");
        let count = written(&response);
        assert!(interim(&response).is_empty());
        let reusable = conn.is_reusable();
        drop(conn);
        go.send(()).unwrap();
        let wire = join(playing).0;
        assert_eq!(count, wire.len() as u64, "{status}");
        if wire.len() == EXPECTING.len() {
            assert!(!reusable, "{status}: the body is owed");
        } else {
            assert!(status.starts_with('2'), "{status}: the body went out");
            assert!(wire.ends_with(b"hello"));
        }
    }
}

#[test]
fn a_refusal_may_come_after_the_leave_to_send() {
    let (conn, peer) = pair(Family::Unix);
    let conn = patient(conn);
    let playing = playing(peer, |peer| {
        let head = asked(peer);
        peer.say("HTTP/1.1 100 Continue\r\n\r\n");
        let start = peer.expect(1000);
        peer.say("HTTP/1.1 413 No\r\nContent-Length: 2\r\n\r\nno");
        (head.len() + start.len()) as u64 + peer.drain().count()
    });
    let request = Request::post("/")
        .header("Expect", "100-Continue")
        .body(large());
    let response = settle(conn.transact(Aio::new(), request.unwrap())).unwrap();
    assert_eq!(response.status(), StatusCode::PAYLOAD_TOO_LARGE);
    assert_eq!(interim(&response), [100]);
    assert_closed(&conn);
    assert_eq!(join(playing).0, written(&response));
}

#[test]
fn leave_to_send_that_nobody_asked_for_is_harmless() {
    let (conn, peer) = pair(Family::Unix);
    let playing = playing(peer, |peer| {
        asked(peer);
        peer.say("HTTP/1.1 100 Continue\r\n\r\n");
        assert_eq!(peer.expect(5), b"hello");
        peer.say(format!("HTTP/1.1 100 Continue\r\n\r\n{}", answer("thanks")));
    });
    let response = settle(conn.transact(Aio::new(), post("hello"))).unwrap();
    assert_eq!(response.body(), "thanks");
    assert_eq!(interim(&response), [100, 100]);
    assert_usable(&conn, join(playing).1);
}

/// There is nothing to hold back.
#[test]
fn without_a_body_nothing_waits() {
    let (conn, peer) = pair(Family::Unix);
    let conn = patient(conn);
    let playing = playing(peer, |peer| {
        asked(peer);
        peer.say(answer("thanks"));
    });
    let response = settle(conn.transact(Aio::new(), expecting(""))).unwrap();
    assert_eq!(response.body(), "thanks");
    assert_usable(&conn, join(playing).1);
}

#[test]
fn giving_up_while_the_body_is_held_tells_that_only_the_head_went_out() {
    for cancel in [false, true] {
        let (conn, mut peer) = pair(Family::Tcp);
        let conn = patient(conn);
        let aio = if cancel {
            Aio::new()
        } else {
            Aio::new().timeout(Duration::from_millis(100))
        };
        let aio = conn.transact(aio, expecting("hello"));
        let taken = peer.expect(EXPECTING.len()).len();
        if cancel {
            aio.cancel();
        }
        let error = settle(aio).unwrap_err();
        let expected = if cancel {
            ErrorKind::Canceled
        } else {
            ErrorKind::TimedOut
        };
        assert_eq!((error.kind(), error.count()), (expected, taken as u64));
        assert_given_up("held", &conn, peer, taken, &error);
    }
}

/// One behind it must not be taken for the body. It is refused: how long it would have to wait nobody
/// knows.
#[test]
fn an_exchange_behind_one_that_holds_its_body_is_refused() {
    let (conn, mut peer) = pair(Family::Tcp);
    let conn = patient(conn);
    let holding = conn.transact(Aio::new(), expecting("hello"));
    let behind = conn.transact(Aio::new(), get("/behind"));
    assert_eq!(peer.expect(EXPECTING.len()), EXPECTING.as_bytes());
    assert_eq!(failure(settle(behind)), (ErrorKind::InvalidInput, 0));
    assert!(!peer.has_input());
    peer.say("HTTP/1.1 100 Continue\r\n\r\n");
    assert_eq!(peer.expect(5), b"hello");
    peer.say(answer("first"));
    assert_eq!(settle(holding).unwrap().body(), "first");
    assert_usable(&conn, peer);
}

// --------------------------------------------------------------------------------------- streaming

#[test]
fn a_streaming_exchange_completes_with_the_head() {
    for family in FAMILIES {
        let (conn, peer) = pair(family);
        let (go, gone) = gate();
        let playing = playing(peer, move |peer| {
            asked(peer);
            peer.say(
                "HTTP/1.1 103 Hints\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 4194304\r\n\r\n",
            );
            receive(&gone);
            peer.say(pattern(0, 4 << 20));
        });
        // The limit is for what is kept, and here nothing is.
        let conn = conn.limits(Limits::default().body_bytes(10));
        let response = settle(conn.transact_streaming(Aio::new(), post("hello"))).unwrap();
        assert_eq!(response.headers()["content-length"], "4194304");
        assert!(response.body().is_empty());
        assert_eq!(interim(&response), [103]);
        assert_eq!(
            written(&response),
            "POST / HTTP/1.1\r\nhost: \r\ncontent-length: 5\r\n\r\nhello".len() as u64
        );
        assert!(!conn.is_reusable());
        go.send(()).unwrap();
        let mut read = 0;
        loop {
            let part = settle(conn.read(Aio::new(), 100_000)).unwrap();
            if part.is_empty() {
                break;
            }
            assert_pattern(read, &part);
            read += part.len() as u64;
        }
        assert_eq!(read, 4 << 20);
        let conn = conn.limits(Limits::default());
        assert_usable(&conn, join(playing).1);
    }
}

/// It would take the rest of a body for its answer. As any failure: nothing went out and nothing has
/// changed, or the connection is closed.
#[test]
fn an_exchange_behind_a_body_that_is_not_read_is_refused() {
    let (conn, peer) = pair(Family::Unix);
    let playing = playing(peer, |peer| {
        asked(peer);
        peer.say(answer("body"));
    });
    settle(conn.transact_streaming(Aio::new(), get("/"))).unwrap();
    let (_, mut peer) = join(playing);
    let (kind, count) = failure(settle(conn.transact(Aio::new(), get("/again"))));
    assert_eq!(kind, ErrorKind::InvalidInput);
    if count == 0 {
        assert!(!peer.has_input());
        assert_eq!(settle(conn.read_all(Aio::new(), 4)).unwrap(), "body");
        assert_usable(&conn, peer);
    } else {
        assert_closed(&conn);
        assert_eq!(peer.drain().count(), count);
    }
}

/// If it is read before its turn comes, all is well.
#[test]
fn an_exchange_waits_for_the_body_before_it() {
    let (conn, peer) = pair(Family::Unix);
    let playing = playing(peer, |peer| {
        for body in ["first", "second"] {
            asked(peer);
            peer.say(answer(body));
        }
    });
    let first = conn.transact_streaming(Aio::new(), get("/"));
    let body = conn.read_all(Aio::new(), 5);
    let second = conn.transact(Aio::new(), get("/"));
    assert_eq!(settle(first).unwrap().status(), StatusCode::OK);
    assert_eq!(settle(body).unwrap(), "first");
    assert_eq!(settle(second).unwrap().body(), "second");
    assert_usable(&conn, join(playing).1);
}

#[test]
fn a_streaming_exchange_is_refused_early_like_any_other() {
    let (conn, peer) = pair(Family::Tcp);
    let playing = playing(peer, |peer| {
        let head = asked(peer);
        peer.say("HTTP/1.1 413 No\r\nContent-Length: 9\r\n\r\ntoo large");
        head.len() as u64 + peer.drain().count()
    });
    let response = settle(conn.transact_streaming(Aio::new(), post(large()))).unwrap();
    assert_eq!(response.status(), StatusCode::PAYLOAD_TOO_LARGE);
    assert_eq!(settle(conn.read_all(Aio::new(), 9)).unwrap(), "too large");
    assert!(!conn.is_reusable());
    let count = written(&response);
    drop(conn);
    assert_eq!(join(playing).0, count);
}

#[test]
fn a_streaming_exchange_has_a_deadline_until_the_head() {
    let (conn, mut peer) = pair(Family::Tcp);
    let timeout = Duration::from_millis(100);
    let streaming = conn.transact_streaming(Aio::new().timeout(timeout), get("/"));
    let taken = asked(&mut peer).len();
    peer.say("HTTP/1.1 200 OK\r\n");
    let error = settle(streaming).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TimedOut);
    assert_given_up("the head", &conn, peer, taken, &error);
    // With the head it is done; the body may take longer.
    let (conn, mut peer) = pair(Family::Tcp);
    let start = Instant::now();
    let streaming = conn.transact_streaming(Aio::new().timeout(timeout), get("/"));
    asked(&mut peer);
    peer.say("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n");
    match settle(streaming) {
        Ok(_) => {}
        // Late on a busy machine.
        Err(error) if start.elapsed() >= timeout && error.is_timeout() => return,
        Err(error) => panic!("{error:?}"),
    }
    thread::sleep(timeout.saturating_sub(start.elapsed()) + Duration::from_millis(20));
    peer.say("late");
    assert_eq!(settle(conn.read_all(Aio::new(), 4)).unwrap(), "late");
    assert_usable(&conn, peer);
}

// ------------------------------------------------------------------------------ unsolicited answers

/// 44: what is there before anything was asked is no answer.
#[test]
fn an_unsolicited_response_is_not_taken_for_an_answer() {
    // Before the first request.
    let (conn, mut peer) = pair(Family::Unix);
    peer.say("HTTP/1.1 408 Too Slow\r\nContent-Length: 5\r\n\r\nwrong");
    let result = settle(conn.transact(Aio::new(), get("/")));
    assert!(result.is_err(), "taken for the answer: {result:?}");
    assert!(!conn.is_reusable());
    let again = settle(conn.transact(Aio::new(), get("/again")));
    assert_eq!(failure(again).1, 0);
    // Behind an answer, in the same breath.
    for family in FAMILIES {
        let (conn, peer) = pair(family);
        let playing = playing(peer, |peer| {
            asked(peer);
            peer.say(format!("{}{}", answer("right"), answer("wrong")));
        });
        let response = settle(conn.transact(Aio::new(), get("/"))).unwrap();
        assert_eq!(response.body(), "right");
        assert!(
            !conn.is_reusable(),
            "there is something that nobody asked for"
        );
        let (_, mut peer) = join(playing);
        let result = settle(conn.transact(Aio::new(), get("/again")));
        let (kind, count) = failure(result);
        assert_eq!(count, 0, "{kind:?}");
        assert!(
            matches!(kind, ErrorKind::Protocol | ErrorKind::Closed),
            "{kind:?}"
        );
        drop(conn);
        assert!(peer.drain().bytes.is_empty());
    }
}

#[test]
fn what_comes_while_the_connection_is_idle_is_seen() {
    let (conn, peer) = pair(Family::Unix);
    let (go, gone) = gate();
    let playing = playing(peer, move |peer| {
        asked(peer);
        peer.say(answer("right"));
        receive(&gone);
        peer.say(answer("wrong"));
    });
    let response = settle(conn.transact(Aio::new(), get("/"))).unwrap();
    assert_eq!(response.body(), "right");
    assert!(conn.is_reusable());
    go.send(()).unwrap();
    let (_, _peer) = join(playing);
    assert!(!conn.is_reusable());
    // It has arrived by now.
    let result = settle(conn.transact(Aio::new(), get("/again")));
    assert_eq!(failure(result).1, 0);
}

/// A server that closes what is idle: it is told as a closed connection, not as an answer, and
/// whether something went out is told too.
#[test]
fn a_connection_that_was_closed_while_idle() {
    for family in FAMILIES {
        let (conn, peer) = pair(family);
        let playing = playing(peer, |peer| {
            asked(peer);
            peer.say(answer("right"));
        });
        assert_eq!(
            settle(conn.transact(Aio::new(), get("/"))).unwrap().body(),
            "right"
        );
        drop(join(playing));
        let error = settle(conn.transact(Aio::new(), get("/again"))).unwrap_err();
        assert!(error.is_closed(), "{error:?}");
        assert!(!error.is_incomplete_message(), "{error:?}");
        assert!(!conn.is_reusable());
    }
}

// ---------------------------------------------------------------------------- closures and futures

#[test]
fn an_exchange_is_called_back_on_a_thread_of_the_connection() {
    let server = Local::listen();
    let conn = server.connect();
    let (told, _) = tell(conn.transact(Aio::new(), server.get("/one")));
    let told_one = receive(&told);
    assert_eq!(told_one.result.unwrap().body(), "one");
    assert!(is_ours(&told_one.thread), "{}", told_one.thread);
    assert!(
        told.recv_timeout(PATIENCE).is_err(),
        "called twice, or never dropped"
    );
    // It fails.
    let (told, canceller) = tell(conn.transact(Aio::new(), server.get("/slow")));
    canceller.cancel();
    assert_eq!(failure(receive(&told).result).0, ErrorKind::Canceled);
    // After the fact.
    let conn = server.connect();
    let done = conn.transact(Aio::new(), server.get("/two"));
    wait_until("it is done", || done.is_done());
    let (told, _) = tell(done);
    assert_eq!(receive(&told).result.unwrap().body(), "two");
}

#[test]
fn an_exchange_is_submitted_again_from_its_closure() {
    fn next(
        conn: Conn,
        aio: Aio<Response<Bytes>>,
        left: usize,
        told: crossbeam_channel::Sender<String>,
    ) {
        let again = conn.clone();
        let request = get(&format!("/{left}"));
        conn.transact(aio, request).on_complete(move |result, aio| {
            let body = result.map(|response| String::from_utf8_lossy(response.body()).into_owned());
            let _ = told.send(body.unwrap_or_else(|error| format!("{error:?}")));
            if left > 0 {
                next(again, aio, left - 1, told);
            }
        });
    }
    let server = Local::listen();
    let (told, heard) = unbounded();
    next(server.connect(), Aio::new().timeout(PATIENCE), 200, told);
    for left in (0..=200).rev() {
        assert_eq!(receive(&heard), format!("/{left}"));
    }
    assert!(
        heard.recv_timeout(PATIENCE).is_err(),
        "and the closure is gone"
    );
}

#[test]
fn an_exchange_can_be_awaited() {
    let server = Local::listen();
    let conn = server.connect();
    let bodies = block_on(async {
        let one = conn.transact(Aio::new(), server.get("/one"));
        let two = conn.transact(Aio::new(), server.get("/two"));
        let head = conn.transact_streaming(Aio::new(), server.get("/chunked"));
        let (one, two) = (one.await.unwrap(), two.await.unwrap());
        head.await.unwrap();
        let body = conn.read_all(Aio::new(), 11).await.unwrap();
        [one.into_body(), two.into_body(), body]
    });
    assert_eq!(bodies, ["one", "two", "hello world"]);
}

#[test]
fn waiting_for_an_exchange_in_a_closure_of_its_connection_would_deadlock() {
    let server = Local::listen();
    let conn = server.connect();
    let other = server.connect();
    let (mine, others) = (conn.clone(), other.clone());
    let (told, heard) = unbounded();
    let (first, second) = (server.get("/one"), server.get("/two"));
    conn.transact(Aio::new(), server.get("/hello"))
        .on_complete(move |result, aio| {
            assert_eq!(result.unwrap().body(), "hello world");
            let here = mine.transact(aio, first).wait();
            let there = others.transact(Aio::new(), second).wait();
            let _ = told.send((here, there));
        });
    let (here, there) = receive(&heard);
    assert_eq!(failure(here).0, ErrorKind::WouldDeadlock);
    assert_eq!(there.unwrap().body(), "two");
    // The closure has not got it; whatever became of it, the connection does not hang.
    match settle(conn.transact(Aio::new(), server.get("/two"))) {
        Ok(response) => assert_eq!(response.body(), "two"),
        Err(error) => assert!(error.is_closed(), "{error:?}"),
    }
    assert_eq!(
        settle(other.transact(Aio::new(), server.get("/one")))
            .unwrap()
            .body(),
        "one"
    );
}

// ---------------------------------------------------------------------------------------- together

#[test]
fn exchanges_of_many_threads_on_one_connection_get_their_own_answers() {
    const THREADS: usize = 4;
    const EACH: usize = 100;
    let server = Local::listen();
    let conn = server.connect();
    let threads: Vec<_> = (0..THREADS)
        .map(|thread| {
            let (conn, address) = (conn.clone(), server.address);
            thread::spawn(move || {
                let started: Vec<_> = (0..EACH)
                    .map(|n| {
                        let path = format!("/{thread}-{n}");
                        let request = Request::get(format!("http://{address}{path}"));
                        let request = request.body(Bytes::new()).unwrap();
                        (path, conn.transact(Aio::new(), request))
                    })
                    .collect();
                for (path, exchange) in started {
                    assert_eq!(settle(exchange).unwrap().body(), &path);
                }
            })
        })
        .collect();
    threads.into_iter().for_each(join);
    assert_eq!(server.requests(), THREADS * EACH);
    assert!(conn.is_reusable());
}

/// The answers come all at once; and the methods tell which has a body.
#[test]
fn answers_to_exchanges_that_were_queued_are_told_apart() {
    let (conn, peer) = pair(Family::Tcp);
    let head = || Request::head("/").body(Bytes::new()).unwrap();
    let requests = [get("/a"), head(), post("b"), head(), get("/c")];
    let started: Vec<_> = requests
        .into_iter()
        .map(|request| conn.transact(Aio::new(), request))
        .collect();
    let playing = playing(peer, |peer| {
        for (n, body) in ["first", "", CHUNKS, "", "last"].into_iter().enumerate() {
            let head = asked(peer);
            if head.starts_with("POST") {
                let _ = peer.expect(1);
            }
            match n {
                2 => peer.say(body),
                1 | 3 => peer.say("HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\n"),
                _ => peer.say(answer(body)),
            }
        }
    });
    let bodies = ["first", "", "hello world", "", "last"];
    for (exchange, body) in started.into_iter().zip(bodies) {
        assert_eq!(settle(exchange).unwrap().body(), body);
    }
    assert_usable(&conn, join(playing).1);
}

/// Nobody waits for it, and it goes on: its answer is not the next one's.
#[test]
fn an_exchange_that_is_detached_takes_its_answer() {
    let server = Local::listen();
    let conn = server.connect();
    drop(conn.transact(Aio::new(), server.get("/one")));
    let response = settle(conn.transact(Aio::new(), server.get("/two"))).unwrap();
    assert_eq!(response.body(), "two");
    // Nor is it lost with the last handle.
    let last = conn.transact(Aio::new(), server.get("/slow"));
    drop(conn);
    assert_eq!(settle(last).unwrap().body(), "slow");
    wait_until("all were seen", || server.requests() == 3);
}

/// The server has asked for the connection to close: what was sent behind gets no answer.
#[test]
fn an_exchange_behind_the_last_answer_fails() {
    let (conn, peer) = pair(Family::Unix);
    let (first, second) = (
        conn.transact(Aio::new(), get("/a")),
        conn.transact(Aio::new(), get("/b")),
    );
    let playing = playing(peer, |peer| {
        asked(peer);
        peer.say("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 4\r\n\r\nlast");
        peer.shutdown(Shutdown::Write);
        peer.drain().count()
    });
    assert_eq!(settle(first).unwrap().body(), "last");
    let error = settle(second).unwrap_err();
    assert!(error.is_closed(), "{error:?}");
    let count = error.count();
    assert_closed(&conn);
    drop(conn);
    assert_eq!(join(playing).0, count);
}

#[test]
fn what_the_queues_do_not_take_is_refused() {
    // The writer's is full.
    let (conn, peer) = pair(Family::Tcp);
    let conn = conn.limits(Limits::default().queued(2));
    let first = conn.transact(Aio::new(), post(large()));
    wait_until("the first is under way", || peer.has_input());
    let queued: Vec<_> = (0..5)
        .map(|_| conn.transact(Aio::new(), get("/queued")))
        .collect();
    let serving = playing(peer, |peer| {
        asked(peer);
        for _ in 0..4 {
            let _ = peer.expect(MORE_THAN_FITS);
        }
        peer.say(answer("first"));
        let mut served = 0;
        while path(&asked(peer)) != "/last" {
            peer.say(answer("queued"));
            served += 1;
        }
        peer.say(answer("last"));
        served
    });
    assert_eq!(settle(first).unwrap().body(), "first");
    let mut answered = 0;
    for queued in queued {
        match settle(queued) {
            Ok(response) => {
                assert_eq!(response.body(), "queued");
                answered += 1;
            }
            Err(error) => assert_eq!((error.kind(), error.count()), (ErrorKind::NoMemory, 0)),
        }
    }
    // Two places, of which the first's answer may have had one.
    assert!((1..=2).contains(&answered), "{answered}");
    let last = settle(conn.transact(Aio::new(), get("/last"))).unwrap();
    assert_eq!(last.body(), "last");
    assert_eq!(join(serving).0, answered);
    // The reader's is.
    let (conn, peer) = pair(Family::Tcp);
    let conn = conn.limits(Limits::default().queued(1));
    let reading = conn.read(Aio::new(), 1);
    let mut behind = None;
    wait_until("the first is under way, and the second queued", || {
        let read = conn.read(Aio::new(), 1);
        behind = (!read.is_done()).then_some(read);
        behind.is_some()
    });
    let behind = behind.expect("as waited for");
    let error = settle(conn.transact(Aio::new(), get("/"))).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NoMemory, "{error:?}");
    if error.count() == 0 {
        reading.cancel();
        behind.cancel();
        assert_eq!(failure(settle(reading)).0, ErrorKind::Canceled);
        assert_eq!(failure(settle(behind)).0, ErrorKind::Canceled);
        wait_until("its thread is back from the call", || conn.is_reusable());
        assert_usable(&conn, peer);
    } else {
        assert_closed(&conn);
    }
}

/// A body that is declared and not attached is the caller's to write, while the exchange is under way.
#[test]
fn the_body_of_an_exchange_can_be_written_meanwhile() {
    let chunks = "5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n";
    let cases = [
        ("Content-Length", "11", "hello world"),
        ("Transfer-Encoding", "chunked", chunks),
    ];
    for (name, value, wire) in cases {
        let (conn, peer) = pair(Family::Tcp);
        let playing = playing(peer, move |peer| {
            let head = asked(peer);
            assert_eq!(peer.expect(wire.len()), wire.as_bytes());
            peer.say(answer("thanks"));
            head.len() as u64
        });
        let head = Request::put("/").header(name, value).body(Bytes::new());
        let exchange = conn.transact(Aio::new(), head.unwrap());
        for part in ["hello", " world"] {
            settle(conn.write_all(Aio::new().iov([part]))).unwrap();
        }
        settle(conn.finish(Aio::new())).unwrap();
        let response = settle(exchange).unwrap();
        assert_eq!(response.body(), "thanks");
        let (head, peer) = join(playing);
        assert_eq!(written(&response), head);
        assert_usable(&conn, peer);
    }
}

#[test]
fn the_trailers_of_an_answer_can_be_had_until_the_next() {
    let (conn, peer) = pair(Family::Tcp);
    let playing = playing(peer, |peer| {
        asked(peer);
        peer.say(CHUNKS.replace("0\r\n\r\n", "0\r\nX-Sum: 42\r\n\r\n"));
        asked(peer);
        peer.say(answer("none"));
    });
    assert_eq!(
        settle(conn.transact(Aio::new(), get("/"))).unwrap().body(),
        "hello world"
    );
    for _ in 0..2 {
        assert_eq!(
            settle(conn.read_trailers(Aio::new())).unwrap()["x-sum"],
            "42"
        );
    }
    assert_eq!(
        settle(conn.transact(Aio::new(), get("/"))).unwrap().body(),
        "none"
    );
    assert!(settle(conn.read_trailers(Aio::new())).unwrap().is_empty());
    assert_usable(&conn, join(playing).1);
}

#[test]
fn an_exchange_may_turn_the_connection_into_a_stream() {
    let upgrade = Request::get("/")
        .header("Upgrade", "x")
        .header("Connection", "upgrade");
    let upgrade = upgrade.body(Bytes::new()).unwrap();
    let connect = Request::connect("example.com:443")
        .body(Bytes::new())
        .unwrap();
    let answers = [
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\nfirst",
        "HTTP/1.1 200 Go\r\nContent-Length: 3\r\n\r\nfirst",
    ];
    for (request, said) in [upgrade, connect].into_iter().zip(answers) {
        let (conn, peer) = pair(Family::Unix);
        let playing = playing(peer, move |peer| {
            asked(peer);
            peer.say(said);
            assert_eq!(peer.expect(6), b"second");
            peer.say("third");
        });
        let response = settle(conn.transact(Aio::new(), request)).unwrap();
        assert!(matches!(response.status().as_u16(), 101 | 200));
        assert!(response.body().is_empty());
        assert_eq!(settle(conn.read_all(Aio::new(), 5)).unwrap(), "first");
        settle(conn.write_all(Aio::new().iov(["second"]))).unwrap();
        assert_eq!(settle(conn.read_all(Aio::new(), 5)).unwrap(), "third");
        assert!(!conn.is_reusable());
        join(playing);
    }
}

/// In whatever order, by whomever, and even if nobody does.
#[test]
fn exchanges_go_on_whoever_waits_for_them() {
    let server = Local::listen();
    let get = |path: &str| server.get(path);
    for round in 0..30 {
        let conn = server.connect();
        // Nobody waits; they are looked at.
        let polled = conn.transact(Aio::new(), get("/one"));
        wait_until("it completes by itself", || polled.is_done());
        assert_eq!(settle(polled).unwrap().body(), "one");
        // The last one first, and the first one never.
        drop(conn.transact(Aio::new(), get("/dropped")));
        let exchanges: Vec<_> = (0..4)
            .map(|n| conn.transact(Aio::new(), get(&format!("/{n}"))))
            .collect();
        for (n, exchange) in exchanges.into_iter().enumerate().rev() {
            assert_eq!(settle(exchange).unwrap().body(), &format!("/{n}"));
        }
        // Somebody who loses patience, and comes back.
        let mut waited = conn.transact(Aio::new(), get("/slow"));
        if round > 0 {
            waited.cancel();
            assert_eq!(failure(settle(waited)).0, ErrorKind::Canceled);
            continue;
        }
        let response = loop {
            match waited.wait_timeout(Duration::from_millis(1)) {
                Ok(result) => break result.unwrap(),
                Err(back) => waited = back,
            }
        };
        assert_eq!(response.body(), "slow");
        // Somebody who waits for the second, while the first is waited for by somebody else.
        let first = conn.transact(Aio::new(), get("/slow"));
        let second = conn.transact(Aio::new(), get("/two"));
        let waiting = thread::spawn(move || settle(second));
        assert_eq!(settle(first).unwrap().body(), "slow");
        assert_eq!(join(waiting).unwrap().body(), "two");
        // The first is given up by the one who waits for it: that ends both.
        let first = conn.transact(Aio::new().timeout(Duration::from_millis(50)), get("/slow"));
        let second = conn.transact(Aio::new(), get("/two"));
        let waiting = thread::spawn(move || settle(second));
        assert_eq!(failure(settle(first)).0, ErrorKind::TimedOut);
        assert!(join(waiting).unwrap_err().is_closed());
    }
}

/// A deadline that passes while somebody else is served, and a cancel from elsewhere while it is
/// waited for.
#[test]
fn exchanges_that_are_waited_for_can_be_given_up_from_elsewhere() {
    for round in 0..50 {
        let (conn, mut peer) = pair(FAMILIES[round % 2]);
        let exchange = conn.transact(Aio::new(), get("/"));
        let canceller = exchange.canceller();
        let waiting = thread::spawn(move || exchange.wait());
        let taken = asked(&mut peer).len() as u64;
        if round % 3 == 0 {
            peer.say("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf");
        }
        let expected = if round % 2 == 0 {
            canceller.cancel();
            ErrorKind::Canceled
        } else {
            conn.close();
            ErrorKind::Closed
        };
        assert_eq!(failure(join(waiting)), (expected, taken));
        assert_closed(&conn);
    }
}

/// There is no HTTP on it any more.
#[test]
fn an_exchange_on_a_connection_that_was_upgraded_is_refused() {
    let (conn, peer) = pair(Family::Tcp);
    let playing = playing(peer, |peer| {
        asked(peer);
        peer.say("HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n");
    });
    let upgrade = Request::get("/")
        .header("Upgrade", "x")
        .header("Connection", "upgrade");
    settle(conn.transact(Aio::new(), upgrade.body(Bytes::new()).unwrap())).unwrap();
    let (_, mut peer) = join(playing);
    let aio = Aio::new().timeout(PATIENCE / 3);
    let (kind, count) = failure(settle(conn.transact(aio, get("/more"))));
    assert!(
        matches!(kind, ErrorKind::InvalidInput | ErrorKind::Closed),
        "{kind:?}"
    );
    assert_eq!(count, 0);
    settle(conn.write_all(Aio::new().iov(["raw"]))).unwrap();
    assert_eq!(peer.expect(3), b"raw");
}

#[test]
fn exchanges_and_single_operations_mix() {
    let server = Local::listen();
    let conn = server.connect();
    for n in 0..20 {
        let path = format!("/{n}");
        if n % 2 == 0 {
            let response = settle(conn.transact(Aio::new(), server.get(&path))).unwrap();
            assert_eq!(response.body(), &path);
        } else {
            let asked = conn.write_request(Aio::new(), server.get(&path));
            let answered = conn.read_response(Aio::new());
            settle(asked).unwrap();
            settle(answered).unwrap();
            assert_eq!(settle(conn.read_all(Aio::new(), path.len())).unwrap(), path);
        }
        assert!(conn.is_reusable());
    }
}

#[test]
fn ten_thousand_exchanges_leave_nothing_behind() {
    if !alone("transact::ten_thousand_exchanges_leave_nothing_behind") {
        return;
    }
    let tasks = || {
        std::fs::read_dir("/proc/self/task")
            .expect("procfs")
            .count()
    };
    let files = || std::fs::read_dir("/proc/self/fd").expect("procfs").count();
    let server = Local::listen();
    let idle = (tasks(), files());
    let conn = server.connect();
    let mut aio = Aio::new().timeout(PATIENCE);
    let mut running = None;
    for n in 0..10_000 {
        let path = format!("/{n}");
        let request = match n % 3 {
            0 => server.get("/chunked"),
            _ => server.get(&path),
        };
        let (result, back) = conn.transact(aio, request).reclaim();
        aio = back;
        let expected = if n % 3 == 0 { "hello world" } else { &path };
        assert_eq!(result.unwrap().body(), expected);
        if n == 100 {
            running = Some((tasks(), files()));
        }
    }
    let (threads, descriptors) = running.expect("at the hundredth");
    // One or two may be about to end, or to stand in.
    assert!(
        tasks() <= threads + 2,
        "{} threads, and {threads} after a hundred",
        tasks()
    );
    assert!(
        files() <= descriptors + 2,
        "{} descriptors, and {descriptors} after a hundred",
        files()
    );
    assert_eq!(server.requests(), 10_000);
    drop((conn, aio));
    // The timer's thread may stay, once.
    wait_until("all threads and descriptors are gone", || {
        tasks() <= idle.0 + 1 && files() <= idle.1
    });
}
