//! Which status answers what is no request that can be served (RFC 9110 section 15.5, RFC 6585).

use http::StatusCode;

use crate::error::{Error, ErrorKind};

/// What is left to say to a client whose request could not be read; `unread` is what it has sent of it.
/// None: nothing is to be said, because nothing was asked, or because nobody listens.
pub(crate) fn status(error: &Error, unread: &[u8]) -> Option<StatusCode> {
    match error.kind() {
        ErrorKind::Protocol if has_other_version(unread) => {
            Some(StatusCode::HTTP_VERSION_NOT_SUPPORTED)
        }
        ErrorKind::Protocol => Some(StatusCode::BAD_REQUEST),
        ErrorKind::NotSupported => Some(StatusCode::NOT_IMPLEMENTED),
        ErrorKind::TooLarge if first_line(unread).is_none() => Some(StatusCode::URI_TOO_LONG),
        ErrorKind::TooLarge => Some(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE),
        ErrorKind::TimedOut if !is_blank(unread) => Some(StatusCode::REQUEST_TIMEOUT),
        _ => None,
    }
}

/// Whether the request line names a version of HTTP that is not spoken here. Only what makes it another one is
/// looked at, because the rest of the line may not have come yet.
fn has_other_version(unread: &[u8]) -> bool {
    let start = unread.iter().position(|byte| !b"\r\n".contains(byte));
    let line = start.map_or(&[][..], |start| &unread[start..]);
    let line = line.split(|&byte| byte == b'\n').next().unwrap_or(line);
    let version = line.splitn(3, |&byte| byte == b' ').nth(2);
    let Some(number) = version.and_then(|version| version.strip_prefix(b"HTTP/")) else {
        return false;
    };
    let same = number.iter().zip(b"1.0").take_while(|(a, b)| a == b);
    match (same.count(), number) {
        (2, [_, _, b'1', other @ ..]) | (3, [_, _, _, other @ ..]) => starts_with_digit(other),
        (same, _) => starts_with_digit(&number[same..]),
    }
}

fn starts_with_digit(bytes: &[u8]) -> bool {
    bytes.first().is_some_and(u8::is_ascii_digit)
}

/// The first line that is not blank, if its end has come.
fn first_line(unread: &[u8]) -> Option<&[u8]> {
    let start = unread.iter().position(|byte| !b"\r\n".contains(byte))?;
    let rest = &unread[start..];
    let end = rest.iter().position(|&byte| byte == b'\n')?;
    let line = &rest[..end];
    Some(line.strip_suffix(b"\r").unwrap_or(line))
}

/// Whether no request has begun: blank lines before one are nothing (RFC 9112 section 2.2).
pub(super) fn is_blank(unread: &[u8]) -> bool {
    unread.iter().all(|byte| b"\r\n".contains(byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(kind: ErrorKind, unread: &str) -> Option<u16> {
        status(&Error::new(kind), unread.as_bytes()).map(|status| status.as_u16())
    }

    #[test]
    fn each_failure_has_its_status() {
        let malformed = |unread| check(ErrorKind::Protocol, unread);
        assert_eq!(malformed("GET / HTTP/2.0\r\n\r\n"), Some(505));
        assert_eq!(malformed("PRI * HTTP/2.0\r\n\r\nSM"), Some(505));
        assert_eq!(malformed("GET / HTTP/0.9\r\n\r\n"), Some(505));
        assert_eq!(malformed("GET / HTTP/1.2\r\n\r\n"), Some(505));
        assert_eq!(malformed("GET / HTTP/1.10\r\n\r\n"), Some(505));
        // The rest has not come.
        assert_eq!(malformed("\r\nGET / HTTP/2"), Some(505));
        assert_eq!(malformed("GET / HTTP/1.1x\r\n\r\n"), Some(400));
        assert_eq!(malformed("GET / HTTP/1.1\r\nno"), Some(400));
        assert_eq!(malformed("GET /\r\n\r\n"), Some(400));
        assert_eq!(malformed("GET / HTTP/1.1\r\nno colon\r\n\r\n"), Some(400));
        assert_eq!(malformed("GET / HTTP/x\r\n\r\n"), Some(400));
        assert_eq!(malformed("\u{16}\u{3}\u{1}"), Some(400));
        let large = |unread| check(ErrorKind::TooLarge, unread);
        assert_eq!(large("GET /aaaaaaaaaaaa"), Some(414));
        assert_eq!(large("\r\nGET / HTTP/1.1\r\na: b"), Some(431));
        assert_eq!(check(ErrorKind::NotSupported, "POST"), Some(501));
        assert_eq!(check(ErrorKind::TimedOut, "GET"), Some(408));
        assert_eq!(check(ErrorKind::TimedOut, "\r\n"), None);
        assert_eq!(check(ErrorKind::TimedOut, ""), None);
        assert_eq!(check(ErrorKind::Reset, "GET"), None);
        assert_eq!(check(ErrorKind::Closed, ""), None);
    }
}
