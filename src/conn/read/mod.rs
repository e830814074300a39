//! Submitting reads.

mod answer;
mod at_once;
mod attempt;
mod beginning;
mod incoming;
mod incoming_body;
mod input;
mod job;
mod outcome;
mod reader;
mod search;
mod soon;
mod want;

use bytes::Bytes;
use http::{HeaderMap, Request, Response};

pub(super) use self::answer::{Answer, AnswerObserver, Extent};
pub(crate) use self::at_once::{Arrival, Part, RequestSearch};
pub(super) use self::beginning::Beginning;
pub(crate) use self::incoming_body::unsolicited;
pub(super) use self::job::ReadJob;
pub(super) use self::reader::Reader;
pub(crate) use self::want::HeadClock;
pub(super) use self::want::{Want, Watch};
use super::Conn;
use super::queue::EndReason;
use crate::aio::habit::{self, Handling, Hold, Kind};
use crate::aio::{Aio, Completer, InFlight, Interruption};
use crate::error::Action;
#[cfg(doc)]
use crate::error::Error;
#[cfg(doc)]
use crate::error::ErrorKind;
#[cfg(doc)]
use crate::proto::limits::Limits;

/// Reading.
///
/// After a head, what is read is the *content* of its body: framing is taken off, the end of the
/// body is an end, and what comes behind it belongs to the next message. On a connection where no
/// head was read, or that was upgraded (101, or a success for CONNECT), bytes are read as they come.
///
/// Reads never lose data. A read that is canceled, expires or meets an end takes nothing: what had
/// arrived stays for the next read, [`Error::count`] says how much that is, and neither the
/// connection nor the other direction is harmed. Dropping the aio of a read in flight cancels it.
///
/// A stream that ends in the middle of a message fails the read, and
/// [`is_incomplete_message`](Error::is_incomplete_message) says so.
impl Conn {
    /// Reads at least one byte and at most `most` (`nng_http_conn_read`). No bytes are the end of the
    /// body.
    ///
    /// The result shares the connection's buffer, it is not copied (but for small chunks). `most` of
    /// 0 yields no bytes. To read into a slice, use [`io`](Self::io).
    ///
    /// # Errors
    ///
    /// [`Reset`](ErrorKind::Reset) when the peer has ended its stream
    /// ([`is_end_of_stream`](Error::is_end_of_stream)) or reset it, [`TimedOut`](ErrorKind::TimedOut),
    /// [`Canceled`](ErrorKind::Canceled), [`Closed`](ErrorKind::Closed),
    /// [`NoMemory`](ErrorKind::NoMemory), [`Io`](ErrorKind::Io); [`Protocol`](ErrorKind::Protocol) and
    /// [`TooLarge`](ErrorKind::TooLarge) for a chunked body that is none, and then again for every
    /// read that follows.
    ///
    /// # Cancellation
    ///
    /// At once, and nothing is lost or shut down.
    #[doc(alias = "nng_http_conn_read")]
    #[doc(alias = "recv")]
    pub fn read(&self, aio: Aio<Bytes>, most: usize) -> Aio<Bytes, InFlight> {
        self.submit_read(aio, Action::Read, |completer| Want::Some(most, completer))
    }

    /// Reads exactly `count` bytes (`nng_http_conn_read_all`).
    ///
    /// Memory grows with what arrives, not with `count`.
    ///
    /// # Errors
    ///
    /// [`EndOfBody`](ErrorKind::EndOfBody) if the body ends before; what there is of it stays to be
    /// read. Otherwise those of [`read`](Self::read).
    ///
    /// # Cancellation
    ///
    /// As for [`read`](Self::read).
    #[doc(alias = "nng_http_conn_read_all")]
    #[doc(alias = "read_exact")]
    pub fn read_all(&self, aio: Aio<Bytes>, count: usize) -> Aio<Bytes, InFlight> {
        self.submit_read(aio, Action::Read, |completer| Want::All(count, completer))
    }

    /// Reads all that is left of the body of the message whose head was read last, up to
    /// [`Limits::body_bytes`]. No bytes: there is none.
    ///
    /// # Errors
    ///
    /// [`TooLarge`](ErrorKind::TooLarge) for a body beyond the limit, as soon as that is known;
    /// [`InvalidInput`](ErrorKind::InvalidInput) if no message was read. What there is of it stays to be
    /// read. Otherwise those of [`read`](Self::read).
    ///
    /// # Cancellation
    ///
    /// As for [`read`](Self::read).
    ///
    /// # Examples
    ///
    /// ```
    /// use http_aio::http::Request;
    /// use http_aio::{Aio, Conn};
    /// use std::os::unix::net::UnixStream;
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let (client, server) = UnixStream::pair()?;
    /// let (client, server) = (Conn::from(client), Conn::from(server));
    /// client.write_request(Aio::new(), Request::post("http://h/").body("a=1&b=2")?);
    ///
    /// let head = server.read_request(Aio::new()).wait()?;
    /// assert_eq!(head.method(), "POST");
    /// assert_eq!(server.read_body(Aio::new()).wait()?, "a=1&b=2");
    /// # Ok(())
    /// # }
    /// ```
    #[doc(alias = "read_to_end")]
    pub fn read_body(&self, aio: Aio<Bytes>) -> Aio<Bytes, InFlight> {
        self.submit_read(aio, Action::ReadBody, Want::Body)
    }

