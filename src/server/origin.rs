//! How the request of an exchange has come: over what, from whom.

use http::header::HOST;
use http::uri::Scheme;

use super::exchange::Exchange;
use crate::proto::forwarded::Origin;
use crate::transport::Addr;

/// How a request has come.
impl Exchange {
    /// The client, as far as that is known: whom trusted proxies name in the request, where the endpoint believes
    /// them ([`trust_forwarded`](crate::Endpoint::trust_forwarded)); else whom the PROXY header of the connection
    /// names, where it expects one ([`proxy_protocol`](crate::Endpoint::proxy_protocol)); else the
    /// [peer](Self::peer_addr). The port is 0 where nobody has said it.
    #[doc(alias = "X-Forwarded-For")]
    #[doc(alias = "real_ip")]
    pub fn client_addr(&self) -> Addr {
        self.origin().client.map_or_else(|| self.sender(), Addr::Ip)
    }

    /// `https` if the client speaks TLS with us, or with a proxy that is believed; else `http`.
    #[doc(alias = "X-Forwarded-Proto")]
    pub fn scheme(&self) -> Scheme {
        self.origin().scheme.unwrap_or_else(|| self.own_scheme())
    }

    /// The host that the client asks for, with the port if it names one: what a proxy says that is believed, else
    /// the authority of the target, else the field `Host`. It is what the client has written: no proof of
    /// anything. Routes are found by the `Host` of the request itself.
    #[doc(alias = "X-Forwarded-Host")]
    pub fn host(&self) -> Option<&str> {
        let own = || {
            let target = self.uri().authority().map(|authority| authority.as_str());
            let field = || self.headers().get(HOST)?.to_str().ok();
            target.or_else(field)
        };
        self.origin().host.or_else(own)
    }

    /// What the TLS handshake has come to, if the request came over TLS: its version, the name that the client has
    /// asked for, the protocol that was chosen.
    #[cfg(feature = "tls")]
    pub fn tls(&self) -> Option<crate::tls::Negotiated> {
        self.conn.tls()
    }

    fn own_scheme(&self) -> Scheme {
        #[cfg(feature = "tls")]
        if self.tls().is_some() {
            return Scheme::HTTPS;
        }
        Scheme::HTTP
    }

    fn origin(&self) -> Origin<'_> {
        match &self.stay.arrival().trust {
            Some(trust) => trust.origin(&self.sender(), self.headers()),
            None => Origin::default(),
        }
    }

    /// Whoever has sent the request: the peer, or whom its PROXY header names.
    fn sender(&self) -> Addr {
        let source = self.stay.arrival().source.map(Addr::Ip);
        source.unwrap_or_else(|| self.peer_addr())
    }
}
