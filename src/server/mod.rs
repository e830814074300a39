//! The server: plain blocking handlers, with limits, stop and exact counts.
//!
//! `accept` takes connections in at an `endpoint`, which has a `listener`, and passes each on (`intake`) to a thread
//! (`spare`), which makes the handshake (`admission`) and serves it to its end (`serve`): `routing` finds the handler
//! that `registration` has put there, which sees an `exchange` and returns an `answer` (`static_content`, a `redirect`
//! and `files` are such), which `deliver` writes, at once or when a `responder` has it (`late`). `places` knows the
//! connections (`occupancy` decides who leaves for others, `crowd` counts where they are from), `arrival`, `trust` and
//! `origin` who is behind a proxy, `refusal` what is said to nonsense, `lifecycle` and `control` whether the server
//! stops or gives a listener back, `waiters` who waits for its end.
//!
//! Imports go one way. What an exchange holds stands below it and does not know it: the connection's `stay` with the
//! server, an answer that is `late`, and what the stay uses of the server. What an exchange does stands above it, a
//! file for each part: `origin`, `request_body`, `answering`, `forward`, `responder`, `error_responses`. What all
//! threads share (`shared`) knows the handlers, so nothing that handlers use knows it.

mod accept;
mod admission;
mod answer;
mod answering;
mod arrival;
mod builder;
mod control;
mod crowd;
mod date;
mod deliver;
mod delivery;
mod ender;
mod endpoint;
mod error_pages;
mod error_responses;
mod event;
mod exchange;
mod files;
mod forward;
mod from_reader;
mod grace;
mod handler;
mod held;
mod html;
mod inspection;
mod intake;
mod late;
mod lifecycle;
mod limits;
mod listener;
mod occupancy;
mod origin;
mod places;
mod redirect;
mod refusal;
mod registration;
mod representation;
mod request_body;
mod reserve;
mod respondent;
mod responder;
mod routing;
mod serve;
mod shared;
mod shortage;
mod slow;
mod spare;
mod static_content;
mod stats;
mod stay;
mod tempo;
mod threads;
mod trust;
mod turns;
mod wait;
mod waiters;
mod watch;
mod watches;
mod writer;

use std::net::ToSocketAddrs;
use std::sync::{Arc, Weak};
use std::thread::Builder;

use parking_lot::Mutex;

use self::accept::Acceptor;
pub use self::answer::{Answer, Answered, IntoAnswer};
pub use self::builder::ServerBuilder;
use self::control::Control;
pub use self::endpoint::Endpoint;
pub use self::event::{Rejection, ServerEvent};
pub use self::exchange::Exchange;
pub use self::files::{Directory, File, SymbolicLinks, Uploads};
pub use self::handler::{Route, any, delete, get, head, on, options, patch, post, put};
use self::held::Held;
use self::intake::Intake;
use self::lifecycle::Phase;
pub use self::limits::{GivenUp, ServerLimits, WhenFull};
pub use self::redirect::Redirect;
pub use self::request_body::RequestBody;
pub use self::responder::Responder;
use self::serve::serve;
use self::shared::Shared;
pub use self::static_content::StaticContent;
pub use self::stats::ServerStats;
use self::stay::Stay;
pub use self::threads::Threads;
pub use self::trust::{ForwardedFields, TrustedProxy};
use self::watches::Watches;
pub use self::writer::ResponseWriter;
use crate::aio::{Aio, InFlight};
use crate::conn::Conn;
use crate::error::{Error, ErrorKind};
use crate::transport::Addr;

/// A server, whose handlers are plain blocking functions.
///
/// It listens where [`bind`](Self::bind) or [`listen`](Self::listen) say, on any number of addresses, and calls
/// handlers, which may block, wait for other operations, and take their time: while one does, its connection has a
/// thread. Those that wait for a request have none, unless that is [wanted](ServerBuilder::threads). Routes can be
/// added and removed while it runs. [Limits](ServerLimits) are on by default.
///
/// Cheap to clone; clones are the same server. It stops with [`drain`](Self::drain), which loses nothing that
/// has arrived and nothing that was begun, or with [`close`](Self::close), at once. Dropping the last handle
/// drains it.
///
/// # Examples
///
/// ```
/// use http_aio::{Aio, Client, Exchange, Server, get};
/// use std::time::Duration;
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let server = Server::new();
/// server.route("/", get(|_| "Hello, world!"))?;
/// server.route("/hello/{name}", get(|x: &mut Exchange| format!("Hello, {}!", x.param("name"))))?;
/// let address = server.bind("127.0.0.1:0")?;
///
/// let response = Client::new().get(Aio::new(), format!("http://{address}/hello/you")).wait()?;
/// assert_eq!(response.body(), "Hello, you!");
/// server.drain(Aio::new().timeout(Duration::from_secs(10))).wait()?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Server {
    handle: Arc<Handle>,
}

