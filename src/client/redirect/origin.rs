//! Whether two URIs have the same origin.

use http::Uri;
use http::uri::Scheme;

pub(super) fn same_origin(one: &Uri, other: &Uri) -> bool {
    one.scheme() == other.scheme() && same_authority(one, other)
}

/// Whether `Host` would say the same of both.
pub(super) fn same_authority(one: &Uri, other: &Uri) -> bool {
    let host = |uri: &Uri| uri.host().map(str::to_ascii_lowercase);
    let port = |uri: &Uri| {
        uri.port_u16()
            .filter(|port| !is_default(*port, uri.scheme()))
    };
    host(one) == host(other) && port(one) == port(other)
}

pub(super) fn is_default(port: u16, scheme: Option<&Scheme>) -> bool {
    let https = scheme == Some(&Scheme::HTTPS);
    port == if https { 443 } else { 80 }
}
