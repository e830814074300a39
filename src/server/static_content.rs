//! Content that never changes.

use std::fmt;
use std::hash::{DefaultHasher, Hash, Hasher};

use bytes::Bytes;
use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http::{Request, Response};

use super::answer::{Answer, Content, IntoAnswer, Reply, Unfit};
use super::handler::{Route, get};
use super::representation::Representation;
use crate::error::Error;
use crate::into_body::IntoBody;
use crate::proto::conditions::{ByteRange, EntityTag, Selection, Validators};

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
    fn answer(self, request: &Request<()>) -> Result<Response<Content>, Unfit> {
        let content = Representation {
            headers: self.headers,
            validators: self.validators,
            size: self.body.len() as u64,
        };
        let selection = match content.select(request) {
            Selection::Parts(parts) if parts.len() > 1 => Selection::Whole,
            selection => selection,
        };
        let head = content.head(&selection, request)?;
        let body = match selection {
            Selection::Parts(parts) => part(&self.body, parts[0]),
            Selection::NotModified => Bytes::new(),
            _ => self.body,
        };
        Ok(head.map(|()| Content::Whole(body)))
    }
}

fn part(body: &Bytes, range: ByteRange) -> Bytes {
    // It is within the content, whose length is a `usize`.
    let place = |at: u64| usize::try_from(at).unwrap_or(body.len()).min(body.len());
    body.slice(place(range.first)..place(range.first + range.length()))
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
