//! The watches of a server, their monitor, and which connections go there.

use std::io;
use std::num::NonZero;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Weak};
use std::thread;

use super::ender::Ender;
use super::lifecycle::Lifecycle;
use super::serve::Service;
use super::shared::Shared;
use super::spare::Work;
use super::wait::Wait;
use super::watch::{Bounds, Monitor, Summons, Watch};

pub(super) struct Watches {
    watches: Vec<Arc<Watch<Service>>>,
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
        let count = thread::available_parallelism().map_or(1, NonZero::get);
        let mut watches = Vec::new();
        for _ in 0..count {
            let lifecycle = Arc::downgrade(&shared.lifecycle);
            let staff = move |watch| staff(&lifecycle, watch);
            let watch = Watch::start(bounds, &monitor, staff)?;
            let watching: Arc<Watch<Service>> = Arc::clone(&watch);
            shared.lifecycle.places.watch_begins(watching);
            watches.push(watch);
        }
        rounds.start(&monitor, &watches)?;
        Ok(Self {
            watches,
            turn: AtomicUsize::new(0),
        })
    }

    /// Has a connection wait for its first request; on this thread if it cannot be polled.
    pub(super) fn admit(&self, service: Service) {
        let Some(descriptor) = service.conn.descriptor() else {
            return drop(service.run());
        };
        let turn = self.turn.fetch_add(1, Ordering::Relaxed);
        let watch = &self.watches[turn % self.watches.len()];
        // Something may have been read with what came before, such as a handshake. If the server stops, nobody
        // else is going to look.
        let looks = service.conn.may_hold_input() || service.shared.lifecycle.is_stopping();
        let summons = looks.then_some(Summons::Ready);
        let place = Arc::clone(service.place_among_others());
        let (_, since) = service.waits;
        match watch.admit(service, descriptor, summons) {
            Ok(key) if place.is_needed() => {
                let watching: Arc<Watch<Service>> = Arc::clone(watch);
                place.wait(Wait::First, since, Ender::Ask(watching, key));
            }
            Ok(_) => {}
            Err(service) => drop(service.run()),
        }
    }
}

/// Has a spare thread hold a watch.
fn staff(lifecycle: &Weak<Lifecycle>, watch: Arc<Watch<Service>>) -> io::Result<()> {
    let Some(lifecycle) = lifecycle.upgrade() else {
        return Err(io::ErrorKind::NotConnected.into());
    };
    let work: Work = Box::new(move || {
        watch.hold();
        Arc::new(())
    });
    lifecycle.spares.run(work)
}
