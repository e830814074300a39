//! What a write takes with its aio, and what it says at its end.

use bytes::Bytes;

use super::Aio;
use crate::bufs::Bufs;
#[cfg(doc)]
use crate::error::ErrorKind;
use crate::into_body::IntoBody;

/// What a successful write says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Written {
    count: u64,
}

impl Written {
    pub(crate) fn new(count: u64) -> Self {
        Self { count }
    }

    /// Bytes that the kernel accepted: for [`write_all`](crate::Conn::write_all) the whole vector,
    /// without the framing of a chunk; for [`write_request`](crate::Conn::write_request), and in the
    /// extensions of the response of a [`transact`](crate::Conn::transact), head and body.
    pub fn count(&self) -> u64 {
        self.count
    }
}

impl Aio<Written> {
    /// Sets the scatter/gather vector of the next write (`nng_aio_set_iov`).
    ///
    /// Any number of buffers, empty ones included; they are owned or reference-counted, never
    /// borrowed, so they outlive the operation by themselves. The operation uses the vector up: a
    /// write that is submitted without one fails with [`InvalidInput`](ErrorKind::InvalidInput).
    #[doc(alias = "nng_aio_set_iov")]
    pub fn iov<I>(mut self, buffers: I) -> Self
    where
        I: IntoIterator,
        I::Item: Into<Bytes>,
    {
        self.state.iov = Some(buffers.into_iter().map(Into::into).collect());
        self
    }

    /// Sets the vector of the next write to one buffer: text or bytes, owned, shared or `'static`.
    ///
    /// # Examples
    ///
    /// ```
    /// use http_aio::{Aio, Conn};
    /// use std::os::unix::net::UnixStream;
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let (near, far) = UnixStream::pair()?;
    /// let conn = Conn::from(near);
    /// assert_eq!(conn.write_all(Aio::new().bytes("hello")).wait()?.count(), 5);
    /// assert_eq!(conn.write_all(Aio::new().bytes(vec![0; 100])).wait()?.count(), 100);
    /// # drop(far);
    /// # Ok(())
    /// # }
    /// ```
    pub fn bytes(self, bytes: impl IntoBody) -> Self {
        self.iov([bytes.into_bytes()])
    }

    pub(crate) fn take_iov(&mut self) -> Option<Bufs> {
        self.state.iov.take()
    }
}
