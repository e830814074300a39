//! One connection, from its first byte to its end, on the thread that has it.
//!
//! ```text
//!  wait ──request──▶ route ──▶ handler ──▶ answer ──▶ rest of the body ──▶ wait
//!   │ time is up, asked to end, nonsense                    │ too much, or the last
//!   ▼                                                       ▼
//!  end (the connection is dropped, and seen off in the background)
//! ```
//!
//! `wait` is the one place where a connection without work is held.
//!
//! Invariants:
//!
//! 1. A request that was read is answered, or its connection ends in the middle of the answer: never is an
//!    answer taken for another's, or a part of one for the whole.
//! 2. Who asks a connection to end ends its wait, no more: what has arrived by then is served.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::{Duration, Instant};

use http::{Request, StatusCode, header};
use parking_lot::Mutex;

use super::answer::{Answer, Reply};
use super::answering::last_answer;
use super::deliver::{deliver, text_of};
use super::delivery::Delivery;
use super::ender::Ender;
use super::event::ServerEvent;
use super::exchange::{Exchange, Matched};
use super::handler::Handler;
use super::places::Place;
use super::refusal;
use super::respondent::{Respondent, respondent};
use super::shared::Shared;
use super::slow::watch;
use super::stay::Stay;
use super::wait::Wait;
use super::watch::{Phase, Seat};
use crate::aio::{Aio, Options};
use crate::conn::{Arrival, Conn, HeadClock, RequestSearch};
use crate::error::{Error, ErrorKind};
use crate::meter::Meter;
use crate::proto::mentioned::Mentioned;
use crate::scratch;
use crate::transport::Addr;

/// How long a connection of a server that stops waits for what has begun to arrive to be more than blank lines.
const LAST_LOOK: Duration = Duration::from_millis(50);

/// How long a thread waits for a request before it lets others end its wait.
const MOMENT: Duration = Duration::from_millis(10);

/// Serves a connection until it ends. Its stay is over when what is returned is dropped.
pub(super) fn serve(shared: &Arc<Shared>, stay: Arc<Stay>, conn: Conn) -> Arc<Stay> {
    Service::new(shared, stay, conn).run()
}

/// A connection, and how far it is.
pub(super) struct Service {
    pub(super) shared: Arc<Shared>,
    stay: Arc<Stay>,
    pub(super) conn: Conn,
    peer: Addr,
    served: u64,
    pub(super) search: RequestSearch,
    /// Where it waits, if a watch has it, and since when.
    pub(super) waits: (Phase, Instant),
    meter: Arc<Mutex<Meter>>,
}

impl Service {
    pub(super) fn new(shared: &Arc<Shared>, stay: Arc<Stay>, conn: Conn) -> Self {
        Self {
            peer: conn.peer_addr(),
            conn: conn.limits(shared.limits.messages),
            served: 0,
            search: RequestSearch::default(),
            waits: (Phase::First, Instant::now()),
            meter: Arc::new(Mutex::new(Meter::new(shared.limits.pace))),
            stay,
            shared: Arc::clone(shared),
        }
    }

    /// Serves the connection until it ends, on this thread.
    pub(super) fn run(mut self) -> Arc<Stay> {
        let serving = self.shared.lifecycle.places.begin_serving();
        self.serve_rest();
        drop(serving);
        self.end()
    }

    /// The connection has ended. Its stay is over when what is returned is dropped.
    pub(super) fn end(self) -> Arc<Stay> {
        let (peer, requests) = (&self.peer, self.served);
        self.shared
            .observer
            .tell(|| ServerEvent::Ended { peer, requests });
        drop(self.conn); // Before it leaves, so that who waits for the end finds nothing open.
        let stay = self.stay;
        // Handlers of the user's may go with it. The stay ends even if dropping them panics.
        drop(self.shared);
        stay
    }

