//! The exchange: connect, head, body in pieces, and what became of it.

use std::collections::VecDeque;
use std::time::Duration;

use crossbeam_channel::{Receiver, TryRecvError, select};
use http_aio::bytes::Bytes;
use http_aio::http::{Request, header};
use http_aio::{Aio, Client, Conn, Error, ErrorKind, InFlight, Written};
use indicatif::ProgressBar;

use crate::answer::{self, Answer};
use crate::control::Control;
use crate::deadline::Deadline;
use crate::ending::Ending;
use crate::outcome::Outcome;
use crate::permission;
use crate::progress;
use crate::sentence::{no_answer, sentence};
use crate::source::{Piece, Source};
use crate::target::Target;

/// How often the progress bar moves.
const TICK: Duration = Duration::from_millis(100);

/// How long the answer may take after the upload was cut off.
const GRACE: Duration = Duration::from_secs(1);

/// How long the server may take what was sent, after an exchange that did not come to its end. The
/// process could not keep the count if it took the socket along.
const FAREWELL: Duration = Duration::from_secs(1);

/// What the user may choose.
pub(crate) struct Options {
    /// From the start of the connect to the answer.
    pub(crate) timeout: Option<Duration>,
    pub(crate) buffer: usize,
    pub(crate) depth: usize,
    pub(crate) chunked: bool,
    pub(crate) expect_continue: bool,
}

/// Why not all of the body went out.
enum Stop {
    /// The answer, or the user, ended it.
    Ended,
    /// There was nothing more to send.
    Source(String),
    Write(Error),
}

struct Upload<'a> {
    client: &'a Client,
    options: &'a Options,
    control: &'a Control,
    deadline: Deadline,
    total: Option<u64>,
    /// What the kernel has accepted of the body, in operations that have completed.
    written: u64,
    bar: ProgressBar,
}

pub(crate) fn run(
    client: &Client,
    target: &Target,
    source: Source,
    options: &Options,
    control: &Control,
) -> Outcome {
    let mut upload = Upload {
        client,
        options,
        control,
        deadline: Deadline::after(options.timeout),
        total: source.len,
        written: 0,
        bar: progress::bar(source.len),
    };
    let ending = upload.exchange(target, source);
    upload.bar.finish_and_clear();
    Outcome {
        written: upload.written,
        total: upload.total,
        ending,
    }
}

