//! The PROXY protocol, versions 1 and 2: what a proxy says of a connection before the client's first byte
//! (haproxy.org/download/3.0/doc/proxy-protocol.txt).
//!
//! A header is taken to its last byte and no further, because what follows belongs to TLS or HTTP. So whoever
//! reads looks at what has arrived, asks how much of it belongs to the header, and takes that.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::str::FromStr;

/// Most bytes of a header. Version 1 has 107 at most; of version 2 this leaves room for what clouds add.
pub(crate) const MOST: usize = 4096;

const SIGNATURE: &[u8] = b"\r\n\r\n\0\r\nQUIT\n";
/// The signature, what it is, how it is carried, and the length of the rest.
const FIXED: usize = 16;
const LONGEST_LINE: usize = 107;

/// What a header says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    /// Whom the proxy speaks for.
    Client(SocketAddr),
    /// The proxy itself, which looks whether we are there, or whom it speaks for it cannot say.
    Proxy,
}

/// How far a header is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Progress {
    /// So many of the bytes that are there belong to it, and more of it is to come.
    Part(usize),
    /// It has so many bytes.
    Whole(usize, Source),
}

/// It is no header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Malformed;

/// Reads as much of a header as `bytes` begin with. They are not empty.
pub(crate) fn parse(bytes: &[u8]) -> Result<Progress, Malformed> {
    match bytes.first() {
        Some(b'P') => parse_line(bytes),
        Some(b'\r') => parse_binary(bytes),
        _ => Err(Malformed),
    }
}

/// Version 1: a line of text.
fn parse_line(bytes: &[u8]) -> Result<Progress, Malformed> {
    const GREETING: &[u8] = b"PROXY ";
    let begun = bytes.len().min(GREETING.len());
    if bytes[..begun] != GREETING[..begun] {
        return Err(Malformed);
    }
    let line = &bytes[..bytes.len().min(LONGEST_LINE)];
    let Some(end) = line.iter().position(|&byte| byte == b'\n') else {
        return match line.len() {
            LONGEST_LINE => Err(Malformed),
            count => Ok(Progress::Part(count)),
        };
    };
    let line = line[..end].strip_suffix(b"\r").ok_or(Malformed)?;
    let line = std::str::from_utf8(line).map_err(|_| Malformed)?;
    let source = said_by(line).ok_or(Malformed)?;
    Ok(Progress::Whole(end + 1, source))
}

fn said_by(line: &str) -> Option<Source> {
    let mut words = line.split(' ').skip(1);
    match words.next()? {
        // Whatever follows is to be ignored.
        "UNKNOWN" => Some(Source::Proxy),
        "TCP4" => client::<Ipv4Addr>(words),
        "TCP6" => client::<Ipv6Addr>(words),
        _ => None,
    }
}

/// Two addresses, two ports, and nothing else.
fn client<'a, A>(mut words: impl Iterator<Item = &'a str>) -> Option<Source>
where
    A: FromStr + Into<IpAddr>,
{
    let source: A = words.next()?.parse().ok()?;
    let _: A = words.next()?.parse().ok()?;
    let from = port(words.next()?)?;
    port(words.next()?)?;
    match words.next() {
        None => Some(Source::Client(SocketAddr::new(source.into(), from))),
        Some(_) => None,
    }
}

/// Digits alone, without a sign and without a zero before them.
fn port(word: &str) -> Option<u16> {
    let is_plain = word.bytes().all(|byte| byte.is_ascii_digit());
    let is_padded = word.len() > 1 && word.starts_with('0');
    (is_plain && !is_padded).then(|| word.parse().ok())?
}

/// Version 2: fields of fixed lengths.
fn parse_binary(bytes: &[u8]) -> Result<Progress, Malformed> {
    let begun = bytes.len().min(SIGNATURE.len());
    if bytes[..begun] != SIGNATURE[..begun] {
        return Err(Malformed);
    }
    if bytes
        .get(12)
        .is_some_and(|version| !matches!(version, 0x20 | 0x21))
    {
        return Err(Malformed);
    }
    let Some(&[high, low]) = bytes.get(14..FIXED) else {
        return Ok(Progress::Part(bytes.len()));
    };
    let length = FIXED + usize::from(u16::from_be_bytes([high, low]));
    if length > MOST {
        return Err(Malformed);
    }
    let Some(rest) = bytes.get(FIXED..length) else {
        return Ok(Progress::Part(bytes.len()));
    };
    let source = match (bytes[12], bytes[13]) {
        // The proxy's own connection: whatever else it says is to be ignored.
        (0x20, _) => Source::Proxy,
        (_, 0x11) => Source::Client(four(rest).ok_or(Malformed)?),
        (_, 0x21) => Source::Client(six(rest).ok_or(Malformed)?),
        // A socket that has no address of IP, or no stream.
        (_, 0x00 | 0x31) => Source::Proxy,
        _ => return Err(Malformed),
    };
    Ok(Progress::Whole(length, source))
}

/// Source, destination, and the port of each.
fn four(rest: &[u8]) -> Option<SocketAddr> {
    let (address, rest) = rest.split_first_chunk::<4>()?;
    let port = rest.get(4..8)?.first_chunk::<2>()?;
    Some(SocketAddr::from((*address, u16::from_be_bytes(*port))))
}

