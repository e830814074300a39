//! Callers who do the reader's or the writer's work: nothing is stranded, done twice, or done by two.

use std::fmt;
use std::io::{self, IoSlice};
use std::net::Shutdown;
use std::process::{self, Command};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use http_aio::bytes::Bytes;
use http_aio::http::{Request, Response};
use http_aio::transport::memory::{self, Fault, Faults, MemoryStream};
use http_aio::transport::{Transport, Wait};
use http_aio::{Addr, Aio, Conn, ErrorKind, InFlight, Limits};

use super::support::*;

/// Longer than a deferral, shorter than patience.
const SOON: Duration = Duration::from_millis(50);

pub(crate) type Hook = Box<dyn Fn() + Send + Sync>;

/// A stream in memory that says who calls it, and does what the test wants before each call.
#[derive(Default)]
pub(crate) struct Hooks {
    pub(crate) before_read: Option<Hook>,
    pub(crate) before_write: Option<Hook>,
    pub(crate) peek: Option<Box<dyn Fn() -> io::Result<usize> + Send + Sync>>,
    pub(crate) before_shutdown: Option<Hook>,
    /// What the transport says that it makes records of.
    pub(crate) record: Option<usize>,
}

pub(crate) struct Hooked {
    inner: MemoryStream,
    hooks: Hooks,
    reading: AtomicBool,
    writing: AtomicBool,
    /// Calls that found another one of their direction at work.
    clashes: Arc<AtomicUsize>,
}

impl fmt::Debug for Hooked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Hooked")
    }
}

pub(crate) fn hooked_pair(
    capacity: usize,
    faults: Faults,
    hooks: Hooks,
) -> (Conn, MemoryStream, Arc<AtomicUsize>) {
    let (near, far) = memory::pair(capacity, faults);
    let clashes = Arc::new(AtomicUsize::new(0));
    let hooked = Hooked {
        inner: near,
        hooks,
        reading: AtomicBool::new(false),
        writing: AtomicBool::new(false),
        clashes: Arc::clone(&clashes),
    };
    (Conn::from_transport(hooked), far, clashes)
}

struct Use<'a>(&'a AtomicBool);

impl Drop for Use<'_> {
    fn drop(&mut self) {
        self.0.store(false, Ordering::SeqCst);
    }
}

impl Hooked {
    fn enter<'a>(&self, flag: &'a AtomicBool) -> Use<'a> {
        if flag.swap(true, Ordering::SeqCst) {
            self.clashes.fetch_add(1, Ordering::SeqCst);
        }
        Use(flag)
    }
}

fn call(hook: &Option<Hook>) {
    if let Some(hook) = hook {
        hook();
    }
}

impl Transport for Hooked {
    fn read(&self, buffer: &mut [u8], wait: Wait) -> io::Result<usize> {
        let _use = self.enter(&self.reading);
        call(&self.hooks.before_read);
        self.inner.read(buffer, wait)
    }

    fn write(&self, buffers: &[IoSlice<'_>], wait: Wait) -> io::Result<usize> {
        let _use = self.enter(&self.writing);
        call(&self.hooks.before_write);
        self.inner.write(buffers, wait)
    }

    fn wake_reader(&self) {
        self.inner.wake_reader();
    }

    fn shutdown(&self, how: Shutdown) -> io::Result<()> {
        call(&self.hooks.before_shutdown);
        self.inner.shutdown(how)
    }

    fn record(&self) -> Option<usize> {
        self.hooks.record
    }

    fn peek(&self) -> io::Result<usize> {
        match &self.hooks.peek {
            Some(peek) => peek(),
            None => Err(io::ErrorKind::WouldBlock.into()),
        }
    }

    fn peer_addr(&self) -> Addr {
        Addr::Unknown
    }

    fn local_addr(&self) -> Addr {
        Addr::Unknown
    }
}

/// The raw peer speaks.
#[track_caller]
pub(crate) fn say(peer: &MemoryStream, bytes: impl AsRef<[u8]>) {
    let mut bytes = bytes.as_ref();
    while !bytes.is_empty() {
        let moved = peer.write(&[IoSlice::new(bytes)], Wait::For(PATIENCE));
        bytes = &bytes[moved.expect("the other end reads")..];
    }
}

/// Whether it completes by itself, though nobody waits.
pub(crate) fn completes<T: Send + 'static>(aio: &Aio<T, InFlight>, within: Duration) -> bool {
    let until = Instant::now() + within;
    while !aio.is_done() {
        if Instant::now() > until {
            return false;
        }
        thread::sleep(Duration::from_millis(1));
    }
    true
}

