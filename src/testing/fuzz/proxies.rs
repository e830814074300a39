//! What proxies say of clients.

use http::{HeaderMap, HeaderValue};

use crate::proto::forwarded;
use crate::proto::proxy_header::{self, MOST, Progress};

/// A PROXY header is the same however it arrives and whatever follows, and it is bounded. What a proxy adds to a
/// list of forwarded addresses is read as it was written, whatever stands left of it.
///
/// # Panics
///
/// If that is not so.
pub fn proxies(data: &[u8]) {
    header(data);
    list(data);
}

fn header(data: &[u8]) {
    if data.is_empty() {
        return;
    }
    match proxy_header::parse(data) {
        Ok(Progress::Part(count)) => assert!(count == data.len() && count < MOST),
        Ok(Progress::Whole(count, source)) => {
            assert!(count <= data.len() && count <= MOST);
            let alone = proxy_header::parse(&data[..count]);
            assert_eq!(alone, Ok(Progress::Whole(count, source)));
            for end in 1..count {
                let begun = proxy_header::parse(&data[..end]);
                assert_eq!(begun, Ok(Progress::Part(end)));
            }
        }
        Err(proxy_header::Malformed) => {}
    }
}

fn list(data: &[u8]) {
    for lines in [1, 2] {
        if let Some(headers) = added("forwarded", data, "for=192.0.2.1;proto=https", lines) {
            let origin = forwarded::standard(&headers, |_| false);
            assert_eq!(
                origin.client.map(|client| client.to_string()),
                Some("192.0.2.1:0".into())
            );
            assert_eq!(origin.scheme, Some(http::uri::Scheme::HTTPS));
            // However far it goes, it ends.
            forwarded::standard(&headers, |_| true);
        }
        if let Some(headers) = added("x-forwarded-for", data, "192.0.2.1", lines) {
            let origin = forwarded::conventional(&headers, |_| false);
            assert_eq!(
                origin.client.map(|client| client.to_string()),
                Some("192.0.2.1:0".into())
            );
            forwarded::conventional(&headers, |_| true);
        }
    }
}

/// What a client has written, and a proxy has added, in one line or in another one.
fn added(name: &'static str, theirs: &[u8], ours: &str, lines: usize) -> Option<HeaderMap> {
    let mut headers = HeaderMap::new();
    match lines {
        1 => {
            let line = [theirs, b", ", ours.as_bytes()].concat();
            headers.append(name, HeaderValue::from_bytes(&line).ok()?);
        }
        _ => {
            headers.append(name, HeaderValue::from_bytes(theirs).ok()?);
            headers.append(name, HeaderValue::from_str(ours).ok()?);
        }
    }
    Some(headers)
}
