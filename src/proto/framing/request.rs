//! The body of a request, and the host that it is for.

use http::header::HOST;
use http::{HeaderValue, Request, Uri, Version};

use super::declared::{Declared, declared, expect_chunked_alone, refused, refused_value};
use super::{Framing, of_length};
use crate::error::Error;
use crate::proto::authority::HostPort;
use crate::proto::mentioned::Mentioned;

/// The body of a received request, with what is known to be among its headers.
///
/// # Errors
///
/// `Protocol`, with a detail that says what is wrong with the head; `NotSupported`, with one that names
/// the coding, for a body that is in order but is coded before it is chunked.
pub(crate) fn of_request<B>(head: &Request<B>, mentioned: Mentioned) -> Result<Framing, Error> {
    check_host(head)?;
    if !mentioned.declares_body() {
        return Ok(Framing::None);
    }
    match declared(head.version(), head.headers())? {
        Declared::Nothing => Ok(Framing::None),
        Declared::Length(length) => Ok(of_length(length)),
        Declared::Chunked => expect_chunked_alone(head.headers()).map(|()| Framing::Chunked),
        // A request cannot end with the stream: the answer has to come back on it.
        Declared::Coded => Err(refused("the body of the request has no end")),
    }
}

/// RFC 9112 section 3.2: two servers that take different lines of two would serve different sites.
fn check_host<B>(head: &Request<B>) -> Result<(), Error> {
    // It is one of the first mostly.
    let mut hosts = head.headers().iter().filter(|(name, _)| *name == HOST);
    let host = match (hosts.next(), hosts.next()) {
        (None, _) if head.version() == Version::HTTP_11 => {
            return Err(refused("there is no Host"));
        }
        (None, _) => return Ok(()),
        (Some(_), Some(_)) => return Err(refused("there are two values of Host")),
        (Some((_, host)), None) => host.as_bytes(),
    };
    match HostPort::parse(host) {
        // A path is on some host (RFC 9110 section 4.2.1); the other targets name theirs, or are all
        // of the server.
        _ if host.is_empty() && !is_path(head.uri()) => Ok(()),
        Some(parsed) if !parsed.host.is_empty() => Ok(()),
        Some(_) => Err(refused("Host is empty")),
        None => Err(refused_value(
            "Host is not a host with or without a port",
            host,
        )),
    }
}

fn is_path(target: &Uri) -> bool {
    target.authority().is_none() && target.path() != "*"
}

/// A target with an authority says where the request goes, and not Host (RFC 9112 section 3.2.2): this
/// makes them say the same. The authority of a CONNECT is where the tunnel goes, and stays apart.
pub(crate) fn take_host_from_target<B>(head: &mut Request<B>) {
    let (Some(_), Some(authority)) = (head.uri().scheme(), head.uri().authority()) else {
        return;
    };
    if let Ok(host) = HeaderValue::from_str(authority.as_str()) {
        head.headers_mut().insert(HOST, host);
    }
}
