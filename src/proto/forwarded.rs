//! What proxies say of the requests that they pass on: `Forwarded` (RFC 7239), and `X-Forwarded-For` with its kin.
//!
//! Anybody can write these fields, and each proxy adds to their end. So they are read from the right, and only as
//! far as those are trusted who have added to them: the first address that is not a trusted proxy's is the client,
//! and what stands left of it is the client's own invention. What is malformed ends the reading, too. It is
//! cut from the right, so that nothing a client writes changes how the rest is read.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::str::FromStr;

use http::header::{FORWARDED, HeaderMap, HeaderValue};
use http::uri::Scheme;

/// What is known of the client by trusted proxies alone.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Origin<'a> {
    pub(crate) client: Option<SocketAddr>,
    pub(crate) scheme: Option<Scheme>,
    pub(crate) host: Option<&'a str>,
}

/// From `Forwarded`.
pub(crate) fn standard(headers: &HeaderMap, is_trusted: impl Fn(IpAddr) -> bool) -> Origin<'_> {
    let mut origin = Origin::default();
    for element in elements(headers.get_all(FORWARDED).iter().rev()) {
        let Some(hop) = element.and_then(Hop::parse) else {
            break;
        };
        origin.scheme = hop.scheme.or(origin.scheme);
        origin.host = hop.host.or(origin.host);
        match hop.client {
            Some(client) => origin.client = Some(client),
            None => break,
        }
        if !origin.client.is_some_and(|client| is_trusted(client.ip())) {
            break;
        }
    }
    origin
}

/// From `X-Forwarded-For`, `-Proto` and `-Host`. Of the last two the rightmost value counts, because the nearest
/// proxy has written or approved it.
pub(crate) fn conventional(headers: &HeaderMap, is_trusted: impl Fn(IpAddr) -> bool) -> Origin<'_> {
    let last = |name: &str| {
        let values = headers.get_all(name).iter().rev();
        elements(values).next().flatten()
    };
    let mut origin = Origin {
        client: None,
        scheme: last("x-forwarded-proto").and_then(scheme),
        host: last("x-forwarded-host").filter(|host| is_host(host)),
    };
    for element in elements(headers.get_all("x-forwarded-for").iter().rev()) {
        let Some(client) = element.and_then(address) else {
            break;
        };
        origin.client = Some(client);
        if !is_trusted(client.ip()) {
            break;
        }
    }
    origin
}

/// The elements of lists, from the last to the first. None: it is no text.
fn elements<'a>(
    lines: impl Iterator<Item = &'a HeaderValue>,
) -> impl Iterator<Item = Option<&'a str>> {
    lines.flat_map(|line| {
        let text = line.to_str().ok();
        let unreadable = text.is_none().then_some(None);
        unreadable
            .into_iter()
            .chain(text.into_iter().flat_map(from_the_right).map(Some))
    })
}

/// Splits at commas that are not between quotes, as seen from the right.
fn from_the_right(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = Some(text);
    std::iter::from_fn(move || {
        let text = rest?;
        let mut is_quoted = false;
        let comma = text.bytes().rposition(|byte| {
            is_quoted ^= byte == b'"';
            byte == b',' && !is_quoted
        });
        let element = match comma {
            Some(at) => {
                rest = Some(&text[..at]);
                &text[at + 1..]
            }
            None => {
                rest = None;
                text
            }
        };
        Some(element.trim_matches([' ', '\t']))
    })
    // RFC 9110 section 5.6.1: empty elements are none.
    .filter(|element| !element.is_empty())
}

/// One element of `Forwarded`.
#[derive(Default)]
struct Hop<'a> {
    client: Option<SocketAddr>,
    scheme: Option<Scheme>,
    host: Option<&'a str>,
}

impl<'a> Hop<'a> {
    fn parse(element: &'a str) -> Option<Self> {
        let mut hop = Self::default();
        let mut seen = Vec::new();
        for pair in element.split(';') {
            let (name, value) = pair.trim_matches([' ', '\t']).split_once('=')?;
            let value = unquoted(value)?;
            let name = name.to_ascii_lowercase();
            match &*name {
                // `unknown` and names that begin with `_` say nothing.
                "for" => hop.client = address(value),
                "proto" => hop.scheme = Some(scheme(value)?),
                "host" => hop.host = Some(value).filter(|host| is_host(host)),
                _ => {}
            }
            if seen.contains(&name) {
                return None;
            }
            seen.push(name);
        }
        Some(hop)
    }
}

/// A token, or what is between two quotes. Nothing that belongs here needs an escape.
fn unquoted(value: &str) -> Option<&str> {
    let inner = match value.strip_prefix('"') {
        Some(rest) => rest.strip_suffix('"')?,
        None => value,
    };
    let is_plain = !inner.is_empty() && !inner.contains(['"', '\\']);
    is_plain.then_some(inner)
}