pub(crate) fn faulty(how: impl FnOnce(&mut Faults)) -> Faults {
    let mut faults = Faults::none();
    how(&mut faults);
    faults
}

pub(crate) fn get() -> Request<Bytes> {
    Request::get("http://h/").body(Bytes::new()).expect("valid")
}

// ------------------------------------------------------------------------- nobody to be had

/// As `alone`, with threads that are so large that few of them fit under a limit of memory.
#[track_caller]
pub(crate) fn alone_with_large_threads(test: &str) -> bool {
    const MARK: &str = "HTTP_AIO_TEST_LARGE";
    if std::env::var_os(MARK).is_some() {
        return true;
    }
    let itself = std::env::current_exe().expect("a test binary");
    let output = Command::new(itself)
        .args([test, "--exact", "--test-threads=1", "--nocapture"])
        .env(MARK, "1")
        .env("RUST_MIN_STACK", (256 << 20).to_string())
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

fn limit_memory(bytes: &str) {
    let done = Command::new("prlimit")
        .arg(format!("--pid={}", process::id()))
        .arg(format!("--as={bytes}:"))
        .status();
    assert!(done.expect("util-linux").success());
}

/// From here on no thread can be started.
pub(crate) fn no_threads() {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|l| l.starts_with("VmSize")).unwrap();
    let used: u64 = line.split_whitespace().nth(1).unwrap().parse().unwrap();
    // Less than a stack, and more than a heap of its own that a thread may still reserve.
    limit_memory(&((used << 10) + (224 << 20)).to_string());
    assert!(thread::Builder::new().spawn(|| ()).is_err());
}

pub(crate) fn threads_again() {
    limit_memory("unlimited");
    thread::spawn(|| ()).join().unwrap();
}

#[test]
#[cfg(target_os = "linux")]
fn a_timer_that_was_not_to_be_had_once_is_asked_again() {
    if !alone_with_large_threads("guest::a_timer_that_was_not_to_be_had_once_is_asked_again") {
        return;
    }
    let (conn, peer) = memory_pair(1 << 10, Faults::none());
    no_threads();
    let read = conn.read(Aio::new(), 1);
    assert_eq!(failure(settle(read)), (ErrorKind::NoMemory, 0));
    threads_again();
    say(&peer, "ab");
    // Nobody waits for either.
    let read = conn.read(Aio::new(), 1);
    assert!(completes(&read, Duration::from_secs(2)), "stranded");
    let other = conn.read(Aio::new().timeout(SOON), 100);
    let late = conn.read(Aio::new().timeout(SOON), 100);
    assert!(completes(&other, Duration::from_secs(2)), "stranded");
    assert!(completes(&late, Duration::from_secs(2)), "no deadline");
}

#[test]
#[cfg(target_os = "linux")]
fn a_read_whose_deadline_nobody_can_watch_is_refused() {
    if !alone_with_large_threads("guest::a_read_whose_deadline_nobody_can_watch_is_refused") {
        return;
    }
    let (conn, peer) = memory_pair(1 << 10, Faults::none());
    let (go, wait) = gate();
    let mine = conn.clone();
    let waiter = thread::spawn(move || {
        receive(&wait);
        mine.read(Aio::new(), 1).wait()
    });
    no_threads();
    let read = conn.read(Aio::new(), 1);
    assert_eq!(failure(settle(read)), (ErrorKind::NoMemory, 0));
    go.send(()).unwrap();
    thread::sleep(SOON);
    if waiter.is_finished() {
        return; // No thread and no timer: refused, which is right.
    }
    // It is a guest. This one is behind it.
    let read = conn.read(Aio::new().timeout(SOON), 1);
    assert!(completes(&read, Duration::from_secs(2)), "no deadline");
    say(&peer, "ab");
    let _ = join(waiter);
}

