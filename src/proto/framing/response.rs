//! The body of a response, which the request has a say in.

use http::header::{CONTENT_LENGTH, TRANSFER_ENCODING};
use http::{Response, StatusCode};

use super::declared::{Declared, declared};
use super::{Asked, Framing, of_length};
use crate::error::Error;

/// The body of a received response.
///
/// # Errors
///
/// `Protocol`, with a detail that says what is wrong with the head.
pub(crate) fn of_response<B>(head: &Response<B>, asked: Asked) -> Result<Framing, Error> {
    match (head.status(), asked) {
        (StatusCode::SWITCHING_PROTOCOLS, _) => return Ok(Framing::Tunnel),
        (status, _) if asked.opens_tunnel(status) => return Ok(Framing::Tunnel),
        // Here the headers speak of the body that another answer would have had.
        (StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED, _) | (_, Asked::Head) => {
            return Ok(Framing::None);
        }
        (status, _) if status.is_informational() => return Ok(Framing::None),
        _ => {}
    }
    match declared(head.version(), head.headers())? {
        Declared::Length(length) => Ok(of_length(length)),
        Declared::Chunked => Ok(Framing::Chunked),
        Declared::Nothing | Declared::Coded => Ok(Framing::UntilEnd),
    }
}

/// Whether a response without a body is clear about that, to anybody who reads it. If it is not, what
/// follows it could be taken for the next response, or for its body (RFC 9112 section 6.3): it can be
/// read, and nothing after it.
pub(crate) fn is_sound<B>(head: &Response<B>, asked: Asked) -> bool {
    let headers = head.headers();
    match (head.status(), asked) {
        (StatusCode::SWITCHING_PROTOCOLS, _) => true,
        (status, _) if asked.opens_tunnel(status) => true,
        (status, _) if status.is_informational() || status == StatusCode::NO_CONTENT => {
            !(headers.contains_key(CONTENT_LENGTH) || headers.contains_key(TRANSFER_ENCODING))
        }
        // These may say what another answer would have had.
        (StatusCode::NOT_MODIFIED, _) | (_, Asked::Head) => matches!(
            declared(head.version(), headers),
            Ok(Declared::Nothing | Declared::Length(_) | Declared::Chunked)
        ),
        // Where it would have a body, it is refused if it is not.
        _ => true,
    }
}

/// Whether a final response is still to come after one of this status. 101 is final for HTTP.
pub(crate) fn is_interim(status: StatusCode) -> bool {
    status.is_informational() && status != StatusCode::SWITCHING_PROTOCOLS
}
