//! A TLS session over another transport.
//!
//! Two threads use it at once, and rustls is one object. So it is under a lock, which is held to
//! encrypt and to decrypt, and never while the transport below is called.
//!
//! Records must go out in the order in which they were made, and not interleaved. Both
//! directions make some: the writer what it writes, the reader answers to key updates, and alerts. If
//! both sent, one would have to wait for the other, and a reader that waits for a writer whose peer
//! does not read is a deadlock. So only the writing direction sends. What the reader brings about
//! stays with rustls, in order, and the next write takes it along, or the end of the stream. None of
//! it is urgent: RFC 8446 section 4.6.3 wants the answer to a key update before the next data,
//! not before; and rustls bounds how much of it there can be.
//!
//! Invariants:
//!
//! 1. The session's lock is held for bookkeeping and cryptography only.
//! 2. Whoever sends has taken the outbox out of the session, and nobody else sends before it is back.
//!    So has whoever receives with the inbox.
//! 3. What is encrypted can only be sent, or the stream ends: sequence numbers have no gaps. So a
//!    record is made only of what is to go out now, and what a call has encrypted and not brought
//!    out is *held*: the next write begins with the same bytes (`is_mid_record`).
//! 4. A write counts the plaintext of the records that the transport below has accepted whole. What
//!    has been accepted of one that is not whole cannot be decrypted by anybody.
//! 5. `close_notify` says that the stream is whole, so it is sent only behind whole records, when
//!    nothing was aborted; and an end without it is an error to the reader.

mod failure;
mod handshake;
mod inbox;
mod outbox;
mod session;

use std::fmt;
use std::io::{self, IoSlice};
use std::net::Shutdown;
use std::sync::Arc;
use std::thread::Builder;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use rustls::Connection;

use self::failure::truncated;
pub(crate) use self::handshake::{Role, handshake};
use self::inbox::Inbox;
use self::outbox::Outbox;
use self::session::{Output, Plaintext, Session};
use super::{Addr, Transport, Wait, moved_nothing};
use crate::bufs::Slices;

/// How long a peer that does not read is waited for, so that it gets the `close_notify`, where the
/// transport below does not take care of that.
const LINGER: Duration = Duration::from_secs(30);

/// How many calls one look at what has arrived makes. Each may bring nothing but session tickets.
const LOOKS: usize = 16;

pub(crate) struct TlsTransport(Arc<Shared>);

struct Shared {
    inner: Arc<dyn Transport>,
    session: Mutex<Session>,
    /// The most plaintext of one record.
    record: usize,
}

impl TlsTransport {
    fn new(inner: Arc<dyn Transport>, tls: Connection, record: usize, inbox: Inbox) -> Self {
        Self(Arc::new(Shared {
            inner,
            session: Mutex::new(Session::new(tls, record, inbox)),
            record,
        }))
    }
}

impl Transport for TlsTransport {
    /// Makes one call below at most. It may bring no whole record, and then the caller tries again.
    fn read(&self, buffer: &mut [u8], wait: Wait) -> io::Result<usize> {
        self.0.with_inbox(|inbox| {
            let room = buffer.len();
            let decrypt = |session: &mut Session, inbox: &mut _| session.decrypt(inbox, buffer);
            self.0.receive(inbox, room, wait, decrypt)
        })
    }

    fn read_more(&self, buffer: &mut Vec<u8>, wait: Wait) -> io::Result<usize> {
        self.0.with_inbox(|inbox| {
            let room = buffer.capacity() - buffer.len();
            let decrypt =
                |session: &mut Session, inbox: &mut _| session.decrypt_more(inbox, buffer);
            self.0.receive(inbox, room, wait, decrypt)
        })
    }