/// What all clones share; with the last of them the server drains.
struct Handle {
    shared: Arc<Shared>,
    /// If connections are watched, there are some while it listens.
    watches: Mutex<Weak<Watches>>,
}

impl Handle {
    /// Without descriptors or threads for watches, each connection has a thread, if that is to be had.
    fn watches(&self) -> Option<Arc<Watches>> {
        if self.shared.threads == Threads::PerConnection {
            return None;
        }
        let mut watches = self.watches.lock();
        let started = watches.upgrade().or_else(|| {
            let started = Watches::start(&self.shared);
            started.ok().map(Arc::new)
        });
        *watches = started.as_ref().map(Arc::downgrade).unwrap_or_default();
        started
    }
}

impl Server {
    /// A server with the limits that are on by default. It listens nowhere yet.
    #[doc(alias = "nng_http_server_hold")]
    pub fn new() -> Self {
        Self::builder().build()
    }

    /// A server with settings of your own.
    pub fn builder() -> ServerBuilder {
        ServerBuilder::default()
    }

    fn from_shared(shared: Shared) -> Self {
        let shared = Arc::new(shared);
        Self {
            handle: Arc::new(Handle {
                shared,
                watches: Mutex::default(),
            }),
        }
    }

    /// Listens on an address, and serves what comes. A port of 0 becomes a free one, which is returned.
    ///
    /// # Errors
    ///
    /// Those of [`Endpoint::bind`] and of [`listen`](Self::listen).
    #[doc(alias = "nng_http_server_start")]
    pub fn bind(&self, address: impl ToSocketAddrs) -> Result<Addr, Error> {
        self.listen(Endpoint::bind(address)?)
    }

    /// Serves what comes at an endpoint: a [`TcpListener`](std::net::TcpListener), a
    /// [`UnixListener`](std::os::unix::net::UnixListener), or either with options, such as TLS. A server can have
    /// any number of them.
    ///
    /// A listener of TCP on which keep-alive is not set gets it, after 60 seconds of silence.
    ///
    /// # Errors
    ///
    /// [`NoMemory`](ErrorKind::NoMemory) if there is no thread for it, [`Closed`](ErrorKind::Closed) if the
    /// server stops, [`Io`](ErrorKind::Io). The listener is closed then.
    #[doc(alias = "nng_http_server_set_tls")]
    pub fn listen(&self, endpoint: impl Into<Endpoint>) -> Result<Addr, Error> {
        let Endpoint { listener, options } = endpoint.into();
        let shared = &self.handle.shared;
        listener.prepare()?;
        let address = listener.local_addr()?;
        let control = Control::new()?;
        shared.lifecycle.acceptor_begins(&control);
        let intake = Intake::new(shared, self.handle.watches(), options);
        let acceptor = Acceptor::new(Arc::clone(shared), listener, intake, control);
        if shared.lifecycle.is_stopping() {
            let stopping = Error::new(ErrorKind::Closed);
            return Err(stopping.with_detail("the server is stopping"));
        }
        let name = format!("http-aio:accept:{address}");
        let spawned = Builder::new().name(name).spawn(move || acceptor.run());
        match spawned {
            Ok(_) => {
                shared.addresses.lock().push(address.clone());
                Ok(address)
            }
            Err(error) => Err(Error::no_thread().with_cause(error)),
        }
    }

