//! What both kinds of head have: lines of headers, a version, and what can be wrong with them.

use std::mem::MaybeUninit;

use http::{HeaderMap, HeaderName, HeaderValue, Version};
use smallvec::SmallVec;

use crate::error::{Error, ErrorKind, Limit};
use crate::proto::limits::Limits;

pub(super) fn is_line_end(byte: &u8) -> bool {
    matches!(byte, b'\r' | b'\n')
}

/// Room for the lines of a head, which the parser fills from the front.
pub(super) type HeaderLines<'a> = SmallVec<[MaybeUninit<httparse::Header<'a>>; 64]>;

/// Makes room for as many lines as are allowed and as can be there: none is shorter than three bytes. It stays
/// where it is, because moving it would cost more than parsing.
pub(super) fn make_room(lines: &mut HeaderLines<'_>, input: &[u8], limits: &Limits) {
    lines.resize_with(limits.headers.min(input.len() / 3), MaybeUninit::uninit);
}

pub(in crate::proto) fn headers(lines: &[httparse::Header<'_>]) -> Result<HeaderMap, Error> {
    let mut headers = HeaderMap::with_capacity(lines.len());
    for line in lines {
        let name = HeaderName::from_bytes(line.name.as_bytes()).map_err(malformed)?;
        let value = HeaderValue::from_bytes(line.value).map_err(malformed)?;
        headers
            .try_append(name, value)
            .map_err(|_| too_many_names())?;
    }
    Ok(headers)
}

pub(super) fn version(minor: Option<u8>) -> Version {
    if minor == Some(0) {
        Version::HTTP_10
    } else {
        Version::HTTP_11
    }
}

fn too_many_names() -> Error {
    Error::new(ErrorKind::TooLarge).with_detail("there are more headers than can be held")
}

pub(super) fn classify(error: httparse::Error, limits: &Limits) -> Error {
    match error {
        httparse::Error::TooManyHeaders => Limit::HeaderLines(limits.headers).into(),
        _ => malformed(error),
    }
}

pub(super) fn malformed(error: impl std::error::Error + Send + Sync + 'static) -> Error {
    Error::new(ErrorKind::Protocol).with_cause(error)
}
