//! What the tests of the client share: servers that follow a script and remember what they were
//! asked, and what the kernel knows of a connection.

#![allow(dead_code, reason = "not every test needs every helper")]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use http_aio::bytes::Bytes;
use http_aio::http::{Method, Request, Response};
use http_aio::{Aio, Body, Client, Error, InFlight, IntoBody};
use socket2::{Domain, SockRef, Socket, Type};

use crate::support::*;

const SOON: Duration = Duration::from_millis(40);

/// A server for many connections, each played by the same script, which counts and remembers. It
/// stops listening when it is dropped; connections end with their peers.
pub(crate) struct Site {
    pub(crate) address: SocketAddr,
    pub(crate) visits: Arc<Visits>,
}

#[derive(Default)]
pub(crate) struct Visits {
    seen: Mutex<Vec<Seen>>,
    /// Of the clients, by connection.
    ports: Mutex<Vec<u16>>,
    /// Connections that were not closed yet.
    open: AtomicUsize,
    stopped: AtomicBool,
}

/// A request.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub(crate) connection: usize,
    pub(crate) head: String,
}

/// A connection, on the side of the server.
pub(crate) struct Visit {
    pub(crate) nth: usize,
    pub(crate) stream: BufReader<TcpStream>,
    pub(crate) visits: Arc<Visits>,
}

impl Site {
    pub(crate) fn listen(play: impl Fn(&mut Visit) + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("bound");
        // What nobody reads shall not all fit.
        let _ = SockRef::from(&listener).set_recv_buffer_size(64 << 10);
        let visits = Arc::<Visits>::default();
        let (theirs, play) = (Arc::clone(&visits), Arc::new(play));
        thread::spawn(move || {
            while let Ok((stream, from)) = listener.accept() {
                if theirs.stopped.load(Ordering::SeqCst) {
                    return;
                }
                let mut ports = theirs.ports.lock().unwrap();
                let nth = ports.len();
                ports.push(from.port());
                drop(ports);
                theirs.open.fetch_add(1, Ordering::SeqCst);
                let _ = stream.set_nodelay(true);
                let _ = stream.set_read_timeout(Some(PATIENCE));
                let (visits, play) = (Arc::clone(&theirs), Arc::clone(&play));
                thread::spawn(move || {
                    let stream = BufReader::new(stream);
                    play(&mut Visit {
                        nth,
                        stream,
                        visits,
                    });
                });
            }
        });
        Self { address, visits }
    }

    /// Answers everything, see `Visit::serve`.
    pub(crate) fn serving() -> Self {
        Self::listen(Visit::serve)
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    pub(crate) fn get(&self, path: &str) -> Request<Bytes> {
        self.ask(Method::GET, path, Bytes::new())
    }

    pub(crate) fn ask(&self, method: Method, path: &str, body: impl Into<Bytes>) -> Request<Bytes> {
        let request = Request::builder().method(method).uri(self.url(path));
        request.body(body.into()).unwrap()
    }

    pub(crate) fn connections(&self) -> usize {
        self.visits.ports.lock().unwrap().len()
    }

    pub(crate) fn open(&self) -> usize {
        self.visits.open.load(Ordering::SeqCst)
    }

    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.visits.seen.lock().unwrap().clone()
    }

    pub(crate) fn heads(&self) -> Vec<String> {
        self.seen().into_iter().map(|seen| seen.head).collect()
    }

    /// First lines without the version: "GET /path".
    pub(crate) fn asked(&self) -> Vec<String> {
        let line = |head: String| head.split(" HTTP/").next().unwrap_or_default().to_owned();
        self.heads().into_iter().map(line).collect()
    }

    pub(crate) fn port(&self, connection: usize) -> u16 {
        self.visits.ports.lock().unwrap()[connection]
    }

    #[track_caller]
    pub(crate) fn wait_until_open(&self, count: usize) {
        wait_until("connections close", || self.open() == count);
    }

    #[track_caller]
    pub(crate) fn wait_until_asked(&self, count: usize) {
        wait_until("requests come", || self.seen().len() >= count);
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        self.visits.stopped.store(true, Ordering::SeqCst);
        let _ = TcpStream::connect(self.address);
    }
}

