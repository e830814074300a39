//! `host[:port]`: the value of a Host, and the authority of a target (RFC 9110 section 7.2).

use std::net::Ipv6Addr;
use std::str::FromStr;

/// The two parts. The host may be empty; a port that is missing or empty is the default one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct HostPort<'a> {
    pub(crate) host: &'a [u8],
    pub(crate) port: Option<u16>,
}

impl<'a> HostPort<'a> {
    /// `None` for anything else, such as credentials before the host, a list, or a port that no
    /// socket has.
    pub(crate) fn parse(authority: &'a [u8]) -> Option<Self> {
        let (host, is_host) = match authority {
            [b'[', ..] => {
                let end = authority.iter().position(|&b| b == b']')?;
                (&authority[..=end], is_address(&authority[1..end]))
            }
            _ => {
                let end = name_length(authority);
                (&authority[..end], true)
            }
        };
        let rest = &authority[host.len()..];
        let port = match rest {
            [] | [b':'] => None,
            [b':', digits @ ..] => Some(port(digits)?),
            _ => return None,
        };
        is_host.then_some(Self { host, port })
    }
}

fn port(digits: &[u8]) -> Option<u16> {
    let port = digits.iter().try_fold(0_u16, |port, digit| match digit {
        b'0'..=b'9' => port.checked_mul(10)?.checked_add((digit - b'0').into()),
        _ => None,
    });
    port.filter(|port| *port > 0)
}

fn is_address(literal: &[u8]) -> bool {
    std::str::from_utf8(literal).is_ok_and(|text| Ipv6Addr::from_str(text).is_ok())
}

/// How much of it is a `reg-name` (RFC 3986 section 3.2.2), which an IPv4 address is too; but without the comma, at
/// which some peers take one value apart into two.
fn name_length(authority: &[u8]) -> usize {
    let mut length = 0;
    loop {
        let mut rest = authority[length..].iter();
        match rest.position(|byte| !is_name_byte(*byte)) {
            Some(count) => length += count,
            None => return authority.len(),
        }
        match authority[length..] {
            [b'%', a, b, ..] if a.is_ascii_hexdigit() && b.is_ascii_hexdigit() => length += 3,
            _ => return length,
        }
    }
}

fn is_name_byte(byte: u8) -> bool {
    const NAME: [bool; 256] = super::table(b"-._~!$&'()*+;=");
    NAME[usize::from(byte)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_with_and_without_ports() {
        for (authority, host, port) in [
            ("h", "h", None),
            ("Example.com:80", "Example.com", Some(80)),
            ("a_b-c.d~", "a_b-c.d~", None),
            ("h:", "h", None),
            ("h:00080", "h", Some(80)),
            ("h:65535", "h", Some(65_535)),
            ("127.0.0.1:1", "127.0.0.1", Some(1)),
            ("[::1]", "[::1]", None),
            ("[::1]:", "[::1]", None),
            ("[2001:DB8::7]:443", "[2001:DB8::7]", Some(443)),
            ("%41b", "%41b", None),
            ("", "", None),
            (":80", "", Some(80)),
        ] {
            let expected = HostPort {
                host: host.as_bytes(),
                port,
            };
            let found = HostPort::parse(authority.as_bytes());
            assert_eq!(found, Some(expected), "{authority:?}");
        }
    }

    #[test]
    fn what_is_no_host() {
        for authority in [
            "a b",
            "a,b",
            "a/b",
            "u@a",
            "u:p@a",
            "a\\b",
            "a?b",
            "a#b",
            "a\tb",
            "a\"b",
            "a<b",
            "\u{e9}",
            "%",
            "%4",
            "%4g",
            "h:65536",
            "h:0",
            "h:00",
            "h:+1",
            "h:-1",
            "h:x",
            "h:1x",
            "h: 1",
            "h:1:2",
            "::1",
            "[::1",
            "[]",
            "[::1]x",
            "[::g]:1",
            "[::1%25eth0]",
            "[127.0.0.1]",
            "a[::1]",
            "h]",
        ] {
            let found = HostPort::parse(authority.as_bytes());
            assert_eq!(found, None, "{authority:?}");
        }
    }
}
