//! Bytes to message heads (RFC 9112 sections 2 to 5), with `httparse`.
//!
//! A head that is not complete is data, not an error: `Ok(None)`. Whoever feeds the bytes in small
//! pieces does not make us parse the whole again for each: a head is parsed when its end is there,
//! and before that only each time the input has doubled, to refuse early what is no HTTP.

use bytes::Bytes;
use http::{
    HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode, Uri, Version,
};

use super::Reason;
use super::authority::HostPort;
use super::limits::Limits;
use crate::error::{Error, ErrorKind};

/// A kind of head.
pub(crate) trait Head: Sized + Send + 'static {
    /// The message without its body, and the size of its head.
    ///
    /// # Errors
    ///
    /// `Protocol` or `TooLarge`.
    fn parse(input: &[u8], limits: &Limits) -> Result<Option<(Self, usize)>, Error>;
}

/// Finds out when parsing is worth while, remembering what it has looked at.
#[derive(Debug, Default)]
pub(crate) struct HeadSearch {
    /// Line ends before the head.
    blank: usize,
    searched: usize,
    tried: usize,
}

impl HeadSearch {
    /// Parses `input`, which is what the last call had and more, if there is a reason to.
    ///
    /// # Errors
    ///
    /// `Protocol` or `TooLarge`. The input is as it was.
    pub(crate) fn parse<H: Head>(
        &mut self,
        input: &[u8],
        limits: &Limits,
    ) -> Result<Option<(H, usize)>, Error> {
        if input.is_empty() {
            return Ok(None);
        }
        let too_large = input.len() > limits.head_bytes;
        // The first time there is nothing to be spared: most heads come whole.
        let is_first = self.tried == 0;
        let has_grown = input.len() >= self.tried.saturating_mul(2);
        if !(is_first || self.finds_end(input) || too_large || has_grown) {
            return Ok(None);
        }
        self.tried = input.len();
        match H::parse(input, limits)? {
            Some((_, size)) if size > limits.head_bytes => Err(too_large_head()),
            None if too_large => Err(too_large_head()),
            head => Ok(head),
        }
    }

    /// Whether a blank line ends something; the blank lines before a head do not.
    fn finds_end(&mut self, input: &[u8]) -> bool {
        if self.blank == self.searched {
            let blank = input[self.blank..].iter().take_while(|b| is_line_end(b));
            self.blank += blank.count();
        }
        let from = self.searched.saturating_sub(2).max(self.blank);
        self.searched = input.len();
        let rest = &input[from..];
        rest.windows(2).any(|two| two == b"\n\n") || rest.windows(3).any(|three| three == b"\n\r\n")
    }
}

impl Head for Request<Bytes> {
    fn parse(input: &[u8], limits: &Limits) -> Result<Option<(Self, usize)>, Error> {
        let mut lines = header_lines(input, limits);
        let mut parsed = httparse::Request::new(&mut lines);
        let httparse::Status::Complete(size) = parsed.parse(input).map_err(classify)? else {
            return Ok(None);
        };
        check_line_ends(&input[..size])?;
        let target = parsed.path.unwrap_or_default();
        let mut request = Self::new(Bytes::new());
        *request.method_mut() =
            Method::from_bytes(parsed.method.unwrap_or_default().as_bytes()).map_err(malformed)?;
        *request.uri_mut() = parse_target(request.method(), target)?;
        *request.version_mut() = version(parsed.version);
        *request.headers_mut() = headers(parsed.headers)?;
        Ok(Some((request, size)))
    }
}

impl Head for Response<Bytes> {
    fn parse(input: &[u8], limits: &Limits) -> Result<Option<(Self, usize)>, Error> {
        let mut lines = header_lines(input, limits);
        let mut parsed = httparse::Response::new(&mut lines);
        let httparse::Status::Complete(size) = parsed.parse(input).map_err(classify)? else {
            return Ok(None);
        };
        let status = StatusCode::from_u16(parsed.code.unwrap_or_default()).map_err(malformed)?;
        let mut response = Self::new(Bytes::new());
        *response.status_mut() = status;
        *response.version_mut() = version(parsed.version);
        *response.headers_mut() = headers(parsed.headers)?;
        // httparse gives only ASCII, and nothing for a phrase that is more than that.
        let reason = match parsed.reason {
            Some("") => reason(input),
            reason => reason.unwrap_or_default().as_bytes(),
        };
        if reason != status.canonical_reason().unwrap_or_default().as_bytes() {
            let reason = Reason(Bytes::copy_from_slice(reason));
            response.extensions_mut().insert(reason);
        }
        Ok(Some((response, size)))
    }
}

