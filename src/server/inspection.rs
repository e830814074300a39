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

    /// What it has done so far, and what it has now, in numbers. It costs a look at each route, so it can be asked
    /// often.
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
        let shared = &self.handle.shared;
        let lifecycle = &shared.lifecycle;
        let (threads, spare) = lifecycle.spares.counts();
        let mut slow = 0;
        shared
            .router()
            .visit_all(|_, _, _, handler| slow += u64::from(handler.tempo.is_slow()));
        ServerStats {
            connections: lifecycle.places.count() as u64,
            watched: lifecycle.places.watched() as u64,
            threads: threads as u64,
            spare_threads: spare as u64,
            slow_handlers: slow,
            ..shared.counters.stats()
        }
    }

    /// Handlers that take their time, by method, host and pattern.
    fn slow_handlers(&self) -> Vec<String> {
        let mut slow = Vec::new();
        let router = self.handle.shared.router();
        router.visit_all(|host, accepts, pattern, handler| {
            if handler.tempo.is_slow() {
                let host = host.unwrap_or_default();
                slow.push(format!("{accepts} {host}{pattern}"));
            }
        });
        slow
    }
}

impl fmt::Debug for Server {
    /// Shows its state: where it listens, how many connections there are, how many of them wait for a request and
    /// in a watch, how many threads serve connections, how many of them wait for one, how often and why other
    /// connections were handed over, and which handlers take their time.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shared = &self.handle.shared;
        let lifecycle = &shared.lifecycle;
        let stats = self.stats();
        f.debug_struct("Server")
            .field("phase", &lifecycle.phase())
            .field("addresses", &*shared.addresses.lock())
            .field("listeners", &lifecycle.acceptors().len())
            .field("connections", &stats.connections)
            .field("waiting", &lifecycle.places.waiting())
            .field("watched", &stats.watched)
            .field("threads", &stats.threads)
            .field("spare", &stats.spare_threads)
            .field("hand_overs_blocking", &stats.hand_overs_blocking)
            .field("hand_overs_overdue", &stats.hand_overs_overdue)
            .field("hand_overs_slow", &stats.hand_overs_slow)
            .field("slow_handlers", &self.slow_handlers())
            .finish_non_exhaustive()
    }
}
