//! The transport that a secured connection has.

use std::fmt;
use std::io::{self, IoSlice};
use std::net::Shutdown;
use std::os::fd::AsFd;
use std::sync::Arc;

use parking_lot::Mutex;
use rustls::Connection;

use super::inbox::Inbox;
use super::session::Session;
use super::shared::Shared;
use crate::tls::Negotiated;
use crate::transport::{Addr, Departure, Transport, Wait};

pub(crate) struct TlsTransport(Arc<Shared>);

impl TlsTransport {
    pub(super) fn new(
        inner: Arc<dyn Transport>,
        tls: Connection,
        record: usize,
        inbox: Inbox,
    ) -> Self {
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

    /// A peer that has sent its `close_notify` alone still listens, and is not taken for gone.
    fn wait_departure(&self, what: Departure, wait: Wait) -> io::Result<()> {
        self.0.inner.wait_departure(what, wait)
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

    fn descriptor(&self) -> Option<Arc<dyn AsFd + Send + Sync>> {
        self.0.inner.descriptor()
    }

    fn negotiated(&self) -> Option<Negotiated> {
        Some(self.0.session.lock().negotiated())
    }

    fn reset(&self) {
        self.0.inner.reset();
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

impl fmt::Debug for TlsTransport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TlsTransport")
            .field("inner", &self.0.inner)
            .finish_non_exhaustive()
    }
}
