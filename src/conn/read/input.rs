//! The bytes that have arrived and were not handed out yet. They belong to whoever serves a
//! read: the reader's thread, or a caller in its place.

use std::io;
use std::sync::Arc;

use bytes::{Buf, Bytes, BytesMut};

use crate::error::Error;
use crate::transport::{Departure, Transport, Wait, moved_nothing};

/// What may be kept when there is nothing in it: enough for a good many small messages, one after the
/// other, and little enough for a connection that is idle.
const KEPT: usize = 16 << 10;

/// A rest of this size is copied, because it would hold the memory of what was handed out.
const SMALL_REST: usize = 4 << 10;

/// Bytes leave it only as the result of a read that succeeds; a read that fails takes nothing.
///
/// What is handed out shares memory with the buffer, which would hold all of it for as long as the
/// connection lives. So the buffer is let go when it is empty, unless it is small.
///
/// ```text
/// | content, decoded | gap: framing that was skipped | raw: as it arrived | room |
/// ```
#[derive(Debug, Default)]
pub(crate) struct Input {
    /// Initialised memory, of which the first `filled` bytes have arrived. The rest has been zeroed
    /// once and is read into; it is not zeroed again.
    buffer: BytesMut,
    /// It may be a part of more than `KEPT` bytes of memory.
    is_large: bool,
    content: usize,
    gap: usize,
    filled: usize,
    end: Option<End>,
}

/// Why nothing more will arrive.
#[derive(Debug)]
enum End {
    OfStream,
    /// Each read that follows fails with it, so it is shared.
    Broken(Arc<io::Error>),
}

impl Input {
    /// The bytes behind the content, as they arrived.
    pub(crate) fn raw(&self) -> &[u8] {
        &self.buffer[self.content + self.gap..self.filled]
    }

    /// Bytes that were decoded and are not handed out.
    pub(crate) fn content(&self) -> usize {
        self.content
    }

    /// Skips framing at the front of what is raw.
    pub(crate) fn skip(&mut self, count: usize) {
        self.gap += count;
        self.close_gap();
    }

    /// Puts content at the front of what is raw behind the content that is there. This moves bytes only
    /// if there is framing in between.
    pub(crate) fn admit(&mut self, count: usize) {
        if self.gap > 0 {
            let from = self.content + self.gap;
            self.buffer.copy_within(from..from + count, self.content);
        }
        self.content += count;
    }

    /// Hands out content, without copying it; all there is if that is fewer.
    pub(crate) fn take_content(&mut self, count: usize) -> Bytes {
        let count = count.min(self.content);
        self.content -= count;
        self.filled -= count;
        let content = self.buffer.split_to(count).freeze();
        self.close_gap();
        self.let_go();
        content
    }

    /// Hands out what is raw, without copying it; all there is if that is fewer. With content in
    /// front of it there is none to have.
    pub(crate) fn take_raw(&mut self, count: usize) -> Bytes {
        if self.content > 0 {
            return Bytes::new();
        }
        let count = count.min(self.filled);
        self.filled -= count;
        let taken = self.buffer.split_to(count).freeze();
        self.let_go();
        taken
    }

    /// Puts back what was handed out last of what is raw, with no content in front of it.
    pub(crate) fn put_back(&mut self, bytes: &[u8]) {
        let mut buffer = BytesMut::with_capacity(bytes.len() + self.filled);
        buffer.extend_from_slice(bytes);
        buffer.extend_from_slice(&self.buffer[..self.filled]);
        self.is_large = buffer.capacity() > KEPT;
        self.filled = buffer.len();
        self.buffer = buffer;
    }

    /// Drops what is raw, a head for example: as `take_raw`, where nobody wants the bytes.
    pub(crate) fn discard(&mut self, count: usize) {
        if self.content == 0 {
            self.skip(count.min(self.filled));
        }
    }

    /// Has what comes next arrive in `room`, which is returned if there is another.
    pub(crate) fn borrow_room(&mut self, room: BytesMut) -> BytesMut {
        match self.buffer.capacity() {
            0 => std::mem::replace(&mut self.buffer, room),
            _ => room,
        }
    }