/// The phrase of a status line that has been parsed (RFC 9112 section 4): what follows the second
/// space.
fn reason(input: &[u8]) -> &[u8] {
    let lines = input.split(is_line_end);
    let line = lines.into_iter().find(|line| !line.is_empty());
    let parts = line.map(|line| line.splitn(3, |b| *b == b' '));
    parts.and_then(|mut parts| parts.nth(2)).unwrap_or_default()
}

fn is_line_end(byte: &u8) -> bool {
    matches!(byte, b'\r' | b'\n')
}

/// Room for as many lines as are allowed and as can be there: none is shorter than three bytes.
fn header_lines<'a>(input: &[u8], limits: &Limits) -> Vec<httparse::Header<'a>> {
    vec![httparse::EMPTY_HEADER; limits.headers.min(input.len() / 3)]
}

/// LF alone ends a line for some who read a request, and not for others, who would see other headers
/// (RFC 9112 section 2.2 lets us refuse it). Of responses it is taken: nobody but us reads them, and
/// simple servers send it.
fn check_line_ends(head: &[u8]) -> Result<(), Error> {
    let blank = head.iter().take_while(|b| is_line_end(b)).count();
    let head = &head[blank..];
    let is_alone = |(at, byte): (usize, &u8)| *byte == b'\n' && head[at - 1] != b'\r';
    match head.iter().enumerate().skip(1).any(is_alone) {
        true => Err(refused("a line ends in LF alone")),
        false => Ok(()),
    }
}

