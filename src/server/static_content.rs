//! Content that never changes.

use std::fmt;
use std::hash::{DefaultHasher, Hash, Hasher};

use bytes::Bytes;
use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http::{Request, Response, StatusCode};

use super::answer::{Answer, IntoAnswer, Reply, Unfit};
use super::handler::{Route, get};
use crate::error::Error;
use crate::into_body::IntoBody;
use crate::proto::conditions::{ByteRange, EntityTag, Selection, Validators, select};

/// Content that never changes, kept in memory: an icon, a page, a script.
///
/// As a [`Route`] it answers GET and HEAD; a handler can return it, too. It has a strong entity tag, which is
/// computed once, so a client that has it already is told so (304), and one that has a part of it can have the rest:
/// conditions (RFC 9110 section 13) and a range of bytes (section 14) are honoured. Of several ranges that are not
/// one, all of the content is sent. The body of a request is thrown away.
///
/// The tag is a hash of the content. It is the same in every process of the same program, and may be another when
/// that was built with another version of Rust.
///
/// # Examples
///
/// ```
/// use http_aio::http::header::{CACHE_CONTROL, HeaderValue};
/// use http_aio::{Aio, Client, Server, StaticContent};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let server = Server::new();
/// let style = StaticContent::new("body { color: black }")
///     .content_type("text/css; charset=utf-8")?
///     .header(CACHE_CONTROL, HeaderValue::from_static("max-age=3600"));
/// server.route("/style.css", style)?;
///
/// let url = format!("http://{}/style.css", server.bind("127.0.0.1:0")?);
/// let client = Client::new();
/// let response = client.get(Aio::new(), &url).wait()?;
/// assert_eq!(response.headers()["content-type"], "text/css; charset=utf-8");
///
/// let again = http_aio::http::Request::get(&url)
///     .header("if-none-match", &response.headers()["etag"])
///     .body(())?;
/// assert_eq!(client.transact(Aio::new(), again).wait()?.status(), 304);
/// # Ok(())
/// # }
/// ```
#[doc(alias = "nng_http_handler_alloc_static")]
#[derive(Clone)]
pub struct StaticContent {
    body: Bytes,
    headers: HeaderMap,
    validators: Validators,
}

impl StaticContent {
    /// Content of the type `application/octet-stream`.
    pub fn new(body: impl IntoBody) -> Self {
        let body = body.into_bytes();
        let mut headers = HeaderMap::new();
        let bytes = HeaderValue::from_static("application/octet-stream");
        headers.insert(header::CONTENT_TYPE, bytes);
        let validators = Validators {
            etag: tag_of(&body),
            modified: None,
        };
        Self {
            body,
            headers,
            validators,
        }
    }

    /// Says of what type it is.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput) for what cannot stand in a header field.
    pub fn content_type(self, kind: &str) -> Result<Self, Error> {
        Ok(self.header(header::CONTENT_TYPE, HeaderValue::try_from(kind)?))
    }

    /// Sends a field with it, in place of one of the same name: `Cache-Control` for example. Those that depend on
    /// the request are the server's.
    pub fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.insert(name, value);
        self
    }

    /// What the request asks for.
    fn answer(mut self, request: &Request<()>) -> Result<Response<Bytes>, Unfit> {
        let size = self.body.len() as u64;
        let headers = request.headers();
        let selection = select(request.method(), headers, &self.validators, size);
        if let Some(tag) = &self.validators.etag {
            self.headers.insert(header::ETAG, tag.value().clone());
        }
        let bytes = HeaderValue::from_static("bytes");
        self.headers.insert(header::ACCEPT_RANGES, bytes);
        Ok(match selection {
            Selection::Parts(parts) if parts.len() == 1 => {
                let has_others = headers.contains_key(header::IF_RANGE);
                self.part(parts[0], has_others)
            }
            Selection::Whole | Selection::Parts(_) => self.response(StatusCode::OK),
            Selection::NotModified => self.not_modified(),
            Selection::PreconditionFailed => {
                let status = StatusCode::PRECONDITION_FAILED;
                return Err(Unfit {
                    status,
                    field: None,
                });
            }
            Selection::Unsatisfiable => return Err(self.unsatisfied()),
        })
    }

    /// For those who ask for what is not there: they are told how long it is.
    fn unsatisfied(&self) -> Unfit {
        let length = HeaderValue::try_from(format!("bytes */{}", self.body.len()));
        Unfit {
            status: StatusCode::RANGE_NOT_SATISFIABLE,
            field: length.ok().map(|length| (header::CONTENT_RANGE, length)),
        }
    }

    fn response(self, status: StatusCode) -> Response<Bytes> {
        let mut response = Response::new(self.body);
        *response.status_mut() = status;
        *response.headers_mut() = self.headers;
        response
    }

    /// `has_rest`: the client has what describes the whole.
    fn part(mut self, range: ByteRange, has_rest: bool) -> Response<Bytes> {
        if has_rest {
            self.keep_validators();
        }
        let ByteRange { first, last } = range;
        let whole = self.body.len();
        if let Ok(value) = HeaderValue::try_from(format!("bytes {first}-{last}/{whole}")) {
            self.headers.insert(header::CONTENT_RANGE, value);
        }
        // They are within the content, whose length is a `usize`.
        let place = |at: u64| usize::try_from(at).unwrap_or(whole).min(whole);
        self.body = self.body.slice(place(first)..place(first + range.length()));
        self.response(StatusCode::PARTIAL_CONTENT)
    }

    fn not_modified(mut self) -> Response<Bytes> {
        self.keep_validators();
        self.headers.remove(header::ACCEPT_RANGES);
        self.body = Bytes::new();
        self.response(StatusCode::NOT_MODIFIED)
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

/// Strong: it says the content, byte for byte.
fn tag_of(body: &[u8]) -> Option<EntityTag> {
    let mut hasher = DefaultHasher::new(); // Its keys are always the same.
    body.hash(&mut hasher);
    let tag = format!("\"{:x}-{:x}\"", body.len(), hasher.finish());
    EntityTag::parse(tag.as_bytes())
}

impl IntoAnswer for StaticContent {
    fn into_answer(self) -> Answer {
        let fit = move |request: &Request<()>, _: Option<&_>| self.answer(request);
        Answer(Reply::Fitted("Answer(static)", Box::new(fit)))
    }
}

/// GET and HEAD.
impl From<StaticContent> for Route {
    fn from(content: StaticContent) -> Self {
        get(move |_| content.clone())
    }
}

impl fmt::Debug for StaticContent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StaticContent")
            .field("length", &self.body.len())
            .field("headers", &self.headers)
            .finish_non_exhaustive()
    }
}