    /// Gives the room away, unless something is in it or it is larger than what may be kept.
    pub(crate) fn return_room(&mut self) -> BytesMut {
        match self.filled == 0 && !self.is_large {
            true => std::mem::take(&mut self.buffer),
            false => BytesMut::new(),
        }
    }

    /// Holds no memory for what is gone.
    fn let_go(&mut self) {
        if !self.is_large || self.filled > SMALL_REST {
            return;
        }
        self.buffer = match self.filled {
            0 => BytesMut::new(),
            filled => small_copy(&self.buffer[..filled]),
        };
        self.is_large = false;
    }

    /// Forgets all that has arrived, and keeps the room.
    pub(crate) fn clear(&mut self) {
        (self.content, self.gap, self.filled) = (0, 0, 0);
    }

    fn close_gap(&mut self) {
        if self.content == 0 && self.gap > 0 {
            self.buffer.advance(self.gap);
            self.filled -= self.gap;
            self.gap = 0;
            self.let_go();
        }
    }

    /// Reads once, into room for `room` bytes, or into what is left of an earlier room if that will
    /// do.
    pub(crate) fn receive(
        &mut self,
        transport: &dyn Transport,
        room: usize,
        wait: Wait,
    ) -> io::Result<usize> {
        let least = room / 4 + 1;
        if self.filled == 0 && self.buffer.capacity() < least {
            // The usual case of a body in large pieces: nothing to move, nothing to initialise.
            let mut fresh = Vec::with_capacity(room);
            let count = transport.read_more(&mut fresh, wait)?;
            self.is_large = fresh.capacity() > KEPT;
            let fresh = Bytes::from(fresh).try_into_mut();
            self.buffer = fresh.unwrap_or_else(|shared| BytesMut::from(&shared[..]));
            self.filled = count;
            return Ok(count);
        }
        let count = transport.read(self.spare(room, least), wait)?;
        self.filled += count;
        Ok(count)
    }

    /// Reads once, without blocking, into `buffer` instead, where nothing is there before it.
    pub(crate) fn receive_past(
        &mut self,
        transport: &dyn Transport,
        buffer: &mut [u8],
    ) -> Option<usize> {
        match transport.read(buffer, Wait::Never) {
            Ok(0) => self.mark_ended(),
            Ok(count) => return Some(count),
            Err(error) if moved_nothing(&error) => {}
            Err(error) => self.mark_broken(error),
        }
        None
    }

    fn spare(&mut self, room: usize, least: usize) -> &mut [u8] {
        if self.buffer.len() - self.filled < least {
            if self.buffer.capacity() - self.filled >= least {
                self.buffer.resize(self.buffer.capacity(), 0);
            } else if self.filled + least <= KEPT {
                self.buffer = small_copy(&self.buffer[..self.filled]);
                self.is_large = false;
            } else {
                self.buffer.truncate(self.filled); // So that growing copies what arrived only.
                self.buffer.resize(self.filled + room, 0);
                self.is_large = true;
            }
        }
        &mut self.buffer[self.filled..]
    }

    pub(crate) fn mark_ended(&mut self) {
        self.end = Some(End::OfStream);
    }

    pub(crate) fn mark_broken(&mut self, error: io::Error) {
        self.end = Some(End::Broken(Arc::new(error)));
    }

    /// The peer has ended its stream in order.
    pub(crate) fn has_ended(&self) -> bool {
        matches!(self.end, Some(End::OfStream))
    }

    /// Whether what has arrived says already that the peer has gone.
    pub(crate) fn tells_of(&self, departure: Departure) -> bool {
        match (&self.end, departure) {
            (Some(End::Broken(_)), _) | (Some(End::OfStream), Departure::OfStream) => true,
            (Some(End::OfStream), Departure::OfPeer) | (None, _) => false,
        }
    }

    /// The error of a read for which there is not enough, if no more will come.
    pub(crate) fn end_error(&self) -> Option<Error> {
        self.end.as_ref().map(|end| match end {
            End::OfStream => Error::end_of_stream(),
            End::Broken(error) => Error::shared(error),
        })
    }
}

/// A copy at the front of a small buffer.
fn small_copy(filled: &[u8]) -> BytesMut {
    let mut copy = BytesMut::zeroed(KEPT);
    copy[..filled.len()].copy_from_slice(filled);
    copy
}

