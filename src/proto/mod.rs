//! HTTP/1.1 as functions over bytes (RFC 9112). No I/O, no threads, no clock.
//!
//! `encode` writes message heads, `parse` reads them, `limits` bounds them. Which body follows a
//! head, and the chunked coding, have their place here beside them.

pub(crate) mod encode;
pub(crate) mod limits;
pub(crate) mod parse;

use bytes::Bytes;

/// The reason phrase of a response, where it is not the usual one of its status (RFC 9112
/// section 4).
///
/// [`read_response`](crate::Conn::read_response) leaves it among the response's extensions, and
/// [`write_response`](crate::Conn::write_response) takes it from there.
///
/// # Examples
///
/// ```
/// use http_aio::{Reason, http::Response};
/// let mut response = Response::new(());
/// response.extensions_mut().insert(Reason::from("Fine"));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reason(pub(crate) Bytes);

impl Reason {
    /// The bytes of the phrase.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl From<&'static str> for Reason {
    fn from(phrase: &'static str) -> Self {
        Self(Bytes::from_static(phrase.as_bytes()))
    }
}

impl From<String> for Reason {
    fn from(phrase: String) -> Self {
        Self(Bytes::from(phrase))
    }
}
