//! Making a client: its settings, and what they are unless they are set.

use std::sync::Arc;
use std::time::Duration;

use http::{HeaderMap, HeaderValue, Request, header};

use super::event::{Event, Observer};
use super::pool::{Pool, Retention};
use super::{Client, Proxies, Shared};
use crate::proto::limits::Limits;

/// As in Go: time for a name server or two that do not answer, some lost packets, and a proxy that has
/// to do the same.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(30);

const USER_AGENT: &str = concat!("http-aio/", env!("CARGO_PKG_VERSION"));

/// What all the requests of a client have in common.
#[derive(Clone, Debug)]
pub(super) struct Settings {
    pub(super) limits: Limits,
    pub(super) connect_timeout: Option<Duration>,
    pub(super) head_timeout: Option<Duration>,
    pub(super) max_redirects: u32,
    /// Those that a request gets unless it has its own.
    pub(super) headers: HeaderMap,
    pub(super) observer: Observer,
    pub(super) proxies: Proxies,
    #[cfg(feature = "tls")]
    pub(super) tls: Option<Arc<rustls::ClientConfig>>,
}

impl Settings {
    pub(super) fn with_defaults<B>(&self, mut request: Request<B>) -> Request<B> {
        let headers = request.headers_mut();
        for name in self.headers.keys() {
            if !headers.contains_key(name) {
                let values = self.headers.get_all(name).iter();
                let lines = values.map(|value| (name.clone(), value.clone()));
                headers.extend(lines);
            }
        }
        request
    }
}

/// Makes a [`Client`]; from [`Client::builder`].
#[derive(Clone, Debug)]
#[must_use = "a builder does nothing before `build`"]
pub struct ClientBuilder {
    settings: Settings,
    user_agent: Option<HeaderValue>,
    retention: Retention,
}

impl ClientBuilder {
    pub(super) fn new() -> Self {
        Self {
            settings: Settings {
                limits: Limits::default(),
                connect_timeout: Some(CONNECT_TIMEOUT),
                head_timeout: None,
                max_redirects: 0,
                headers: HeaderMap::new(),
                observer: Observer::default(),
                proxies: Proxies::none(),
                #[cfg(feature = "tls")]
                tls: None,
            },
            user_agent: Some(HeaderValue::from_static(USER_AGENT)),
            retention: Retention {
                per_authority: 8,
                total: 64,
                age: Duration::from_secs(15),
            },
        }
    }

    /// Limits of all connections.
    pub fn limits(mut self, limits: Limits) -> Self {
        self.settings.limits = limits;
        self
    }

    /// Bounds resolving and connecting, a proxy's tunnel and TLS included, beside the aio's deadline.
    /// Default: 30 seconds. With `None`, only the aio's deadline counts, and without one the patience
    /// of the operating system, which is minutes.
    ///
    /// ```
    /// use http_aio::Client;
    /// use std::time::Duration;
    ///
    /// let hasty = Client::builder().connect_timeout(Duration::from_secs(3)).build();
    /// let patient = Client::builder().connect_timeout(None).build();
    /// # let _ = (hasty, patient);
    /// ```
    pub fn connect_timeout(mut self, after: impl Into<Option<Duration>>) -> Self {
        self.settings.connect_timeout = after.into();
        self
    }

    /// Bounds the time between the end of a request and the head of its response, beside the aio's
    /// deadline. Default: none.
    #[doc(alias = "read_timeout")]
    pub fn head_timeout(mut self, after: Duration) -> Self {
        self.settings.head_timeout = Some(after);
        self
    }

    /// Follows so many redirections of a request (RFC 9110 section 15.4), as browsers do: 303 and a
    /// POST that is answered with 301 or 302 become GET; credentials and cookies are not sent to
    /// another origin, nor from there on. Default: 0, redirections are responses.
    #[doc(alias = "redirections")]
    #[doc(alias = "follow")]
    pub fn max_redirects(mut self, most: u32) -> Self {
        self.settings.max_redirects = most;
        self
    }

