//! Pairs of sockets, and raw peers that follow a script.

use std::io::{self, IoSlice, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::os::unix::net::UnixStream;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender, unbounded};
use http_aio::bytes::Bytes;
use http_aio::{Aio, Conn, InFlight, Written};
use socket2::SockRef;

use super::data::pattern;
use super::{PATIENCE, receive, wait_until};

/// The kinds of socket that everything is tried on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Family {
    Tcp,
    Unix,
}

pub(crate) const FAMILIES: [Family; 2] = [Family::Tcp, Family::Unix];

/// Two connected TCP sockets on loopback: the one that connected, and the one that was accepted.
pub(crate) fn tcp_pair() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let near = TcpStream::connect(listener.local_addr().expect("bound")).expect("listening");
    let (far, from) = listener.accept().expect("it has connected");
    assert_eq!(from, near.local_addr().expect("connected"));
    near.set_nodelay(true).expect("a TCP socket");
    far.set_nodelay(true).expect("a TCP socket");
    (near, far)
}

pub(crate) fn unix_pair() -> (UnixStream, UnixStream) {
    UnixStream::pair().expect("a socket pair")
}

/// A connection and its raw peer. The kernel buffers some hundred KiB between them, at most.
pub(crate) fn pair(family: Family) -> (Conn, Peer) {
    match family {
        Family::Tcp => {
            let (near, far) = tcp_pair();
            // Set, they are no longer tuned: megabytes otherwise.
            let _ = SockRef::from(&near).set_send_buffer_size(128 << 10);
            let _ = SockRef::from(&far).set_recv_buffer_size(128 << 10);
            (Conn::from(near), Peer::from(far))
        }
        Family::Unix => {
            let (near, far) = unix_pair();
            (Conn::from(near), Peer::from(far))
        }
    }
}

/// The raw other end of a connection. A read that gets nothing for `PATIENCE` fails.
#[derive(Debug)]
pub(crate) enum Peer {
    Tcp(TcpStream),
    Unix(UnixStream),
}

/// How a stream that was drained ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    OfStream,
    Reset,
}

/// What a peer has received.
#[derive(Debug)]
pub(crate) struct Drained {
    pub(crate) bytes: Vec<u8>,
    pub(crate) end: End,
}

impl Drained {
    pub(crate) fn count(&self) -> u64 {
        self.bytes.len() as u64
    }
}

impl From<TcpStream> for Peer {
    fn from(stream: TcpStream) -> Self {
        let _ = stream.set_read_timeout(Some(PATIENCE));
        Self::Tcp(stream)
    }
}

impl From<UnixStream> for Peer {
    fn from(stream: UnixStream) -> Self {
        let _ = stream.set_read_timeout(Some(PATIENCE));
        Self::Unix(stream)
    }
}

impl Peer {
    /// Reads to the end of the stream, whichever way it ends.
    #[track_caller]
    pub(crate) fn drain(&mut self) -> Drained {
        let mut bytes = Vec::new();
        let mut buffer = vec![0; 256 << 10];
        let end = loop {
            match self.read(&mut buffer) {
                Ok(0) => break End::OfStream,
                Ok(count) => bytes.extend_from_slice(&buffer[..count]),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::ConnectionReset => break End::Reset,
                Err(error) => panic!("draining, after {} bytes: {error}", bytes.len()),
            }
        };
        Drained { bytes, end }
    }

    /// Reads exactly `count` bytes.
    #[track_caller]
    pub(crate) fn expect(&mut self, count: usize) -> Vec<u8> {
        let mut bytes = vec![0; count];
        match self.read_exact(&mut bytes) {
            Ok(()) => bytes,
            Err(error) => panic!("the peer wanted {count} bytes: {error}"),
        }
    }

