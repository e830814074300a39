//! What an exchange does to be answered: heads, interim ones, and connections that are given away.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use bytes::Bytes;
use http::{HeaderMap, Method, Response, StatusCode, Version, header};

use super::answer::Answered;
use super::date;
use super::event::ServerEvent;
use super::exchange::{BodyProgress, Exchange, Given};
use super::writer::ResponseWriter;
use crate::aio::{Aio, Written};
use crate::conn::Conn;
use crate::error::{Error, ErrorKind};
use crate::proto::encode::{Additions, Date, Persistence};
use crate::proto::framing;

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
        let headers = head.headers_mut();
        if !headers.contains_key(header::CONTENT_LENGTH) {
            let chunked = header::HeaderValue::from_static("chunked");
            headers.insert(header::TRANSFER_ENCODING, chunked);
        }
        self.begin(head, Bytes::new())
    }

    /// As `stream`, with the beginning of the content, which has a length then.
    pub(super) fn begin(
        &mut self,
        head: Response<()>,
        beginning: Bytes,
    ) -> Result<ResponseWriter, Error> {
        self.expect_unanswered()?;
        let status = head.status();
        let additions = self.additions(status, head.headers());
        let mut head = head.map(|()| Bytes::new());
        let (options, meter) = (&self.options, &self.meter);
        match beginning.is_empty() {
            true => self
                .conn
                .write_response_inline(&mut head, &additions, options, meter)?,
            false => self
                .conn
                .begin_response_inline(head, beginning, &additions, options, meter)?,
        };
        let is_finished = Arc::new(AtomicBool::new(false));
        self.given = Given::Head(status, Arc::clone(&is_finished));
        let is_head = *self.method() == Method::HEAD;
        Ok(ResponseWriter::new(
            self.conn.clone(),
            Arc::clone(&self.meter),
            is_finished,
            is_head,
            self.options.clone(),
            Arc::clone(&self.stay.server.counters),
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
    /// asked for with `Upgrade` (a handler that returns this answers 500, so look at the field before, and
    /// answer 426 (Upgrade Required) to those who have not; it is absent unless `Connection` names it), or for a head that must not be written; those of [`Conn::write_response`].
    pub fn upgrade(&mut self, head: Response<()>) -> Result<(Conn, Answered), Error> {
        self.expect_unanswered()?;
        let status = head.status();
        let switches = status == StatusCode::SWITCHING_PROTOCOLS;
        if switches && !self.headers().contains_key(header::UPGRADE) {
            let detail = "the client has not offered an upgrade";
            return Err(Error::new(ErrorKind::InvalidInput).with_detail(detail));
        }
        let additions = Additions {
            date: date_of(status),
            ..Additions::default()
        };
        let mut head = head.map(|()| Bytes::new());
        self.conn
            .write_response_inline(&mut head, &additions, &self.options, &self.meter)?;
        Ok(self.give_away(status))
    }

    fn give_away(&mut self, status: StatusCode) -> (Conn, Answered) {
        self.conn.release_from_http();
        let server = &self.stay.server;
        server.counters.hijacked.add(1);
        let (peer, uri) = (&self.conn.peer_addr(), self.request.uri());
        server.observer.tell(|| ServerEvent::Hijacked { peer, uri });
        self.stay.end();
        self.given = Given::Hijacked(status);
        (self.conn.clone(), Answered(()))
    }

    /// What the server adds to the head of an answer.
    pub(super) fn additions(&self, status: StatusCode, headers: &HeaderMap) -> Additions {
        Additions {
            date: date_of(status),
            persistence: self.persistence(headers),
            is_text: false,
            always_length: true,
        }
    }

    fn persistence(&self, headers: &HeaderMap) -> Option<Persistence> {
        let is_last = self.is_last || self.stay.is_ending() || !self.can_go_on();
        let is_old = self.request.version() == Version::HTTP_10;
        if !(is_last || is_old) || !framing::persists(Version::HTTP_11, headers) {
            return None; // There is nothing to say, or the handler has said so.
        }
        let has_end = !headers.contains_key(header::TRANSFER_ENCODING);
        match is_last {
            true => Some(Persistence::Close),
            false if has_end && self.conn.persists() => Some(Persistence::KeepAlive),
            false => None,
        }
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

    pub(super) fn expect_unanswered(&self) -> Result<(), Error> {
        match self.given {
            Given::Nothing => Ok(()),
            _ => {
                Err(Error::new(ErrorKind::InvalidInput).with_detail("the answer has begun already"))
            }
        }
    }

    pub(super) fn timed(&self) -> Aio<Written> {
        Aio::new().timeout(self.limits.pace.stall)
    }
}

/// What is added to an answer of the server's own, with which the connection ends.
pub(super) fn last_answer() -> Additions {
    Additions {
        date: date::now(),
        persistence: Some(Persistence::Close),
        is_text: false,
        always_length: true,
    }
}

/// An interim response has none.
fn date_of(status: StatusCode) -> Option<Date> {
    match status.is_informational() {
        true => None,
        false => date::now(),
    }
}