/// What the writer's guest leaves to a thread that is not to be had.
#[test]
#[cfg(target_os = "linux")]
fn an_exchange_whose_write_fails_without_a_thread_ends() {
    if !alone_with_large_threads("guest::an_exchange_whose_write_fails_without_a_thread_ends") {
        return;
    }
    let faults = faulty(|f| f.fail_write = Some((1, Fault::Error(io::ErrorKind::Other))));
    let (conn, _peer) = memory_pair(1 << 10, faults);
    no_threads();
    let exchange = conn.transact(Aio::new(), get());
    let ended = completes(&exchange, Duration::from_secs(2));
    let again = exchange.wait_timeout(Duration::from_secs(2));
    threads_again();
    assert!(ended && again.is_ok(), "stranded: {again:?}");
}

/// The same for the reader's guest: a cancel of what it reads.
#[test]
#[cfg(target_os = "linux")]
fn an_exchange_that_is_cancelled_without_a_thread_ends() {
    if !alone_with_large_threads("guest::an_exchange_that_is_cancelled_without_a_thread_ends") {
        return;
    }
    let (conn, _peer) = memory_pair(1 << 10, Faults::none());
    // The timer is there.
    let (other, _other_peer) = memory_pair(1 << 10, Faults::none());
    let read = other.read(Aio::new().timeout(SOON), 1);
    assert!(completes(&read, PATIENCE));
    let (go, wait) = gate();
    let (hand_over, handed) = gate_of();
    let waiter = thread::spawn(move || {
        receive(&wait);
        let exchange = conn.transact(Aio::new(), get());
        hand_over.send(exchange.canceller()).unwrap();
        exchange.wait().map(drop)
    });
    no_threads();
    go.send(()).unwrap();
    let canceller = receive(&handed);
    thread::sleep(SOON);
    canceller.cancel();
    let until = Instant::now() + Duration::from_secs(2);
    while !waiter.is_finished() && Instant::now() < until {
        thread::sleep(Duration::from_millis(1));
    }
    let finished = waiter.is_finished();
    threads_again();
    assert!(finished, "the waiter is stranded");
    println!("{:?}", waiter.join());
}

pub(crate) fn gate_of<T>() -> (crossbeam_channel::Sender<T>, crossbeam_channel::Receiver<T>) {
    crossbeam_channel::bounded(1)
}

// ------------------------------------------------------------------------------ faulty transports

#[test]
fn a_transport_that_panics_under_a_guest_hurts_no_caller() {
    let faults = faulty(|f| f.fail_read = Some((1, Fault::Panic)));
    let (conn, _peer) = memory_pair(1 << 10, faults);
    let read = conn.read(Aio::new(), 1);
    assert_eq!(failure(read.wait()).0, ErrorKind::Abandoned);
    let next = conn.read(Aio::new(), 1);
    assert_eq!(failure(settle(next)).0, ErrorKind::Closed);

    let (conn, _peer) = memory_pair(1 << 10, faults);
    let exchange = conn.transact(Aio::new(), get());
    let error = exchange.wait().unwrap_err();
    assert!(error.count() > 0, "{error:?}");

    let faults = faulty(|f| f.fail_write = Some((1, Fault::Panic)));
    let (conn, _peer) = memory_pair(1 << 10, faults);
    let exchange = conn.transact(Aio::new(), get());
    assert_eq!(failure(settle(exchange)).1, 0);
}

#[test]
fn queued_operations_end_when_a_guest_panics() {
    // The guest panics when it is told to.
    let (go, wait) = crossbeam_channel::bounded::<()>(0);
    let (tell_in, in_read) = gate();
    let hooks = Hooks {
        before_read: Some(Box::new(move || {
            let _ = tell_in.try_send(());
            let _ = wait.recv();
            panic!("a fault in the transport");
        })),
        ..Hooks::default()
    };
    let (conn, _peer, _) = hooked_pair(1 << 10, Faults::none(), hooks);
    let first = conn.read(Aio::new(), 1);
    let waiter = thread::spawn(move || first.wait());
    receive(&in_read);
    let second = conn.read(Aio::new(), 1);
    let (told, _) = tell(conn.read(Aio::new(), 1));
    drop(go);
    assert_eq!(failure(join(waiter)).0, ErrorKind::Abandoned);
    assert_eq!(failure(settle(second)).0, ErrorKind::Closed);
    assert_eq!(failure(receive(&told).result).0, ErrorKind::Closed);
}

