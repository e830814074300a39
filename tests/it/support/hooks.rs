//! A stream in memory with hooks: it does what the test wants before each call, and notices two calls of
//! one direction at a time.

use std::fmt;
use std::io::{self, IoSlice};
use std::net::Shutdown;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use http_aio::bytes::Bytes;
use http_aio::http::Request;
use http_aio::testing::memory::{self, Faults, MemoryStream};
use http_aio::transport::{Transport, Wait};
use http_aio::{Addr, Conn};

use super::PATIENCE;

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

/// Reads a head, and says what it was.
#[track_caller]
pub(crate) fn head(peer: &MemoryStream) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        match peer.read(&mut byte, Wait::For(PATIENCE)) {
            Ok(1..) => head.push(byte[0]),
            other => panic!("{other:?} after {:?}", String::from_utf8_lossy(&head)),
        }
    }
    String::from_utf8(head).expect("ASCII")
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

pub(crate) fn faulty(how: impl FnOnce(&mut Faults)) -> Faults {
    let mut faults = Faults::none();
    how(&mut faults);
    faults
}

pub(crate) fn get() -> Request<Bytes> {
    Request::get("http://h/").body(Bytes::new()).expect("valid")
}
