//! One request and its answer, on a connection of its own.

use std::time::Duration;

use http_aio::http::header::{self, HeaderMap, HeaderValue};
use http_aio::http::{Request, Response};
use http_aio::{Aio, Conn, Error};

use crate::answer::Answer;
use crate::common::ending::Ending;
use crate::common::exit::Exit;
use crate::common::failure::{Failure, Phase};
use crate::common::output::Column;
use crate::common::target::Target;
use crate::context::Context;
use crate::follow_up::{FollowUp, Reached};
use crate::pump::{Pump, Stop};
use crate::resume::Share;

/// How long the answer may take after the upload was cut off.
const GRACE: Duration = Duration::from_secs(1);

/// How long the server may take what was sent, after an exchange that did not come to its end. The
/// process could not keep the count if it took the socket along.
const FAREWELL: Duration = Duration::from_secs(1);

pub(crate) struct Upload<'a> {
    pub(crate) context: &'a Context<'a>,
    pub(crate) target: &'a Target,
    pub(crate) headers: &'a HeaderMap,
    pub(crate) follow_up: &'a FollowUp<'a>,
}

/// What became of it.
pub(crate) struct Attempt {
    pub(crate) written: u64,
    /// The bytes that there were to be sent. None if nobody knows.
    pub(crate) total: Option<u64>,
    pub(crate) reached: Reached,
    pub(crate) ending: Ending,
    /// Of the answer.
    pub(crate) head: Option<Response<()>>,
    pub(crate) column: Column,
}

