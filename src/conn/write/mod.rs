//! Submitting writes.

mod at_once;
mod call;
mod draft;
mod in_flight;
mod job;
mod message;
mod outgoing;
mod parcel;
mod refusal;
mod writer;

use std::sync::Arc;

use http::{HeaderMap, Request, Response};
use parking_lot::Mutex;

pub(super) use self::at_once::Begin;
pub(super) use self::draft::Draft;
pub(super) use self::job::{WriteJob, WriteObserver};
pub(super) use self::message::Role;
pub(super) use self::parcel::{Content, Parcel, Until};
pub(super) use self::writer::Writer;
use super::Conn;
use super::queue::EndReason;
use crate::aio::habit::{self, Handling, Hold, Kind};
use crate::aio::{Aio, InFlight, Interruption, Written};
use crate::error::{Action, Error, ErrorKind};
use crate::into_body::IntoBody;
use crate::meter::Meter;
use crate::proto::encode::Additions;

/// Writing.
///
/// A head that is written declares a body, and what is written after it is the content of that body,
/// framed as declared (RFC 9112 section 6): no more than `Content-Length`, or as chunks. On a
/// connection where no head was written through this API, or that was upgraded (101, or a success
/// for CONNECT), bytes go out as they are given.
impl Conn {
    /// Writes the aio's whole vector: `nng_http_conn_write_all`.
    ///
    /// With `Transfer-Encoding: chunked` it is one chunk, in one gather write; the count is that of
    /// its content. An empty one sends nothing: [`finish`](Self::finish) ends the body.
    ///
    /// Returns at once and cannot fail here: it makes no system call on the socket, and the outcome
    /// arrives through the aio, once. Success means that the kernel has accepted every byte. Bytes
    /// of two operations never interleave. An empty vector succeeds with count 0. A slice that is
    /// borrowed cannot be lent: [`io`](Self::io) copies it.
    ///
    /// # Errors
    ///
    /// In every case [`Error::count`] is exact: a peer that drains its socket to the end receives
    /// the sum of the counts.
    ///
    /// | kind | when | the connection |
    /// |---|---|---|
    /// | [`InvalidInput`](ErrorKind::InvalidInput) | no vector was set; or more than is left of the declared body: nothing of it is sent | untouched |
    /// | [`TimedOut`](ErrorKind::TimedOut), [`Canceled`](ErrorKind::Canceled) | while queued | untouched, count 0 |
    /// | [`TimedOut`](ErrorKind::TimedOut), [`Canceled`](ErrorKind::Canceled) | in flight | its write side has ended |
    /// | [`Reset`](ErrorKind::Reset), [`Io`](ErrorKind::Io) | the peer or the network failed | its write side has ended |
    /// | [`Closed`](ErrorKind::Closed) | closed; or a write before this one failed in flight; or it is a part of the body of a [`transact`](Self::transact) that was answered early, and not with a success | its write side has ended |
    /// | [`NoMemory`](ErrorKind::NoMemory) | no thread, or the queue is at its [limit](crate::Limits::queued) | untouched |
    ///
    /// # Cancellation
    ///
    /// At once: see [`Canceler::cancel`](crate::Canceler::cancel).
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
    #[doc(alias = "nng_http_conn_write_all")]
    #[doc(alias = "send")]
    #[doc(alias = "writev")]
    pub fn write_all(&self, aio: Aio<Written>) -> Aio<Written, InFlight> {
        self.submit_vector(aio, Until::All)
    }

    /// Writes some of the aio's vector: completes when the kernel has accepted at least one byte,
    /// with the number that it has (`nng_http_conn_write`). A chunk is written whole.
    ///
    /// # Errors
    ///
    /// Those of [`write_all`](Self::write_all).
    ///
    /// # Cancellation
    ///
    /// As for [`write_all`](Self::write_all).
    #[doc(alias = "nng_http_conn_write")]
    pub fn write(&self, aio: Aio<Written>) -> Aio<Written, InFlight> {
        self.submit_vector(aio, Until::Some)
    }

