//! The watches of a server, their monitor, and which connections go there.

use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Weak};

use super::ender::Ender;
use super::lifecycle::Lifecycle;
use super::serve::Service;
use super::shared::Shared;
use super::shortage::Shortage;
use super::spare::Work;
use super::stats::Counters;
use super::threads::processors;
use super::wait::Wait;
use super::watch::{Bounds, Loss, Monitor, Summons, Watch};

pub(super) struct Watches {
    watches: Vec<Arc<Watch<Box<Service>>>>,
    /// The next connection goes to the watch of this number.
    turn: AtomicUsize,
}

impl Watches {
    /// As many watches as there are processors, each held by a thread.
    ///
    /// # Errors
    ///
    /// There are no descriptors or threads for them.
    pub(super) fn start(shared: &Shared) -> io::Result<Self> {
        let limits = &shared.limits;
        let bounds = Bounds {
            first: limits.silence,
            next: limits.idle,
            head: limits.head,
        };
        let (monitor, rounds) = Monitor::new();
        let mut watches = Vec::new();
        for _ in 0..processors() {
            let agency = Agency::new(shared);
            let watch = Watch::start(bounds, &monitor, move |watch, why| agency.staff(watch, why))?;
            let watching: Arc<Watch<Box<Service>>> = Arc::clone(&watch);
            shared.lifecycle.places.watch_begins(watching);
            watches.push(watch);
        }
        rounds.start(&monitor, &watches)?;
        shared.lifecycle.spares.keep_ready(1);
        Ok(Self {
            watches,
            turn: AtomicUsize::new(0),
        })
    }

    /// Has a connection wait for its first request; on this thread if it cannot be polled.
    pub(super) fn admit(&self, service: Box<Service>) {
        let Some(descriptor) = service.conn.descriptor() else {
            return drop(service.run());
        };
        let turn = self.turn.fetch_add(1, Ordering::Relaxed);
        let watch = &self.watches[turn % self.watches.len()];
        // Something may have been read with what came before, such as a handshake.
        let summons = service.conn.may_hold_input().then_some(Summons::Ready);
        let lifecycle = Arc::clone(&service.shared.lifecycle);
        let place = Arc::clone(service.place_among_others());
        let (_, since) = service.waits;
        let key = match watch.admit(service, descriptor, summons) {
            Ok(key) => key,
            Err(service) => return drop(service.run()),
        };
        let ender = || Ender::Ask(Arc::<Watch<Box<Service>>>::clone(watch), key);
        if place.is_needed() {
            place.wait(Wait::First, since, ender());
        }
        // Whoever ends all waits has asked it among the others, or has begun before this is seen here.
        if lifecycle.ends_waits() {
            ender().end();
        }
    }
}

/// Where a watch gets its threads from.
struct Agency {
    lifecycle: Weak<Lifecycle>,
    counters: Arc<Counters>,
    shortage: Arc<Shortage>,
}

impl Agency {
    fn new(shared: &Shared) -> Self {
        Self {
            lifecycle: Arc::downgrade(&shared.lifecycle),
            counters: Arc::clone(&shared.counters),
            shortage: Arc::clone(&shared.shortage),
        }
    }

    /// Has a spare thread hold a watch that was lost for this reason.
    fn staff(&self, watch: Arc<Watch<Box<Service>>>, why: Option<Loss>) -> io::Result<()> {
        let Some(lifecycle) = self.lifecycle.upgrade() else {
            return Err(io::ErrorKind::NotConnected.into());
        };
        let work: Work = Box::new(move || {
            watch.hold();
            Arc::new(())
        });
        if let Err(error) = lifecycle.spares.run(work) {
            let (threads, _) = lifecycle.spares.counts();
            let again = io::Error::new(error.kind(), error.to_string());
            self.shortage.begins(threads, error);
            return Err(again);
        }
        self.shortage.ends();
        match why {
            Some(Loss::Blocks) => self.counters.hand_overs_blocking.add(1),
            Some(Loss::Overdue) => self.counters.hand_overs_overdue.add(1),
            Some(Loss::Slow) => self.counters.hand_overs_slow.add(1),
            None => {}
        }
        Ok(())
    }
}
