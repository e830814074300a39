//! Which heads are refused, and what the others mean for the body, the host and the connection.

use http::header::{CONTENT_LENGTH, HOST, HeaderName, TRANSFER_ENCODING};
use http::{HeaderMap, HeaderValue, Request, Response, Version};

use super::*;
use crate::error::ErrorKind;
use crate::proto::mentioned::Mentioned;

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
    of_request(&head, Mentioned::among(head.headers())).map_err(|e| e.kind())
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
        let taken = of_request(&head, Mentioned::among(head.headers())).is_ok();
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
        of_request(&head, Mentioned::among(head.headers()))
            .unwrap_err()
            .to_string(),
        "Content-Length is not a length: `+5`"
    );
    *head.headers_mut() = headers("H:h|TE:x-gzip, chunked");
    assert_eq!(
        of_request(&head, Mentioned::among(head.headers()))
            .unwrap_err()
            .to_string(),
        "a transfer coding besides chunked is not supported: `x-gzip`"
    );
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
