//! Forwarding against what a program would write by hand: `std::io::copy` between two sockets for large
//! bodies, a loop of reads and writes for small messages.
//!
//! Neither side by hand looks at what it copies, so a ratio below 1 is the price of knowing where a message
//! ends. Large bodies have a thread that sends and one that receives. For `small` and `small-chunked` one
//! thread does it all, in turn: it sends a message, passes it on, and receives it. `relay` is round trips of
//! a request and its response through a relay, with a thread for each of the three. All of them are in this process, so
//! the processor's time is of them all.

use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::thread;

use http_aio::{Aio, Conn};

use crate::exchange::check;
use crate::table::{Side, Table};

const FAMILY: &str = "forward";
const BODY: usize = 64 << 20;
const CHUNK: usize = 64 << 10;

pub(crate) fn compare(table: &mut Table) -> io::Result<()> {
    table.compare((FAMILY, "length"), || large(with_length()))?;
    table.compare((FAMILY, "chunked"), || large(in_chunks(BODY, CHUNK)))?;
    table.compare((FAMILY, "end"), || large(to_the_end()))?;
    let message = b"HTTP/1.1 200 OK\r\ndate: now\r\ncontent-type: text/plain\r\n\
        content-length: 64\r\n\r\n";
    let message = [&message[..], &[b'x'; 64]].concat();
    table.compare((FAMILY, "small"), || small(&message))?;
    let chunk = in_chunks(64, 64);
    table.compare((FAMILY, "small-chunked"), || small(&chunk))?;
    table.compare((FAMILY, "relay"), relay)
}

fn with_length() -> Vec<u8> {
    let mut message = format!("HTTP/1.1 200 OK\r\ncontent-length: {BODY}\r\n\r\n").into_bytes();
    message.resize(message.len() + BODY, b'x');
    message
}

fn in_chunks(body: usize, chunk: usize) -> Vec<u8> {
    let mut message = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n".to_vec();
    for _ in 0..body / chunk {
        message.extend_from_slice(format!("{chunk:x}\r\n").as_bytes());
        message.resize(message.len() + chunk, b'x');
        message.extend_from_slice(b"\r\n");
    }
    message.extend_from_slice(b"0\r\n\r\n");
    message
}

fn to_the_end() -> Vec<u8> {
    let mut message = b"HTTP/1.1 200 OK\r\n\r\n".to_vec();
    message.resize(message.len() + BODY, b'x');
    message
}

/// Two connected sockets.
fn pair() -> io::Result<(TcpStream, TcpStream)> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let near = TcpStream::connect(listener.local_addr()?)?;
    let (far, _) = listener.accept()?;
    near.set_nodelay(true)?;
    far.set_nodelay(true)?;
    Ok((near, far))
}

/// 64 MiB.
fn large<'a>(message: Vec<u8>) -> io::Result<(Side<'a>, Side<'a>)> {
    let copy = |mut from: TcpStream, mut to: TcpStream| {
        io::copy(&mut from, &mut to)?;
        to.shutdown(Shutdown::Write)
    };
    let forward = |from: TcpStream, to: TcpStream| {
        let (from, to) = (Conn::from(from), Conn::from(to));
        let head = from.read_response(Aio::new()).wait()?;
        from.forward_response(Aio::new(), head, &to).wait()?;
        Ok(())
    };
    let copied = message.clone();
    let theirs = Side::new("io::copy", move || pass(&copied, copy));
    Ok((
        theirs,
        Side::new("forward", move || pass(&message, forward)),
    ))
}

/// Sends a message, has it passed on, and receives it.
fn pass(
    message: &[u8],
    forward: impl FnOnce(TcpStream, TcpStream) -> io::Result<()>,
) -> io::Result<()> {
    let ((mut sender, from), (to, mut receiver)) = (pair()?, pair()?);
    thread::scope(|scope| {
        scope.spawn(move || {
            sender.write_all(message)?;
            sender.shutdown(Shutdown::Write)
        });
        let received = scope.spawn(move || {
            let mut piece = vec![0; 256 << 10];
            let mut total = 0;
            loop {
                match receiver.read(&mut piece)? {
                    0 => return Ok::<_, io::Error>(total),
                    count => total += count,
                }
            }
        });
        forward(from, to)?;
        let received = received.join().map_err(|_| io::Error::other("a panic"))??;
        check(usize::from(received >= BODY), 1)
    })
}

