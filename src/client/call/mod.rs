//! One request of a client, from its submission to its answer: over an idle connection or a new one,
//! once more where that is safe, and along redirections.
//!
//! ```text
//!  submit ──▶ idle connection? ──no──▶ dial ──▶ exchange ──▶ redirection? ──no──▶ told
//!                 │ yes                 ▲           ▲             │ yes
//!                 └──▶ exchange ──stale─┘           └─────────────┘
//! ```
//!
//! `state` says when a request is sent again. Each step under way owns the call, by the closure that it
//! will run. The slot knows the call weakly. The lock is held for bookkeeping only.

mod body;
mod state;

use std::sync::{Arc, Weak};

use bytes::Bytes;
use http::header::PROXY_AUTHORIZATION;
use http::{Request, Response};
use parking_lot::Mutex;

use self::body::CallBody;
use self::state::State;
use super::dial::{dial, finish};
use super::event::Event;
use super::route::{Route, Way, server, without_proxy_authorization};
use super::{Shared, redirect};
use crate::aio::habit::{Handling, Hold, Kind};
use crate::aio::{Aio, InFlight, Interruption, Operation, Provider, Series, Written, habit};
use crate::background;
use crate::conn::{Check, Conn, Terms, exchange, is_ours};
use crate::deadline::Deadline;
use crate::error::{Action, Error, ErrorKind, Limit, Peer};
use crate::proto::encode::{self, Form};

struct Call<B: CallBody> {
    shared: Arc<Shared>,
    steps: Arc<Series>,
    this: Weak<Self>,
    state: Mutex<State<Response<B>>>,
}

pub(crate) fn submit<B: CallBody>(
    shared: &Arc<Shared>,
    aio: Aio<Response<B>>,
    request: Result<Request<Bytes>, Error>,
) -> Aio<Response<B>, InFlight> {
    let request = match request {
        Ok(request) => shared.settings.with_defaults(request),
        Err(error) => return refuse(aio, error),
    };
    let call = Arc::new_cyclic(|this| Call {
        shared: Arc::clone(shared),
        steps: Arc::default(),
        this: Weak::clone(this),
        state: Mutex::new(State::new(request)),
    });
    let provider = Arc::downgrade(&call) as Weak<dyn Provider>;
    let (aio, completer, deadline) = aio.start(&provider, Interruption::Recorded, Action::Call);
    let mut state = call.state.lock();
    state.completer = Some(completer);
    state.deadline = deadline;
    drop(state);
    match habit::before(Kind::Read) {
        Hold::Allowed => call.steps.helped(|| call.begin()),
        Hold::Never => call.begin(),
    }
    aio.submitted(Kind::Read, call.steps.handling())
}

/// Fails a call that cannot be made.
fn refuse<B: CallBody>(aio: Aio<Response<B>>, error: Error) -> Aio<Response<B>, InFlight> {
    let nobody: Weak<Call<B>> = Weak::new();
    let nobody: Weak<dyn Provider> = nobody;
    let (aio, completer, _) = aio.start(&nobody, Interruption::Recorded, Action::Call);
    completer.refuse(error);
    aio
}

impl<B: CallBody> Call<B> {
    /// Begins anew, unless the caller has canceled meanwhile.
    fn go_on(&self) {
        match self.is_canceled() {
            true => self.finish(Err(ErrorKind::Canceled.into())),
            false => self.begin(),
        }
    }

    fn begin(&self) {
        let (request, deadline) = self.request();
        if deadline.is_past() {
            return self.finish(Err(ErrorKind::TimedOut.into()));
        }
        match self.route(&request) {
            Ok(route) => match self.shared.pool.take(&route.key) {
                Some(conn) => {
                    self.tell(|| Event::Reused {
                        peer: conn.peer_addr(),
                    });
                    self.exchange(conn, route, Age::Reused, &request, deadline);
                }
                None => self.dial(route),
            },
            Err(error) => self.finish(Err(error)),
        }
    }

    fn is_canceled(&self) -> bool {
        // The slot has a lock of its own.
        let operation = self.operation();
        operation.is_none_or(|operation| operation.cause().is_some())
    }

    fn request(&self) -> (Arc<Request<Bytes>>, Deadline) {
        let state = self.state.lock();
        (Arc::clone(&state.request), state.deadline)
    }

    fn route(&self, request: &Request<Bytes>) -> Result<Route, Error> {
        if encode::needs_more_body(request) {
            let detail = "the declared body is not attached: to write it in pieces, use `Client::connect` and `Conn::write_request`";
            return Err(Error::new(ErrorKind::InvalidInput).with_detail(detail));
        }
        let route = Route::to(request.uri(), &self.shared.settings.proxies)?;
        Ok(route.authorized(request.headers().get(PROXY_AUTHORIZATION)))
    }

    fn dial(&self, route: Route) {
        let Some(this) = self.this.upgrade() else {
            return;
        };
        let (_, deadline) = self.request();
        let theirs = route.clone();
        dial(
            &self.shared,
            &route,
            deadline,
            &self.steps,
            move |result| match result {
                Ok(_) if this.is_canceled() => this.finish(Err(ErrorKind::Canceled.into())),
                Ok(conn) => {
                    let (request, deadline) = this.request();
                    this.exchange(conn, theirs, Age::New, &request, deadline);
                }
                Err(error) => this.finish(Err(error)),
            },
        );
    }

