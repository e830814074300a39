//! The server against the bare system calls of one thread a connection, in the same process, in turn.
//!
//! ```text
//! cargo bench --bench serve                 # all
//! cargo bench --bench serve -- hello-16     # one: hello-1, -16, -64, -256, connect, download, upload
//! ```
//!
//! The server by hand looks for the end of a head and for one of three targets, has no limits, and knows
//! nothing of HTTP besides: a ratio below 1 is the price of all that. `hello-N` is a small answer on each of N
//! connections, over and over; `connect` a new connection for each. Two threads ask, on the same processors. Each
//! is measured with watched connections and with a thread for each connection.

mod compare;

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::thread;

use http_aio::http::Response;
use http_aio::{Answered, Error, Exchange, Server, Threads, get, put};

use crate::compare::{Work, check, is_wanted};

/// Bytes of a large body, and of a piece of it.
const BODY: usize = 256 << 20;
const PIECE: usize = 256 << 10;

const HELLO: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-type: text/plain; charset=utf-8\r\n\
    date: Thu, 26 Nov 2026 10:00:00 GMT\r\ncontent-length: 13\r\n\r\nHello, world!";

fn main() -> io::Result<()> {
    let theirs = by_hand()?;
    for (side, threads) in [
        ("watched", Threads::Watched),
        ("threads", Threads::PerConnection),
    ] {
        let server = Server::builder().threads(threads).build();
        server.route("/hello", get(|_| "Hello, world!"))?;
        server.route("/download", get(download))?;
        server.route("/upload", put(upload))?;
        let ours = server.bind("127.0.0.1:0")?;
        let address = ours.ip().ok_or(io::ErrorKind::Unsupported)?;
        measure(
            theirs,
            Side {
                name: side,
                address,
            },
        )?;
    }
    Ok(())
}

/// A server of ours.
#[derive(Clone, Copy)]
struct Side {
    name: &'static str,
    address: SocketAddr,
}

fn measure(theirs: SocketAddr, ours: Side) -> io::Result<()> {
    for (name, connections) in [
        ("hello-1", 1),
        ("hello-16", 16),
        ("hello-64", 64),
        ("hello-256", 256),
    ] {
        if is_wanted(name) {
            hello(name, connections, theirs, ours)?;
        }
    }
    if is_wanted("connect") {
        connect(theirs, ours)?;
    }
    if is_wanted("download") {
        large("download: 256 MiB", theirs, ours, ask_for_much)?;
    }
    if is_wanted("upload") {
        large("upload: 256 MiB", theirs, ours, say_much)?;
    }
    Ok(())
}

fn hello(
    title: &'static str,
    connections: usize,
    theirs: SocketAddr,
    ours: Side,
) -> io::Result<()> {
    let times = 40_000 / connections;
    let work = Work {
        title,
        count: times * connections,
        size: 13,
        rounds: 7,
    };
    let mut their_clients = Clients::connect(theirs, connections)?;
    let mut our_clients = Clients::connect(ours.address, connections)?;
    work.compare(
        ("by hand", || their_clients.ask(times)),
        (ours.name, || our_clients.ask(times)),
    )
}

/// Connections that a thread asks on, or two.
struct Clients(Vec<Vec<TcpStream>>);

impl Clients {
    fn connect(address: SocketAddr, count: usize) -> io::Result<Self> {
        let mut threads: Vec<Vec<TcpStream>> = Vec::new();
        threads.resize_with(count.min(2), Vec::new);
        for turn in 0..count {
            let stream = TcpStream::connect(address)?;
            stream.set_nodelay(true)?;
            let thread = turn % threads.len();
            threads[thread].push(stream);
        }
        Ok(Self(threads))
    }

    /// Asks on all connections before it reads the answers, so many times.
    fn ask(&mut self, times: usize) -> io::Result<()> {
        let share = |streams: &mut Vec<TcpStream>| {
            for _ in 0..times {
                for stream in &mut *streams {
                    stream.write_all(b"GET /hello HTTP/1.1\r\nhost: h\r\n\r\n")?;
                }
                for stream in &mut *streams {
                    read_hello(stream)?;
                }
            }
            Ok(())
        };
        thread::scope(|scope| {
            let threads: Vec<_> = (self.0.iter_mut())
                .map(|streams| scope.spawn(|| share(streams)))
                .collect();
            threads
                .into_iter()
                .try_for_each(|thread| thread.join().expect("it does not panic"))
        })
    }
}