impl Visit {
    /// The head of the next request; none when the connection ends.
    pub(crate) fn asked(&mut self) -> Option<String> {
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            match self.stream.read_line(&mut head) {
                Ok(1..) => {}
                _ => return None,
            }
        }
        let seen = Seen {
            connection: self.nth,
            head: head.clone(),
        };
        self.visits.seen.lock().unwrap().push(seen);
        Some(head)
    }

    pub(crate) fn content(&mut self, head: &str) -> Option<Vec<u8>> {
        let mut content = vec![0; length(head)];
        self.stream.read_exact(&mut content).ok()?;
        Some(content)
    }

    pub(crate) fn request(&mut self) -> Option<(String, Vec<u8>)> {
        let head = self.asked()?;
        let content = self.content(&head)?;
        Some((head, content))
    }

    /// False if nobody listens any more.
    pub(crate) fn say(&mut self, bytes: impl AsRef<[u8]>) -> bool {
        self.stream.get_mut().write_all(bytes.as_ref()).is_ok()
    }

    /// What has been said is with the client, who has read it.
    pub(crate) fn wait_until_heard(&self) {
        let (near, far) = self.ports();
        wait_until("the client has read it", || {
            let queued = |local, remote| socket(local, remote).map_or((0, 0), |s| s.queued);
            queued(near, far).0 == 0 && queued(far, near).1 == 0
        });
    }

    /// Ours, the client's.
    pub(crate) fn ports(&self) -> (u16, u16) {
        let stream = self.stream.get_ref();
        let near = stream.local_addr().expect("connected").port();
        (near, self.visits.ports.lock().unwrap()[self.nth])
    }

    /// Makes its end a reset.
    pub(crate) fn reset(&self) {
        let _ = SockRef::from(self.stream.get_ref()).set_linger(Some(Duration::ZERO));
    }

    /// Waits for the end of the connection.
    pub(crate) fn idle(&mut self) {
        let mut scrap = [0; 1024];
        while let Ok(1..) = self.stream.read(&mut scrap) {}
    }

    /// Answers by path until the client goes away.
    pub(crate) fn serve(&mut self) {
        while self.serve_one().is_some() {}
    }

    /// Answers one request, which is returned if the connection can go on.
    pub(crate) fn serve_one(&mut self) -> Option<String> {
        let (head, content) = self.request()?;
        let said = match path(&head) {
                "/echo" => self.say(answer(&String::from_utf8_lossy(&content))),
                "/close" => self.say("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"),
                "/1.0" => self.say("HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n"),
                "/1.0-kept" => self.say("HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 0\r\n\r\n"),
                "/chunked" => self.say("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nX-End: yes\r\n\r\n"),
                "/empty" => self.say("HTTP/1.1 204 No Content\r\n\r\n"),
                "/same" => self.say("HTTP/1.1 304 Not Modified\r\nContent-Length: 7\r\n\r\n"),
                "/interim" => self.say(format!("HTTP/1.1 102 Processing\r\n\r\n{}", answer("late"))),
                "/until-end" => {
                    self.say("HTTP/1.1 200 OK\r\n\r\nhello");
                    return None;
                }
                "/never" => {
 self.idle();
 return None;
}
                path if head.starts_with("HEAD ") => {
                    self.say(format!("HTTP/1.1 200 OK\r\nContent-Length: 7\r\nX: {path}\r\n\r\n"))
                }
                path => self.say(answer(path)),
            };
        said.then_some(head)
    }
}

impl Drop for Visit {
    fn drop(&mut self) {
        self.visits.open.fetch_sub(1, Ordering::SeqCst);
    }
}

pub(crate) fn path(head: &str) -> &str {
    head.split(' ').nth(1).unwrap_or_default()
}

pub(crate) fn header<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    head.lines().find_map(|line| {
        let (found, value) = line.split_once(':')?;
        found.eq_ignore_ascii_case(name).then(|| value.trim())
    })
}

pub(crate) fn length(head: &str) -> usize {
    header(head, "content-length").map_or(0, |length| length.parse().expect("a length"))
}

pub(crate) fn answer(body: &str) -> String {
    let length = body.len();
    format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n{body}")
}

pub(crate) fn moved(status: u16, location: &str) -> String {
    format!("HTTP/1.1 {status} Moved\r\nLocation: {location}\r\nContent-Length: 5\r\n\r\nmoved")
}

/// What the kernel says of a TCP socket on loopback.
#[derive(Debug)]
pub(crate) struct Known {
    pub(crate) established: bool,
    /// To be sent or not acknowledged; received and not read.
    pub(crate) queued: (usize, usize),
}

