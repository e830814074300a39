//! What the threads of a server share: its settings, its routes and its life.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::{Mutex, RwLock};

use super::error_pages::{ErrorPages, PageMaker};
use super::event::{Observer, ServerEvent};
use super::files::pieces::Pieces;
use super::handler::Handler;
use super::lifecycle::{Lifecycle, Phase};
use super::limits::ServerLimits;
use super::routing::Router;
use super::shortage::Shortage;
use super::stats::Counters;
use super::stay::Services;
use super::threads::Threads;
use crate::transport::Addr;

/// What its threads share.
pub(crate) struct Shared {
    pub(super) limits: ServerLimits,
    pub(super) observer: Observer,
    /// After which a handler is slow.
    pub(super) slow_after: Option<Duration>,
    pub(super) counters: Arc<Counters>,
    pub(super) pages: Arc<ErrorPages>,
    pub(super) router: RwLock<Arc<Router<Handler>>>,
    /// Held while a changed router is made.
    pub(super) editing: Mutex<()>,
    pub(super) addresses: Mutex<Vec<Addr>>,
    pub(super) lifecycle: Arc<Lifecycle>,
    pub(super) threads: Threads,
    pub(super) shortage: Arc<Shortage>,
    pub(super) pieces: Pieces,
}

impl Shared {
    pub(super) fn new(
        mut limits: ServerLimits,
        observer: Observer,
        maker: PageMaker,
        slow_after: Option<Duration>,
        threads: Threads,
    ) -> Self {
        if threads == Threads::PerConnection {
            limits.connections = limits.connections.min(limits.most_threads());
        }
        Self {
            limits,
            shortage: Arc::new(Shortage::new(observer.clone())),
            observer,
            slow_after,
            counters: Arc::default(),
            pages: Arc::new(ErrorPages::new(maker)),
            router: RwLock::new(Arc::new(Router::new())),
            editing: Mutex::default(),
            addresses: Mutex::default(),
            lifecycle: Arc::new(Lifecycle::new(limits.most_threads())),
            threads,
            pieces: Pieces::default(),
        }
    }

    /// For a connection.
    pub(super) fn services(&self) -> Services {
        Services {
            lifecycle: Arc::clone(&self.lifecycle),
            counters: Arc::clone(&self.counters),
            observer: self.observer.clone(),
            pages: Arc::clone(&self.pages),
        }
    }

    /// Stops, and tells so the first time.
    pub(super) fn stop(&self, phase: Phase) {
        if self.lifecycle.stop(phase) {
            self.observer.tell(|| match phase {
                Phase::Closed => ServerEvent::Closed {},
                Phase::Open | Phase::Draining => ServerEvent::Draining {},
            });
        }
    }

    pub(super) fn is_full(&self) -> bool {
        self.lifecycle.places.count() >= self.limits.connections
    }

    pub(super) fn router(&self) -> Arc<Router<Handler>> {
        Arc::clone(&self.router.read())
    }
}
