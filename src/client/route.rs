//! Where a request goes: which address, over what, and which idle connections will do.

use std::borrow::Cow;

use bytes::Bytes;
use http::header::PROXY_AUTHORIZATION;
use http::uri::{Authority, Scheme};
use http::{HeaderValue, Request, Uri};

use super::proxies::Proxies;
use crate::error::{Error, ErrorKind, Peer};
use crate::proto::authority::HostPort;

/// The way to the server of a URI.
#[derive(Clone, Debug)]
pub(crate) struct Route {
    pub(crate) key: Key,
    pub(crate) way: Way,
    /// Credentials for the proxy, in the requests that it passes on or in the one that asks for a tunnel.
    pub(crate) authorization: Option<HeaderValue>,
}

/// What connections have in common that can stand in for one another.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Key {
    pub(crate) host: String,
    pub(crate) port: u16,
    pub(crate) security: Security,
    pub(crate) via: Option<(String, u16)>,
    /// The credentials that a request has of its own for its tunnel, through which no other request goes.
    pub(crate) credentials: Option<HeaderValue>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Security {
    Plain,
    Tls,
}

/// How requests on a route reach the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    Direct,
    /// A proxy reads them and passes them on.
    Forwarded,
    /// A proxy passes bytes on.
    Tunneled,
}

impl Route {
    /// # Errors
    ///
    /// `InvalidInput` for what is no absolute URI of the schemes `http` and `https`.
    pub(crate) fn to(uri: &Uri, proxies: &Proxies) -> Result<Self, Error> {
        let security = match uri.scheme() {
            Some(scheme) if *scheme == Scheme::HTTP => Security::Plain,
            Some(scheme) if *scheme == Scheme::HTTPS => Security::Tls,
            Some(other) => {
                let detail = "the scheme of the URI is not http or https";
                let refused = Error::new(ErrorKind::InvalidInput);
                return Err(refused.with_detail_about(detail, other.as_str().as_bytes()));
            }
            None => return Err(refused("the URI is not absolute, it has no scheme")),
        };
        let host = uri.host().map(without_brackets).unwrap_or_default();
        if host.is_empty() {
            return Err(refused("the URI has no host"));
        }
        let port = port(uri)?.unwrap_or(security.port());
        let proxy = proxies.of(uri);
        let way = match (proxy, security) {
            (None, _) => Way::Direct,
            (Some(_), Security::Plain) => Way::Forwarded,
            (Some(_), Security::Tls) => Way::Tunneled,
        };
        Ok(Self {
            way,
            key: Key {
                host: host.to_ascii_lowercase(),
                port,
                security,
                via: proxy.map(|proxy| (proxy.host.clone(), proxy.port)),
                credentials: None,
            },
            authorization: proxy.and_then(|proxy| proxy.authorization.clone()),
        })
    }

    /// The same route, but with a tunnel to the server where a proxy would only forward.
    pub(crate) fn tunneled(mut self) -> Self {
        if self.way == Way::Forwarded {
            self.way = Way::Tunneled;
        }
        self
    }

    /// The same route, with the request's own credentials for the proxy in place of those in the settings.
    /// Without a proxy they are for nobody.
    pub(crate) fn authorized(mut self, own: Option<&HeaderValue>) -> Self {
        let Some(own) = own.filter(|_| self.way != Way::Direct) else {
            return self;
        };
        let mut own = own.clone();
        own.set_sensitive(true);
        if self.way == Way::Tunneled {
            self.key.credentials = Some(own.clone());
        }
        self.authorization = Some(own);
        self
    }

    /// The server, whatever leads to it.
    pub(crate) fn server(&self) -> Peer {
        Peer::named(self.key.host.as_str(), Some(self.key.port))
    }

    /// What to connect to.
    pub(crate) fn address(&self) -> (String, u16) {
        let Key {
            host, port, via, ..
        } = &self.key;
        via.clone().unwrap_or_else(|| (host.clone(), *port))
    }
}

/// Whom errors about a request to this URI are about.
pub(crate) fn server(uri: &Uri) -> Option<Peer> {
    let usual = match uri.scheme() {
        Some(scheme) if *scheme == Scheme::HTTP => Some(Security::Plain.port()),
        Some(scheme) if *scheme == Scheme::HTTPS => Some(Security::Tls.port()),
        _ => None,
    };
    let port = port(uri).ok()?.or(usual);
    let host = uri.host().map(without_brackets);
    let host = host.filter(|host| !host.is_empty())?;
    Some(Peer::named(host, port))
}

/// An IPv6 address as it is.
fn without_brackets(host: &str) -> &str {
    host.trim_start_matches('[').trim_end_matches(']')
}

impl Security {
    fn port(self) -> u16 {
        match self {
            Self::Plain => 80,
            Self::Tls => 443,
        }
    }
}

/// The request without the credentials for a proxy, which its route has taken over.
pub(crate) fn without_proxy_authorization(request: &Request<Bytes>) -> Cow<'_, Request<Bytes>> {
    if !request.headers().contains_key(PROXY_AUTHORIZATION) {
        return Cow::Borrowed(request);
    }
    let mut request = request.clone();
    request.headers_mut().remove(PROXY_AUTHORIZATION);
    Cow::Owned(request)
}

/// `Uri` takes anything for a port, and says then that there is none.
fn port(uri: &Uri) -> Result<Option<u16>, Error> {
    let authority = uri.authority().map_or("", Authority::as_str);
    let place = authority.rsplit('@').next().unwrap_or_default();
    match HostPort::parse(place.as_bytes()) {
        Some(place) => Ok(place.port),
        None => Err(refused("the URI has no usable host, or no usable port")),
    }
}

fn refused(detail: &'static str) -> Error {
    Error::new(ErrorKind::InvalidInput).with_detail(detail)
}
