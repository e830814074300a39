//! Passing on what one connection receives over another: messages, and what is no message.
//!
//! `proto::forward` makes the head; `state` says what is done when, and `forwarding` does it.

mod forwarding;
mod state;

use http::{Request, Response};

pub(crate) use self::forwarding::Metering;
use self::forwarding::{Forwarding, PIECE};
use self::state::Progress;
use super::Conn;
use super::write::Parcel;
use crate::aio::{Aio, InFlight, Written};
use crate::error::Error;
#[cfg(doc)]
use crate::error::ErrorKind;
use crate::proto::body::BodyFraming;
use crate::proto::encode::Additions;
use crate::proto::forward::{self, Options};
use crate::proto::framing;

/// Forwarding: from this connection to another.
///
/// The head is read first, can be looked at and changed, and is then given to one of these, which writes it
/// and copies the body that follows it, to its end, trailers included. It is the heart of a proxy:
///
/// ```
/// use http_aio::{Aio, Conn, Error, ErrorKind};
/// use std::time::Duration;
///
/// /// Passes the requests of `client` on to `server`, and the answers back.
/// fn relay(client: &Conn, server: &Conn) {
///     while client.persists() && server.persists() && exchange(client, server).is_ok() {}
///     client.close(); // What is still under way ends.
///     server.close();
/// }
///
/// fn exchange(client: &Conn, server: &Conn) -> Result<(), Error> {
///     let request = client.read_request(Aio::new()).wait()?;
///     let upload = client.forward_request(Aio::new(), request, server);
///     loop {
///         let response = server.read_any_response(Aio::new()).wait()?;
///         let status = response.status().as_u16();
///         server.forward_response(Aio::new(), response, client).wait()?;
///         if !matches!(status, 100 | 102..=199) {
///             break; // Not 100 (Continue) or 103 (Early Hints).
///         }
///     }
///     // A server that has answered early has no use for the rest.
///     let upload = upload.wait_timeout(Duration::from_secs(1));
///     upload.map_err(|_| ErrorKind::TimedOut)??;
///     Ok(())
/// }
/// # use http_aio::http::{Request, Response};
/// # use std::os::unix::net::UnixStream;
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let (near, far) = UnixStream::pair()?;
/// # let (client, front) = (Conn::from(near), Conn::from(far));
/// # let (near, far) = UnixStream::pair()?;
/// # let (back, server) = (Conn::from(near), Conn::from(far));
/// # std::thread::spawn(move || relay(&front, &back));
/// # std::thread::spawn(move || {
/// #     server.read_request(Aio::new()).wait()?;
/// #     let body = server.read_body(Aio::new()).wait()?;
/// #     server.write_response(Aio::new(), Response::new(body)).wait()
/// # });
/// # let request = Request::post("http://h/").body("echo")?;
/// # assert_eq!(client.transact(Aio::new(), request).wait()?.body(), "echo");
/// # Ok(())
/// # }
/// ```
///
/// * What concerns one connection stays on it (RFC 9110 section 7.6.1): `Connection` and the fields that it
///   names, trailers included, `Keep-Alive`, `TE` but for `trailers`, `Transfer-Encoding`, `Upgrade`,
///   `Proxy-Connection`, `Proxy-Authenticate`, `Proxy-Authentication-Info`, `Proxy-Authorization`; and
///   `Expect` of a request of HTTP/1.0. So an upgrade is not passed on: to do that, write the request with
///   [`write_request`](Self::write_request) and `Upgrade`, and copy the streams.
/// * A sender that names in `Connection` what a relay adds does not get rid of it: `Via`, `Forwarded`,
///   `X-Forwarded-*`, `X-Real-IP`. If you add another field that must not be lost, remove the fields that
///   `Connection` names, and that itself, before.
/// * The body is framed for the receiver: with its length where that is known when the head is written,
///   otherwise in chunks. To a client of HTTP/1.0, which knows none, it ends with the connection.
/// * `Via`, `Forwarded` and a `Date` that is missing are yours to add, `Max-Forwards` is yours to count
///   down, and the request's target yours to change.
/// * To a client that asked for the head alone (HEAD), that is written, and the body is read and thrown away.
/// * The sender's body is read as the receiver takes it, in pieces of 256 KiB at most, so memory stays flat.
///   The live [`count`](Aio::count) grows with each piece.
/// * One that is under way keeps both connections open, even when its aio and all other handles of them are
///   gone: cancel it, give it a deadline, or [close](Self::close) one of the connections, to end it.
///
/// While one of these is under way, nothing else should be read from this connection or written to the
/// other. It keeps both until it is over, also if its handle and theirs are dropped: what was submitted goes
/// on, for as long as the sender takes. Closing the other connection ends it at once, and closing this one as
/// soon as it would read on, with [`Closed`](ErrorKind::Closed).
impl Conn {
    /// Writes a request that was read from this connection to another, with the body that follows it.
    ///
    /// It completes when all of it is written; the count is that of head and content, as with
    /// [`write_request`](Self::write_request). The answer may be read from `to` meanwhile, and may come
    /// early.
    ///
    /// # Errors
    ///
    /// Those of [`read`](Self::read) on this connection, and of [`write_request`](Self::write_request)
    /// and [`write_all`](Self::write_all) on the other. [`Error::count`] is what has been written to the
    /// other. If it is 0, nothing was taken from this connection, and another may get the request.
    /// Otherwise the write side of the other has ended in the middle of the message, so that nobody takes
    /// what is there for the whole; but for a client of HTTP/1.0 to which the end of the stream is the end of
    /// the body, and which cannot tell, unless TLS says so. What was not read of the body stays to be read.
    /// [`InvalidInput`](ErrorKind::InvalidInput), with count 0, if no request was read from this connection.
    ///
    /// # Cancellation
    ///
    /// At once, as an error.
    #[doc(alias = "proxy")]
    #[doc(alias = "copy")]
    pub fn forward_request(
        &self,
        aio: Aio<Written>,
        request: Request<()>,
        to: &Self,
    ) -> Aio<Written, InFlight> {
        self.forward_question(aio, request, to, Metering::default())
    }

