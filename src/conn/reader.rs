//! The reader's thread.
//!
//! One read at a time: what has arrived already is handed out first; if it does not do, a call
//! blocks for more. What arrives belongs to the connection, not to the read that waited for it.
//!
//! Invariants:
//!
//! 1. Bytes leave the input only after `commit`, when no interruption can settle the read any more.
//! 2. An interruption settles a read at once, and wakes its call: nothing is shut down, and the
//!    thread goes on with the next read.
//! 3. No failure of a read ends anything but that read. An end of stream, and an error of the
//!    socket, is found by every later read that needs more than there is.

use std::collections::VecDeque;
use std::io;
use std::net::Shutdown;

use bytes::Bytes;
use parking_lot::Mutex;

use super::input::Input;
use super::job::{ReadJob, Want};
use super::lane::{Job, Work};
use super::side::{Direction, Side};
use crate::aio::{Call, Completer};
use crate::error::{Error, ErrorKind};
use crate::proto::limits::Limits;
use crate::proto::parse::{Head, HeadSearch};

/// Room for one call: at least, and at most.
const LEAST_ROOM: usize = 16 << 10;
const MOST_ROOM: usize = 256 << 10;

#[derive(Default)]
pub(crate) struct Reader {
    /// With the thread while it serves a read, here in between.
    pub(crate) input: Mutex<Input>,
}

impl Direction for Reader {
    type Job = ReadJob;
    const ROLE: &'static str = "read";
    const HOW: Shutdown = Shutdown::Read;

    fn run(side: &Side<Self>) {
        let mut jobs = VecDeque::new();
        loop {
            let call = match side.lane.next(&mut jobs, |_| false) {
                Work::Jobs => jobs.pop_front().and_then(|job| side.serve(job)),
                Work::Call(call) => Some(call),
                Work::Exit => return,
            };
            if let Some(call) = call {
                side.run(call);
            }
        }
    }

    /// The read is settled. If the call is another's by now, that one goes round.
    fn interrupt_call(side: &Side<Self>, _: usize) {
        side.link.transport.wake_reader();
    }
}

impl Side<Reader> {
    /// Serves one read to its end; returns the closure that is to be told.
    fn serve(&self, job: ReadJob) -> Option<Call> {
        let mut input = std::mem::take(&mut *self.direction.input.lock());
        let call = self.read(job, &mut input);
        *self.direction.input.lock() = input;
        call
    }

    fn read(&self, mut job: ReadJob, input: &mut Input) -> Option<Call> {
        if job.deadline.is_past() {
            return job.fail_at(ErrorKind::TimedOut.into(), input);
        }
        job.progress(input);
        let mut search = HeadSearch::default();
        loop {
            let room;
            (job, room) = match job.fulfil(input, &mut search) {
                Fulfilled::Yes(call) => return call,
                Fulfilled::NotYet(job, room) => (job, room),
            };
            if let Some(error) = input.end() {
                return job.fail_at(error, input);
            }
            let Some(wait) = job.deadline.wait() else {
                return job.fail_at(ErrorKind::TimedOut.into(), input);
            };
            match self.lane.enter(job.operation()?) {
                Ok(away) => self.see_to(&away),
                Err(kind) => return job.fail_at(kind.into(), input),
            }
            // Settled before the lane knew of it: nobody would wake the call.
            if job.want.is_settled() {
                self.lane.leave();
                return None;
            }
            let result = self.link.transport.read(input.spare(room), wait);
            let ended = self.lane.leave();
            match result {
                Ok(0) => input.ended(),
                Ok(count) => input.arrived(count),
                Err(error) => match error.kind() {
                    io::ErrorKind::WouldBlock
                    | io::ErrorKind::TimedOut
                    | io::ErrorKind::Interrupted => {}
                    _ => input.broke(error),
                },
            }
            job.progress(input);
            if let Some(kind) = ended {
                return job.fail_at(kind.into(), input);
            }
        }
    }
}

enum Fulfilled {
    Yes(Option<Call>),
    /// With the room that the next call should have.
    NotYet(ReadJob, usize),
}

impl ReadJob {
    /// Completes the read if `input` has what it wants, or what it cannot want, or if it has been
    /// settled meanwhile.
    fn fulfil(self, input: &mut Input, search: &mut HeadSearch) -> Fulfilled {
        let Self { want, deadline } = self;
        let not_yet = |want, room: usize| {
            let room = room.clamp(LEAST_ROOM, MOST_ROOM);
            Fulfilled::NotYet(Self { want, deadline }, room)
        };
        let arrived = input.unread().len();
        match want {
            want if want.is_settled() => Fulfilled::Yes(None),
            Want::Some(most, completer) if arrived > 0 || most == 0 => {
                Fulfilled::Yes(hand_out(input, most, completer))
            }
            Want::All(len, completer) if arrived >= len => {
                Fulfilled::Yes(hand_out(input, len, completer))
            }
            Want::Some(len, _) => not_yet(want, len),
            Want::All(len, _) => not_yet(want, len - arrived),
            Want::Request(limits, completer) => match head(input, search, &limits, completer) {
                Ok(call) => Fulfilled::Yes(call),
                Err(completer) => not_yet(Want::Request(limits, completer), 0),
            },
            Want::Response(limits, completer) => match head(input, search, &limits, completer) {
                Ok(call) => Fulfilled::Yes(call),
                Err(completer) => not_yet(Want::Response(limits, completer), 0),
            },
        }
    }

    fn fail_at(self, error: Error, input: &Input) -> Option<Call> {
        let error = error.with_count(self.progress(input));
        self.fail(error)
    }
}

fn hand_out(input: &mut Input, count: usize, completer: Completer<Bytes>) -> Option<Call> {
    if !completer.commit() {
        return None;
    }
    let bytes = input.take(count);
    completer.progress(bytes.len() as u64);
    completer.finish(Ok(bytes)).into_call()
}

/// `Err`: the head is not complete.
fn head<H: Head>(
    input: &mut Input,
    search: &mut HeadSearch,
    limits: &Limits,
    completer: Completer<H>,
) -> Result<Option<Call>, Completer<H>> {
    let result = match search.parse::<H>(input.unread(), limits) {
        Ok(None) => return Err(completer),
        Ok(Some((head, size))) => {
            if !completer.commit() {
                return Ok(None);
            }
            input.take(size);
            completer.progress(size as u64);
            Ok(head)
        }
        Err(error) => Err(error.with_count(input.unread().len() as u64)),
    };
    Ok(completer.finish(result).into_call())
}