    /// Serves all that still comes.
    pub(super) fn serve_rest(&mut self) {
        loop {
            let mut request = scratch::take_request();
            match self.wait(&mut request) {
                Some(mentioned) if self.serve_one(request, mentioned, None) => {}
                _ => return,
            }
        }
    }

    /// Serves a request, before which `seat` is given up if that takes its time. False: the connection is to end.
    pub(super) fn serve_one(
        &mut self,
        request: Box<Request<()>>,
        mentioned: Mentioned,
        seat: Option<&Seat<'_, Box<Self>>>,
    ) -> bool {
        self.served += 1;
        self.shared.counters.requests.add(1);
        self.answer(request, mentioned, seat)
    }

    pub(super) fn place_among_others(&self) -> &Arc<Place> {
        &self.stay.place
    }

    /// Reads the next request, and returns which fields it has. None: there is no request, and the connection is to
    /// end.
    fn wait(&mut self, request: &mut Request<()>) -> Option<Mentioned> {
        let limits = &self.shared.limits;
        let since = Instant::now();
        // One that was just accepted has asked already, or is about to.
        if self.served == 0 || !self.shared.lifecycle.is_stopping() {
            let patience = MOMENT.min(if self.served == 0 {
                limits.silence
            } else {
                limits.idle
            });
            let wait = crate::transport::Wait::Briefly(patience);
            let search = &mut self.search;
            let arrival = self.conn.read_request_at_once(request, search, wait);
            if let Arrival::Request(mentioned) = arrival {
                return Some(mentioned);
            }
        }
        loop {
            let patience = match self.served {
                _ if self.shared.lifecycle.is_stopping() => match self.has_begun() {
                    true => LAST_LOOK,
                    false => return None,
                },
                0 => limits.silence,
                _ => limits.idle,
            };
            let aio = Aio::new().timeout(patience);
            let clock = HeadClock::waiting(limits.head);
            let place = &self.stay.place;
            let wait = match self.served {
                0 => Wait::First,
                _ => Wait::Next,
            };
            // What has begun is not asked to end.
            let is_waiting = self.conn.with_unread(refusal::is_blank);
            let (result, _) = self.conn.read_request_inline(aio, clock, |canceler| {
                if is_waiting {
                    place.wait(wait, since, Ender::Cancel(canceler));
                }
            });
            match result {
                Ok(read) => {
                    self.stay.place.work();
                    *request = read;
                    return Some(Mentioned::among(request.headers()));
                }
                // What has arrived meanwhile is served all the same.
                Err(error) if self.is_untimely(&error) => self.stay.place.work(),
                Err(error) => {
                    self.refuse(&error);
                    return None;
                }
            }
        }
    }

    /// Whether a wait has ended, because it was asked to or its time was up, when a request had just come.
    fn is_untimely(&self, error: &Error) -> bool {
        match error.kind() {
            ErrorKind::Canceled => self.has_begun(),
            ErrorKind::TimedOut => {
                self.conn.with_unread(refusal::is_blank) && self.conn.has_arrivals()
            }
            _ => false,
        }
    }

    /// Whether a request has begun to arrive. Blank lines are none.
    fn has_begun(&self) -> bool {
        let has_read = !self.conn.with_unread(refusal::is_blank);
        has_read || self.conn.has_arrivals()
    }

    /// Answers what is no request, if anything is to be said to it.
    pub(super) fn refuse(&self, error: &Error) {
        let status = self
            .conn
            .with_unread(|unread| refusal::status(error, unread));
        let Some(status) = status else { return };
        self.shared.counters.refused.add(1);
        let peer = &self.peer;
        self.shared.observer.tell(|| ServerEvent::Refused {
            peer,
            status,
            error,
        });
        let mut page = self.shared.pages.page(status, None);
        self.meter.lock().restart(self.shared.limits.pace);
        // Nobody is left to be told if this fails, too.
        let _ =
            self.conn
                .write_response_inline(&mut page, &last_answer(), &Options::NONE, &self.meter);
        let written = self.meter.lock().uncounted();
        self.shared.counters.written.add(written);
    }

