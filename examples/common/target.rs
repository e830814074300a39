//! The URL: what of it is understood, and what is said about the rest.

use std::net::Ipv6Addr;
use std::str::FromStr;

use http_aio::http::Uri;
use http_aio::http::uri::Scheme;

const FORM: &str = "expected http[s]://HOST[:PORT][/PATH]";

/// The other end of an exchange.
#[derive(Clone, Debug)]
pub(crate) struct Target {
    pub(crate) uri: Uri,
}

impl Target {
    pub(crate) fn is_https(&self) -> bool {
        self.uri.scheme() == Some(&Scheme::HTTPS)
    }
}

impl FromStr for Target {
    type Err = String;

    fn from_str(url: &str) -> Result<Self, String> {
        if !url.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(
                "spaces, controls and what is not ASCII must be percent-encoded".to_owned(),
            );
        }
        let uri: Uri = url.parse().map_err(|_| FORM.to_owned())?;
        let (Some(scheme), Some(authority)) = (uri.scheme(), uri.authority()) else {
            return Err(FORM.to_owned());
        };
        if *scheme != Scheme::HTTP && *scheme != Scheme::HTTPS {
            return Err(format!("{scheme}: is neither http: nor https:"));
        }
        if authority.as_str().contains('@') {
            return Err("a user name or password in it is not supported".to_owned());
        }
        let host = authority.host();
        let port = authority.as_str()[host.len()..].strip_prefix(':');
        if let Some(port) = port.filter(|port| !port.is_empty()) {
            let number: Result<u16, _> = port.parse();
            number.map_err(|_| format!("{port} is not a port number"))?;
        }
        if host.is_empty() {
            return Err(format!("it has no host; {FORM}"));
        }
        if let Some(literal) = host.strip_prefix('[') {
            let literal = literal.trim_end_matches(']');
            let address: Result<Ipv6Addr, _> = literal.parse();
            address.map_err(|_| format!("{literal} is not an IPv6 address"))?;
        }
        Ok(Self { uri })
    }
}
