//! What the headers of a message declare, whosever message it is: its length, its codings, and the end
//! of the connection.

use http::header::{CONNECTION, CONTENT_LENGTH, HeaderName, TRANSFER_ENCODING};
use http::{HeaderMap, HeaderValue, Version};

use crate::error::{Error, ErrorKind};
use crate::proto::is_token;
use crate::proto::mentioned::Mentioned;

/// What the headers say about the body, before it is known whose they are.
pub(in crate::proto) enum Declared {
    Nothing,
    Length(u64),
    Chunked,
    /// With a transfer coding that does not mark its own end.
    Coded,
}

/// RFC 9112 section 6.3, the rules 3 to 6.
pub(in crate::proto) fn declared(version: Version, headers: &HeaderMap) -> Result<Declared, Error> {
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

/// Content-Length. Several lines may repeat one number (RFC 9110 section 8.6).
fn length(headers: &HeaderMap) -> Result<Option<u64>, Error> {
    let mut first = None;
    for value in headers.get_all(CONTENT_LENGTH) {
        let length = digits(value)
            .ok_or_else(|| refused_value("Content-Length is not a length", value.as_bytes()))?;
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

/// # Errors
///
/// `NotSupported`, with a detail that names the coding: the body is coded before it is chunked, or is not
/// chunked at all.
pub(in crate::proto) fn expect_chunked_alone(headers: &HeaderMap) -> Result<(), Error> {
    let mut codings = elements(headers, TRANSFER_ENCODING);
    match codings.find(|coding| !coding.eq_ignore_ascii_case(b"chunked")) {
        None => Ok(()),
        Some(coding) => Err(Error::new(ErrorKind::NotSupported)
            .with_detail_about("a transfer coding besides chunked is not supported", coding)),
    }
}

/// Whether the connection may be used after a message with this head (RFC 9112 section 9.3).
pub(crate) fn persists(version: Version, headers: &HeaderMap) -> bool {
    persists_as(version, headers, Mentioned::among(headers))
}

/// As `persists`, where it is known what is among the headers.
pub(crate) fn persists_as(version: Version, headers: &HeaderMap, mentioned: Mentioned) -> bool {
    if !mentioned.connection {
        return version == Version::HTTP_11;
    }
    let says = |word: &[u8]| elements(headers, CONNECTION).any(|e| e.eq_ignore_ascii_case(word));
    match version {
        Version::HTTP_11 => !says(b"close"),
        Version::HTTP_10 => says(b"keep-alive") && !says(b"close"),
        _ => false,
    }
}

/// Whether `Connection` says that `Upgrade` is for the next hop (RFC 9110 section 7.8).
pub(crate) fn names_upgrade(headers: &HeaderMap) -> bool {
    elements(headers, CONNECTION).any(|element| element.eq_ignore_ascii_case(b"upgrade"))
}

/// The list that all lines of this name make together (RFC 9110 section 5.6.1).
pub(in crate::proto) fn elements(
    headers: &HeaderMap,
    name: HeaderName,
) -> impl Iterator<Item = &[u8]> {
    let lines = headers.get_all(name).into_iter();
    lines.flat_map(|line| line.as_bytes().split(|&b| b == b',').map(trim))
}

fn trim(mut element: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] | [rest @ .., b' ' | b'\t'] = element {
        element = rest;
    }
    element
}

pub(super) fn refused_value(detail: &'static str, value: &[u8]) -> Error {
    Error::new(ErrorKind::Protocol).with_detail_about(detail, value)
}

pub(super) fn refused(detail: &'static str) -> Error {
    Error::new(ErrorKind::Protocol).with_detail(detail)
}
