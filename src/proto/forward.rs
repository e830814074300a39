//! The head of a message that is passed on (RFC 9110 section 7.6). What concerns one connection stays on it,
//! and the body is framed for the next.
//!
//! Invariants:
//!
//! 1. The receiver sees the same content as we do, and can tell its end: what ends with the sender's stream
//!    is chunked, because the end of our own stream would say less.
//! 2. How the body was read decides about framing, and not what the head says by now. A `Content-Length`
//!    stays where it says how long a body would be that is not there.
//! 3. A sender cannot have fields taken away that are for everybody, by naming them in `Connection`.

use bytes::Bytes;
use http::header::{
    CONNECTION, CONTENT_LENGTH, EXPECT, FORWARDED, HOST, HeaderName, PROXY_AUTHENTICATE,
    PROXY_AUTHORIZATION, TE, TRANSFER_ENCODING, UPGRADE, VIA,
};
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode, Version};

use super::body::BodyFraming;
use super::framing::{self, Declared, elements};
use crate::error::{Error, ErrorKind};

/// Fields that are for the next hop alone, besides those that `Connection` names.
const HOP_BY_HOP: [HeaderName; 9] = [
    CONNECTION,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
    PROXY_AUTHENTICATE,
    HeaderName::from_static("proxy-authentication-info"),
    PROXY_AUTHORIZATION,
    TE,
    TRANSFER_ENCODING,
    UPGRADE,
];

/// A head as it is passed on.
#[derive(Debug)]
pub(crate) struct Passed<H> {
    pub(crate) head: H,
    /// What must not follow it as a trailer either.
    pub(crate) options: Options,
}

/// The fields that `Connection` names.
#[derive(Debug, Default)]
pub(crate) struct Options(Vec<HeaderName>);

impl Options {
    fn of(headers: &HeaderMap) -> Self {
        let named = elements(headers, CONNECTION);
        let names = named.filter_map(|name| HeaderName::from_bytes(name).ok());
        Self(names.filter(|name| !is_for_all(name)).collect())
    }

    pub(crate) fn remove_from(&self, fields: &mut HeaderMap) {
        for name in &self.0 {
            fields.remove(name);
        }
    }
}

/// The request as it is passed on.
///
/// # Errors
///
/// `InvalidInput`: the body of a request does not end with the stream, so none was read.
pub(crate) fn request(
    head: Request<()>,
    framing: BodyFraming,
) -> Result<Passed<Request<Bytes>>, Error> {
    let mut head = head.map(|()| Bytes::new());
    let is_old = head.version() == Version::HTTP_10;
    *head.version_mut() = Version::HTTP_11;
    let takes_trailers = takes_trailers(head.headers());
    let headers = head.headers_mut();
    let options = remove_hop_by_hop(headers);
    if is_old {
        // It is not meant, and must be ignored (RFC 9110 section 10.1.1).
        headers.remove(EXPECT);
    }
    match framing {
        BodyFraming::None if !headers.contains_key(CONTENT_LENGTH) => {}
        BodyFraming::None => declare_length(headers, 0),
        BodyFraming::Exact(length) => declare_length(headers, length),
        BodyFraming::Chunked => declare_chunks(headers),
        BodyFraming::UntilEnd => {
            return Err(invalid_input("no request was read from the connection"));
        }
    }
    if takes_trailers {
        headers.insert(TE, HeaderValue::from_static("trailers"));
        headers.insert(CONNECTION, HeaderValue::from_static("te"));
    }
    Ok(Passed { head, options })
}

/// The response as it is passed on.
///
/// # Errors
///
/// `InvalidInput`: it has a body, and a status that has none. `NotSupported`: the body is coded besides
/// being chunked, which is not undone here.
pub(crate) fn response(
    head: Response<()>,
    framing: BodyFraming,
) -> Result<Passed<Response<Bytes>>, Error> {
    let mut head = head.map(|()| Bytes::new());
    let status = head.status();
    let would_be = match framing {
        BodyFraming::None => would_be_length(&head),
        _ => None,
    };
    let is_bodiless = status.is_informational()
        || matches!(status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED);
    if framing != BodyFraming::None {
        if is_bodiless {
            return Err(invalid_input("a response of this status has no body"));
        }
        framing::expect_chunked_alone(head.headers())?;
    }
    *head.version_mut() = Version::HTTP_11;
    let headers = head.headers_mut();
    let options = remove_hop_by_hop(headers);
    match (framing, would_be) {
        (BodyFraming::None, Some(length)) if status != StatusCode::NO_CONTENT => {
            declare_length(headers, length);
        }
        (BodyFraming::None, _) if is_bodiless => drop(headers.remove(CONTENT_LENGTH)),
        (BodyFraming::Exact(length), _) => declare_length(headers, length),
        // Of the answer to HEAD, how long the body would be is not known.
        (BodyFraming::None | BodyFraming::Chunked | BodyFraming::UntilEnd, _) => {
            declare_chunks(headers);
        }
    }
    Ok(Passed { head, options })
}

/// A response as it is passed on that is nothing but a head: an interim one, or one that opens a tunnel.
pub(crate) fn head_alone(head: Response<()>) -> Response<Bytes> {
    let mut head = head.map(|()| Bytes::new());
    *head.version_mut() = Version::HTTP_11;
    let is_switch = head.status() == StatusCode::SWITCHING_PROTOCOLS;
    let headers = head.headers_mut();
    if !is_switch {
        remove_hop_by_hop(headers);
    }
    headers.remove(CONTENT_LENGTH);
    headers.remove(TRANSFER_ENCODING);
    head
}

