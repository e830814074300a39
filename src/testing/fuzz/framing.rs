//! Which body follows a head.

use http::header::{CONNECTION, CONTENT_LENGTH, HOST, TRANSFER_ENCODING};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode, Version};

use crate::error::ErrorKind;
use crate::proto::framing::{Asked, Framing, is_sound, of_request, of_response, persists};
use crate::proto::limits::Limits;
use crate::proto::mentioned::Mentioned;
use crate::proto::parse::HeadSearch;

/// The body that follows heads with these header lines: what can be said about it without deciding
/// it all again.
///
/// # Panics
///
/// If that is not so.
pub fn framing(data: &[u8]) {
    let head = [b"GET / HTTP/1.1\r\n", data, b"\r\n\r\n"].concat();
    let Ok(Some((mut request, _))) =
        HeadSearch::default().parse::<Request<()>>(&head, &Limits::default())
    else {
        return;
    };
    let hosts = request.headers().get_all(HOST).iter().count();
    assert!(hosts == 1 || of_request(&request, Mentioned::among(request.headers())).is_err());
    let host = HeaderValue::from_static("h");
    request.headers_mut().insert(HOST, host);
    for version in [Version::HTTP_10, Version::HTTP_11] {
        *request.version_mut() = version;
        framing_of_request(&request);
        framing_of_responses(&request);
        persistence(version, request.headers());
    }
}

type Found = Result<Framing, ErrorKind>;

fn framing_of_request(request: &Request<()>) {
    let found =
        of_request(request, Mentioned::among(request.headers())).map_err(|error| error.kind());
    is_declared(found, request.version(), request.headers());
    assert!(!matches!(found, Ok(Framing::UntilEnd | Framing::Tunnel)));
}

fn framing_of_responses(request: &Request<()>) {
    for status in [100, 101, 103, 200, 204, 205, 304, 404] {
        let mut response = Response::new(());
        *response.status_mut() = StatusCode::from_u16(status).unwrap_or_default();
        *response.version_mut() = request.version();
        *response.headers_mut() = request.headers().clone();
        for method in [Method::HEAD, Method::CONNECT, Method::GET] {
            let found = of_response(&response, Asked::from(&method)).map_err(|e| e.kind());
            is_declared(found, request.version(), request.headers());
            if matches!(status, 100 | 103 | 204) && method == Method::GET {
                let declares = [CONTENT_LENGTH, TRANSFER_ENCODING]
                    .iter()
                    .any(|name| response.headers().contains_key(name));
                assert_eq!(is_sound(&response, Asked::Other), !declares);
            }
            match (status, &method) {
                (101, _) => assert_eq!(found, Ok(Framing::Tunnel)),
                (200..=299, &Method::CONNECT) => assert_eq!(found, Ok(Framing::Tunnel)),
                (100..=199 | 204 | 304, _) | (_, &Method::HEAD) => {
                    assert_eq!(found, Ok(Framing::None));
                }
                _ => is_as_in_request(
                    found,
                    of_request(request, Mentioned::among(request.headers())).map_err(|e| e.kind()),
                ),
            }
        }
    }
}

/// A request has no body where a response has one without a length, or it is wrong.
fn is_as_in_request(in_response: Found, in_request: Found) {
    match (in_response, in_request) {
        (Ok(Framing::UntilEnd), Ok(Framing::None) | Err(_))
        | (Ok(Framing::Chunked), Err(ErrorKind::NotSupported)) => {}
        _ => assert_eq!(in_response, in_request),
    }
}

/// What is found is in the headers, and nothing in the headers contradicts it.
fn is_declared(found: Found, version: Version, headers: &HeaderMap) {
    let values = |name: HeaderName| headers.get_all(name).into_iter().map(HeaderValue::as_bytes);
    let has_length = headers.contains_key(CONTENT_LENGTH);
    let has_coding = headers.contains_key(TRANSFER_ENCODING);
    match found {
        Ok(Framing::Length(length)) => {
            assert!(length > 0 && has_length && !has_coding);
            let written = length.to_string();
            let is_it = |value: &[u8]| {
                let zeros = value.iter().take_while(|&&b| b == b'0').count();
                &value[zeros..] == written.as_bytes()
            };
            assert!(values(CONTENT_LENGTH).all(is_it));
        }
        Ok(Framing::Chunked) => {
            assert!(version == Version::HTTP_11 && !has_length);
            let all: Vec<_> = values(TRANSFER_ENCODING).collect();
            let all = all.join(&b","[..]).to_ascii_lowercase();
            let codings: Vec<_> = all.split(|&b| b == b',').map(<[u8]>::trim_ascii).collect();
            assert_eq!(codings.last(), Some(&&b"chunked"[..]));
            let chunked = codings.iter().filter(|&&coding| coding == b"chunked");
            assert_eq!(chunked.count(), 1);
        }
        Ok(Framing::UntilEnd) => assert!(!has_length),
        Ok(Framing::None | Framing::Tunnel) => {}
        Err(kind) => {
            assert!(has_length || has_coding);
            assert!(kind == ErrorKind::Protocol || kind == ErrorKind::NotSupported && has_coding);
        }
    }
}

fn persistence(version: Version, headers: &HeaderMap) {
    let lines: Vec<_> = headers.get_all(CONNECTION).into_iter().collect();
    let somewhere = |word: &[u8]| {
        let mut lines = lines
            .iter()
            .map(|line| line.as_bytes().to_ascii_lowercase());
        lines.any(|line| line.windows(word.len()).any(|part| part == word))
    };
    let alone = |word: &str| lines.iter().any(|line| *line == word);
    let persists = persists(version, headers);
    if persists {
        assert!(!alone("close"));
        assert!(version == Version::HTTP_11 || somewhere(b"keep-alive"));
    } else {
        assert!(somewhere(b"close") || version == Version::HTTP_10 && !alone("keep-alive"));
    }
}
