//! Whole exchanges: one call, one deadline, one answer, and a connection that is either as good as
//! before or closed.

mod body;
mod callbacks;
mod early;
mod expect_continue;
mod given_up;
mod single;
mod streaming;
mod together;
mod unsolicited;

use std::io;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use http_aio::bytes::Bytes;
use http_aio::http::{Request, Response};
use http_aio::{Aio, Conn, Error, ErrorKind, Written};

use crate::site::{answer, path};
use crate::support::*;

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

    fn get(&self, path: &str) -> Request<()> {
        Request::get(format!("http://{}{path}", self.address))
            .body(())
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
        assert_eq!(path(&peer.head()), "/usable");
        peer.say(answer("usable"));
    });
    let response = settle(conn.transact(Aio::new(), get("/usable"))).unwrap();
    assert_eq!(response.body(), "usable");
    assert!(conn.is_reusable());
    join(playing).1
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
