//! The exchanges of a client, and bodies that are written while they are read.

use std::collections::VecDeque;
use std::time::Duration;

use http_aio::bytes::{BufMut, Bytes, BytesMut};
use http_aio::http::header::{self, HeaderValue};
use http_aio::http::{Request, Response, StatusCode};
use http_aio::{Aio, Body, Client, Error, ErrorKind, InFlight};
use indicatif::ProgressBar;

use crate::cancel::CancelGroup;
use crate::deadline::Deadline;
use crate::ending::{Ending, Status};
use crate::outcome::Outcome;
use crate::output::Output;
use crate::progress;
use crate::resume::{Place, place};
use crate::sentence::{has_closed, no_answer, sentence};
use crate::sink::{Item, Sink};
use crate::wanted::Wanted;

/// Reads in flight: one more than is being waited for, so that the connection never idles while the
/// output is written.
pub(crate) const READS: usize = 2;

/// Most of a body that is read at once.
const PIECE: usize = 256 << 10;

/// How often the progress bar moves.
const TICK: Duration = Duration::from_millis(100);

/// What the user may choose.
pub(crate) struct Options {
    /// From the start of the connect to the end of the last body.
    pub(crate) timeout: Option<Duration>,
    pub(crate) resume: bool,
    pub(crate) include: bool,
    pub(crate) repeat: u32,
    /// Redirections.
    pub(crate) follow: bool,
}

struct Download<'a> {
    client: &'a Client,
    wanted: &'a Wanted,
    options: &'a Options,
    stop: &'a CancelGroup,
    deadline: Deadline,
    sink: Sink,
    bar: ProgressBar,
}

/// An answer whose body is still to come.
struct Answer {
    head: Response<()>,
    body: Body,
    /// The length of the body, if the head says it.
    len: Option<u64>,
}

pub(crate) fn run(
    client: &Client,
    wanted: &Wanted,
    output: Output,
    options: &Options,
    stop: &CancelGroup,
) -> Outcome {
    let have = if options.resume {
        output.resumable_at()
    } else {
        Ok(0)
    };
    let bar = if output.is_terminal() {
        ProgressBar::hidden()
    } else {
        progress::bar(None)
    };
    let deadline = Deadline::after(options.timeout);
    let (have, sink) = match have.and_then(|have| Ok((have, Sink::start(output, stop, deadline)?)))
    {
        Ok(started) => started,
        Err(reason) => return Outcome::none(Ending::failed(reason)),
    };
    let download = Download {
        client,
        wanted,
        options,
        stop,
        deadline,
        sink,
        bar,
    };
    download.bar.enable_steady_tick(TICK);
    let ending = if options.resume {
        download.resume(have)
    } else {
        download.repeat()
    };
    let (read, ending) = download.sink.end(ending.unwrap_or_else(|ending| ending));
    download.bar.finish_and_clear();
    Outcome { read, ending }
}

