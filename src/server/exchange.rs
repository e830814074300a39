//! A request and the way to its answer, as a handler sees them.

use std::borrow::Cow;
use std::io::{self, Read};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, Method, Request, Response, StatusCode, Uri, Version, header};
use parking_lot::Mutex;

use super::answer::Answered;
use super::date;
use super::limits::ServerLimits;
use super::routing::{Params, Rest};
use super::serve::Stay;
use super::writer::ResponseWriter;
use crate::aio::{Aio, Written};
use crate::conn::Conn;
use crate::error::{Error, ErrorKind};
use crate::meter::Meter;
use crate::proto::body::BodyFraming;
use crate::proto::framing;
use crate::transport::Addr;

/// Most bytes of a body that are read at a time.
const PIECE: usize = 64 << 10;

/// A request that a handler answers: its head, its body, and the connection that it came over.
///
/// The body is read as far as the handler wants it. What is left of it afterwards is thrown away, up to
/// [`ServerLimits::discard`]; more than that costs the connection.
///
/// # Examples
///
/// ```
/// use http_aio::http::StatusCode;
/// use http_aio::{Error, Exchange, Server, post};
///
/// fn store(exchange: &mut Exchange) -> Result<(StatusCode, String), Error> {
///     let name = exchange.param("name").to_owned();
///     let content = exchange.collect()?; // 413 if it is too large.
///     Ok((StatusCode::CREATED, format!("{name}: {} bytes", content.len())))
/// }
///
/// # fn main() -> Result<(), Error> {
/// let server = Server::new();
/// server.route("/files/{name}", post(store))?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Exchange {
    pub(super) conn: Conn,
    stay: Arc<Stay>,
    request: Request<()>,
    matched: Matched,
    pub(super) limits: ServerLimits,
    pub(super) body: BodyProgress,
    /// Bytes of the body that were read.
    read: u64,
    /// What the failure of the body says to the client, if the handler gives up because of it.
    pub(super) fault: Option<StatusCode>,
    pub(super) given: Given,
    /// The answer must say that it is the last.
    pub(super) is_last: bool,
    /// How slow the client may be in taking the answer.
    pub(super) meter: Arc<Mutex<Meter>>,
    reading: Meter,
}

/// What the route has found in the path.
#[derive(Debug, Default)]
pub(super) struct Matched {
    pub(super) params: Params,
    pub(super) rest: Option<Rest>,
}

/// How far the body of the request is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum BodyProgress {
    /// The client waits for a 100 (Continue) before it sends the body.
    Withheld,
    Reading,
    /// It does not come, or it is none.
    Broken,
    Ended,
}

/// What was answered by the exchange itself.
#[derive(Clone, Debug, Default)]
pub(super) enum Given {
    #[default]
    Nothing,
    /// The head is out, and more is written with a [`ResponseWriter`], which tells when it has finished.
    Head(StatusCode, Arc<AtomicBool>),
    /// The connection is the handler's.
    Hijacked(StatusCode),
}

impl Exchange {
    pub(super) fn new(
        conn: Conn,
        stay: Arc<Stay>,
        mut request: Request<()>,
        matched: Matched,
        limits: ServerLimits,
        is_last: bool,
        meter: Arc<Mutex<Meter>>,
    ) -> Self {
        let body = match conn.body_framing() {
            BodyFraming::None => BodyProgress::Ended,
            _ if withholds_body(&request) && !conn.has_input() => BodyProgress::Withheld,
            _ => BodyProgress::Reading,
        };
        if !offers_upgrade(&request) {
            request.headers_mut().remove(header::UPGRADE);
        }
        Self {
            conn,
            stay,
            request,
            matched,
            limits,
            body,
            read: 0,
            fault: None,
            given: Given::default(),
            is_last,
            meter,
            reading: Meter::new(limits.pace),
        }
    }

    /// The head of the request.
    pub fn request(&self) -> &Request<()> {
        &self.request
    }

    /// The method of the request.
    pub fn method(&self) -> &Method {
        self.request.method()
    }

    /// The target of the request, as it came.
    pub fn uri(&self) -> &Uri {
        self.request.uri()
    }

    /// The query, as it came, without its question mark; empty if there is none.
    pub fn query(&self) -> &str {
        self.request.uri().query().unwrap_or_default()
    }

