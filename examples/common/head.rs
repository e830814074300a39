//! Heads of messages, as they look on the wire.

use http_aio::bytes::{BufMut, Bytes, BytesMut};
use http_aio::http::header::{self, HeaderMap};
use http_aio::http::{Request, Response};

use super::ending::Status;

/// As it goes to the server. A proxy that passes it on gets the whole URL in the first line.
pub(crate) fn request<B>(request: &Request<B>) -> Bytes {
    let (uri, headers) = (request.uri(), request.headers());
    let target = uri.path_and_query().map_or("/", |target| target.as_str());
    let mut text = BytesMut::new();
    let line = format!("{} {target} {:?}\r\n", request.method(), request.version());
    text.put_slice(line.as_bytes());
    if !headers.contains_key(header::HOST) {
        let host = uri.authority().map_or("", |authority| authority.as_str());
        text.put_slice(format!("host: {host}\r\n").as_bytes());
    }
    put_headers(&mut text, headers);
    text.freeze()
}

pub(crate) fn response<B>(response: &Response<B>) -> Bytes {
    let mut text = BytesMut::new();
    let line = format!("{:?} {}\r\n", response.version(), Status::from(response));
    text.put_slice(line.as_bytes());
    put_headers(&mut text, response.headers());
    text.freeze()
}

fn put_headers(text: &mut BytesMut, headers: &HeaderMap) {
    for (name, value) in headers {
        let value = match value.is_sensitive() {
            true => b"(hidden)",
            false => value.as_bytes(),
        };
        for part in [name.as_str().as_bytes(), b": ", value, b"\r\n"] {
            text.put_slice(part);
        }
    }
    text.put_slice(b"\r\n");
}

/// For a terminal: each line behind a mark, and no controls.
pub(crate) fn marked(mark: char, head: &[u8]) -> String {
    let head = String::from_utf8_lossy(head);
    let lines = head.lines().map(|line| {
        let line = line.replace(|c: char| c.is_control(), "?");
        format!("{mark} {line}\n")
    });
    lines.collect()
}
