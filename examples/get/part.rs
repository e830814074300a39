//! A body on its way into the output, over as many attempts as it takes.

use http_aio::bytes::Bytes;
use http_aio::http::header::{self, HeaderMap, HeaderValue};
use http_aio::http::{Response, StatusCode};

use crate::sink::Item;

/// Where it goes, and how much of it is there. All are numbers of bytes.
#[derive(Debug)]
pub(crate) struct Part {
    /// Where in the output it begins, with its head, if that is wanted too.
    start: u64,
    /// Of the head that was given to the output.
    head: u64,
    /// Of the body that is there.
    pub(crate) have: u64,
    /// Of that, what was there at the beginning.
    had: u64,
    /// Of the bodies before it, in the same output.
    before: u64,
    /// What tells whether the rest belongs to what is there, if anything does.
    validator: Option<HeaderValue>,
    /// Whether anything went to the output.
    pub(crate) has_begun: bool,
}

impl Part {
    /// The first body of an output, of which so much is there.
    pub(crate) fn first(have: u64) -> Self {
        Self {
            start: 0,
            head: 0,
            have,
            had: have,
            before: 0,
            validator: None,
            has_begun: false,
        }
    }

    /// The body behind this one.
    pub(crate) fn next(&self) -> Self {
        Self {
            start: self.start + self.head + self.have,
            before: self.before + self.have - self.had,
            ..Self::first(0)
        }
    }

    /// Asks for the rest, if there is a beginning.
    pub(crate) fn ask(&self, headers: &mut HeaderMap) {
        if self.have == 0 {
            return;
        }
        // Digits always are a header's value.
        if let Ok(range) = HeaderValue::try_from(format!("bytes={}-", self.have)) {
            headers.insert(header::RANGE, range);
        }
        if let Some(validator) = &self.validator {
            headers.insert(header::IF_RANGE, validator.clone());
        }
    }

    /// Whether something tells if the rest belongs to what is there.
    pub(crate) fn is_valid(&self) -> bool {
        self.validator.is_some()
    }

    /// The body begins again.
    pub(crate) fn forget(&mut self) {
        (self.have, self.had, self.head) = (0, 0, 0);
    }

    /// The body of this answer begins at its beginning, behind `head` in the output.
    pub(crate) fn start_over<B>(&mut self, response: &Response<B>, head: Option<&Bytes>) -> Item {
        self.forget();
        let item = self.place();
        self.head = head.map_or(0, |head| head.len() as u64);
        self.validator = match response.status() {
            StatusCode::OK => validator(response.headers()),
            _ => None,
        };
        item
    }

    /// Where the rest of the body goes.
    pub(crate) fn place(&mut self) -> Item {
        self.has_begun = true;
        Item::Start {
            at: self.start + self.head + self.have,
            written: self.before + self.have - self.had,
        }
    }
}

/// For If-Range (RFC 9110 section 13.1.5), which wants a strong one.
fn validator(headers: &HeaderMap) -> Option<HeaderValue> {
    let tag = headers.get(header::ETAG);
    let tag = tag.filter(|tag| tag.as_bytes().starts_with(b"\""));
    tag.or(headers.get(header::LAST_MODIFIED)).cloned()
}
