//! What the tests share: pairs of sockets, peers that follow a script, data that can be recognised
//! byte by byte, and waits that fail instead of hanging.

#![allow(
    dead_code,
    reason = "not every test needs every helper, and not under every feature"
)]

use std::fmt;
use std::future::Future;
use std::io::{self, IoSlice, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::os::unix::net::UnixStream;
use std::pin::pin;
use std::sync::{Arc, LazyLock};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, JoinHandle, Thread};
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender, bounded, unbounded};
use http_aio::bytes::Bytes;
use http_aio::{Aio, Canceller, Conn, Error, ErrorKind, InFlight, Written};
use socket2::SockRef;

/// How long a test waits for what must happen before it fails. Generous: only a hang takes it.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

// ------------------------------------------------------------------------------------------ data

/// Prime, so that no shift by a buffer size goes unnoticed.
const PERIOD: usize = 65_521;
const LONGEST: usize = 4 << 20;

/// The pattern from offset 0, long enough for `LONGEST` bytes from any offset.
static PATTERN: LazyLock<Bytes> = LazyLock::new(|| {
    let mut state = 0x9e37_79b9_u32;
    let period: Vec<u8> = (0..PERIOD)
        .map(|_| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 24) as u8
        })
        .collect();
    let mut pattern = Vec::with_capacity(PERIOD + LONGEST);
    while pattern.len() < PERIOD + LONGEST {
        let part = PERIOD.min(PERIOD + LONGEST - pattern.len());
        pattern.extend_from_slice(&period[..part]);
    }
    pattern.into()
});

/// `len` bytes of one endless stream, from `offset` on. The same place has always the same bytes.
pub(crate) fn pattern(offset: u64, len: usize) -> Bytes {
    let start = (offset % PERIOD as u64) as usize;
    if len <= LONGEST {
        return PATTERN.slice(start..start + len);
    }
    let mut long = Vec::with_capacity(len);
    while long.len() < len {
        let part = LONGEST.min(len - long.len());
        long.extend_from_slice(&pattern(offset + long.len() as u64, part));
    }
    long.into()
}

/// Checks that `bytes` are those of the pattern at `offset`, and says where they first are not.
#[track_caller]
pub(crate) fn assert_pattern(offset: u64, bytes: &[u8]) {
    let mut at = offset;
    for part in bytes.chunks(LONGEST) {
        let expected = pattern(at, part.len());
        if part != expected {
            let wrong = part.iter().zip(&expected).position(|(a, b)| a != b);
            panic!("wrong byte at {}", at + wrong.unwrap_or(0) as u64);
        }
        at += part.len() as u64;
    }
}

// ----------------------------------------------------------------------------------------- waits

/// Waits for a condition that another thread brings about.
#[track_caller]
pub(crate) fn wait_until(what: &str, mut condition: impl FnMut() -> bool) {
    let patience = Instant::now() + PATIENCE;
    while !condition() {
        assert!(Instant::now() < patience, "never happened: {what}");
        thread::sleep(Duration::from_millis(1));
    }
}

/// `wait`, bounded.
#[track_caller]
pub(crate) fn settle<T: Send + 'static>(aio: Aio<T, InFlight>) -> Result<T, Error> {
    match aio.wait_timeout(PATIENCE) {
        Ok(result) => result,
        Err(aio) => panic!("still running: {aio:?}"),
    }
}

/// `reclaim`, bounded.
#[track_caller]
pub(crate) fn settle_and_reclaim<T: Send + 'static>(
    aio: Aio<T, InFlight>,
) -> (Result<T, Error>, Aio<T>) {
    wait_until("the operation completes", || aio.is_done());
    aio.reclaim()
}

/// The kind and the count of a failure.
#[track_caller]
pub(crate) fn failure<T: fmt::Debug>(result: Result<T, Error>) -> (ErrorKind, u64) {
    match result {
        Ok(value) => panic!("succeeded with {value:?}"),
        Err(error) => (error.kind(), error.count()),
    }
}

/// The bytes that a write moved, whatever became of it.
pub(crate) fn count(result: &Result<Written, Error>) -> u64 {
    match result {
        Ok(written) => written.count(),
        Err(error) => error.count(),
    }
}

/// Receives, bounded.
#[track_caller]
pub(crate) fn receive<T>(from: &Receiver<T>) -> T {
    match from.recv_timeout(PATIENCE) {
        Ok(value) => value,
        Err(error) => panic!("nothing received: {error}"),
    }
}

/// Joins, bounded; passes a panic on.
#[track_caller]
pub(crate) fn join<T>(handle: JoinHandle<T>) -> T {
    wait_until("the thread ends", || handle.is_finished());
    match handle.join() {
        Ok(value) => value,
        Err(payload) => std::panic::resume_unwind(payload),
    }
}

/// What a closure was told: the outcome, where, and when.
#[derive(Debug)]
pub(crate) struct Told<T> {
    pub(crate) result: Result<T, Error>,
    pub(crate) thread: String,
    pub(crate) at: Instant,
}

