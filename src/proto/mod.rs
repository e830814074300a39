//! HTTP/1.1 as functions over bytes (RFC 9112). No I/O, no threads, no clock.
//!
//! `encode` writes message heads, `parse` reads them, `authority` says what a host is, `framing` says
//! which body follows, `body` how much of it is left, `chunked` is the coding of bodies of unknown length,
//! `conditions` says which part of a representation is asked for, and `codings` in which coding, `disposition` under
//! which name it is to be stored, `percent` is the encoding of URIs,
//! `forwarded` and `proxy_header` say what proxies tell of clients,
//! `limits` bounds them all.

pub(crate) mod authority;
pub(crate) mod body;
pub(crate) mod chunked;
pub(crate) mod codings;
pub(crate) mod conditions;
pub(crate) mod content_range;
pub(crate) mod disposition;
pub(crate) mod encode;
pub(crate) mod forward;
pub(crate) mod forwarded;
pub(crate) mod framing;
pub(crate) mod limits;
pub(crate) mod mentioned;
pub(crate) mod parse;
pub(crate) mod percent;
pub(crate) mod proxy_header;

use bytes::Bytes;
use http::Response;

/// Which messages are read. Of requests nothing is taken that another server or a proxy could read
/// in another way; of responses, what is known to be sent and harms nobody.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Request,
    Response,
}

/// `token` (RFC 9110 section 5.6.2).
fn is_token(bytes: &[u8]) -> bool {
    !bytes.is_empty() && bytes.iter().copied().all(is_token_byte)
}

fn is_token_byte(byte: u8) -> bool {
    const TOKEN: [bool; 256] = table(b"!#$%&'*+-.^_`|~");
    TOKEN[usize::from(byte)]
}

/// Which bytes are letters, digits, or one of these: a look-up for each byte of a head, where comparing would
/// cost as much as all the rest.
const fn table(others: &[u8]) -> [bool; 256] {
    let mut table = [false; 256];
    let mut byte = 0_u8;
    while byte < 128 {
        table[byte as usize] = byte.is_ascii_alphanumeric();
        byte += 1;
    }
    let mut at = 0;
    while at < others.len() {
        table[others[at] as usize] = true;
        at += 1;
    }
    table
}

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

/// The interim responses (1xx) that came before a final one (RFC 9110 section 15.2).
///
/// [`read_response`](crate::Conn::read_response) and [`transact`](crate::Conn::transact) skip them,
/// and leave them among the final response's extensions, if there were any.
///
/// # Examples
///
/// ```
/// use http_aio::http::{Request, Response};
/// use http_aio::{Aio, Conn, Interim};
/// use std::os::unix::net::UnixStream;
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let (client, server) = UnixStream::pair()?;
/// let (client, server) = (Conn::from(client), Conn::from(server));
/// let answer = client.transact(Aio::new(), Request::get("http://h/").body(())?);
/// for status in [103, 200] {
///     let response = Response::builder().status(status).body(())?;
///     server.write_response(Aio::new(), response).wait()?;
/// }
/// let answer = answer.wait()?;
/// assert_eq!(answer.status(), 200);
/// let interim = answer.extensions().get::<Interim>().expect("there was one");
/// assert_eq!(interim.responses()[0].status(), 103);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Interim(pub(crate) Vec<Response<()>>);

impl Interim {
    /// Their heads, in the order in which they came; at least one.
    pub fn responses(&self) -> &[Response<()>] {
        &self.0
    }
}
