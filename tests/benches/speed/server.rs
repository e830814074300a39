//! `Server`, with watched connections and with a thread for each, against one thread a connection that knows nothing of
//! HTTP but what it answers: a ratio below 1 is the price of routes, limits, dates and counts.
//!
//! `hello-N` is a small answer on each of N connections, over and over. Two threads ask.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::thread;

use http_aio::http::Response;
use http_aio::{Answered, Error, Exchange, Server, Threads, get, put};

use crate::exchange::check;
use crate::process::{self, Process};
use crate::table::{Side, Table};

const FAMILY: &str = "server";
/// Bytes of a large body, and of a piece of it.
const BODY: usize = 256 << 20;
const PIECE: usize = 256 << 10;

const HELLO: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-type: text/plain; charset=utf-8\r\n\
    date: Thu, 26 Nov 2026 10:00:00 GMT\r\ncontent-length: 13\r\n\r\nHello, world!";

const BY_HAND: &str = "by hand";
const WATCHED: &str = "watched";
const THREADS: &str = "threads";

pub(crate) fn compare(table: &mut Table) -> io::Result<()> {
    let theirs = Process::start(BY_HAND)?;
    for name in [WATCHED, THREADS] {
        let ours = Process::start(name)?;
        let sides = |side: fn(&'static str, SocketAddr) -> io::Result<Side<'static>>| {
            let theirs = side(BY_HAND, theirs.address())?.in_process(theirs.id());
            Ok((theirs, side(name, ours.address())?.in_process(ours.id())))
        };
        table.compare((FAMILY, "hello-1"), || sides(hello::<1>))?;
        table.compare((FAMILY, "hello-16"), || sides(hello::<16>))?;
        table.compare((FAMILY, "hello-64"), || sides(hello::<64>))?;
        table.compare((FAMILY, "hello-256"), || sides(hello::<256>))?;
        table.compare((FAMILY, "connect"), || sides(connect))?;
        table.compare((FAMILY, "serve-download"), || sides(download))?;
        table.compare((FAMILY, "serve-upload"), || sides(upload))?;
    }
    Ok(())
}

fn hello<const CONNECTIONS: usize>(
    name: &'static str,
    address: SocketAddr,
) -> io::Result<Side<'static>> {
    let mut clients = Clients::connect(address, CONNECTIONS)?;
    Ok(Side::many(name, move |count| {
        let times = count.div_ceil(CONNECTIONS);
        clients.ask(times).map(|()| times * CONNECTIONS)
    }))
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
            let mut results = threads.into_iter().map(|thread| thread.join());
            results
                .try_for_each(|joined| joined.unwrap_or_else(|_| Err(io::Error::other("a panic"))))
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

/// A connection for each request.
fn connect(name: &'static str, address: SocketAddr) -> io::Result<Side<'static>> {
    Ok(Side::new(name, move || {
        let mut stream = TcpStream::connect(address)?;
        stream.write_all(b"GET /hello HTTP/1.1\r\nhost: h\r\n\r\n")?;
        read_hello(&mut stream)
    }))
}

fn download(name: &'static str, address: SocketAddr) -> io::Result<Side<'static>> {
    let mut buffer = vec![0; PIECE];
    Ok(Side::new(name, move || {
        let mut stream = TcpStream::connect(address)?;
        stream.write_all(b"GET /download HTTP/1.1\r\nhost: h\r\nconnection: close\r\n\r\n")?;
        let mut count = 0;
        loop {
            match stream.read(&mut buffer)? {
                0 => break,
                read => count += read,
            }
        }
        check(count - count % PIECE, BODY) // Less than a piece is the head.
    }))
}

fn upload(name: &'static str, address: SocketAddr) -> io::Result<Side<'static>> {
    let piece = vec![b'x'; PIECE];
    Ok(Side::new(name, move || {
        let mut stream = TcpStream::connect(address)?;
        write!(
            stream,
            "PUT /upload HTTP/1.1\r\nhost: h\r\ncontent-length: {BODY}\r\n\r\n"
        )?;
        for _ in 0..BODY / PIECE {
            stream.write_all(&piece)?;
        }
        read_hello(&mut stream)
    }))
}

/// Is the server of that name.
pub(crate) fn be(name: &str) -> io::Result<()> {
    let threads = match name {
        WATCHED => Threads::Watched,
        THREADS => Threads::PerConnection,
        _ => return by_hand(),
    };
    let server = Server::builder().threads(threads).build();
    server.route("/hello", get(|_| "Hello, world!"))?;
    server.route("/download", get(write_much))?;
    server.route("/upload", put(read_much))?;
    let address = server.bind("127.0.0.1:0")?.ip();
    process::stay(address.ok_or(io::ErrorKind::Unsupported)?, "")
}

fn write_much(exchange: &mut Exchange) -> Result<Answered, Error> {
    let head = Response::builder().header("content-length", BODY);
    let mut writer = exchange.stream(head.body(())?)?;
    let piece = bytes::Bytes::from(vec![b'x'; PIECE]);
    for _ in 0..BODY / PIECE {
        writer.write_all([piece.clone()])?;
    }
    writer.finish()
}

fn read_much(exchange: &mut Exchange) -> io::Result<&'static str> {
    let mut buffer = vec![0; PIECE];
    let mut body = exchange.body();
    while body.read(&mut buffer)? > 0 {}
    Ok("Hello, world!")
}

/// A server that does as little as possible.
fn by_hand() -> io::Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?;
    thread::spawn(move || {
        while let Ok((stream, _)) = listener.accept() {
            thread::spawn(move || answer(stream));
        }
    });
    process::stay(address, "")
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
