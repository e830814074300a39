//! Everything one operation needs, in one value that travels: nothing of it is stored on the
//! connection, so operations cannot change one another.

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, Request, Response, StatusCode};
use smallvec::SmallVec;

use super::exchange::{Answer, Exchange};
use super::queue::Job;
use crate::aio::{Completer, Notice, Operation, Written};
use crate::background::Call;
use crate::bufs::{Bufs, Slices, gather};
use crate::deadline::Deadline;
use crate::error::Error;
use crate::proto::body::BodyState;
use crate::proto::encode::Encoded;
use crate::proto::framing::{Asked, Framing};
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
    pub(crate) content: Content,
    pub(crate) bufs: Bufs,
    until: Until,
    pub(crate) deadline: Deadline,
    pub(crate) completer: Completer<Written>,
    /// What goes around `bufs` and does not count.
    pub(crate) frame: Option<Box<Frame>>,
    exchange: Option<Arc<Exchange>>,
    /// Bytes that the transport has counted, those of the frame included.
    moved: u64,
    /// The transport has made records of more than that, and cannot give it back.
    held: bool,
}

/// What is written, which decides what may be written after it.
pub(crate) enum Content {
    /// Bytes: of a body, or of whatever is spoken when no message is.
    Vector,
    /// A head, and the body that is attached to it.
    Message(Box<Message>),
    /// The end of a body. Holds the last chunk, in case it is chunked.
    Finish(Bytes),
    /// The end of the stream.
    End,
}

pub(crate) struct Message {
    pub(crate) role: Role,
    /// What follows the message by its own account.
    pub(crate) declared: Framing,
    pub(crate) persists: bool,
    /// What follows it. Known when it is admitted.
    pub(crate) then: BodyState,
}

#[derive(Clone, Copy)]
pub(crate) enum Role {
    Request(Asked),
    Response(StatusCode),
}

impl Message {
    pub(crate) fn new(role: Role, encoded: &Encoded) -> Self {
        Self {
            role,
            declared: encoded.then,
            persists: encoded.persists,
            then: BodyState::Complete,
        }
    }
}

/// The framing of a chunk.
pub(crate) struct Frame {
    prefix: SmallVec<[u8; 18]>,
    suffix: Bytes,
    /// Bytes of prefix and suffix that are out.
    sent: usize,
}

impl Frame {
    pub(crate) fn new(prefix: SmallVec<[u8; 18]>, suffix: Bytes) -> Self {
        Self {
            prefix,
            suffix,
            sent: 0,
        }
    }

    /// The last chunk: nothing but framing.
    pub(crate) fn last(chunk: Bytes) -> Self {
        Self::new(SmallVec::new(), chunk)
    }

    fn prefix(&self) -> &[u8] {
        &self.prefix[self.sent.min(self.prefix.len())..]
    }

    fn suffix(&self) -> &[u8] {
        &self.suffix[self.sent.saturating_sub(self.prefix.len())..]
    }

    fn advance_prefix(&mut self, count: usize) -> usize {
        let mine = count.min(self.prefix().len());
        self.sent += mine;
        mine
    }

    fn advance_suffix(&mut self, count: usize) -> usize {
        let mine = count.min(self.suffix().len());
        self.sent += mine;
        mine
    }
}

impl WriteJob {
    pub(crate) fn new(
        content: Content,
        bufs: Bufs,
        until: Until,
        deadline: Deadline,
        completer: Completer<Written>,
    ) -> Self {
        Self {
            content,
            bufs,
            until,
            deadline,
            completer,
            frame: None,
            exchange: None,
            moved: 0,
            held: false,
        }
    }

    pub(crate) fn part_of(mut self, exchange: Option<Arc<Exchange>>) -> Self {
        self.exchange = exchange;
        self
    }

    /// The request has this number, or none, for it is not out.
    pub(crate) fn number(&self, number: Option<u64>) {
        if let Some(exchange) = &self.exchange {
            exchange.number(number);
        }
    }

