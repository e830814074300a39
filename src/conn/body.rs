//! A body that is left to be read.

use std::fmt;
use std::io::{self, Read};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::HeaderMap;

use super::Conn;
use super::exchange::AnswerBody;
use super::read::Extent;
use crate::aio::{Aio, CancelToken, InFlight, Options};
use crate::deadline::Deadline;
#[cfg(doc)]
use crate::error::{Error, ErrorKind};
use crate::proto::body::BodyFraming;

/// The body of the message whose head was read last, to be read as it comes.
///
/// [`Conn::transact_streaming`] and [`Client::transact_streaming`](crate::Client::transact_streaming)
/// complete with one, and [`Conn::body`] makes one. It is a [`std::io::Read`], which blocks; `Ok(0)` is
/// the end of the body. The other methods are operations, with an aio each.
///
/// It holds nothing back: what it has not returned is there for the next reader of the connection. Of a
/// client's response, dropping it after it was read to its end leaves the connection to the client's next
/// request; dropping it before closes the connection. So does dropping it after a 101 (Switching Protocols):
/// [clone](Clone) its [`conn`](Self::conn) first, and the connection stays for what is spoken now. On a connection where no message was read, it reads
/// until the end of the stream.
///
/// # Errors
///
/// As a [`std::io::Read`], those of [`Conn::read`] as [`io::Error`], among them `UnexpectedEof` if the
/// stream ends in the middle of the body; [`Error::from`](crate::Error) gives the whole error back.
///
/// # Examples
///
/// ```
/// use http_aio::http::{Request, Response};
/// use http_aio::{Aio, Conn};
/// use std::io::Read;
/// use std::os::unix::net::UnixStream;
/// use std::time::Duration;
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let (near, far) = UnixStream::pair()?;
/// # let (conn, server) = (Conn::from(near), Conn::from(far));
/// # std::thread::spawn(move || {
/// #     server.read_request(Aio::new()).wait()?;
/// #     server.write_response(Aio::new(), Response::new("hello")).wait()
/// # });
/// let request = Request::get("http://example.com/").body(())?;
/// let response = conn.transact_streaming(Aio::new(), request).wait()?;
/// let mut body = response.into_body().timeout(Duration::from_secs(5));
/// let mut text = String::new();
/// body.read_to_string(&mut text)?;
/// assert_eq!(text, "hello");
/// # Ok(())
/// # }
/// ```
pub struct Body {
    conn: Conn,
    options: Options,
    keeper: Option<Box<dyn Keeper>>,
}

/// Takes the connection back when its body is dropped.
pub(crate) trait Keeper: Send + Sync {
    /// `handles` are those that its user has left.
    fn take_back(&self, conn: Conn, handles: usize);
}

impl Conn {
    /// The body of the message whose head was read last.
    pub fn body(&self) -> Body {
        Body::new(self.clone())
    }

    /// How the body of the message whose head was read last is delimited.
    pub fn body_framing(&self) -> BodyFraming {
        *self.handle.link.ledger.incoming.lock()
    }
}

impl Body {
    fn new(conn: Conn) -> Self {
        Self {
            conn,
            options: Options::NONE,
            keeper: None,
        }
    }

    /// Bounds the whole of reading by [`Read`], from now on, in total.
    #[must_use]
    pub fn timeout(mut self, after: Duration) -> Self {
        self.options.deadline = Deadline::after(after);
        self
    }

    /// Bounds the whole of reading by [`Read`].
    #[must_use]
    pub fn deadline(mut self, at: Instant) -> Self {
        self.options.deadline = Deadline::At(at);
        self
    }

    /// Bounds each call of [`Read`], so that a sender that falls silent is given up although there is time
    /// left. A body of any length may come as long as something comes.
    #[must_use]
    pub fn idle_timeout(mut self, after: Duration) -> Self {
        self.options.timeout = Some(after);
        self
    }

    /// Has a call of [`Read`] fail with [`Canceled`](ErrorKind::Canceled) when the token is canceled, and each
    /// after it.
    #[must_use]
    pub fn cancel_token(mut self, token: &CancelToken) -> Self {
        self.options.token = Some(token.clone());
        self
    }

    /// Reads at least one byte of it and at most `most`: [`Conn::read`]. No bytes are its end.
    ///
    /// # Errors
    ///
    /// Those of [`Conn::read`]; [`is_incomplete_message`](Error::is_incomplete_message) if it was cut.
    ///
    /// # Cancellation
    ///
    /// As for [`Conn::read`].
    pub fn read_some(&self, aio: Aio<Bytes>, most: usize) -> Aio<Bytes, InFlight> {
        self.conn.read(aio, most)
    }

    /// Reads all that is left of it: [`Conn::read_body`].
    ///
    /// # Errors
    ///
    /// Those of [`Conn::read_body`].
    ///
    /// # Cancellation
    ///
    /// As for [`Conn::read`].
    pub fn collect(&self, aio: Aio<Bytes>) -> Aio<Bytes, InFlight> {
        self.conn.read_body(aio)
    }

    /// Reads its trailers, once it was read to its end: [`Conn::read_trailers`].
    ///
    /// # Errors
    ///
    /// Those of [`Conn::read_trailers`].
    ///
    /// # Cancellation
    ///
    /// As for [`Conn::read`].
    pub fn read_trailers(&self, aio: Aio<HeaderMap>) -> Aio<HeaderMap, InFlight> {
        self.conn.read_trailers(aio)
    }

    /// How it is delimited. Its length, if that was declared, is [`BodyFraming::Exact`].
    #[doc(alias = "content_length")]
    pub fn framing(&self) -> BodyFraming {
        self.conn.body_framing()
    }

    /// The connection that it comes over: after a 101 it speaks something else.
    pub fn conn(&self) -> &Conn {
        &self.conn
    }

    pub(crate) fn kept_by(mut self, keeper: impl Keeper + 'static) -> Self {
        self.keeper = Some(Box::new(keeper));
        self
    }
}

/// The connection is kept for the body that is to be read from it.
impl AnswerBody for Body {
    const EXTENT: Extent = Extent::Head;

    type Source = Option<Conn>;

    fn source(conn: &Conn) -> Self::Source {
        Some(conn.clone())
    }

    fn assemble(_: Bytes, source: Self::Source) -> Option<Self> {
        source.map(Self::new)
    }
}

impl Read for Body {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.conn.read_into(&self.options, buffer)
    }
}

impl Drop for Body {
    fn drop(&mut self) {
        if let Some(keeper) = &self.keeper {
            keeper.take_back(self.conn.clone(), 2);
        }
    }
}

impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Body")
            .field("conn", &self.conn)
            .field("options", &self.options)
            .finish_non_exhaustive()
    }
}
