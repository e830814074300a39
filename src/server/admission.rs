//! What comes before the first request, on the thread of the connection: the TLS handshake.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use super::endpoint::Options;
use super::event::ServerEvent;
use super::serve::serve;
use super::shared::Shared;
use super::stay::Stay;
use crate::conn::Conn;
use crate::deadline::Deadline;
use crate::error::{Error, ErrorKind, Peer};
use crate::transport::Transport;

/// Serves a connection, once it has begun as the endpoint wants it. Its stay is over when what is returned is
/// dropped.
pub(super) fn admit(
    shared: &Shared,
    options: &Options,
    stay: Arc<Stay>,
    transport: Arc<dyn Transport>,
) -> Arc<Stay> {
    let peer = transport.peer_addr();
    let deadline = Deadline::after(shared.limits.handshake);
    // Code of the user's takes part: it chooses certificates and judges them.
    let begun = catch_unwind(AssertUnwindSafe(|| begin(options, transport, deadline)));
    let begun = begun.unwrap_or_else(|_| {
        let detail = "the configuration of TLS panicked";
        Err(Error::new(ErrorKind::Abandoned).with_detail(detail))
    });
    match begun {
        Ok(conn) => {
            stay.hold(&conn);
            serve(shared, stay, conn)
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

#[cfg_attr(
    not(feature = "tls"),
    expect(unused_variables, reason = "nothing comes before HTTP then")
)]
fn begin(
    options: &Options,
    transport: Arc<dyn Transport>,
    deadline: Deadline,
) -> Result<Conn, Error> {
    let peer = Arc::new(Peer::of(transport.peer_addr()));
    #[cfg(feature = "tls")]
    if let Some(cell) = &options.tls {
        return secure(transport, peer, cell.config(), deadline);
    }
    Ok(Conn::with_shared(transport, peer))
}

#[cfg(feature = "tls")]
fn secure(
    transport: Arc<dyn Transport>,
    peer: Arc<Peer>,
    config: Arc<rustls::ServerConfig>,
    deadline: Deadline,
) -> Result<Conn, Error> {
    use crate::error::Action;
    use crate::transport::tls::{Role, handshake};
    let time_left = || deadline.wait().ok_or_else(|| ErrorKind::TimedOut.into());
    match handshake(transport, Role::Server(config), time_left) {
        Ok(transport) => Ok(Conn::with(transport, peer)),
        Err(error) => Err(error.during(Action::Handshake).with_peer(|| Some(peer))),
    }
}
