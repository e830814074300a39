//! Message heads to bytes (RFC 9112 sections 2 to 5). Every part is checked before a byte is
//! produced: what is refused here was never sent.
//!
//! The types of the `http` crate keep most of what is illegal out by themselves. The checks do not
//! rely on that: a header smuggled past a type would be a request smuggled past a server.

use bytes::{BufMut, Bytes, BytesMut};
use http::header::{CONTENT_LENGTH, EXPECT, HOST, TRANSFER_ENCODING};
use http::uri::Authority;
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, Uri, Version};

use super::framing::{self, Declared, Framing};
use super::{Reason, is_token};
use crate::error::{Error, ErrorKind};

/// A head as bytes, and what it announces.
#[derive(Debug)]
pub(crate) struct Encoded {
    pub(crate) head: Bytes,
    /// The body that is to be written after the attached one.
    pub(crate) then: Framing,
    pub(crate) persists: bool,
}

/// How a request names its target (RFC 9112 section 3.2).
#[derive(Clone, Copy, Debug, Default)]
pub(crate) enum Form<'a> {
    /// For the server itself: the path. For CONNECT, the authority.
    #[default]
    Origin,
    /// For a proxy: the whole URI, and what the proxy wants to know about us.
    Absolute(Option<&'a HeaderValue>),
}

/// Head of a request. `Host` is added from the target if the request has none, empty if the target
/// has no authority (RFC 9112 section 3.2); `Content-Length` from the attached body.
///
/// # Errors
///
/// `InvalidInput`, with a detail that says what of it must not be written.
pub(crate) fn request(request: &Request<Bytes>, form: Form<'_>) -> Result<Encoded, Error> {
    let (method, uri, headers) = (request.method(), request.uri(), request.headers());
    let version = request.version();
    if headers.get_all(HOST).iter().count() > 1 {
        return Err(refused("there are two values of Host"));
    }
    let mut head = BytesMut::with_capacity(256);
    put_token(
        &mut head,
        method.as_str().as_bytes(),
        "the method is not a token",
    )?;
    head.put_u8(b' ');
    if let (Form::Absolute(_), Some(scheme), Some(authority)) =
        (form, uri.scheme_str(), uri.authority())
    {
        head.put_slice(scheme.as_bytes());
        head.put_slice(b"://");
        head.put_slice(without_credentials(authority).as_bytes());
    }
    put_target(&mut head, method, uri)?;
    head.put_u8(b' ');
    put_version(&mut head, version)?;
    head.put_slice(b"\r\n");
    let needs_host = uri.authority().is_some() || version == Version::HTTP_11;
    if needs_host && !headers.contains_key(HOST) {
        let host = uri.authority().map_or("", without_credentials);
        head.put_slice(b"host: ");
        put_visible(&mut head, host.as_bytes(), "the host must not be written")?;
        head.put_slice(b"\r\n");
    }
    put_headers(&mut head, headers)?;
    if let Form::Absolute(Some(authorization)) = form {
        head.put_slice(b"proxy-authorization: ");
        put_text(
            &mut head,
            authorization.as_bytes(),
            "the proxy's credentials must not be written",
        )?;
        head.put_slice(b"\r\n");
    }
    // A request of these methods without a length has an empty body; say so (RFC 9110 section 8.6).
    let expects_body = matches!(*method, Method::POST | Method::PUT | Method::PATCH);
    let body = request.body();
    let then = match put_length(&mut head, version, headers, body, expects_body)? {
        Framing::UntilEnd => return Err(refused("the last transfer coding is not chunked")),
        then => then,
    };
    head.put_slice(b"\r\n");
    Ok(Encoded {
        head: head.freeze(),
        then,
        persists: framing::persists(version, headers),
    })
}

/// Whether the head declares a body that is not attached.
pub(crate) fn needs_more_body(request: &Request<Bytes>) -> bool {
    let headers = request.headers();
    let declares = headers.contains_key(TRANSFER_ENCODING)
        || headers
            .get(CONTENT_LENGTH)
            .is_some_and(|length| length != "0");
    request.body().is_empty() && declares
}

/// Whether the request asks for a 100 before its body (RFC 9110 section 10.1.1).
pub(crate) fn expects_continue(headers: &HeaderMap) -> bool {
    let mut expectations = headers.get_all(EXPECT).into_iter();
    expectations.any(|value| value.as_bytes().eq_ignore_ascii_case(b"100-continue"))
}

/// Head of a response. `Content-Length` is added from the attached body, 0 if there is none and none
/// is declared: a body that ends with the connection is announced by `Connection: close`.
///
/// # Errors
///
/// `InvalidInput`, with a detail that says what of it must not be written.
pub(crate) fn response(response: &Response<Bytes>) -> Result<Encoded, Error> {
    let (status, headers) = (response.status(), response.headers());
    let version = response.version();
    let bodiless = status.is_informational()
        || matches!(status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED);
    if bodiless && !response.body().is_empty() {
        return Err(refused("a response of this status has no body"));
    }
    let declares = headers.contains_key(CONTENT_LENGTH) || headers.contains_key(TRANSFER_ENCODING);
    if bodiless && status != StatusCode::NOT_MODIFIED && declares {
        return Err(refused("a response of this status declares no body"));
    }
    let mut head = BytesMut::with_capacity(256);
    put_version(&mut head, version)?;
    head.put_u8(b' ');
    head.put_slice(status.as_str().as_bytes());
    head.put_u8(b' ');
    match response.extensions().get::<Reason>() {
        Some(reason) => put_text(&mut head, &reason.0, "the reason must not be written")?,
        None => head.put_slice(status.canonical_reason().unwrap_or_default().as_bytes()),
    }
    head.put_slice(b"\r\n");
    put_headers(&mut head, headers)?;
    let persists = framing::persists(version, headers);
    let needs_length = persists && !bodiless;
    let then = match put_length(&mut head, version, headers, response.body(), needs_length)? {
        _ if bodiless => Framing::None,
        Framing::None if !needs_length && response.body().is_empty() && !declares => {
            Framing::UntilEnd
        }
        then => then,
    };
    head.put_slice(b"\r\n");
    Ok(Encoded {
        head: head.freeze(),
        then,
        // An interim response says nothing about what comes after the final one.
        persists: persists || status.is_informational(),
    })
}

