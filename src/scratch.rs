//! Memory that a thread uses again and again, for a moment each time.

use std::cell::Cell;

use http::{Method, Request, Uri, Version};

/// What a thread keeps at most.
const KEPT: usize = 4 << 10;
const KEPT_HEADERS: usize = 32;

thread_local! {
    static BUFFER: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
    static REQUEST: Cell<Option<Box<Request<()>>>> = const { Cell::new(None) };
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

/// An empty request, whose headers may have room, as `take`. It is too large to be moved for nothing.
pub(crate) fn take_request() -> Box<Request<()>> {
    let request = REQUEST.try_with(Cell::take);
    request.ok().flatten().unwrap_or_default()
}

/// Keeps the room of a request for the next time.
pub(crate) fn put_back_request(mut request: Box<Request<()>>) {
    if (1..=KEPT_HEADERS).contains(&request.headers().capacity()) {
        request.headers_mut().clear();
        request.extensions_mut().clear();
        *request.method_mut() = Method::default();
        *request.uri_mut() = Uri::default();
        *request.version_mut() = Version::default();
        let _ = REQUEST.try_with(|kept| kept.set(Some(request)));
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
    fn a_small_request_is_kept_and_empty() {
        let with_room = |room| {
            let mut request = Request::put("/file").body(()).expect("a request");
            request.extensions_mut().insert(7);
            request.headers_mut().reserve(room);
            Box::new(request)
        };
        let mut request = with_room(9);
        let host = http::HeaderValue::from_static("h");
        request.headers_mut().insert("host", host);
        put_back_request(request);
        put_back_request(with_room(0));
        put_back_request(with_room(KEPT_HEADERS + 1));
        let request = take_request();
        assert!(request.headers().is_empty() && request.extensions().is_empty());
        assert_eq!(
            (request.method(), request.uri().path()),
            (&Method::GET, "/")
        );
        assert!(request.headers().capacity() >= 9);
        assert_eq!(take_request().headers().capacity(), 0);
    }
}
