//! How far a call has come. Bookkeeping only: the steps are taken outside of its lock.
//!
//! A reused connection may have been closed by the server at any time. A request that failed on one
//! is sent again: on the next idle one, or else a new one, where nothing of it went out; otherwise on
//! a new one.
//!
//! | bytes of the request that went out | idempotent | not idempotent |
//! |---|---|---|
//! | none | again | again |
//! | some or all, and nothing of a response came | again, once | fails |
//! | some or all, and a part of a response came | fails | fails |
//!
//! On a new connection nothing is sent again.

use std::sync::Arc;

use bytes::Bytes;
use http::Request;

use crate::aio::{Completer, Operation};
use crate::deadline::Deadline;
use crate::error::{Error, ErrorKind};

pub(super) struct State<T: Send + 'static> {
    pub(super) completer: Option<Completer<T>>,
    pub(super) deadline: Deadline,
    pub(super) request: Arc<Request<Bytes>>,
    /// The redirections that were followed.
    pub(super) redirections: u32,
    /// Whether it was sent once already, over a connection that was stale.
    pub(super) sent_again: bool,
    /// What went out of it the last time that anything did.
    sent: u64,
}

impl<T: Send + 'static> State<T> {
    pub(super) fn new(request: Request<Bytes>) -> Self {
        Self {
            completer: None,
            deadline: Deadline::Never,
            request: Arc::new(request),
            redirections: 0,
            sent_again: false,
            sent: 0,
        }
    }

    /// So much of it went out, and it may be sent again.
    pub(super) fn sent(&mut self, count: u64) {
        if count > 0 {
            self.sent = count;
        }
    }

    /// A failure before which nothing went out says what went out earlier: somebody has seen that.
    pub(super) fn counted(&self, error: Error) -> Error {
        match error.count() {
            0 => error.with_count(self.sent),
            _ => error,
        }
    }

    /// The operation as the steps see it, which move its count.
    pub(super) fn operation(&self) -> Option<Arc<dyn Operation>> {
        self.completer.as_ref().and_then(Completer::operation)
    }

    /// Goes on with the request that a redirection asks for. False if that is more than `most`.
    pub(super) fn redirect(&mut self, next: Request<Bytes>, most: u32) -> bool {
        self.request = Arc::new(next);
        self.redirections += 1;
        self.sent_again = false;
        self.redirections <= most
    }

    /// Says what the table at the head of the file says.
    pub(super) fn may_send_again(&self, error: &Error) -> bool {
        let is_stale = match error.kind() {
            ErrorKind::Reset | ErrorKind::Closed | ErrorKind::Io | ErrorKind::Unreachable => true,
            // Something came that nobody had asked for, before the request went out.
            ErrorKind::Protocol => error.count() == 0,
            _ => false,
        };
        let is_safe = error.count() == 0
            || (!self.sent_again
                && self.request.method().is_idempotent()
                && !error.is_incomplete_message());
        is_stale && is_safe
    }
}