/// It panics in a read, and again when the side is ended.
#[test]
fn a_transport_that_panics_twice_under_a_guest_hurts_no_caller() {
    let twice = AtomicBool::new(false);
    let hooks = Hooks {
        before_read: Some(Box::new(|| panic!("once"))),
        before_shutdown: Some(Box::new(move || {
            assert!(
                thread_name() != "guest" || twice.swap(true, Ordering::SeqCst),
                "twice"
            );
        })),
        ..Hooks::default()
    };
    let (conn, _peer, _) = hooked_pair(1 << 10, Faults::none(), hooks);
    let guest = thread::Builder::new().name("guest".into());
    let kind = guest.spawn(move || {
        let kind = failure(conn.read(Aio::new(), 1).wait()).0;
        std::mem::forget(conn);
        kind
    });
    let kind = kind.unwrap().join();
    assert_eq!(kind.expect("a caller must not panic"), ErrorKind::Abandoned);
}

// ------------------------------------------------------------------------------ nobody waits

#[test]
fn a_deferred_read_that_nobody_waits_for_is_served() {
    let (conn, peer) = memory_pair(1 << 10, Faults::none());
    // Dropped, forgotten, looked at, in an executor, on another thread, for a while: each takes one byte.
    say(&peer, "abcdefgh");
    drop(conn.read(Aio::new(), 1));
    thread::sleep(SOON);
    std::mem::forget(conn.read(Aio::new(), 1));
    let read = conn.read(Aio::new(), 1);
    assert!(completes(&read, PATIENCE));
    assert_eq!(read.wait().unwrap(), "c");
    let read = conn.read(Aio::new(), 1);
    assert_eq!(block_on(async { read.await }).unwrap(), "d");
    let read = conn.read(Aio::new(), 1);
    assert_eq!(join(thread::spawn(move || read.wait())).unwrap(), "e");
    assert_eq!(settle(conn.read(Aio::new(), 1)).unwrap(), "f");
    let (told, _) = tell(conn.read(Aio::new(), 1));
    assert_eq!(receive(&told).result.unwrap(), "g");
    let read = conn.read(Aio::new(), 1);
    drop(conn);
    assert_eq!(read.wait().unwrap(), "h");
}

#[test]
fn the_last_handle_dropped_over_a_deferred_read_lets_it_finish() {
    let (conn, peer) = memory_pair(1 << 10, Faults::none());
    let read = conn.read(Aio::new(), 1);
    drop(conn);
    say(&peer, "a");
    assert!(completes(&read, PATIENCE));
    assert_eq!(peer.drain(), b""); // Closed behind it.

    // And a guest that is at work.
    let (conn, peer) = memory_pair(1 << 10, Faults::none());
    let read = conn.read(Aio::new(), 1);
    let waiter = thread::spawn(move || read.wait());
    thread::sleep(SOON);
    drop(conn);
    say(&peer, "a");
    assert_eq!(join(waiter).unwrap(), "a");
    assert_eq!(receive(&drain_in_background(peer)), b"");
}