/// `Err` is an ending too: one that comes before its time.
impl Download<'_> {
    /// All exchanges, up to the first that does not succeed.
    fn repeat(&self) -> Result<Ending, Ending> {
        for left in (0..self.options.repeat).rev() {
            let mut request = self.wanted.request();
            if left == 0 {
                self.close_after(&mut request);
            }
            let answer = self.ask(request)?;
            if left + 1 == self.options.repeat {
                self.sink.give(Item::Start(0))?; // Not before: a file outlives a failed connect.
            }
            if self.options.include {
                self.sink.give(Item::Head(render(&answer.head)))?;
            }
            // What follows 101 is not HTTP.
            if answer.head.status() != StatusCode::SWITCHING_PROTOCOLS {
                self.deliver(&answer, u64::MAX)?;
            }
            let ending = Ending::answered(Status::from(&answer.head));
            if left == 0 || !ending.is_ok() {
                return Ok(ending);
            }
        }
        Err(Ending::failed("nothing was asked for"))
    }

    /// One exchange, for what is missing after the first `have` bytes.
    fn resume(&self, have: u64) -> Result<Ending, Ending> {
        let mut request = self.wanted.request();
        self.close_after(&mut request);
        if have > 0 {
            let range = HeaderValue::try_from(format!("bytes={have}-"));
            let range = range.map_err(|error| Ending::failed(error.to_string()))?;
            request.headers_mut().insert(header::RANGE, range);
        }
        let answer = self.ask(request)?;
        let status = Status::from(&answer.head);
        match place(&answer.head, have) {
            Ok(Place::Append { end, total }) => {
                self.sink.give(Item::Start(have))?;
                let now = have + self.deliver(&answer, end - have)?;
                let all = total.unwrap_or(end);
                if now == all {
                    Ok(Ending::Ok(status))
                } else {
                    Err(incomplete(now, Some(all)))
                }
            }
            Ok(Place::StartOver) => {
                self.sink.give(Item::Start(0))?;
                self.deliver(&answer, u64::MAX)?;
                Ok(Ending::Ok(status))
            }
            Ok(Place::Complete) => Ok(Ending::Ok(status)),
            Ok(Place::Nowhere) => Ok(Ending::Refused(status)),
            Err(why) => Err(Ending::Failed(why, Some(status))),
        }
    }

    /// Good manners, where no request follows. The user may have said something else.
    fn close_after(&self, request: &mut Request<Bytes>) {
        if !self.options.follow {
            let close = HeaderValue::from_static("close");
            let headers = request.headers_mut();
            headers.entry(header::CONNECTION).or_insert(close);
        }
    }

    fn ask(&self, request: Request<Bytes>) -> Result<Answer, Ending> {
        self.bar.set_message("waiting for the answer");
        let aio = self.client.transact_streaming(self.deadline.aio(), request);
        self.stop.add(aio.canceller());
        let answer = aio.wait();
        let answer = answer.map_err(|error| failed(&error, no_answer))?;
        let (head, body) = answer.into_parts();
        let len = head.headers.get(header::CONTENT_LENGTH);
        let len = len.and_then(|len| len.to_str().ok()?.parse().ok());
        let head = Response::from_parts(head, ());
        Ok(Answer { head, body, len })
    }

    /// Gives the body to the output while it arrives, and says how much it was: `most` at most, or
    /// the server contradicts itself.
    fn deliver(&self, answer: &Answer, most: u64) -> Result<u64, Ending> {
        let before = self.sink.written();
        progress::show_total(&self.bar, answer.len.map(|len| before + len));
        self.bar.set_message("");
        let mut reads: VecDeque<_> = (0..READS)
            .map(|_| self.read(&answer.body, self.deadline.aio()))
            .collect();
        let mut count = 0;
        while let Some(read) = reads.pop_front() {
            let (result, aio) = read.reclaim();
            let bytes = result.map_err(|error| cut(&error, count, answer.len))?;
            if bytes.is_empty() {
                continue; // The end. The reads behind this one meet it too.
            }
            count += bytes.len() as u64;
            if count > most {
                return Err(Ending::failed("the server sends more than it says"));
            }
            self.sink.give(Item::Body(bytes))?;
            self.bar.set_position(self.sink.written());
            reads.push_back(self.read(&answer.body, aio));
        }
        Ok(count)
    }

    fn read(&self, body: &Body, aio: Aio<Bytes>) -> Aio<Bytes, InFlight> {
        let aio = body.read_some(aio, PIECE);
        self.stop.add(aio.canceller());
        aio
    }
}

/// As it looks on the wire.
fn render(head: &Response<()>) -> Bytes {
    let mut text = BytesMut::new();
    text.put_slice(format!("{:?} {}\r\n", head.version(), Status::from(head)).as_bytes());
    for (name, value) in head.headers() {
        for part in [name.as_str().as_bytes(), b": ", value.as_bytes(), b"\r\n"] {
            text.put_slice(part);
        }
    }
    text.put_slice(b"\r\n");
    text.freeze()
}

fn failed(error: &Error, say: impl FnOnce(&Error) -> String) -> Ending {
    if error.is_canceled() {
        Ending::Canceled
    } else {
        Ending::failed(say(error))
    }
}

/// A body that ended after `count` of `len` bytes.
fn cut(error: &Error, count: u64, len: Option<u64>) -> Ending {
    match error.kind() {
        ErrorKind::Reset if has_closed(error) => incomplete(count, len),
        ErrorKind::Protocol | ErrorKind::TooLarge => {
            Ending::failed("incomplete (the rest is not HTTP/1)")
        }
        _ => failed(error, sentence),
    }
}

fn incomplete(count: u64, of: Option<u64>) -> Ending {
    Ending::failed(match of {
        Some(of) => format!("incomplete ({count} of {of} bytes)"),
        None => "incomplete (closed before the end)".to_owned(),
    })
}