impl Upload<'_> {
    fn exchange(&mut self, target: &Target, source: Source) -> Ending {
        let pieces = match source.pieces(self.options.buffer) {
            Ok(pieces) => pieces,
            Err(reason) => return Ending::failed(reason),
        };
        let conn = match self.connect(target) {
            Ok(conn) => conn,
            Err(_) if self.control.is_interrupted() => return Ending::Canceled,
            Err(error) => return Ending::failed(no_answer(&error)),
        };
        let (ending, in_order) = self.converse(&conn, target, &pieces);
        if self.written > 0 && !in_order {
            self.bar.set_message("waiting for the server to take it");
            // However that ends, nothing more can be done.
            let _ = conn.shutdown(Aio::new().timeout(FAREWELL)).wait();
        }
        ending
    }

    /// Whether the server has had all of the body before it answered is the second of the two.
    fn converse(
        &mut self,
        conn: &Conn,
        target: &Target,
        pieces: &Receiver<Piece>,
    ) -> (Ending, bool) {
        let begun = self.send_head(conn, target);
        if begun.is_ok() && self.expects_permission() {
            self.bar.set_message("waiting for 100 Continue");
            if let Err(answer) = permission::wait(conn, self.deadline, self.control) {
                return (self.ending(Err(Stop::Ended), Some(answer)), true);
            }
        }
        let answer = answer::read(conn, self.deadline.aio(), self.control);
        let sent = begun.and_then(|()| self.send_body(conn, pieces));
        let whole = sent.is_ok() && answer.is_empty();
        // The read has the deadline and ends with Ctrl-C, and so do these waits.
        let answer = match &sent {
            Ok(()) => {
                self.bar.set_message("waiting for the answer");
                answer.recv().ok()
            }
            // Cut off: perhaps the server has said why.
            Err(Stop::Write(error)) if !error.is_timeout() => answer.recv_timeout(GRACE).ok(),
            Err(Stop::Ended) => answer.recv_timeout(GRACE).ok(),
            Err(_) => answer.try_recv().ok(),
        };
        let in_order = whole && matches!(answer, Some(Ok(_)));
        (self.ending(sent, answer), in_order)
    }

    fn ending(&self, sent: Result<(), Stop>, answer: Option<Answer>) -> Ending {
        if self.control.is_interrupted() && !(sent.is_ok() && matches!(answer, Some(Ok(_)))) {
            return Ending::Canceled;
        }
        let said = |answer: Option<Answer>| answer.and_then(Result::ok);
        match (sent, answer) {
            (Ok(()), Some(Ok(status))) => Ending::answered(status),
            // Whatever its status: it is not about the whole body.
            (Err(Stop::Ended), Some(Ok(status))) => Ending::Refused(status),
            (Ok(()) | Err(Stop::Ended), Some(Err(error))) => Ending::failed(no_answer(&error)),
            (Ok(()) | Err(Stop::Ended), None) => Ending::failed("no answer"),
            (Err(Stop::Source(reason)), answer) => Ending::Failed(reason, said(answer)),
            (Err(Stop::Write(error)), answer) => Ending::Failed(sentence(&error), said(answer)),
        }
    }

    fn connect(&self, target: &Target) -> Result<Conn, Error> {
        self.bar.set_message("connecting");
        let aio = self.client.connect(self.deadline.aio(), &target.uri);
        self.control.exchange.add(aio.canceller());
        aio.wait()
    }

    fn send_head(&self, conn: &Conn, target: &Target) -> Result<(), Stop> {
        let agent = concat!("http-aio/", env!("CARGO_PKG_VERSION"));
        let request = Request::put(target.uri.clone())
            .header(header::CONNECTION, "close")
            .header(header::USER_AGENT, agent);
        let request = match self.total {
            Some(total) if !self.options.chunked => request.header(header::CONTENT_LENGTH, total),
            _ => request.header(header::TRANSFER_ENCODING, "chunked"),
        };
        let request = if self.expects_permission() {
            request.header(header::EXPECT, "100-continue")
        } else {
            request
        };
        let request = request
            .body(())
            .map_err(|error| Stop::Source(error.to_string()))?;
        self.write(conn.write_request(self.deadline.aio(), request))
    }

    /// RFC 9110 section 10.1.1: there is nothing to expect without content.
    fn expects_permission(&self) -> bool {
        self.options.expect_continue && self.total != Some(0)
    }

    /// Keeps `depth` pieces in flight until all are out, or one of them fails.
    fn send_body(&mut self, conn: &Conn, pieces: &Receiver<Piece>) -> Result<(), Stop> {
        let mut in_flight = VecDeque::with_capacity(self.options.depth);
        self.bar.set_message("");
        let result = self.pump(conn, pieces, &mut in_flight);
        if result.is_err() {
            self.control.body.cancel();
        }
        for aio in in_flight {
            self.count(&aio.wait());
        }
        result?;
        // Only after all of it: a body that was cut must not look whole.
        if self.options.chunked {
            self.write(conn.finish(self.deadline.aio()))?;
        }
        Ok(())
    }

    fn pump(
        &mut self,
        conn: &Conn,
        pieces: &Receiver<Piece>,
        in_flight: &mut VecDeque<Aio<Written, InFlight>>,
    ) -> Result<(), Stop> {
        let mut at_end = false;
        loop {
            self.show(in_flight);
            if !at_end && in_flight.len() < self.options.depth {
                if let Some(piece) = self.next_piece(pieces, in_flight.is_empty())? {
                    at_end = piece.is_empty();
                    if !at_end {
                        let aio = conn.write_all(self.deadline.aio().iov([piece]));
                        self.control.body.add(aio.canceller());
                        in_flight.push_back(aio);
                    }
                    continue;
                }
            }
            // Operations complete in the order of their submission: the first is the one to watch.
            let Some(first) = in_flight.pop_front() else {
                return Ok(());
            };
            match first.wait_timeout(TICK) {
                Ok(result) => {
                    self.count(&result);
                    result.map_err(stop)?;
                }
                Err(first) => in_flight.push_front(first),
            }
        }
    }

    /// `None`: the source has nothing ready, and there is something else to wait for.
    fn next_piece(&self, pieces: &Receiver<Piece>, idle: bool) -> Result<Option<Bytes>, Stop> {
        let bell = self.control.body.bell();
        if bell.try_recv() == Err(TryRecvError::Disconnected) {
            return Err(Stop::Ended);
        }
        let piece = if idle {
            select! {
                recv(pieces) -> piece => piece.ok(),
                recv(bell) -> _ => return Err(Stop::Ended),
                recv(self.deadline.passing()) -> _ => {
                    return Err(Stop::Write(ErrorKind::TimedOut.into()));
                }
            }
        } else {
            match pieces.try_recv() {
                Err(TryRecvError::Empty) => return Ok(None),
                piece => piece.ok(),
            }
        };
        match piece {
            Some(Ok(piece)) => Ok(Some(piece)),
            Some(Err(reason)) => Err(Stop::Source(reason)),
            None => Err(Stop::Source("the source was lost".to_owned())),
        }
    }

    /// Waits for what is not content.
    fn write(&self, aio: Aio<Written, InFlight>) -> Result<(), Stop> {
        self.control.body.add(aio.canceller());
        aio.wait().map(drop).map_err(stop)
    }

    fn count(&mut self, result: &Result<Written, Error>) {
        self.written += match result {
            Ok(written) => written.count(),
            Err(error) => error.count(),
        };
    }

    fn show(&self, in_flight: &VecDeque<Aio<Written, InFlight>>) {
        let under_way: u64 = in_flight.iter().map(Aio::count).sum();
        self.bar.set_position(self.written + under_way);
    }
}

fn stop(error: Error) -> Stop {
    if error.is_canceled() {
        Stop::Ended
    } else {
        Stop::Write(error)
    }
}
