//! Passing on what one connection receives over another: messages, and what is no message.
//!
//! `proto::forward` makes the head, and `forwarding` copies what follows it.

mod forwarding;

use http::{Request, Response};

use self::forwarding::{Forwarding, Source};
use super::Conn;
use super::write::Parcel;
use crate::aio::{Aio, InFlight, Written};
#[cfg(doc)]
use crate::error::{Error, ErrorKind};
use crate::into_body::IntoBytes;
use crate::proto::body::BodyFraming;
use crate::proto::forward;
use crate::proto::framing;

/// Forwarding: from this connection to another.
///
/// The head is read first, can be looked at and changed, and is then given to one of these, which writes it
/// and copies the body that follows it, to its end, trailers included. It is the heart of a proxy:
///
/// ```
/// use http_aio::{Aio, Conn, Error};
/// use std::time::Duration;
///
/// /// Passes the requests of `client` on to `server`, and the answers back.
/// fn relay(client: &Conn, server: &Conn) -> Result<(), Error> {
///     let passed = pass_on(client, server);
///     client.close(); // With an upload that is still under way.
///     server.close();
///     passed
/// }
///
/// fn pass_on(client: &Conn, server: &Conn) -> Result<(), Error> {
///     while client.persists() && server.persists() {
///         let request = client.read_request(Aio::new()).wait()?;
///         let upload = client.forward_request(Aio::new(), request, server);
///         let response = loop {
///             let response = server.read_any_response(Aio::new()).wait()?;
///             if !response.status().is_informational() {
///                 break response;
///             }
///             client.write_response(Aio::new(), response).wait()?; // 100 (Continue), 103 (Early Hints).
///         };
///         server.forward_response(Aio::new(), response, client).wait()?;
///         match upload.wait_timeout(Duration::from_secs(1)) {
///             Ok(sent) => sent?,
///             Err(_early) => break, // The server has answered, and has no use for the rest.
///         };
///     }
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
///   names, `Keep-Alive`, `TE` but for `trailers`, `Transfer-Encoding`, `Upgrade`, `Proxy-Connection`,
///   `Proxy-Authenticate`, `Proxy-Authorization`. So an upgrade is not passed on: to do that, write the
///   request with [`write_request`](Self::write_request) and `Upgrade`, and copy the streams.
/// * The body is framed for the receiver: with its length where that is known, otherwise in chunks. To a
///   client of HTTP/1.0, which knows none, it ends with the connection.
/// * `Via` and `Forwarded` are yours to add, and the request's target yours to change.
/// * The sender's body is read as the receiver takes it, so memory stays flat.
/// * One that is under way keeps both connections open, even when its aio and all other handles of them are
///   gone: cancel it, give it a deadline, or [close](Self::close) one of the connections, to end it.
///
/// While one of these is under way, nothing else should be read from this connection or written to the
/// other.
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
    /// other. If it is 0, that is untouched; otherwise its write side has ended in the middle of the
    /// message, so that nobody takes what is there for the whole. What was not read of the body stays to
    /// be read. [`InvalidInput`](ErrorKind::InvalidInput) if no request was read from this connection.
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
        let framing = self.body_framing();
        let parcel = forward::request(request, framing).and_then(Parcel::request);
        Forwarding::submit(self, to, aio, parcel.map(Some), Source::Body(framing))
    }

    /// Writes a response that was read from this connection to another, with the body that follows it, as
    /// [`forward_request`](Self::forward_request).
    ///
    /// A response that ends with the stream of its sender is written in chunks, so that its end can be
    /// told from a failure. The head of one that opens a tunnel (101, or a success for CONNECT), and of an
    /// interim one, is written as it is: copy what follows a tunnel's with
    /// [`forward_stream`](Self::forward_stream).
    ///
    /// # Errors
    ///
    /// Those of [`forward_request`](Self::forward_request).
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
        let is_interim = framing::is_interim(response.status());
        if is_interim || self.handle.link.ledger.upgraded.is_set() {
            let parcel = Parcel::response(response.map(IntoBytes::into_bytes));
            let source = Source::Body(BodyFraming::None);
            return Forwarding::submit(self, to, aio, parcel.map(Some), source);
        }
        let framing = self.body_framing();
        let parcel = Parcel::response(forward::response(response, framing));
        Forwarding::submit(self, to, aio, parcel.map(Some), Source::Body(framing))
    }

    /// Writes all that comes on this connection to another, where neither speaks HTTP (any more), and ends
    /// the write side of the other when the stream ends. A tunnel is two of these, of which neither may
    /// outlive a failure of the other:
    ///
    /// ```
    /// use http_aio::{Aio, Conn, Error};
    /// use std::os::unix::net::UnixStream;
    /// use std::sync::mpsc;
    ///
    /// /// Returns how much was copied in both directions together.
    /// fn tunnel(one: &Conn, other: &Conn) -> Result<u64, Error> {
    ///     let (tell, told) = mpsc::channel();
    ///     for (from, to) in [(one, other), (other, one)] {
    ///         let tell = tell.clone();
    ///         from.forward_stream(Aio::new(), to).on_complete(move |result, _| drop(tell.send(result)));
    ///     }
    ///     drop(tell);
    ///     let mut sum = 0;
    ///     for result in told {
    ///         match result {
    ///             Ok(copied) => sum += copied.count(),
    ///             Err(error) => {
    ///                 one.close();
    ///                 other.close();
    ///                 return Err(error);
    ///             }
    ///         }
    ///     }
    ///     Ok(sum)
    /// }
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let (client, front) = UnixStream::pair()?;
    /// let (back, server) = UnixStream::pair()?;
    /// let (client, server) = (Conn::from(client), Conn::from(server));
    /// let tunnel = std::thread::spawn(move || tunnel(&front.into(), &back.into()));
    ///
    /// client.write_all(Aio::new().iov(["question"])).wait()?;
    /// client.close_write(Aio::new()).wait()?; // The tunnel passes the end on.
    /// assert_eq!(server.read_all(Aio::new(), 8).wait()?, "question");
    /// assert!(server.read(Aio::new(), 1).wait().unwrap_err().is_end_of_stream());
    /// server.write_all(Aio::new().iov(["answer"])).wait()?;
    /// server.close_write(Aio::new()).wait()?;
    /// assert_eq!(client.read_all(Aio::new(), 6).wait()?, "answer");
    /// assert_eq!(tunnel.join().unwrap()?, 14);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// Those of [`read`](Self::read) on this connection, and then the other is untouched; and of
    /// [`write_all`](Self::write_all) on the other. [`Error::count`] is what has been written to it.
    /// [`InvalidInput`](ErrorKind::InvalidInput) in the middle of a message.
    ///
    /// # Cancellation
    ///
    /// At once. A write that is in flight ends the write side of the other.
    #[doc(alias = "tunnel")]
    pub fn forward_stream(&self, aio: Aio<Written>, to: &Self) -> Aio<Written, InFlight> {
        Forwarding::submit(self, to, aio, Ok(None), Source::Stream)
    }
}
