//! The session over the transport below, as both directions use it.

use std::io::{self, IoSlice};
use std::net::Shutdown;
use std::sync::Arc;
use std::thread::Builder;
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use super::failure::truncated;
use super::inbox::Inbox;
use super::outbox::Outbox;
use super::session::{Output, Plaintext, Session};
use crate::bufs::Slices;
use crate::transport::{Transport, Wait, moved_nothing};

/// How long a peer that does not read is waited for, so that it gets the `close_notify`, where the
/// transport below does not take care of that.
const LINGER: Duration = Duration::from_secs(30);

/// How many calls one look at what has arrived makes. Each may bring nothing but session tickets.
const LOOKS: usize = 16;

/// A session, and the transport that carries it.
pub(super) struct Shared {
    pub(super) inner: Arc<dyn Transport>,
    pub(super) session: Mutex<Session>,
    /// The most plaintext of one record.
    pub(super) record: usize,
}

/// Sending.
impl Shared {
    pub(super) fn take_outbox(&self) -> io::Result<Outbox> {
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
    pub(super) fn put_back(&self, mut outbox: Outbox) {
        outbox.slim();
        let mut session = self.session.lock();
        if matches!(session.output, Output::Busy) {
            session.output = Output::Idle(outbox);
        }
    }

    pub(super) fn send(
        &self,
        outbox: &mut Outbox,
        buffers: &[IoSlice<'_>],
        wait: Wait,
    ) -> io::Result<usize> {
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
    pub(super) fn end_output(self: &Arc<Self>) -> io::Result<()> {
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
    pub(super) fn abort_output(&self) {
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
    pub(super) fn with_inbox<T>(
        &self,
        work: impl FnOnce(&mut Inbox) -> io::Result<T>,
    ) -> io::Result<T> {
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

    pub(super) fn receive(
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

    pub(super) fn look(&self, inbox: &mut Inbox) -> io::Result<usize> {
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
