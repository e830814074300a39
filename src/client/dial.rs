//! Connections for a route: to the server, or to a proxy and, for `https`, through it; then TLS.
//!
//! A dial is a chain of operations, each submitted when the one before it has completed, all of them
//! under one deadline and one cancel.

use std::sync::{Arc, Weak};
use std::time::Instant;

use bytes::Bytes;
use http::{Method, Request, Response, Uri, header};
#[cfg(feature = "tls")]
use rustls::pki_types::ServerName;

use super::Shared;
use super::event::Event;
use super::route::{Route, Security, Way, server};
use crate::aio::habit::{Handling, Hold};
use crate::aio::{Aio, Completer, InFlight, Interruption, Operation, Provider, Series};
use crate::background::{self, UserCode};
use crate::conn::{Body, Conn, Terms, exchange, is_ours, unsolicited};
use crate::deadline::Deadline;
use crate::error::{Action, Error, ErrorKind, Limit, Peer};
use crate::transport::Stream;

type Done = Box<dyn FnOnce(Result<Conn, Error>) + Send>;

/// Connects, and tells `done` on a thread of the library, or here if it cannot even begin.
pub(crate) fn dial(
    shared: &Arc<Shared>,
    route: &Route,
    deadline: Deadline,
    steps: &Arc<Series>,
    done: impl FnOnce(Result<Conn, Error>) + Send + 'static,
) {
    let whole = deadline;
    let deadline = match shared.settings.connect_timeout {
        Some(after) => whole.earlier(Deadline::after(after)),
        None => whole,
    };
    let dial = Dial {
        shared: Arc::clone(shared),
        route: route.clone(),
        deadline,
        whole,
        steps: Arc::clone(steps),
        done: observed(shared, route, done),
    };
    if route.key.security == Security::Tls && !cfg!(feature = "tls") {
        let detail = "https needs the feature `tls` of http-aio";
        return dial.fail(Error::new(ErrorKind::NotSupported).with_detail(detail));
    }
    dial.connect();
}

/// Tells the observer how it begins here, and how it ends when it has.
fn observed(
    shared: &Arc<Shared>,
    route: &Route,
    done: impl FnOnce(Result<Conn, Error>) + Send + 'static,
) -> Done {
    let observer = shared.settings.observer.clone();
    let (host, port) = route.address();
    let host = &host;
    observer.tell(|| Event::Connecting { host, port });
    let start = Instant::now();
    Box::new(move |result| {
        observer.tell(|| match &result {
            Ok(conn) => Event::Connected {
                peer: conn.peer_addr(),
                after: start.elapsed(),
            },
            Err(error) => Event::ConnectFailed {
                error,
                after: start.elapsed(),
            },
        });
        done(result);
    })
}

struct Dial {
    shared: Arc<Shared>,
    route: Route,
    deadline: Deadline,
    /// That of the operation that it is a part of.
    whole: Deadline,
    steps: Arc<Series>,
    done: Done,
}

impl Dial {
    fn connect(self) {
        let (aio, address) = (Aio::bounded(self.deadline), self.route.address());
        let aio = match self.route.way {
            Way::Direct => Conn::connect(aio, address),
            Way::Forwarded | Way::Tunneled => Conn::connect_to_proxy(aio, address),
        };
        self.steps.set(&aio, Handling::HandedOver);
        aio.then(move |result| match (result, self.route.way) {
            (Ok(conn), Way::Tunneled) => self.ask_for_tunnel(conn),
            (Ok(conn), Way::Direct | Way::Forwarded) => self.secure(conn),
            (Err(error), _) => self.fail(error),
        });
    }

    /// Nothing of the request is out, whatever was said to a proxy.
    fn fail(self, error: Error) {
        let after = self.shared.settings.connect_timeout;
        let error = match after.filter(|_| error.is_timeout() && !self.whole.is_past()) {
            Some(after) => error.limited_by(Limit::ConnectTimeout(after)),
            None => error,
        };
        let server = || Some(Arc::new(self.route.server()));
        let error = error.during(Action::Connect).with_peer(server);
        (self.done)(Err(error.with_count(0)));
    }

    /// Sends a CONNECT (RFC 9110 section 9.3.6).
    fn ask_for_tunnel(self, conn: Conn) {
        let request = match self.tunnel_request() {
            Ok(request) => request,
            Err(error) => return self.fail(error),
        };
        let conn = conn.limits(self.shared.settings.limits);
        let terms = Terms::new(Hold::Never);
        let aio: Aio<Response<Body>> = Aio::bounded(self.deadline);
        let (aio, _) = exchange::submit(&conn, aio, &request, terms);
        self.steps.set(&aio, Handling::HandedOver);
        aio.then(move |result| match result {
            Ok(response) if response.status().is_success() => {
                drop(response); // It has a handle of the connection.
                self.through_tunnel(conn);
            }
            Ok(response) => {
                let status = response.status();
                let refused = Error::new(ErrorKind::Refused)
                    .with_words(move |f| write!(f, "the proxy answered {status}"))
                    .with_peer(|| Some(Arc::clone(conn.peer())));
                self.fail(refused.step_of(Action::Tunnel));
            }
            Err(error) => self.fail(error.step_of(Action::Tunnel)),
        });
    }

