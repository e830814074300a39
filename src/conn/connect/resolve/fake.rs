//! Another resolver in place of the system's, for tests.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use parking_lot::RwLock;

use crate::conn::Conn;

type Fake = Arc<dyn Fn(&str) -> io::Result<Vec<SocketAddr>> + Send + Sync>;

static FAKE: RwLock<Option<Fake>> = RwLock::new(None);

pub(super) fn current() -> Option<Fake> {
    FAKE.read().clone()
}

impl Conn {
    /// Has the names of hosts looked up by `resolver` from now on, in the whole process. The ports
    /// of what it returns are of no interest.
    #[doc(hidden)]
    pub fn resolve_by(
        resolver: impl Fn(&str) -> io::Result<Vec<SocketAddr>> + Send + Sync + 'static,
    ) {
        let resolver: Fake = Arc::new(resolver);
        let last = FAKE.write().replace(resolver);
        drop(last);
    }
}