/// RFC 9112 section 3.2: authority-form for CONNECT and for nothing else, `*` for OPTIONS only.
fn parse_target(method: &Method, target: &str) -> Result<Uri, Error> {
    // `Uri` leaves a fragment out, and takes more than ASCII.
    if target.bytes().any(|b| b == b'#' || !b.is_ascii()) {
        return Err(refused("the target has a byte that none may have"));
    }
    let uri = Uri::try_from(target).map_err(malformed)?;
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

pub(super) fn headers(lines: &[httparse::Header<'_>]) -> Result<HeaderMap, Error> {
    let mut headers = HeaderMap::new();
    for line in lines {
        let name = HeaderName::from_bytes(line.name.as_bytes()).map_err(malformed)?;
        let value = HeaderValue::from_bytes(line.value).map_err(malformed)?;
        headers
            .try_append(name, value)
            .map_err(|_| Error::new(ErrorKind::TooLarge))?;
    }
    Ok(headers)
}

fn version(minor: Option<u8>) -> Version {
    if minor == Some(0) {
        Version::HTTP_10
    } else {
        Version::HTTP_11
    }
}

fn too_large_head() -> Error {
    Error::new(ErrorKind::TooLarge).with_detail("a head")
}

fn classify(error: httparse::Error) -> Error {
    match error {
        httparse::Error::TooManyHeaders => {
            Error::new(ErrorKind::TooLarge).with_detail("the number of header lines")
        }
        _ => Error::new(ErrorKind::Protocol).with_source(error),
    }
}

fn refused(detail: &'static str) -> Error {
    Error::new(ErrorKind::Protocol).with_detail(detail)
}

fn malformed(error: impl std::error::Error + Send + Sync + 'static) -> Error {
    Error::new(ErrorKind::Protocol).with_source(error)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Feeds `input` byte by byte and whole: both ways must give the same.
    #[track_caller]
    fn check<H: Head>(input: &[u8], limits: &Limits) -> Result<Option<(H, usize)>, ErrorKind> {
        let whole = HeadSearch::default()
            .parse::<H>(input, limits)
            .map_err(|e| e.kind());
        let mut search = HeadSearch::default();
        let mut stepped = Ok(None);
        for end in 0..=input.len() {
            stepped = search
                .parse::<H>(&input[..end], limits)
                .map_err(|e| e.kind());
            if !matches!(stepped, Ok(None)) {
                break;
            }
        }
        let size = |r: &Result<Option<(H, usize)>, ErrorKind>| {
            r.as_ref()
                .map(|head| head.as_ref().map(|(_, size)| *size))
                .map_err(|kind| *kind)
        };
        assert_eq!(
            size(&whole),
            size(&stepped),
            "{:?}",
            String::from_utf8_lossy(input)
        );
        whole
    }

    fn request(input: &str) -> Result<Option<(Request<Bytes>, usize)>, ErrorKind> {
        check(input.as_bytes(), &Limits::default())
    }

    #[test]
    fn a_request_head_has_its_parts() {
        let input = "POST /a?b HTTP/1.1\r\nHost: h\r\nX: \t1 \r\nX: 2\r\n\r\nrest";
        let (request, size) = request(input).unwrap().unwrap();
        assert_eq!(size, input.len() - 4);
        assert_eq!(
            (request.method(), request.uri().path()),
            (&Method::POST, "/a")
        );
        let values: Vec<_> = request.headers().get_all("x").iter().collect();
        assert_eq!(values, ["1", "2"]);
    }

    #[test]
    fn targets_of_all_forms() {
        for (line, path) in [
            ("OPTIONS * HTTP/1.1", "*"),
            ("GET http://h/p HTTP/1.0", "/p"),
        ] {
            let (request, _) = request(&format!("{line}\r\n\r\n")).unwrap().unwrap();
            assert_eq!(request.uri().path(), path);
        }
        let (connect, _) = request("CONNECT h:1 HTTP/1.1\r\n\r\n").unwrap().unwrap();
        assert_eq!(connect.uri().authority().unwrap(), "h:1");
    }

    #[test]
    fn blank_lines_before_a_head_are_skipped() {
        let (_, size) = request("\r\n\r\nGET / HTTP/1.1\r\n\r\n").unwrap().unwrap();
        assert_eq!(size, 22);
    }

    #[test]
    fn a_reason_is_kept_when_it_is_unusual() {
        let parse = |input: &[u8]| {
            check::<Response<Bytes>>(input, &Limits::default())
                .unwrap()
                .unwrap()
                .0
        };
        assert!(
            parse(b"HTTP/1.1 200 OK\r\n\r\n")
                .extensions()
                .get::<Reason>()
                .is_none()
        );
        let reason = Reason::from("Fine");
        assert_eq!(
            parse(b"HTTP/1.1 200 Fine\r\n\r\n").extensions().get(),
            Some(&reason)
        );
        let reason = parse(b"\r\nHTTP/1.1 500 Oh \xfc!\r\n\r\n")
            .extensions()
            .get::<Reason>()
            .map(|reason| reason.as_bytes().to_vec());
        assert_eq!(reason.as_deref(), Some(&b"Oh \xfc!"[..]));
        // Without a reason, and even without the space before it (section 4).
        assert_eq!(parse(b"HTTP/1.1 404\r\n\r\n").status(), 404);
    }

    #[test]
    fn what_is_not_http_is_refused() {
        for input in [
            "GET / HTTP/2.0\r\n\r\n",
            "GET / HTTP/1.10\r\n\r\n",
            "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
            "\u{16}\u{3}\u{1}\u{2}\0\u{1}\0\u{1}",
            "\0",
            "GET /\0 HTTP/1.1\r\n\r\n",
            "GET * HTTP/1.1\r\n\r\n",
            "GET h:80 HTTP/1.1\r\n\r\n",
            "CONNECT /x HTTP/1.1\r\n\r\n",
            "GET / HTTP/1.1\r\nHost : h\r\n\r\n",
            "GET / HTTP/1.1\r\nX: a\r\n b\r\n\r\n",
            "GET / HTTP/1.1\r\nno colon\r\n\r\n",
            "GET / HTTP/1.1\r\nX: a\0b\r\n\r\n",
            "GET / HTTP/1.1\r\nX: a\rb\r\n\r\n",
        ] {
            assert!(
                matches!(request(input), Err(ErrorKind::Protocol)),
                "{input:?}"
            );
        }
    }

    #[test]
    fn targets_that_are_read_differently_are_refused() {
        for (line, is_taken) in [
            ("GET /a%23b?c", true),
            ("GET //h/x", true),
            ("GET /a#b", false),
            ("GET http://h/#b", false),
            ("GET /#", false),
            ("GET /\u{e9}", false),
            ("GET http://\u{e9}/", false),
            ("GET ?x", false),
            ("GET x", false),
            ("GET HTTPS://h/", true),
            ("GET http://h:80", true),
            ("GET http://[::1]:80/", true),
            ("OPTIONS http://h", true),
            ("GET ftp://h/", false),
            ("GET file:///x", false),
            ("GET http:/x", false),
            ("GET http://", false),
            ("GET http:///x", false),
            ("GET http://:80/", false),
            ("GET http://h:0/", false),
            ("GET http://h:65536/", false),
            ("GET http://u@h/", false),
            ("GET http://u:p@h/", false),
            ("GET http://a,b/", false),
            ("CONNECT h:443", true),
            ("CONNECT [::1]:443", true),
            ("CONNECT h", false),
            ("CONNECT h:", false),
            ("CONNECT h:0", false),
            ("CONNECT h:65536", false),
            ("CONNECT u@h:443", false),
            ("CONNECT u:p@h:443", false),
            ("CONNECT :443", false),
            ("CONNECT http://h:443", false),
            ("CONNECT *", false),
            ("OPTIONS *", true),
            ("OPTIONS **", false),
        ] {
            let head = format!("{line} HTTP/1.1\r\nHost: h\r\n\r\n");
            let found = request(&head).map(|head| head.is_some());
            let expected = if is_taken {
                Ok(true)
            } else {
                Err(ErrorKind::Protocol)
            };
            assert_eq!(found, expected, "{line:?}");
        }
    }

    /// Blank lines before a request are no part of it.
    #[test]
    fn a_line_of_a_request_ends_in_cr_and_lf() {
        for (input, is_taken) in [
            ("GET / HTTP/1.1\r\nA: 1\r\n\r\n", true),
            ("\n\r\n\nGET / HTTP/1.1\r\nA: 1\r\n\r\n", true),
            ("GET / HTTP/1.1\nA: 1\r\n\r\n", false),
            ("GET / HTTP/1.1\r\nA: 1\n\r\n", false),
            ("GET / HTTP/1.1\r\nA: 1\r\n\n", false),
            ("GET / HTTP/1.1\n\n", false),
            ("GET / HTTP/1.1\r\n\r\nwith\nLF", true),
        ] {
            let found = request(input).map(|head| head.is_some());
            let expected = if is_taken {
                Ok(true)
            } else {
                Err(ErrorKind::Protocol)
            };
            assert_eq!(found, expected, "{input:?}");
        }
        let response = b"HTTP/1.1 200 OK\nA: 1\n\n";
        let found = check::<Response<Bytes>>(response, &Limits::default());
        assert!(matches!(found, Ok(Some(_))));
    }

    #[test]
    fn limits_hold_at_the_byte_and_at_the_line() {
        let input = b"GET / HTTP/1.1\r\nA: 1\r\nB: 2\r\n\r\n";
        let limits = Limits::default();
        let parse = |limits| check::<Request<Bytes>>(input, &limits).map(|head| head.is_some());
        assert_eq!(parse(limits.head_bytes(input.len())), Ok(true));
        assert_eq!(
            parse(limits.head_bytes(input.len() - 1)),
            Err(ErrorKind::TooLarge)
        );
        assert_eq!(parse(limits.headers(2)), Ok(true));
        assert_eq!(parse(limits.headers(1)), Err(ErrorKind::TooLarge));
        assert_eq!(parse(limits.headers(usize::MAX)), Ok(true));
        // An endless line, and endless blank lines, without an end of the head in sight.
        for fill in [b'a', b'\n'] {
            let endless = vec![fill; 100];
            let parsed = check::<Request<Bytes>>(&endless, &limits.head_bytes(99));
            assert_eq!(parsed.map(|_| ()), Err(ErrorKind::TooLarge));
        }
    }
}
