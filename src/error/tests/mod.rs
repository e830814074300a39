mod conversions;
mod sentences;

use std::io;
use std::sync::Arc;

use super::*;

/// The peer of most.
fn peer() -> Option<Arc<Peer>> {
    Some(Arc::new(Peer::named("example.com", Some(80))))
}

fn reset() -> Error {
    io::Error::from(io::ErrorKind::ConnectionReset).into()
}
