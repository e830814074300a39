//! Telling of handlers that are slow, while they are.

use std::sync::Arc;
use std::time::{Duration, Instant};

use http::{Method, Uri};

use super::event::{Observer, ServerEvent};
use super::exchange::Exchange;
use crate::background;
use crate::timer::{self, Alarm, Expire};
use crate::transport::Addr;

/// A handler that runs. Dropped when it returns.
pub(super) struct Watched {
    _alarm: Option<Alarm>,
    _watch: Arc<Watch>,
}

struct Watch {
    observer: Observer,
    peer: Addr,
    method: Method,
    uri: Uri,
    after: Duration,
}

/// Tells the observer if the handler of this exchange runs for so long. Without a thread for the timer, nobody is
/// told.
pub(super) fn watch(observer: &Observer, exchange: &Exchange, after: Duration) -> Watched {
    let watch = Arc::new(Watch {
        observer: observer.clone(),
        peer: exchange.peer_addr(),
        method: exchange.method().clone(),
        uri: exchange.uri().clone(),
        after,
    });
    let at = Instant::now().checked_add(after);
    let weak = Arc::downgrade(&watch);
    Watched {
        _alarm: at.and_then(|at| timer::arm(at, weak).ok()),
        _watch: watch,
    }
}

impl Expire for Watch {
    /// The observer is the user's, and this is the timer's thread.
    fn expire(&self) {
        let (observer, after) = (self.observer.clone(), self.after);
        let (peer, method, uri) = (self.peer.clone(), self.method.clone(), self.uri.clone());
        background::run(Box::new(move || {
            observer.tell(|| ServerEvent::HandlerSlow {
                peer: &peer,
                method: &method,
                uri: &uri,
                after,
            });
        }));
    }

    fn release(self: Arc<Self>) {
        background::release(self);
    }
}
