//! The head of a message that is passed on (RFC 9110 section 7.6). What concerns one connection stays on it,
//! and the body is framed for the next.
//!
//! Invariants:
//!
//! 1. The receiver sees the same content as we do, and can tell its end: what ends with the sender's stream
//!    is chunked, because the end of our own stream would say less.
//! 2. Nothing that decides about framing is taken over from the sender's headers. A `Content-Length` stays
//!    where it says how long a body would be that is not there.

use bytes::Bytes;
use http::header::{
    CONNECTION, CONTENT_LENGTH, HeaderName, PROXY_AUTHENTICATE, PROXY_AUTHORIZATION, TE,
    TRANSFER_ENCODING, UPGRADE,
};
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode, Version};

use super::body::BodyFraming;
use super::framing::elements;
use crate::error::{Error, ErrorKind};

/// Fields that are for the next hop alone, besides those that `Connection` names.
const HOP_BY_HOP: [HeaderName; 8] = [
    CONNECTION,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
    PROXY_AUTHENTICATE,
    PROXY_AUTHORIZATION,
    TE,
    TRANSFER_ENCODING,
    UPGRADE,
];

/// The request as it is passed on.
///
/// # Errors
///
/// `InvalidInput`: the body of a request does not end with the stream, so none was read.
pub(crate) fn request(head: Request<()>, framing: BodyFraming) -> Result<Request<Bytes>, Error> {
    let mut head = head.map(|()| Bytes::new());
    *head.version_mut() = Version::HTTP_11;
    let takes_trailers = takes_trailers(head.headers());
    let headers = head.headers_mut();
    remove_hop_by_hop(headers);
    match framing {
        BodyFraming::None => {}
        BodyFraming::Exact(length) => declare_length(headers, length),
        BodyFraming::Chunked => declare_chunks(headers),
        BodyFraming::UntilEnd => {
            let detail = "no request was read from the connection";
            return Err(Error::new(ErrorKind::InvalidInput).with_detail(detail));
        }
    }
    if takes_trailers {
        headers.insert(TE, HeaderValue::from_static("trailers"));
        headers.insert(CONNECTION, HeaderValue::from_static("te"));
    }
    Ok(head)
}

/// The response as it is passed on.
pub(crate) fn response(head: Response<()>, framing: BodyFraming) -> Response<Bytes> {
    let mut head = head.map(|()| Bytes::new());
    *head.version_mut() = Version::HTTP_11;
    let status = head.status();
    let headers = head.headers_mut();
    remove_hop_by_hop(headers);
    match framing {
        _ if status.is_informational() || status == StatusCode::NO_CONTENT => {
            headers.remove(CONTENT_LENGTH);
        }
        BodyFraming::None => {
            let says_length = headers.contains_key(CONTENT_LENGTH);
            if !says_length && status != StatusCode::NOT_MODIFIED {
                // The answer to HEAD: how long the body would be is not known.
                declare_chunks(headers);
            }
        }
        BodyFraming::Exact(length) => declare_length(headers, length),
        BodyFraming::Chunked | BodyFraming::UntilEnd => declare_chunks(headers),
    }
    head
}

fn remove_hop_by_hop(headers: &mut HeaderMap) {
    let named: Vec<HeaderName> = elements(headers, CONNECTION)
        .filter_map(|name| HeaderName::from_bytes(name).ok())
        // These decide about the message, and are no options of a connection.
        .filter(|name| *name != CONTENT_LENGTH && *name != http::header::HOST)
        .collect();
    for name in named.iter().chain(&HOP_BY_HOP) {
        headers.remove(name);
    }
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
        lines(request(head, framing).unwrap().headers())
    }

    fn answer(status: u16, fields: &[(&str, &str)], framing: BodyFraming) -> Vec<String> {
        let mut head = Response::builder().status(status);
        for (name, value) in fields {
            head = head.header(*name, *value);
        }
        lines(response(head.body(()).unwrap(), framing).headers())
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
        assert!(answer(103, &[], BodyFraming::None).is_empty());
        // To HEAD, where a GET would be answered with chunks.
        assert_eq!(
            answer(200, &[], BodyFraming::None),
            ["transfer-encoding: chunked"]
        );
    }
}