#[test]
fn an_exchange_that_nobody_waits_for_leaks_no_connection() {
    let (conn, peer) = memory_pair(1 << 10, Faults::none());
    std::mem::forget(conn.transact(Aio::new(), get()));
    drop(conn);
    say(&peer, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    let sent = receive(&drain_in_background(peer)); // To the end of the stream.
    assert!(sent.starts_with(b"GET / HTTP/1.1\r\n"));
}

// ------------------------------------------------------------------------------ interrupted guests

fn guest_at_work(
    conn: &Conn,
    aio: Aio<Bytes>,
) -> (
    http_aio::Canceller,
    thread::JoinHandle<Result<Bytes, http_aio::Error>>,
) {
    let read = conn.read(aio, 1);
    let canceller = read.canceller();
    let waiter = thread::spawn(move || read.wait());
    thread::sleep(SOON / 5);
    (canceller, waiter)
}

#[test]
fn a_guest_that_is_interrupted_ends_and_the_next_goes_on() {
    let (conn, peer) = memory_pair(1 << 10, Faults::none());
    let (canceller, waiter) = guest_at_work(&conn, Aio::new());
    let (told, _) = tell(conn.read(Aio::new(), 1));
    canceller.cancel();
    assert_eq!(failure(join(waiter)), (ErrorKind::Canceled, 0));
    let (_, waiter) = guest_at_work(&conn, Aio::new().timeout(SOON));
    say(&peer, "a");
    assert_eq!(receive(&told).result.unwrap(), "a");
    assert_eq!(failure(join(waiter)), (ErrorKind::TimedOut, 0));
    let (_, waiter) = guest_at_work(&conn, Aio::new());
    conn.close();
    assert_eq!(failure(join(waiter)), (ErrorKind::Closed, 0));
}

/// Queued behind a guest, expired and cancelled: at once, and on a thread of the connection.
#[test]
fn what_is_queued_behind_a_guest_ends_in_time() {
    let (conn, peer) = memory_pair(1 << 10, Faults::none());
    let (_, waiter) = guest_at_work(&conn, Aio::new());
    let (expired, _) = tell(conn.read(Aio::new().timeout(SOON), 1));
    let (cancelled, canceller) = tell(conn.read(Aio::new(), 1));
    canceller.cancel();
    let told = receive(&cancelled);
    assert_eq!(failure(told.result), (ErrorKind::Canceled, 0));
    assert!(is_ours(&told.thread), "{}", told.thread);
    let told = receive(&expired);
    assert_eq!(failure(told.result), (ErrorKind::TimedOut, 0));
    assert!(is_ours(&told.thread), "{}", told.thread);
    say(&peer, "a");
    assert_eq!(join(waiter).unwrap(), "a");
}

#[test]
fn waiters_of_queued_reads_are_served_in_order() {
    let (conn, peer) = memory_pair(1 << 10, Faults::none());
    let waiters: Vec<_> = (0..8)
        .map(|_| conn.read(Aio::new(), 1))
        .map(|read| thread::spawn(move || read.wait()))
        .collect();
    say(&peer, "abcdefgh");
    let read: Vec<u8> = waiters
        .into_iter()
        .flat_map(|waiter| join(waiter).unwrap().to_vec())
        .collect();
    assert_eq!(read, b"abcdefgh");
}

/// A full queue of reads refuses an exchange, and nothing is sent: nothing else is harmed.
#[test]
fn an_exchange_for_which_there_is_no_room_sends_nothing() {
    let (conn, peer) = memory_pair(1 << 10, Faults::none());
    let conn = conn.limits(Limits::default().queued(1));
    let (_, waiter) = guest_at_work(&conn, Aio::new());
    let queued = conn.read(Aio::new(), 1);
    let exchange = conn.transact(Aio::new(), get());
    let refused = failure(settle(exchange));
    say(&peer, "ab");
    let others = (join(waiter), settle(queued));
    assert_eq!(refused, (ErrorKind::NoMemory, 0), "the others: {others:?}");
    assert_eq!(others.0.unwrap(), "a");
    assert_eq!(others.1.unwrap(), "b");
}

/// The answer comes to whoever asked, on a connection whose reader is lost: nothing is sent.
#[test]
fn an_exchange_whose_answer_cannot_be_read_sends_nothing() {
    let faults = faulty(|f| f.fail_read = Some((1, Fault::Panic)));
    let (conn, peer) = memory_pair(1 << 10, faults);
    assert_eq!(
        failure(conn.read(Aio::new(), 1).wait()).0,
        ErrorKind::Abandoned
    );
    let exchange = conn.transact(Aio::new(), get());
    assert_eq!(failure(settle(exchange)), (ErrorKind::Closed, 0));
    drop(conn);
    assert_eq!(drain_memory(peer), b"");
}

#[test]
fn user_code_never_runs_on_a_caller() {
    let (conn, peer) = memory_pair(1 << 16, Faults::none());
    let mine = thread::current().id();
    for round in 0..50 {
        let (exchange, pipelined) = (
            conn.transact(Aio::new(), get()),
            conn.transact(Aio::new(), get()),
        );
        let (sender, receiver) = gate_of();
        let _ = pipelined.on_complete(move |result, _| {
            let _ = sender.send((result, thread::current().id()));
        });
        let answer = "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx";
        say(&peer, [answer, answer].concat());
        let response: Response<Bytes> = exchange.wait().expect("it was sent");
        assert_eq!(response.body(), "x");
        let (result, thread) = receive(&receiver);
        assert_eq!(result.unwrap().body(), "x", "round {round}");
        assert_ne!(thread, mine);
    }
}

// ----------------------------------------------------------------------------------------- stress

/// Reproducible, and good enough.
pub(crate) struct Dice(pub(crate) u64);

impl Dice {
    pub(crate) fn roll(&mut self, below: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) % below
    }
}

