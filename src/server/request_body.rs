//! The body of a request, as its handler reads it.

use std::io::{self, Read};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, Response, StatusCode};

use super::exchange::{BodyProgress, Exchange, Given};
#[cfg(doc)]
use super::limits::ServerLimits;
use crate::aio::Aio;
#[cfg(doc)]
use crate::conn::Conn;
use crate::error::{Action, Error, ErrorKind, Limit};
use crate::proto::body::BodyFraming;

/// Most bytes of a body that are read at a time.
const PIECE: usize = 64 << 10;

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
        let start = Instant::now();
        let aio = Aio::new().timeout(self.reading.left());
        let result = self.conn.read(aio, most).wait();
        self.reading.waited(start);
        match result {
            Ok(piece) => {
                self.note_read(piece.len());
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

    /// So much of the body was read. Nothing is its end.
    pub(super) fn note_read(&mut self, count: usize) {
        self.reading.passed(count as u64);
        self.read += count as u64;
        if count == 0 || self.unread() == Some(0) {
            self.body = BodyProgress::Ended;
        }
    }

    /// How much of the body is left to be read, if its length was declared.
    pub(super) fn unread(&self) -> Option<u64> {
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

    /// Reads and throws away what is left of the body. False if that is too much, or takes too long.
    pub(super) fn discard_rest(&mut self) -> bool {
        if self.body == BodyProgress::Ended {
            return true; // As it is mostly.
        }
        let until = Instant::now() + self.limits.discard_time;
        let mut left = self.limits.discard;
        loop {
            match self.body {
                BodyProgress::Ended => return true,
                BodyProgress::Withheld | BodyProgress::Broken => return false,
                BodyProgress::Reading => {}
            }
            if !self.conn.persists() {
                return false;
            }
            let wait = until.saturating_duration_since(Instant::now());
            if wait == Duration::ZERO {
                return false;
            }
            let aio = Aio::new().timeout(wait);
            match self.conn.read(aio, PIECE).wait() {
                Ok(piece) => match left.checked_sub(piece.len() as u64) {
                    Some(rest) => {
                        left = rest;
                        self.note_read(piece.len());
                    }
                    None => return false,
                },
                Err(_) => return false,
            }
        }
    }

    fn too_large(&mut self) -> Error {
        self.fault = Some(StatusCode::PAYLOAD_TOO_LARGE);
        let error = Error::from(Limit::Collected(self.limits.collect));
        let error = error.during(Action::ReadBody);
        error.with_peer(|| Some(Arc::clone(self.conn.peer())))
    }
}

/// The body of a request as a [`Read`]; from [`Exchange::body`].
#[derive(Debug)]
pub struct RequestBody<'a>(&'a mut Exchange);

impl Read for RequestBody<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.0.body == BodyProgress::Reading && !buffer.is_empty() {
            if let Some(count) = self.0.conn.read_content_at_once(buffer) {
                self.0.note_read(count);
                return Ok(count);
            }
        }
        let piece = self.0.read_piece(buffer.len().min(PIECE))?;
        buffer[..piece.len()].copy_from_slice(&piece);
        Ok(piece.len())
    }
}