/// The length that a head declares, if it is clear about that.
fn would_be_length<B>(head: &Response<B>) -> Option<u64> {
    match framing::declared(head.version(), head.headers()) {
        Ok(Declared::Length(length)) => Some(length),
        Ok(Declared::Nothing | Declared::Chunked | Declared::Coded) | Err(_) => None,
    }
}

fn remove_hop_by_hop(headers: &mut HeaderMap) -> Options {
    let options = Options::of(headers);
    options.remove_from(headers);
    for name in &HOP_BY_HOP {
        headers.remove(name);
    }
    options
}

/// What decides about the message, or is what those who pass it on say of themselves: no options of a
/// connection, whatever the sender claims.
fn is_for_all(name: &HeaderName) -> bool {
    [CONTENT_LENGTH, HOST, VIA, FORWARDED].contains(name)
        || name == "x-real-ip"
        || name.as_str().starts_with("x-forwarded-")
}

fn takes_trailers(headers: &HeaderMap) -> bool {
    elements(headers, TE).any(|coding| coding.eq_ignore_ascii_case(b"trailers"))
}

fn declare_length(headers: &mut HeaderMap, length: u64) {
    headers.insert(CONTENT_LENGTH, length.into());
}

fn declare_chunks(headers: &mut HeaderMap) {
    headers.remove(CONTENT_LENGTH);
    headers.insert(TRANSFER_ENCODING, HeaderValue::from_static("chunked"));
}

fn invalid_input(detail: &'static str) -> Error {
    Error::new(ErrorKind::InvalidInput).with_detail(detail)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(headers: &HeaderMap) -> Vec<String> {
        let lines = headers.iter();
        let mut lines: Vec<_> = lines
            .map(|(name, value)| format!("{name}: {}", value.to_str().unwrap()))
            .collect();
        lines.sort();
        lines
    }

    fn pass(fields: &[(&str, &str)], framing: BodyFraming) -> Vec<String> {
        let mut head = Request::new(());
        for (name, value) in fields {
            let name = HeaderName::from_bytes(name.as_bytes()).unwrap();
            head.headers_mut().append(name, value.parse().unwrap());
        }
        lines(request(head, framing).unwrap().head.headers())
    }

    fn answer(status: u16, fields: &[(&str, &str)], framing: BodyFraming) -> Vec<String> {
        let mut head = Response::builder().status(status);
        for (name, value) in fields {
            head = head.header(*name, *value);
        }
        let passed = response(head.body(()).unwrap(), framing).unwrap();
        lines(passed.head.headers())
    }

    #[test]
    fn what_concerns_one_connection_stays_on_it() {
        let fields = [
            ("host", "h"),
            ("connection", "close, X-Secret"),
            ("connection", "content-length, host"),
            ("x-secret", "1"),
            ("keep-alive", "timeout=5"),
            ("proxy-connection", "keep-alive"),
            ("proxy-authorization", "Basic eA=="),
            ("te", "gzip"),
            ("upgrade", "h2c"),
            ("accept", "*/*"),
            ("trailer", "checksum"),
        ];
        assert_eq!(
            pass(&fields, BodyFraming::None),
            ["accept: */*", "host: h", "trailer: checksum"]
        );
        let trailers = [("te", "trailers, deflate;q=0.5"), ("connection", "te")];
        assert_eq!(
            pass(&trailers, BodyFraming::None),
            ["connection: te", "te: trailers"]
        );
    }

    #[test]
    fn a_request_is_framed_as_it_was_read() {
        let length = [("content-length", "5")];
        assert_eq!(pass(&length, BodyFraming::Exact(5)), ["content-length: 5"]);
        let chunked = [("transfer-encoding", "chunked")];
        assert_eq!(
            pass(&chunked, BodyFraming::Chunked),
            ["transfer-encoding: chunked"]
        );
        let none = [("content-length", "0")];
        assert_eq!(pass(&none, BodyFraming::None), ["content-length: 0"]);
        let error = request(Request::new(()), BodyFraming::UntilEnd).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
    }

    #[test]
    fn a_response_has_an_end_that_can_be_told() {
        let chunked = ["transfer-encoding: chunked"];
        assert_eq!(answer(200, &[], BodyFraming::UntilEnd), chunked);
        assert_eq!(
            answer(200, &[("connection", "close")], BodyFraming::UntilEnd),
            chunked
        );
        let coded = [("transfer-encoding", "chunked")];
        assert_eq!(answer(200, &coded, BodyFraming::Chunked), chunked);
        let length = [("content-length", "5")];
        assert_eq!(
            answer(200, &length, BodyFraming::Exact(5)),
            ["content-length: 5"]
        );
    }

    #[test]
    fn a_response_without_body_says_nothing_new_about_it() {
        let length = [("content-length", "5")];
        assert_eq!(
            answer(200, &length, BodyFraming::None),
            ["content-length: 5"]
        );
        assert_eq!(
            answer(304, &length, BodyFraming::None),
            ["content-length: 5"]
        );
        assert!(answer(304, &[], BodyFraming::None).is_empty());
        assert!(answer(204, &length, BodyFraming::None).is_empty());
        // To HEAD, where a GET would be answered with chunks.
        assert_eq!(
            answer(200, &[], BodyFraming::None),
            ["transfer-encoding: chunked"]
        );
    }
}
