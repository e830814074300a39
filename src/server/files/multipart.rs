//! Several parts of a file as one body: `multipart/byteranges` (RFC 9110 section 14.6).

use std::hash::{BuildHasher, RandomState};

use bytes::Bytes;
use http::HeaderValue;

use super::content::Segment;
use crate::proto::conditions::ByteRange;

pub(super) struct Multipart {
    /// Nobody can know it before, and have it in a file.
    boundary: String,
}

impl Multipart {
    pub(super) fn new() -> Self {
        let [one, two] = [0; 2].map(|_: u8| RandomState::new().hash_one(0));
        Self {
            boundary: format!("{one:016x}{two:016x}"),
        }
    }

    /// The type of the whole.
    pub(super) fn content_type(&self) -> HeaderValue {
        let text = format!("multipart/byteranges; boundary={}", self.boundary);
        HeaderValue::try_from(text).unwrap_or(HeaderValue::from_static("multipart/byteranges"))
    }

    /// The body that has these parts of `size` bytes of this type.
    pub(super) fn segments<'a>(
        &'a self,
        parts: &'a [ByteRange],
        kind: &'a HeaderValue,
        size: u64,
    ) -> impl Iterator<Item = Segment> + 'a {
        let framed = parts.iter().enumerate().flat_map(move |(at, &range)| {
            let head = self.head(at == 0, range, kind, size);
            [Segment::Text(head), range.into()]
        });
        let end = Bytes::from(format!("\r\n--{}--\r\n", self.boundary));
        framed.chain([Segment::Text(end)])
    }

    fn head(&self, is_first: bool, range: ByteRange, kind: &HeaderValue, size: u64) -> Bytes {
        let mut head = Vec::new();
        if !is_first {
            head.extend_from_slice(b"\r\n");
        }
        head.extend_from_slice(format!("--{}\r\nContent-Type: ", self.boundary).as_bytes());
        head.extend_from_slice(kind.as_bytes());
        head.extend_from_slice(b"\r\nContent-Range: ");
        head.extend_from_slice(range.content_range(size).as_bytes());
        head.extend_from_slice(b"\r\n\r\n");
        head.into()
    }
}

impl From<ByteRange> for Segment {
    fn from(range: ByteRange) -> Self {
        Self::Part {
            at: range.first,
            left: range.length(),
        }
    }
}
