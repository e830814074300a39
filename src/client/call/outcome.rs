//! What a call makes of its response.

use std::sync::Arc;

use bytes::Bytes;
use http::Response;

use crate::client::Shared;
use crate::client::body::Body;
use crate::client::route::Key;
use crate::conn::{Conn, Extent};

/// What a call yields.
pub(crate) trait Outcome: Send + Sized + 'static {
    const EXTENT: Extent;

    /// Makes it of a response that came over `conn`.
    fn of(response: Response<Bytes>, conn: Conn, shared: &Arc<Shared>, key: &Key) -> Self;
}

impl Outcome for Response<Bytes> {
    const EXTENT: Extent = Extent::Whole;

    fn of(response: Response<Bytes>, conn: Conn, shared: &Arc<Shared>, key: &Key) -> Self {
        shared.pool.put(key, conn, 1);
        response
    }
}

impl Outcome for Response<Body> {
    const EXTENT: Extent = Extent::Head;

    fn of(response: Response<Bytes>, conn: Conn, shared: &Arc<Shared>, key: &Key) -> Self {
        response.map(|_| Body::new(conn, shared, key))
    }
}