fn small<'a>(message: &'a [u8]) -> io::Result<(Side<'a>, Side<'a>)> {
    let ((mut sender, mut from), (mut to, mut receiver)) = (pair()?, pair()?);
    let mut piece = vec![0; 16 << 10];
    let theirs = Side::new("by hand", move || {
        sender.write_all(message)?;
        let count = from.read(&mut piece)?;
        to.write_all(&piece[..count])?;
        receive(&mut receiver)
    });
    let ((mut sender, from), (to, mut receiver)) = (pair()?, pair()?);
    let (from, to) = (Conn::from(from), Conn::from(to));
    let ours = Side::new("forward", move || {
        sender.write_all(message)?;
        let head = from.read_response(Aio::new()).wait()?;
        from.forward_response(Aio::new(), head, &to).wait()?;
        receive(&mut receiver)
    });
    Ok((theirs, ours))
}

/// Receives one of the small messages, however it is framed now.
fn receive(from: &mut TcpStream) -> io::Result<()> {
    let mut received = [0; 1024];
    let mut count = 0;
    while !is_whole(&received[..count]) {
        match from.read(&mut received[count..])? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            more => count += more,
        }
    }
    Ok(())
}

fn is_whole(received: &[u8]) -> bool {
    match received.windows(7).any(|seven| seven == b"chunked") {
        true => received.ends_with(b"0\r\n\r\n"),
        false => received.ends_with(&[b'x'; 64]),
    }
}

const REQUEST: &[u8] = b"POST /echo HTTP/1.1\r\nhost: example.com\r\naccept: */*\r\n\
    content-type: text/plain\r\ncontent-length: 5\r\n\r\nhello";
const RESPONSE: &[u8] = b"HTTP/1.1 200 OK\r\ndate: now\r\ncontent-type: text/plain\r\n\
    content-length: 5\r\n\r\nhello";

/// One side of `relay`: the connection of its client, kept, and the threads behind it.
fn start(
    forward: impl FnOnce(TcpStream, TcpStream) -> io::Result<()> + Send + 'static,
) -> io::Result<TcpStream> {
    let ((client, from), (to, mut server)) = (pair()?, pair()?);
    thread::spawn(move || forward(from, to));
    thread::spawn(move || {
        while expect_body(&mut server, b"hello").is_ok() {
            server.write_all(RESPONSE)?;
        }
        Ok::<_, io::Error>(())
    });
    Ok(client)
}

fn expect_body(from: &mut TcpStream, body: &[u8]) -> io::Result<()> {
    let mut received = [0; 1024];
    let mut count = 0;
    while !received[..count].ends_with(body) {
        match from.read(&mut received[count..])? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            more => count += more,
        }
    }
    Ok(())
}

fn by_hand(client: TcpStream, server: TcpStream) -> io::Result<()> {
    let mut piece = vec![0; 16 << 10];
    loop {
        for (mut from, mut to) in [(&client, &server), (&server, &client)] {
            // Each message comes in one piece, which a program must not rely on.
            match from.read(&mut piece)? {
                0 => return Ok(()),
                count => to.write_all(&piece[..count])?,
            }
        }
    }
}

fn ours(client: TcpStream, server: TcpStream) -> io::Result<()> {
    let (client, server) = (Conn::from(client), Conn::from(server));
    loop {
        let request = client.read_request(Aio::new()).wait()?;
        client
            .forward_request(Aio::new(), request, &server)
            .wait()?;
        let response = server.read_response(Aio::new()).wait()?;
        server
            .forward_response(Aio::new(), response, &client)
            .wait()?;
    }
}

/// 5 bytes there and 5 back.
fn relay<'a>() -> io::Result<(Side<'a>, Side<'a>)> {
    let round_trips = |name, mut client: TcpStream| {
        Side::new(name, move || {
            client.write_all(REQUEST)?;
            expect_body(&mut client, b"hello")
        })
    };
    let (theirs, ours) = (start(by_hand)?, start(ours)?);
    Ok((round_trips("by hand", theirs), round_trips("forward", ours)))
}
