//! Redirects to a fixed place.

use bytes::Bytes;
use http::header::{self, HeaderValue};
use http::{Request, Response, StatusCode, Uri};

use super::answer::{Answer, Content, IntoAnswer, Reply};
use super::handler::{Route, any};
use super::html;
use super::routing::Rest;
use crate::error::{Error, ErrorKind};
use crate::proto::authority::HostPort;
use crate::proto::percent;

/// Sends clients to another place.
///
/// The place is a path of this server, `/new`, or a URL, `https://example.com/new`. As the [`Route`] of a
/// [`tree`](crate::Server::tree), or of a path that ends with `{*rest}`, it is extended by what the request has
/// below that: the tree `/old` redirected to `/new` leads from `/old/a/b` to `/new/a/b`. The query of the request
/// goes with it, unless the place has one. Whatever a client asks for, it is sent to no other host than the one that
/// is given here.
///
/// It answers every method but CONNECT and TRACE, by default with 307 (Temporary Redirect), which lets the method as
/// it is. A handler can return it, too.
///
/// # Examples
///
/// ```
/// use http_aio::http::StatusCode;
/// use http_aio::{Aio, Client, Redirect, Server};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let server = Server::new();
/// server.redirect("/here", "/there")?;
/// let moved = Redirect::new("https://example.com/docs")?;
/// server.tree("/docs", moved.status(StatusCode::PERMANENT_REDIRECT)?)?;
///
/// let url = format!("http://{}/docs/a%20b?page=2", server.bind("127.0.0.1:0")?);
/// let response = Client::new().get(Aio::new(), url).wait()?;
/// assert_eq!(response.status(), 308);
/// assert_eq!(response.headers()["location"], "https://example.com/docs/a%20b?page=2");
/// # Ok(())
/// # }
/// ```
#[doc(alias = "nng_http_handler_alloc_redirect")]
#[derive(Clone, Debug)]
pub struct Redirect {
    status: StatusCode,
    /// Up to the path.
    place: String,
    /// Query and fragment, with what begins them.
    suffix: String,
}

impl Redirect {
    /// To this place: a path that begins with one slash, or a URL of `http` or `https`.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](ErrorKind::InvalidInput) for anything else: also for `//host`, and for what is not
    /// percent-encoded as a URL has to be.
    pub fn new(target: &str) -> Result<Self, Error> {
        let end = target.find(['?', '#']).unwrap_or(target.len());
        let (place, suffix) = target.split_at(end);
        let is_place = is_path(place) || is_url(place);
        if !is_place || !is_encoded(suffix) {
            let detail = "the target of a redirect is a path or an HTTP URL, percent-encoded";
            return Err(Error::new(ErrorKind::InvalidInput).with_detail(detail));
        }
        Ok(Self {
            status: StatusCode::TEMPORARY_REDIRECT,
            place: place.to_owned(),
            suffix: suffix.to_owned(),
        })
    }

    /// Redirects with another status: 308 for good; 303 to have the place fetched with GET, after a POST for
    /// example; 301 and 302 as 308 and 307, but that clients may turn POST into GET.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](ErrorKind::InvalidInput) for any other.
    pub fn status(mut self, status: StatusCode) -> Result<Self, Error> {
        if !matches!(status.as_u16(), 301 | 302 | 303 | 307 | 308) {
            let detail = "the status of a redirect is 301, 302, 303, 307 or 308";
            return Err(Error::new(ErrorKind::InvalidInput).with_detail(detail));
        }
        self.status = status;
        Ok(self)
    }

    /// Where the request is sent, of whose path `rest` is below the route.
    fn location(&self, request: &Request<()>, rest: Option<&Rest>) -> String {
        let mut location = self.place.clone();
        if let Some(rest) = rest {
            let has_slash = location.ends_with('/');
            let mut below = String::new();
            for segment in rest.segments() {
                below.push('/');
                below.push_str(&percent::encode_segment(&segment));
            }
            if rest.ends_with_slash() {
                below.push('/');
            }
            // Joined by exactly one.
            location.push_str(
                below
                    .strip_prefix('/')
                    .filter(|_| has_slash)
                    .unwrap_or(&below),
            );
        }
        match request.uri().query() {
            Some(query) if self.suffix.is_empty() => {
                location.push('?');
                location.push_str(&percent::encode_query(query.as_bytes()));
            }
            _ => location.push_str(&self.suffix),
        }
        location
    }

    fn answer(&self, request: &Request<()>, rest: Option<&Rest>) -> Response<Bytes> {
        redirection(self.status, self.location(request, rest))
    }
}

/// Sends a client to `location`, which is visible ASCII.
pub(super) fn redirection(status: StatusCode, location: String) -> Response<Bytes> {
    let link = html::escaped(&location);
    let page = format!(
        "<!DOCTYPE html>\n<title>{status}</title>\n<p>See <a href=\"{link}\">{link}</a>.</p>\n"
    );
    let mut response = html::page(page);
    *response.status_mut() = status;
    let location = HeaderValue::try_from(location).map(|value| (header::LOCATION, value));
    response.headers_mut().extend(location);
    response
}

/// A path that no client takes for a host.
fn is_path(place: &str) -> bool {
    place.starts_with('/') && !place.starts_with("//") && is_encoded(place)
}

/// A URL with a host, and without credentials.
fn is_url(place: &str) -> bool {
    let Ok(uri) = place.parse::<Uri>() else {
        return false;
    };
    let is_http = matches!(uri.scheme_str(), Some("http" | "https"));
    let authority = uri
        .authority()
        .map(|authority| authority.as_str().as_bytes());
    let has_host = authority.is_some_and(|authority| HostPort::parse(authority).is_some());
    is_http && has_host && is_encoded(uri.path())
}

fn is_encoded(text: &str) -> bool {
    let bytes = text.as_bytes();
    (0..bytes.len()).all(|at| may_stand(&bytes[at..]))
}

/// Whether what is at the front may stand in a path, a query or a fragment, or begin one.
fn may_stand(bytes: &[u8]) -> bool {
    match bytes {
        [b'%', ..] => percent::is_escape(bytes),
        [byte, ..] => percent::is_pchar(*byte) || b"/?#".contains(byte),
        [] => true,
    }
}

impl IntoAnswer for Redirect {
    fn into_answer(self) -> Answer {
        let fit = move |request: &Request<()>, rest: Option<&Rest>| {
            Ok(self.answer(request, rest).map(Content::Whole))
        };
        Answer(Reply::Fitted("Answer(redirect)", Box::new(fit)))
    }
}

/// Every method but CONNECT and TRACE.
impl From<Redirect> for Route {
    fn from(redirect: Redirect) -> Self {
        any(move |_| redirect.clone())
    }
}