    /// Writes a request's head and attached body in one gather write (RFC 9112 section 3).
    ///
    /// The count is that of head and body. `Content-Length` is set from the body, and `Host` from
    /// the URI's authority if the request has none, empty if there is no authority, which a server may
    /// refuse. The target is in origin form; for CONNECT in authority form. An empty body, `""` as well as
    /// `()`, is none: to write one in pieces, declare its length, or `Transfer-Encoding: chunked`, in the head,
    /// and write it with [`write_all`](Self::write_all). A POST, PUT or PATCH that declares nothing gets
    /// `Content-Length: 0`. A vector of the aio is not used and lost.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](ErrorKind::InvalidInput), and nothing is sent, if a part of the head must
    /// not be written (CR, LF, NUL and other controls, a version other than 1.0 and 1.1), if it
    /// contradicts the body, or if the body of the message before it is not complete.
    /// [`Closed`](ErrorKind::Closed) with count 0, and nothing is sent, behind a message that announced
    /// the close, be it a request before this one or a response to one (RFC 9112 section 9.6): another
    /// connection may take it. Otherwise those of [`write_all`](Self::write_all).
    ///
    /// # Cancellation
    ///
    /// As for [`write_all`](Self::write_all).
    #[doc(alias = "nng_http_conn_write_req")]
    #[doc(alias = "send_request")]
    pub fn write_request<B: IntoBody>(
        &self,
        aio: Aio<Written>,
        request: Request<B>,
    ) -> Aio<Written, InFlight> {
        let parcel = Parcel::request(request.map(B::into_bytes));
        self.submit_write(aio, Action::WriteRequest, parcel)
    }

    /// Writes a response's head and attached body in one gather write (RFC 9112 section 4).
    ///
    /// `Content-Length` is set from the body. An empty body, `""` as well as `()`, is none: declare its length
    /// or `Transfer-Encoding: chunked` in the head if you write it with [`write_all`](Self::write_all).
    /// With neither, the response says `Content-Length: 0`; unless it says `Connection: close`, or is
    /// of HTTP/1.0, and then what is written ends with the connection, by [`finish`](Self::finish).
    /// To a HEAD request that was read with [`read_request`](Self::read_request), the head alone is
    /// written, without a length that was neither declared nor that of an attached body; nothing may be written
    /// after it, as after any message that is complete. What opens a tunnel, a success for CONNECT, has no
    /// body, and goes without `Content-Length` and `Transfer-Encoding`.
    ///
    /// The response to a request that announced the close, or that was of HTTP/1.0, says
    /// `Connection: close` by itself, and to one of HTTP/1.0 a body that is declared chunked is written
    /// without chunks and ends with the connection (RFC 9112 sections 6.1 and 9.6). To HTTP/1.0, nothing of
    /// an interim response is written (RFC 9110 section 15.2): the count is 0. A success for CONNECT
    /// declares no body. A [`Reason`](crate::Reason) among the response's
    /// extensions goes before the usual phrase.
    ///
    /// # Errors
    ///
    /// As for [`write_request`](Self::write_request); [`InvalidInput`](ErrorKind::InvalidInput) also for a body
    /// that is attached to what opens a tunnel. What announces the close here is the response
    /// before this one, or the request before the one that it answers.
    ///
    /// # Cancellation
    ///
    /// As for [`write_all`](Self::write_all).
    #[doc(alias = "nng_http_conn_write_res")]
    #[doc(alias = "send_response")]
    #[doc(alias = "respond")]
    pub fn write_response<B: IntoBody>(
        &self,
        aio: Aio<Written>,
        response: Response<B>,
    ) -> Aio<Written, InFlight> {
        let parcel = Parcel::response(response.map(B::into_bytes), &Additions::default());
        self.submit_write(aio, Action::WriteResponse, parcel)
    }

    /// Ends the body that is being written.
    ///
    /// A chunked body gets its last chunk. A body with a `Content-Length` must be complete. The body
    /// of a response that ends with the connection ends here: the write side is shut down. After a
    /// message that is complete, there is nothing to do. The count is 0.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](ErrorKind::InvalidInput), and nothing is sent, if a part of the declared
    /// length is missing, or if no message is being written. Otherwise those of
    /// [`write_all`](Self::write_all).
    ///
    /// # Cancellation
    ///
    /// As for [`write_all`](Self::write_all).
    ///
    /// # Examples
    ///
    /// ```
    /// use http_aio::http::{HeaderMap, Request};
    /// use http_aio::{Aio, Conn};
    /// use std::os::unix::net::UnixStream;
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let (client, server) = UnixStream::pair()?;
    /// let (client, server) = (Conn::from(client), Conn::from(server));
    ///
    /// let head = Request::put("http://h/log").header("transfer-encoding", "chunked").body(())?;
    /// client.write_request(Aio::new(), head).wait()?;
    /// client.write_all(Aio::new().iov(["one ", "chunk"])).wait()?;
    /// let mut trailers = HeaderMap::new();
    /// trailers.insert("checksum", "42".parse()?);
    /// client.finish_with_trailers(Aio::new(), trailers).wait()?;
    ///
    /// server.read_request(Aio::new()).wait()?;
    /// assert_eq!(server.read(Aio::new(), 1024).wait()?, "one chunk");
    /// assert!(server.read(Aio::new(), 1024).wait()?.is_empty()); // The end of the body.
    /// assert_eq!(server.read_trailers(Aio::new()).wait()?["checksum"], "42");
    /// # Ok(())
    /// # }
    /// ```
    #[doc(alias = "end")]
    pub fn finish(&self, aio: Aio<Written>) -> Aio<Written, InFlight> {
        self.finish_with_trailers(aio, HeaderMap::new())
    }

