//! Serving the connections of a watch, a turn at a time.
//!
//! A turn reads what has come without blocking, and serves one request. A connection that has lost its watch
//! meanwhile, because that took its time, has the thread for itself: it is served for as long as requests come
//! closely, and then put back.

use std::time::{Duration, Instant};

use super::ender::Ender;
use super::serve::Service;
use super::watch::{Phase, Seat, Summons, Watched};
use crate::conn::{Arrival, Part};
use crate::error::ErrorKind;
use crate::scratch;
use crate::transport::Wait;

/// How long a thread that has a connection for itself waits for another request.
const PATIENCE: Duration = Duration::from_millis(10);

/// What becomes of a connection after its turn.
enum Next {
    Wait(Phase, Option<Summons>),
    End,
}

/// In a box, so that it is not copied with each turn.
impl Watched for Box<Service> {
    fn place(&self) -> u64 {
        self.place_among_others().key()
    }

    fn serve(mut self, why: Summons, seat: Seat<'_, Self>) {
        let serving = self.shared.lifecycle.places.begin_serving();
        let next = self.turn(why, &seat);
        drop(serving);
        if let Next::Wait(phase, summons) = next {
            // What does not become another wait does not begin anew: blank lines keep nobody here.
            if phase != self.waits.0 {
                self.waits = (phase, Instant::now());
            }
            let (_, since) = self.waits;
            if let (true, Some(wait)) = (self.place_among_others().is_needed(), phase.wait()) {
                let (watch, key) = seat.asks();
                let place = self.place_among_others();
                place.wait(wait, since, Ender::Ask(watch, key));
            }
            // One that cannot be polled keeps the thread, which gives up the watch before it blocks.
            if let Err(service) = seat.put_back(self, phase, since, summons) {
                drop(service.run());
            }
        } else {
            drop(seat); // Before the socket is closed.
            drop(self.end());
        }
    }
}

impl Service {
    /// It does not wait, or not for a request, whatever others know of it.
    fn goes_on(&self, why: Summons) {
        let place = self.place_among_others();
        if why == Summons::Asked || place.is_needed() {
            place.work();
        }
    }

    fn turn(&mut self, mut why: Summons, seat: &Seat<'_, Box<Self>>) -> Next {
        let mut wait = Wait::Never;
        loop {
            if self.shared.lifecycle.ends_waits() {
                self.serve_rest();
                return Next::End;
            }
            let mut request = scratch::take_request();
            let search = &mut self.search;
            match self.conn.read_request_at_once(&mut request, search, wait) {
                Arrival::Request(mentioned) => {
                    self.goes_on(why);
                    if !self.serve_one(request, mentioned, Some(seat)) {
                        return Next::End;
                    }
                }
                Arrival::Part(part) => {
                    scratch::put_back_request(request);
                    return self.after(part, why);
                }
                // An operation finds out what it is, and says so where something is to be said.
                Arrival::Unusual => {
                    self.serve_rest();
                    return Next::End;
                }
            }
            why = Summons::Ready;
            self.waits = (Phase::Next, Instant::now());
            if seat.holds_watch() {
                // What has come already is served when others have had their turn.
                let summons = self.conn.may_hold_input().then_some(Summons::Ready);
                return Next::Wait(Phase::Next, summons);
            }
            wait = Wait::Briefly(PATIENCE);
        }
    }

    /// No whole request is there.
    fn after(&mut self, part: Part, why: Summons) -> Next {
        let (phase, _) = self.waits;
        match (part, why) {
            (Part::Nothing, Summons::Due | Summons::Asked) => return Next::End,
            (Part::Begun, Summons::Due) if phase == Phase::Head => {
                self.refuse(&ErrorKind::TimedOut.into());
                return Next::End;
            }
            (Part::Begun, _) => self.goes_on(why),
            (Part::Nothing, Summons::Ready) => {}
        }
        match part {
            Part::Begun => Next::Wait(Phase::Head, None),
            Part::Nothing => Next::Wait(phase, None),
        }
    }
}
