//! What a server tells of itself.

use std::fmt;

use super::Server;
use super::stats::ServerStats;
use crate::transport::Addr;

/// What it is and has done.
impl Server {
    /// Where it listens, or has listened.
    #[doc(alias = "nng_http_server_get_addr")]
    pub fn local_addrs(&self) -> Vec<Addr> {
        self.handle.shared.addresses.lock().clone()
    }

    /// Connections that it has at the moment.
    pub fn connections(&self) -> usize {
        self.handle.shared.lifecycle.places.count()
    }

    /// What it has done so far, in numbers. The order of a few memory accesses: it can be asked often.
    ///
    /// # Examples
    ///
    /// ```
    /// use http_aio::{Aio, Client, Server, get};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let server = Server::new();
    /// server.route("/", get(|_| "hello"))?;
    /// let url = format!("http://{}/", server.bind("127.0.0.1:0")?);
    /// Client::new().get(Aio::new(), url).wait()?;
    /// server.drain(Aio::new()).wait()?;
    /// let stats = server.stats();
    /// assert_eq!((stats.accepted, stats.requests, stats.successes), (1, 1, 1));
    /// # Ok(())
    /// # }
    /// ```
    #[doc(alias = "metrics")]
    #[doc(alias = "nng_stats_get")]
    pub fn stats(&self) -> ServerStats {
        self.handle.shared.counters.stats(self.connections())
    }
}

impl fmt::Debug for Server {
    /// Shows its state: where it listens, how many connections there are and how many of them wait for a request,
    /// how many threads serve connections, and how many wait for one.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shared = &self.handle.shared;
        let lifecycle = &shared.lifecycle;
        let (threads, spare) = lifecycle.spares.counts();
        f.debug_struct("Server")
            .field("phase", &lifecycle.phase())
            .field("addresses", &*shared.addresses.lock())
            .field("listeners", &lifecycle.acceptors().len())
            .field("connections", &lifecycle.places.count())
            .field("waiting", &lifecycle.places.waiting())
            .field("threads", &threads)
            .field("spare", &spare)
            .finish_non_exhaustive()
    }
}