    /// As [`finish`](Self::finish), with trailers, for a body that is chunked (RFC 9110 section 6.5).
    ///
    /// # Errors
    ///
    /// Those of [`finish`](Self::finish), and [`InvalidInput`](ErrorKind::InvalidInput) for trailers
    /// that must not be written, whose names belong into a head, or for which another framing has no
    /// place.
    ///
    /// # Cancellation
    ///
    /// As for [`write_all`](Self::write_all).
    pub fn finish_with_trailers(
        &self,
        aio: Aio<Written>,
        trailers: HeaderMap,
    ) -> Aio<Written, InFlight> {
        self.submit_write(aio, Action::FinishBody, Parcel::finish(&trailers))
    }

    /// Ends the write side, behind all that was submitted before; the read side goes on. A tunnel passes
    /// an end on this way, and the peer of a raw or upgraded connection learns that no more comes. Over
    /// TLS, `close_notify` is sent. The count is 0, and writes that are submitted later fail with
    /// [`Closed`](ErrorKind::Closed).
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](ErrorKind::InvalidInput), and nothing is ended, in the middle of a message whose
    /// declared body is not complete. Otherwise those of [`write_all`](Self::write_all).
    ///
    /// # Cancellation
    ///
    /// As for [`write_all`](Self::write_all).
    ///
    /// # Examples
    ///
    /// ```
    /// use http_aio::{Aio, Conn};
    /// use std::io::{Read, Write};
    /// use std::os::unix::net::UnixStream;
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let (near, mut far) = UnixStream::pair()?;
    /// let conn = Conn::from(near);
    /// conn.write_all(Aio::new().iov(["all that I have"])).wait()?;
    /// conn.close_write(Aio::new()).wait()?;
    ///
    /// let mut received = String::new();
    /// far.read_to_string(&mut received)?; // To the end of the stream.
    /// far.write_all(b"thank you")?;
    /// assert_eq!(conn.read(Aio::new(), 100).wait()?, "thank you");
    /// # Ok(())
    /// # }
    /// ```
    #[doc(alias = "half_close")]
    #[doc(alias = "SHUT_WR")]
    pub fn close_write(&self, aio: Aio<Written>) -> Aio<Written, InFlight> {
        self.submit_write(aio, Action::EndStream, Ok(Parcel::close_write()))
    }

    fn submit_vector(&self, mut aio: Aio<Written>, until: Until) -> Aio<Written, InFlight> {
        let detail = "no vector was set: set one with `Aio::iov`";
        let bufs = aio.take_iov();
        let bufs = bufs.ok_or_else(|| Error::new(ErrorKind::InvalidInput).with_detail(detail));
        let parcel = bufs.map(|bufs| Parcel::new(Content::Vector, bufs, until));
        self.submit_write(aio, Action::Write, parcel)
    }

    fn submit_write(
        &self,
        aio: Aio<Written>,
        action: Action,
        parcel: Result<Parcel, Error>,
    ) -> Aio<Written, InFlight> {
        let hold = habit::before(Kind::Write);
        let (aio, handling) = self.enqueue_write(aio, action, parcel, hold, None);
        aio.submitted(Kind::Write, handling)
    }

    /// Submits a write, which may be held back or not, and whose peer may be bounded in how slow it is.
    pub(super) fn enqueue_write(
        &self,
        aio: Aio<Written>,
        action: Action,
        parcel: Result<Parcel, Error>,
        hold: Hold,
        meter: Option<Arc<Mutex<Meter>>>,
    ) -> (Aio<Written, InFlight>, Handling) {
        let (aio, completer, deadline) =
            aio.start(&self.handle.writes, Interruption::Recorded, action);
        let parcel = match self.handle.link.ledger.shutting_down.is_set() {
            true => Err(EndReason::ShutDown.into()),
            false => parcel,
        };
        match parcel {
            Ok(parcel) => {
                let mut job = WriteJob::new(parcel, deadline, completer);
                if let Some(meter) = meter {
                    job = job.metered_by(meter);
                }
                self.handle.reader.hand_over();
                let handling = self.handle.writer.submit(job, self.limits.queued, hold);
                (aio, handling)
            }
            Err(error) => {
                completer.refuse(error);
                (aio, Handling::HandedOver)
            }
        }
    }
}