impl Upload<'_> {
    pub(crate) fn run(&self) -> Attempt {
        let share = match self.context.options.resume {
            true => Share::ask(self.context, self.target, self.headers),
            false => Ok(Share::default()),
        };
        let sent = match share {
            Ok(share) => self.send(&share),
            Err(ending) => Err((self.context.source.len, ending)),
        };
        sent.unwrap_or_else(|(total, ending)| Attempt::failed(total, ending))
    }

    /// # Errors
    ///
    /// Nothing was sent of so many bytes.
    fn send(&self, share: &Share) -> Result<Attempt, (Option<u64>, Ending)> {
        let Context {
            client,
            task,
            progress,
            ..
        } = self.context;
        progress.say("connecting");
        let conn = client.connect(task.aio(), &self.target.uri).wait();
        let phase = match self.target.is_https() {
            true => Phase::Securing,
            false => Phase::Connecting,
        };
        let conn = conn.map_err(|error| Failure::of(&error, phase));
        let attempt = conn.and_then(|conn| self.converse(&conn, share));
        attempt.map_err(|failure| (self.left(share), failure.into()))
    }

    /// # Errors
    ///
    /// Nothing was sent.
    fn converse(&self, conn: &Conn, share: &Share) -> Result<Attempt, Failure> {
        let Context {
            source,
            options,
            progress,
            ..
        } = self.context;
        let pieces = source.pieces(share.from, options.buffer)?;
        let begun = match self.send_head(conn, share) {
            Err(error) if error.count() == 0 => return Err(Failure::of(&error, Phase::Sending)),
            begun => begun.map_err(Stop::Write),
        };
        let mut answer = Answer::listen(self.context, conn, self.follow_up);
        let begun = begun.and_then(|()| self.ask_permission(&mut answer, share));
        progress.say("");
        let mut pump = Pump::new(self.context, conn, share.from, pieces);
        let sent = begun.and_then(|()| pump.run(&mut answer));
        // Whether the server has had all of the body before it answered.
        answer.poll(pump.reached);
        let is_whole = sent.is_ok() && answer.is_awaited();
        let attempt = Attempt {
            total: self.left(share),
            ..self.hear(sent, &mut answer, &pump)
        };
        if pump.written > 0 && !(is_whole && answer.head().is_some()) {
            progress.say("waiting for the server to take it");
            // However that ends, nothing more can be done.
            let _ = conn.shutdown(Aio::new().timeout(FAREWELL)).wait();
        }
        conn.close();
        Ok(attempt)
    }

    /// Hears the answer to its end.
    fn hear(&self, sent: Result<(), Stop>, answer: &mut Answer<'_>, pump: &Pump<'_>) -> Attempt {
        self.context.progress.say("waiting for the answer");
        let patience = match &sent {
            Ok(()) => None,
            // Cut off: perhaps the server has said why.
            Err(Stop::Write(error)) if error.is_timeout() || error.is_canceled() => {
                Some(Duration::ZERO)
            }
            Err(Stop::Write(_) | Stop::Answered) => Some(GRACE),
            Err(Stop::Local(_)) => Some(Duration::ZERO),
        };
        answer.wait(patience, pump.reached);
        let delivered = answer.delivered(patience);
        let (heard, column) = match delivered {
            Some(delivered) => (delivered.result, delivered.column),
            None => (Ok(()), Column::AtStart),
        };
        let status = answer.status();
        let ending = match (sent, status) {
            (Ok(()) | Err(Stop::Answered), None) => answer
                .failure()
                .cloned()
                .unwrap_or_else(Failure::no_answer)
                .into(),
            (Ok(()), Some(status)) => match heard {
                Err(failure) if status.is_success() || failure.exit != Exit::Receive => {
                    Ending::Failed(failure, Some(status))
                }
                _ => Ending::answered(status),
            },
            // Whatever its status: it is not about the whole body.
            (Err(Stop::Answered), Some(status)) => Ending::Refused(status),
            (Err(stop), status) => Ending::Failed(stop.into(), status),
        };
        let ending = match self.context.task.is_interrupted() && !ending.is_ok() {
            true => Ending::canceled(),
            false => ending,
        };
        Attempt {
            written: pump.written,
            total: None,
            reached: pump.reached,
            ending,
            head: answer.head().cloned(),
            column,
        }
    }

    fn send_head(&self, conn: &Conn, share: &Share) -> Result<(), Error> {
        let Context {
            source,
            options,
            task,
            console,
            ..
        } = self.context;
        let mut request = Request::new(());
        *request.method_mut() = options.method.clone();
        *request.uri_mut() = self.target.uri.clone();
        *request.headers_mut() = self.headers.clone();
        let headers = request.headers_mut();
        headers
            .entry(header::CONNECTION)
            .or_insert(HeaderValue::from_static("close"));
        match self.left(share) {
            Some(len) if !options.chunked => headers.insert(header::CONTENT_LENGTH, len.into()),
            _ => headers.insert(
                header::TRANSFER_ENCODING,
                HeaderValue::from_static("chunked"),
            ),
        };
        share.describe(headers, source.len.unwrap_or(0));
        if self.expects_permission(share) {
            headers.insert(header::EXPECT, HeaderValue::from_static("100-continue"));
        }
        console.request(&request);
        conn.write_request(task.aio(), request).wait().map(drop)
    }

    /// # Errors
    ///
    /// The server has said something else, or nothing will come from it any more.
    fn ask_permission(&self, answer: &mut Answer<'_>, share: &Share) -> Result<(), Stop> {
        if self.expects_permission(share) {
            self.context.progress.say("waiting for 100 Continue");
            answer.wait_for_permission();
            if !answer.is_awaited() {
                return Err(Stop::Answered);
            }
        }
        Ok(())
    }

    /// RFC 9110 section 10.1.1: there is nothing to expect without content.
    fn expects_permission(&self, share: &Share) -> bool {
        self.context.options.expect_continue && self.left(share) != Some(0)
    }

    /// The bytes that a share has, if that is known.
    fn left(&self, share: &Share) -> Option<u64> {
        self.context.source.len.map(|len| len - share.from)
    }
}

impl Attempt {
    /// One of which the server has seen nothing.
    fn failed(total: Option<u64>, ending: Ending) -> Self {
        Self {
            written: 0,
            total,
            reached: Reached::Nothing,
            ending,
            head: None,
            column: Column::AtStart,
        }
    }
}
