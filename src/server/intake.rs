//! What becomes of a connection that was accepted: it is served, or rejected with a word.

use std::io;
use std::net::Shutdown;
use std::sync::Arc;

use super::admission::admit;
use super::crowd::Network;
use super::endpoint::Options;
use super::event::{Rejection, ServerEvent};
use super::places::Held;
use super::refusal::say_unavailable;
use super::shared::Shared;
use super::spare::Work;
use super::stay::Stay;
use crate::transport::socket::SocketTransport;
use crate::transport::{Addr, Transport};

pub(super) struct Intake {
    shared: Arc<Shared>,
    options: Arc<Options>,
}

impl Intake {
    pub(super) fn new(shared: &Arc<Shared>, options: Options) -> Self {
        Self {
            shared: Arc::clone(shared),
            options: Arc::new(options),
        }
    }

    pub(super) fn into_options(self) -> Options {
        Arc::unwrap_or_clone(self.options)
    }

    /// Has a thread serve a connection, unless there are too many from where it comes from.
    ///
    /// # Errors
    ///
    /// There is no thread to be had. The connection has ended.
    pub(super) fn start(&self, transport: SocketTransport) -> io::Result<()> {
        let transport = Arc::new(transport);
        let peer = transport.peer_addr();
        let Some(stay) = self.begin_stay(&transport) else {
            self.tell(&peer, Rejection::TooManyFromThere);
            return Ok(());
        };
        self.shared
            .observer
            .tell(|| ServerEvent::Accepted { peer: &peer });
        let shared = Arc::clone(&self.shared);
        let options = Arc::clone(&self.options);
        let unserved = Arc::clone(&transport);
        let work: Work = Box::new(move || admit(&shared, &options, stay, transport));
        if let Err(error) = self.shared.lifecycle.spares.run(work) {
            self.shared.counters.accept_failures.add(1);
            self.reject(&*unserved, Rejection::NoThread);
            return Err(error);
        }
        Ok(())
    }

    /// None: there are too many from there.
    fn begin_stay(&self, transport: &Arc<SocketTransport>) -> Option<Arc<Stay>> {
        let shared = &self.shared;
        let held = Held::Transport(Arc::<SocketTransport>::clone(transport));
        match (self.shared.limits.connections_per_ip, transport.peer_addr()) {
            (Some(most), Addr::Ip(address)) => {
                Stay::begin_from(shared, held, Network::of(address.ip()), most)
            }
            _ => Some(Stay::begin(shared, held)),
        }
    }

    /// Ends a connection that cannot be served, with a word where it can be understood.
    pub(super) fn reject(&self, transport: &dyn Transport, reason: Rejection) {
        if self.options.begins_with_http() {
            say_unavailable(transport);
        }
        let _ = transport.shutdown(Shutdown::Write); // Fails when the peer is gone already.
        transport.linger();
        self.tell(&transport.peer_addr(), reason);
    }

    pub(super) fn tell(&self, peer: &Addr, reason: Rejection) {
        self.shared.counters.rejected.add(1);
        self.shared
            .observer
            .tell(|| ServerEvent::Rejected { peer, reason });
    }
}
