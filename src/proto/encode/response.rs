//! The head of a response (RFC 9112 section 4).

use bytes::Bytes;
use http::{Response, StatusCode, Version};

use super::checked::{put_text, unusable};
use super::{Additions, Announced, Encoded, ROOM, put_fields, put_length, put_version};
use crate::error::Error;
use crate::proto::Reason;
use crate::proto::framing::{self, Framing};

/// Head of a response. `Content-Length` is added from the attached body, 0 if there is none and none
/// is declared: a body that ends with the connection is announced by `Connection: close`. `additions` are lines
/// that the response does not have.
///
/// # Errors
///
/// `InvalidInput`, with a detail that says what of it must not be written.
pub(crate) fn response(
    response: &Response<Bytes>,
    additions: &Additions,
) -> Result<Encoded, Error> {
    let mut head = Vec::with_capacity(ROOM);
    let announced = put_response(&mut head, response, additions)?;
    Ok(Encoded {
        head: head.into(),
        announced,
    })
}

/// Puts the head of a response behind what is there, as `response`.
pub(crate) fn put_response(
    head: &mut Vec<u8>,
    response: &Response<Bytes>,
    additions: &Additions,
) -> Result<Announced, Error> {
    let (status, headers) = (response.status(), response.headers());
    let version = response.version();
    let bodiless = status.is_informational()
        || matches!(status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED);
    if bodiless && !response.body().is_empty() {
        return Err(bodiless_status(status, "has no body, and one is attached"));
    }
    put_status_line(head, response)?;
    let mentioned = put_fields(head, headers)?;
    let declares = mentioned.declares_body();
    if bodiless && status != StatusCode::NOT_MODIFIED && declares {
        return Err(bodiless_status(status, "declares no body"));
    }
    let persists = framing::persists_as(version, headers, mentioned);
    let persists = persists && !additions.announce_close();
    additions.put(head, mentioned);
    let needs_length = (persists || additions.always_length) && !bodiless;
    let body = response.body();
    let then = match put_length(head, version, headers, mentioned, body, needs_length)? {
        _ if bodiless => Framing::None,
        Framing::None if !needs_length && body.is_empty() && !declares => Framing::UntilEnd,
        then => then,
    };
    head.extend_from_slice(b"\r\n");
    Ok(Announced {
        then,
        // An interim response says nothing about what comes after the final one.
        persists: persists || status.is_informational(),
        assumes_length: needs_length && !declares && !additions.always_length && body.is_empty(),
    })
}

/// RFC 9112 section 4.
fn put_status_line(head: &mut Vec<u8>, response: &Response<Bytes>) -> Result<(), Error> {
    let (version, status) = (response.version(), response.status());
    let reason = response.extensions().get::<Reason>();
    if (version, status) == (Version::HTTP_11, StatusCode::OK) && reason.is_none() {
        head.extend_from_slice(b"HTTP/1.1 200 OK\r\n"); // As most are.
        return Ok(());
    }
    put_version(head, version)?;
    head.push(b' ');
    head.extend_from_slice(status.as_str().as_bytes());
    head.push(b' ');
    match reason {
        Some(reason) => put_text(head, &reason.0, "the reason must not be written")?,
        None => head.extend_from_slice(status.canonical_reason().unwrap_or_default().as_bytes()),
    }
    head.extend_from_slice(b"\r\n");
    Ok(())
}

fn bodiless_status(status: StatusCode, what: &'static str) -> Error {
    unusable()
        .with_words(move |f| write!(f, "a response with the status {} {what}", status.as_u16()))
}

const CLOSE: &[u8] = b"connection: close\r\n\r\n";

/// The head of a response, announcing the close (RFC 9112 section 9.6).
pub(crate) fn with_close(head: &Bytes) -> Bytes {
    let lines = head.strip_suffix(b"\r\n").unwrap_or(head);
    let mut closing = Vec::with_capacity(lines.len() + CLOSE.len());
    closing.extend_from_slice(lines);
    closing.extend_from_slice(CLOSE);
    closing.into()
}

/// The head of a response without its transfer coding.
pub(crate) fn without_coding(head: &Bytes) -> Bytes {
    without(head, b"transfer-encoding:")
}

/// The head of a response without its length.
pub(crate) fn without_length(head: &Bytes) -> Bytes {
    without(head, b"content-length:")
}

/// A head without the lines that begin so.
fn without(head: &Bytes, name: &[u8]) -> Bytes {
    let mut kept = Vec::with_capacity(head.len());
    for line in head.split_inclusive(|&byte| byte == b'\n') {
        let start = line.get(..name.len()).unwrap_or_default();
        if !start.eq_ignore_ascii_case(name) {
            kept.extend_from_slice(line);
        }
    }
    kept.into()
}