    /// The header fields of the request.
    pub fn headers(&self) -> &HeaderMap {
        self.request.headers()
    }

    /// The part of the path that the route calls `name`, decoded: `"7"` of `/items/7` for the route
    /// `/items/{id}`. Empty if the route has no such part.
    pub fn param(&self, name: &str) -> &str {
        self.matched.params.get(name).unwrap_or_default()
    }

    /// The segments of the path below the route, decoded, where that is a tree or ends with `{*rest}`; for
    /// others there are none.
    pub fn rest(&self) -> impl Iterator<Item = Cow<'_, str>> {
        self.matched.rest.iter().flat_map(Rest::segments)
    }

    /// Who asks.
    pub fn peer_addr(&self) -> Addr {
        self.conn.peer_addr()
    }

    /// The connection, for operations of one's own that overlap with others. What is written to it is part of
    /// the answer.
    pub fn conn(&self) -> &Conn {
        &self.conn
    }

    /// Whether the client has gone, or will say nothing more, as far as that can be told: worth a look in the
    /// course of long work.
    pub fn is_disconnected(&self) -> bool {
        self.conn.has_lost_peer()
    }

    /// Overrides the bounds of the server for this exchange, from now on.
    pub fn set_limits(&mut self, limits: ServerLimits) {
        self.limits = limits;
        self.reading.set_pace(limits.pace);
        self.meter.lock().set_pace(limits.pace);
    }
}

/// The body of the request.
impl Exchange {
    /// The length of the body that the client has declared. None if it is chunked.
    pub fn content_length(&self) -> Option<u64> {
        match self.conn.body_framing() {
            BodyFraming::None => Some(0),
            BodyFraming::Exact(length) => Some(length),
            BodyFraming::Chunked | BodyFraming::UntilEnd => None,
        }
    }

    /// Reads the body, blocking. A client that waits to be asked for it (`Expect: 100-continue`) is asked with
    /// the first read.
    ///
    /// # Errors
    ///
    /// Those of [`Conn::read`]; [`TimedOut`](ErrorKind::TimedOut) if the client is slower than
    /// [`ServerLimits::pace`] and [`ServerLimits::stall`] allow. A handler that returns it answers 408 then,
    /// and 400 if the client has sent what is no body.
    pub fn body(&mut self) -> RequestBody<'_> {
        RequestBody(self)
    }

    /// Reads all of the body, into memory.
    ///
    /// # Errors
    ///
    /// [`TooLarge`](ErrorKind::TooLarge) if it is more than [`ServerLimits::collect`], before any of it is read
    /// if that was declared: a handler that returns it answers 413. Otherwise those of [`body`](Self::body).
    pub fn collect(&mut self) -> Result<Bytes, Error> {
        let most = self.limits.collect;
        if self.content_length().is_some_and(|length| length > most) {
            return Err(self.too_large());
        }
        let first = self.read_piece(PIECE)?;
        if first.is_empty() || self.content_length() == Some(first.len() as u64) {
            return Ok(first);
        }
        let mut content = BytesMut::from(first);
        while content.len() as u64 <= most {
            let piece = self.read_piece(PIECE)?;
            if piece.is_empty() {
                return Ok(content.freeze());
            }
            content.extend_from_slice(&piece);
        }
        Err(self.too_large())
    }

    /// The trailers of a chunked body, once it was read to its end.
    ///
    /// # Errors
    ///
    /// Those of [`Conn::read_trailers`].
    pub fn trailers(&mut self) -> Result<HeaderMap, Error> {
        let aio = Aio::new().timeout(self.reading.left());
        self.conn.read_trailers(aio).wait()
    }

    /// At least a byte of the body and at most `most`; none at its end.
    pub(super) fn read_piece(&mut self, most: usize) -> Result<Bytes, Error> {
        if self.body == BodyProgress::Ended || most == 0 {
            return Ok(Bytes::new());
        }
        if self.body == BodyProgress::Withheld {
            self.ask_for_body()?;
        }
        let start = std::time::Instant::now();
        let aio = Aio::new().timeout(self.reading.left());
        let result = self.conn.read(aio, most).wait();
        self.reading.waited(start);
        match result {
            Ok(piece) => {
                self.reading.passed(piece.len() as u64);
                self.note_read(&piece);
                Ok(piece)
            }
            Err(error) => {
                self.body = BodyProgress::Broken;
                self.fault = match error.kind() {
                    ErrorKind::TimedOut => Some(StatusCode::REQUEST_TIMEOUT),
                    ErrorKind::Protocol | ErrorKind::TooLarge => Some(StatusCode::BAD_REQUEST),
                    _ => self.fault,
                };
                Err(error)
            }
        }
    }

    /// A piece of the body was read. An empty one is its end.
    pub(super) fn note_read(&mut self, piece: &Bytes) {
        self.read += piece.len() as u64;
        if piece.is_empty() || self.unread() == Some(0) {
            self.body = BodyProgress::Ended;
        }
    }

    /// How much of the body is left to be read, if its length was declared.
    fn unread(&self) -> Option<u64> {
        let length = self.content_length()?;
        Some(length.saturating_sub(self.read))
    }

    fn ask_for_body(&mut self) -> Result<(), Error> {
        self.body = BodyProgress::Reading;
        if matches!(self.given, Given::Nothing) {
            let mut interim = Response::new(());
            *interim.status_mut() = StatusCode::CONTINUE;
            self.conn.write_response(self.timed(), interim).wait()?;
        }
        Ok(())
    }

    fn too_large(&mut self) -> Error {
        self.fault = Some(StatusCode::PAYLOAD_TOO_LARGE);
        Error::new(ErrorKind::TooLarge).with_detail("a request's body that is collected")
    }
}

