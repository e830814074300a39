//! What one write sends, and how much of it is out. It knows neither its completer nor the connection.

use bytes::Bytes;
use http::{HeaderMap, Request, Response};
use smallvec::SmallVec;

use super::message::{Message, Role};
use crate::bufs::{Bufs, Slices, gather};
use crate::error::Error;
use crate::proto::chunked;
use crate::proto::encode::{self, Additions, Encoded, Form};

pub(crate) struct Parcel {
    pub(super) content: Content,
    pub(super) bufs: Bufs,
    until: Until,
    /// Framing, which goes around `bufs` and does not count.
    pub(super) frame: Option<Box<Frame>>,
    /// Bytes that the transport has counted, those of the frame included.
    moved: u64,
    /// The transport has encrypted more than that into a record, and cannot give it back.
    is_mid_record: bool,
}

/// What is written, which decides what may be written after it.
pub(crate) enum Content {
    /// Bytes: of a body, or of whatever is spoken when no message is.
    Vector,
    /// Bytes, and no message is spoken.
    Stream,
    /// A head, and the body that is attached to it.
    Message(Box<Message>),
    /// The end of a body, with the last chunk in case the body is chunked.
    Finish(Box<Bytes>),
    /// The end of the stream, between two messages.
    CloseWrite,
    /// The end of the stream, wherever it is.
    End,
}

/// When a write is complete.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Until {
    /// The kernel has accepted every byte.
    All,
    /// The kernel has accepted at least one byte.
    Some,
}

/// The framing of a chunk.
pub(crate) struct Frame {
    prefix: SmallVec<[u8; 18]>,
    suffix: Bytes,
    /// Bytes of prefix and suffix that are out.
    moved: usize,
}

impl Parcel {
    pub(crate) fn new(content: Content, bufs: Bufs, until: Until) -> Self {
        Self {
            content,
            bufs,
            until,
            frame: None,
            moved: 0,
            is_mid_record: false,
        }
    }

    /// A request with the body that is attached to it.
    ///
    /// # Errors
    ///
    /// `InvalidInput`: it must not be written.
    pub(crate) fn request(request: Request<Bytes>) -> Result<Self, Error> {
        let role = Role::Request(request.method().into());
        let encoded = encode::request(&request, Form::Origin)?;
        Ok(Self::message(role, encoded, request.into_body()))
    }

    /// A response with the body that is attached to it, and what is added to its head, as `request`.
    pub(crate) fn response(
        response: Response<Bytes>,
        additions: &Additions,
    ) -> Result<Self, Error> {
        let role = Role::Response(response.status());
        let encoded = encode::response(&response, additions)?;
        Ok(Self::message(role, encoded, response.into_body()))
    }

    pub(crate) fn message(role: Role, encoded: Encoded, body: Bytes) -> Self {
        let message = Message::new(role, encoded.announced);
        Self::of_message(message, encoded.head, body)
    }

    pub(super) fn of_message(message: Message, head: Bytes, body: Bytes) -> Self {
        let bufs = [head, body].into_iter().collect();
        Self::new(Content::Message(Box::new(message)), bufs, Until::All)
    }

    /// A message with the beginning of its body, whose head declares a length of so much at least.
    pub(crate) fn with_beginning(mut self, content: Bytes) -> Self {
        if let Content::Message(message) = &mut self.content {
            message.begin_body(content.len() as u64);
            self.bufs.push(content);
        }
        self
    }

    /// Content of a body.
    pub(crate) fn content(content: Bytes) -> Self {
        Self::vector(std::iter::once(content).collect())
    }

    /// Content of a body, or of whatever is spoken.
    pub(crate) fn vector(content: Bufs) -> Self {
        Self::new(Content::Vector, content, Until::All)
    }

    /// A piece of what is no message.
    pub(crate) fn stream(piece: Bytes) -> Self {
        let bufs = std::iter::once(piece).collect();
        Self::new(Content::Stream, bufs, Until::All)
    }

    /// The end of a body, as `request`.
    pub(crate) fn finish(trailers: &HeaderMap) -> Result<Self, Error> {
        let content = Content::Finish(Box::new(chunked::last_chunk(trailers)?));
        Ok(Self::new(content, Bufs::default(), Until::All))
    }

    /// The end of the stream, between two messages.
    pub(crate) fn close_write() -> Self {
        Self::new(Content::CloseWrite, Bufs::default(), Until::All)
    }

    /// The end of the stream.
    pub(crate) fn end() -> Self {
        Self::new(Content::End, Bufs::default(), Until::All)
    }

    /// Whether no buffer of the caller's is left.
    pub(crate) fn is_empty(&self) -> bool {
        self.bufs.is_empty()
    }

    pub(crate) fn is_message(&self) -> bool {
        matches!(self.content, Content::Message(_))
    }

    /// Appends what is left to `slices`, up to `budget` bytes; returns the bytes appended.
    pub(crate) fn gather<'a>(&'a self, slices: &mut Slices<'a>, budget: usize) -> usize {
        let Some(frame) = &self.frame else {
            return self.bufs.gather(slices, budget);
        };
        let before = gather(std::iter::once(frame.prefix()), slices, budget);
        let content = self.bufs.gather(slices, budget - before);
        // The suffix goes only behind all of the content.
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
        self.moved += (count - left) as u64;
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

    /// Bytes that are out, those of the frame included.
    pub(crate) fn moved(&self) -> u64 {
        self.moved
    }

    /// Bytes that count and are out.
    pub(crate) fn counted(&self) -> u64 {
        let frame = self.frame.as_ref().map_or(0, |frame| frame.moved);
        self.moved - frame as u64
    }

    /// Whether a part of it is out, or cannot be taken back.
    pub(crate) fn is_begun(&self) -> bool {
        self.moved > 0 || self.is_mid_record
    }

    /// Whether one byte of it completes the write. A chunk is written whole.
    pub(crate) fn wants_some(&self) -> bool {
        self.until == Until::Some && self.frame.is_none()
    }

    pub(crate) fn is_complete(&self) -> bool {
        self.remaining() == 0 || (self.wants_some() && self.moved > 0)
    }

    /// Notes what `Transport::is_mid_record` says after a call that carried it.
    pub(crate) fn set_mid_record(&mut self, is_mid_record: bool) {
        self.is_mid_record = is_mid_record;
    }
}

impl Frame {
    /// The framing of one chunk with this much content.
    pub(super) fn chunk(length: u64) -> Self {
        Self::new(chunked::chunk_head(length), chunked::CHUNK_END.into())
    }

    /// The last chunk, which is nothing but framing.
    pub(super) fn last(chunk: Bytes) -> Self {
        Self::new(SmallVec::new(), chunk)
    }

    fn new(prefix: SmallVec<[u8; 18]>, suffix: Bytes) -> Self {
        Self {
            prefix,
            suffix,
            moved: 0,
        }
    }

    fn prefix(&self) -> &[u8] {
        &self.prefix[self.moved.min(self.prefix.len())..]
    }

    fn suffix(&self) -> &[u8] {
        &self.suffix[self.moved.saturating_sub(self.prefix.len())..]
    }

    fn advance_prefix(&mut self, count: usize) -> usize {
        let step = count.min(self.prefix().len());
        self.moved += step;
        step
    }

    fn advance_suffix(&mut self, count: usize) -> usize {
        let step = count.min(self.suffix().len());
        self.moved += step;
        step
    }
}
