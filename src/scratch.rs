//! Memory that a thread uses again and again, for a moment each time.

use std::cell::Cell;

/// What a thread keeps at most.
const KEPT: usize = 4 << 10;

thread_local! {
    static KEPT_BUFFER: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

/// An empty buffer, which may have room. It is gone while the thread's other locals are dropped.
pub(crate) fn take() -> Vec<u8> {
    KEPT_BUFFER.try_with(Cell::take).unwrap_or_default()
}

/// Keeps the room of a buffer for the next time.
pub(crate) fn put_back(mut buffer: Vec<u8>) {
    if buffer.capacity() <= KEPT {
        buffer.clear();
        let _ = KEPT_BUFFER.try_with(|kept| kept.set(buffer));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_small_buffer_is_kept_and_empty() {
        put_back(b"something".to_vec());
        let buffer = take();
        assert!(buffer.is_empty() && buffer.capacity() >= 9);
        assert_eq!(take().capacity(), 0);
    }

    #[test]
    fn a_large_buffer_is_not_kept() {
        put_back(vec![0; KEPT + 1]);
        assert_eq!(take().capacity(), 0);
    }
}