    /// Stops accepting, and gives the listeners back with their options; for a restart without a gap.
    ///
    /// Clients that wait to be accepted go on waiting, for whoever listens there next: another server, which is
    /// given the endpoints, or another process, which inherits the descriptors. Then [`drain`](Self::drain) this
    /// one; its connections are served as before. When this returns, the server accepts nothing more from them.
    ///
    /// # Errors
    ///
    /// [`WouldDeadlock`](ErrorKind::WouldDeadlock) in a closure that [observes](ServerBuilder::observe) an accept:
    /// the thread that accepts would wait for itself. Nothing has changed then.
    ///
    /// # Examples
    ///
    /// ```
    /// use http_aio::{Aio, Server, get};
    /// use std::time::Duration;
    ///
    /// # fn main() -> Result<(), http_aio::Error> {
    /// let old = Server::new();
    /// let address = old.bind("127.0.0.1:0")?;
    ///
    /// let new = Server::new();
    /// new.route("/", get(|_| "the new version"))?;
    /// for endpoint in old.release_listeners()? {
    ///     assert_eq!(endpoint.local_addr()?, address);
    ///     new.listen(endpoint)?;
    /// }
    /// old.drain(Aio::new().timeout(Duration::from_secs(60))).wait()?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn release_listeners(&self) -> Result<Vec<Endpoint>, Error> {
        let acceptors = self.handle.shared.lifecycle.acceptors();
        if acceptors
            .iter()
            .any(|acceptor| acceptor.owns_current_thread())
        {
            return Err(ErrorKind::WouldDeadlock.into());
        }
        let (give, given) = crossbeam_channel::unbounded();
        for acceptor in &acceptors {
            acceptor.ask(give.clone());
        }
        drop(give);
        Ok(given.iter().collect())
    }

    /// Serves one connection on the current thread, until it ends: for tests without a port, for programs that are
    /// started for a connection, and for those that accept by themselves. The server need not listen.
    ///
    /// # Examples
    ///
    /// A pair of Unix sockets is all that a test of a handler needs:
    ///
    /// ```
    /// use http_aio::http::Request;
    /// use http_aio::{Aio, Conn, Server, get};
    /// use std::os::unix::net::UnixStream;
    /// use std::thread;
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let server = Server::new();
    /// server.route("/", get(|_| "hello"))?;
    ///
    /// let (near, far) = UnixStream::pair()?;
    /// let served = thread::spawn(move || server.serve(Conn::from(far)));
    /// let client = Conn::from(near);
    /// let request = Request::get("http://test/").body(())?;
    /// assert_eq!(client.transact(Aio::new(), request).wait()?.body(), "hello");
    /// drop(client); // Ends the connection, and with it `serve`.
    /// served.join().unwrap();
    /// # Ok(())
    /// # }
    /// ```
    pub fn serve(&self, conn: Conn) {
        let shared = &self.handle.shared;
        let stay = Stay::begin(shared.services(), Held::Conn(conn.clone()));
        drop(serve(shared, stay, conn));
    }

    /// Stops in order: connections that are in the queues of the listeners are served, requests that have
    /// arrived are answered, with `Connection: close`, and answers that were begun are finished. It completes
    /// when the last connection has ended. Those that were [hijacked](Exchange::hijack) are not waited for.
    ///
    /// Connections that wait for a request end at once, or after the
    /// [grace](ServerLimits::drain_grace) that they are given; a second drain ends that.
    ///
    /// # Errors
    ///
    /// [`TimedOut`](ErrorKind::TimedOut), and the count is the number of connections that are left: they go
    /// on. [`Canceled`](ErrorKind::Canceled): the server stops nevertheless.
    /// [`WouldDeadlock`](ErrorKind::WouldDeadlock) in a handler.
    #[doc(alias = "shutdown")]
    #[doc(alias = "nng_http_server_stop")]
    pub fn drain(&self, aio: Aio<()>) -> Aio<(), InFlight> {
        let shared = &self.handle.shared;
        if !shared.drain() {
            shared.lifecycle.stop(Phase::Draining);
        }
        self.join(aio)
    }

    /// Stops at once: listeners and connections are closed, but for those that were
    /// [hijacked](Exchange::hijack); what handlers read and write fails with [`Closed`](ErrorKind::Closed).
    /// [`join`](Self::join) tells when the last handler has returned that has not hijacked its connection.
    pub fn close(&self) {
        self.handle.shared.close();
    }

    /// Completes when the server has stopped, by whomever it was told to, and its last connection has ended.
    ///
    /// # Errors
    ///
    /// Those of [`drain`](Self::drain).
    pub fn join(&self, aio: Aio<()>) -> Aio<(), InFlight> {
        self.handle.shared.lifecycle.join(aio)
    }
}

impl Default for Server {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.shared.drain();
    }
}
