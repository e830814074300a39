//! Passing a request on to another server, and its answer back.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use http::{Request, Response, StatusCode};
use parking_lot::Mutex;

use super::answer::Answered;
use super::exchange::{BodyProgress, Exchange, Given};
#[cfg(doc)]
use super::limits::ServerLimits;
use crate::aio::{Aio, InFlight, Written};
use crate::conn::{Conn, Metering};
use crate::error::Error;
#[cfg(doc)]
use crate::error::ErrorKind;
use crate::proto::framing;

/// How long a body has to turn out complete when it was answered: the other server may know before we do.
const SETTLING: Duration = Duration::from_millis(10);

impl Exchange {
    /// Passes the request on over a connection to another server, its body with it, and the answer back, interim
    /// ones included: a reverse proxy. Bodies are copied as they come, in both directions at once, so memory
    /// stays flat.
    ///
    /// `request` is the head that the other server gets. What concerns one connection stays on it, and bodies are
    /// framed for their receiver, as with [`Conn::forward_request`] and [`Conn::forward_response`]: `Host`, `Via`
    /// and `Forwarded` are yours to set. The client may be no slower than [`ServerLimits`] allow. The options of `aio`
    /// are those of each of the operations: a deadline is over all, and a token cancels all.
    ///
    /// Afterwards, `upstream` can be used for another request if it [is reusable](Conn::is_reusable).
    ///
    /// # Errors
    ///
    /// Those of [`Conn::forward_request`], [`Conn::read_any_response`] and [`Conn::forward_response`];
    /// [`InvalidInput`](ErrorKind::InvalidInput) if the answer has begun, or if the request is to open a tunnel
    /// (CONNECT), which needs [`upgrade`](Self::upgrade). An offer of another protocol (`Upgrade`) is not passed on: the
    /// other server answers in HTTP. If [`has_begun`](Self::has_begun) is false then, nothing was answered, and the
    /// handler may, with 502 (Bad Gateway) or 504 (Gateway Timeout).
    ///
    /// # Examples
    ///
    /// ```
    /// use http_aio::{Aio, Answered, Conn, Error, Exchange, Server, any};
    /// use std::net::SocketAddr;
    /// use std::time::Duration;
    ///
    /// fn pass_on(exchange: &mut Exchange, to: SocketAddr) -> Result<Answered, Error> {
    ///     let aio = Aio::options().timeout(Duration::from_secs(60));
    ///     let upstream = Conn::connect(aio.another(), to).wait()?;
    ///     let mut request = exchange.request().clone();
    ///     request.headers_mut().append("via", "1.1 front".parse()?);
    ///     exchange.forward(aio.another(), request, &upstream)
    /// }
    ///
    /// # fn main() -> Result<(), Error> {
    /// let back: SocketAddr = ([127, 0, 0, 1], 8081).into();
    /// Server::new().tree("/", any(move |exchange| pass_on(exchange, back)))?;
    /// # Ok(())
    /// # }
    /// ```
    #[doc(alias = "proxy")]
    pub fn forward(
        &mut self,
        aio: Aio<Written>,
        request: Request<()>,
        upstream: &Conn,
    ) -> Result<Answered, Error> {
        self.expect_unanswered()?;
        let metering = Metering {
            sender: Some(Arc::new(Mutex::new(self.reading))),
            receiver: None,
        };
        let aio_up = aio.another();
        let upload = self
            .conn
            .forward_question(aio_up, request, upstream, metering);
        let mut upload = Upload::Running(upload.canceled_when_dropped());
        let response = self.pass_interim(&aio, upstream)?;
        self.body = upload.settle();
        let status = response.status();
        let additions = self.additions(status, response.headers());
        let is_finished = Arc::new(AtomicBool::new(false));
        self.given = Given::Head(status, Arc::clone(&is_finished));
        let metering = Metering {
            sender: None,
            receiver: Some(Arc::clone(&self.meter)),
        };
        let download = upstream.forward_answer(aio, response, &self.conn, &additions, metering);
        download.wait()?;
        self.body = upload.settle();
        is_finished.store(true, Ordering::Release);
        Ok(Answered(()))
    }

    /// Whether the head of the answer is out, so that nothing else can be answered any more.
    pub fn has_begun(&self) -> bool {
        !matches!(self.given, Given::Nothing)
    }

    /// Passes interim answers back, and returns the final one.
    fn pass_interim(&mut self, aio: &Aio<Written>, upstream: &Conn) -> Result<Response<()>, Error> {
        loop {
            let response = upstream.read_any_response(aio.another()).wait()?;
            let status = response.status();
            if !framing::is_interim(status) {
                return Ok(response);
            }
            if status == StatusCode::CONTINUE && self.body == BodyProgress::Withheld {
                self.body = BodyProgress::Reading;
            }
            let interim = upstream.forward_response(aio.another(), response, &self.conn);
            interim.wait()?;
        }
    }
}

/// The body of the request, whose way to the other server ends with this. It goes on while the answer comes,
/// because some answer what they have not read whole.
enum Upload {
    Running(Aio<Written, InFlight>),
    Over(BodyProgress),
}

impl Upload {
    /// How far the body is. One that is not complete in a moment counts as one that does not come, and costs
    /// the client its connection.
    fn settle(&mut self) -> BodyProgress {
        *self = match std::mem::replace(self, Self::Over(BodyProgress::Broken)) {
            Self::Running(upload) => match upload.wait_timeout(SETTLING) {
                Ok(Ok(_)) => Self::Over(BodyProgress::Ended),
                Ok(Err(_)) => Self::Over(BodyProgress::Broken),
                Err(upload) => Self::Running(upload),
            },
            over => over,
        };
        match self {
            Self::Running(_) => BodyProgress::Broken,
            Self::Over(progress) => *progress,
        }
    }
}
