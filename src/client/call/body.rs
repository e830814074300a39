//! What the body of a call's response can be, and where its connection goes.

use std::sync::Arc;

use bytes::Bytes;
use http::Response;

use crate::client::Shared;
use crate::client::route::Key;
use crate::conn::{AnswerBody, Body, Conn, Keeper};

pub(crate) trait CallBody: AnswerBody {
    /// Ends the use of `conn`, over which the response came, by its call.
    fn release(
        response: Response<Self>,
        conn: Conn,
        shared: &Arc<Shared>,
        key: &Key,
    ) -> Response<Self>;
}

impl CallBody for Bytes {
    fn release(
        response: Response<Self>,
        conn: Conn,
        shared: &Arc<Shared>,
        key: &Key,
    ) -> Response<Self> {
        shared.pool.put(key, conn, 1);
        response
    }
}

impl CallBody for Body {
    /// The body has the connection, and gives it back when it is dropped.
    fn release(
        response: Response<Self>,
        _: Conn,
        shared: &Arc<Shared>,
        key: &Key,
    ) -> Response<Self> {
        let place = Place {
            shared: Arc::clone(shared),
            key: key.clone(),
        };
        response.map(|body| body.kept_by(place))
    }
}

/// The place of a connection in the pool of a client.
struct Place {
    shared: Arc<Shared>,
    key: Key,
}

impl Keeper for Place {
    fn take_back(&self, conn: Conn, handles: usize) {
        self.shared.pool.put(&self.key, conn, handles);
    }
}
