//! The buffers of a server that files are read into.
//!
//! To allocate one for each answer costs more than to send a small file: it is filled with zeros each time, and the
//! allocator takes large ones from the kernel and gives them back. So those that are free are kept for whoever comes
//! next. There are not more of these than threads that can run at once, so it is no matter how many connections, or
//! threads for them, there are.

use bytes::{Bytes, BytesMut};
use parking_lot::Mutex;

use crate::server::threads::processors;

/// Most bytes of a file that are in memory for a connection.
pub(super) const PIECE: usize = 128 << 10;

/// The same, while its client takes all that it gets at once.
pub(super) const LARGE_PIECE: usize = 512 << 10;

/// Buffers, each of a large piece at most.
#[derive(Debug)]
pub(in crate::server) struct Pieces {
    free: Mutex<Vec<BytesMut>>,
    most: usize,
}

impl Default for Pieces {
    fn default() -> Self {
        Self::keeping(processors())
    }
}

impl Pieces {
    fn keeping(most: usize) -> Self {
        let free = Mutex::default();
        Self { free, most }
    }

    /// A buffer for so many bytes. It may be longer, and have anything in it.
    pub(super) fn take(&self, size: usize) -> BytesMut {
        // Nobody waits for another: a new one costs little more than that.
        let free = self.free.try_lock().and_then(|mut free| free.pop());
        let fitting = free.filter(|buffer| buffer.len() >= size);
        fitting.unwrap_or_else(|| BytesMut::zeroed(size))
    }

    /// Keeps a buffer for the next one, unless somebody still has it, or there are enough.
    pub(super) fn put_back(&self, buffer: Bytes) {
        let Ok(buffer) = buffer.try_into_mut() else {
            return;
        };
        if let Some(mut free) = self.free.try_lock() {
            if free.len() < self.most {
                free.push(buffer);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_buffer_is_used_again_if_it_is_long_enough() {
        let pieces = Pieces::keeping(1);
        let buffer = pieces.take(1000);
        let place = buffer.as_ptr();
        assert_eq!(buffer.len(), 1000);
        pieces.put_back(buffer.freeze());
        let buffer = pieces.take(10);
        assert_eq!((buffer.as_ptr(), buffer.len()), (place, 1000));
        pieces.put_back(buffer.freeze());
        assert_eq!(pieces.take(1001).len(), 1001);
        assert_eq!(pieces.free.lock().len(), 0);
    }

    #[test]
    fn no_more_are_kept_than_are_used_at_once() {
        let pieces = Pieces::keeping(2);
        let buffers: Vec<_> = (0..3).map(|_| pieces.take(10).freeze()).collect();
        let sent = buffers[0].slice(..5);
        for buffer in buffers {
            pieces.put_back(buffer);
        }
        assert_eq!(sent, [0; 5][..]);
        assert_eq!(pieces.free.lock().len(), 2);
        for _ in 0..3 {
            pieces.put_back(Bytes::from(vec![0; 10]));
        }
        assert_eq!(pieces.free.lock().len(), 2);
    }
}