/// Attaches a closure that sends what it is told. A second call of it would be seen as a second
/// message; when the closure is gone the channel is closed.
pub(crate) fn tell<T: Send + 'static>(aio: Aio<T, InFlight>) -> (Receiver<Told<T>>, Canceller) {
    let (sender, receiver) = unbounded();
    let canceller = aio.on_complete(move |result, _| {
        let _ = sender.send(Told {
            result,
            thread: thread_name(),
            at: Instant::now(),
        });
    });
    (receiver, canceller)
}

/// Whether a thread of this name is one of the library's: of a connection, by its role, or a global one.
pub(crate) fn is_ours(name: &str) -> bool {
    let roles = ["http-aio:", "rd:", "wr:", "cb:", "hs:"];
    roles.iter().any(|role| name.starts_with(role))
}

pub(crate) fn thread_name() -> String {
    thread::current().name().unwrap_or_default().to_owned()
}

/// For upper bounds of time on a machine that is busy with other things: a scenario that is late
/// may be repeated twice. Everything else is asserted inside the scenario, every time.
#[track_caller]
pub(crate) fn in_time(scenario: impl FnMut() -> Result<(), String>) {
    once_of(3, scenario);
}

/// As `in_time`, for what fails as soon as this thread is kept for a millisecond at the wrong moment.
#[track_caller]
pub(crate) fn once_of(tries: usize, mut scenario: impl FnMut() -> Result<(), String>) {
    let mut late = Vec::new();
    for _ in 0..tries {
        match scenario() {
            Ok(()) => return,
            Err(how) => late.push(how),
        }
    }
    panic!("too late, {tries} times: {late:?}");
}

/// For `in_time`: late, unless `took` is at most `most`.
pub(crate) fn at_most(what: &str, took: Duration, most: Duration) -> Result<(), String> {
    if took <= most {
        Ok(())
    } else {
        Err(format!("{what} took {took:?}, allowed are {most:?}"))
    }
}

/// A tiny executor: polls on this thread, parks in between.
pub(crate) fn block_on<F: Future>(future: F) -> F::Output {
    struct Unpark(Thread);
    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut context = Context::from_waker(&waker);
    let mut future = pin!(future);
    let patience = Instant::now() + PATIENCE;
    loop {
        if let Poll::Ready(output) = future.as_mut().poll(&mut context) {
            return output;
        }
        assert!(Instant::now() < patience, "the future is never woken");
        thread::park_timeout(PATIENCE);
    }
}

// ----------------------------------------------------------------------------------------- pairs

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

/// For `Step::Await` and `Step::Signal`.
pub(crate) fn gate() -> (Sender<()>, Receiver<()>) {
    bounded(1)
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

// --------------------------------------------------------------------------------------- writing

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

// ---------------------------------------------------------------------------------------- memory

#[cfg(feature = "test-util")]
#[allow(unused_imports, reason = "as above")]
pub(crate) use self::memory::*;

#[cfg(feature = "test-util")]
mod memory {
    use super::*;
    use http_aio::Addr;
    use http_aio::transport::memory::{self, Faults, MemoryStream};
    use http_aio::transport::{Transport, Wait};

    /// A connection in memory and its raw peer.
    pub(crate) fn memory_pair(capacity: usize, faults: Faults) -> (Conn, MemoryStream) {
        let (near, far) = memory::pair(capacity, faults);
        (Conn::from_transport(near), far)
    }

    /// Drains on a thread of its own; `receive` what it has got.
    pub(crate) fn drain_in_background(peer: MemoryStream) -> Receiver<Vec<u8>> {
        let (sender, receiver) = bounded(1);
        thread::spawn(move || sender.send(peer.drain()));
        receiver
    }

    /// Drains, bounded.
    #[track_caller]
    pub(crate) fn drain_memory(peer: MemoryStream) -> Vec<u8> {
        receive(&drain_in_background(peer))
    }

    /// A stream in memory whose writes wait for the test: it stops the writer's thread right before
    /// any system call, so that a race is not a matter of luck.
    #[derive(Debug)]
    struct Gated {
        inner: MemoryStream,
        calls: Sender<WriteCall>,
        permits: Receiver<()>,
    }

    /// A write that waits at the gate.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub(crate) struct WriteCall {
        pub(crate) may_block: bool,
        pub(crate) offered: usize,
    }

    /// The test's side of the gate. Dropped, it stands open.
    #[derive(Debug)]
    pub(crate) struct Gate {
        calls: Receiver<WriteCall>,
        permits: Sender<()>,
    }

    impl Gate {
        /// The next call, which now waits.
        #[track_caller]
        pub(crate) fn arrived(&self) -> WriteCall {
            receive(&self.calls)
        }

        /// Lets one call through.
        pub(crate) fn permit(&self) {
            let _ = self.permits.send(());
        }

        /// Lets all calls through; afterwards they can be listed.
        pub(crate) fn open(self) -> Receiver<WriteCall> {
            self.calls
        }
    }

    /// As `memory_pair`, with a gate.
    pub(crate) fn gated_pair(capacity: usize, faults: Faults) -> (Conn, MemoryStream, Gate) {
        let (near, far) = memory::pair(capacity, faults);
        let (calls, arrivals) = unbounded();
        let (permits, waits) = unbounded();
        let gated = Gated {
            inner: near,
            calls,
            permits: waits,
        };
        let gate = Gate {
            calls: arrivals,
            permits,
        };
        (Conn::from_transport(gated), far, gate)
    }

    impl Transport for Gated {
        fn read(&self, buffer: &mut [u8], wait: Wait) -> io::Result<usize> {
            self.inner.read(buffer, wait)
        }

        fn write(&self, buffers: &[IoSlice<'_>], wait: Wait) -> io::Result<usize> {
            let _ = self.calls.send(WriteCall {
                may_block: wait != Wait::Never,
                offered: buffers.iter().map(|buffer| buffer.len()).sum(),
            });
            let _ = self.permits.recv_timeout(PATIENCE);
            self.inner.write(buffers, wait)
        }

        fn wake_reader(&self) {
            self.inner.wake_reader();
        }

        fn shutdown(&self, how: Shutdown) -> io::Result<()> {
            self.inner.shutdown(how)
        }

        fn peer_addr(&self) -> Addr {
            self.inner.peer_addr()
        }

        fn local_addr(&self) -> Addr {
            self.inner.local_addr()
        }
    }
}

// ------------------------------------------------------------------------------------ processes

/// The names of the library's threads, but for the timer, as far as the kernel keeps them.
pub(crate) fn threads_of_ours() -> Vec<String> {
    let tasks = std::fs::read_dir("/proc/self/task").expect("procfs");
    tasks
        .filter_map(|task| std::fs::read_to_string(task.ok()?.path().join("comm")).ok())
        .map(|name| name.trim().to_owned())
        .filter(|name| is_ours(name) && !name.starts_with("http-aio:timer"))
        .collect()
}

/// Runs `test` (the path of the calling test, as `cargo test` prints it) alone in a process of its
/// own, for what must not meet other tests: counting threads, losing the timer. Returns true in
/// that process, where the test is to go on; in the first one it has then passed.
#[track_caller]
pub(crate) fn alone(test: &str) -> bool {
    const MARK: &str = "HTTP_AIO_TEST_ALONE";
    if std::env::var_os(MARK).is_some() {
        return true;
    }
    let itself = std::env::current_exe().expect("a test binary");
    let output = std::process::Command::new(itself)
        .args([test, "--exact", "--test-threads=1", "--nocapture"])
        .env(MARK, "1")
        .output()
        .expect("it runs");
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success() && said.contains("1 passed"),
        "{test} alone: {}\n{said}\n{}",
        output.status,
        String::from_utf8_lossy(&output.stderr)
    );
    false
}

