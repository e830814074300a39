//! How a connection has come.

use std::net::SocketAddr;
use std::sync::Arc;

use super::trust::Trust;

/// What is known of a connection beside its peer.
#[derive(Debug, Default)]
pub(super) struct Arrival {
    /// Whom a PROXY header names.
    pub(super) source: Option<SocketAddr>,
    /// Who is believed what it says in requests.
    pub(super) trust: Option<Arc<Trust>>,
}
