//! A client: connections that are kept and used again, redirections, proxies.
//!
//! `call` is a request on its way to its answer, over what `pool` keeps or `dial` makes, on the
//! `route` that its URI and the proxies give. `redirect` and `proxies` are pure.

mod builder;
mod call;
mod dial;
mod event;
mod pool;
mod proxies;
mod redirect;
mod route;
mod verbs;

use std::sync::Arc;

use bytes::Bytes;
use http::{Request, Response, Uri};

pub use self::builder::ClientBuilder;
use self::builder::Settings;
pub use self::event::Event;
use self::pool::Pool;
pub use self::proxies::Proxies;
use crate::aio::{Aio, InFlight};
use crate::conn::{Body, Conn};
#[cfg(any(doc, feature = "tls"))]
use crate::error::Error;
#[cfg(doc)]
use crate::error::ErrorKind;
use crate::into_body::IntoBody;

/// Requests to anywhere: `nng_http_client`, with memory.
///
/// Cheap to clone; clones share settings and idle connections. Nothing is global: another client
/// shares nothing with this one. It has no threads of its own.
///
/// An idle connection is used again for the next request to the same server. The server may have
/// closed it meanwhile: a request of which **no byte** was written is then sent on the next one, idle
/// or new; one with an idempotent method of which nothing was answered (RFC 9110 section 9.2.2) is
/// sent again once, on a new one. The exact count makes this decidable. Connecting to one server never
/// waits for a connect to another; several addresses of one name race, as with [`Conn::connect`].
///
/// Cookies, content codings and authentication schemes are not built in:
/// [`docs::recipes`](crate::docs::recipes) shows how they are added.
///
/// Closures of its operations run on a thread of their own, because those of connections may have
/// another request to serve by then; they may wait. On a connection's thread, in a closure of a
/// [`Conn`]'s operation, waiting for a client's is [`WouldDeadlock`](ErrorKind::WouldDeadlock).
///
/// # Examples
///
/// ```
/// use http_aio::http::{Request, Response};
/// use http_aio::{Aio, Client, Conn};
/// use std::net::TcpListener;
/// use std::time::Duration;
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let listener = TcpListener::bind("127.0.0.1:0")?;
/// # let url = format!("http://{}/", listener.local_addr()?);
/// # std::thread::spawn(move || {
/// #     let conn = Conn::from(listener.accept().unwrap().0);
/// #     while conn.read_request(Aio::new()).wait().is_ok() {
/// #         conn.write_response(Aio::new(), Response::new("hello")).wait().unwrap();
/// #     }
/// # });
/// let client = Client::builder().connect_timeout(Duration::from_secs(5)).max_redirects(10).build();
/// for _ in 0..3 {
///     let aio = Aio::new().timeout(Duration::from_secs(30));
///     let response = client.get(aio, &url).wait()?;
///     assert_eq!(response.body(), "hello"); // Over one connection.
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Client {
    shared: Arc<Shared>,
}

/// What clones share, and what calls outlive their client with.
#[derive(Debug)]
pub(crate) struct Shared {
    settings: Settings,
    pool: Arc<Pool>,
    #[cfg(feature = "tls")]
    default_tls: std::sync::OnceLock<Arc<rustls::ClientConfig>>,
}

#[cfg(feature = "tls")]
impl Shared {
    /// # Errors
    ///
    /// Those of `default_config`, and then again the next time.
    fn tls(&self) -> Result<Arc<rustls::ClientConfig>, Error> {
        if let Some(config) = self
            .settings
            .tls
            .as_ref()
            .or_else(|| self.default_tls.get())
        {
            return Ok(Arc::clone(config));
        }
        let config = crate::tls::default_config()?;
        Ok(Arc::clone(self.default_tls.get_or_init(|| config)))
    }
}

impl Client {
    /// A client as the builder makes it without further words.
    #[doc(alias = "nng_http_client_alloc")]
    pub fn new() -> Self {
        Self::builder().build()
    }

    /// A client with settings of your own.
    pub fn builder() -> ClientBuilder {
        ClientBuilder::new()
    }

    /// Connects to the server of `uri`, through a tunnel of the proxy where one is set, with TLS where
    /// it is `https`: `nng_http_client_connect`. The connection is the caller's alone: its requests have none
    /// of what the client adds to its own (default headers, `User-Agent`, limits, redirections, trying
    /// again), and it does not come back to the client.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](ErrorKind::InvalidInput) for what is no absolute URI,
    /// [`NotSupported`](ErrorKind::NotSupported) for `https` without the feature `tls`,
    /// [`Refused`](ErrorKind::Refused) also by a proxy; with the feature `tls`,
    /// [`Untrusted`](ErrorKind::Untrusted) and [`Tls`](ErrorKind::Tls); otherwise those of
    /// [`Conn::connect`].
    ///
    /// # Cancellation
    ///
    /// At once.
    #[doc(alias = "nng_http_client_connect")]
    pub fn connect(&self, aio: Aio<Conn>, uri: &Uri) -> Aio<Conn, InFlight> {
        dial::submit(&self.shared, aio, uri)
    }

    /// Sends a request with an absolute URI and reads its response, body and all:
    /// `nng_http_client_transact`.
    ///
    /// The aio's deadline is over everything: resolving, connecting, sending again, redirections. A
    /// body must be attached to the request. The rest is as with [`Conn::transact`], its extensions
    /// of the response included; after redirections there is also the [`Uri`] that was answered. A
    /// user and password in the URI are not sent: see [`docs::recipes`](crate::docs::recipes).
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](ErrorKind::InvalidInput) for what is no absolute URI, or a body that is
    /// declared and not attached; [`TooLarge`](ErrorKind::TooLarge) for too many redirections,
    /// [`Protocol`](ErrorKind::Protocol) for one to nowhere; those of [`connect`](Self::connect) and
    /// [`Conn::transact`]. [`Error::count`] is the bytes of the request that went out the last time
    /// that any of it did, so 0 says that no server has seen it: neither the one that was asked, nor any
    /// that redirected it.
    ///
    /// # Cancellation
    ///
    /// At once; a connection that the request is on closes.
    #[doc(alias = "nng_http_client_transact")]
    #[doc(alias = "request")]
    #[doc(alias = "execute")]
    #[doc(alias = "send")]
    pub fn transact<B: IntoBody>(
        &self,
        aio: Aio<Response<Bytes>>,
        request: Request<B>,
    ) -> Aio<Response<Bytes>, InFlight> {
        call::submit(&self.shared, aio, Ok(request.map(B::into_bytes)))
    }

    /// As [`transact`](Self::transact), but completes with the response's head; the body is left to be
    /// read, with deadlines of its own: `into_body` gives the [`Body`], which reads in pieces and is a
    /// [`std::io::Read`].
    ///
    /// To write a request's body in pieces, use [`connect`](Self::connect) and
    /// [`Conn::write_request`].
    ///
    /// # Errors
    ///
    /// Those of [`transact`](Self::transact).
    ///
    /// # Cancellation
    ///
    /// As for [`transact`](Self::transact).
    pub fn transact_streaming<B: IntoBody>(
        &self,
        aio: Aio<Response<Body>>,
        request: Request<B>,
    ) -> Aio<Response<Body>, InFlight> {
        call::submit(&self.shared, aio, Ok(request.map(B::into_bytes)))
    }
}

impl Default for Client {
    fn default() -> Self {
        Self::new()
    }
}
