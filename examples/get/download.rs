//! The exchanges for one URL, and their bodies, which are written while they are read.

use std::collections::VecDeque;

use http_aio::bytes::Bytes;
use http_aio::http::header::{self, HeaderValue};
use http_aio::http::{Request, Response, StatusCode};
use http_aio::{Aio, Error, ErrorKind};

use crate::answer::{Answer, Seen, Unanswered, ask};
use crate::common::console::Progress;
use crate::common::ending::{Ending, Status};
use crate::common::exit::Exit;
use crate::common::failure::{Failure, Phase, has_closed};
use crate::common::head;
use crate::common::output::{Column, Output};
use crate::common::retry::Retry;
use crate::common::target::Target;
use crate::context::{Context, Then};
use crate::outcome::Outcome;
use crate::part::Part;
use crate::resume::{Place, place};
use crate::sink::{Item, Sink, Unwritten};

/// Reads in flight: one more than is being waited for, so that the connection never idles while the
/// output is written.
const READS: usize = 2;

/// Most of a body that is read at once.
const PIECE: usize = 256 << 10;

struct Download<'a> {
    context: &'a Context<'a>,
    target: &'a Target,
    then: Then,
    /// Whether the output can be cut and continued.
    is_file: bool,
    is_terminal: bool,
    sink: Sink,
    progress: Progress,
}

pub(crate) fn run(context: &Context<'_>, target: &Target, output: Output, then: Then) -> Outcome {
    let have = match context.options.resume {
        true => output.resumable_at(),
        false => Ok(0),
    };
    let (is_file, is_terminal) = (output.is_file(), output.is_terminal());
    let label = output.label();
    let token = context.task.token().clone();
    let sink = have.and_then(|have| Ok((have, Sink::start(output, move || token.cancel())?)));
    let (have, sink) = match sink {
        Ok(started) => started,
        Err(failure) => return Outcome::none(failure),
    };
    let download = Download {
        context,
        target,
        then,
        is_file,
        is_terminal,
        sink,
        progress: match is_terminal {
            true => Progress::hidden(),
            false => context.console.progress(&label, None),
        },
    };
    let ending = download.repeat(have);
    download.end(ending)
}

