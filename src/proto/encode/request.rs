//! The head of a request (RFC 9112 section 3).

use bytes::Bytes;
use http::header::{CONTENT_LENGTH, EXPECT, HOST, TRANSFER_ENCODING};
use http::uri::Authority;
use http::{HeaderMap, HeaderValue, Method, Request, Uri, Version};

use super::checked::{put_text, put_token, put_visible, refused};
use super::{Announced, Encoded, ROOM, put_fields, put_length, put_version};
use crate::error::Error;
use crate::proto::framing::{self, Framing};

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
    let mut head = Vec::with_capacity(ROOM);
    put_token(
        &mut head,
        method.as_str().as_bytes(),
        "the method is not a token",
    )?;
    head.push(b' ');
    if let (Form::Absolute(_), Some(scheme), Some(authority)) =
        (form, uri.scheme_str(), uri.authority())
    {
        head.extend_from_slice(scheme.as_bytes());
        head.extend_from_slice(b"://");
        head.extend_from_slice(without_credentials(authority).as_bytes());
    }
    put_target(&mut head, method, uri)?;
    head.push(b' ');
    put_version(&mut head, version)?;
    head.extend_from_slice(b"\r\n");
    let needs_host = uri.authority().is_some() || version == Version::HTTP_11;
    if needs_host && !headers.contains_key(HOST) {
        let host = uri.authority().map_or("", without_credentials);
        head.extend_from_slice(b"host: ");
        put_visible(&mut head, host.as_bytes(), "the host must not be written")?;
        head.extend_from_slice(b"\r\n");
    }
    let mentioned = put_fields(&mut head, headers)?;
    if let Form::Absolute(Some(authorization)) = form {
        head.extend_from_slice(b"proxy-authorization: ");
        put_text(
            &mut head,
            authorization.as_bytes(),
            "the proxy's credentials must not be written",
        )?;
        head.extend_from_slice(b"\r\n");
    }
    // A request of these methods without a length has an empty body; say so (RFC 9110 section 8.6).
    let expects_body = matches!(*method, Method::POST | Method::PUT | Method::PATCH);
    let body = request.body();
    let then = match put_length(&mut head, version, headers, mentioned, body, expects_body)? {
        Framing::UntilEnd => return Err(refused("the last transfer coding is not chunked")),
        then => then,
    };
    head.extend_from_slice(b"\r\n");
    Ok(Encoded {
        head: head.into(),
        announced: Announced {
            then,
            persists: framing::persists_as(version, headers, mentioned),
            assumes_length: false,
        },
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

/// RFC 9112 section 3.2: authority-form for CONNECT, otherwise origin-form or `*`.
fn put_target(head: &mut Vec<u8>, method: &Method, uri: &Uri) -> Result<(), Error> {
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
        [b'?', ..] => head.push(b'/'),
        _ => {}
    }
    put_visible(head, target.as_bytes(), "the target must not be written")
}

/// Credentials in a URI are not for the wire (RFC 9110 section 4.2.4).
fn without_credentials(authority: &Authority) -> &str {
    authority.as_str().rsplit('@').next().unwrap_or_default()
}
