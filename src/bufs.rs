//! The scatter/gather vector of a write: what is left of it, and how much of that one call takes.

use std::io::IoSlice;

use bytes::{Buf, Bytes};
use smallvec::SmallVec;

use crate::unwind::guard;

/// Most slices a call: `IOV_MAX` of Linux and the BSDs. `sendmsg` fails with more.
pub(crate) const SLICES: usize = 1024;

/// The slices of a call; up to a full pipeline of them without an allocation.
pub(crate) type Slices<'a> = SmallVec<[IoSlice<'a>; 64]>;

/// Owned buffers, consumed from the front. Empty ones are dropped on entry: they mean nothing, and
/// a call that offers only empty slices returns zero, which must not be taken for an end.
#[derive(Debug, Default)]
pub(crate) struct Bufs {
    list: SmallVec<[Bytes; 1]>,
    first: usize,
    /// Those from here on are held back.
    shown: usize,
    remaining: u64,
}

impl Bufs {
    pub(crate) fn remaining(&self) -> u64 {
        self.remaining
    }

    /// Whether nothing is left, also of what is held back.
    pub(crate) fn is_empty(&self) -> bool {
        self.first == self.list.len()
    }

    /// Buffers that are left.
    pub(crate) fn len(&self) -> usize {
        self.shown - self.first
    }

    /// Appends what is left to `slices`, as `gather` does.
    pub(crate) fn gather<'a>(&'a self, slices: &mut Slices<'a>, budget: usize) -> usize {
        gather(
            self.list[self.first..self.shown].iter().map(|b| &b[..]),
            slices,
            budget,
        )
    }

    /// Holds back all but the first `count` buffers. Before anything is consumed.
    pub(crate) fn show(&mut self, count: usize) {
        self.shown = count.min(self.list.len());
        self.remaining = sum(&self.list[..self.shown]);
    }

    /// Adds another buffer behind the last. Before anything is consumed or held back.
    pub(crate) fn push(&mut self, buffer: Bytes) {
        if !buffer.is_empty() {
            self.remaining += buffer.len() as u64;
            self.list.push(buffer);
            self.shown += 1;
        }
    }

    /// Puts another buffer in the place of the first. Before anything is consumed.
    pub(crate) fn replace_first(&mut self, other: Bytes) {
        if let Some(first) = self.list.first_mut() {
            *first = other;
            self.remaining = sum(&self.list[..self.shown]);
        }
    }

    /// Consumes up to `count` bytes and says how many: fewer only when no more were left. The
    /// memory of a buffer is let go as soon as the buffer is used up.
    pub(crate) fn advance(&mut self, count: usize) -> usize {
        let mut left = count;
        while left > 0 && self.first < self.shown {
            let buffer = &mut self.list[self.first];
            let step = left.min(buffer.len());
            left -= step;
            buffer.advance(step);
            if buffer.is_empty() {
                let used = std::mem::take(buffer);
                self.first += 1;
                guard(|| drop(used));
            }
        }
        let consumed = count - left;
        self.remaining -= consumed as u64;
        consumed
    }
}

/// Appends `parts` to `slices`, up to `SLICES` in all and `budget` bytes; returns the bytes appended.
pub(crate) fn gather<'a>(
    parts: impl Iterator<Item = &'a [u8]>,
    slices: &mut Slices<'a>,
    budget: usize,
) -> usize {
    let mut room = budget;
    for part in parts {
        if slices.len() >= SLICES || room == 0 {
            break;
        }
        if part.is_empty() {
            continue;
        }
        let part = &part[..part.len().min(room)];
        room -= part.len();
        slices.push(IoSlice::new(part));
    }
    budget - room
}

fn sum(buffers: &[Bytes]) -> u64 {
    buffers.iter().map(|buffer| buffer.len() as u64).sum()
}

/// What a buffer is made of may be a type of the user's.
impl Drop for Bufs {
    fn drop(&mut self) {
        for buffer in self.list.drain(self.first..) {
            guard(|| drop(buffer));
        }
    }
}

impl FromIterator<Bytes> for Bufs {
    fn from_iter<I: IntoIterator<Item = Bytes>>(buffers: I) -> Self {
        let list: SmallVec<[Bytes; 1]> = buffers
            .into_iter()
            .filter(|buffer| !buffer.is_empty())
            .collect();
        let (shown, remaining) = (list.len(), sum(&list));
        Self {
            list,
            first: 0,
            shown,
            remaining,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bufs(parts: &[&'static str]) -> Bufs {
        parts
            .iter()
            .map(|part| Bytes::from_static(part.as_bytes()))
            .collect()
    }

    #[test]
    fn every_split_leaves_the_rest() {
        for first in 0..=9 {
            for second in 0..=9 {
                let mut bufs = bufs(&["abc", "", "de", "fghi"]);
                assert_eq!(bufs.advance(first), first);
                assert_eq!(bufs.advance(second), second.min(9 - first));
                let mut slices = Slices::new();
                bufs.gather(&mut slices, 99);
                let rest: Vec<u8> = slices.iter().flat_map(|slice| slice.to_vec()).collect();
                assert_eq!(rest, &b"abcdefghi"[(first + second).min(9)..]);
                assert_eq!(bufs.remaining(), rest.len() as u64);
            }
        }
    }

    #[test]
    fn gathers_within_both_limits() {
        let bufs = bufs(&["abc", "de", "fghi"]);
        let many: Bufs = std::iter::repeat_n(Bytes::from_static(b"x"), 3 * SLICES).collect();
        let mut slices = Slices::new();
        assert_eq!(bufs.gather(&mut slices, 4), 4);
        assert_eq!(slices.len(), 2);
        assert_eq!(many.gather(&mut slices, usize::MAX), SLICES - 2);
    }
}