    /// Reads a head, to its blank line and no further.
    #[track_caller]
    pub(crate) fn head(&mut self) -> String {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.extend(self.expect(1));
        }
        String::from_utf8(head).expect("we write ASCII")
    }

    /// Sends.
    #[track_caller]
    pub(crate) fn say(&mut self, bytes: impl AsRef<[u8]>) {
        if let Err(error) = self.write_all(bytes.as_ref()) {
            panic!("the peer could not send: {error}");
        }
    }

    pub(crate) fn shutdown(&self, how: Shutdown) {
        let _ = match self {
            Self::Tcp(stream) => stream.shutdown(how),
            Self::Unix(stream) => stream.shutdown(how),
        };
    }

    /// Whether something has arrived that was not read.
    pub(crate) fn has_input(&self) -> bool {
        let mut scrap = [std::mem::MaybeUninit::uninit(); 1];
        let flags = libc::MSG_DONTWAIT | libc::MSG_PEEK;
        let peeked = match self {
            Self::Tcp(stream) => SockRef::from(stream).recv_with_flags(&mut scrap, flags),
            Self::Unix(stream) => SockRef::from(stream).recv_with_flags(&mut scrap, flags),
        };
        matches!(peeked, Ok(1..))
    }

    /// Has a thread follow the script; what it has read comes out at its end, with the stream.
    pub(crate) fn run(self, script: impl IntoIterator<Item = Step>) -> JoinHandle<(Vec<u8>, Self)> {
        let script: Vec<Step> = script.into_iter().collect();
        let follow = move || {
            let mut peer = self;
            let mut received = Vec::new();
            for step in script {
                match step {
                    Step::Expect(count) => received.extend(peer.expect(count)),
                    Step::Say(bytes) => peer.say(bytes),
                    Step::Await(gate) => receive(&gate),
                    Step::Signal(gate) => drop(gate.send(())),
                    Step::Pause(time) => thread::sleep(time),
                    Step::EndOutput => peer.shutdown(Shutdown::Write),
                    Step::Drip { bytes, every } => drip(&mut peer, &mut received, bytes, every),
                    Step::Drain => received.extend(peer.drain().bytes),
                }
            }
            (received, peer)
        };
        thread::Builder::new()
            .name("peer".into())
            .spawn(follow)
            .expect("a thread")
    }
}

/// What a scripted peer does next.
#[derive(Debug)]
pub(crate) enum Step {
    /// Reads exactly this many bytes.
    Expect(usize),
    Say(Bytes),
    /// Waits for the test.
    Await(Receiver<()>),
    /// Tells the test how far it is.
    Signal(Sender<()>),
    /// Part of the scenario, never a way to wait for something.
    Pause(Duration),
    /// FIN.
    EndOutput,
    /// Reads so many bytes each time, until the stream ends.
    Drip {
        bytes: usize,
        every: Duration,
    },
    /// Reads to the end.
    Drain,
}

fn drip(peer: &mut Peer, received: &mut Vec<u8>, bytes: usize, every: Duration) {
    let mut buffer = vec![0; bytes];
    let mut due = Instant::now() + every;
    while let Ok(count @ 1..) = peer.read(&mut buffer) {
        received.extend_from_slice(&buffer[..count]);
        thread::sleep(due.saturating_duration_since(Instant::now()));
        due += every;
    }
}

impl Read for Peer {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Tcp(stream) => stream.read(buffer),
            Self::Unix(stream) => stream.read(buffer),
        }
    }
}

impl Write for Peer {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        match self {
            Self::Tcp(stream) => stream.write(buffer),
            Self::Unix(stream) => stream.write(buffer),
        }
    }

    fn write_vectored(&mut self, buffers: &[IoSlice<'_>]) -> io::Result<usize> {
        match self {
            Self::Tcp(stream) => stream.write_vectored(buffers),
            Self::Unix(stream) => stream.write_vectored(buffers),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A server that accepts and never reads. Dropping it closes what it has accepted.
#[derive(Debug)]
pub(crate) struct Stuck {
    pub(crate) address: SocketAddr,
    accepted: Receiver<TcpStream>,
}

impl Stuck {
    pub(crate) fn listen() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("bound");
        let (sender, accepted) = unbounded();
        // Ends with the test process, or when it cannot hand over what it has accepted.
        thread::spawn(move || {
            while let Ok((stream, _)) = listener.accept() {
                if sender.send(stream).is_err() {
                    return;
                }
            }
        });
        Self { address, accepted }
    }

    /// The next connection that was accepted.
    #[track_caller]
    pub(crate) fn accepted(&self) -> Peer {
        receive(&self.accepted).into()
    }
}

/// More than the kernel buffers between the ends of a `pair`.
pub(crate) const MORE_THAN_FITS: usize = 4 << 20;

/// Submits a write of the pattern at `offset`.
pub(crate) fn write_pattern(
    conn: &Conn,
    aio: Aio<Written>,
    offset: u64,
    len: usize,
) -> Aio<Written, InFlight> {
    conn.write_all(aio.iov([pattern(offset, len)]))
}

/// Submits a write that cannot finish before the peer reads, and waits until it blocks: the kernel
/// has taken what it takes, and the count no longer moves.
#[track_caller]
pub(crate) fn jam(conn: &Conn, aio: Aio<Written>) -> Aio<Written, InFlight> {
    let aio = write_pattern(conn, aio, 0, MORE_THAN_FITS);
    wait_until("the first bytes go out", || {
        aio.count() > 0 || aio.is_done()
    });
    // Nothing but time shows that no more is coming: twenty looks without a change.
    let (mut last, mut same) = (0, 0);
    while same < 20 && !aio.is_done() {
        thread::sleep(Duration::from_millis(1));
        let now = aio.count();
        same = if now == last { same + 1 } else { 0 };
        last = now;
    }
    aio
}
