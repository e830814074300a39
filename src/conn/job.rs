//! Everything one operation needs, in one value that travels: nothing of it is stored on the
//! connection, so operations cannot change one another.

use std::sync::Arc;

use bytes::Bytes;
use http::{Request, Response};

use super::input::Input;
use super::lane::Job;
use crate::aio::{Call, Completer, Notice, Operation, Written};
use crate::bufs::Bufs;
use crate::deadline::Deadline;
use crate::error::Error;
use crate::proto::limits::Limits;

/// When a write is complete.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Until {
    /// The kernel has accepted every byte.
    All,
    /// The kernel has accepted at least one.
    Some,
}

pub(crate) struct WriteJob {
    pub(crate) bufs: Bufs,
    pub(crate) until: Until,
    pub(crate) deadline: Deadline,
    pub(crate) completer: Completer<Written>,
    pub(crate) moved: u64,
}

impl WriteJob {
    /// Takes up to `count` bytes that the kernel has accepted off the front; returns the rest.
    pub(crate) fn accept(&mut self, count: usize) -> usize {
        let mine = self.bufs.advance(count);
        if mine > 0 {
            self.moved += mine as u64;
            self.completer.progress(self.moved);
        }
        count - mine
    }

    pub(crate) fn is_complete(&self) -> bool {
        self.bufs.remaining() == 0 || (self.until == Until::Some && self.moved > 0)
    }

    pub(crate) fn succeed(self) -> Notice<Written> {
        self.completer.finish(Ok(Written::new(self.moved)))
    }
}

impl Job for WriteJob {
    fn id(&self) -> usize {
        self.completer.id()
    }

    fn deadline(&self) -> Deadline {
        self.deadline
    }

    fn is_cut(&self) -> bool {
        self.moved > 0
    }

    fn fail(self, error: Error) -> Option<Call> {
        let error = match self.completer.cause() {
            Some(cause) => error.with_kind(cause),
            None => error,
        };
        let result = Err(error.with_count(self.moved));
        self.completer.finish(result).into_call()
    }
}

pub(crate) struct ReadJob {
    pub(crate) want: Want,
    pub(crate) deadline: Deadline,
}

/// What a read asks for, with the completer that takes it.
pub(crate) enum Want {
    /// At least one byte and at most this many.
    Some(usize, Completer<Bytes>),
    /// Exactly this many.
    All(usize, Completer<Bytes>),
    Request(Limits, Completer<Request<Bytes>>),
    Response(Limits, Completer<Response<Bytes>>),
}

/// Does the same to the completer of whatever type.
macro_rules! with_completer {
    ($want:expr, $completer:ident => $body:expr) => {
        match $want {
            Want::Some(_, $completer) | Want::All(_, $completer) => $body,
            Want::Request(_, $completer) => $body,
            Want::Response(_, $completer) => $body,
        }
    };
}

impl Want {
    pub(crate) fn is_settled(&self) -> bool {
        with_completer!(self, completer => completer.is_settled())
    }
}

impl ReadJob {
    pub(crate) fn operation(&self) -> Option<Arc<dyn Operation>> {
        with_completer!(&self.want, completer => completer.operation())
    }

    /// Bytes of `input` that count towards this read.
    pub(crate) fn progress(&self, input: &Input) -> u64 {
        let arrived = input.unread().len();
        let counted = match &self.want {
            Want::Some(len, _) | Want::All(len, _) => arrived.min(*len),
            Want::Request(..) | Want::Response(..) => arrived,
        };
        with_completer!(&self.want, completer => completer.progress(counted as u64));
        counted as u64
    }
}

impl Job for ReadJob {
    fn id(&self) -> usize {
        with_completer!(&self.want, completer => completer.id())
    }

    fn deadline(&self) -> Deadline {
        self.deadline
    }

    fn is_cut(&self) -> bool {
        false
    }

    fn fail(self, error: Error) -> Option<Call> {
        with_completer!(self.want, completer => completer.finish(Err(error)).into_call())
    }
}
