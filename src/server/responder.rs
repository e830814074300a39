//! The right to answer a request later, from wherever it is.

use std::fmt;
use std::sync::Arc;

use super::answer::{Answered, IntoAnswer};
use super::exchange::{Exchange, Given};
use super::late::Late;
use crate::aio::{Aio, InFlight, Written};
use crate::error::Error;
#[cfg(doc)]
use crate::error::ErrorKind;

/// Answers a request after its handler has returned, from any thread; from [`Exchange::respond_later`].
///
/// There is one for a request, and it answers once. Dropped without an answer, the client is told 500, and the
/// server's [observer](crate::ServerBuilder::observe) what has happened.
///
/// Until it answers, requests that the client has sent behind this one wait.
/// [`Server::drain`](crate::Server::drain) waits for the answer; [`Server::close`](crate::Server::close) does not:
/// it ends the exchange, and answering fails with [`Closed`](ErrorKind::Closed). No limit of the server bounds the
/// time until the answer, so the program must: by a timer, or when the client
/// [has gone](Self::disconnected).
#[must_use = "a responder that is dropped answers 500"]
pub struct Responder {
    late: Arc<Late>,
}

impl Exchange {
    /// Leaves the answer to a [`Responder`], which may go to another thread; the handler returns what comes with
    /// it, at once. Of the request, the responder has nothing: take from the exchange what the answer needs.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](ErrorKind::InvalidInput) if the answer has begun.
    ///
    /// # Examples
    ///
    /// ```
    /// use http_aio::{Aio, Answered, Client, Error, Exchange, Responder, Server, get};
    /// use std::sync::mpsc;
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let (wait, waiting) = mpsc::channel::<(String, Responder)>();
    /// let server = Server::new();
    /// let later = move |exchange: &mut Exchange| -> Result<Answered, Error> {
    ///     let (responder, answered) = exchange.respond_later()?;
    ///     let _ = wait.send((exchange.param("name").to_owned(), responder)); // Lost, it answers 500.
    ///     Ok(answered)
    /// };
    /// server.route("/hello/{name}", get(later))?;
    /// let address = server.bind("127.0.0.1:0")?;
    ///
    /// let response = Client::new().get(Aio::new(), format!("http://{address}/hello/you"));
    /// let (name, responder) = waiting.recv()?;
    /// responder.respond(Aio::new(), format!("Hello, {name}!")).wait()?;
    /// assert_eq!(response.wait()?.body(), "Hello, you!");
    /// # Ok(())
    /// # }
    /// ```
    #[doc(alias = "long_poll")]
    pub fn respond_later(&mut self) -> Result<(Responder, Answered), Error> {
        self.expect_unanswered()?;
        let late = Late::new(&self.conn, &self.stay.place);
        self.given = Given::Later(Arc::clone(&late));
        Ok((Responder { late }, Answered(())))
    }
}

impl Responder {
    /// Answers the request, and completes when the answer is out whole. The server's own thread writes it, as it
    /// does other answers, when the handler has returned. How much is out is known when it has completed, and not
    /// by [`count`](Aio::count) before.
    ///
    /// # Errors
    ///
    /// As for an answer that a handler returns, and the count is the bytes of the answer, head and content, that
    /// the kernel has accepted: [`Reset`](ErrorKind::Reset) if the client has gone,
    /// [`Closed`](ErrorKind::Closed) if the server was closed, [`TimedOut`](ErrorKind::TimedOut) also if the client
    /// is slower than [`ServerLimits::pace`](crate::ServerLimits::pace) allows,
    /// [`InvalidInput`](ErrorKind::InvalidInput) for an answer that cannot be sent: the client was told 500 then.
    /// [`WouldDeadlock`](ErrorKind::WouldDeadlock) for a wait in the handler, which has to return first.
    ///
    /// # Cancellation
    ///
    /// An answer of which nothing is out yet becomes a 500. Otherwise the connection ends in the middle of it. So
    /// it is when its time is up. Dropping the aio detaches it: the answer is written.
    #[doc(alias = "nng_aio_finish")]
    pub fn respond(self, aio: Aio<Written>, answer: impl IntoAnswer) -> Aio<Written, InFlight> {
        self.late.respond(aio, answer.into_answer())
    }

    /// Whether the client has gone, or will say nothing more, or the exchange has ended otherwise: an answer
    /// is likely to be in vain.
    pub fn is_disconnected(&self) -> bool {
        self.late.is_disconnected()
    }

    /// Completes when the client has gone, or has ended its stream, which is how most of them leave: then nobody
    /// may be left to be answered.
    ///
    /// # Errors
    ///
    /// [`Closed`](ErrorKind::Closed) when the exchange has ended otherwise: it is answered, or the server was
    /// closed. [`WouldDeadlock`](ErrorKind::WouldDeadlock) for a wait in the handler, which has to return first.
    ///
    /// # Examples
    ///
    /// ```
    /// use http_aio::{Aio, Responder};
    ///
    /// fn watch(responder: &Responder) {
    ///     let gone = responder.disconnected(Aio::new());
    ///     gone.on_complete(|result, _| {
    ///         if result.is_ok() {
    ///             println!("the client has not waited for its answer");
    ///         }
    ///     });
    /// }
    /// # let _ = watch;
    /// ```
    pub fn disconnected(&self, aio: Aio<()>) -> Aio<(), InFlight> {
        self.late.disconnected(aio)
    }
}

impl Drop for Responder {
    fn drop(&mut self) {
        self.late.forsake();
    }
}

impl fmt::Debug for Responder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Responder").finish_non_exhaustive()
    }
}
