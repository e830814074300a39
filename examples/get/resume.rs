//! What an answer means to a file of which the first bytes are there.

use http_aio::http::{Response, StatusCode, header};

use crate::common::exit::Exit;
use crate::common::failure::Failure;

/// What to do with the answer's body.
#[derive(Debug, PartialEq)]
pub(crate) enum Place {
    /// It follows what is there, up to byte `end` of `total`, if the server says how many.
    Append { end: u64, total: Option<u64> },
    /// It is the whole.
    StartOver,
    /// There is nothing more.
    Complete,
    /// It is about something else, and must not get into the file.
    Nowhere,
}

/// Of the answer to a request for everything from byte `have` on (RFC 9110 section 14).
///
/// # Errors
///
/// The answer would spoil the file.
pub(crate) fn place<B>(response: &Response<B>, have: u64) -> Result<Place, Failure> {
    let wrong = |why: String| Err(Failure::new(Exit::Range, why));
    let range = response.headers().get(header::CONTENT_RANGE);
    let range = range.and_then(|range| parse(range.to_str().ok()?));
    match (response.status(), range) {
        (StatusCode::PARTIAL_CONTENT, Some(Range::Part { start, end, total })) => {
            if start == have {
                Ok(Place::Append { end, total })
            } else {
                wrong(format!(
                    "the server continues at byte {start} instead of {have}"
                ))
            }
        }
        (StatusCode::PARTIAL_CONTENT, _) => {
            wrong("the server does not say which part it sends".to_owned())
        }
        (StatusCode::RANGE_NOT_SATISFIABLE, Some(Range::Nothing { total })) if total == have => {
            Ok(Place::Complete)
        }
        (status, _) if status.is_success() => Ok(Place::StartOver),
        _ => Ok(Place::Nowhere),
    }
}

/// The value of `Content-Range` (RFC 9110 section 14.4).
enum Range {
    Part {
        start: u64,
        /// The byte after the last.
        end: u64,
        total: Option<u64>,
    },
    /// There is nothing where it was asked for.
    Nothing { total: u64 },
}

fn parse(range: &str) -> Option<Range> {
    let (unit, range) = range.split_once(' ')?;
    if !unit.eq_ignore_ascii_case("bytes") {
        return None;
    }
    let (part, total) = range.split_once('/')?;
    if part == "*" {
        let total = number(total)?;
        return Some(Range::Nothing { total });
    }
    let (first, last) = part.split_once('-')?;
    let (start, end) = (number(first)?, number(last)?.checked_add(1)?);
    let total = match total {
        "*" => None,
        total => Some(number(total)?),
    };
    let sane = start < end && total.is_none_or(|total| end <= total);
    sane.then_some(Range::Part { start, end, total })
}

/// `parse` alone would take a sign.
fn number(digits: &str) -> Option<u64> {
    let plain = digits.bytes().all(|byte| byte.is_ascii_digit());
    if plain { digits.parse().ok() } else { None }
}