fn read_hello(stream: &mut TcpStream) -> io::Result<()> {
    let mut answer = [0; 512];
    let mut filled = 0;
    while !answer[..filled].ends_with(b"Hello, world!") {
        match stream.read(&mut answer[filled..])? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            count => filled += count,
        }
    }
    Ok(())
}

fn connect(theirs: SocketAddr, ours: Side) -> io::Result<()> {
    const COUNT: usize = 2000;
    let work = Work {
        title: "connect: a connection for each request",
        count: COUNT,
        size: 13,
        rounds: 7,
    };
    let ask = |address: SocketAddr| {
        for _ in 0..COUNT {
            let mut stream = TcpStream::connect(address)?;
            stream.write_all(b"GET /hello HTTP/1.1\r\nhost: h\r\n\r\n")?;
            read_hello(&mut stream)?;
        }
        Ok(())
    };
    work.compare(
        ("by hand", || ask(theirs)),
        (ours.name, || ask(ours.address)),
    )
}

fn large(
    title: &'static str,
    theirs: SocketAddr,
    ours: Side,
    one: fn(SocketAddr) -> io::Result<()>,
) -> io::Result<()> {
    let work = Work {
        title,
        count: 1,
        size: BODY,
        rounds: 7,
    };
    work.compare(
        ("by hand", || one(theirs)),
        (ours.name, || one(ours.address)),
    )
}

fn ask_for_much(address: SocketAddr) -> io::Result<()> {
    let mut stream = TcpStream::connect(address)?;
    stream.write_all(b"GET /download HTTP/1.1\r\nhost: h\r\nconnection: close\r\n\r\n")?;
    let mut buffer = vec![0; PIECE];
    let mut count = 0;
    loop {
        match stream.read(&mut buffer)? {
            0 => break,
            read => count += read,
        }
    }
    check(count - count % PIECE, BODY) // Less than a piece is the head.
}

fn say_much(address: SocketAddr) -> io::Result<()> {
    let mut stream = TcpStream::connect(address)?;
    write!(
        stream,
        "PUT /upload HTTP/1.1\r\nhost: h\r\ncontent-length: {BODY}\r\n\r\n"
    )?;
    let piece = vec![b'x'; PIECE];
    for _ in 0..BODY / PIECE {
        stream.write_all(&piece)?;
    }
    read_hello(&mut stream)
}

fn download(exchange: &mut Exchange) -> Result<Answered, Error> {
    let head = Response::builder().header("content-length", BODY);
    let mut writer = exchange.stream(head.body(())?)?;
    let piece = bytes::Bytes::from(vec![b'x'; PIECE]);
    for _ in 0..BODY / PIECE {
        writer.write_all([piece.clone()])?;
    }
    writer.finish()
}

fn upload(exchange: &mut Exchange) -> io::Result<&'static str> {
    let mut buffer = vec![0; PIECE];
    let mut body = exchange.body();
    while body.read(&mut buffer)? > 0 {}
    Ok("Hello, world!")
}

/// A server that does as little as possible.
fn by_hand() -> io::Result<SocketAddr> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?;
    thread::spawn(move || {
        while let Ok((stream, _)) = listener.accept() {
            thread::spawn(move || answer(stream));
        }
    });
    Ok(address)
}

fn answer(mut stream: TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut buffer = vec![0; PIECE];
    let mut filled = 0;
    loop {
        match stream.read(&mut buffer[filled..])? {
            0 => return Ok(()),
            count => filled += count,
        }
        let end = buffer[..filled]
            .windows(4)
            .position(|four| four == b"\r\n\r\n");
        let Some(end) = end else { continue };
        let body = filled - end - 4;
        filled = 0;
        if buffer.starts_with(b"PUT ") {
            let mut left = BODY - body;
            while left > 0 {
                left -= stream.read(&mut buffer)?;
            }
        } else if buffer.starts_with(b"GET /download ") {
            write!(stream, "HTTP/1.1 200 OK\r\ncontent-length: {BODY}\r\n\r\n")?;
            for _ in 0..BODY / PIECE {
                stream.write_all(&buffer)?;
            }
            return Ok(());
        }
        stream.write_all(HELLO)?;
    }
}
