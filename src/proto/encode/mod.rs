//! Message heads to bytes (RFC 9112 sections 2 to 5). Every part is checked before a byte is
//! produced: what is refused here was never sent.
//!
//! The types of the `http` crate keep most of what is illegal out by themselves. The checks do not
//! rely on that: a header smuggled past a type would be a request smuggled past a server.

mod additions;
mod checked;
mod request;
mod response;

use bytes::Bytes;
use http::header::CONTENT_LENGTH;
use http::{HeaderMap, Version};

pub(crate) use self::additions::{Additions, Date, Persistence};
use self::checked::{put_text, put_token, refused, unusable};
pub(crate) use self::request::{Form, expects_continue, needs_more_body, request};
pub(crate) use self::response::{
    put_response, response, with_close, without_coding, without_length,
};
use super::framing::{self, Declared, Framing};
use super::mentioned::Mentioned;
use crate::error::{Error, ErrorKind};

/// A head as bytes, and what it announces.
#[derive(Debug)]
pub(crate) struct Encoded {
    pub(crate) head: Bytes,
    pub(crate) announced: Announced,
}

/// What the head of a message says about what follows it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Announced {
    /// The body that is to be written after the attached one.
    pub(crate) then: Framing,
    pub(crate) persists: bool,
    /// Of a response: it says that its body is empty, because none is attached or declared.
    pub(crate) assumes_length: bool,
}

/// Most heads are smaller.
const ROOM: usize = 256;

/// What is wrong with a header that has a byte such as CR, LF or NUL.
const VALUE: &str = "the value of this header must not be written";

fn put_version(head: &mut Vec<u8>, version: Version) -> Result<(), Error> {
    head.extend_from_slice(match version {
        Version::HTTP_11 => b"HTTP/1.1",
        Version::HTTP_10 => b"HTTP/1.0",
        _ => {
            return Err(unusable().with_words(move |f| {
                write!(
                    f,
                    "the version is {version:?}, and not HTTP/1.0 or HTTP/1.1"
                )
            }));
        }
    });
    Ok(())
}

/// All fields of a head, and which of them matter for its framing: so they need not be looked up one by one.
fn put_fields(head: &mut Vec<u8>, headers: &HeaderMap) -> Result<Mentioned, Error> {
    if headers.is_empty() {
        return Ok(Mentioned::default());
    }
    put_headers(head, headers).map(|()| Mentioned::among(headers))
}

pub(in crate::proto) fn put_headers(head: &mut Vec<u8>, headers: &HeaderMap) -> Result<(), Error> {
    for (name, value) in headers {
        put_token(
            head,
            name.as_str().as_bytes(),
            "the name of a header is not a token",
        )?;
        head.extend_from_slice(b": ");
        put_text(head, value.as_bytes(), VALUE)
            .map_err(|error| error.with_detail_about(VALUE, name.as_str().as_bytes()))?;
        head.extend_from_slice(b"\r\n");
    }
    Ok(())
}

/// The attached body's length, and what is to follow the attached body. A declaration of the
/// caller's must agree with it, or the peer would see another message than the one that is sent.
fn put_length(
    head: &mut Vec<u8>,
    version: Version,
    headers: &HeaderMap,
    mentioned: Mentioned,
    body: &Bytes,
    needs_length: bool,
) -> Result<Framing, Error> {
    let length = body.len() as u64;
    if !mentioned.declares_body() {
        if length > 0 || needs_length {
            put_content_length(head, length);
        }
        return Ok(Framing::None);
    }
    // Strict with a length first: `declared` takes what a peer may send.
    let declared = declared_length(headers)?;
    let coding = framing::declared(version, headers);
    match coding.map_err(|error| error.with_kind(ErrorKind::InvalidInput))? {
        Declared::Chunked | Declared::Coded if length > 0 => Err(refused(
            "an attached body has a Content-Length, not a Transfer-Encoding",
        )),
        Declared::Chunked => Ok(Framing::Chunked),
        Declared::Coded => Ok(Framing::UntilEnd),
        Declared::Length(_) | Declared::Nothing => match declared {
            None | Some(0) if length == 0 => Ok(Framing::None),
            Some(declared) if length == 0 => Ok(Framing::Length(declared)),
            Some(declared) if declared == length => Ok(Framing::None),
            None | Some(_) => Err(unusable().with_words(move |f| {
                write!(
                    f,
                    "Content-Length is not {length}, the length of the attached body"
                )
            })),
        },
    }
}

fn put_content_length(head: &mut Vec<u8>, length: u64) {
    const NAME: &[u8] = b"content-length: ";
    // The digits are made from the last to the first, and the name goes before them.
    let mut line = *b"content-length: 00000000000000000000\r\n";
    let mut first = line.len() - 2;
    let mut rest = length;
    loop {
        first -= 1;
        line[first] = b'0' + (rest % 10) as u8;
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    let start = first - NAME.len();
    line[start..first].copy_from_slice(NAME);
    head.extend_from_slice(&line[start..]);
}

/// Once, only digits (RFC 9110 section 8.6), and as anybody would write it: peers do not agree about
/// the rest.
fn declared_length(headers: &HeaderMap) -> Result<Option<u64>, Error> {
    let mut declared = None;
    for value in headers.get_all(CONTENT_LENGTH) {
        let length: Option<u64> = value.to_str().ok().and_then(|text| text.parse().ok());
        // Digits alone, and no zero in front of others.
        let is_plain = matches!(value.as_bytes(), b"0" | [b'1'..=b'9', ..]);
        let length = length.filter(|_| is_plain);
        let length = length.ok_or_else(|| {
            unusable().with_detail_about("Content-Length is not a length", value.as_bytes())
        })?;
        if declared.is_some() {
            return Err(refused("there are two values of Content-Length"));
        }
        declared = Some(length);
    }
    Ok(declared)
}