#[cfg(test)]
mod tests {
    use std::io::IoSlice;

    use super::*;
    use crate::testing::memory::{self, Faults};

    fn fill(input: &mut Input, bytes: &[u8]) {
        let room = 4 * bytes.len();
        input.spare(room, room)[..bytes.len()].copy_from_slice(bytes);
        input.filled += bytes.len();
    }

    #[test]
    fn what_is_taken_is_what_arrived() {
        let mut input = Input::default();
        let mut taken = Vec::new();
        for round in 0_u8..100 {
            fill(&mut input, &[round; 7]);
            taken.extend_from_slice(&input.take_raw(5));
        }
        taken.extend_from_slice(&input.take_raw(usize::MAX));
        let expected: Vec<u8> = (0_u8..100).flat_map(|round| [round; 7]).collect();
        assert_eq!(taken, expected);
        assert!(input.raw().is_empty());
    }

    /// Receives what a peer has sent, all of it.
    fn arrive(input: &mut Input, sent: &[u8], room: usize) {
        let (near, far) = memory::pair(sent.len(), Faults::none());
        far.write(&[IoSlice::new(sent)], Wait::Never).unwrap();
        let all = input.filled + sent.len();
        while input.filled < all {
            input.receive(&near, room, Wait::Never).unwrap();
        }
    }

    #[test]
    fn nothing_is_held_of_what_was_handed_out() {
        let sent = vec![7; 300 << 10];
        let (mut whole, mut decoded, mut dropped) = <(Input, Input, Input)>::default();
        for input in [&mut whole, &mut decoded, &mut dropped] {
            arrive(input, &sent, 64 << 10);
        }
        let taken = whole.take_raw(usize::MAX);
        assert!(taken.is_unique() && taken == sent);
        decoded.admit(sent.len() - 2);
        let taken = decoded.take_content(usize::MAX);
        decoded.skip(2);
        assert!(taken.is_unique() && taken == sent[2..]);
        dropped.discard(sent.len());
        for input in [&whole, &dropped] {
            assert_eq!((input.filled, input.buffer.capacity()), (0, 0));
        }
        assert!(decoded.filled == 0 && decoded.buffer.capacity() <= KEPT);
    }

    #[test]
    fn a_small_rest_does_not_hold_what_was_handed_out() {
        for large in [20 << 10, 300 << 10] {
            let mut input = Input::default();
            let sent = [vec![7; large], b"the next".to_vec()].concat();
            arrive(&mut input, &sent, 64 << 10);
            let taken = input.take_raw(large);
            assert!(taken.is_unique());
            assert_eq!(input.raw(), b"the next");
            assert!(input.buffer.capacity() <= KEPT);
            arrive(&mut input, b" message", 64 << 10);
            assert_eq!(input.take_raw(usize::MAX), "the next message");
        }
    }

    /// Memory is asked for once in a hundred messages, not for each.
    #[test]
    fn small_messages_share_a_buffer() {
        let (mut input, mut buffers, mut end) = (Input::default(), 0, std::ptr::null());
        for _ in 0..1000 {
            for part in [&[1; 70][..], &[2; 50]] {
                arrive(&mut input, part, KEPT);
                let now = input.buffer[..]
                    .as_ptr_range()
                    .start
                    .wrapping_add(input.buffer.capacity());
                if now != end {
                    (buffers, end) = (buffers + 1, now);
                }
            }
            input.discard(70);
            assert_eq!(input.take_raw(50), [2; 50][..]);
            assert!(input.buffer.capacity() <= KEPT);
        }
        assert!(buffers <= 12, "{buffers}");
    }

    #[test]
    fn content_is_contiguous_whatever_was_between() {
        let mut input = Input::default();
        fill(&mut input, b"..ab...c.de");
        for (framing, content) in [(2, 2), (3, 1), (1, 1)] {
            input.skip(framing);
            input.admit(content);
        }
        assert_eq!((input.content(), input.raw()), (4, &b"e"[..]));
        assert_eq!(input.take_raw(1), "", "content comes first");
        assert_eq!(input.take_content(1), "a");
        fill(&mut input, b"f!");
        input.admit(2);
        assert_eq!(input.take_content(9), "bcdef");
        input.skip(1);
        assert!(input.raw().is_empty());
    }
}
