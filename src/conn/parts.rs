//! Taking a connection apart: the stream is given back.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use bytes::Bytes;

use super::Conn;
use crate::error::{Error, ErrorKind};
use crate::transport::Stream;

/// A connection taken apart by [`Conn::into_parts`].
#[derive(Debug)]
#[non_exhaustive]
pub struct Parts {
    /// The stream, blocking and without timeouts.
    pub stream: Stream,
    /// What had arrived and was not read yet. It comes before whatever the stream says next.
    pub unread: Bytes,
}

/// Taking it apart.
impl Conn {
    /// Gives the stream back, with what has been read from it and not handed out.
    ///
    /// # Errors
    ///
    /// The connection itself, unchanged, if there are other handles, if an operation is in flight or
    /// queued, if a chunked body has not been read to its end, or if the stream cannot be
    /// duplicated. Always over TLS: what the peer sends can be read through the session only.
    ///
    /// # Examples
    ///
    /// ```
    /// use http_aio::{Aio, Conn};
    /// use std::io::Write;
    /// use std::net::{TcpListener, TcpStream};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let listener = TcpListener::bind("127.0.0.1:0")?;
    /// let mut peer = TcpStream::connect(listener.local_addr()?)?;
    /// let conn = Conn::from(listener.accept()?.0);
    /// peer.write_all(b"GET / HTTP/1.1\r\nHost: h\r\n\r\nand more")?;
    /// drop(peer);
    ///
    /// let (request, aio) = conn.read_request(Aio::new()).reclaim();
    /// # let _ = (request?, aio);
    /// let parts = conn.into_parts().expect("no other handle, nothing in flight");
    /// let stream = parts.stream.into_tcp().expect("it was one");
    /// let rest = std::io::read_to_string(std::io::Read::chain(&parts.unread[..], stream))?;
    /// assert_eq!(rest, "and more");
    /// # Ok(())
    /// # }
    /// ```
    #[doc(alias = "nng_http_hijack")]
    #[doc(alias = "into_inner")]
    pub fn into_parts(self) -> Result<Parts, Self> {
        self.take_apart().map_err(|(conn, _)| conn)
    }

    /// As `into_parts`, and says why not.
    pub(crate) fn take_apart(self) -> Result<Parts, (Self, Error)> {
        let limits = self.limits;
        let back = |handle, why| Err((Self { handle, limits }, why));
        let refused = |detail| Error::new(ErrorKind::InvalidInput).with_detail(detail);
        let handle = match Arc::try_unwrap(self.handle) {
            Ok(handle) => handle,
            Err(shared) => return back(shared, refused("the connection has other handles")),
        };
        // No other handle: what is quiet now stays quiet.
        if !(handle.writer.queue.is_quiet() && handle.reader.comes_to_rest()) {
            return back(Arc::new(handle), refused("an operation is under way"));
        }
        let stream = match handle.link.transport.stream() {
            Ok(stream) => stream,
            Err(error) => return back(Arc::new(handle), error.into()),
        };
        match handle.reader.take_unread() {
            Some(unread) => {
                handle.link.released.store(true, Ordering::Relaxed);
                Ok(Parts { stream, unread })
            }
            None => back(
                Arc::new(handle),
                refused("a body has not been read to its end"),
            ),
        }
    }
}