/// An address with a port or without, for which 0 stands then.
fn address(text: &str) -> Option<SocketAddr> {
    let bracketed = text.strip_prefix('[');
    if let Some((inner, rest)) = bracketed.and_then(|rest| rest.split_once(']')) {
        let address: Ipv6Addr = inner.parse().ok()?;
        let port = match rest.strip_prefix(':') {
            Some(port) => port.parse().ok()?,
            None if rest.is_empty() => 0,
            None => return None,
        };
        return Some(SocketAddr::new(address.into(), port));
    }
    let alone = IpAddr::from_str(text).ok();
    let alone = alone.map(|address| SocketAddr::new(address, 0));
    alone.or_else(|| text.parse().ok())
}

fn scheme(text: &str) -> Option<Scheme> {
    [Scheme::HTTP, Scheme::HTTPS]
        .into_iter()
        .find(|scheme| text.eq_ignore_ascii_case(scheme.as_str()))
}

fn is_host(text: &str) -> bool {
    super::authority::HostPort::parse(text.as_bytes()).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(fields: &[(&'static str, &str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in fields {
            headers.append(*name, HeaderValue::from_str(value).expect("a value"));
        }
        headers
    }

    /// Proxies are in 10.0.0.0/8 and at ::1.
    fn is_trusted(address: IpAddr) -> bool {
        match address {
            IpAddr::V4(address) => address.octets()[0] == 10,
            IpAddr::V6(address) => address.is_loopback(),
        }
    }

    fn show(origin: &Origin<'_>) -> String {
        let client = origin
            .client
            .map_or("-".into(), |client| client.to_string());
        let scheme = origin.scheme.as_ref().map_or("-", Scheme::as_str);
        format!("{client} {scheme} {}", origin.host.unwrap_or("-"))
    }

    #[track_caller]
    fn check(lines: &[&str], expected: &str) {
        let fields: Vec<_> = lines.iter().map(|line| ("forwarded", *line)).collect();
        assert_eq!(
            show(&standard(&headers(&fields), is_trusted)),
            expected,
            "{lines:?}"
        );
    }

    #[test]
    fn the_rightmost_that_is_not_trusted_is_the_client() {
        check(&[], "- - -");
        check(&["for=192.0.2.1"], "192.0.2.1:0 - -");
        check(&["for=6.6.6.6, for=192.0.2.1"], "192.0.2.1:0 - -");
        check(
            &["for=6.6.6.6, for=192.0.2.1, for=10.0.0.2"],
            "192.0.2.1:0 - -",
        );
        check(
            &["for=6.6.6.6", "For=192.0.2.1", "for=10.0.0.2"],
            "192.0.2.1:0 - -",
        );
        check(
            &["for=\"[2001:db8::1]:4711\" , for=\"[::1]\""],
            "[2001:db8::1]:4711 - -",
        );
        check(&["for=10.0.0.3, for=10.0.0.2"], "10.0.0.3:0 - -");
        check(
            &["for=192.0.2.1;proto=https;host=example.com;by=_x, for=10.0.0.2;proto=http"],
            "192.0.2.1:0 https example.com",
        );
    }

    #[test]
    fn what_is_unknown_or_malformed_ends_the_reading() {
        check(
            &["for=6.6.6.6, for=unknown;proto=https, for=10.0.0.2"],
            "10.0.0.2:0 https -",
        );
        check(&["for=6.6.6.6, for=_hidden"], "- - -");
        check(&["for=6.6.6.6, proto=https"], "- https -");
        for nonsense in [
            "for",
            "for=",
            "for=1.2.3.4;for=1.2.3.4",
            "for=\"1.2.3.4",
            "proto=x",
            "for=\"a\\\"b\"",
        ] {
            check(
                &[&format!("for=6.6.6.6, {nonsense}, for=10.0.0.2")],
                "10.0.0.2:0 - -",
            );
        }
        check(&["for=192.0.2.1;host=\"a b\""], "192.0.2.1:0 - -");
    }

    #[test]
    fn a_quote_of_the_client_does_not_swallow_what_a_proxy_adds() {
        check(&["for=\"6.6.6.6, for=192.0.2.1"], "192.0.2.1:0 - -");
        check(
            &["for=\"6.6.6.6, for=\"[2001:db8::1]\", for=10.0.0.2"],
            "[2001:db8::1]:0 - -",
        );
    }

    #[test]
    fn what_is_customary() {
        let check = |fields: &[(&'static str, &str)], expected| {
            assert_eq!(show(&conventional(&headers(fields), is_trusted)), expected);
        };
        let list = ("x-forwarded-for", "6.6.6.6, 192.0.2.1, 10.0.0.2");
        check(&[list], "192.0.2.1:0 - -");
        let proto = ("x-forwarded-proto", "http, https");
        let host = ("x-forwarded-host", "evil.example, example.com:8080");
        check(&[list, proto, host], "192.0.2.1:0 https example.com:8080");
        check(&[("x-forwarded-for", "2001:db8::1")], "[2001:db8::1]:0 - -");
        check(
            &[("x-forwarded-for", "192.0.2.1:4711")],
            "192.0.2.1:4711 - -",
        );
        check(
            &[("x-forwarded-for", "6.6.6.6, nonsense, 10.0.0.2")],
            "10.0.0.2:0 - -",
        );
        check(
            &[("x-forwarded-proto", "ftp"), ("x-forwarded-host", "a/b")],
            "- - -",
        );
        check(&[("forwarded", "for=6.6.6.6")], "- - -");
    }
}
