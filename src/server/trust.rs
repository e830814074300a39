//! Whom a server believes what is said of clients.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use http::HeaderMap;

use crate::error::{Error, ErrorKind};
use crate::proto::forwarded::{self, Origin};
use crate::transport::Addr;

/// A proxy that is believed what it says of clients: an address, a network, or whoever comes over a Unix socket; for
/// [`Endpoint::trust_forwarded`](crate::Endpoint::trust_forwarded).
///
/// # Examples
///
/// ```
/// use http_aio::TrustedProxy;
/// use std::net::IpAddr;
///
/// # fn main() -> Result<(), http_aio::Error> {
/// let network: TrustedProxy = "10.0.0.0/8".parse()?;
/// let one: TrustedProxy = "2001:db8::1".parse()?;
/// let local: TrustedProxy = "unix".parse()?;
/// assert!("10.0.0.1/8".parse::<TrustedProxy>().is_err()); // Bits beyond the prefix.
/// # let _ = (network, one, local, TrustedProxy::from(IpAddr::from([127, 0, 0, 1])));
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TrustedProxy(Which);

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Which {
    /// So many first bits of this address.
    Network(IpAddr, u8),
    Unix,
}

/// The fields in which a proxy says who its client is. The other ones are the client's own, and are not looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ForwardedFields {
    /// `Forwarded` (RFC 7239).
    Forwarded,
    /// `X-Forwarded-For`, `X-Forwarded-Proto` and `X-Forwarded-Host`.
    XForwarded,
}

/// What an endpoint believes.
#[derive(Clone, Debug)]
pub(super) struct Trust {
    fields: ForwardedFields,
    proxies: Vec<TrustedProxy>,
}

impl TrustedProxy {
    fn contains(self, address: IpAddr) -> bool {
        // A listener for both sees clients of IPv4 as addresses of IPv6.
        match (self.0, address.to_canonical()) {
            (Which::Network(IpAddr::V4(network), bits), IpAddr::V4(address)) => {
                let differing = u32::from(network) ^ u32::from(address);
                differing.leading_zeros() >= u32::from(bits)
            }
            (Which::Network(IpAddr::V6(network), bits), IpAddr::V6(address)) => {
                let differing = u128::from(network) ^ u128::from(address);
                differing.leading_zeros() >= u32::from(bits)
            }
            _ => false,
        }
    }
}

impl From<IpAddr> for TrustedProxy {
    fn from(address: IpAddr) -> Self {
        let address = address.to_canonical();
        Self(Which::Network(address, width(address)))
    }
}

impl FromStr for TrustedProxy {
    type Err = Error;

    /// An address, an address and the length of a prefix (`10.0.0.0/8`), or `unix`.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](ErrorKind::InvalidInput) for anything else, and for a network with bits beyond its prefix.
    fn from_str(text: &str) -> Result<Self, Error> {
        let which = if text == "unix" {
            Some(Which::Unix)
        } else {
            network(text)
        };
        which.map(Self).ok_or_else(|| {
            let error = Error::new(ErrorKind::InvalidInput);
            error.with_detail_about("this is no address, network or `unix`", text.as_bytes())
        })
    }
}

fn network(text: &str) -> Option<Which> {
    let Some((address, bits)) = text.split_once('/') else {
        let address: IpAddr = text.parse().ok()?;
        return Some(TrustedProxy::from(address).0);
    };
    let address: IpAddr = address.parse().ok()?;
    let is_plain = bits.bytes().all(|byte| byte.is_ascii_digit());
    let bits: u8 = is_plain.then(|| bits.parse().ok())??;
    let beyond = match address {
        IpAddr::V4(address) => u32::from(address).checked_shl(bits.into()).unwrap_or(0) != 0,
        IpAddr::V6(address) => u128::from(address).checked_shl(bits.into()).unwrap_or(0) != 0,
    };
    (bits <= width(address) && !beyond).then_some(Which::Network(address, bits))
}

/// Bits of an address.
fn width(address: IpAddr) -> u8 {
    if address.is_ipv4() { 32 } else { 128 }
}

impl fmt::Display for TrustedProxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Which::Unix => f.write_str("unix"),
            Which::Network(address, bits) if bits == width(address) => address.fmt(f),
            Which::Network(address, bits) => write!(f, "{address}/{bits}"),
        }
    }
}

impl Trust {
    pub(super) fn new(fields: ForwardedFields, proxies: Vec<TrustedProxy>) -> Self {
        Self { fields, proxies }
    }

    /// What is known of the client of a request that `peer` has sent.
    pub(super) fn origin<'a>(&self, peer: &Addr, headers: &'a HeaderMap) -> Origin<'a> {
        if !self.believes(peer) {
            return Origin::default();
        }
        let is_trusted = |address| self.knows(address);
        match self.fields {
            ForwardedFields::Forwarded => forwarded::standard(headers, is_trusted),
            ForwardedFields::XForwarded => forwarded::conventional(headers, is_trusted),
        }
    }

    fn believes(&self, peer: &Addr) -> bool {
        match peer {
            Addr::Ip(address) => self.knows(address.ip()),
            Addr::Unix(_) => self.proxies.iter().any(|proxy| proxy.0 == Which::Unix),
            Addr::Unknown => false,
        }
    }

    fn knows(&self, address: IpAddr) -> bool {
        self.proxies.iter().any(|proxy| proxy.contains(address))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn proxy(text: &str) -> TrustedProxy {
        text.parse().expect("a proxy")
    }

    fn contains(network: &str, address: &str) -> bool {
        proxy(network).contains(address.parse().expect("an address"))
    }

    #[test]
    fn a_network_contains_what_begins_as_it_does() {
        assert!(contains("10.0.0.0/8", "10.255.0.1") && !contains("10.0.0.0/8", "11.0.0.1"));
        assert!(contains("192.0.2.128/25", "192.0.2.200"));
        assert!(!contains("192.0.2.128/25", "192.0.2.127"));
        assert!(contains("192.0.2.1", "192.0.2.1") && !contains("192.0.2.1", "192.0.2.0"));
        assert!(contains("192.0.2.1", "::ffff:192.0.2.1"));
        assert!(contains("0.0.0.0/0", "192.0.2.1") && !contains("0.0.0.0/0", "::1"));
        assert!(contains("2001:db8::/32", "2001:db8:1::1"));
        assert!(!contains("2001:db8::/32", "2001:db9::1") && contains("::/0", "::1"));
        assert!(!contains("unix", "127.0.0.1"));
    }

    #[test]
    fn what_is_no_network_is_refused() {
        let nonsense = [
            "",
            "10",
            "10.0.0.1/8",
            "10.0.0.0/33",
            "10.0.0.0/",
            "10.0.0.0/+8",
            "::1/64",
            "a.example",
        ];
        for text in nonsense {
            let error = text.parse::<TrustedProxy>().expect_err(text);
            assert_eq!(error.kind(), ErrorKind::InvalidInput);
        }
        for text in ["10.0.0.0/8", "2001:db8::/32", "::1", "unix", "0.0.0.0/0"] {
            assert_eq!(proxy(text).to_string(), text);
        }
    }
}
