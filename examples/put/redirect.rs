//! Redirections: where the same request is sent again.
//!
//! A [`Client`](http_aio::Client) follows them by itself where bodies are attached to requests. This one
//! comes in pieces.

use http_aio::http::header::{AUTHORIZATION, COOKIE, HOST, LOCATION};
use http_aio::http::{HeaderMap, Response};
use url::Url;

use crate::common::exit::Exit;
use crate::common::failure::Failure;
use crate::common::target::Target;

/// Whether this is one that keeps method and body (RFC 9110 section 15.4).
pub(crate) fn is_one<B>(head: &Response<B>) -> bool {
    let keeps = matches!(head.status().as_u16(), 301 | 302 | 307 | 308);
    keeps
        && head
            .headers()
            .get(LOCATION)
            .is_some_and(|to| !to.is_empty())
}

/// Where it leads. What the next server must not know is removed from the headers.
pub(crate) fn follow<B>(
    target: &Target,
    head: &Response<B>,
    headers: &mut HeaderMap,
) -> Result<Target, Failure> {
    let mut locations = head.headers().get_all(LOCATION).iter();
    let (first, second) = (locations.next(), locations.next());
    let location = first
        .filter(|_| second.is_none())
        .and_then(|to| to.to_str().ok());
    let here = Url::parse(&target.uri.to_string()).ok();
    let there = here
        .as_ref()
        .zip(location)
        .and_then(|(here, to)| here.join(to).ok());
    let (Some(here), Some(mut there)) = (here, there) else {
        return Err(nowhere("it is not a URL"));
    };
    there.set_fragment(None);
    // A server must not choose who we say we are.
    let _ = there.set_username("");
    let _ = there.set_password(None);
    if here.origin() != there.origin() {
        for name in [AUTHORIZATION, COOKIE, HOST] {
            headers.remove(name);
        }
    }
    Target::parse(there.as_str()).map_err(|why| nowhere(&why))
}

fn nowhere(why: &str) -> Failure {
    Failure::new(
        Exit::Reply,
        format!("the redirection cannot be followed: {why}"),
    )
}