/// The threads of this process whose names begin so. The kernel keeps 15 bytes of a name.
#[cfg(target_os = "linux")]
pub(crate) fn threads(prefix: &str) -> Vec<String> {
    let tasks = std::fs::read_dir("/proc/self/task").expect("proc");
    let names = tasks.filter_map(|task| {
        // Gone already, if there is none.
        std::fs::read_to_string(task.ok()?.path().join("comm")).ok()
    });
    names.filter(|name| name.starts_with(prefix)).collect()
}

/// Sockets and wakers of this process.
#[cfg(target_os = "linux")]
pub(crate) fn sockets() -> usize {
    let files = std::fs::read_dir("/proc/self/fd").expect("proc");
    let links = files.filter_map(|file| std::fs::read_link(file.ok()?.path()).ok());
    let links = links.map(|link| link.to_string_lossy().into_owned());
    links
        .filter(|link| link.starts_with("socket:") || link.contains("eventfd"))
        .count()
}

/// The threads of this process: their numbers, and their names as the kernel has them.
#[cfg(target_os = "linux")]
pub(crate) fn tasks() -> Vec<(String, String)> {
    let tasks = std::fs::read_dir("/proc/self/task").expect("procfs");
    tasks
        .filter_map(|task| {
            let task = task.ok()?;
            // Gone already, if there is none.
            let name = std::fs::read_to_string(task.path().join("comm")).ok()?;
            let id = task.file_name().into_string().ok()?;
            Some((id, name.trim_end().to_owned()))
        })
        .collect()
}

/// Those that were not there `before`, but for those that stay as long as the process.
#[cfg(target_os = "linux")]
pub(crate) fn tasks_since(before: &[(String, String)]) -> Vec<(String, String)> {
    let mut tasks = tasks();
    tasks.retain(|(id, name)| {
        !LASTING.contains(&name.as_str()) && !before.iter().any(|(old, _)| old == id)
    });
    tasks
}

/// What is global: the timer, and whoever sees connections off.
const LASTING: [&str; 2] = [TIMER, "http-aio:linger"];

/// The name of the thread that looks after deadlines.
pub(crate) const TIMER: &str = "http-aio:timer";

/// The descriptors that this process has open.
#[cfg(target_os = "linux")]
pub(crate) fn descriptors() -> usize {
    std::fs::read_dir("/proc/self/fd").expect("procfs").count()
}

/// In the middle of what was measured, so that a few that were late do not matter.
pub(crate) fn median(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times[times.len() / 2]
}
