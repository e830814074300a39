//! What becomes of a connection that was accepted: it is served, or rejected with a word.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use http::{HeaderValue, StatusCode, header};
use parking_lot::Mutex;

use super::admission::admit;
use super::answering::last_answer;
use super::crowd::Network;
use super::endpoint::Options;
use super::event::{Rejection, ServerEvent};
use super::held::Held;
use super::shared::Shared;
use super::spare::{Start, Work, full};
use super::stay::Stay;
use super::watches::Watches;
use crate::aio;
use crate::conn::Conn;
use crate::error::Peer;
use crate::meter::{Meter, Pace};
use crate::transport::socket::SocketTransport;
use crate::transport::{Addr, Transport};

/// How long a client may hold up others that is told why it is not served.
const MOMENT: Duration = Duration::from_millis(5);

pub(super) struct Intake {
    shared: Arc<Shared>,
    /// Where connections wait for their requests, unless each has a thread.
    watches: Option<Arc<Watches>>,
    options: Arc<Options>,
}

impl Intake {
    pub(super) fn new(
        shared: &Arc<Shared>,
        watches: Option<Arc<Watches>>,
        options: Options,
    ) -> Self {
        Self {
            shared: Arc::clone(shared),
            watches,
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
        let watches = self.watches.clone();
        if watches.is_some() && !options.takes_time() {
            drop(admit(&shared, &options, watches, stay, transport));
            return Ok(());
        }
        let unserved = Arc::clone(&transport);
        let work: Work = Box::new(move || {
            let stay = admit(&shared, &options, watches, stay, transport);
            // Handlers of the user's may go with it. The stay ends even if dropping them panics.
            drop(shared);
            stay
        });
        // With a thread for each, there are no more connections than threads.
        match self.shared.lifecycle.spares.run_or_queue(work) {
            Ok(Start::Now) => Ok(()),
            Ok(Start::Later) => {
                let (threads, _) = self.shared.lifecycle.spares.counts();
                self.shared.shortage.begins(threads, full());
                Ok(())
            }
            Err(error) => {
                self.shared.counters.accept_failures.add(1);
                self.reject(unserved, Rejection::NoThread);
                Err(error)
            }
        }
    }

    /// None: there are too many from there.
    fn begin_stay(&self, transport: &Arc<SocketTransport>) -> Option<Arc<Stay>> {
        let server = self.shared.services();
        let held = Held::Transport(Arc::<SocketTransport>::clone(transport));
        match (self.shared.limits.connections_per_ip, transport.peer_addr()) {
            (Some(most), Addr::Ip(address)) => {
                Stay::begin_from(server, held, Network::of(address.ip()), most)
            }
            _ => Some(Stay::begin(server, held)),
        }
    }

    /// Ends a connection that cannot be served, with a word where it can be understood.
    pub(super) fn reject(&self, transport: Arc<SocketTransport>, reason: Rejection) {
        let peer = transport.peer_addr();
        let conn = Conn::with_shared(transport, Arc::new(Peer::of(peer.clone())));
        if self.options.begins_with_http() {
            self.say_unavailable(&conn);
        }
        drop(conn);
        self.tell(&peer, reason);
    }

    /// The answer is so short that it fits into any socket that is new.
    fn say_unavailable(&self, conn: &Conn) {
        let status = StatusCode::SERVICE_UNAVAILABLE;
        let mut page = self.shared.pages.page(status, None);
        let soon = HeaderValue::from_static("1");
        page.headers_mut().insert(header::RETRY_AFTER, soon);
        let pace = Pace {
            grace: MOMENT,
            rate: 1,
            stall: MOMENT,
        };
        let meter = Arc::new(Mutex::new(Meter::new(pace)));
        // Nobody is left to be told if this fails, too.
        let _ = conn.write_response_inline(&mut page, &last_answer(), &aio::Options::NONE, &meter);
    }

    pub(super) fn tell(&self, peer: &Addr, reason: Rejection) {
        self.shared.counters.rejected.add(1);
        self.shared
            .observer
            .tell(|| ServerEvent::Rejected { peer, reason });
    }
}