    fn write(&self, buffers: &[IoSlice<'_>], wait: Wait) -> io::Result<usize> {
        let mut outbox = self.0.take_outbox()?;
        let result = self.0.send(&mut outbox, buffers, wait);
        self.0.put_back(outbox);
        result
    }

    fn wake_reader(&self) {
        self.0.inner.wake_reader();
    }

    fn shutdown(&self, how: Shutdown) -> io::Result<()> {
        match how {
            Shutdown::Read => self.0.inner.shutdown(Shutdown::Read),
            Shutdown::Write => self.0.end_output(),
            Shutdown::Both => {
                let read = self.0.inner.shutdown(Shutdown::Read);
                self.0.end_output().and(read)
            }
        }
    }

    fn abort(&self, how: Shutdown) -> io::Result<()> {
        if how != Shutdown::Read {
            self.0.abort_output();
        }
        self.0.inner.shutdown(how)
    }

    fn record(&self) -> Option<usize> {
        Some(self.0.record)
    }

    fn is_mid_record(&self) -> bool {
        self.0.session.lock().is_mid_record()
    }

    /// What has arrived may be no data at all, but a session ticket: it is decrypted to see that.
    fn peek(&self) -> io::Result<usize> {
        let result = self.0.with_inbox(|inbox| self.0.look(inbox));
        // Somebody reads, and will see it.
        result.map_err(|error| match error.kind() {
            io::ErrorKind::Interrupted => io::ErrorKind::WouldBlock.into(),
            _ => error,
        })
    }

    fn linger(&self) {
        self.0.inner.linger();
    }

    fn peer_addr(&self) -> Addr {
        self.0.inner.peer_addr()
    }

    fn local_addr(&self) -> Addr {
        self.0.inner.local_addr()
    }
}

/// Sending.
impl Shared {
    fn take_outbox(&self) -> io::Result<Outbox> {
        let mut session = self.session.lock();
        match std::mem::replace(&mut session.output, Output::Busy) {
            Output::Idle(outbox) => Ok(outbox),
            ended => {
                session.output = ended;
                Err(io::ErrorKind::BrokenPipe.into())
            }
        }
    }

    /// Puts the outbox back, unless the stream was aborted meanwhile.
    fn put_back(&self, mut outbox: Outbox) {
        outbox.slim();
        let mut session = self.session.lock();
        if matches!(session.output, Output::Busy) {
            session.output = Output::Idle(outbox);
        }
    }

