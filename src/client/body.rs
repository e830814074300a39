//! The body of a response that was not collected.

use std::io::{self, Read};
use std::sync::Arc;

use bytes::Bytes;
use http::HeaderMap;

use super::Shared;
use super::route::Key;
use crate::aio::{Aio, InFlight};
use crate::conn::{BodyReader, Conn};
#[cfg(doc)]
use crate::error::Error;

/// The body of a response to [`Client::transact_streaming`](super::Client::transact_streaming), to be
/// read.
///
/// Dropped after it was read to its end, it leaves its connection to the client's next exchange;
/// dropped before, the connection closes.
#[derive(Debug)]
pub struct Body {
    conn: Conn,
    shared: Arc<Shared>,
    key: Key,
}

impl Body {
    pub(super) fn new(conn: Conn, shared: &Arc<Shared>, key: &Key) -> Self {
        Self {
            conn,
            shared: Arc::clone(shared),
            key: key.clone(),
        }
    }

    /// Reads some of it, as [`Conn::read`]: no bytes are its end.
    ///
    /// # Errors
    ///
    /// Those of [`Conn::read`]; [`is_incomplete_message`](Error::is_incomplete_message) if it was cut.
    ///
    /// # Cancellation
    ///
    /// As for [`Conn::read`].
    pub fn read(&self, aio: Aio<Bytes>, most: usize) -> Aio<Bytes, InFlight> {
        self.conn.read(aio, most)
    }

    /// Reads its trailers, once it was read to its end, as [`Conn::read_trailers`].
    ///
    /// # Errors
    ///
    /// Those of [`Conn::read_trailers`].
    ///
    /// # Cancellation
    ///
    /// As for [`Conn::read`].
    pub fn read_trailers(&self, aio: Aio<HeaderMap>) -> Aio<HeaderMap, InFlight> {
        self.conn.read_trailers(aio)
    }

    /// Reads it as a [`std::io::Read`] with a total deadline. The reader must be dropped before the
    /// body is, if the connection is to be used again.
    pub fn reader(&self) -> BodyReader {
        self.conn.body()
    }

    /// The connection that it comes over: after a 101 it speaks something else.
    pub fn conn(&self) -> &Conn {
        &self.conn
    }
}

/// Blocking, without a deadline: see [`reader`](Body::reader).
impl Read for Body {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        Read::read(&mut &self.conn, buffer)
    }
}

impl Drop for Body {
    fn drop(&mut self) {
        self.shared.pool.put(&self.key, self.conn.clone(), 2);
    }
}
