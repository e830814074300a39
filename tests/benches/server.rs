//! A server that does as little as possible: it looks for the end of a head, and for one of two paths.

#![allow(dead_code, reason = "not every benchmark asks for both answers")]

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};

const SMALL: &[u8] = b"HTTP/1.1 200 OK\r\nserver: bench\r\ncontent-type: text/plain\r\n\
    cache-control: no-cache\r\ncontent-length: 13\r\n\r\nHello, world!";
/// Bytes of the large answer.
pub(crate) const DOWNLOAD: usize = 256 << 20;
const PIECE: usize = 256 << 10;

/// A thread a connection, for as long as the process lives.
pub(crate) fn start() -> io::Result<SocketAddr> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?;
    std::thread::spawn(move || {
        while let Ok((stream, _)) = listener.accept() {
            std::thread::spawn(move || answer(stream));
        }
    });
    Ok(address)
}

fn answer(mut stream: TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let piece = vec![b'x'; PIECE];
    let mut head = Vec::new();
    let mut buffer = [0; 4096];
    loop {
        match stream.read(&mut buffer)? {
            0 => return Ok(()),
            count => head.extend_from_slice(&buffer[..count]),
        }
        if !head.ends_with(b"\r\n\r\n") {
            continue;
        }
        if head.starts_with(b"GET /small ") {
            stream.write_all(SMALL)?;
        } else {
            stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 268435456\r\n\r\n")?;
            for _ in 0..DOWNLOAD / PIECE {
                stream.write_all(&piece)?;
            }
        }
        head.clear();
    }
}
