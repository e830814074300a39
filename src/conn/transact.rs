//! Submitting whole exchanges.

use bytes::Bytes;
use http::{Request, Response};

use super::Conn;
use super::body::Body;
use super::exchange::{AnswerBody, Terms, submit};
use crate::aio::habit::{self, Kind};
use crate::aio::{Aio, InFlight};
use crate::into_body::IntoBody;
#[cfg(doc)]
use crate::{Error, ErrorKind, Interim, Limits, Written};

/// Whole exchanges.
///
/// Several may be submitted at once, from any threads: each gets the answer to its own request. All
/// but those with `Expect: 100-continue`, which must be the last of them: a request behind one whose
/// body is held back is refused with [`InvalidInput`](ErrorKind::InvalidInput).
impl Conn {
    /// Writes a request and reads its response, body and all: `nng_http_conn_transact`.
    ///
    /// Returns at once: what goes out without blocking may go out here. The aio's deadline is over the
    /// whole exchange. The response has its whole body, up to
    /// [`Limits::body_bytes`]; interim responses are skipped and kept as [`Interim`] among its
    /// extensions. There is also a [`Written`]: the bytes of the request, head and body, that went
    /// out; they are all of it unless the server answered early. Trailers can be read with
    /// [`read_trailers`](Self::read_trailers) until the next exchange.
    ///
    /// An early answer: if the final response comes while the body goes out and is not a success,
    /// writing stops, the answer is delivered, and the write side has ended (RFC 9112 section 9.5).
    /// A request that declares a body and has none attached is completed by the caller, with
    /// [`write_all`](Self::write_all) while the exchange is in flight. An early answer that is no success ends
    /// the write side then, too: the next `write_all` fails with [`Closed`](ErrorKind::Closed).
    ///
    /// With `Expect: 100-continue` among the request's headers the attached body waits for the
    /// server's 100, for [`Limits::continue_wait`] at most; a final response instead means that it is
    /// not sent (RFC 9110 section 10.1.1).
    ///
    /// # Errors
    ///
    /// Those of [`write_request`](Self::write_request) and [`read_response`](Self::read_response),
    /// and [`TooLarge`](ErrorKind::TooLarge) for a body beyond the limit. Where the connection is not
    /// [reusable](Self::is_reusable), nothing is sent: [`Closed`](ErrorKind::Closed) if it is closed or
    /// was announced to close, [`Reset`](ErrorKind::Reset) if the peer has closed it,
    /// [`Protocol`](ErrorKind::Protocol) if it has sent what nobody asked for,
    /// [`InvalidInput`](ErrorKind::InvalidInput) if a response or a body before it was not read, or if
    /// the connection was upgraded. [`Error::count`] is the bytes of the request that went out,
    /// without any of the answer. If it is 0 the connection is untouched and nobody has seen the
    /// request; otherwise the connection is closed, for what comes next on it could not be told from
    /// the answer.
    ///
    /// # Cancellation
    ///
    /// At once. Queued behind others: the connection is untouched. In flight: as for an error.
    ///
    /// # Examples
    ///
    /// ```
    /// use http_aio::http::{Request, Response};
    /// use http_aio::{Aio, Conn, Written};
    /// use std::os::unix::net::UnixStream;
    /// use std::time::Duration;
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let (client, server) = UnixStream::pair()?;
    /// let server = Conn::from(server);
    /// std::thread::spawn(move || {
    ///     let request = server.read_request(Aio::new()).wait()?;
    ///     let body = format!("you asked for {}", request.uri());
    ///     server.write_response(Aio::new(), Response::new(body)).wait()
    /// });
    ///
    /// let conn = Conn::from(client);
    /// let request = Request::get("http://example.com/page").body(())?;
    /// let response = conn.transact(Aio::new().timeout(Duration::from_secs(5)), request).wait()?;
    /// assert_eq!(response.body(), "you asked for /page");
    /// assert_eq!(response.extensions().get::<Written>().map(Written::count), Some(41));
    /// # Ok(())
    /// # }
    /// ```
    #[doc(alias = "nng_http_conn_transact")]
    #[doc(alias = "request")]
    #[doc(alias = "send_request")]
    pub fn transact<B: IntoBody>(
        &self,
        aio: Aio<Response<Bytes>>,
        request: Request<B>,
    ) -> Aio<Response<Bytes>, InFlight> {
        self.submit_exchange(aio, &request.map(B::into_bytes))
    }

    /// As [`transact`](Self::transact), but completes with the response's head, and with the request
    /// written. The [`Body`] is left to be read, with deadlines of its own, through it or with
    /// [`read`](Self::read); the next exchange can follow when it has been read to its end.
    ///
    /// # Errors
    ///
    /// Those of [`transact`](Self::transact).
    ///
    /// # Cancellation
    ///
    /// As for [`transact`](Self::transact).
    pub fn transact_streaming<B: IntoBody>(
        &self,
        aio: Aio<Response<Body>>,
        request: Request<B>,
    ) -> Aio<Response<Body>, InFlight> {
        self.submit_exchange(aio, &request.map(B::into_bytes))
    }

    fn submit_exchange<B: AnswerBody>(
        &self,
        aio: Aio<Response<B>>,
        request: &Request<Bytes>,
    ) -> Aio<Response<B>, InFlight> {
        // Only the read of the answer may be held back.
        let terms = Terms::new(habit::before(Kind::Read));
        let (aio, handling) = submit(self, aio, request, terms);
        aio.submitted(Kind::Read, handling)
    }
}