/// RFC 9112 section 3.2: authority-form for CONNECT, otherwise origin-form or `*`.
fn put_target(head: &mut BytesMut, method: &Method, uri: &Uri) -> Result<(), Error> {
    let target = match uri.authority() {
        Some(authority) if *method == Method::CONNECT => without_credentials(authority),
        None if *method == Method::CONNECT => return Err(refused("CONNECT needs an authority")),
        _ => uri.path_and_query().map_or("/", |target| target.as_str()),
    };
    match target.as_bytes() {
        [] => return Err(refused("the target is empty")),
        // The host of `user@*` too.
        b"*" if *method != Method::OPTIONS => {
            return Err(refused("the target does not fit the method"));
        }
        [b'?', ..] => head.put_u8(b'/'),
        _ => {}
    }
    put_visible(head, target.as_bytes(), "the target must not be written")
}

/// Credentials in a URI are not for the wire (RFC 9110 section 4.2.4).
fn without_credentials(authority: &Authority) -> &str {
    authority.as_str().rsplit('@').next().unwrap_or_default()
}

fn put_version(head: &mut BytesMut, version: Version) -> Result<(), Error> {
    head.put_slice(match version {
        Version::HTTP_11 => b"HTTP/1.1",
        Version::HTTP_10 => b"HTTP/1.0",
        _ => return Err(refused("the version is not HTTP/1.0 or HTTP/1.1")),
    });
    Ok(())
}

pub(super) fn put_headers(head: &mut BytesMut, headers: &HeaderMap) -> Result<(), Error> {
    for (name, value) in headers {
        put_token(
            head,
            name.as_str().as_bytes(),
            "a header name is not a token",
        )?;
        head.put_slice(b": ");
        put_text(head, value.as_bytes(), "a header value must not be written")?;
        head.put_slice(b"\r\n");
    }
    Ok(())
}

/// The attached body's length, and what is to follow the attached body. A declaration of the
/// caller's must agree with it, or the peer would see another message than the one that is sent.
fn put_length(
    head: &mut BytesMut,
    version: Version,
    headers: &HeaderMap,
    body: &Bytes,
    needs_length: bool,
) -> Result<Framing, Error> {
    let length = body.len() as u64;
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
            None if length > 0 || needs_length => {
                head.put_slice(format!("content-length: {length}\r\n").as_bytes());
                Ok(Framing::None)
            }
            None | Some(0) if length == 0 => Ok(Framing::None),
            Some(declared) if length == 0 => Ok(Framing::Length(declared)),
            Some(declared) if declared == length => Ok(Framing::None),
            None | Some(_) => Err(refused(
                "Content-Length is not the length of the attached body",
            )),
        },
    }
}

/// Once, only digits (RFC 9110 section 8.6), and as anybody would write it: peers do not agree about
/// the rest.
fn declared_length(headers: &HeaderMap) -> Result<Option<u64>, Error> {
    let mut declared = None;
    for value in headers.get_all(CONTENT_LENGTH) {
        let length: Option<u64> = value.to_str().ok().and_then(|text| text.parse().ok());
        let length = length.filter(|length| value.as_bytes() == length.to_string().as_bytes());
        let length = length.ok_or_else(|| refused("Content-Length is not a length"))?;
        if declared.is_some() {
            return Err(refused("there are two values of Content-Length"));
        }
        declared = Some(length);
    }
    Ok(declared)
}

fn put_token(head: &mut BytesMut, bytes: &[u8], detail: &'static str) -> Result<(), Error> {
    put(head, bytes, is_token(bytes), detail)
}

/// Neither a control nor a space: what keeps a start line in three parts.
fn put_visible(head: &mut BytesMut, bytes: &[u8], detail: &'static str) -> Result<(), Error> {
    put(
        head,
        bytes,
        bytes.iter().all(|&b| b > b' ' && b != 0x7f),
        detail,
    )
}

/// `field-value` and `reason-phrase`: tab, space, visible and above ASCII. No CR, LF, NUL.
fn put_text(head: &mut BytesMut, bytes: &[u8], detail: &'static str) -> Result<(), Error> {
    put(
        head,
        bytes,
        bytes
            .iter()
            .all(|&b| b == b'\t' || (b >= b' ' && b != 0x7f)),
        detail,
    )
}

fn put(head: &mut BytesMut, bytes: &[u8], ok: bool, detail: &'static str) -> Result<(), Error> {
    if !ok {
        return Err(refused(detail));
    }
    head.put_slice(bytes);
    Ok(())
}

fn refused(detail: &'static str) -> Error {
    Error::new(ErrorKind::InvalidInput).with_detail(detail)
}
