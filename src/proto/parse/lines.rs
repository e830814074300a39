//! What both kinds of head have: lines of headers, a version, and what can be wrong with them.

use http::{HeaderMap, HeaderName, HeaderValue, Version};

use crate::error::{Error, ErrorKind, Limit};
use crate::proto::limits::Limits;

pub(super) fn is_line_end(byte: &u8) -> bool {
    matches!(byte, b'\r' | b'\n')
}

/// Room for as many lines as are allowed and as can be there: none is shorter than three bytes.
pub(super) fn header_lines<'a>(input: &[u8], limits: &Limits) -> Vec<httparse::Header<'a>> {
    vec![httparse::EMPTY_HEADER; limits.headers.min(input.len() / 3)]
}

pub(in crate::proto) fn headers(lines: &[httparse::Header<'_>]) -> Result<HeaderMap, Error> {
    let mut headers = HeaderMap::new();
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
