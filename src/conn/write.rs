//! Submitting writes.

use bytes::Bytes;
use http::{Request, Response};

use super::Conn;
use super::job::{Until, WriteJob};
use crate::aio::{Aio, InFlight, Interruption, Written};
use crate::bufs::Bufs;
use crate::error::{Error, ErrorKind};
use crate::proto::encode;

/// Writing.
impl Conn {
    /// Writes the aio's whole vector: `nng_http_conn_write_all`.
    ///
    /// Returns at once and cannot fail here: it makes no system call on the socket, and the outcome
    /// arrives through the aio, once. Success means that the kernel has accepted every byte. Bytes
    /// of two operations never interleave. An empty vector succeeds with count 0.
    ///
    /// # Errors
    ///
    /// In every case [`Error::count`] is exact: a peer that drains its socket to the end receives
    /// the sum of the counts.
    ///
    /// | kind | when | the connection |
    /// |---|---|---|
    /// | [`InvalidInput`](ErrorKind::InvalidInput) | no vector was set | untouched |
    /// | [`TimedOut`](ErrorKind::TimedOut), [`Canceled`](ErrorKind::Canceled) | while queued | untouched, count 0 |
    /// | [`TimedOut`](ErrorKind::TimedOut), [`Canceled`](ErrorKind::Canceled) | in flight | its write side has ended |
    /// | [`Reset`](ErrorKind::Reset), [`Io`](ErrorKind::Io) | the peer or the network failed | its write side has ended |
    /// | [`Closed`](ErrorKind::Closed) | closed, or a write before this one failed in flight | has ended |
    /// | [`NoMemory`](ErrorKind::NoMemory) | no thread, or the queue is at its [limit](crate::Limits::queued) | untouched |
    ///
    /// # Cancellation
    ///
    /// At once: see [`Canceller::cancel`](crate::Canceller::cancel).
    ///
    /// # Examples
    ///
    /// ```
    /// use http_aio::{Aio, Conn, ErrorKind};
    /// use std::net::{TcpListener, TcpStream};
    /// use std::time::Duration;
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let listener = TcpListener::bind("127.0.0.1:0")?;
    /// let conn = Conn::from(TcpStream::connect(listener.local_addr()?)?);
    ///
    /// let written = conn.write_all(Aio::new().iov(["scatter, ", "gather"])).wait()?;
    /// assert_eq!(written.count(), 15);
    ///
    /// // The peer does not read: more than the kernel buffers cannot be written.
    /// let aio = Aio::new().iov([vec![0; 64 << 20]]).timeout(Duration::from_millis(50));
    /// let error = conn.write_all(aio).wait().unwrap_err();
    /// assert_eq!(error.kind(), ErrorKind::TimedOut);
    /// assert!(error.count() > 0);
    /// # Ok(())
    /// # }
    /// ```
    pub fn write_all(&self, aio: Aio<Written>) -> Aio<Written, InFlight> {
        self.submit_vector(aio, Until::All)
    }

    /// Writes some of the aio's vector: completes when the kernel has accepted at least one byte,
    /// with the number that it has (`nng_http_conn_write`).
    ///
    /// # Errors
    ///
    /// Those of [`write_all`](Self::write_all).
    ///
    /// # Cancellation
    ///
    /// As for [`write_all`](Self::write_all).
    pub fn write(&self, aio: Aio<Written>) -> Aio<Written, InFlight> {
        self.submit_vector(aio, Until::Some)
    }

    /// Writes a request's head and attached body in one gather write (RFC 9112 section 3).
    ///
    /// The count is that of head and body. `Content-Length` is set from the body, and `Host` from
    /// the URI's authority if the request has none. The target is in origin form; for CONNECT in
    /// authority form. An empty body is none: declare its length, or its coding, in the head, and
    /// write it with [`write_all`](Self::write_all). A POST, PUT or PATCH that declares nothing gets
    /// `Content-Length: 0`. A vector of the aio is not used and lost.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](ErrorKind::InvalidInput), and nothing is sent, if a part of the head must
    /// not be written (CR, LF, NUL and other controls, a version other than 1.0 and 1.1) or
    /// contradicts the body. Otherwise those of [`write_all`](Self::write_all).
    ///
    /// # Cancellation
    ///
    /// As for [`write_all`](Self::write_all).
    pub fn write_request(
        &self,
        aio: Aio<Written>,
        request: Request<Bytes>,
    ) -> Aio<Written, InFlight> {
        let head = encode::request(&request);
        self.submit_message(aio, head, request.into_body())
    }

    /// Writes a response's head and attached body in one gather write (RFC 9112 section 4).
    ///
    /// `Content-Length` is set from the body. An empty body is none: declare its length in the head
    /// if you write it with [`write_all`](Self::write_all), or if there is none; without a
    /// declaration the body ends with the connection. A [`Reason`](crate::Reason) among the
    /// response's extensions goes before the usual phrase.
    ///
    /// # Errors
    ///
    /// As for [`write_request`](Self::write_request).
    ///
    /// # Cancellation
    ///
    /// As for [`write_all`](Self::write_all).
    pub fn write_response(
        &self,
        aio: Aio<Written>,
        response: Response<Bytes>,
    ) -> Aio<Written, InFlight> {
        let head = encode::response(&response);
        self.submit_message(aio, head, response.into_body())
    }

    fn submit_vector(&self, mut aio: Aio<Written>, until: Until) -> Aio<Written, InFlight> {
        let detail = "no vector was set";
        let bufs = aio
            .take_iov()
            .ok_or_else(|| Error::new(ErrorKind::InvalidInput).with_detail(detail));
        self.submit_write(aio, bufs, until)
    }

    fn submit_message(
        &self,
        aio: Aio<Written>,
        head: Result<Bytes, Error>,
        body: Bytes,
    ) -> Aio<Written, InFlight> {
        let bufs = head.map(|head| [head, body].into_iter().collect());
        self.submit_write(aio, bufs, Until::All)
    }

    fn submit_write(
        &self,
        aio: Aio<Written>,
        bufs: Result<Bufs, Error>,
        until: Until,
    ) -> Aio<Written, InFlight> {
        let (aio, completer, deadline) = aio.start(&self.handle.writes, Interruption::Recorded);
        match bufs {
            Ok(bufs) => {
                let job = WriteJob {
                    bufs,
                    until,
                    deadline,
                    completer,
                    moved: 0,
                };
                self.handle.writer.submit(job, self.limits.queued);
            }
            // Nobody listens yet: the handle has not been returned.
            Err(error) => drop(completer.finish(Err(error))),
        }
        aio
    }
}