fn six(rest: &[u8]) -> Option<SocketAddr> {
    let (address, rest) = rest.split_first_chunk::<16>()?;
    let port = rest.get(16..20)?.first_chunk::<2>()?;
    Some(SocketAddr::from((*address, u16::from_be_bytes(*port))))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Parses each beginning, as it would arrive byte by byte, and then the whole with something behind it.
    #[track_caller]
    fn whole(header: &[u8]) -> Result<Source, Malformed> {
        for end in 1..header.len() {
            match parse(&header[..end]) {
                Ok(progress) => assert_eq!(progress, Progress::Part(end)),
                Err(malformed) => return Err(malformed),
            }
        }
        match parse(&[header, b"GET / HTTP/1.1\r\n"].concat())? {
            Progress::Whole(length, source) => {
                assert_eq!(length, header.len());
                Ok(source)
            }
            Progress::Part(count) => panic!("{count} are a part"),
        }
    }

    fn from(address: &str) -> Result<Source, Malformed> {
        Ok(Source::Client(address.parse().expect("an address")))
    }

    fn binary(what: u8, how: u8, rest: &[u8]) -> Vec<u8> {
        let length = u16::try_from(rest.len()).expect("short");
        [SIGNATURE, &[what, how], &length.to_be_bytes(), rest].concat()
    }

    #[test]
    fn lines_of_version_1() {
        let tcp4 = b"PROXY TCP4 192.0.2.1 198.51.100.2 56324 443\r\n";
        assert_eq!(whole(tcp4), from("192.0.2.1:56324"));
        let tcp6 = b"PROXY TCP6 2001:db8::1 ::1 1 65535\r\n";
        assert_eq!(whole(tcp6), from("[2001:db8::1]:1"));
        assert_eq!(whole(b"PROXY UNKNOWN\r\n"), Ok(Source::Proxy));
        let ignored = b"PROXY UNKNOWN ffff:f...f:ffff 65535 65535\r\n";
        assert_eq!(whole(ignored), Ok(Source::Proxy));
    }

    #[test]
    fn lines_that_are_none() {
        let lines = [
            "PROXYxTCP4 192.0.2.1 198.51.100.2 1 2\r\n",
            "PROXY TCP4 192.0.2.1 198.51.100.2 1 2\n",
            "PROXY TCP4 192.0.2.1 198.51.100.2 +1 2\r\n",
            "PROXY TCP4 192.0.2.1 198.51.100.2 01 2\r\n",
            "PROXY TCP4 192.0.2.1 198.51.100.2 1 65536\r\n",
            "PROXY TCP4 192.0.2.1 198.51.100.2 1 2 3\r\n",
            "PROXY TCP4 192.0.2.1 198.51.100.2 1\r\n",
            "PROXY TCP4  192.0.2.1 198.51.100.2 1 2\r\n",
            "PROXY TCP4 ::1 ::1 1 2\r\n",
            "PROXY TCP6 192.0.2.1 198.51.100.2 1 2\r\n",
            "PROXY UNKNOWNS\r\n",
            "PROXY \r\n",
            "PROXY\r\n",
            "PUT / HTTP/1.1\r\n",
            "GET / HTTP/1.1\r\n",
            "proxy UNKNOWN\r\n",
        ];
        for line in lines {
            assert_eq!(whole(line.as_bytes()), Err(Malformed), "{line:?}");
        }
        let long = format!("PROXY UNKNOWN {}", "x".repeat(LONGEST_LINE));
        assert_eq!(whole(long.as_bytes()), Err(Malformed));
    }

    #[test]
    fn headers_of_version_2() {
        let four = [
            &[192, 0, 2, 1, 198, 51, 100, 2, 1, 0, 1, 187][..],
            b"\x04\0\x01x",
        ]
        .concat();
        assert_eq!(whole(&binary(0x21, 0x11, &four)), from("192.0.2.1:256"));
        let mut six = [0; 36];
        (six[15], six[31], six[33]) = (1, 2, 80);
        assert_eq!(whole(&binary(0x21, 0x21, &six)), from("[::1]:80"));
        assert_eq!(whole(&binary(0x20, 0x00, b"")), Ok(Source::Proxy));
        assert_eq!(whole(&binary(0x20, 0xff, b"any")), Ok(Source::Proxy));
        assert_eq!(whole(&binary(0x21, 0x31, &[0; 216])), Ok(Source::Proxy));
    }

    #[test]
    fn headers_that_are_none() {
        assert_eq!(whole(&binary(0x11, 0x11, &[0; 12])), Err(Malformed));
        assert_eq!(whole(&binary(0x22, 0x11, &[0; 12])), Err(Malformed));
        assert_eq!(whole(&binary(0x21, 0x11, &[0; 11])), Err(Malformed));
        assert_eq!(whole(&binary(0x21, 0x21, &[0; 35])), Err(Malformed));
        assert_eq!(whole(&binary(0x21, 0x12, &[0; 12])), Err(Malformed));
        assert_eq!(whole(&binary(0x21, 0x41, &[0; 12])), Err(Malformed));
        assert_eq!(whole(&binary(0x21, 0x11, &[0; MOST])), Err(Malformed));
        assert_eq!(whole(b"\r\n\r\nGET / HTTP/1.1\r\n"), Err(Malformed));
    }
}
