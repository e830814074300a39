//! The head of a request, and the forms of its target (RFC 9112 section 3).

use http::{HeaderMap, Method, Request, Uri};

use super::lines::{HeaderLines, is_line_end, malformed, put_headers, version};
use super::search::Head;
use super::source::Source;
use crate::error::{Error, ErrorKind};
use crate::proto::authority::HostPort;
use crate::proto::limits::Limits;

impl Head for Request<()> {
    fn parse(&mut self, input: &[u8], limits: &Limits) -> Result<Option<usize>, Error> {
        let mut lines = HeaderLines::new();
        let (parsed, status) = lines.parse(input, limits, |room| {
            let mut parsed = httparse::Request::new(&mut []);
            let status = parsed.parse_with_uninit_headers(input, room)?;
            Ok((parsed, status))
        })?;
        let httparse::Status::Complete(size) = status else {
            return Ok(None);
        };
        check_line_ends(&input[..size])?;
        let target = parsed.path.unwrap_or_default();
        *self.method_mut() =
            Method::from_bytes(parsed.method.unwrap_or_default().as_bytes()).map_err(malformed)?;
        let source = Source::new(&input[..size], parsed.headers.len());
        *self.uri_mut() = parse_target(self.method(), target, &source)?;
        *self.version_mut() = version(parsed.version);
        put_headers(self.headers_mut(), parsed.headers, &source)?;
        Ok(Some(size))
    }

    fn headers(&self) -> &HeaderMap {
        self.headers()
    }
}

/// LF alone ends a line for some who read a request, and not for others, who would see other headers
/// (RFC 9112 section 2.2 lets us refuse it). Of responses it is taken: nobody but us reads them, and
/// simple servers send it.
fn check_line_ends(head: &[u8]) -> Result<(), Error> {
    let blank = head.iter().take_while(|b| is_line_end(b)).count();
    let head = &head[blank..];
    // Without a way out before the end, which lets the compiler compare many at a time.
    let next = head.get(1..).unwrap_or_default();
    let is_any_alone = head.iter().zip(next).fold(false, |is_any, (byte, next)| {
        is_any | ((*next == b'\n') & (*byte != b'\r'))
    });
    match is_any_alone {
        true => Err(refused("a line ends in LF alone")),
        false => Ok(()),
    }
}

/// RFC 9112 section 3.2: authority-form for CONNECT and for nothing else, `*` for OPTIONS only.
fn parse_target(method: &Method, target: &str, source: &Source<'_>) -> Result<Uri, Error> {
    // `Uri` leaves a fragment out, and takes more than ASCII.
    if target.bytes().any(|b| b == b'#' || !b.is_ascii()) {
        return Err(refused("the target has a byte that none may have"));
    }
    if target == "/" && *method != Method::CONNECT {
        return Ok(Uri::default()); // The most frequent one, which needs no memory.
    }
    let uri = source.take(target.as_bytes());
    let uri = Uri::from_maybe_shared(uri).map_err(malformed)?;
    let connects = *method == Method::CONNECT;
    match (uri.scheme_str(), uri.authority()) {
        (None, Some(authority)) if connects => expect_host_and_port(authority.as_str())?,
        (Some(scheme), Some(authority)) if !connects => {
            expect_http(scheme)?;
            expect_host(authority.as_str())?;
        }
        (None, None) if target.starts_with('/') && !connects => {}
        (None, None) if target == "*" && *method == Method::OPTIONS => {}
        _ => return Err(refused("the target does not fit the method")),
    }
    Ok(uri)
}

/// We are no proxy for other schemes.
fn expect_http(scheme: &str) -> Result<(), Error> {
    match ["http", "https"]
        .iter()
        .any(|http| scheme.eq_ignore_ascii_case(http))
    {
        true => Ok(()),
        false => Err(refused("the scheme of the target is not http or https")),
    }
}

/// Credentials are an error too, in what comes from somebody else (RFC 9110 section 4.2.4).
fn expect_host(authority: &str) -> Result<Option<u16>, Error> {
    match HostPort::parse(authority.as_bytes()) {
        Some(HostPort {
            host: [_, ..],
            port,
        }) => Ok(port),
        _ => Err(refused(
            "the target has no host, or more than that and a port",
        )),
    }
}

/// A tunnel has no default port (RFC 9110 section 9.3.6).
fn expect_host_and_port(authority: &str) -> Result<(), Error> {
    match expect_host(authority)? {
        Some(_) => Ok(()),
        None => Err(refused("the target of CONNECT has no port")),
    }
}

fn refused(detail: &'static str) -> Error {
    Error::new(ErrorKind::Protocol).with_detail(detail)
}
