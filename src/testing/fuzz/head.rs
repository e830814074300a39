//! Message heads, read and written.

use bytes::Bytes;
use http::header::{CONTENT_LENGTH, HOST};
use http::{HeaderMap, HeaderValue, Method, Request, Response};

use super::limits::{tight, wide};
use crate::error::ErrorKind;
use crate::proto::framing::{
    Asked, Framing, of_request, of_response, persists, take_host_from_target,
};
use crate::proto::limits::Limits;
use crate::proto::mentioned::Mentioned;
use crate::proto::parse::{Head, HeadSearch};
use crate::proto::{Reason, encode};

/// Message heads: whole and byte by byte they parse to the same, and within the limits; what is
/// written of a parsed head parses to the same head.
///
/// # Panics
///
/// If that is not so.
pub fn head(data: &[u8]) {
    // The blank line makes the last attempt to parse certain.
    let input = [data, b"\r\n\r\n"].concat();
    for limits in [Limits::default(), tight()] {
        if let Some(request) = parse_both_ways(&input, &limits) {
            request_survives_writing(&request);
            host_is_of_the_target(request);
        }
        if let Some(response) = parse_both_ways(&input, &limits) {
            response_survives_writing(&response);
        }
    }
}

fn parse_both_ways<H: Head>(input: &[u8], limits: &Limits) -> Option<H> {
    let mut search = HeadSearch::default();
    let mut parse = |end: usize| match search.parse::<H>(&input[..end], limits) {
        Ok(head) => Ok(head),
        Err(error) => Err(error.kind()),
    };
    let stepped = (1..=input.len())
        .map(&mut parse)
        .find(|r| !matches!(r, Ok(None)));
    let stepped = stepped.unwrap_or(Ok(None));
    let whole = HeadSearch::default().parse::<H>(input, limits);
    match (stepped, whole) {
        (Ok(Some((_, stepped))), Ok(Some((head, whole)))) => {
            assert_eq!(stepped, whole);
            assert!(whole <= limits.head_bytes);
            Some(head)
        }
        (Ok(None), Ok(None)) => None,
        (Err(stepped), Err(whole)) => {
            // Beyond the limit it depends on the pieces what is found first.
            assert!(stepped == whole.kind() || input.len() > limits.head_bytes);
            None
        }
        // Blank lines are waited out, and only then looked at.
        (Ok(None), Err(_)) if input.iter().all(|b| b"\r\n".contains(b)) => None,
        (stepped, whole) => panic!(
            "{:?} byte by byte, {:?} whole",
            stepped.map(|head| head.map(|(_, size)| size)),
            whole.map(|head| head.map(|(_, size)| size))
        ),
    }
}

fn request_survives_writing(request: &Request<()>) {
    let encode = |head: &Request<()>| {
        let request = head.clone().map(|()| Bytes::new());
        encode::request(&request, encode::Form::Origin)
    };
    let Ok(written) = encode(request) else {
        return;
    };
    let again: Request<()> = parse(&written.head);
    assert_eq!(again.method(), request.method());
    assert_eq!(again.version(), request.version());
    assert_eq!(again.uri().path(), request.uri().path());
    assert_eq!(again.uri().query(), request.uri().query());
    if request.method() == Method::CONNECT {
        assert_eq!(again.uri().host(), request.uri().host());
        assert_eq!(again.uri().port_u16(), request.uri().port_u16());
    }
    headers_survive(request.headers(), again.headers());
    // The peer expects what we go on to write, if it knows the codings. Any Host is written.
    let mut hosted = again.clone();
    hosted
        .headers_mut()
        .insert(HOST, HeaderValue::from_static("h"));
    let expected = of_request(&hosted, Mentioned::among(hosted.headers())).or_else(|error| {
        match error.kind() {
            ErrorKind::NotSupported => Ok(Framing::Chunked),
            kind => Err(kind),
        }
    });
    assert_eq!(expected, Ok(written.announced.then));
    assert_eq!(
        persists(again.version(), again.headers()),
        written.announced.persists
    );
    // Nothing is left to add.
    let twice = encode(&again).map(|twice| twice.head);
    assert_eq!(twice.ok(), Some(written.head));
}

fn response_survives_writing(response: &Response<()>) {
    let encode = |head: &Response<()>| {
        encode::response(
            &head.clone().map(|()| Bytes::new()),
            &encode::Additions::default(),
        )
    };
    let Ok(written) = encode(response) else {
        return;
    };
    let again: Response<()> = parse(&written.head);
    assert_eq!(again.status(), response.status());
    assert_eq!(again.version(), response.version());
    let reason = |response: &Response<()>| response.extensions().get::<Reason>().cloned();
    assert_eq!(reason(&again), reason(response));
    headers_survive(response.headers(), again.headers());
    // Before anything of a tunnel there is no body.
    let expected = match of_response(&again, Asked::Other) {
        Ok(Framing::Tunnel) => Some(Framing::None),
        expected => expected.ok(),
    };
    assert_eq!(expected, Some(written.announced.then));
    let twice = encode(&again).map(|twice| twice.head);
    assert_eq!(twice.ok(), Some(written.head));
}

/// The head that is all of `written`.
fn parse<H: Head>(written: &[u8]) -> H {
    match HeadSearch::default().parse::<H>(written, &wide()) {
        Ok(Some((head, size))) if size == written.len() => head,
        Ok(_) => panic!("{} is not one head", written.escape_ascii()),
        Err(error) => panic!("{}: {error}", written.escape_ascii()),
    }
}

/// What is delivered names the host of its target, and is refused if it names none.
fn host_is_of_the_target(mut request: Request<()>) {
    let taken = of_request(&request, Mentioned::among(request.headers())).is_ok();
    take_host_from_target(&mut request);
    let host = request.headers().get(HOST);
    match request.uri().authority() {
        Some(authority) if *request.method() != Method::CONNECT => {
            assert_eq!(
                host.map(HeaderValue::as_bytes),
                Some(authority.as_str().as_bytes())
            );
        }
        None if taken && request.uri().path() != "*" => {
            assert!(host.is_none_or(|host| !host.is_empty()));
        }
        _ => {}
    }
}

/// Whoever writes a head may add these two, and nothing else.
fn headers_survive(before: &HeaderMap, after: &HeaderMap) {
    let same = |name| before.get_all(name).iter().eq(after.get_all(name));
    assert!(before.keys().all(same));
    let mut added = after.keys().filter(|name| !before.contains_key(*name));
    assert!(added.all(|name| [HOST, CONTENT_LENGTH].contains(name)));
}
