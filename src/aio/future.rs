//! `.await` for those who have an executor: an adapter, not a dependency on one.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use super::handle::Handle;
use crate::error::Error;

/// An operation in flight as a [`Future`]; comes from `.await`ing an [`Aio`](crate::Aio).
///
/// A type of its own, because a handle that is both a future and something to block on needs rules
/// for mixed use. Works in any executor. Dropping it detaches the operation, it does not cancel it:
/// a cancelled write ends the connection's write side, which nobody expects of a lost `select!`.
///
/// # Panics
///
/// Never. Polled again after it was ready, it stays pending.
#[must_use = "futures do nothing unless they are polled"]
pub struct AioFuture<T> {
    handle: Handle<T>,
}

impl<T> AioFuture<T> {
    pub(super) fn new(handle: Handle<T>) -> Self {
        Self { handle }
    }
}

impl<T> Future for AioFuture<T> {
    type Output = Result<T, Error>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        self.handle.slot().poll(context.waker())
    }
}

impl<T> fmt::Debug for AioFuture<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AioFuture")
            .field("completed", &self.handle.slot().is_settled())
            .finish()
    }
}
