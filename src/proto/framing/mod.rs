//! Which body follows a head, and whether the connection outlives the message (RFC 9112 sections 6
//! and 9).
//!
//! Peers disagree about heads that declare a body twice or oddly, and a body that two peers see
//! differently is a request smuggled past one of them. What is odd is therefore refused, not guessed.
//!
//! `declared` reads what the headers of either kind of message say; `request` and `response` make a
//! [`Framing`] of it.
//!
//! Invariants:
//!
//! 1. A head has one framing or is refused. No body is taken from headers that contradict each other.
//! 2. The body of a request never ends with the stream, and a request is for one host at most.
//! 3. The status of a response, and what was asked, come before its headers.

mod declared;
mod request;
mod response;
#[cfg(test)]
mod tests;

use http::{Method, StatusCode};

pub(super) use self::declared::{Declared, declared, elements, expect_chunked_alone};
pub(crate) use self::declared::{names_upgrade, persists, persists_as};
pub(crate) use self::request::{of_request, take_host_from_target};
pub(crate) use self::response::{is_interim, is_sound, of_response};

/// What follows a head.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Framing {
    /// The next message. A length of 0 is this too.
    None,
    /// So many bytes.
    Length(u64),
    Chunked,
    /// Whatever comes before the end of the stream.
    UntilEnd,
    /// Another protocol, for good.
    Tunnel,
}

/// What of the request decides about its response's body.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Asked {
    Head,
    Connect,
    #[default]
    Other,
}

impl Asked {
    /// Whether a final response of this status is followed by a tunnel, as a success is for CONNECT.
    pub(crate) fn opens_tunnel(self, status: StatusCode) -> bool {
        self == Self::Connect && status.is_success()
    }
}

impl From<&Method> for Asked {
    fn from(method: &Method) -> Self {
        match *method {
            Method::HEAD => Self::Head,
            Method::CONNECT => Self::Connect,
            _ => Self::Other,
        }
    }
}

/// A length of 0 is no body.
pub(crate) fn of_length(length: u64) -> Framing {
    match length {
        0 => Framing::None,
        length => Framing::Length(length),
    }
}