    /// As `forward_request`, where one of the peers may be no slower than this.
    pub(crate) fn forward_question(
        &self,
        aio: Aio<Written>,
        request: Request<()>,
        to: &Self,
        metering: Metering,
    ) -> Aio<Written, InFlight> {
        self.forward_message(aio, to, metering, |framing| {
            let passed = forward::request(request, framing)?;
            Ok((Parcel::request(passed.head)?, passed.options))
        })
    }

    /// Writes a response that was read from this connection to another, with the body that follows it, as
    /// [`forward_request`](Self::forward_request).
    ///
    /// A response that ends with the stream of its sender is written in chunks, so that its end can be
    /// told from a failure. Of one that opens a tunnel (101, or a success for CONNECT), and of an interim one,
    /// the head is all that is written: copy what follows a tunnel's with
    /// [`forward_stream`](Self::forward_stream). `Connection` and `Upgrade` stay in that of a 101.
    ///
    /// # Errors
    ///
    /// Those of [`forward_request`](Self::forward_request), and with count 0
    /// [`NotSupported`](ErrorKind::NotSupported) for a body that is coded besides being chunked
    /// (`Transfer-Encoding: gzip, chunked`), and [`InvalidInput`](ErrorKind::InvalidInput) if the status was
    /// changed to one that has no body and there is one.
    ///
    /// # Cancellation
    ///
    /// At once, as an error.
    pub fn forward_response(
        &self,
        aio: Aio<Written>,
        response: Response<()>,
        to: &Self,
    ) -> Aio<Written, InFlight> {
        let additions = Additions::default();
        self.forward_answer(aio, response, to, &additions, Metering::default())
    }

    /// As `forward_response`, with lines that a server adds to the head, and where one of the peers may be no
    /// slower than this.
    pub(crate) fn forward_answer(
        &self,
        aio: Aio<Written>,
        response: Response<()>,
        to: &Self,
        additions: &Additions,
        metering: Metering,
    ) -> Aio<Written, InFlight> {
        let is_interim = framing::is_interim(response.status());
        if is_interim || self.handle.link.ledger.upgraded.is_set() {
            let head = Parcel::response(forward::head_alone(response), additions);
            return Forwarding::submit(self, to, aio, Progress::of_head(head), metering);
        }
        self.forward_message(aio, to, metering, |framing| {
            let passed = forward::response(response, framing)?;
            Ok((Parcel::response(passed.head, additions)?, passed.options))
        })
    }

    /// Writes all that comes on this connection to another, where neither speaks HTTP (any more: wait for the
    /// head that opens a tunnel first), and ends the write side of the other when the stream ends. A tunnel
    /// is two of these:
    ///
    /// ```
    /// use http_aio::{Aio, Conn};
    /// use std::os::unix::net::UnixStream;
    /// use std::sync::mpsc;
    ///
    /// fn tunnel(one: Conn, other: Conn) {
    ///     for (from, to) in [(&one, &other), (&other, &one)] {
    ///         let both = [one.clone(), other.clone()];
    ///         from.forward_stream(Aio::new(), to).on_complete(move |result, _| {
    ///             if result.is_err() {
    ///                 both.iter().for_each(Conn::close); // That ends the other direction, too.
    ///             }
    ///         });
    ///     }
    /// }
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let (client, front) = UnixStream::pair()?;
    /// let (back, server) = UnixStream::pair()?;
    /// let (client, server) = (Conn::from(client), Conn::from(server));
    /// tunnel(front.into(), back.into());
    ///
    /// client.write_all(Aio::new().iov(["question"])).wait()?;
    /// client.close_write(Aio::new()).wait()?; // The tunnel passes the end on.
    /// assert_eq!(server.read_all(Aio::new(), 8).wait()?, "question");
    /// assert!(server.read(Aio::new(), 1).wait().unwrap_err().is_end_of_stream());
    /// server.write_all(Aio::new().iov(["answer"])).wait()?;
    /// server.close_write(Aio::new()).wait()?;
    /// assert_eq!(client.read_all(Aio::new(), 6).wait()?, "answer");
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// Those of [`read`](Self::read) on this connection, and then the other is untouched; and of
    /// [`write_all`](Self::write_all) on the other. [`Error::count`] is what has been written to it, and
    /// what was not written stays to be read. [`InvalidInput`](ErrorKind::InvalidInput), and nothing is
    /// written, where messages are read or written.
    ///
    /// # Cancellation
    ///
    /// At once. A write that is in flight ends the write side of the other.
    #[doc(alias = "tunnel")]
    pub fn forward_stream(&self, aio: Aio<Written>, to: &Self) -> Aio<Written, InFlight> {
        let progress = Progress::of_stream();
        Forwarding::submit(self, to, aio, progress, Metering::default())
    }

    /// Makes the head for the body that was announced, and begins with what has come of that.
    fn forward_message(
        &self,
        aio: Aio<Written>,
        to: &Self,
        metering: Metering,
        head: impl FnOnce(BodyFraming) -> Result<(Parcel, Options), Error>,
    ) -> Aio<Written, InFlight> {
        let reader = &self.handle.reader;
        let progress = match reader.take_beginning(self.body_framing(), PIECE, &self.limits) {
            Ok(beginning) => Progress::of_message(head(beginning.framing), beginning),
            Err(error) => Progress::of_head(Err(error)),
        };
        Forwarding::submit(self, to, aio, progress, metering)
    }
}
