//! A file as an answer.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http::{Request, Response};
use rustix::io::Errno;

use super::confine::open_anywhere;
use super::media_type;
use super::respond::Described;
use super::stored::{Opened, StoredFile};
use super::trouble::{ABSENT, unfit};
use crate::error::Error;
use crate::proto::disposition;
use crate::server::answer::{Answer, Content, IntoAnswer, Reply, Unfit};
use crate::server::handler::{Route, get};

/// A file, sent as an answer.
///
/// It is opened when it is sent, each time anew, so that a [`Route`] that is made of one follows what becomes of it. A
/// file that the program has opened by itself is one, too. It is read while it is sent, in pieces, so memory stays flat
/// however large it is and however slow the client. It is announced with the size that it had when it was opened: of
/// one that grows, no more is sent than that, and one that shrinks ends the connection, so that the client does not take
/// it for whole.
///
/// Conditions and ranges are honoured (RFC 9110 sections 13 and 14), several ranges too. The entity tag is made of the
/// size and the time of the last change; it is weak while that is less than two seconds ago, because a file can change
/// again without being seen to. The type is that of the name's last suffix.
///
/// What cannot be sent is answered with a page of the server's: where there is nothing, or no regular file, 404; where
/// reading is not permitted, 403; without descriptors 503; and otherwise 500, of which the server's observer is told.
///
/// The path is the program's. What clients name is opened safely by a [`Directory`](crate::Directory).
///
/// # Examples
///
/// ```
/// use http_aio::http::header::{CACHE_CONTROL, HeaderValue};
/// use http_aio::{Exchange, File, Server, get};
///
/// fn report(exchange: &mut Exchange) -> Option<File> {
///     let year: u16 = exchange.param("year").parse().ok()?; // None is 404.
///     let file = File::new(format!("reports/{year}.pdf"));
///     Some(file.download_as(&format!("Report {year}.pdf")))
/// }
///
/// # fn main() -> Result<(), http_aio::Error> {
/// let server = Server::new();
/// server.route("/reports/{year}", get(report))?;
/// let icon = File::new("icons/favicon.ico");
/// let day = HeaderValue::from_static("max-age=86400");
/// server.route("/favicon.ico", icon.header(CACHE_CONTROL, day))?;
/// # Ok(())
/// # }
/// ```
#[doc(alias = "nng_http_handler_alloc_file")]
#[derive(Clone)]
pub struct File {
    source: Source,
    headers: HeaderMap,
}

#[derive(Clone, Debug)]
enum Source {
    Path(PathBuf),
    Open(Arc<std::fs::File>),
}

impl File {
    /// The file at this path.
    pub fn new(path: impl AsRef<Path>) -> Self {
        Self {
            source: Source::Path(path.as_ref().to_owned()),
            headers: HeaderMap::new(),
        }
    }

    /// Says of what type it is, in place of what its name says.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput) for what cannot stand in a header field.
    pub fn content_type(self, kind: &str) -> Result<Self, Error> {
        Ok(self.header(header::CONTENT_TYPE, HeaderValue::try_from(kind)?))
    }

    /// Asks the client to store it under this name, which may have any characters (RFC 6266).
    pub fn download_as(self, name: &str) -> Self {
        self.header(header::CONTENT_DISPOSITION, disposition::attachment(name))
    }

    /// Sends a field with it, in place of one of the same name: `Cache-Control` for example. Those that depend on
    /// the request are the server's.
    pub fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.insert(name, value);
        self
    }

    fn answer(self, request: &Request<()>) -> Result<Response<Content>, Unfit> {
        let stored = self.source.open().map_err(unfit)?;
        let mut headers = self.headers;
        let kind = HeaderValue::from_static(self.source.media_type());
        headers.entry(header::CONTENT_TYPE).or_insert(kind);
        let described = Described {
            stored,
            coding: None,
            headers,
        };
        described.respond(request)
    }
}

impl Source {
    fn open(&self) -> Result<StoredFile, Errno> {
        let opened = match self {
            Self::Path(path) => open_anywhere(path)?,
            Self::Open(file) => Opened::new(Arc::clone(file))?,
        };
        match opened {
            Opened::File(stored) => Ok(stored),
            Opened::Folder { .. } => Err(ABSENT),
        }
    }

    fn media_type(&self) -> &'static str {
        let name = match self {
            Self::Path(path) => path.file_name(),
            Self::Open(_) => None,
        };
        let name = name.map(|name| name.to_string_lossy());
        name.map_or(media_type::BYTES, |name| media_type::of_name(&name))
    }
}

/// A file that is open already: all of it, wherever its cursor stands, which is not moved. It has no name, so its type
/// is `application/octet-stream` unless it is told.
impl From<std::fs::File> for File {
    fn from(file: std::fs::File) -> Self {
        Self {
            source: Source::Open(Arc::new(file)),
            headers: HeaderMap::new(),
        }
    }
}

impl IntoAnswer for File {
    fn into_answer(self) -> Answer {
        let fit = move |request: &Request<()>, _: Option<&_>| self.answer(request);
        Answer(Reply::Fitted("Answer(file)", Box::new(fit)))
    }
}

/// GET and HEAD.
impl From<File> for Route {
    fn from(file: File) -> Self {
        get(move |_| file.clone())
    }
}

impl fmt::Debug for File {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("File")
            .field("source", &self.source)
            .field("headers", &self.headers)
            .finish()
    }
}