/// Answering.
impl Exchange {
    /// Writes an interim response, such as 103 (Early Hints).
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](ErrorKind::InvalidInput) if the status is not interim, or if the answer has begun; those
    /// of [`Conn::write_response`].
    pub fn interim(&mut self, head: Response<()>) -> Result<(), Error> {
        let is_interim =
            head.status().is_informational() && head.status() != StatusCode::SWITCHING_PROTOCOLS;
        self.expect_unanswered()?;
        if !is_interim {
            let detail = "the status of an interim response is 1xx, and not 101";
            return Err(Error::new(ErrorKind::InvalidInput).with_detail(detail));
        }
        if self.request.version() == Version::HTTP_10 {
            return Ok(()); // Its client would take it for the answer.
        }
        self.conn.write_response(self.timed(), head).wait()?;
        Ok(())
    }

    /// Writes the head of the answer, whose content is then written in pieces: as many bytes as the head
    /// declares with `Content-Length`, or else in chunks.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](ErrorKind::InvalidInput) if the answer has begun, or for a head that must not be
    /// written; those of [`Conn::write_response`].
    ///
    /// # Examples
    ///
    /// ```
    /// use http_aio::http::Response;
    /// use http_aio::{Answered, Error, Exchange, Server, get};
    ///
    /// fn count(exchange: &mut Exchange) -> Result<Answered, Error> {
    ///     let mut writer = exchange.stream(Response::new(()))?;
    ///     for number in 1..=3 {
    ///         writer.write_all([format!("{number}\n")])?;
    ///     }
    ///     writer.finish()
    /// }
    ///
    /// # fn main() -> Result<(), Error> {
    /// Server::new().route("/count", get(count))?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn stream(&mut self, mut head: Response<()>) -> Result<ResponseWriter, Error> {
        self.expect_unanswered()?;
        let status = head.status();
        let headers = head.headers_mut();
        if !headers.contains_key(header::CONTENT_LENGTH) {
            let chunked = header::HeaderValue::from_static("chunked");
            headers.insert(header::TRANSFER_ENCODING, chunked);
        }
        self.complete_head(status, headers);
        let head = head.map(|()| Bytes::new());
        let (result, _) = self
            .conn
            .write_response_inline(Aio::new(), head, &self.meter);
        result?;
        let is_finished = Arc::new(AtomicBool::new(false));
        self.given = Given::Head(status, Arc::clone(&is_finished));
        let is_head = *self.method() == Method::HEAD;
        Ok(ResponseWriter::new(
            self.conn.clone(),
            Arc::clone(&self.meter),
            is_finished,
            is_head,
        ))
    }

    /// Gives the connection to the handler, with whatever has arrived on it and was not read; the server has no
    /// part in it any more. It carries bytes as they are. The body of the request, if it has one, must have been
    /// read.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](ErrorKind::InvalidInput) if the answer has begun.
    pub fn hijack(&mut self) -> Result<(Conn, Answered), Error> {
        self.expect_unanswered()?;
        Ok(self.give_away(StatusCode::SWITCHING_PROTOCOLS))
    }

    /// Writes the head of the answer, such as 101 (Switching Protocols) or the 200 to a CONNECT, and gives the
    /// connection to the handler, as [`hijack`](Self::hijack).
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](ErrorKind::InvalidInput) if the answer has begun, for a 101 that the client has not
    /// asked for with `Upgrade`, or for a head that must not be written; those of [`Conn::write_response`].
    pub fn upgrade(&mut self, mut head: Response<()>) -> Result<(Conn, Answered), Error> {
        self.expect_unanswered()?;
        let status = head.status();
        let switches = status == StatusCode::SWITCHING_PROTOCOLS;
        if switches && !self.headers().contains_key(header::UPGRADE) {
            let detail = "the client has not offered an upgrade";
            return Err(Error::new(ErrorKind::InvalidInput).with_detail(detail));
        }
        add_date(status, head.headers_mut());
        let head = head.map(|()| Bytes::new());
        let (result, _) = self
            .conn
            .write_response_inline(Aio::new(), head, &self.meter);
        result?;
        Ok(self.give_away(status))
    }

    fn give_away(&mut self, status: StatusCode) -> (Conn, Answered) {
        self.conn.release_from_http();
        self.stay.end();
        self.given = Given::Hijacked(status);
        (self.conn.clone(), Answered(()))
    }

    /// What the server adds to the head of an answer.
    pub(super) fn complete_head(&self, status: StatusCode, headers: &mut HeaderMap) {
        add_date(status, headers);
        if !framing::persists(Version::HTTP_11, headers) {
            return; // The handler has said so.
        }
        let is_last = self.is_last || self.stay.is_ending() || !self.can_go_on();
        let has_end = !headers.contains_key(header::TRANSFER_ENCODING);
        let is_old = self.request.version() == Version::HTTP_10;
        let word = match is_last {
            true => "close",
            // A client of 1.0 expects the close unless it is told otherwise.
            false if is_old && has_end && self.conn.persists() => "keep-alive",
            false => return,
        };
        headers.append(header::CONNECTION, header::HeaderValue::from_static(word));
    }

    /// Whether the rest of the body does not cost the connection.
    fn can_go_on(&self) -> bool {
        match self.body {
            BodyProgress::Ended => true,
            // Whether it comes nobody knows.
            BodyProgress::Withheld | BodyProgress::Broken => false,
            BodyProgress::Reading => self
                .unread()
                .is_none_or(|count| count <= self.limits.discard),
        }
    }

    fn expect_unanswered(&self) -> Result<(), Error> {
        match self.given {
            Given::Nothing => Ok(()),
            _ => {
                Err(Error::new(ErrorKind::InvalidInput).with_detail("the answer has begun already"))
            }
        }
    }

    fn timed(&self) -> Aio<Written> {
        Aio::new().timeout(self.limits.pace.stall)
    }
}

/// Whether a client may wait to be asked for the body of a request (RFC 9110 section 10.1.1).
fn withholds_body(request: &Request<()>) -> bool {
    request.version() == Version::HTTP_11 && request.headers().contains_key(header::EXPECT)
}

/// Whether an `Upgrade` is meant for us: one of HTTP/1.0, or that is not named by `Connection`, is ignored
/// (RFC 9110 section 7.8).
fn offers_upgrade(request: &Request<()>) -> bool {
    request.version() == Version::HTTP_11 && framing::names_upgrade(request.headers())
}

fn add_date(status: StatusCode, headers: &mut HeaderMap) {
    if headers.contains_key(header::DATE) || status.is_informational() {
        return;
    }
    if let Some(now) = date::now() {
        headers.insert(header::DATE, now);
    }
}

/// The body of a request as a [`Read`]; from [`Exchange::body`].
#[derive(Debug)]
pub struct RequestBody<'a>(&'a mut Exchange);

impl Read for RequestBody<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let piece = self.0.read_piece(buffer.len())?;
        buffer[..piece.len()].copy_from_slice(&piece);
        Ok(piece.len())
    }
}
