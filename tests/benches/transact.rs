//! `transact` against `ureq`, on the same work, against the same server, in the same process.
//!
//! ```text
//! cargo bench --bench transact              # all
//! cargo bench --bench transact -- small     # one: small, or download
//! ```
//!
//! The server is a thread a connection that parses nothing but the end of a head. Each side keeps
//! one connection. The sides alternate; printed are the medians, and the median of the ratios pair
//! by pair. A ratio above 1 says that `transact` does more than `ureq` in the same time.

mod compare;

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};

use http_aio::http::Request;
use http_aio::{Aio, Conn};
use ureq::Agent;

use crate::compare::{Work, is_wanted};

const SMALL: &[u8] = b"HTTP/1.1 200 OK\r\nserver: bench\r\ncontent-type: text/plain\r\n\
    cache-control: no-cache\r\ncontent-length: 13\r\n\r\nHello, world!";
const DOWNLOAD: usize = 256 << 20;
const PIECE: usize = 256 << 10;

fn main() -> io::Result<()> {
    let address = serve()?;
    if is_wanted("small") {
        let work = Work {
            title: "small: GETs of 13 bytes over one kept-alive connection",
            count: 5_000,
            size: 13,
            rounds: 41,
        };
        let sides = Sides::new(address)?;
        work.compare(
            ("ureq", || sides.small_with_ureq(work.count)),
            ("transact", || sides.small(work.count)),
        )?;
    }
    if is_wanted("download") {
        let work = Work {
            title: "download: 256 MiB, discarded in pieces of 256 KiB",
            count: 1,
            size: DOWNLOAD,
            rounds: 21,
        };
        let sides = Sides::new(address)?;
        work.compare(
            ("ureq", || sides.download_with_ureq()),
            ("transact", || sides.download()),
        )?;
    }
    Ok(())
}

struct Sides {
    agent: Agent,
    conn: Conn,
    address: SocketAddr,
}

impl Sides {
    fn new(address: SocketAddr) -> io::Result<Self> {
        Ok(Self {
            agent: Agent::new_with_defaults(),
            conn: Conn::connect(Aio::new(), address).wait()?,
            address,
        })
    }

    fn small_with_ureq(&self, count: usize) -> io::Result<()> {
        let uri = format!("http://{}/small", self.address);
        for _ in 0..count {
            let mut response = self.agent.get(&uri).call().map_err(io::Error::other)?;
            let body = response
                .body_mut()
                .read_to_vec()
                .map_err(io::Error::other)?;
            check(body.len(), 13)?;
        }
        Ok(())
    }

    fn small(&self, count: usize) -> io::Result<()> {
        let uri = format!("http://{}/small", self.address);
        let mut aio = Aio::new();
        for _ in 0..count {
            let request = Request::get(&uri).body("".into());
            let request = request.map_err(io::Error::other)?;
            let result;
            (result, aio) = self.conn.transact(aio, request).reclaim();
            check(result?.body().len(), 13)?;
        }
        Ok(())
    }

    fn download_with_ureq(&self) -> io::Result<()> {
        let uri = format!("http://{}/download", self.address);
        let mut response = self.agent.get(&uri).call().map_err(io::Error::other)?;
        let mut body = response.body_mut().as_reader();
        let mut piece = vec![0; PIECE];
        let mut total = 0;
        loop {
            match body.read(&mut piece)? {
                0 => return check(total, DOWNLOAD),
                count => total += count,
            }
        }
    }

    fn download(&self) -> io::Result<()> {
        let uri = format!("http://{}/download", self.address);
        let request = Request::get(uri)
            .body("".into())
            .map_err(io::Error::other)?;
        self.conn.transact_streaming(Aio::new(), request).wait()?;
        let mut next = self.conn.read(Aio::new(), PIECE);
        let mut idle = Aio::new();
        let mut total = 0;
        loop {
            let current = std::mem::replace(&mut next, self.conn.read(idle, PIECE));
            let result;
            (result, idle) = current.reclaim();
            match result?.len() {
                0 => return check(total, DOWNLOAD),
                count => total += count,
            }
        }
    }
}

fn check(found: usize, expected: usize) -> io::Result<()> {
    if found == expected {
        Ok(())
    } else {
        Err(io::Error::other(format!("{found} bytes, not {expected}")))
    }
}

/// A thread a connection, for as long as the process lives.
fn serve() -> io::Result<SocketAddr> {
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