impl Download<'_> {
    /// All exchanges, up to the first that does not succeed.
    fn repeat(&self, have: u64) -> Ending {
        let mut part = Part::first(have);
        let mut left = self.context.options.repeat;
        loop {
            left = left.saturating_sub(1);
            let ending = self.exchange(&mut part, left);
            if left == 0 || !ending.is_ok() {
                return ending;
            }
            part = part.next();
        }
    }

    /// One exchange, in as many attempts as it may take. `left` come behind it.
    fn exchange(&self, part: &mut Part, left: u32) -> Ending {
        let Context {
            template,
            options,
            task,
            console,
            ..
        } = self.context;
        let mut retry = Retry::new(options.retry);
        loop {
            self.progress.say("waiting for the answer");
            let (ending, seen) = match ask(self.context, self.request(part, left)) {
                Ok(answer) => (self.take(&answer, part, &retry), Seen::Perhaps),
                Err(Unanswered { failure, seen }) => (Err(failure.into()), seen),
            };
            let ending = ending.unwrap_or_else(|ending| ending);
            if !self.may_repeat(part, seen) || !retry.wait(&ending, task, console) {
                return match task.is_interrupted() && !ending.is_ok() {
                    true => Ending::canceled(),
                    false => ending,
                };
            }
            let is_continued = options.resume || template.can_continue() && part.is_valid();
            if !is_continued {
                part.forget();
            }
        }
    }

    /// Whether another attempt does no harm: to the server, and to the output.
    fn may_repeat(&self, part: &Part, seen: Seen) -> bool {
        let harmless = self.context.template.is_idempotent() || seen == Seen::Nothing;
        harmless && (self.is_file || !part.has_begun)
    }

    /// Takes what belongs to the output. `Err` is an ending too: one that comes before its time.
    fn take(&self, answer: &Answer, part: &mut Part, retry: &Retry) -> Result<Ending, Ending> {
        let status = Status::from(&answer.head);
        let ending = Ending::answered(status.clone());
        if retry.is_left_for(&ending) && self.may_repeat(part, Seen::Perhaps) {
            return Ok(ending); // Nobody needs its body.
        }
        let place = self.place(&answer.head, part);
        match place.map_err(|failure| Ending::Failed(failure, Some(status)))? {
            Place::Append { end, total } => {
                self.give(part.place())?;
                self.deliver(answer, part, end - part.have)?;
                match total.unwrap_or(end) {
                    all if all == part.have => Ok(ending),
                    all => Err(incomplete(part.have, Some(all)).into()),
                }
            }
            Place::StartOver => {
                let include = self.context.options.include;
                let head = include.then(|| head::response(&answer.head));
                self.give(part.start_over(&answer.head, head.as_ref()))?;
                if let Some(head) = head {
                    self.give(Item::Head(head))?;
                }
                // What follows 101 is not HTTP.
                if answer.head.status() != StatusCode::SWITCHING_PROTOCOLS {
                    self.deliver(answer, part, u64::MAX)?;
                }
                Ok(ending)
            }
            Place::Complete => Ok(Ending::Ok(Status::from(&answer.head))),
            Place::Nowhere => Ok(ending),
        }
    }

    /// Where the body of an answer belongs.
    fn place(&self, head: &Response<()>, part: &Part) -> Result<Place, Failure> {
        let options = self.context.options;
        if options.resume || part.have > 0 {
            return place(head, part.have);
        }
        Ok(match options.fail && !head.status().is_success() {
            true => Place::Nowhere,
            false => Place::StartOver,
        })
    }

    fn request(&self, part: &Part, left: u32) -> Request<Bytes> {
        let mut request = self.context.template.request(self.target);
        let headers = request.headers_mut();
        part.ask(headers);
        // Good manners, where no request follows. The user may have said something else.
        if left == 0 && self.then == Then::Nothing && !self.context.options.follow {
            let close = HeaderValue::from_static("close");
            headers.entry(header::CONNECTION).or_insert(close);
        }
        request
    }

    /// Gives the body to the output while it arrives: `most` at most, or the server contradicts itself.
    fn deliver(&self, answer: &Answer, part: &mut Part, most: u64) -> Result<(), Ending> {
        let before = self.sink.written();
        self.progress.expect(answer.len.map(|len| before + len));
        self.progress.say("");
        let read = |aio: Aio<Bytes>| answer.body.read_some(aio, PIECE);
        let task = self.context.task;
        let mut reads: VecDeque<_> = (0..READS).map(|_| read(task.aio())).collect();
        let mut count = 0;
        while let Some(first) = reads.pop_front() {
            let (result, aio) = first.reclaim();
            let bytes = result.map_err(|error| cut(&error, count, answer.len))?;
            if bytes.is_empty() {
                continue; // The end. The reads behind this one meet it too.
            }
            count += bytes.len() as u64;
            if count > most {
                return Err(Failure::new(Exit::Range, "the server sends more than it says").into());
            }
            part.have += bytes.len() as u64;
            self.give(Item::Body(bytes))?;
            self.progress.set(self.sink.written());
            reads.push_back(read(aio));
        }
        Ok(())
    }

    fn give(&self, item: Item) -> Result<(), Failure> {
        self.sink.give(item, self.context.task)
    }

    /// Ends as the exchanges did, unless the output failed, or did not end in time.
    fn end(self, ending: Ending) -> Outcome {
        let written = self.sink.end(self.context.task);
        let ending = match (written.result, ending) {
            (Ok(()), ending) => ending,
            (Err(Unwritten::Failed(failure)), _) => failure.into(),
            (Err(Unwritten::Late(late)), Ending::Ok(_) | Ending::Refused(_)) => late.into(),
            (Err(Unwritten::Late(_)), ending) => ending,
        };
        Outcome {
            read: written.count,
            ending,
            column: match self.is_terminal {
                true => written.column,
                false => Column::AtStart,
            },
        }
    }
}

/// A body that ended after `count` of `len` bytes.
fn cut(error: &Error, count: u64, len: Option<u64>) -> Failure {
    let failure = Failure::of(error, Phase::Receiving);
    match error.kind() {
        ErrorKind::Reset if has_closed(error) => incomplete(count, len),
        ErrorKind::Protocol | ErrorKind::TooLarge => {
            Failure::new(Exit::Receive, "incomplete (the rest is not HTTP/1)")
        }
        _ => failure,
    }
}

fn incomplete(count: u64, of: Option<u64>) -> Failure {
    let why = match of {
        Some(of) => format!("incomplete ({count} of {of} bytes)"),
        None => "incomplete (closed before the end)".to_owned(),
    };
    Failure::new(Exit::Receive, why)
}
