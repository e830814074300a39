//! `.await` for those who have an executor: an adapter, not a dependency on one.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use super::{Aio, InFlight};
use crate::error::Error;

/// An operation in flight is a [`Future`], in any executor.
///
/// Dropping it, as a lost `select!` does, cancels a read of a [`Conn`](crate::Conn), which then takes nothing.
/// Any other operation is detached and goes on: a canceled write, for example, would end the connection's
/// write side, which nobody expects of a lost `select!`. Give it a [`CancelToken`](crate::CancelToken)
/// or a deadline if it is to end. A read may complete in the moment in which another branch wins, and its
/// bytes go with it: where none may be lost, poll `&mut aio`, which stays when the `select!` is over. Waiting for it blocks the thread, as everywhere else: where an
/// executor runs, `.await` it.
///
/// Polled again after it was ready, it stays pending.
///
/// # Examples
///
/// The whole of an executor for one future:
///
/// ```
/// use http_aio::{Aio, Conn};
/// use std::future::Future;
/// use std::os::unix::net::UnixStream;
/// use std::pin::pin;
/// use std::sync::Arc;
/// use std::task::{Context, Poll, Wake};
/// use std::thread::{self, Thread};
///
/// struct Unpark(Thread);
///
/// impl Wake for Unpark {
///     fn wake(self: Arc<Self>) {
///         self.0.unpark();
///     }
/// }
///
/// fn block_on<F: Future>(future: F) -> F::Output {
///     let mut future = pin!(future);
///     let waker = Arc::new(Unpark(thread::current())).into();
///     loop {
///         match future.as_mut().poll(&mut Context::from_waker(&waker)) {
///             Poll::Ready(output) => return output,
///             Poll::Pending => thread::park(),
///         }
///     }
/// }
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let (near, far) = UnixStream::pair()?;
/// let (near, far) = (Conn::from(near), Conn::from(far));
/// let received = block_on(async {
///     near.write_all(Aio::new().iov(["hello"])).await?;
///     far.read_all(Aio::new(), 5).await
/// })?;
/// assert_eq!(received, "hello");
/// # Ok(())
/// # }
/// ```
impl<T: Send + 'static> Future for Aio<T, InFlight> {
    type Output = Result<T, Error>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        self.handle.hand_over();
        let poll = self.handle.slot().poll(context.waker());
        if poll.is_ready() {
            self.state.end();
        }
        poll
    }
}
