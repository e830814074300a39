//! Redirections (RFC 9110 section 15.4, the Fetch standard): the request that comes next.
//!
//! Nothing is remembered from hop to hop. Each request is made from the one before it, so a
//! credential that was left behind once does not come back, not even at the server that it was for.

mod location;
mod origin;
#[cfg(test)]
mod tests;

use bytes::Bytes;
use http::header::{
    AUTHORIZATION, COOKIE, EXPECT, HOST, HeaderName, LAST_MODIFIED, PROXY_AUTHORIZATION, TRAILER,
    TRANSFER_ENCODING,
};
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode};

use self::location::{location, resolve};
use self::origin::{same_authority, same_origin};
use crate::error::Error;

/// The request that a redirection asks for. `None`: the response is none, or says nothing that can
/// be followed (no `Location`).
///
/// `request` is the one that was answered, with an absolute URI. Its version and its extensions are
/// kept, and its body, shared, unless the method changes.
///
/// # Errors
///
/// `Protocol`, with a detail, if `Location` leads nowhere that a client of HTTP could go;
/// `InvalidInput` if the URI of the request is not absolute.
pub(crate) fn follow<B>(
    request: &Request<Bytes>,
    response: &Response<B>,
) -> Result<Option<Request<Bytes>>, Error> {
    // Whoever answers CONNECT is a proxy, which has no say in where a tunnel goes.
    if !is_redirection(response.status()) || request.method() == Method::CONNECT {
        return Ok(None);
    }
    let Some(location) = location(response.headers())? else {
        return Ok(None);
    };
    let (old, new) = (request.uri(), resolve(request.uri(), location)?);
    let mut next = request.clone();
    if becomes_get(request.method(), response.status()) {
        *next.method_mut() = Method::GET;
        *next.body_mut() = Bytes::new();
        remove(next.headers_mut(), |name, _| is_about_the_body(name));
    }
    if !same_authority(old, &new) {
        next.headers_mut().remove(HOST);
    }
    if !same_origin(old, &new) {
        remove(next.headers_mut(), is_credential);
    }
    *next.uri_mut() = new;
    Ok(Some(next))
}

fn is_redirection(status: StatusCode) -> bool {
    matches!(status.as_u16(), 301 | 302 | 303 | 307 | 308)
}

/// The table of the Fetch standard ("HTTP-redirect fetch", step 12).
fn becomes_get(method: &Method, status: StatusCode) -> bool {
    match status {
        StatusCode::MOVED_PERMANENTLY | StatusCode::FOUND => *method == Method::POST,
        StatusCode::SEE_OTHER => !matches!(*method, Method::GET | Method::HEAD),
        _ => false,
    }
}

/// What describes a body or announces it: a request that lost its body must not keep any of it.
fn is_about_the_body(name: &HeaderName) -> bool {
    name.as_str().starts_with("content-")
        || matches!(name.as_str(), "digest" | "repr-digest")
        || [EXPECT, LAST_MODIFIED, TRAILER, TRANSFER_ENCODING].contains(name)
}

/// What one origin may know and another may not. A caller who marks the value of any other header as
/// sensitive has said the same of it.
///
/// `Proxy-Authorization` is among them and not removed always: which proxy a request goes through
/// depends on its origin alone, so within one origin the same proxy gets it again.
fn is_credential(name: &HeaderName, value: &HeaderValue) -> bool {
    value.is_sensitive() || [AUTHORIZATION, COOKIE, PROXY_AUTHORIZATION].contains(name)
}

fn remove(headers: &mut HeaderMap, unwanted: impl Fn(&HeaderName, &HeaderValue) -> bool) {
    let names = headers.iter().filter(|(name, value)| unwanted(name, value));
    let names: Vec<_> = names.map(|(name, _)| name.clone()).collect();
    for name in names {
        headers.remove(name);
    }
}