    /// Reads the trailers of a chunked body (RFC 9110 section 6.5), when its content has been read.
    /// Fields that belong into a head are left out; in a request those that decide about framing,
    /// routing or credentials are refused. Other bodies have none.
    ///
    /// They can be read until the next head is.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](ErrorKind::InvalidInput) if content is left to be read, or no message was.
    /// Otherwise those of [`read`](Self::read).
    ///
    /// # Cancellation
    ///
    /// As for [`read`](Self::read).
    pub fn read_trailers(&self, aio: Aio<HeaderMap>) -> Aio<HeaderMap, InFlight> {
        self.submit_read(aio, Action::ReadTrailers, Want::Trailers)
    }

    /// Reads a request's head (RFC 9112 section 3). The content of its body is next to be read.
    ///
    /// What a proxy and a server could read in two ways is refused, be it legal or not: a line that
    /// ends in LF alone, a target with a fragment or credentials or for another scheme than `http` and
    /// `https`, a `Host` that is no host with or without a port, or is empty where the target is a path.
    /// The `Host` of a request whose target has an authority (absolute form) is that authority,
    /// whatever the peer sent (RFC 9112 section 3.2.2).
    ///
    /// A client that sends `Expect: 100-continue` may hold its body back for a while. A server that wants
    /// the body writes a response with the status 100 first, with
    /// [`write_response`](Self::write_response): nothing here does so by itself.
    ///
    /// # Errors
    ///
    /// [`Protocol`](ErrorKind::Protocol) for what is no HTTP/1 head or announces a body that peers
    /// could disagree about (RFC 9112 section 6.3): a server answers 400.
    /// [`NotSupported`](ErrorKind::NotSupported) for a body that is coded besides being chunked
    /// (`Transfer-Encoding: gzip, chunked`), with a detail that names the coding: a server answers 501.
    /// [`TooLarge`](ErrorKind::TooLarge) beyond the [`Limits`]. In all these cases nothing is taken, and
    /// [`into_parts`](Self::into_parts) has what was sent.
    /// [`InvalidInput`](ErrorKind::InvalidInput) if content of the message before it is left to be
    /// read. [`Closed`](ErrorKind::Closed) if that request, or a response to it, announced the close
    /// (`Connection: close`): nothing is waited for then. Otherwise those of [`read`](Self::read): a client
    /// that has left in order is [`Reset`](ErrorKind::Reset), for which
    /// [`is_end_of_stream`](Error::is_end_of_stream) holds, and
    /// [`is_incomplete_message`](Error::is_incomplete_message) too in the middle of a head.
    ///
    /// # Cancellation
    ///
    /// As for [`read`](Self::read).
    #[doc(alias = "nng_http_conn_read_req")]
    pub fn read_request(&self, aio: Aio<Request<()>>) -> Aio<Request<()>, InFlight> {
        self.submit_read(aio, Action::ReadRequest, |completer| {
            Want::Request(completer, HeadClock::Off)
        })
    }

    /// Reads the head of the next final response (RFC 9112 section 4). The content of its
    /// body is next to be read.
    ///
    /// Interim responses (1xx, but for 101) before it are skipped, and are among its extensions, as
    /// [`Interim`](crate::Interim). Whether there is a body depends on the request too: on HEAD and
    /// CONNECT, if it was written with [`write_request`](Self::write_request).
    ///
    /// # Errors
    ///
    /// As for [`read_request`](Self::read_request), but for `NotSupported`;
    /// [`TooLarge`](ErrorKind::TooLarge) also for more interim responses than the
    /// [limit](Limits::interim). A peer that ends its stream instead of answering is
    /// [`Reset`](ErrorKind::Reset), for which [`is_end_of_stream`](Error::is_end_of_stream) holds.
    ///
    /// # Cancellation
    ///
    /// As for [`read`](Self::read).
    #[doc(alias = "nng_http_conn_read_res")]
    pub fn read_response(&self, aio: Aio<Response<()>>) -> Aio<Response<()>, InFlight> {
        self.submit_read(aio, Action::ReadResponse, Want::Response)
    }

    /// Reads the head of the next response, be it interim or final.
    ///
    /// # Errors
    ///
    /// As for [`read_response`](Self::read_response).
    ///
    /// # Cancellation
    ///
    /// As for [`read`](Self::read).
    pub fn read_any_response(&self, aio: Aio<Response<()>>) -> Aio<Response<()>, InFlight> {
        self.submit_read(aio, Action::ReadResponse, Want::AnyResponse)
    }

    fn submit_read<T: Send + 'static>(
        &self,
        aio: Aio<T>,
        action: Action,
        want: impl FnOnce(Completer<T>) -> Want,
    ) -> Aio<T, InFlight> {
        let (aio, handling) = self.enqueue_read(aio, action, want, habit::before(Kind::Read));
        aio.submitted(Kind::Read, handling)
    }

    /// Submits a read, which may be held back or not.
    pub(super) fn enqueue_read<T: Send + 'static>(
        &self,
        aio: Aio<T>,
        action: Action,
        want: impl FnOnce(Completer<T>) -> Want,
        hold: Hold,
    ) -> (Aio<T, InFlight>, Handling) {
        let (aio, completer, deadline) =
            aio.start(&self.handle.reads, Interruption::Finishes, action);
        // What it takes would go to nobody.
        let aio = aio.canceled_when_dropped();
        if self.handle.link.ledger.shutting_down.is_set() {
            completer.refuse(EndReason::ShutDown.into());
            return (aio, Handling::HandedOver);
        }
        let job = ReadJob {
            want: want(completer),
            limits: self.limits,
            deadline,
        };
        self.handle.writer.hand_over();
        let handling = self.handle.reader.submit(job, self.limits.queued, hold);
        (aio, handling)
    }
}
