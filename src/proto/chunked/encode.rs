//! Chunks and the end of a body to bytes. The data of a chunk stays with the caller: it is written from
//! where it lies, between the line before it and [`CHUNK_END`](super::CHUNK_END).

use bytes::Bytes;
use http::{HeaderMap, HeaderName};
use smallvec::SmallVec;

use super::trailers::is_allowed;
use crate::error::{Error, ErrorKind};
use crate::proto::encode::put_headers;

/// The end of a body without trailers.
pub(crate) const LAST_CHUNK: &[u8] = b"0\r\n\r\n";

/// The line before a chunk of `len` bytes. A chunk of none would end the body.
pub(crate) fn chunk_head(len: u64) -> SmallVec<[u8; 18]> {
    let digits = (u64::BITS - len.leading_zeros()).div_ceil(4).max(1);
    let digit = |place: u32| b"0123456789abcdef"[((len >> (4 * place)) & 0xf) as usize];
    (0..digits).rev().map(digit).chain(*b"\r\n").collect()
}

/// The end of a body, with its trailers.
///
/// # Errors
///
/// `InvalidInput`, with a detail: a trailer must not be written, or not in this place.
pub(crate) fn last_chunk(trailers: &HeaderMap) -> Result<Bytes, Error> {
    if trailers.is_empty() {
        return Ok(Bytes::from_static(LAST_CHUNK));
    }
    let mut names = trailers.keys().map(HeaderName::as_str);
    if let Some(name) = names.find(|name| !is_allowed(name)) {
        let detail = "a field of this name is not allowed in trailers";
        return Err(Error::new(ErrorKind::InvalidInput).with_detail_about(detail, name.as_bytes()));
    }
    let mut last = Vec::with_capacity(256);
    last.extend_from_slice(b"0\r\n");
    put_headers(&mut last, trailers)?;
    last.extend_from_slice(b"\r\n");
    Ok(last.into())
}
