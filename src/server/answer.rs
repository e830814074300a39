//! What a handler answers with.

use std::error::Error as StdError;
use std::fmt;
use std::io::Read;

use bytes::{Bytes, BytesMut};
use http::{HeaderName, HeaderValue, Request, Response, StatusCode};

use super::files::content::FileContent;
use super::routing::Rest;
use crate::into_body::IntoBody;

/// What a handler returns: a value that is an answer.
///
/// Text and bytes are a 200 with that body, `()` is a 204, a [`StatusCode`] alone has no body, a pair is both. Text says
/// that it is text.
/// A [`Response`] is itself. [`Read`]ers and their like go into an [`Answer`]. The error of a [`Result`] is a
/// 500, without a word about what went wrong, which the server's observer is told; unless it comes from the
/// request's body, and then the answer says what was wrong with that.
///
/// # Examples
///
/// ```
/// use http_aio::http::{Response, StatusCode};
/// use http_aio::{Exchange, IntoAnswer, Server, get};
///
/// fn show(exchange: &mut Exchange) -> Result<Response<String>, std::io::Error> {
///     let name = exchange.param("name").to_owned();
///     Ok(Response::new(format!("Hello, {name}!")))
/// }
///
/// # fn main() -> Result<(), http_aio::Error> {
/// let server = Server::new();
/// server.route("/hello/{name}", get(show))?;
/// server.route("/old", get(|_| (StatusCode::GONE, "It is not here any more.")))?;
/// # Ok(())
/// # }
/// ```
pub trait IntoAnswer {
    /// The answer.
    fn into_answer(self) -> Answer;
}

/// An answer, in whichever form.
pub struct Answer(pub(super) Reply);

pub(super) enum Reply {
    Whole(Response<Bytes>),
    /// Text, with the field that says so, and no other.
    Text(StatusCode, Bytes),
    /// The content comes from a reader, so many bytes of it if that is known.
    Reader(Response<()>, Box<dyn Read + Send>, Option<u64>),
    /// It depends on the request. The name is for those who debug.
    Fitted(&'static str, Box<Fit>),
    /// A file, or parts of it.
    Stored(Response<()>, Box<FileContent>),
    /// The page of an error.
    Unfit(Unfit),
    /// The exchange knows what was answered already.
    Given,
    /// What the error says.
    Failed(String),
}

/// Makes the response that fits a request, of whose path the rest is below the route.
pub(super) type Fit =
    dyn FnOnce(&Request<()>, Option<&Rest>) -> Result<Response<Content>, Unfit> + Send;

/// What an answer that fits has for its content.
pub(super) enum Content {
    Whole(Bytes),
    Stored(Box<FileContent>),
}

impl From<Response<Content>> for Reply {
    fn from(response: Response<Content>) -> Self {
        let (head, content) = response.into_parts();
        match content {
            Content::Whole(body) => Self::Whole(Response::from_parts(head, body)),
            Content::Stored(content) => Self::Stored(Response::from_parts(head, ()), content),
        }
    }
}

/// Nothing fits: the page of this error answers, with these fields.
#[derive(Debug)]
pub(super) struct Unfit {
    pub(super) status: StatusCode,
    pub(super) fields: Vec<(HeaderName, HeaderValue)>,
    /// What the server's observer is told.
    pub(super) failure: Option<String>,
}

impl From<StatusCode> for Unfit {
    fn from(status: StatusCode) -> Self {
        Self {
            status,
            fields: Vec::new(),
            failure: None,
        }
    }
}

/// Says that the exchange was answered already: it comes from the call that has done so.
#[derive(Debug)]
#[must_use = "a handler returns it"]
pub struct Answered(pub(super) ());

impl Answer {
    /// A response whose content is read from `content` while it is sent, so that memory stays flat. With a
    /// length, it must be exactly as long; without, it is chunked.
    pub fn reader<R>(head: Response<()>, content: R, length: impl Into<Option<u64>>) -> Self
    where
        R: Read + Send + 'static,
    {
        Self(Reply::Reader(head, Box::new(content), length.into()))
    }

    /// What it is for this request, of whose path `rest` is below the route.
    pub(super) fn fitted(self, request: &Request<()>, rest: Option<&Rest>) -> Self {
        let Reply::Fitted(_, fit) = self.0 else {
            return self;
        };
        Self(match fit(request, rest) {
            Ok(response) => response.into(),
            Err(unfit) => Reply::Unfit(unfit),
        })
    }
}

impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match &self.0 {
            Reply::Whole(_) | Reply::Text(..) => "Answer(whole)",
            Reply::Reader(..) => "Answer(reader)",
            Reply::Fitted(name, _) => name,
            Reply::Stored(..) => "Answer(stored)",
            Reply::Unfit(_) => "Answer(unfit)",
            Reply::Given => "Answer(given)",
            Reply::Failed(_) => "Answer(failed)",
        })
    }
}

impl IntoAnswer for Answer {
    fn into_answer(self) -> Answer {
        self
    }
}

impl IntoAnswer for Answered {
    fn into_answer(self) -> Answer {
        Answer(Reply::Given)
    }
}

impl<B: IntoBody> IntoAnswer for Response<B> {
    fn into_answer(self) -> Answer {
        Answer(Reply::Whole(self.map(B::into_bytes)))
    }
}

impl IntoAnswer for StatusCode {
    fn into_answer(self) -> Answer {
        (self, ()).into_answer()
    }
}

impl<B: IntoBody> IntoAnswer for (StatusCode, B) {
    fn into_answer(self) -> Answer {
        let (status, body) = self;
        if B::IS_TEXT {
            return Answer(Reply::Text(status, body.into_bytes()));
        }
        let mut response = Response::new(body);
        *response.status_mut() = status;
        response.into_answer()
    }
}

/// 204 (No Content).
impl IntoAnswer for () {
    fn into_answer(self) -> Answer {
        StatusCode::NO_CONTENT.into_answer()
    }
}

/// `None` is 404 (Not Found).
impl<A: IntoAnswer> IntoAnswer for Option<A> {
    fn into_answer(self) -> Answer {
        match self {
            Some(answer) => answer.into_answer(),
            None => StatusCode::NOT_FOUND.into_answer(),
        }
    }
}

impl<A, E> IntoAnswer for Result<A, E>
where
    A: IntoAnswer,
    E: Into<Box<dyn StdError + Send + Sync>>,
{
    fn into_answer(self) -> Answer {
        match self {
            Ok(answer) => answer.into_answer(),
            Err(error) => Answer(Reply::Failed(chain(&*error.into()))),
        }
    }
}

/// What an error says, and those that it comes from.
fn chain(error: &(dyn StdError + 'static)) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        text.push_str(": ");
        text.push_str(&error.to_string());
        source = error.source();
    }
    text
}

macro_rules! texts {
    ($($text:ty),*) => {
        $(
            impl IntoAnswer for $text {
                fn into_answer(self) -> Answer {
                    (StatusCode::OK, self).into_answer()
                }
            }
        )*
    };
}

texts!(&'static str, String);

macro_rules! bodies {
    ($($body:ty),*) => {
        $(
            impl IntoAnswer for $body {
                fn into_answer(self) -> Answer {
                    Response::new(self).into_answer()
                }
            }
        )*
    };
}

bodies!(&'static [u8], Vec<u8>, Bytes, BytesMut);
