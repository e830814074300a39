//! Which body follows a head, and whether the connection outlives the message (RFC 9112 sections 6
//! and 9).
//!
//! Peers disagree about heads that declare a body twice or oddly, and a body that two peers see
//! differently is a request smuggled past one of them. What is odd is therefore refused, not guessed.

use http::header::{CONNECTION, CONTENT_LENGTH, HOST, HeaderName, TRANSFER_ENCODING};
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, Uri, Version};

use super::authority::HostPort;
use super::is_token;
use crate::error::{Error, ErrorKind};

/// What follows a head.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Framing {
    /// The next message. A length of 0 is this too.
    None,
    /// So many bytes.
    Length(u64),
    Chunked,
    /// Whatever comes before the end of the stream.
    UntilEnd,
    /// Another protocol, for good.
    Tunnel,
}

/// What of the request decides about its response's body.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Asked {
    Head,
    Connect,
    #[default]
    Other,
}

impl From<&Method> for Asked {
    fn from(method: &Method) -> Self {
        match *method {
            Method::HEAD => Self::Head,
            Method::CONNECT => Self::Connect,
            _ => Self::Other,
        }
    }
}

/// The body of a received request.
///
/// # Errors
///
/// `Protocol`, with a detail that says what is wrong with the head; `NotSupported`, with one that names
/// the coding, for a body that is in order but is coded before it is chunked.
pub(crate) fn of_request<B>(head: &Request<B>) -> Result<Framing, Error> {
    check_host(head)?;
    match declared(head.version(), head.headers())? {
        Declared::Nothing => Ok(Framing::None),
        Declared::Length(length) => Ok(of_length(length)),
        Declared::Chunked => match other_coding(head.headers()) {
            None => Ok(Framing::Chunked),
            Some(coding) => Err(not_supported(coding)),
        },
        // A request cannot end with the stream: the answer has to come back on it.
        Declared::Coded => Err(refused("the body of the request has no end")),
    }
}

/// The body of a received response.
///
/// # Errors
///
/// `Protocol`, with a detail that says what is wrong with the head.
pub(crate) fn of_response<B>(head: &Response<B>, asked: Asked) -> Result<Framing, Error> {
    match (head.status(), asked) {
        (StatusCode::SWITCHING_PROTOCOLS, _) => return Ok(Framing::Tunnel),
        (status, Asked::Connect) if status.is_success() => return Ok(Framing::Tunnel),
        // Here the headers speak of the body that another answer would have had.
        (StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED, _) | (_, Asked::Head) => {
            return Ok(Framing::None);
        }
        (status, _) if status.is_informational() => return Ok(Framing::None),
        _ => {}
    }
    match declared(head.version(), head.headers())? {
        Declared::Length(length) => Ok(of_length(length)),
        Declared::Chunked => Ok(Framing::Chunked),
        Declared::Nothing | Declared::Coded => Ok(Framing::UntilEnd),
    }
}

/// Whether a response without a body is clear about that, to anybody who reads it. If it is not, what
/// follows it could be taken for the next response, or for its body (RFC 9112 section 6.3): it can be
/// read, and nothing after it.
pub(crate) fn is_sound<B>(head: &Response<B>, asked: Asked) -> bool {
    let headers = head.headers();
    match (head.status(), asked) {
        (StatusCode::SWITCHING_PROTOCOLS, _) => true,
        (status, Asked::Connect) if status.is_success() => true,
        (status, _) if status.is_informational() || status == StatusCode::NO_CONTENT => {
            !(headers.contains_key(CONTENT_LENGTH) || headers.contains_key(TRANSFER_ENCODING))
        }
        // These may say what another answer would have had.
        (StatusCode::NOT_MODIFIED, _) | (_, Asked::Head) => matches!(
            declared(head.version(), headers),
            Ok(Declared::Nothing | Declared::Length(_) | Declared::Chunked)
        ),
        // Where it would have a body, it is refused if it is not.
        _ => true,
    }
}

/// Whether a final response is still to come after one of this status. 101 is final for HTTP.
pub(crate) fn is_interim(status: StatusCode) -> bool {
    status.is_informational() && status != StatusCode::SWITCHING_PROTOCOLS
}