    fn exchange(
        &self,
        conn: Conn,
        route: Route,
        age: Age,
        request: &Request<Bytes>,
        deadline: Deadline,
    ) {
        let Some(this) = self.this.upgrade() else {
            return;
        };
        let settings = &self.shared.settings;
        let terms = Terms {
            form: match route.way {
                Way::Direct | Way::Tunneled => Form::Origin,
                Way::Forwarded => Form::Absolute(route.authorization.as_ref()),
            },
            head_timeout: settings.head_timeout,
            whole: self.operation(),
            check: match age {
                Age::New => Check::Needed,
                Age::Reused => Check::Made,
            },
            hold: self.steps.hold(),
        };
        let conn = conn.limits(settings.limits);
        let request = without_proxy_authorization(request);
        let (aio, handling) = exchange::submit(
            &conn,
            Aio::<Response<B>>::bounded(deadline),
            &request,
            terms,
        );
        self.steps.set(&aio, handling);
        if handling == Handling::HeldBack {
            if let Some(completer) = &self.state.lock().completer {
                completer.set_held(true);
            }
        }
        aio.then(move |result| this.exchanged(result, conn, &route, age));
    }

    fn exchanged(&self, result: Result<Response<B>, Error>, conn: Conn, route: &Route, age: Age) {
        self.steps.step_is_over();
        match result {
            Ok(response) => self.answered(response, conn, route),
            Err(error) => {
                drop(conn);
                if age == Age::Reused && !self.is_canceled() && self.may_send_again(&error) {
                    self.begin_again(&error, route);
                } else {
                    self.finish(Err(error));
                }
            }
        }
    }

    fn may_send_again(&self, error: &Error) -> bool {
        self.state.lock().may_send_again(error)
    }

    fn begin_again(&self, error: &Error, route: &Route) {
        let (request, _) = self.request();
        let uri = request.uri();
        self.tell(|| Event::SentAgain { uri, error });
        if error.count() == 0 {
            return self.go_on(); // The next idle connection may do.
        }
        let mut state = self.state.lock();
        state.sent_again = true;
        state.sent(error.count());
        drop(state);
        self.dial(route.clone());
    }

    fn answered(&self, response: Response<B>, conn: Conn, route: &Route) {
        let (request, _) = self.request();
        let written = response.extensions().get::<Written>();
        self.state.lock().sent(written.map_or(0, Written::count));
        let most = self.shared.settings.max_redirects;
        let next = match most {
            0 => Ok(None),
            _ => redirect::follow(&request, &response),
        };
        match next {
            Ok(None) => {
                let mut response = response;
                if self.state.lock().redirections > 0 {
                    response.extensions_mut().insert(request.uri().clone());
                }
                self.finish(Ok(B::release(response, conn, &self.shared, &route.key)));
            }
            Err(error) => self.finish(Err(error)),
            Ok(Some(next)) => {
                // The body is of no interest. If it has been read, the connection is of use.
                let (status, to) = (response.status(), next.uri().clone());
                drop(response);
                self.shared.pool.put(&route.key, conn, 1);
                let may_follow = self.state.lock().redirect(next, most);
                if may_follow {
                    self.tell(|| Event::Redirected {
                        status,
                        from: request.uri(),
                        to: &to,
                    });
                    self.go_on();
                } else {
                    self.finish(Err(Limit::Redirects(most).into()));
                }
            }
        }
    }

    fn tell<'a>(&self, event: impl FnOnce() -> Event<'a>) {
        self.shared.settings.observer.tell(event);
    }

    fn finish(&self, result: Result<Response<B>, Error>) {
        let mut state = self.state.lock();
        let Some(completer) = state.completer.take() else {
            return;
        };
        let result = result.map_err(|error| state.counted(error));
        drop(state);
        if let Err(error) = &result {
            completer.progress(error.count());
        }
        finish(completer, result);
    }

    fn operation(&self) -> Option<Arc<dyn Operation>> {
        self.state.lock().operation()
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Age {
    New,
    Reused,
}

impl<B: CallBody> Provider for Call<B> {
    fn interrupted(&self, _: &dyn Operation) {
        self.steps.cancel();
    }

    fn post(&self, code: background::UserCode) {
        background::run(code);
    }

    /// Serves what was held back for the waiter, and what is held back after that.
    fn awaited(&self, _: &dyn Operation) -> bool {
        self.steps.serve()
    }

    fn detached(&self) {
        self.steps.hand_over();
    }

    /// The server that is asked at the moment, for what has failed before or after its connection.
    fn peer(&self) -> Option<Arc<Peer>> {
        let (request, _) = self.request();
        server(request.uri()).map(Arc::new)
    }

    /// The steps of a call run on threads of several connections, and any of these may be needed.
    fn owns_current_thread(&self) -> bool {
        is_ours()
    }
}