    /// Appends what is left to `slices`, up to `budget` bytes; returns the bytes appended.
    pub(crate) fn gather<'a>(&'a self, slices: &mut Slices<'a>, budget: usize) -> usize {
        let Some(frame) = &self.frame else {
            return self.bufs.gather(slices, budget);
        };
        let before = gather(std::iter::once(frame.prefix()), slices, budget);
        let content = self.bufs.gather(slices, budget - before);
        // Only behind all of the content.
        if content as u64 == self.bufs.remaining() {
            let after = gather(
                std::iter::once(frame.suffix()),
                slices,
                budget - before - content,
            );
            return before + content + after;
        }
        before + content
    }

    /// Takes up to `count` bytes that the kernel has accepted off the front; returns the rest.
    pub(crate) fn accept(&mut self, count: usize) -> usize {
        let mut left = count;
        if let Some(frame) = &mut self.frame {
            left -= frame.advance_prefix(left);
        }
        left -= self.bufs.advance(left);
        if let Some(frame) = &mut self.frame {
            if self.bufs.remaining() == 0 {
                left -= frame.advance_suffix(left);
            }
        }
        if left < count {
            self.moved += (count - left) as u64;
            self.completer.progress(self.counted());
            if let Some(exchange) = &self.exchange {
                exchange.progress(self.counted());
            }
        }
        left
    }

    /// Buffers and bytes that are left, but for the frame.
    pub(crate) fn size(&self) -> (usize, u64) {
        (self.bufs.len(), self.bufs.remaining())
    }

    /// Bytes that are left.
    fn remaining(&self) -> u64 {
        let frame = self
            .frame
            .as_ref()
            .map_or(0, |frame| frame.prefix().len() + frame.suffix().len());
        self.bufs.remaining() + frame as u64
    }

    /// Bytes that count, when all are out.
    pub(crate) fn payload(&self) -> u64 {
        self.counted() + self.bufs.remaining()
    }

    /// Bytes that count and are out.
    pub(crate) fn counted(&self) -> u64 {
        let frame = self.frame.as_ref().map_or(0, |frame| frame.sent);
        self.moved - frame as u64
    }

    /// A part of it is out, or cannot be taken back.
    pub(crate) fn is_begun(&self) -> bool {
        self.moved > 0 || self.held
    }

    /// Whether it is content with some of it. A chunk is written whole.
    pub(crate) fn wants_some(&self) -> bool {
        self.until == Until::Some && self.frame.is_none()
    }

    pub(crate) fn is_complete(&self) -> bool {
        self.remaining() == 0 || (self.wants_some() && self.moved > 0)
    }

    /// What `Transport::is_mid_record` says after a call that carried it.
    pub(crate) fn hold(&mut self, held: bool) {
        self.held = held;
    }

    /// It has not been offered, or nothing of it was taken: the request has no number yet.
    pub(crate) fn withdrawn(&self) {
        if matches!(self.content, Content::Message(_)) {
            self.number(None);
        }
    }

    pub(crate) fn succeed(self) -> Notice<Written> {
        let written = Written::new(self.counted());
        self.completer.finish(Ok(written))
    }
}

impl Job for WriteJob {
    fn id(&self) -> usize {
        self.completer.id()
    }

    fn deadline(&self) -> Deadline {
        self.deadline
    }

    fn set_place(&self, place: u64) {
        self.completer.set_place(place);
    }

    fn set_held(&self, held: bool) {
        self.completer.set_held(held);
    }

    fn is_wanted(&self) -> bool {
        self.completer.is_wanted()
    }

    fn is_cut(&self) -> bool {
        self.is_begun()
    }

    fn fail(self, error: Error) -> Option<Call> {
        let error = error.with_count(self.counted());
        let notice = self.completer.finish_for_cause(Err(error));
        let (bufs, exchange) = (self.bufs, self.exchange);
        if notice.is_none() && bufs.is_empty() {
            return None;
        }
        // Users' buffers are dropped where users' closures run.
        Some(Box::new(move || {
            notice.run();
            drop((bufs, exchange));
        }))
    }
}

pub(crate) struct ReadJob {
    pub(crate) want: Want,
    pub(crate) limits: Limits,
    pub(crate) deadline: Deadline,
}

/// What a read asks for, with the completer that takes it.
pub(crate) enum Want {
    /// At least one byte of content and at most this many; none at the end of a body.
    Some(usize, Completer<Bytes>),
    /// Exactly this many.
    All(usize, Completer<Bytes>),
    Trailers(Completer<HeaderMap>),
    Request(Completer<Request<Bytes>>),
    /// The next final response.
    Response(Completer<Response<Bytes>>),
    /// The next response, interim ones too.
    AnyResponse(Completer<Response<Bytes>>),
    /// The response to one request of ours.
    Answer(Box<Answer>, Completer<Response<Bytes>>),
    /// All that comes, to the end of the stream; nobody gets it.
    Rest(Completer<()>),
}

/// Does the same to the completer of whatever type.
macro_rules! with_completer {
    ($want:expr, $completer:ident => $body:expr) => {
        match $want {
            Want::Some(_, $completer) | Want::All(_, $completer) => $body,
            Want::Trailers($completer) => $body,
            Want::Request($completer) => $body,
            Want::Response($completer) | Want::AnyResponse($completer) => $body,
            Want::Answer(_, $completer) => $body,
            Want::Rest($completer) => $body,
        }
    };
}

impl Want {
    pub(crate) fn is_settled(&self) -> bool {
        with_completer!(self, completer => completer.is_settled())
    }

    pub(crate) fn progress(&self, moved: u64) {
        with_completer!(self, completer => completer.progress(moved));
    }
}

impl ReadJob {
    /// Until when the next call may wait.
    pub(crate) fn patience(&self) -> Deadline {
        match &self.want {
            Want::Answer(answer, _) if answer.head.is_none() => {
                self.deadline.earlier(answer.exchange.head_deadline())
            }
            _ => self.deadline,
        }
    }

    pub(crate) fn operation(&self) -> Option<Arc<dyn Operation>> {
        with_completer!(&self.want, completer => completer.operation())
    }
}

impl Job for ReadJob {
    fn id(&self) -> usize {
        with_completer!(&self.want, completer => completer.id())
    }

    fn deadline(&self) -> Deadline {
        self.deadline
    }

    fn set_place(&self, place: u64) {
        with_completer!(&self.want, completer => completer.set_place(place));
    }

    fn set_held(&self, held: bool) {
        with_completer!(&self.want, completer => completer.set_held(held));
    }

    fn is_wanted(&self) -> bool {
        with_completer!(&self.want, completer => completer.is_wanted())
    }

    fn is_cut(&self) -> bool {
        false
    }

    fn fail(self, error: Error) -> Option<Call> {
        with_completer!(self.want, completer => completer.finish(Err(error)).into_call())
    }
}