pub(crate) fn seed() -> u64 {
    let seed = match std::env::var("HTTP_AIO_SEED") {
        Ok(seed) => seed.parse().expect("a number"),
        Err(_) => std::time::UNIX_EPOCH
            .elapsed()
            .map_or(1, |since| since.as_nanos() as u64),
    };
    println!("HTTP_AIO_SEED={seed}");
    seed
}

/// Reads of all kinds from several threads: each ends once, no two at work, no byte is lost or told twice.
#[test]
fn reads_of_a_mixture_end_once_and_lose_nothing() {
    let mut dice = Dice(seed() | 1);
    let until = Instant::now() + Duration::from_secs(2);
    let mut rounds = 0;
    while Instant::now() < until {
        round_of_reads(&mut dice);
        rounds += 1;
    }
    println!("{rounds} rounds");
}

fn round_of_reads(dice: &mut Dice) {
    const BYTES: usize = 3000;
    let (conn, peer, clashes) = hooked_pair(64, Faults::none(), Hooks::default());
    let mut theirs = Dice(dice.roll(u64::MAX) | 1);
    let server = thread::spawn(move || {
        let mut at = 0;
        while at < BYTES {
            let count = (1 + theirs.roll(100) as usize).min(BYTES - at);
            say(&peer, pattern(at as u64, count));
            at += count;
            match theirs.roll(20) {
                0 => thread::sleep(Duration::from_micros(theirs.roll(3000))),
                1..5 => thread::yield_now(),
                _ => {}
            }
        }
        peer // Ends the stream when it is dropped.
    });
    let ended = Arc::new(AtomicUsize::new(0));
    let got = Arc::new(AtomicUsize::new(0));
    let readers: Vec<_> = (0..3)
        .map(|_| {
            let mut dice = Dice(dice.roll(u64::MAX) | 1);
            let (conn, ended, got) = (conn.clone(), Arc::clone(&ended), Arc::clone(&got));
            thread::spawn(move || {
                let mut submitted = 0;
                while got.load(Ordering::SeqCst) < BYTES {
                    let mut aio = Aio::new();
                    if dice.roll(4) == 0 {
                        aio = aio.timeout(Duration::from_micros(1 + dice.roll(2000)));
                    }
                    let read = conn.read(aio, 1 + dice.roll(40) as usize);
                    let canceller = read.canceller();
                    submitted += 1;
                    let (ended, got) = (Arc::clone(&ended), Arc::clone(&got));
                    let ends = move |result: Result<Bytes, http_aio::Error>| {
                        got.fetch_add(result.map_or(0, |bytes| bytes.len()), Ordering::SeqCst);
                        ended.fetch_add(1, Ordering::SeqCst);
                    };
                    let cancels = (dice.roll(4) == 0).then(|| {
                        let pause = dice.roll(300);
                        thread::spawn(move || {
                            thread::sleep(Duration::from_micros(pause));
                            canceller.cancel();
                        })
                    });
                    let me = thread::current().id();
                    match dice.roll(6) {
                        0 => {
                            read.on_complete(move |result, _| {
                                assert_ne!(thread::current().id(), me);
                                ends(result);
                            });
                        }
                        1 => ends(block_on(async { read.await })),
                        2 => match read.wait_timeout(Duration::from_micros(dice.roll(300))) {
                            Ok(result) => ends(result),
                            Err(read) => ends(read.wait()),
                        },
                        3 => ends(join_soon(thread::spawn(move || read.wait()))),
                        _ => ends(read.wait()),
                    }
                    if let Some(cancels) = cancels {
                        join_soon(cancels);
                    }
                }
                submitted
            })
        })
        .collect();
    // The end of the stream is the end of those that are left.
    drop(join(server));
    let submitted: usize = readers.into_iter().map(join).sum();
    wait_until("all have ended", || {
        ended.load(Ordering::SeqCst) >= submitted
    });
    thread::yield_now();
    assert_eq!(ended.load(Ordering::SeqCst), submitted);
    assert_eq!(got.load(Ordering::SeqCst), BYTES);
    assert_eq!(clashes.load(Ordering::SeqCst), 0, "two at work");
    assert_eq!(
        failure(settle(conn.read(Aio::new(), 1))).0,
        ErrorKind::Reset
    );
}

fn join_soon<T>(handle: thread::JoinHandle<T>) -> T {
    handle.join().expect("no panic")
}
