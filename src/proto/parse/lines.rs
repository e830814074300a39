//! What both kinds of head have: lines of headers, a version, and what can be wrong with them.

use std::mem::MaybeUninit;

use http::{HeaderMap, HeaderName, HeaderValue, Version};

use super::source::Source;
use crate::error::{Error, ErrorKind, Limit};
use crate::proto::limits::Limits;

pub(super) fn is_line_end(byte: &u8) -> bool {
    matches!(byte, b'\r' | b'\n')
}

/// Lines for which room is made before they are counted. Few heads have more.
const USUAL_LINES: usize = 64;

/// Room for the lines of a head. It stays where it is, because moving it would cost more than parsing.
pub(super) struct HeaderLines<'a> {
    usual: [Room<'a>; USUAL_LINES],
    many: Vec<Room<'a>>,
}

/// Room for a line, which the parser fills.
type Room<'a> = MaybeUninit<httparse::Header<'a>>;

impl<'a> HeaderLines<'a> {
    pub(super) fn new() -> Self {
        Self {
            usual: [const { MaybeUninit::uninit() }; USUAL_LINES],
            many: Vec::new(),
        }
    }

    /// Parses a head with as many lines as are allowed, and as can be there: none is shorter than three bytes.
    pub(super) fn parse<'r, P>(
        &'r mut self,
        input: &[u8],
        limits: &Limits,
        mut parse: impl FnMut(&'r mut [Room<'a>]) -> Result<P, httparse::Error>,
    ) -> Result<P, Error> {
        let most = limits.headers.min(input.len() / 3);
        let parsed = match parse(&mut self.usual[..most.min(USUAL_LINES)]) {
            Err(httparse::Error::TooManyHeaders) if most > USUAL_LINES => {
                self.many.resize_with(most, MaybeUninit::uninit);
                parse(&mut self.many)
            }
            parsed => parsed,
        };
        parsed.map_err(|error| classify(error, limits))
    }
}

/// Puts these lines in the place of what is there.
pub(in crate::proto) fn put_headers(
    headers: &mut HeaderMap,
    lines: &[httparse::Header<'_>],
    source: &Source<'_>,
) -> Result<(), Error> {
    // The map panics if it is to have more room than it can; and lines may share their names.
    headers.clear();
    headers.reserve(lines.len().min(2 * USUAL_LINES));
    for line in lines {
        let name = HeaderName::from_bytes(line.name.as_bytes()).map_err(malformed)?;
        let value = HeaderValue::from_maybe_shared(source.take(line.value)).map_err(malformed)?;
        headers
            .try_append(name, value)
            .map_err(|_| too_many_names())?;
    }
    Ok(())
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

fn classify(error: httparse::Error, limits: &Limits) -> Error {
    match error {
        httparse::Error::TooManyHeaders => Limit::HeaderLines(limits.headers).into(),
        _ => malformed(error),
    }
}

pub(super) fn malformed(error: impl std::error::Error + Send + Sync + 'static) -> Error {
    Error::new(ErrorKind::Protocol).with_cause(error)
}
