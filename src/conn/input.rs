//! What has arrived and was not handed out yet. Belongs to the reader's thread while it reads.

use std::io;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};

use crate::error::Error;

/// Bytes leave it only as the result of a read that succeeds; a read that fails takes nothing.
#[derive(Debug, Default)]
pub(crate) struct Input {
    /// Initialised memory, of which the first `filled` bytes have arrived. The rest has been zeroed
    /// once and is read into; it is not zeroed again.
    buffer: BytesMut,
    filled: usize,
    end: Option<End>,
}

/// Why nothing more will arrive.
#[derive(Debug)]
enum End {
    OfStream,
    /// Told again to each read, so shared.
    Broken(Arc<io::Error>),
}

impl Input {
    pub(crate) fn unread(&self) -> &[u8] {
        &self.buffer[..self.filled]
    }

    /// Room to read into, `size` bytes or more.
    pub(crate) fn spare(&mut self, size: usize) -> &mut [u8] {
        if self.buffer.len() - self.filled < size {
            if self.buffer.capacity() - self.filled < size {
                self.buffer.truncate(self.filled); // So that growing copies what arrived only.
            }
            self.buffer.resize(self.filled + size, 0);
        }
        &mut self.buffer[self.filled..]
    }

    pub(crate) fn arrived(&mut self, count: usize) {
        self.filled += count;
    }

    pub(crate) fn ended(&mut self) {
        self.end = Some(End::OfStream);
    }

    pub(crate) fn broke(&mut self, error: io::Error) {
        self.end = Some(End::Broken(Arc::new(error)));
    }

    /// The error of a read for which there is not enough, if no more will come.
    pub(crate) fn end(&self) -> Option<Error> {
        self.end.as_ref().map(|end| match end {
            End::OfStream => Error::end_of_stream(),
            End::Broken(error) => {
                let kind = Error::from(io::Error::from(error.kind())).kind();
                Error::new(kind).with_source(Arc::clone(error))
            }
        })
    }

    /// Hands out the first `count` bytes without copying them; all there are if that is fewer.
    pub(crate) fn take(&mut self, count: usize) -> Bytes {
        let count = count.min(self.filled);
        self.filled -= count;
        self.buffer.split_to(count).freeze()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_taken_is_what_arrived() {
        let mut input = Input::default();
        let mut taken = Vec::new();
        for round in 0_u8..100 {
            let part = [round; 7];
            input.spare(usize::from(round) + 7)[..7].copy_from_slice(&part);
            input.arrived(7);
            taken.extend_from_slice(&input.take(5));
        }
        taken.extend_from_slice(&input.take(usize::MAX));
        let expected: Vec<u8> = (0_u8..100).flat_map(|round| [round; 7]).collect();
        assert_eq!(taken, expected);
        assert!(input.unread().is_empty());
    }
}
