//! The scatter/gather vector of a write: what is left of it, and how much of that one call takes.

use std::io::IoSlice;
use std::slice;

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
    list: List,
    /// So many of the last ones are held back.
    held_back: usize,
    remaining: u64,
}

/// The last buffer comes first here, so that the front is taken off at the end of the list.
#[derive(Debug)]
enum List {
    /// The usual case, without an allocation.
    One(Bytes),
    Many(Vec<Bytes>),
}

impl Bufs {
    pub(crate) fn remaining(&self) -> u64 {
        self.remaining
    }

    /// Whether nothing is left, also of what is held back.
    pub(crate) fn is_empty(&self) -> bool {
        self.list.as_slice().is_empty()
    }

    /// Buffers that are left.
    pub(crate) fn len(&self) -> usize {
        self.shown().len()
    }

    fn shown(&self) -> &[Bytes] {
        &self.list.as_slice()[self.held_back..]
    }

    /// Appends what is left to `slices`, as `gather` does.
    pub(crate) fn gather<'a>(&'a self, slices: &mut Slices<'a>, budget: usize) -> usize {
        gather(self.shown().iter().rev().map(|b| &b[..]), slices, budget)
    }

    /// Holds back all but the first `count` buffers. Before anything is consumed.
    pub(crate) fn show(&mut self, count: usize) {
        self.held_back = self.list.as_slice().len().saturating_sub(count);
        self.remaining = sum(self.shown());
    }

    /// Adds another buffer behind the last. Before anything is consumed or held back.
    pub(crate) fn push(&mut self, buffer: Bytes) {
        if !buffer.is_empty() {
            self.remaining += buffer.len() as u64;
            self.list.push_last(buffer);
        }
    }

    /// Puts another buffer in the place of the first, of which it is made. Before anything is consumed.
    pub(crate) fn replace_first(&mut self, other: impl FnOnce(&Bytes) -> Bytes) {
        if let Some(first) = self.list.as_mut_slice().last_mut() {
            *first = other(first);
            self.remaining = sum(self.shown());
        }
    }

    /// Consumes up to `count` bytes and says how many: fewer only when no more were left. The
    /// memory of a buffer is let go as soon as the buffer is used up.
    #[inline]
    pub(crate) fn advance(&mut self, count: usize) -> usize {
        let mut left = count;
        while left > 0 {
            let Some(buffer) = self.list.as_mut_slice()[self.held_back..].last_mut() else {
                break;
            };
            let step = left.min(buffer.len());
            left -= step;
            buffer.advance(step);
            if buffer.is_empty() {
                let used = self.list.pop_first();
                guard(|| drop(used));
            }
        }
        let consumed = count - left;
        self.remaining -= consumed as u64;
        consumed
    }
}

impl List {
    fn as_slice(&self) -> &[Bytes] {
        match self {
            Self::One(buffer) => slice::from_ref(buffer),
            Self::Many(buffers) => buffers,
        }
    }

    fn as_mut_slice(&mut self) -> &mut [Bytes] {
        match self {
            Self::One(buffer) => slice::from_mut(buffer),
            Self::Many(buffers) => buffers,
        }
    }

    fn pop_first(&mut self) -> Option<Bytes> {
        match self {
            Self::One(buffer) => {
                let buffer = std::mem::take(buffer);
                *self = Self::default();
                Some(buffer)
            }
            Self::Many(buffers) => buffers.pop(),
        }
    }

    fn push_last(&mut self, buffer: Bytes) {
        match self {
            Self::One(first) => *self = Self::Many(vec![buffer, std::mem::take(first)]),
            Self::Many(buffers) => buffers.insert(0, buffer),
        }
    }
}

impl Default for List {
    fn default() -> Self {
        Self::Many(Vec::new())
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
        while let Some(buffer) = self.list.pop_first() {
            guard(|| drop(buffer));
        }
    }
}

impl FromIterator<Bytes> for Bufs {
    fn from_iter<I: IntoIterator<Item = Bytes>>(buffers: I) -> Self {
        let buffers = buffers.into_iter().filter(|buffer| !buffer.is_empty());
        let list: List = buffers.collect();
        Self {
            remaining: sum(list.as_slice()),
            list,
            held_back: 0,
        }
    }
}

impl FromIterator<Bytes> for List {
    fn from_iter<I: IntoIterator<Item = Bytes>>(buffers: I) -> Self {
        let mut buffers = buffers.into_iter().fuse();
        match (buffers.next(), buffers.next()) {
            (None, _) => Self::default(),
            (Some(only), None) => Self::One(only),
            (Some(first), Some(second)) => {
                let mut list = vec![first, second];
                list.extend(buffers);
                list.reverse();
                Self::Many(list)
            }
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
