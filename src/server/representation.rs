//! What a resource is sent as: the fields that describe it, and the head of the answer to a request that asks for a part
//! of it, or for all of it under conditions.

use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http::{Request, Response, StatusCode};

use super::answer::Unfit;
use crate::proto::conditions::{Selection, Validators, select};

/// What there is to be sent.
pub(super) struct Representation {
    pub(super) headers: HeaderMap,
    pub(super) validators: Validators,
    pub(super) size: u64,
}

impl Representation {
    /// What the request gets of it.
    pub(super) fn select(&self, request: &Request<()>) -> Selection {
        let Self {
            validators, size, ..
        } = self;
        select(request.method(), request.headers(), validators, *size)
    }

    /// The head of the answer that has this selection. Where that is several parts, it does not say how they are
    /// put together.
    ///
    /// # Errors
    ///
    /// There is nothing to be sent but the page of an error.
    pub(super) fn head(
        mut self,
        selection: &Selection,
        request: &Request<()>,
    ) -> Result<Response<()>, Unfit> {
        self.describe();
        let status = match selection {
            Selection::Whole => StatusCode::OK,
            Selection::Parts(parts) => {
                if request.headers().contains_key(header::IF_RANGE) {
                    self.keep_validators(); // The client has what describes the whole.
                }
                if let [range] = parts[..] {
                    let value = range.content_range(self.size);
                    self.headers.insert(header::CONTENT_RANGE, value);
                }
                StatusCode::PARTIAL_CONTENT
            }
            Selection::NotModified => {
                self.keep_validators();
                self.headers.remove(header::ACCEPT_RANGES);
                StatusCode::NOT_MODIFIED
            }
            Selection::PreconditionFailed => return Err(StatusCode::PRECONDITION_FAILED.into()),
            Selection::Unsatisfiable => return Err(self.unsatisfied()),
        };
        let mut response = Response::new(());
        *response.status_mut() = status;
        *response.headers_mut() = self.headers;
        Ok(response)
    }

    fn describe(&mut self) {
        if let Some(tag) = &self.validators.etag {
            self.headers.insert(header::ETAG, tag.value().clone());
        }
        let modified = self.validators.modified.and_then(|it| it.at.text());
        if let Some(Ok(date)) = modified.map(|date| HeaderValue::from_bytes(&date)) {
            self.headers.insert(header::LAST_MODIFIED, date);
        }
        let bytes = HeaderValue::from_static("bytes");
        self.headers.insert(header::ACCEPT_RANGES, bytes);
    }

    /// For those who ask for what is not there: they are told how long it is.
    fn unsatisfied(&self) -> Unfit {
        let mut unfit = Unfit::from(StatusCode::RANGE_NOT_SATISFIABLE);
        let length = HeaderValue::try_from(format!("bytes */{}", self.size));
        let length = length.map(|length| (header::CONTENT_RANGE, length));
        unfit.fields.extend(length);
        unfit
    }

    /// Leaves what a cache needs to know the representation again (RFC 9110 sections 15.3.7 and 15.4.5).
    fn keep_validators(&mut self) {
        const KEPT: [HeaderName; 8] = [
            header::ACCEPT_RANGES,
            header::CACHE_CONTROL,
            header::CONTENT_LOCATION,
            header::DATE,
            header::ETAG,
            header::EXPIRES,
            header::SET_COOKIE,
            header::VARY,
        ];
        let all = std::mem::take(&mut self.headers);
        let named = all
            .iter()
            .filter(|(name, _)| KEPT.contains(name))
            .map(|(name, value)| (name.clone(), value.clone()));
        self.headers = named.collect();
    }
}
