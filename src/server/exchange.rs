//! A request and the way to its answer, as a handler sees them.

use std::borrow::Cow;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use http::{HeaderMap, Method, Request, StatusCode, Uri, Version, header};
use parking_lot::Mutex;

use super::late::Late;
use super::limits::ServerLimits;
use super::routing::{Params, Rest};
use super::stay::Stay;
use crate::aio::Options;
use crate::conn::Conn;
use crate::error::Error;
use crate::meter::Meter;
use crate::proto::body::BodyFraming;
use crate::proto::framing;
use crate::proto::mentioned::Mentioned;
use crate::transport::Addr;

/// A request that a handler answers: its head, its body, and the connection that it came over.
///
/// The body is read as far as the handler wants it. What is left of it afterwards is thrown away, up to
/// [`ServerLimits::discard`]; more than that costs the connection.
///
/// # Examples
///
/// ```
/// use http_aio::http::StatusCode;
/// use http_aio::{Error, Exchange, Server, post};
///
/// fn store(exchange: &mut Exchange) -> Result<(StatusCode, String), Error> {
///     let name = exchange.param("name").to_owned();
///     let content = exchange.collect()?; // 413 if it is too large.
///     Ok((StatusCode::CREATED, format!("{name}: {} bytes", content.len())))
/// }
///
/// # fn main() -> Result<(), Error> {
/// let server = Server::new();
/// server.route("/files/{name}", post(store))?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Exchange {
    pub(super) conn: Conn,
    pub(super) stay: Arc<Stay>,
    pub(super) request: Box<Request<()>>,
    pub(super) matched: Matched,
    pub(super) limits: ServerLimits,
    pub(super) body: BodyProgress,
    /// Bytes of the body that were read.
    pub(super) read: u64,
    /// What the failure of the body says to the client, if the handler gives up because of it.
    pub(super) fault: Option<StatusCode>,
    pub(super) given: Given,
    /// Bounds of an answer that is late.
    pub(super) options: Options,
    /// Why the answer is not what was asked for.
    pub(super) trouble: Option<Error>,
    /// The answer must say that it is the last.
    pub(super) is_last: bool,
    /// How slow the client may be in taking the answer.
    pub(super) meter: Arc<Mutex<Meter>>,
    pub(super) reading: Meter,
}

/// What the route has found in the path.
#[derive(Debug, Default)]
pub(super) struct Matched {
    pub(super) params: Params,
    pub(super) rest: Option<Rest>,
}

/// How far the body of the request is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum BodyProgress {
    /// The client waits for a 100 (Continue) before it sends the body.
    Withheld,
    Reading,
    /// It does not come, or it is none.
    Broken,
    Ended,
}

/// What was answered by the exchange itself.
#[derive(Clone, Debug, Default)]
pub(super) enum Given {
    #[default]
    Nothing,
    /// The head is out, and more is written with a `ResponseWriter`, which tells when it has finished.
    Head(StatusCode, Arc<AtomicBool>),
    /// A `Responder` answers.
    Later(Arc<Late>),
    /// The connection is the handler's.
    Hijacked(StatusCode),
}

impl Exchange {
    #[inline]
    pub(super) fn new(
        conn: Conn,
        stay: Arc<Stay>,
        mut request: Box<Request<()>>,
        mentioned: Mentioned,
        matched: Matched,
        limits: &ServerLimits,
        meter: Arc<Mutex<Meter>>,
    ) -> Self {
        let body = match conn.body_framing() {
            BodyFraming::None => BodyProgress::Ended,
            _ if withholds_body(&request, mentioned) && !conn.has_input() => BodyProgress::Withheld,
            _ => BodyProgress::Reading,
        };
        if mentioned.upgrade && !offers_upgrade(&request) {
            request.headers_mut().remove(header::UPGRADE);
        }
        Self {
            conn,
            stay,
            request,
            matched,
            limits: *limits,
            body,
            read: 0,
            fault: None,
            given: Given::default(),
            options: Options::NONE,
            trouble: None,
            is_last: false,
            meter,
            reading: Meter::new(limits.pace),
        }
    }

    /// The head of the request.
    pub fn request(&self) -> &Request<()> {
        &self.request
    }

    /// The method of the request.
    pub fn method(&self) -> &Method {
        self.request.method()
    }

    /// The target of the request, as it came.
    pub fn uri(&self) -> &Uri {
        self.request.uri()
    }

    /// The query, as it came, without its question mark; empty if there is none.
    pub fn query(&self) -> &str {
        self.request.uri().query().unwrap_or_default()
    }

    /// The header fields of the request.
    pub fn headers(&self) -> &HeaderMap {
        self.request.headers()
    }

    /// The part of the path that the route calls `name`, decoded: `"7"` of `/items/7` for the route
    /// `/items/{id}`. Empty if the route has no such part.
    pub fn param(&self, name: &str) -> &str {
        self.matched.params.get(name).unwrap_or_default()
    }

    /// The segments of the path below the route, decoded, where that is a tree or ends with `{*rest}`; for
    /// others there are none.
    pub fn rest(&self) -> impl Iterator<Item = Cow<'_, str>> {
        self.matched.rest.iter().flat_map(Rest::segments)
    }

    /// Who asks.
    pub fn peer_addr(&self) -> Addr {
        self.conn.peer_addr()
    }

    /// The connection, for operations of one's own that overlap with others. What is written to it is part of
    /// the answer.
    pub fn conn(&self) -> &Conn {
        &self.conn
    }

    /// Whether the client has gone, or will say nothing more, as far as that can be told: worth a look in the
    /// course of long work.
    pub fn is_disconnected(&self) -> bool {
        self.conn.has_lost_peer()
    }

    /// Overrides the bounds of the server for this exchange, from now on.
    pub fn set_limits(&mut self, limits: ServerLimits) {
        self.limits = limits;
        self.reading.set_pace(limits.pace);
        self.meter.lock().set_pace(limits.pace);
    }
}

/// Whether a client may wait to be asked for the body of a request (RFC 9110 section 10.1.1).
fn withholds_body(request: &Request<()>, mentioned: Mentioned) -> bool {
    request.version() == Version::HTTP_11 && mentioned.expect
}

/// Whether an `Upgrade` is meant for us: one of HTTP/1.0, or that is not named by `Connection`, is ignored
/// (RFC 9110 section 7.8).
fn offers_upgrade(request: &Request<()>) -> bool {
    request.version() == Version::HTTP_11 && framing::names_upgrade(request.headers())
}
