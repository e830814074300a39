//! The body, piece by piece, with several of them in flight.

use std::collections::VecDeque;
use std::time::Duration;

use crossbeam_channel::{Receiver, TryRecvError, select};
use http_aio::bytes::Bytes;
use http_aio::{Aio, Conn, Error, InFlight, Written};

use crate::answer::Answer;
use crate::common::failure::{Failure, Phase};
use crate::context::Context;
use crate::follow_up::Reached;
use crate::source::Piece;

/// How long the progress bar stands still, and how long a refusal may go unnoticed.
const TICK: Duration = Duration::from_millis(50);

/// Why not all of the body went out.
pub(crate) enum Stop {
    /// The answer ended it.
    Answered,
    /// There was nothing more to send, or no more time.
    Local(Failure),
    Write(Error),
}

pub(crate) struct Pump<'a> {
    context: &'a Context<'a>,
    conn: &'a Conn,
    pieces: Receiver<Piece>,
    /// Bytes that the server had before.
    before: u64,
    in_flight: VecDeque<Aio<Written, InFlight>>,
    /// Bytes that the kernel has accepted, in operations that have completed.
    pub(crate) written: u64,
    pub(crate) reached: Reached,
}

impl<'a> Pump<'a> {
    /// For the pieces behind the first `before` bytes.
    pub(crate) fn new(
        context: &'a Context<'a>,
        conn: &'a Conn,
        before: u64,
        pieces: Receiver<Piece>,
    ) -> Self {
        Self {
            context,
            conn,
            pieces,
            before,
            in_flight: VecDeque::with_capacity(context.options.depth),
            written: 0,
            reached: Reached::Head,
        }
    }

    /// Sends all of it, unless the answer ends it, or something fails.
    pub(crate) fn run(&mut self, answer: &mut Answer<'_>) -> Result<(), Stop> {
        let result = self.send(answer);
        if result.is_err() {
            self.in_flight.iter().for_each(Aio::cancel);
        }
        for aio in std::mem::take(&mut self.in_flight) {
            self.count(&aio.wait());
        }
        result?;
        // Only after all of it: a body that was cut must not look whole.
        if self.context.options.chunked {
            let finished = self.conn.finish(self.context.task.aio()).wait();
            finished.map_err(Stop::Write)?;
        }
        Ok(())
    }

    /// Keeps `depth` pieces in flight until all are out, or one of them fails.
    fn send(&mut self, answer: &mut Answer<'_>) -> Result<(), Stop> {
        let Context {
            task,
            options,
            progress,
            ..
        } = self.context;
        let mut is_at_end = false;
        loop {
            answer.poll(self.reached);
            if answer.ends_body() {
                return Err(Stop::Answered);
            }
            let under_way: u64 = self.in_flight.iter().map(Aio::count).sum();
            progress.set(self.before + self.written + under_way);
            if !is_at_end && self.in_flight.len() < options.depth {
                if let Some(piece) = self.next_piece(answer)? {
                    is_at_end = piece.is_empty();
                    if !is_at_end {
                        let aio = task.aio().iov([piece]);
                        self.in_flight.push_back(self.conn.write_all(aio));
                        self.reached = Reached::Body;
                    }
                    continue;
                }
            }
            // Operations complete in the order of their submission: the first is the one to watch.
            let Some(first) = self.in_flight.pop_front() else {
                if is_at_end {
                    return Ok(());
                }
                continue;
            };
            match first.wait_timeout(TICK) {
                Ok(result) => {
                    self.count(&result);
                    result.map_err(Stop::Write)?;
                }
                Err(first) => self.in_flight.push_front(first),
            }
        }
    }

    /// `None`: the source has nothing ready, and there is something else to wait for; or the answer has
    /// said something.
    fn next_piece(&self, answer: &mut Answer<'_>) -> Result<Option<Bytes>, Stop> {
        let task = self.context.task;
        if task.is_interrupted() {
            return Err(Stop::Local(Failure::interrupted()));
        }
        let piece = match self.pieces.try_recv() {
            Err(TryRecvError::Empty) if self.in_flight.is_empty() => select! {
                recv(self.pieces) -> piece => piece.ok(),
                recv(answer.coming()) -> come => {
                    if let Ok(come) = come {
                        answer.take(come, self.reached);
                    }
                    return Ok(None);
                }
                recv(task.bell()) -> _ => return Err(Stop::Local(Failure::interrupted())),
                recv(task.passing()) -> _ => return Err(Stop::Local(Failure::timed_out())),
            },
            Err(TryRecvError::Empty) => return Ok(None),
            piece => piece.ok(),
        };
        match piece {
            Some(Ok(piece)) => Ok(Some(piece)),
            Some(Err(failure)) => Err(Stop::Local(failure)),
            None => Err(Stop::Local(Failure::lost())),
        }
    }

    fn count(&mut self, result: &Result<Written, Error>) {
        self.written += match result {
            Ok(written) => written.count(),
            Err(error) => error.count(),
        };
    }
}

impl From<Stop> for Failure {
    fn from(stop: Stop) -> Self {
        match stop {
            Stop::Answered => Self::no_answer(),
            Stop::Local(failure) => failure,
            Stop::Write(error) => Self::of(&error, Phase::Sending),
        }
    }
}
