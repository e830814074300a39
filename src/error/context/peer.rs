//! With whom it failed.

use std::fmt;

use crate::transport::Addr;

/// Whom an error is about: [`Error::peer`](crate::Error::peer).
///
/// It shows as `example.com:80`, the name if one was given and otherwise the address, behind `the proxy`
/// if it is one.
///
/// # Examples
///
/// ```
/// use http_aio::{Aio, Conn};
///
/// let error = Conn::connect(Aio::new(), ("localhost", 1)).wait().unwrap_err();
/// let peer = error.peer().unwrap();
/// assert_eq!((peer.host(), peer.port()), (Some("localhost"), Some(1)));
/// assert_eq!(peer.to_string(), "localhost:1");
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Peer {
    host: Option<Box<str>>,
    port: Option<u16>,
    addr: Addr,
    role: Role,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Role {
    Proxy,
    Other,
}

impl Peer {
    /// Somebody of whom nothing but this is known.
    pub(crate) fn of(addr: Addr) -> Self {
        Self {
            host: None,
            port: None,
            addr,
            role: Role::Other,
        }
    }

    /// Somebody who is known by a name.
    pub(crate) fn named(host: impl Into<Box<str>>, port: Option<u16>) -> Self {
        Self {
            host: Some(host.into()),
            port,
            addr: Addr::Unknown,
            role: Role::Other,
        }
    }

    /// The same, at this address.
    pub(crate) fn at(mut self, addr: Addr) -> Self {
        self.addr = addr;
        self
    }

    /// The same, as a proxy.
    pub(crate) fn into_proxy(mut self) -> Self {
        self.role = Role::Proxy;
        self
    }

    pub(in crate::error) fn is_known(&self) -> bool {
        self.host.is_some() || self.addr != Addr::Unknown
    }

    /// The name of the host as it was given, if one was: an address of which the connection was made
    /// has none.
    pub fn host(&self) -> Option<&str> {
        self.host.as_deref()
    }

    /// The port; a Unix socket has none.
    pub fn port(&self) -> Option<u16> {
        self.port.or(self.addr.ip().map(|address| address.port()))
    }

    /// The address of the connection, or the one that was tried. [`Addr::Unknown`] before the name has
    /// been resolved. Through a tunnel it is that of the proxy.
    pub fn addr(&self) -> &Addr {
        &self.addr
    }

    /// Whether it is the proxy that was set for a client.
    pub fn is_proxy(&self) -> bool {
        self.role == Role::Proxy
    }
}

impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_proxy() {
            f.write_str("the proxy ")?;
        }
        match (&self.host, self.port) {
            (Some(host), Some(port)) if host.contains(':') => write!(f, "[{host}]:{port}"),
            (Some(host), Some(port)) => write!(f, "{host}:{port}"),
            (Some(host), None) => f.write_str(host),
            (None, _) => match &self.addr {
                Addr::Unix(None) => f.write_str("a Unix socket without a name"),
                Addr::Unknown => f.write_str("an unknown peer"),
                addr => addr.fmt(f),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_goes_before_an_address() {
        let address = Addr::Ip(([192, 0, 2, 1], 80).into());
        for (peer, shown, port) in [
            (Peer::of(address.clone()), "192.0.2.1:80", Some(80)),
            (
                Peer::named("example.com", Some(8080)).at(address),
                "example.com:8080",
                Some(8080),
            ),
            (
                Peer::named("2001:db8::1", Some(80)).into_proxy(),
                "the proxy [2001:db8::1]:80",
                Some(80),
            ),
            (Peer::named("what?", None), "what?", None),
            (
                Peer::of(Addr::Unix(Some("/run/a.sock".into()))),
                "unix:/run/a.sock",
                None,
            ),
            (
                Peer::of(Addr::Unix(None)),
                "a Unix socket without a name",
                None,
            ),
        ] {
            assert_eq!((&*peer.to_string(), peer.port()), (shown, port));
        }
    }
}
