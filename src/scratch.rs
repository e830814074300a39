//! Memory that a thread uses again and again, for a moment each time.

use std::cell::Cell;

use http::HeaderMap;

/// What a thread keeps at most.
const KEPT: usize = 4 << 10;
const KEPT_HEADERS: usize = 32;

thread_local! {
    static BUFFER: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
    static HEADERS: Cell<Option<HeaderMap>> = const { Cell::new(None) };
}

/// An empty buffer, which may have room. It is gone while the thread's other locals are dropped.
pub(crate) fn take() -> Vec<u8> {
    BUFFER.try_with(Cell::take).unwrap_or_default()
}

/// Keeps the room of a buffer for the next time.
pub(crate) fn put_back(mut buffer: Vec<u8>) {
    if buffer.capacity() <= KEPT {
        buffer.clear();
        let _ = BUFFER.try_with(|kept| kept.set(buffer));
    }
}

/// An empty map, which may have room, as `take`.
pub(crate) fn take_headers() -> HeaderMap {
    let headers = HEADERS.try_with(Cell::take);
    headers.ok().flatten().unwrap_or_default()
}

/// Keeps the room of a map for the next time.
pub(crate) fn put_back_headers(mut headers: HeaderMap) {
    if (1..=KEPT_HEADERS).contains(&headers.capacity()) {
        headers.clear();
        let _ = HEADERS.try_with(|kept| kept.set(Some(headers)));
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

    #[test]
    fn a_small_map_is_kept_and_empty() {
        let mut headers = HeaderMap::with_capacity(9);
        headers.insert("host", http::HeaderValue::from_static("h"));
        put_back_headers(headers);
        put_back_headers(HeaderMap::new());
        put_back_headers(HeaderMap::with_capacity(KEPT_HEADERS + 1));
        let headers = take_headers();
        assert!(headers.is_empty() && headers.capacity() >= 9);
        assert_eq!(take_headers().capacity(), 0);
    }
}