/// Whether the connection may be used after a message with this head (RFC 9112 section 9.3).
pub(crate) fn persists(version: Version, headers: &HeaderMap) -> bool {
    let says = |word: &[u8]| elements(headers, CONNECTION).any(|e| e.eq_ignore_ascii_case(word));
    match version {
        Version::HTTP_11 => !says(b"close"),
        Version::HTTP_10 => says(b"keep-alive") && !says(b"close"),
        _ => false,
    }
}

/// RFC 9112 section 3.2: two servers that take different lines of two would serve different sites.
fn check_host<B>(head: &Request<B>) -> Result<(), Error> {
    let mut hosts = head.headers().get_all(HOST).iter();
    let host = match (hosts.next(), hosts.next()) {
        (None, _) if head.version() == Version::HTTP_11 => {
            return Err(refused("there is no Host"));
        }
        (None, _) => return Ok(()),
        (Some(_), Some(_)) => return Err(refused("there are two values of Host")),
        (Some(host), None) => host.as_bytes(),
    };
    match HostPort::parse(host) {
        // A path is on some host (RFC 9110 section 4.2.1); the other targets name theirs, or are all
        // of the server.
        _ if host.is_empty() && !is_path(head.uri()) => Ok(()),
        Some(parsed) if !parsed.host.is_empty() => Ok(()),
        Some(_) => Err(refused("Host is empty")),
        None => Err(refused("Host is not a host with or without a port")),
    }
}

fn is_path(target: &Uri) -> bool {
    target.authority().is_none() && target.path() != "*"
}

/// A target with an authority says where the request goes, and not Host (RFC 9112 section 3.2.2): this
/// makes them say the same. The authority of a CONNECT is where the tunnel goes, and stays apart.
pub(crate) fn take_host_from_target<B>(head: &mut Request<B>) {
    let (Some(_), Some(authority)) = (head.uri().scheme(), head.uri().authority()) else {
        return;
    };
    if let Ok(host) = HeaderValue::from_str(authority.as_str()) {
        head.headers_mut().insert(HOST, host);
    }
}

/// What the headers say about the body, before it is known whose they are.
pub(super) enum Declared {
    Nothing,
    Length(u64),
    Chunked,
    /// With a transfer coding that does not mark its own end.
    Coded,
}

/// RFC 9112 section 6.3, the rules 3 to 6.
pub(super) fn declared(version: Version, headers: &HeaderMap) -> Result<Declared, Error> {
    let coded = headers.contains_key(TRANSFER_ENCODING);
    let length = length(headers)?;
    match (coded, length) {
        (true, Some(_)) => Err(refused(
            "Content-Length and Transfer-Encoding exclude each other",
        )),
        // A peer of this version may have passed the header on without understanding it.
        (true, None) if version == Version::HTTP_10 => {
            Err(refused("HTTP/1.0 has no Transfer-Encoding"))
        }
        (true, None) => coding(headers),
        (false, Some(length)) => Ok(Declared::Length(length)),
        (false, None) => Ok(Declared::Nothing),
    }
}

fn of_length(length: u64) -> Framing {
    match length {
        0 => Framing::None,
        length => Framing::Length(length),
    }
}

/// Content-Length. Several lines may repeat one number (RFC 9110 section 8.6).
fn length(headers: &HeaderMap) -> Result<Option<u64>, Error> {
    let mut first = None;
    for value in headers.get_all(CONTENT_LENGTH) {
        let length = digits(value).ok_or_else(|| refused("Content-Length is not a length"))?;
        if *first.get_or_insert(length) != length {
            return Err(refused("there are two values of Content-Length"));
        }
    }
    Ok(first)
}

/// One number in decimal digits alone: `str::parse` would take a sign.
fn digits(value: &HeaderValue) -> Option<u64> {
    let bytes = value.as_bytes();
    if bytes.is_empty() {
        return None;
    }
    bytes.iter().try_fold(0_u64, |number, byte| match byte {
        b'0'..=b'9' => number.checked_mul(10)?.checked_add((byte - b'0').into()),
        _ => None,
    })
}

