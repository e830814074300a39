//! How far one direction of a connection is in its present message.

use super::framing::Framing;

/// What is left of the body that is being written or read. `D` is what a chunked body needs besides.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum BodyState<D = ()> {
    /// There is no message, or HTTP is over: bytes pass as they are.
    #[default]
    Raw,
    /// The message is complete, and the next thing is a head.
    Complete,
    /// This many bytes are left.
    Length(u64),
    Chunked(D),
    /// The body ends with the stream.
    UntilEnd,
}

/// How the body of a message is delimited (RFC 9112 section 6.3).
///
/// # Examples
///
/// ```
/// use http_aio::http::Request;
/// use http_aio::{Aio, BodyFraming, Conn};
/// use std::os::unix::net::UnixStream;
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let (client, server) = UnixStream::pair()?;
/// let (client, server) = (Conn::from(client), Conn::from(server));
/// client.write_request(Aio::new(), Request::post("http://h/").body("hello")?);
/// server.read_request(Aio::new()).wait()?;
/// assert_eq!(server.body_framing(), BodyFraming::Exact(5));
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum BodyFraming {
    /// There is none.
    None,
    /// So many bytes, as `Content-Length` declares. It is never 0.
    Exact(u64),
    /// Chunks, up to the last, and perhaps trailers.
    Chunked,
    /// All that comes before the end of the stream. So it is, too, where there are no messages: none was
    /// read yet, or the connection was upgraded.
    #[default]
    UntilEnd,
}

impl From<Framing> for BodyFraming {
    fn from(framing: Framing) -> Self {
        match framing {
            Framing::None => Self::None,
            Framing::Length(length) => Self::Exact(length),
            Framing::Chunked => Self::Chunked,
            Framing::UntilEnd | Framing::Tunnel => Self::UntilEnd,
        }
    }
}

impl<D> BodyState<D> {
    /// The state behind a head with this framing.
    pub(crate) fn new(framing: Framing, chunked: impl FnOnce() -> D) -> Self {
        match framing {
            Framing::None => Self::Complete,
            Framing::Length(length) => Self::Length(length),
            Framing::Chunked => Self::Chunked(chunked()),
            Framing::UntilEnd => Self::UntilEnd,
            Framing::Tunnel => Self::Raw,
        }
    }

    pub(crate) fn is_raw(&self) -> bool {
        matches!(self, Self::Raw)
    }

    /// Whether a head may come next.
    pub(crate) fn is_between_messages(&self) -> bool {
        matches!(self, Self::Raw | Self::Complete)
    }

    /// The connection was upgraded: no message follows the one that is complete.
    pub(crate) fn upgrade(&mut self) {
        if matches!(self, Self::Complete) {
            *self = Self::Raw;
        }
    }

    /// So many bytes of content have passed.
    pub(crate) fn advance(&mut self, count: u64) {
        if let Self::Length(left) = self {
            *self = match left.saturating_sub(count) {
                0 => Self::Complete,
                left => Self::Length(left),
            };
        }
    }
}

impl From<Framing> for BodyState {
    fn from(framing: Framing) -> Self {
        Self::new(framing, || ())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_length_is_used_up() {
        let mut state = BodyState::from(Framing::Length(5));
        state.advance(3);
        assert_eq!(state, BodyState::Length(2));
        state.advance(2);
        assert_eq!(state, BodyState::Complete);
        state.advance(1);
        assert_eq!(state, BodyState::Complete);
    }

    #[test]
    fn an_upgrade_waits_for_the_end_of_a_message() {
        let mut state = BodyState::from(Framing::Chunked);
        state.upgrade();
        assert_eq!(state, BodyState::Chunked(()));
        state = BodyState::Complete;
        state.upgrade();
        assert!(state.is_raw());
    }
}
