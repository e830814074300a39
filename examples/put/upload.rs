//! The exchange: connect, head, body in pieces, and what became of it.

use std::collections::VecDeque;
use std::io::{self, IsTerminal};
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, TryRecvError, at, never, select};
use http_aio::bytes::Bytes;
use http_aio::http::{Request, header};
use http_aio::{Aio, Conn, Error, ErrorKind, InFlight, Written};
use indicatif::{ProgressBar, ProgressStyle};

use crate::answer::{self, Answer};
use crate::cancel::Control;
use crate::outcome::{Ending, Outcome, sentence};
use crate::source::{Piece, Source};
use crate::target::Target;

/// How often the progress bar moves.
const TICK: Duration = Duration::from_millis(100);

/// How long the answer may take after the upload was cut off.
const GRACE: Duration = Duration::from_secs(1);

/// What the user may choose.
pub(crate) struct Options {
    /// From the start of the connect to the answer.
    pub(crate) timeout: Option<Duration>,
    pub(crate) buffer: usize,
    pub(crate) depth: usize,
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
    control: &'a Control,
    deadline: Option<Instant>,
    depth: usize,
    total: u64,
    /// What the kernel has accepted of the body, in operations that have completed.
    written: u64,
    bar: ProgressBar,
}

pub(crate) fn run(
    target: &Target,
    source: Source,
    options: &Options,
    control: &Control,
) -> Outcome {
    // None as well if the clock does not reach that far.
    let deadline = options
        .timeout
        .and_then(|timeout| Instant::now().checked_add(timeout));
    let mut upload = Upload {
        control,
        deadline,
        depth: options.depth,
        total: source.len,
        written: 0,
        bar: progress_bar(source.len),
    };
    let ending = upload.exchange(target, source, options.buffer);
    upload.bar.finish_and_clear();
    Outcome {
        written: upload.written,
        total: upload.total,
        ending,
    }
}

impl Upload<'_> {
    fn exchange(&mut self, target: &Target, source: Source, buffer: usize) -> Ending {
        let pieces = match source.pieces(buffer) {
            Ok(pieces) => pieces,
            Err(reason) => return Ending::Failed(reason, None),
        };
        let conn = match self.connect(target) {
            Ok(conn) => conn,
            Err(_) if self.control.is_interrupted() => return Ending::Canceled,
            Err(error) => return Ending::Failed(connect_sentence(&error, target), None),
        };
        let answer = answer::read(&conn, self.aio(), self.control);
        let sent = self
            .send_head(&conn, target)
            .and_then(|()| self.send_body(&conn, &pieces));
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
        self.ending(sent, answer)
    }

    fn ending(&self, sent: Result<(), Stop>, answer: Option<Answer>) -> Ending {
        if self.control.is_interrupted() && !(sent.is_ok() && matches!(answer, Some(Ok(_)))) {
            return Ending::Canceled;
        }
        match (sent, answer) {
            (Ok(()) | Err(Stop::Ended), Some(Ok(status))) => Ending::Answered(status),
            (Ok(()), Some(Err(error))) if error.is_end_of_stream() => {
                Ending::Failed("closed without an answer".to_owned(), None)
            }
            (Ok(()) | Err(Stop::Ended), Some(Err(error))) => Ending::Failed(sentence(&error), None),
            (Ok(()) | Err(Stop::Ended), None) => Ending::Failed("no answer".to_owned(), None),
            (Err(Stop::Source(reason)), answer) => {
                Ending::Failed(reason, answer.and_then(Result::ok))
            }
            (Err(Stop::Write(error)), answer) => {
                Ending::Failed(sentence(&error), answer.and_then(Result::ok))
            }
        }
    }

    fn connect(&self, target: &Target) -> Result<Conn, Error> {
        self.bar.set_message("connecting");
        let aio = Conn::connect(self.aio(), (target.host.clone(), target.port));
        self.control.exchange.add(aio.canceller());
        aio.wait()
    }

    fn send_head(&self, conn: &Conn, target: &Target) -> Result<(), Stop> {
        let request = Request::put(target.uri.clone())
            .header(header::CONTENT_LENGTH, self.total)
            .header(header::CONNECTION, "close")
            .header(
                header::USER_AGENT,
                concat!("http-aio/", env!("CARGO_PKG_VERSION")),
            )
            .body(Bytes::new())
            .map_err(|error| Stop::Source(error.to_string()))?;
        let aio = conn.write_request(self.aio(), request);
        self.control.body.add(aio.canceller());
        aio.wait().map(drop).map_err(stop)
    }

    /// Keeps `depth` pieces in flight until all are out, or one of them fails.
    fn send_body(&mut self, conn: &Conn, pieces: &Receiver<Piece>) -> Result<(), Stop> {
        let mut in_flight = VecDeque::with_capacity(self.depth);
        self.bar.set_message("");
        let result = self.pump(conn, pieces, &mut in_flight);
        if result.is_err() {
            self.control.body.cancel();
        }
        for aio in in_flight {
            self.count(&aio.wait());
        }
        result
    }

    fn pump(
        &mut self,
        conn: &Conn,
        pieces: &Receiver<Piece>,
        in_flight: &mut VecDeque<Aio<Written, InFlight>>,
    ) -> Result<(), Stop> {
        let mut unsent = self.total;
        loop {
            self.show(in_flight);
            if unsent > 0 && in_flight.len() < self.depth {
                if let Some(piece) = self.next_piece(pieces, in_flight.is_empty())? {
                    unsent -= piece.len() as u64;
                    let aio = conn.write_all(self.aio().iov([piece]));
                    self.control.body.add(aio.canceller());
                    in_flight.push_back(aio);
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
            let deadline = self.deadline.map_or_else(never, at);
            select! {
                recv(pieces) -> piece => piece.ok(),
                recv(bell) -> _ => return Err(Stop::Ended),
                recv(deadline) -> _ => return Err(Stop::Write(ErrorKind::TimedOut.into())),
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

    fn aio<T>(&self) -> Aio<T> {
        match self.deadline {
            Some(at) => Aio::new().deadline(at),
            None => Aio::new(),
        }
    }
}

fn stop(error: Error) -> Stop {
    if error.is_canceled() {
        Stop::Ended
    } else {
        Stop::Write(error)
    }
}

fn connect_sentence(error: &Error, target: &Target) -> String {
    match error.kind() {
        ErrorKind::Resolve => format!("cannot resolve {}", target.host),
        ErrorKind::Unreachable => format!("cannot reach {}", target.host),
        _ => sentence(error),
    }
}

/// On standard error, and only where somebody can watch it.
fn progress_bar(total: u64) -> ProgressBar {
    if !io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let template =
        "[{wide_bar}] {bytes} of {total_bytes}, {binary_bytes_per_sec}, {eta} left {msg}";
    let style = ProgressStyle::with_template(template);
    let style = style.unwrap_or_else(|_| ProgressStyle::default_bar());
    ProgressBar::new(total).with_style(style)
}