pub(crate) fn socket(local: u16, remote: u16) -> Option<Known> {
    let table = std::fs::read_to_string("/proc/net/tcp").expect("procfs");
    let ends = format!(" 0100007F:{local:04X} 0100007F:{remote:04X} ");
    let (_, rest) = table.split_once(&ends)?;
    let (state, rest) = rest.split_once(' ')?;
    let (out, rest) = rest.split_once(':')?;
    let (input, _) = rest.split_once(' ')?;
    let bytes = |field| usize::from_str_radix(field, 16).ok();
    Some(Known {
        established: state == "01",
        queued: (bytes(out)?, bytes(input)?),
    })
}

/// Until the end of the connection, in order or not, is with the client.
#[track_caller]
pub(crate) fn wait_until_ended(site: &Site, connection: usize) {
    let (near, far) = (site.port(connection), site.address.port());
    wait_until("the end arrives", || {
        socket(near, far).is_none_or(|s| !s.established)
    });
}

/// Until something has arrived that the client has not read.
#[track_caller]
pub(crate) fn wait_until_told(site: &Site, connection: usize) {
    let (near, far) = (site.port(connection), site.address.port());
    wait_until("bytes arrive", || {
        socket(near, far).is_none_or(|s| s.queued.1 > 0)
    });
}

/// An address that does not answer: its queue of connections is full, and nobody accepts.
pub(crate) struct BlackHole {
    pub(crate) address: SocketAddr,
    _listener: Socket,
    _queued: Vec<Socket>,
}

impl BlackHole {
    /// None where the system answers nevertheless.
    pub(crate) fn open() -> Option<Self> {
        let listener = Socket::new(Domain::IPV4, Type::STREAM, None).ok()?;
        listener
            .bind(&SocketAddr::from((Ipv4Addr::LOCALHOST, 0)).into())
            .ok()?;
        listener.listen(0).ok()?;
        let address = listener.local_addr().ok()?.as_socket()?;
        let mut queued = Vec::new();
        while queued.len() < 16 {
            let socket = Socket::new(Domain::IPV4, Type::STREAM, None).ok()?;
            let answered = socket.connect_timeout(&address.into(), SOON).is_ok();
            queued.push(socket);
            if !answered {
                return Some(Self {
                    address,
                    _listener: listener,
                    _queued: queued,
                });
            }
        }
        println!("skipped: a full backlog answers on this system");
        None
    }

    pub(crate) fn get(&self) -> Request<()> {
        Request::get(format!("http://{}/", self.address))
            .body(())
            .unwrap()
    }
}

/// An address where nobody listens. The port is kept, so that nobody else gets it meanwhile.
pub(crate) fn refusing() -> (Socket, SocketAddr) {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
    socket
        .bind(&SocketAddr::from((Ipv4Addr::LOCALHOST, 0)).into())
        .expect("a port");
    let address = socket.local_addr().ok().and_then(|a| a.as_socket());
    (socket, address.expect("bound"))
}

/// Transacts and expects an answer.
#[track_caller]
pub(crate) fn fetch(client: &Client, request: Request<impl IntoBody>) -> Response<Bytes> {
    match settle(client.transact(Aio::new(), request)) {
        Ok(response) => response,
        Err(error) => panic!("no answer: {error:?}"),
    }
}

#[track_caller]
pub(crate) fn stream(client: &Client, request: Request<impl IntoBody>) -> Response<Body> {
    settle(client.transact_streaming(Aio::new(), request)).expect("an answer")
}

/// Waits for a call, bounded or by the server.
pub(crate) type Way = fn(Aio<Response<Bytes>, InFlight>) -> Result<Response<Bytes>, Error>;

/// The four ways to learn of the end.
pub(crate) const WAYS: [Way; 4] = [
    |aio| aio.wait(),
    |aio| settle(aio),
    |aio| receive(&tell(aio).0).result,
    |aio| block_on(aio),
];

#[track_caller]
pub(crate) fn read_to_end(response: &Response<Body>) -> Vec<u8> {
    let mut content = Vec::new();
    loop {
        let some =
            settle(response.body().read_some(Aio::new(), 1 << 16)).expect("more, or the end");
        if some.is_empty() {
            return content;
        }
        content.extend(some);
    }
}
