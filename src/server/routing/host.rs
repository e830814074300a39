//! Hosts, as routes name them and as requests do.

use std::borrow::Cow;
use std::net::{IpAddr, Ipv6Addr};

use super::invalid;
use crate::error::Error;
use crate::proto::authority::HostPort;

/// The host of a route, in the form in which hosts are compared. `None` if the route is for all hosts.
///
/// # Errors
///
/// `InvalidInput` for what no request has as its host.
pub(super) fn registered(host: &str) -> Result<Option<Box<str>>, Error> {
    let literal = host.strip_prefix('[').and_then(|h| h.strip_suffix(']'));
    if let Ok(address) = literal.unwrap_or(host).parse::<IpAddr>() {
        let key = address.to_canonical().to_string().into();
        return Ok((!address.is_unspecified()).then_some(key));
    }
    if matches!(host, "" | "*") {
        return Ok(None);
    }
    let refused = |reason| invalid(format!("the host {host:?} of a route {reason}"));
    if host.contains('*') {
        return Err(refused("is a pattern; hosts are compared as they are"));
    }
    match HostPort::parse(host.as_bytes()) {
        Some(_) if host.contains(':') => Err(refused("has a port; routes are for all ports")),
        Some(_) => Ok(key(host).map(Into::into)),
        None => Err(refused("is neither a name nor an address")),
    }
}

/// The host of a request, from its `Host` or the authority of its target, in the form in which hosts are
/// compared: without the port and the dot that ends an absolute name, in lower case. `None` if there is
/// no host in it.
pub(super) fn key(host: &str) -> Option<Cow<'_, str>> {
    let host = HostPort::parse(host.as_bytes())?.host;
    let host = std::str::from_utf8(host).ok()?;
    if let Some(literal) = host.strip_prefix('[') {
        let address: Ipv6Addr = literal.strip_suffix(']')?.parse().ok()?;
        return Some(Cow::Owned(address.to_canonical().to_string()));
    }
    let host = host.strip_suffix('.').unwrap_or(host);
    if host.bytes().any(|byte| byte.is_ascii_uppercase()) {
        return Some(Cow::Owned(host.to_ascii_lowercase()));
    }
    (!host.is_empty()).then_some(Cow::Borrowed(host))
}
