//! Where a `Location` leads: to a URI of HTTP (RFC 3986), or nowhere.

use http::header::LOCATION;
use http::uri::Scheme;
use http::{HeaderMap, Uri};
use iri_string::types::{UriAbsoluteStr, UriReferenceStr};

use super::origin::is_default;
use crate::error::{Error, ErrorKind};
use crate::proto::percent;

/// An empty `Location` leads nowhere: to follow it would be to ask the same again.
pub(super) fn location(headers: &HeaderMap) -> Result<Option<&[u8]>, Error> {
    let lines = headers.get_all(LOCATION).into_iter();
    let mut lines = lines
        .map(|line| line.as_bytes().trim_ascii())
        .filter(|line| !line.is_empty());
    let first = lines.next();
    // One of them may be injected.
    if lines.any(|line| Some(line) != first) {
        return Err(refused("there are two values of Location"));
    }
    Ok(first)
}

/// RFC 3986 section 5, strictly: what names the scheme is not relative.
pub(super) fn resolve(base: &Uri, location: &[u8]) -> Result<Uri, Error> {
    let unusable = || {
        Error::new(ErrorKind::InvalidInput).with_detail("the URI of the request is not absolute")
    };
    let base = base.scheme().and(escape(base.to_string().as_bytes()).ok());
    let base = base.ok_or_else(unusable)?;
    let base = UriAbsoluteStr::new(&base).map_err(|_| unusable())?;
    let reference = escape(location)?;
    let reference = UriReferenceStr::new(&reference).map_err(|_| malformed())?;
    let target = reference.resolve_against(base).to_string();
    let target = UriAbsoluteStr::new(&target).map_err(|_| malformed())?;
    let scheme = scheme(target)?;
    let authority = authority(target, &scheme)?;
    let uri = Uri::builder().scheme(scheme).authority(authority);
    let uri = uri.path_and_query(path_and_query(target)).build();
    uri.map_err(|e| malformed().with_source(e))
}

fn scheme(target: &UriAbsoluteStr) -> Result<Scheme, Error> {
    match target.scheme_str() {
        http if http.eq_ignore_ascii_case("http") => Ok(Scheme::HTTP),
        https if https.eq_ignore_ascii_case("https") => Ok(Scheme::HTTPS),
        _ => Err(refused("Location is neither http nor https")),
    }
}

/// Host and port, the port if it is not the default one. Userinfo is left out: a server must not
/// choose who the client says it is.
fn authority(target: &UriAbsoluteStr, scheme: &Scheme) -> Result<String, Error> {
    let no_host = || refused("Location has no host");
    let parts = target.authority_components().ok_or_else(no_host)?;
    let host = match parts.host() {
        "" => return Err(no_host()),
        host if host.contains('%') => return Err(refused("the host in Location is not a name")),
        host => host,
    };
    let port = match parts.port() {
        None | Some("") => return Ok(host.to_owned()),
        Some(port) => port.parse().map_err(|_| malformed())?,
    };
    Ok(match is_default(port, Some(scheme)) {
        true => host.to_owned(),
        false => format!("{host}:{port}"),
    })
}

fn path_and_query(target: &UriAbsoluteStr) -> String {
    let path = match target.path_str() {
        "" => "/",
        path => path,
    };
    match target.query_str() {
        Some(query) => format!("{path}?{query}"),
        None => path.to_owned(),
    }
}

/// The reference without its fragment, and with everything percent-encoded that must not stand in a
/// path or a query but does in practice: UTF-8, blanks, brackets, a percent sign that stands for itself.
///
/// The authority stays as it is. What is wrong there is never repaired: it decides whom to trust.
fn escape(reference: &[u8]) -> Result<String, Error> {
    let mut parts = reference.split(|byte| *byte == b'#');
    let reference = parts.next().unwrap_or_default();
    let (authority, rest) = reference.split_at(end_of_authority(reference));
    let authority = std::str::from_utf8(authority).ok().filter(|a| a.is_ascii());
    let authority = authority.ok_or_else(|| refused("the host in Location is not ASCII"))?;
    Ok(format!("{authority}{}", percent::encode_query(rest)))
}

/// Where path and query begin: after `scheme://authority` or `//authority`, or at once.
fn end_of_authority(reference: &[u8]) -> usize {
    let delimiter = |byte: &u8| matches!(byte, b':' | b'/' | b'?');
    let slashes = match reference.iter().position(delimiter) {
        Some(at) if reference[at] == b':' => at + 1,
        _ => 0,
    };
    if !reference[slashes..].starts_with(b"//") {
        return 0;
    }
    let authority = &reference[slashes + 2..];
    let end = authority
        .iter()
        .position(|byte| matches!(byte, b'/' | b'?'));
    slashes + 2 + end.unwrap_or(authority.len())
}

fn malformed() -> Error {
    refused("Location is not a URI")
}

/// The details never quote the value: it may hold a password.
fn refused(detail: &'static str) -> Error {
    Error::new(ErrorKind::Protocol).with_detail(detail)
}
