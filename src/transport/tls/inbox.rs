//! Ciphertext that has arrived and was not decrypted yet.

/// The least and the most room for one call. The least holds a whole record.
const LEAST_ROOM: usize = 17 << 10;
const MOST_ROOM: usize = 64 << 10;

#[derive(Debug, Default)]
pub(super) struct Inbox {
    /// Memory that was zeroed once, so that it is initialised.
    buffer: Vec<u8>,
    start: usize,
    end: usize,
}

impl Inbox {
    /// Makes room for about `size` bytes in place of what was there, all of which must have been taken.
    pub(super) fn room(&mut self, size: usize) -> &mut [u8] {
        let size = size.clamp(LEAST_ROOM, MOST_ROOM);
        if self.buffer.len() < size {
            self.buffer = vec![0; size];
        }
        (self.start, self.end) = (0, 0);
        &mut self.buffer[..size]
    }

    pub(super) fn arrived(&mut self, count: usize) {
        self.end = count.min(self.buffer.len());
    }

    pub(super) fn unread(&self) -> &[u8] {
        &self.buffer[self.start..self.end]
    }

    pub(super) fn take(&mut self, count: usize) {
        self.start = (self.start + count).min(self.end);
    }

    pub(super) fn clear(&mut self) {
        self.start = self.end;
    }

    /// Keeps no more than room for a record when all is taken: the connection may be idle from now on.
    pub(super) fn slim(&mut self) {
        if self.unread().is_empty() && self.buffer.len() > LEAST_ROOM {
            *self = Self::default();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_large_is_kept_for_nothing() {
        let mut inbox = Inbox::default();
        for (size, kept) in [(usize::MAX, 0), (0, LEAST_ROOM), (1 << 20, 0)] {
            let room = inbox.room(size).len();
            inbox.arrived(room);
            inbox.take(room - 1);
            inbox.slim();
            assert_eq!(inbox.unread().len(), 1, "what is unread stays");
            inbox.take(1);
            inbox.slim();
            assert_eq!(inbox.buffer.capacity(), kept);
        }
    }
}
