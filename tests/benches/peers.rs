//! The other end of what is measured, in a process of its own: so that the processor's time is that of the sides that are
//! compared alone.

#![allow(dead_code, reason = "not every benchmark needs all of it")]

use std::io::{self, Read, Write};
use std::mem::MaybeUninit;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::thread;

use socket2::Socket;

use crate::process::{self, Process};

/// Bytes of the large answer, and of the piece in which it is written.
pub(crate) const DOWNLOAD: usize = 256 << 20;
const PIECE: usize = 256 << 10;

const SMALL: &[u8] = b"HTTP/1.1 200 OK\r\nserver: bench\r\ncontent-type: text/plain\r\n\
    cache-control: no-cache\r\ncontent-length: 13\r\n\r\nHello, world!";

/// What a peer does with a connection.
#[derive(Clone, Copy)]
pub(crate) enum Role {
    /// Discards what comes, without a copy.
    Sink,
    /// Says what it hears.
    Echo,
    /// Sends without an end.
    Source,
    /// Answers requests: `GET /small`, or else the large answer.
    Server,
    /// Sends one small request after the other.
    Client,
    /// Reads nothing.
    Stuck,
}

/// The other process.
pub(crate) struct Peers(Process);

impl Peers {
    /// What the process is there for.
    pub(crate) const ROLE: &str = "peers";

    pub(crate) fn start() -> io::Result<Self> {
        Process::start(Self::ROLE).map(Self)
    }

    /// Where a server is, for those who connect by themselves.
    pub(crate) fn address(&self) -> SocketAddr {
        self.0.address()
    }

    pub(crate) fn connect(&self, role: Role) -> io::Result<TcpStream> {
        let mut stream = TcpStream::connect(self.address())?;
        stream.set_nodelay(true)?;
        if !matches!(role, Role::Server) {
            stream.write_all(&[role as u8])?;
        }
        Ok(stream)
    }

    /// Is the other process.
    pub(crate) fn be() -> io::Result<()> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let address = listener.local_addr()?;
        thread::spawn(move || {
            while let Ok((stream, _)) = listener.accept() {
                thread::spawn(move || serve(stream));
            }
        });
        process::stay(address, "")
    }
}

fn serve(mut stream: TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut role = [0];
    stream.peek(&mut role)?;
    let roles = [
        Role::Sink,
        Role::Echo,
        Role::Source,
        Role::Client,
        Role::Stuck,
    ];
    let Some(role) = roles.into_iter().find(|known| *known as u8 == role[0]) else {
        return answer(stream); // It is the first byte of a request.
    };
    stream.read_exact(&mut [0])?;
    let mut buffer = vec![0; PIECE];
    match role {
        Role::Sink => discard(&Socket::from(stream)),
        Role::Echo => loop {
            match stream.read(&mut buffer)? {
                0 => return Ok(()),
                count => stream.write_all(&buffer[..count])?,
            }
        },
        Role::Source => loop {
            stream.write_all(&buffer)?;
        },
        Role::Client => loop {
            stream.write_all(b"GET /small HTTP/1.1\r\nhost: h\r\n\r\n")?;
            if stream.read(&mut buffer)? == 0 {
                return Ok(());
            }
        },
        Role::Stuck | Role::Server => loop {
            thread::park();
        },
    }
}

fn discard(socket: &Socket) -> io::Result<()> {
    let mut scrap = vec![MaybeUninit::uninit(); PIECE];
    while socket.recv_with_flags(&mut scrap, libc::MSG_TRUNC)? > 0 {}
    Ok(())
}

/// Looks for the end of a head, and for one of two paths.
fn answer(mut stream: TcpStream) -> io::Result<()> {
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
            write!(
                stream,
                "HTTP/1.1 200 OK\r\ncontent-length: {DOWNLOAD}\r\n\r\n"
            )?;
            for _ in 0..DOWNLOAD / PIECE {
                stream.write_all(&piece)?;
            }
        }
        head.clear();
    }
}
