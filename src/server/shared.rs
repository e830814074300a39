//! What the threads of a server share: its settings, its routes and its life.

use std::sync::Arc;

use parking_lot::{Mutex, RwLock};

use super::error_pages::{ErrorPages, PageMaker};
use super::event::Observer;
use super::handler::Handler;
use super::lifecycle::Lifecycle;
use super::limits::ServerLimits;
use super::routing::Router;
use crate::transport::Addr;

/// What its threads share.
pub(crate) struct Shared {
    pub(super) limits: ServerLimits,
    pub(super) observer: Observer,
    pub(super) pages: ErrorPages,
    pub(super) router: RwLock<Arc<Router<Handler>>>,
    /// Held while a changed router is made.
    pub(super) editing: Mutex<()>,
    pub(super) addresses: Mutex<Vec<Addr>>,
    pub(super) lifecycle: Arc<Lifecycle>,
}

impl Shared {
    pub(super) fn new(limits: ServerLimits, observer: Observer, maker: PageMaker) -> Self {
        Self {
            limits,
            observer,
            pages: ErrorPages::new(maker),
            router: RwLock::new(Arc::new(Router::new())),
            editing: Mutex::default(),
            addresses: Mutex::default(),
            lifecycle: Arc::default(),
        }
    }

    pub(super) fn is_full(&self) -> bool {
        self.lifecycle.places.count() >= self.limits.connections
    }

    pub(super) fn router(&self) -> Arc<Router<Handler>> {
        Arc::clone(&self.router.read())
    }
}
