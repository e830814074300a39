//! Who answers a request: a handler, or the server itself.

use http::header::{self, HeaderValue};
use http::{Request, StatusCode, Version};

use super::exchange::Matched;
use super::handler::Handler;
use super::routing::{Allow, Found, Target};
use super::shared::Shared;
use crate::proto::mentioned::Mentioned;

/// Who answers.
pub(super) enum Respondent {
    Handler(Handler, Matched),
    /// Nobody but the server: with this status, and these methods where they belong to it.
    Page(StatusCode, Option<HeaderValue>),
}

pub(super) fn respondent(
    shared: &Shared,
    request: &Request<()>,
    mentioned: Mentioned,
) -> Respondent {
    if mentioned.expect && has_unknown_expectation(request) {
        return Respondent::Page(StatusCode::EXPECTATION_FAILED, None);
    }
    let Ok(target) = Target::parse(request.method(), request.uri().path()) else {
        return Respondent::Page(StatusCode::BAD_REQUEST, None);
    };
    let router = shared.router.read();
    let host = match router.has_hosts() {
        true => request.headers().get(header::HOST),
        false => None,
    };
    let host = host.and_then(|host| host.to_str().ok()).unwrap_or_default();
    match router.find(request.method(), host, &target) {
        Found::Handler {
            handler,
            params,
            rest,
            ..
        } => Respondent::Handler(handler, Matched { params, rest }),
        Found::NotFound => Respondent::Page(StatusCode::NOT_FOUND, None),
        Found::MethodNotAllowed { allow } => {
            Respondent::Page(StatusCode::METHOD_NOT_ALLOWED, value(&allow))
        }
        Found::Options { allow } => {
            let status = match target {
                Target::Server => StatusCode::OK,
                Target::Path(_) | Target::Tunnel => StatusCode::NO_CONTENT,
            };
            Respondent::Page(status, value(&allow))
        }
        Found::NotImplemented => Respondent::Page(StatusCode::NOT_IMPLEMENTED, None),
    }
}

fn value(allow: &Allow) -> Option<HeaderValue> {
    HeaderValue::try_from(allow.to_string()).ok()
}

/// RFC 9110 section 10.1.1: there is one expectation.
fn has_unknown_expectation(request: &Request<()>) -> bool {
    let mut expectations = request.headers().get_all(header::EXPECT).into_iter();
    request.version() == Version::HTTP_11
        && expectations.any(|value| !value.as_bytes().eq_ignore_ascii_case(b"100-continue"))
}