/// Transfer-Encoding. No registered coding has parameters, so they are refused with all of them:
/// who skips them and who does not would see different codings.
fn coding(headers: &HeaderMap) -> Result<Declared, Error> {
    let mut declared = Declared::Coded;
    for element in elements(headers, TRANSFER_ENCODING) {
        if matches!(declared, Declared::Chunked) {
            return Err(refused("chunked is not the last transfer coding"));
        }
        if !is_token(element) {
            return Err(refused("Transfer-Encoding is not a list of codings"));
        }
        if element.eq_ignore_ascii_case(b"chunked") {
            declared = Declared::Chunked;
        }
    }
    Ok(declared)
}

/// A coding besides chunked.
fn other_coding(headers: &HeaderMap) -> Option<&[u8]> {
    elements(headers, TRANSFER_ENCODING).find(|coding| !coding.eq_ignore_ascii_case(b"chunked"))
}

/// The list that all lines of this name make together (RFC 9110 section 5.6.1).
fn elements(headers: &HeaderMap, name: HeaderName) -> impl Iterator<Item = &[u8]> {
    let lines = headers.get_all(name).into_iter();
    lines.flat_map(|line| line.as_bytes().split(|&b| b == b',').map(trim))
}

fn trim(mut element: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] | [rest @ .., b' ' | b'\t'] = element {
        element = rest;
    }
    element
}

fn not_supported(coding: &[u8]) -> Error {
    let coding = String::from_utf8_lossy(coding);
    Error::new(ErrorKind::NotSupported).with_detail(format!("the transfer coding {coding}"))
}