    /// Proxies. Default: none, whatever the environment says.
    ///
    /// A `Proxy-Authorization` that a request has of its own goes to its proxy in place of the one
    /// set here, as with curl, also in the request for a tunnel; it never goes to a server.
    #[doc(alias = "proxy")]
    pub fn proxies(mut self, proxies: Proxies) -> Self {
        self.settings.proxies = proxies;
        self
    }

    /// How `https` is spoken: roots, client certificates, resumption. Default:
    /// [`tls::default_config`](crate::tls::default_config), made when it is needed first.
    #[cfg(feature = "tls")]
    #[doc(alias = "nng_http_client_set_tls")]
    pub fn tls(mut self, config: Arc<rustls::ClientConfig>) -> Self {
        self.settings.tls = Some(config);
        self
    }

    /// Idle connections to keep for each server. Default: 8; 0 keeps none.
    #[doc(alias = "pool_max_idle_per_host")]
    pub fn idle_per_authority(mut self, most: usize) -> Self {
        self.retention.per_authority = most;
        self
    }

    /// Idle connections to keep in all. Default: 64; 0 keeps none.
    pub fn idle_total(mut self, most: usize) -> Self {
        self.retention.total = most;
        self
    }

    /// How long an idle connection is kept. Default: 15 seconds.
    #[doc(alias = "pool_idle_timeout")]
    pub fn idle_timeout(mut self, after: Duration) -> Self {
        self.retention.age = after;
        self
    }

    /// Header fields of every request that has none of the same name.
    ///
    /// Credentials among them go to the server of the request's URI, and not to that of another origin to
    /// which it redirects.
    ///
    /// ```
    /// use http_aio::Client;
    /// use http_aio::http::HeaderMap;
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let mut headers = HeaderMap::new();
    /// headers.insert("authorization", "Bearer 42".parse()?);
    /// let client = Client::builder().default_headers(headers).build();
    /// # Ok(())
    /// # }
    /// ```
    pub fn default_headers(mut self, headers: HeaderMap) -> Self {
        self.settings.headers = headers;
        self
    }

    /// The `User-Agent` of every request that has none. Default: `http-aio/` and the version. With `None`
    /// there is none.
    pub fn user_agent(mut self, name: impl Into<Option<HeaderValue>>) -> Self {
        self.user_agent = name.into();
        self
    }

    /// Has `observe` told what the client does behind its requests: connects, connections that are used
    /// again, requests that are sent again, redirections.
    ///
    /// It is called on whichever thread does the work, one that submits a request included, and holds that
    /// up: it must be quick, and must not wait for an operation. It holds no lock meanwhile, and a panic
    /// harms nobody.
    ///
    /// ```
    /// use http_aio::{Client, Event};
    ///
    /// let client = Client::builder()
    ///     .observe(|event| match event {
    ///         Event::Connected { peer, after, .. } => eprintln!("connected to {peer} after {after:?}"),
    ///         Event::Redirected { to, .. } => eprintln!("redirected to {to}"),
    ///         _ => {}
    ///     })
    ///     .build();
    /// # let _ = client;
    /// ```
    #[doc(alias = "log")]
    #[doc(alias = "tracing")]
    pub fn observe(mut self, observe: impl Fn(&Event<'_>) + Send + Sync + 'static) -> Self {
        self.settings.observer = Observer::new(observe);
        self
    }

    /// Makes the client.
    pub fn build(mut self) -> Client {
        if let Some(name) = self.user_agent {
            let headers = &mut self.settings.headers;
            headers.entry(header::USER_AGENT).or_insert(name);
        }
        let pool = Pool::new(self.retention);
        Client {
            shared: Arc::new(Shared {
                settings: self.settings,
                pool,
                #[cfg(feature = "tls")]
                default_tls: std::sync::OnceLock::new(),
            }),
        }
    }
}
