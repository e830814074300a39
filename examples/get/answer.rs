//! A request, and the head of its answer.

use http_aio::bytes::Bytes;
use http_aio::http::{Request, Response};
use http_aio::{Body, BodyFraming, Error};

use crate::common::failure::{Failure, Phase};
use crate::context::Context;

/// One whose body is still to come.
pub(crate) struct Answer {
    pub(crate) head: Response<()>,
    pub(crate) body: Body,
    /// The length of the body, if the head says it.
    pub(crate) len: Option<u64>,
}

/// Why there is none.
pub(crate) struct Unanswered {
    pub(crate) failure: Failure,
    pub(crate) seen: Seen,
}

/// What the server knows of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Seen {
    Nothing,
    Perhaps,
}

pub(crate) fn ask(context: &Context<'_>, request: Request<Bytes>) -> Result<Answer, Unanswered> {
    context.console.request(&request);
    let is_secure = request.uri().scheme_str() == Some("https");
    let len = request.body().len() as u64;
    let aio = context.task.aio();
    let answer = context.client.transact_streaming(aio, request).wait();
    let answer = answer.map_err(|error| Unanswered {
        failure: Failure::of(&error, phase(&error, len, is_secure)),
        // Where a redirection led is not all: then the count is not 0.
        seen: match error.count() {
            0 => Seen::Nothing,
            _ => Seen::Perhaps,
        },
    })?;
    context.console.response(&answer);
    let (head, body) = answer.into_parts();
    let len = match body.framing() {
        BodyFraming::None => Some(0),
        BodyFraming::Exact(len) => Some(len),
        BodyFraming::Chunked | BodyFraming::UntilEnd => None,
    };
    let head = Response::from_parts(head, ());
    Ok(Answer { head, body, len })
}

/// How far a request with so long a body came.
fn phase(error: &Error, len: u64, is_secure: bool) -> Phase {
    match error.count() {
        0 if is_secure => Phase::Securing,
        0 => Phase::Connecting,
        count if count < len => Phase::Sending,
        _ => Phase::Waiting,
    }
}