fn refused(detail: &'static str) -> Error {
    Error::new(ErrorKind::Protocol).with_detail(detail)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Header lines as `Name:value`, separated by `|`, some names abbreviated. Values keep their blanks.
    fn headers(lines: &str) -> HeaderMap {
        let lines = lines.split('|').filter(|line| !line.is_empty());
        lines
            .map(|line| line.split_once(':').unwrap())
            .map(|(name, value)| (name_of(name), value.as_bytes()))
            .map(|(name, value)| (name, HeaderValue::from_bytes(value).unwrap()))
            .collect()
    }

    fn name_of(name: &str) -> HeaderName {
        match name {
            "CL" => CONTENT_LENGTH,
            "H" => HOST,
            "TE" => TRANSFER_ENCODING,
            name => name.parse().unwrap(),
        }
    }

    fn request(version: Version, lines: &str) -> Result<Framing, ErrorKind> {
        let mut head = Request::new(());
        *head.version_mut() = version;
        *head.headers_mut() = headers(lines);
        of_request(&head).map_err(|e| e.kind())
    }

    fn response(
        version: Version,
        status: u16,
        asked: Asked,
        lines: &str,
    ) -> Result<Framing, ErrorKind> {
        let mut head = Response::new(());
        *head.version_mut() = version;
        *head.status_mut() = status.try_into().unwrap();
        *head.headers_mut() = headers(lines);
        of_response(&head, asked).map_err(|e| e.kind())
    }

    const REFUSED: Result<Framing, ErrorKind> = Err(ErrorKind::Protocol);

    const NOT_SUPPORTED: Result<Framing, ErrorKind> = Err(ErrorKind::NotSupported);

    /// Header lines; what they mean in a request, and in a response. Both of version 1.1.
    #[test]
    fn declarations() {
        use Framing::{Chunked, Length, None, UntilEnd};
        for (row, lines, in_request, in_response) in [
            // No declaration: rule 7 of section 6.3; F1.
            ("F1", "", Ok(None), Ok(UntilEnd)),
            ("F1", "Connection:close", Ok(None), Ok(UntilEnd)),
            ("", "CL:5", Ok(Length(5)), Ok(Length(5))),
            ("", "CL:0", Ok(None), Ok(None)),
            ("", "CL:005", Ok(Length(5)), Ok(Length(5))),
            ("1", "CL:5|CL:5", Ok(Length(5)), Ok(Length(5))),
            ("1", "CL:5|CL:05", Ok(Length(5)), Ok(Length(5))),
            ("1", "CL:5|CL:6", REFUSED, REFUSED),
            ("1", "CL:5|CL:x", REFUSED, REFUSED),
            ("1", "CL:0|CL:5", REFUSED, REFUSED),
            ("2", "CL:+5", REFUSED, REFUSED),
            ("2", "CL:-1", REFUSED, REFUSED),
            ("2", "CL:0x5", REFUSED, REFUSED),
            ("2", "CL:5x", REFUSED, REFUSED),
            ("2, D7", "CL:5, 5", REFUSED, REFUSED),
            ("2, D7", "CL:5, 6", REFUSED, REFUSED),
            ("2", "CL:5 5", REFUSED, REFUSED),
            ("2", "CL:", REFUSED, REFUSED),
            ("2", "CL:\u{661}", REFUSED, REFUSED),
            ("F9", "CL:10abc", REFUSED, REFUSED),
            (
                "3",
                "CL:18446744073709551615",
                Ok(Length(u64::MAX)),
                Ok(Length(u64::MAX)),
            ),
            ("3", "CL:18446744073709551616", REFUSED, REFUSED),
            ("3", "CL:18446744073709551621", REFUSED, REFUSED),
            (
                "3, F13",
                "CL:99999999999999999",
                Ok(Length(99_999_999_999_999_999)),
                Ok(Length(99_999_999_999_999_999)),
            ),
            ("4, D6", "CL:5|TE:chunked", REFUSED, REFUSED),
            ("4, D6", "TE:chunked|CL:5", REFUSED, REFUSED),
            ("4", "TE:gzip|CL:0", REFUSED, REFUSED),
            ("D5", "TE:chunked", Ok(Chunked), Ok(Chunked)),
            ("F2", "TE:Chunked", Ok(Chunked), Ok(Chunked)),
            ("5", "TE:gzip, chunked", NOT_SUPPORTED, Ok(Chunked)),
            ("5", "TE:gzip\t ,\tCHUNKED ", NOT_SUPPORTED, Ok(Chunked)),
            ("5", "TE:gzip|TE:chunked", NOT_SUPPORTED, Ok(Chunked)),
            ("5", "TE:identity, chunked", NOT_SUPPORTED, Ok(Chunked)),
            ("5", "TE:gzip, chunked|CL:5", REFUSED, REFUSED),
            ("5", "TE:chunked|TE:gzip", REFUSED, REFUSED),
            ("5", "TE:chunked|TE:chunked", REFUSED, REFUSED),
            ("5", "TE:chunked, chunked", REFUSED, REFUSED),
            ("5", "TE:chunked, gzip", REFUSED, REFUSED),
            ("5", "TE:chunked, gzip, chunked", REFUSED, REFUSED),
            ("5", "TE:gzip", REFUSED, Ok(UntilEnd)),
            ("5", "TE:identity", REFUSED, Ok(UntilEnd)),
            ("5", "TE:xchunked", REFUSED, Ok(UntilEnd)),
            ("5", "TE:chunkedx", REFUSED, Ok(UntilEnd)),
            ("5", "TE:chunked;x=y", REFUSED, REFUSED),
            ("5", "TE:chunked ;x", REFUSED, REFUSED),
            ("5", "TE:gzip;q=1, chunked", REFUSED, REFUSED),
            ("5", "TE:gzip chunked", REFUSED, REFUSED),
            ("5", "TE:\"chunked\"", REFUSED, REFUSED),
            ("5", "TE:", REFUSED, REFUSED),
            ("5", "TE: , ", REFUSED, REFUSED),
            ("5", "TE:chunked,", REFUSED, REFUSED),
            ("5", "TE:,chunked", REFUSED, REFUSED),
            ("5", "TE:|TE:chunked", REFUSED, REFUSED),
            ("5, F14", "TE:chunk\u{e9}d", REFUSED, REFUSED),
        ] {
            let with_host = format!("H:h|{lines}");
            assert_eq!(
                request(Version::HTTP_11, &with_host),
                in_request,
                "row {row}: {lines:?}"
            );
            assert_eq!(
                response(Version::HTTP_11, 200, Asked::Other, lines),
                in_response,
                "row {row}: {lines:?}"
            );
        }
    }

    #[test]
    fn version_1_0_has_no_transfer_encoding() {
        // Row 7.
        for lines in ["TE:chunked", "TE:gzip"] {
            assert_eq!(request(Version::HTTP_10, lines), REFUSED);
            let in_response = response(Version::HTTP_10, 200, Asked::Other, lines);
            assert_eq!(in_response, REFUSED);
        }
        let lines = "CL:5";
        assert_eq!(request(Version::HTTP_10, lines), Ok(Framing::Length(5)));
        let in_response = response(Version::HTTP_10, 200, Asked::Other, lines);
        assert_eq!(in_response, Ok(Framing::Length(5)));
    }

    /// Rows 11 and 43 to 45, F6 to F8: which responses have no body whatever they declare.
    #[test]
    fn status_and_method_come_before_the_headers() {
        use Framing::{Length, None, Tunnel};
        let odd = "CL:5|CL:x|TE:chunked, gzip";
        for (status, asked, lines, framing) in [
            (200, Asked::Head, "TE:chunked", None),
            (200, Asked::Head, odd, None),
            (404, Asked::Head, "CL:5", None),
            (100, Asked::Other, "CL:5", None),
            (102, Asked::Other, odd, None),
            (103, Asked::Other, "", None),
            (100, Asked::Connect, "", None),
            (204, Asked::Other, "TE:chunked", None),
            (204, Asked::Other, odd, None),
            (304, Asked::Other, "CL:5", None),
            (304, Asked::Connect, odd, None),
            (101, Asked::Other, odd, Tunnel),
            (101, Asked::Head, "", Tunnel),
            (200, Asked::Connect, odd, Tunnel),
            (204, Asked::Connect, "", Tunnel),
            (299, Asked::Connect, "CL:5", Tunnel),
            (300, Asked::Connect, "CL:5", Length(5)),
            (407, Asked::Connect, "CL:5", Length(5)),
            (205, Asked::Other, "CL:5", Length(5)),
        ] {
            let found = response(Version::HTTP_11, status, asked, lines);
            assert_eq!(found, Ok(framing), "{status} {asked:?} {lines:?}");
        }
    }

    #[test]
    fn a_request_has_one_host() {
        // Row 28.
        for (version, lines, framing) in [
            (Version::HTTP_11, "", REFUSED),
            (Version::HTTP_11, "H:a|H:a", REFUSED),
            (Version::HTTP_11, "H:a|H:b", REFUSED),
            (Version::HTTP_11, "H:", REFUSED),
            (Version::HTTP_10, "H:", REFUSED),
            (Version::HTTP_11, "H:h:80", Ok(Framing::None)),
            (Version::HTTP_11, "H::80", REFUSED),
            (Version::HTTP_11, "H:a b", REFUSED),
            (Version::HTTP_11, "H:a,b", REFUSED),
            (Version::HTTP_11, "H:u@a", REFUSED),
            (Version::HTTP_10, "H:a:65536", REFUSED),
            (Version::HTTP_10, "", Ok(Framing::None)),
            (Version::HTTP_10, "H:a", Ok(Framing::None)),
            (Version::HTTP_10, "H:a|H:b", REFUSED),
        ] {
            assert_eq!(request(version, lines), framing, "{version:?} {lines:?}");
        }
    }

    /// An empty Host is one where the target does not need it; what is none is refused with any.
    #[test]
    fn the_host_goes_with_the_target() {
        for (target, host, delivered) in [
            ("/", "h", Some("h")),
            ("/", "", None),
            ("*", "", Some("")),
            ("h:1", "", Some("")),
            ("h:1", "other", Some("other")),
            ("http://h", "", Some("h")),
            ("http://H:80/x", "other:7", Some("H:80")),
            ("https://[::1]:8443/?q", "h", Some("[::1]:8443")),
            ("http://h/", "a b", None),
            ("h:1", "u@h", None),
            ("*", ":80", None),
        ] {
            let mut head = Request::new(());
            *head.uri_mut() = target.parse().unwrap();
            head.headers_mut().insert(HOST, host.parse().unwrap());
            let taken = of_request(&head).is_ok();
            take_host_from_target(&mut head);
            let found = taken.then(|| head.headers()[HOST].to_str().unwrap());
            assert_eq!(found, delivered, "{target:?} {host:?}");
        }
        // A head of version 1.0 may have none.
        let mut head = Request::new(());
        *head.uri_mut() = "http://h:1/".parse().unwrap();
        take_host_from_target(&mut head);
        assert_eq!(head.headers()[HOST], "h:1");
    }

    /// Where there is no body whatever the headers say: whether they say it clearly.
    #[test]
    fn responses_without_a_body_that_are_odd() {
        for (status, asked, lines, is_sound_one) in [
            (204, Asked::Other, "", true),
            (204, Asked::Other, "CL:5", false),
            (204, Asked::Other, "CL:0", false),
            (204, Asked::Other, "TE:chunked", false),
            (204, Asked::Head, "CL:5", false),
            (204, Asked::Connect, "CL:5", true),
            (100, Asked::Other, "", true),
            (103, Asked::Other, "Link:x", true),
            (100, Asked::Other, "CL:0", false),
            (103, Asked::Head, "TE:chunked", false),
            (101, Asked::Other, "CL:5", true),
            (304, Asked::Other, "CL:5", true),
            (304, Asked::Other, "CL:5|CL:5", true),
            (304, Asked::Other, "TE:chunked", true),
            (304, Asked::Other, "TE:gzip, chunked", true),
            (304, Asked::Other, "CL:5|CL:6", false),
            (304, Asked::Other, "CL:5|TE:chunked", false),
            (304, Asked::Other, "CL:x", false),
            (304, Asked::Other, "TE:chunked, gzip", false),
            (304, Asked::Other, "TE:gzip", false),
            (200, Asked::Head, "", true),
            (200, Asked::Head, "CL:5", true),
            (200, Asked::Head, "TE:chunked", true),
            (404, Asked::Head, "CL:5, 6", false),
            (200, Asked::Head, "CL:5|TE:chunked", false),
            (200, Asked::Other, "CL:5", true),
        ] {
            let mut head = Response::new(());
            *head.status_mut() = status.try_into().unwrap();
            *head.headers_mut() = headers(lines);
            let found = is_sound(&head, asked);
            assert_eq!(found, is_sound_one, "{status} {asked:?} {lines:?}");
        }
        let mut head = Response::new(());
        *head.version_mut() = Version::HTTP_10;
        *head.headers_mut() = headers("TE:chunked");
        assert!(!is_sound(&head, Asked::Head));
    }

    #[test]
    fn an_error_says_what_is_wrong() {
        let mut head = Request::new(());
        *head.headers_mut() = headers("H:h|CL:+5");
        assert_eq!(
            of_request(&head).unwrap_err().to_string(),
            "the peer does not speak HTTP/1: Content-Length is not a length"
        );
        *head.headers_mut() = headers("H:h|TE:x-gzip, chunked");
        let error = of_request(&head).unwrap_err();
        assert_eq!(error.detail(), Some("the transfer coding x-gzip"));
    }

    #[test]
    fn connections_that_persist() {
        let cases = [
            ("", true, false),
            ("Connection:close", false, false),
            ("Connection:CLOSE", false, false),
            ("Connection:keep-alive", true, true),
            ("Connection:Keep-Alive", true, true),
            ("Connection:upgrade, close", false, false),
            ("Connection:upgrade\t,\tkeep-alive", true, true),
            ("Connection:x|Connection:close", false, false),
            ("Connection:keep-alive|Connection:close", false, false),
            // Tokens, not substrings.
            ("Connection:closed, not-close, close;x", true, false),
            ("Connection:keep-alives, \"keep-alive\"", true, false),
            ("Keep-Alive:timeout=5", true, false),
            ("Connection:", true, false),
        ];
        for (lines, in_1_1, in_1_0) in cases {
            let headers = headers(lines);
            assert_eq!(persists(Version::HTTP_11, &headers), in_1_1, "{lines:?}");
            assert_eq!(persists(Version::HTTP_10, &headers), in_1_0, "{lines:?}");
        }
    }

    #[test]
    fn only_two_methods_change_the_body_of_the_response() {
        assert_eq!(Asked::from(&Method::HEAD), Asked::Head);
        assert_eq!(Asked::from(&Method::CONNECT), Asked::Connect);
        assert_eq!(Asked::from(&Method::GET), Asked::Other);
    }
}