    fn send(&self, outbox: &mut Outbox, buffers: &[IoSlice<'_>], wait: Wait) -> io::Result<usize> {
        // What is held are the first bytes of `buffers`. Nothing is added to them, so that the caller
        // waits for no more than these.
        if outbox.holds() {
            return self.flush(outbox, wait);
        }
        let mut slices: Slices<'_> = buffers.iter().map(|b| IoSlice::new(b)).collect();
        let mut plaintext = Plaintext(&mut slices);
        let mut counted = 0;
        loop {
            let encrypted = self.session.lock().encrypt(&mut plaintext, outbox);
            match encrypted.and_then(|()| self.flush(outbox, wait)) {
                Ok(count) => counted += count,
                Err(_) if counted > 0 => return Ok(counted), // The next call finds it again.
                Err(error) => return Err(error),
            }
            if wait != Wait::Never || outbox.holds() || plaintext.is_empty() {
                return Ok(counted);
            }
        }
    }

    /// Makes one call below. Returns the plaintext of the records that are now out, or `WouldBlock` if
    /// there is none: then they are held.
    fn flush(&self, outbox: &mut Outbox, wait: Wait) -> io::Result<usize> {
        let sent = self.inner.write(&[IoSlice::new(outbox.unsent())], wait)?;
        if sent == 0 {
            return Err(io::ErrorKind::WriteZero.into());
        }
        match outbox.advance(sent) {
            0 => Err(io::ErrorKind::WouldBlock.into()),
            count => Ok(count),
        }
    }

    /// Ends our stream in order, if nothing of it is missing.
    fn end_output(self: &Arc<Self>) -> io::Result<()> {
        let mut session = self.session.lock();
        let mut outbox = match std::mem::replace(&mut session.output, Output::Ended) {
            Output::Idle(outbox) if !outbox.holds() => outbox,
            Output::Ending => {
                session.output = Output::Ending;
                return Ok(());
            }
            Output::Idle(_) | Output::Busy | Output::Ended => {
                drop(session);
                return self.inner.shutdown(Shutdown::Write);
            }
        };
        let closed = session.last_words(&mut outbox);
        session.output = Output::Ending;
        drop(session);
        if closed.is_ok() && !self.send_rest(&mut outbox, Wait::Never) && self.end_later(outbox) {
            return Ok(());
        }
        self.end_below()
    }

    /// Ends our stream without the sign that it is whole. If the session is broken, the peer is told
    /// why, as far as that goes at once.
    fn abort_output(&self) {
        let mut session = self.session.lock();
        let last = std::mem::replace(&mut session.output, Output::Ended);
        let Output::Idle(mut outbox) = last else {
            return;
        };
        if session.is_broken() && !outbox.holds() && session.last_words(&mut outbox).is_ok() {
            drop(session);
            self.send_rest(&mut outbox, Wait::Never);
        }
    }

    /// Sends what is left. False if there is no room for some of it yet.
    fn send_rest(&self, outbox: &mut Outbox, wait: Wait) -> bool {
        while !outbox.unsent().is_empty() {
            match self.inner.write(&[IoSlice::new(outbox.unsent())], wait) {
                Ok(0) => return true,
                Ok(count) => drop(outbox.advance(count)),
                Err(error) => return !moved_nothing(&error),
            }
        }
        true
    }

    /// Has the end of the stream wait for room. False if there is nobody to do that.
    fn end_later(self: &Arc<Self>, mut outbox: Outbox) -> bool {
        if self.inner.shutdown_after(outbox.unsent().to_vec()).is_ok() {
            return true;
        }
        // This is no socket, so it gets a thread of its own.
        let this = Arc::clone(self);
        let wait = move || {
            let until = Instant::now() + LINGER;
            loop {
                let left = until.saturating_duration_since(Instant::now());
                if left.is_zero() || this.send_rest(&mut outbox, Wait::For(left)) {
                    break;
                }
            }
            let _ = this.end_below();
        };
        let name = format!("http-aio:close:{}", self.inner.peer_addr());
        Builder::new().name(name).spawn(wait).is_ok()
    }

    fn end_below(&self) -> io::Result<()> {
        self.session.lock().output = Output::Ended;
        self.inner.shutdown(Shutdown::Write)
    }
}

/// Receiving.
impl Shared {
    /// Works with the inbox. Fails with `Interrupted` while somebody else has it, which is not for long.
    fn with_inbox<T>(&self, work: impl FnOnce(&mut Inbox) -> io::Result<T>) -> io::Result<T> {
        let taken = self.session.lock().inbox.take();
        let Some(mut inbox) = taken else {
            return Err(io::ErrorKind::Interrupted.into());
        };
        let result = work(&mut inbox);
        inbox.slim();
        let mut session = self.session.lock();
        session.slim();
        session.inbox = Some(inbox);
        result
    }

    fn receive(
        &self,
        inbox: &mut Inbox,
        room: usize,
        wait: Wait,
        mut decrypt: impl FnMut(&mut Session, &mut Inbox) -> io::Result<usize>,
    ) -> io::Result<usize> {
        let there = decrypt(&mut self.session.lock(), inbox);
        if !would_block(&there) {
            return there;
        }
        match self.inner.read(inbox.room(room), wait)? {
            0 => return Err(truncated()),
            count => inbox.arrived(count),
        }
        decrypt(&mut self.session.lock(), inbox)
    }

    fn look(&self, inbox: &mut Inbox) -> io::Result<usize> {
        for _ in 0..LOOKS {
            let there = self.session.lock().available(inbox);
            if !would_block(&there) {
                return there;
            }
            match self.inner.read(inbox.room(0), Wait::Never)? {
                0 => return Ok(0),
                count => inbox.arrived(count),
            }
        }
        self.session.lock().available(inbox)
    }
}

fn would_block<T>(result: &io::Result<T>) -> bool {
    matches!(result, Err(error) if error.kind() == io::ErrorKind::WouldBlock)
}

impl fmt::Debug for TlsTransport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TlsTransport")
            .field("inner", &self.0.inner)
            .finish_non_exhaustive()
    }
}
