//! The handshake: back and forth on one thread, before there is a connection. The time it has, and
//! whether anybody still waits for it, is asked of the caller before each call that may block.

use std::io::{self, IoSlice};
use std::net::Shutdown;
use std::sync::Arc;

use rustls::client::ClientConnection;
use rustls::pki_types::ServerName;
use rustls::server::ServerConnection;
use rustls::{ClientConfig, Connection, ServerConfig};

use super::failure::failure;
use super::inbox::Inbox;
use super::tls_transport::TlsTransport;
use crate::error::Error;
use crate::transport::{Transport, Wait, moved_nothing};

/// The bytes that rustls makes a record of by itself, and what it adds to them in its own reckoning.
const RECORD: usize = 16 << 10;
const OVERHEAD: usize = 5;

/// What the peer sent first is kept to say what it is, if it is no TLS.
const FIRST_BYTES: usize = 16;

/// Whether we are the client or the server.
pub(crate) enum Role {
    Client(ServerName<'static>, Arc<ClientConfig>),
    Server(Arc<ServerConfig>),
}

struct Handshake<'a, W> {
    inner: &'a dyn Transport,
    tls: Connection,
    inbox: Inbox,
    first: Vec<u8>,
    wait: W,
}

/// Secures a transport. `wait` says how long the next call may take.
///
/// # Errors
///
/// `Tls`, `Untrusted`, `Reset`, and those of `wait` and of the transport. The peer is told.
pub(crate) fn handshake(
    inner: Arc<dyn Transport>,
    role: Role,
    wait: impl FnMut() -> Result<Wait, Error>,
) -> Result<TlsTransport, Error> {
    let (tls, record) = role.begin().map_err(|error| failure(error, &[]))?;
    let mut handshake = Handshake {
        inner: &*inner,
        tls,
        inbox: Inbox::default(),
        first: Vec::new(),
        wait,
    };
    let result = handshake.run();
    if result.is_err() {
        handshake.take_leave();
    }
    let Handshake { tls, inbox, .. } = handshake;
    result.map(|()| TlsTransport::new(inner, tls, record, inbox))
}

impl Role {
    /// Makes the session, and says the most plaintext of one of its records.
    fn begin(self) -> Result<(Connection, usize), rustls::Error> {
        let (mut tls, fragment) = match self {
            Self::Client(name, config) => {
                let fragment = config.max_fragment_size;
                (ClientConnection::new(config, name)?.into(), fragment)
            }
            Self::Server(config) => {
                let config = without_early_data(config);
                let fragment = config.max_fragment_size;
                (Connection::from(ServerConnection::new(config)?), fragment)
            }
        };
        // No more is ever left with rustls than is sent at once.
        tls.set_buffer_limit(None);
        let record = fragment.map_or(RECORD, |fragment| fragment - OVERHEAD);
        Ok((tls, record))
    }
}

/// Early data can be replayed by anybody, so nobody gets to see it as if it were any other.
fn without_early_data(config: Arc<ServerConfig>) -> Arc<ServerConfig> {
    if config.max_early_data_size == 0 {
        return config;
    }
    let mut config = ServerConfig::clone(&config);
    config.max_early_data_size = 0;
    Arc::new(config)
}

impl<W: FnMut() -> Result<Wait, Error>> Handshake<'_, W> {
    fn run(&mut self) -> Result<(), Error> {
        loop {
            self.send()?;
            if !self.tls.is_handshaking() {
                return Ok(());
            }
            self.receive()?;
        }
    }

    /// Sends everything that there is to send.
    fn send(&mut self) -> Result<(), Error> {
        let flight = self.flight()?;
        let mut unsent = &flight[..];
        while !unsent.is_empty() {
            let wait = (self.wait)()?;
            match self.inner.write(&[IoSlice::new(unsent)], wait) {
                Ok(0) => return Err(io::Error::from(io::ErrorKind::WriteZero).into()),
                Ok(count) => unsent = &unsent[count..],
                Err(error) => again(error)?,
            }
        }
        Ok(())
    }

    /// Receives until something can be done with it.
    fn receive(&mut self) -> Result<(), Error> {
        if self.inbox.unread().is_empty() {
            let wait = (self.wait)()?;
            match self.inner.read(self.inbox.room(0), wait) {
                Ok(0) => return Err(Error::end_of_stream()),
                Ok(count) => self.inbox.arrived(count),
                Err(error) => return again(error),
            }
        }
        let mut unread = self.inbox.unread();
        let there = unread.len();
        let missing = FIRST_BYTES.saturating_sub(self.first.len()).min(there);
        self.first.extend_from_slice(&unread[..missing]);
        // At the end of the peer's stream it takes nothing, and no handshake can follow.
        let taken = self.tls.read_tls(&mut unread)?;
        self.inbox.take(taken);
        let processed = self.tls.process_new_packets();
        processed.map_err(|error| failure(error, &self.first))?;
        if taken == 0 {
            return Err(Error::end_of_stream());
        }
        Ok(())
    }

    fn flight(&mut self) -> io::Result<Vec<u8>> {
        let mut flight = Vec::new();
        while self.tls.wants_write() {
            self.tls.write_tls(&mut flight)?;
        }
        Ok(flight)
    }

    /// Tells the peer why, if that can be done at once.
    fn take_leave(&mut self) {
        if let Ok(flight) = self.flight() {
            if !flight.is_empty() {
                let _ = self.inner.write(&[IoSlice::new(&flight)], Wait::Never);
            }
        }
        let _ = self.inner.shutdown(Shutdown::Write);
        self.inner.linger(); // A reset would overtake it.
    }
}

/// Makes a call that moved nothing again, until its time is up.
fn again(error: io::Error) -> Result<(), Error> {
    if moved_nothing(&error) {
        Ok(())
    } else {
        Err(error.into())
    }
}
