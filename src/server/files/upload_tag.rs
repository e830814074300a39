//! How a client names what it uploads, and how much of that is there: the fields of uploads that are continued.

use http::header::{HeaderMap, HeaderName, HeaderValue};
use http::{Response, StatusCode};

use crate::server::answer::Unfit;

pub(super) const UPLOAD_TAG: HeaderName = HeaderName::from_static("upload-tag");
pub(super) const UPLOAD_OFFSET: HeaderName = HeaderName::from_static("upload-offset");

/// The longest, so that there is room for the name of a file beside it.
const MOST: usize = 64;

/// What a client calls the content that it uploads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct UploadTag(String);

impl UploadTag {
    /// # Errors
    ///
    /// 400 for what is no tag, which could be the name of another file.
    pub(super) fn of(headers: &HeaderMap) -> Result<Option<Self>, Unfit> {
        let mut values = headers.get_all(UPLOAD_TAG).iter();
        let Some(value) = values.next() else {
            return Ok(None);
        };
        let tag = value.to_str().unwrap_or_default();
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
        let is_tag = (1..=MOST).contains(&tag.len()) && tag.bytes().all(is_plain);
        match (is_tag, values.next()) {
            (true, None) => Ok(Some(Self(tag.to_owned()))),
            _ => Err(StatusCode::BAD_REQUEST.into()),
        }
    }

    pub(super) fn as_str(&self) -> &str {
        &self.0
    }

    /// The fields that say that so many bytes are there.
    pub(super) fn fields(&self, count: u64) -> [(HeaderName, HeaderValue); 2] {
        let tag = HeaderValue::try_from(&self.0);
        let tag = tag.unwrap_or(HeaderValue::from_static("")); // It is text.
        [(UPLOAD_TAG, tag), (UPLOAD_OFFSET, count.into())]
    }

    /// The answer that says so.
    pub(super) fn response<B: Default>(&self, status: StatusCode, count: u64) -> Response<B> {
        let mut response = Response::new(B::default());
        *response.status_mut() = status;
        response.headers_mut().extend(self.fields(count));
        response
    }

    /// The error that says so.
    pub(super) fn unfit(&self, count: u64) -> Unfit {
        let mut unfit = Unfit::from(StatusCode::CONFLICT);
        unfit.fields.extend(self.fields(count));
        unfit
    }
}
