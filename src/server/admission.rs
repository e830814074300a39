//! What comes before the first request, on the thread of the connection: the PROXY header, and the TLS handshake.

use std::net::{Shutdown, SocketAddr};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use super::arrival::Arrival;
use super::endpoint::{Options, ProxyHeader};
use super::event::ServerEvent;
use super::lifecycle::Phase;
use super::serve::{Service, serve};
use super::shared::Shared;
use super::spare::Kept;
use super::stay::Stay;
use super::watches::Watches;
use crate::conn::Conn;
use crate::deadline::Deadline;
use crate::error::{Error, ErrorKind, Peer};
use crate::proto::proxy_header::{self, Malformed, Progress, Source};
use crate::transport::socket::SocketTransport;
use crate::transport::{Transport, Wait, moved_nothing};

/// How long the handshakes may take that are under way when the server stops.
const LAST_CHANCE: Duration = Duration::from_secs(1);

/// Serves a connection, once it has begun as the endpoint wants it, or has it watched. On this thread, its stay is
/// over when what is returned is dropped.
pub(super) fn admit(
    shared: &Arc<Shared>,
    options: &Options,
    watches: Option<Arc<Watches>>,
    stay: Arc<Stay>,
    transport: Arc<SocketTransport>,
) -> Kept {
    let peer = transport.peer_addr();
    let mut clock = Clock::start(shared);
    // Code of the user's takes part: it chooses certificates and judges them.
    let begun = catch_unwind(AssertUnwindSafe(|| begin(options, transport, &mut clock)));
    let begun = begun.unwrap_or_else(|_| {
        let detail = "the configuration of TLS panicked";
        Err(Error::new(ErrorKind::Abandoned).with_detail(detail))
    });
    match begun {
        Ok((conn, source)) => {
            let trust = options.trust.clone();
            stay.hold(&conn, Arrival { source, trust });
            match watches {
                Some(watches) => {
                    watches.admit(Box::new(Service::new(shared, stay, conn)));
                    Arc::new(())
                }
                None => serve(shared, stay, conn),
            }
        }
        Err(error) => {
            let (peer, error) = (&peer, &error);
            let observer = &shared.observer;
            observer.tell(|| ServerEvent::HandshakeFailed { peer, error });
            observer.tell(|| ServerEvent::Ended { peer, requests: 0 });
            stay
        }
    }
}

/// The connection, and whom its PROXY header names.
fn begin(
    options: &Options,
    transport: Arc<SocketTransport>,
    clock: &mut Clock<'_>,
) -> Result<(Conn, Option<SocketAddr>), Error> {
    let peer = Arc::new(Peer::of(transport.peer_addr()));
    let source = match options.proxy_header {
        ProxyHeader::Never => None,
        ProxyHeader::Always => {
            let header = read_proxy_header(&transport, clock);
            header.map_err(|error| {
                let _ = transport.shutdown(Shutdown::Write); // Fails when the peer is gone already.
                transport.linger();
                error.with_peer(|| Some(Arc::clone(&peer)))
            })?
        }
    };
    #[cfg(feature = "tls")]
    if let Some(cell) = &options.tls {
        return Ok((secure(transport, peer, cell.config(), clock)?, source));
    }
    Ok((Conn::with_shared(transport, peer), source))
}

/// Takes a PROXY header off the stream, and not a byte more.
fn read_proxy_header(
    transport: &SocketTransport,
    clock: &mut Clock<'_>,
) -> Result<Option<SocketAddr>, Error> {
    let mut header = vec![0; proxy_header::MOST + 1];
    let mut taken = 0;
    loop {
        let there = match transport.show(&mut header[taken..], clock.left()?) {
            Ok(0) => return Err(Error::end_of_stream()),
            Ok(count) => taken + count,
            Err(error) if moved_nothing(&error) => continue,
            Err(error) => return Err(error.into()),
        };
        let progress = proxy_header::parse(&header[..there]).map_err(|Malformed| {
            Error::new(ErrorKind::Protocol)
                .with_detail("the connection does not begin with a PROXY header")
        })?;
        let (Progress::Part(belongs) | Progress::Whole(belongs, _)) = progress;
        while taken < belongs {
            taken += transport.read(&mut header[taken..belongs], Wait::Never)?;
        }
        match progress {
            Progress::Part(_) => {}
            Progress::Whole(_, Source::Client(client)) => return Ok(Some(client)),
            Progress::Whole(_, Source::Proxy) => return Ok(None),
        }
    }
}

#[cfg(feature = "tls")]
fn secure(
    transport: Arc<dyn Transport>,
    peer: Arc<Peer>,
    config: Arc<rustls::ServerConfig>,
    clock: &mut Clock<'_>,
) -> Result<Conn, Error> {
    use crate::error::Action;
    use crate::transport::tls::{Role, handshake};
    match handshake(transport, Role::Server(config), || clock.left()) {
        Ok(transport) => Ok(Conn::with(transport, peer)),
        Err(error) => Err(error.during(Action::Handshake).with_peer(|| Some(peer))),
    }
}

/// How long all of it may take, and less once the server stops: nobody has asked for anything yet.
struct Clock<'a> {
    shared: &'a Shared,
    deadline: Deadline,
    phase: Phase,
}

impl<'a> Clock<'a> {
    fn start(shared: &'a Shared) -> Self {
        Self {
            shared,
            deadline: Deadline::after(shared.limits.handshake),
            phase: Phase::Open,
        }
    }

    /// How long the next call may take.
    fn left(&mut self) -> Result<Wait, Error> {
        let phase = self.shared.lifecycle.phase();
        if phase != self.phase && phase.ends_waits() {
            self.phase = phase;
            self.deadline = self.deadline.earlier(Deadline::after(LAST_CHANCE));
        }
        self.deadline
            .wait()
            .ok_or_else(|| ErrorKind::TimedOut.into())
    }
}