    fn tunnel_request(&self) -> Result<Request<Bytes>, Error> {
        let (host, port) = (&self.route.key.host, self.route.key.port);
        let authority = match host.contains(':') {
            true => format!("[{host}]:{port}"),
            false => format!("{host}:{port}"),
        };
        let uri = Uri::builder().authority(authority.as_str()).build();
        let mut request = Request::builder()
            .method(Method::CONNECT)
            .uri(uri?)
            .header(header::HOST, authority)
            .body(Bytes::new())?;
        if let Some(authorization) = &self.route.authorization {
            let headers = request.headers_mut();
            headers.insert(header::PROXY_AUTHORIZATION, authorization.clone());
        }
        Ok(request)
    }
}

impl Dial {
    /// Goes on with a new connection over the same stream, because the talk with the proxy is over.
    fn through_tunnel(self, conn: Conn) {
        match stream(conn) {
            Ok(stream) => {
                let server = self.route.server();
                self.secure(Conn::over(stream, server));
            }
            Err(error) => self.fail(error.step_of(Action::Tunnel)),
        }
    }

    fn secure(self, conn: Conn) {
        match self.route.key.security {
            Security::Plain => (self.done)(Ok(conn)),
            Security::Tls => self.handshake(conn),
        }
    }

    #[cfg(feature = "tls")]
    fn handshake(self, conn: Conn) {
        let name = ServerName::try_from(self.route.key.host.clone());
        let peer = Arc::clone(conn.peer());
        let malformed = |error| {
            let detail = "no certificate can be for this host";
            let invalid = Error::new(ErrorKind::InvalidInput).with_detail(detail);
            invalid.with_source(error)
        };
        let session = name.map_err(malformed).and_then(|name| {
            let config = self.shared.tls()?;
            Ok((name, config, stream(conn)?))
        });
        let (name, config, stream) = match session {
            Ok(session) => session,
            Err(error) => {
                let error = error.during(Action::Handshake).with_peer(|| Some(peer));
                return self.fail(error);
            }
        };
        let aio = Aio::bounded(self.deadline);
        let aio = Conn::tls_client_to(aio, peer, stream, name, config);
        self.steps.set(&aio, Handling::HandedOver);
        aio.then(move |result| match result {
            Ok(conn) => (self.done)(Ok(conn)),
            Err(error) => self.fail(error),
        });
    }

    #[cfg(not(feature = "tls"))]
    fn handshake(self, _: Conn) {
        self.fail(ErrorKind::NotSupported.into()); // Not reached: refused before.
    }
}

/// The stream below a connection on which nothing has been said by the one that is to come.
fn stream(conn: Conn) -> Result<Stream, Error> {
    match conn.take_apart() {
        Ok(parts) if parts.unread.is_empty() => Ok(parts.stream),
        // The server must not speak before the client.
        Ok(_) => Err(unsolicited()),
        Err((_, error)) => Err(error),
    }
}

/// Connects for the caller, who gets the connection.
pub(super) fn submit(shared: &Arc<Shared>, aio: Aio<Conn>, uri: &Uri) -> Aio<Conn, InFlight> {
    let dialing = Arc::new(Dialing {
        steps: Arc::default(),
        peer: server(uri).map(Arc::new),
    });
    let provider = Arc::downgrade(&dialing) as Weak<dyn Provider>;
    let (aio, completer, deadline) = aio.start(&provider, Interruption::Recorded, Action::Connect);
    // Through a proxy, only a tunnel leads to the server.
    let route = Route::to(uri, &shared.settings.proxies).map(Route::tunneled);
    let ours = Arc::clone(&dialing);
    let done = move |result| {
        let _owned = ours; // It lives until now, so that an interruption finds it.
        finish(completer, result);
    };
    match route {
        Ok(route) => dial(shared, &route, deadline, &dialing.steps, done),
        Err(error) => done(Err(error)),
    }
    aio.registered()
}

struct Dialing {
    steps: Arc<Series>,
    peer: Option<Arc<Peer>>,
}

impl Provider for Dialing {
    fn interrupted(&self, _: &dyn Operation) {
        self.steps.cancel();
    }

    fn post(&self, code: UserCode) {
        background::run(code);
    }

    fn peer(&self) -> Option<Arc<Peer>> {
        self.peer.clone()
    }

    fn owns_current_thread(&self) -> bool {
        is_ours()
    }
}

/// Tells the outcome. A closure of the user's runs on a thread of its own, because the threads of
/// connections may have another call to serve by now.
pub(super) fn finish<T: Send + 'static>(completer: Completer<T>, result: Result<T, Error>) {
    let notice = completer.finish_for_cause(result);
    if notice.is_waker() && is_ours() {
        notice.run();
    } else {
        notice.post(None);
    }
}