    /// Answers a request. False: the connection is to end.
    fn answer(
        &mut self,
        request: Box<Request<()>>,
        mentioned: Mentioned,
        seat: Option<&Seat<'_, Box<Self>>>,
    ) -> bool {
        let start = self.shared.observer.listens().then(Instant::now);
        let (handler, matched) = match respondent(&self.shared, &request, mentioned) {
            Respondent::Handler(handler, matched) => (Ok(handler), matched),
            Respondent::Page(status, allow) => (Err((status, allow)), Matched::default()),
        };
        let limits = &self.shared.limits;
        self.meter.lock().restart(limits.pace);
        let mut exchange = Exchange::new(
            self.conn.clone(),
            Arc::clone(&self.stay),
            request,
            mentioned,
            matched,
            limits,
            Arc::clone(&self.meter),
        );
        exchange.is_last = limits.requests.is_some_and(|most| self.served >= most)
            || limits.age.is_some_and(|most| self.stay.age() >= most);
        let answer = match handler {
            Ok(handler) => self.handle(&mut exchange, &handler, seat),
            Err((status, allow)) => self.page(exchange.request(), status, allow),
        };
        let delivery = deliver(&self.shared, &mut exchange, answer);
        let (written, uncounted) = {
            let mut meter = self.meter.lock();
            (meter.bytes(), meter.uncounted())
        };
        self.count(delivery, uncounted);
        if let Some(start) = start {
            let (Delivery::Done(status) | Delivery::CutOff(status) | Delivery::Hijacked(status)) =
                delivery;
            let (peer, after) = (&self.peer, start.elapsed());
            self.shared.observer.tell(|| ServerEvent::Answered {
                peer,
                method: exchange.method(),
                uri: exchange.uri(),
                version: exchange.request().version(),
                status,
                written,
                after,
            });
        }
        let goes_on = matches!(delivery, Delivery::Done(_)) && exchange.discard_rest();
        if exchange.read > 0 {
            self.shared.counters.read.add(exchange.read);
        }
        scratch::put_back_request(exchange.request);
        goes_on && self.conn.persists()
    }

    fn count(&self, delivery: Delivery, written: u64) {
        let counters = &self.shared.counters;
        match delivery {
            Delivery::Done(status) => counters.answered(status),
            Delivery::CutOff(_) => counters.failed.add(1),
            Delivery::Hijacked(_) => {}
        }
        counters.written.add(written);
    }

    /// Runs the handler. One that panics has failed.
    fn handle(
        &self,
        exchange: &mut Exchange,
        handler: &Handler,
        seat: Option<&Seat<'_, Box<Self>>>,
    ) -> Answer {
        let held = seat.filter(|seat| seat.holds_watch());
        let is_slow = handler.tempo.is_slow();
        if let (true, Some(seat)) = (is_slow, held) {
            seat.give_up_watch();
        }
        let start = is_slow.then(Instant::now);
        let slow_after = self.shared.slow_after;
        let watched = slow_after.map(|after| watch(&self.shared.observer, exchange, after));
        let handled = catch_unwind(AssertUnwindSafe(|| (handler.call)(exchange)));
        drop(watched);
        match (start, held) {
            (Some(start), _) => handler.tempo.took(start.elapsed()),
            (None, Some(seat)) if !seat.holds_watch() => handler.tempo.lost_watch(),
            (None, _) => {}
        }
        match handled {
            Ok(answer) => answer,
            Err(payload) => Answer(Reply::Failed(text_of(payload))),
        }
    }

    /// What the server says by itself.
    fn page(
        &self,
        request: &Request<()>,
        status: StatusCode,
        allow: Option<header::HeaderValue>,
    ) -> Answer {
        let mut page = self.shared.pages.page(status, Some(request));
        if let Some(allow) = allow {
            page.headers_mut().insert(header::ALLOW, allow);
        }
        Answer(Reply::Whole(page))
    }
}
