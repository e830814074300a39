//! Submitting reads.

use bytes::Bytes;
use http::{Request, Response};

use super::Conn;
use super::job::{ReadJob, Want};
use crate::aio::{Aio, Completer, InFlight, Interruption};
#[cfg(doc)]
use crate::error::{Error, ErrorKind};
#[cfg(doc)]
use crate::proto::limits::Limits;

/// Reading.
///
/// Reads never lose data. A read that is cancelled, expires or meets the end of the stream takes
/// nothing: what had arrived stays for the next read, [`Error::count`] says how much that is, and
/// neither the connection nor the other direction is harmed.
impl Conn {
    /// Reads at least one byte and at most `most` (`nng_http_conn_read`).
    ///
    /// The result shares the connection's buffer, it is not copied. `most` of 0 yields no bytes.
    ///
    /// # Errors
    ///
    /// [`Reset`](ErrorKind::Reset) when the peer has ended its stream
    /// ([`is_end_of_stream`](Error::is_end_of_stream)) or reset it, [`TimedOut`](ErrorKind::TimedOut),
    /// [`Canceled`](ErrorKind::Canceled), [`Closed`](ErrorKind::Closed),
    /// [`NoMemory`](ErrorKind::NoMemory), [`Io`](ErrorKind::Io).
    ///
    /// # Cancellation
    ///
    /// At once, and nothing is lost or shut down.
    pub fn read(&self, aio: Aio<Bytes>, most: usize) -> Aio<Bytes, InFlight> {
        self.submit_read(aio, |completer| Want::Some(most, completer))
    }

    /// Reads exactly `count` bytes (`nng_http_conn_read_all`).
    ///
    /// Memory grows with what arrives, not with `count`.
    ///
    /// # Errors
    ///
    /// Those of [`read`](Self::read).
    ///
    /// # Cancellation
    ///
    /// As for [`read`](Self::read).
    pub fn read_all(&self, aio: Aio<Bytes>, count: usize) -> Aio<Bytes, InFlight> {
        self.submit_read(aio, |completer| Want::All(count, completer))
    }

    /// Reads a request's head (RFC 9112 section 3). The body is empty, and what of it has arrived
    /// is next to be read.
    ///
    /// # Errors
    ///
    /// [`Protocol`](ErrorKind::Protocol) for what is no HTTP/1 head, [`TooLarge`](ErrorKind::TooLarge)
    /// beyond the [`Limits`]; what was sent stays to be read as bytes. Otherwise those of
    /// [`read`](Self::read).
    ///
    /// # Cancellation
    ///
    /// As for [`read`](Self::read).
    pub fn read_request(&self, aio: Aio<Request<Bytes>>) -> Aio<Request<Bytes>, InFlight> {
        let limits = self.limits;
        self.submit_read(aio, |completer| Want::Request(limits, completer))
    }

    /// Reads a response's head (RFC 9112 section 4). The body is empty, and what of it has arrived
    /// is next to be read. Interim responses (1xx) are responses too.
    ///
    /// # Errors
    ///
    /// As for [`read_request`](Self::read_request).
    ///
    /// # Cancellation
    ///
    /// As for [`read`](Self::read).
    pub fn read_response(&self, aio: Aio<Response<Bytes>>) -> Aio<Response<Bytes>, InFlight> {
        let limits = self.limits;
        self.submit_read(aio, |completer| Want::Response(limits, completer))
    }

    fn submit_read<T: Send + 'static>(
        &self,
        aio: Aio<T>,
        want: impl FnOnce(Completer<T>) -> Want,
    ) -> Aio<T, InFlight> {
        let (aio, completer, deadline) = aio.start(&self.handle.reads, Interruption::Finishes);
        let job = ReadJob {
            want: want(completer),
            deadline,
        };
        self.handle.reader.submit(job, self.limits.queued);
        aio
    }
}
