//! Which proxy a request goes through. Scheme, host and port of its URI decide, nothing else:
//! requests to one origin take one way.

mod exception;
mod place;
mod proxy;
#[cfg(test)]
mod tests;

use std::ffi::OsString;

use http::Uri;
use http::uri::Scheme;

use self::exception::Exception;
use self::place::normal;
use self::proxy::{Proxy, invalid};
use crate::error::Error;

/// The proxies of a client, and the hosts that are reached without them. None by default.
///
/// # Examples
///
/// ```
/// use http_aio::Proxies;
///
/// # fn main() -> Result<(), http_aio::Error> {
/// let proxies = Proxies::all("http://user:secret@proxy.example:3128")?.except("localhost, .internal, 10.0.0.0/8");
/// assert!(!format!("{proxies:?}").contains("secret"));
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, Default)]
pub struct Proxies {
    http: Option<Proxy>,
    https: Option<Proxy>,
    exceptions: Vec<Exception>,
}

impl Proxies {
    /// No proxy: every connection is direct.
    ///
    /// ```
    /// let direct = http_aio::Proxies::none();
    /// # let _ = direct;
    /// ```
    pub fn none() -> Self {
        Self::default()
    }

    /// One proxy for all requests: `http://[user:password@]host[:port]`. The scheme may be left out,
    /// and so may the port, which then is 80, as everywhere in HTTP (curl alone takes 1080).
    ///
    /// In user and password, whatever is not a letter or a digit is best percent-encoded; `/`, `?`,
    /// `#` and `%` have to be.
    ///
    /// # Errors
    ///
    /// `NotSupported` for proxies that speak TLS or SOCKS, `InvalidInput` for what is no proxy. Each
    /// with a detail, which does not repeat the credentials.
    ///
    /// # Examples
    ///
    /// ```
    /// use http_aio::ErrorKind;
    /// use http_aio::Proxies;
    ///
    /// assert!(Proxies::all("http://proxy.example:3128").is_ok());
    /// let error = Proxies::all("socks5://proxy.example").unwrap_err();
    /// assert_eq!(error.kind(), ErrorKind::NotSupported);
    /// ```
    pub fn all(uri: &str) -> Result<Self, Error> {
        let proxy = Proxy::parse(uri)?;
        Ok(Self {
            http: Some(proxy.clone()),
            https: Some(proxy),
            exceptions: Vec::new(),
        })
    }

    /// Hosts to reach directly, besides those named before: a list as in the variable `no_proxy`,
    /// separated by commas or blanks.
    ///
    /// | entry | excepts |
    /// |---|---|
    /// | `*` | everything |
    /// | `example.com`, `.example.com`, `*.example.com` | the host, and all below it |
    /// | `192.0.2.1`, `2001:db8::1`, `[2001:db8::1]` | the address, where a URI has it as its host |
    /// | `192.0.2.0/24`, `2001:db8::/32` | the addresses of the network, likewise |
    /// | any but the IPv6 forms without brackets, then `:8080` | the same, at this port alone |
    ///
    /// Names are not resolved for it. An entry that is none of these excepts nothing.
    ///
    /// # Examples
    ///
    /// ```
    /// use http_aio::Proxies;
    ///
    /// # fn main() -> Result<(), http_aio::Error> {
    /// let proxies = Proxies::all("proxy.example:3128")?.except("localhost,127.0.0.0/8,[::1]");
    /// # let _ = proxies;
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn except(mut self, list: &str) -> Self {
        let entries = list.split(|c: char| c == ',' || c.is_whitespace());
        self.exceptions.extend(entries.filter_map(Exception::parse));
        self
    }

    /// What the environment says, in the variables that curl and most others read:
    ///
    /// * `http_proxy`, for http. Never `HTTP_PROXY`: in a CGI program that is a header of the request
    ///   (CVE-2016-5385).
    /// * `https_proxy`, or else `HTTPS_PROXY`, for https.
    /// * `all_proxy`, or else `ALL_PROXY`, for what has none of its own.
    /// * `no_proxy`, or else `NO_PROXY`, as in [`except`](Self::except).
    ///
    /// An empty variable is as good as none. The environment is read once, here.
    ///
    /// # Errors
    ///
    /// As [`all`](Self::all); the detail names the variable. Without the error, requests would pass
    /// by a proxy that somebody wanted them to use.
    ///
    /// # Examples
    ///
    /// ```
    /// use http_aio::Proxies;
    ///
    /// let proxies = Proxies::from_env().unwrap_or_else(|error| {
    ///     eprintln!("no proxy: {error}");
    ///     Proxies::none()
    /// });
    /// # let _ = proxies;
    /// ```
    pub fn from_env() -> Result<Self, Error> {
        Self::from_variables(|name| std::env::var_os(name))
    }

    fn from_variables(get: impl Fn(&str) -> Option<OsString>) -> Result<Self, Error> {
        let proxy = |names: &[&'static str]| match first(&get, names)? {
            Some((name, uri)) => Proxy::parse(&uri).map(Some).map_err(|e| blame(name, &e)),
            None => Ok(None),
        };
        let proxies = Self {
            http: proxy(&["http_proxy", "all_proxy", "ALL_PROXY"])?,
            https: proxy(&["https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"])?,
            exceptions: Vec::new(),
        };
        Ok(match first(&get, &["no_proxy", "NO_PROXY"])? {
            Some((_, list)) => proxies.except(&list),
            None => proxies,
        })
    }

    /// The proxy for an absolute URI. `None`: connect directly.
    pub(crate) fn of(&self, uri: &Uri) -> Option<&Proxy> {
        let (proxy, default_port) = match uri.scheme()? {
            scheme if *scheme == Scheme::HTTP => (&self.http, 80),
            scheme if *scheme == Scheme::HTTPS => (&self.https, 443),
            _ => return None,
        };
        let proxy = proxy.as_ref()?;
        let host = normal(uri.host()?);
        let port = uri.port_u16().unwrap_or(default_port);
        let excepted = self.exceptions.iter().any(|e| e.covers(&host, port));
        (!excepted).then_some(proxy)
    }
}

/// The first of these variables that is set and not empty.
fn first(
    get: impl Fn(&str) -> Option<OsString>,
    names: &[&'static str],
) -> Result<Option<(&'static str, String)>, Error> {
    for name in names {
        match get(name).filter(|value| !value.is_empty()) {
            None => {}
            Some(value) => {
                let value = value.into_string();
                let value = value.map_err(|_| blame(name, &invalid("it is not UTF-8")))?;
                return Ok(Some((name, value)));
            }
        }
    }
    Ok(None)
}

fn blame(variable: &'static str, error: &Error) -> Error {
    let detail = error.detail().unwrap_or_default();
    Error::new(error.kind()).with_words(move |f| write!(f, "{variable}: {detail}"))
}
