//! How much of the file the server has, and what is left to be sent.
//!
//! The fields are those of `http_aio::Uploads`. A part is sent only to a server that has said how much it has of what
//! has this tag: others would take it for the whole (RFC 9110 section 14.5).

use http_aio::http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http_aio::http::{Method, Request, Response, StatusCode};

use crate::common::ending::{Ending, Status};
use crate::common::failure::{Failure, Phase};
use crate::common::target::Target;
use crate::context::Context;

const UPLOAD_TAG: HeaderName = HeaderName::from_static("upload-tag");
const UPLOAD_OFFSET: HeaderName = HeaderName::from_static("upload-offset");

/// What one request sends of the file.
#[derive(Debug, Default)]
pub(crate) struct Share {
    /// Where it begins.
    pub(crate) from: u64,
    /// What tells this file from others.
    tag: Option<String>,
}

impl Share {
    /// Asks the server how much it has. It has nothing if it does not know.
    ///
    /// # Errors
    ///
    /// Nobody knows now, and may know later.
    pub(crate) fn ask(
        context: &Context<'_>,
        target: &Target,
        headers: &HeaderMap,
    ) -> Result<Self, Ending> {
        let total = context.source.len.unwrap_or(0);
        let Some(tag) = context.source.tag()? else {
            return Ok(Self::default());
        };
        context.progress.say("asking how much is there");
        let head = question(context, target, headers, &tag)?;
        let status = Status::from(&head);
        if status.is_transient() {
            return Err(Ending::Refused(status));
        }
        let has = count(&head, &tag).filter(|_| status.is_success());
        let from = match has {
            Some(from) if from <= total => from,
            _ => 0,
        };
        if from > 0 {
            let note = format!("the server has {from} of {total} bytes: sending the rest");
            context.console.note(&note);
        }
        let tag = Some(tag);
        Ok(Self { from, tag })
    }

    /// Says which part of `total` bytes it is.
    pub(crate) fn describe(&self, headers: &mut HeaderMap, total: u64) {
        let Some(tag) = &self.tag else {
            return;
        };
        let range = match self.from {
            0 => None,
            from if from == total => Some(format!("bytes */{total}")),
            from => Some(format!("bytes {from}-{}/{total}", total - 1)),
        };
        let range = range.map(|range| (header::CONTENT_RANGE, range));
        let tag = (UPLOAD_TAG, tag.clone());
        for (name, value) in range.into_iter().chain([tag]) {
            // Digits and letters always are a header's value.
            if let Ok(value) = HeaderValue::try_from(value) {
                headers.insert(name, value);
            }
        }
    }
}

/// Whether an answer says that the server has another count by now than it has said.
pub(crate) fn is_recount<B>(head: &Response<B>) -> bool {
    head.status() == StatusCode::CONFLICT && head.headers().contains_key(UPLOAD_OFFSET)
}

fn question(
    context: &Context<'_>,
    target: &Target,
    headers: &HeaderMap,
    tag: &str,
) -> Result<Response<()>, Failure> {
    let mut request = Request::new(());
    *request.method_mut() = Method::HEAD;
    *request.uri_mut() = target.uri.clone();
    *request.headers_mut() = headers.clone();
    let ours = request.headers_mut();
    ours.insert(header::CONNECTION, HeaderValue::from_static("close"));
    if let Ok(tag) = HeaderValue::try_from(tag) {
        ours.insert(UPLOAD_TAG, tag);
    }
    context.console.request(&request);
    let answer = context.client.transact(context.task.aio(), request).wait();
    let answer = answer.map_err(|error| {
        let phase = match error.count() {
            0 if target.is_https() => Phase::Securing,
            0 => Phase::Connecting,
            _ => Phase::Waiting,
        };
        Failure::of(&error, phase)
    })?;
    context.console.response(&answer);
    Ok(answer.map(drop))
}

/// How much the server has of what has this tag, if it says so.
fn count<B>(head: &Response<B>, tag: &str) -> Option<u64> {
    let is_agreed = head.headers().get(UPLOAD_TAG)? == tag;
    let count = head.headers().get(UPLOAD_OFFSET)?.to_str().ok()?;
    let is_plain = count.bytes().all(|byte| byte.is_ascii_digit());
    count.parse().ok().filter(|_| is_agreed && is_plain)
}
