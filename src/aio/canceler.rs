//! The half of an operation that can do one thing: end it.

use std::fmt;
use std::sync::Arc;

use super::provider::Operation;
use crate::error::ErrorKind;

/// Cancels one operation, from any thread, at any time.
///
/// Cloneable and harmless when stale: it knows its operation, not the [`Aio`](crate::Aio), so it
/// has no effect on whatever the aio is used for next.
///
/// # Examples
///
/// ```
/// use http_aio::{Aio, Conn, ErrorKind};
/// use std::net::{TcpListener, TcpStream};
///
/// # fn main() -> std::io::Result<()> {
/// let listener = TcpListener::bind("127.0.0.1:0")?;
/// let conn = Conn::from(TcpStream::connect(listener.local_addr()?)?);
///
/// let read = conn.read(Aio::new(), 1024); // The peer says nothing.
/// let canceler = read.canceler();
/// std::thread::spawn(move || canceler.cancel());
/// assert_eq!(read.wait().unwrap_err().kind(), ErrorKind::Canceled);
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Canceler {
    operation: Arc<dyn Operation>,
}

impl Canceler {
    pub(super) fn new(operation: Arc<dyn Operation>) -> Self {
        Self { operation }
    }

    /// Serves the operation in place of its thread, if that is possible now. The caller is going to wait
    /// for it.
    pub(crate) fn serve(&self) -> bool {
        self.operation.serve()
    }

    /// Has it handed over if it is held back: nobody is going to wait for it.
    pub(crate) fn hand_over(&self) {
        self.operation.hand_over();
    }

    pub(crate) fn operation(&self) -> &dyn Operation {
        &*self.operation
    }

    /// Cancels the operation if it has not completed.
    ///
    /// Returns at once; the outcome arrives through the aio. A write in the queue completes with
    /// [`Canceled`](ErrorKind::Canceled), count 0, and the connection is untouched. A write in
    /// flight completes with `Canceled` and the exact count, and the write side of the connection
    /// ends. A read completes with `Canceled`, in the queue or in flight; what had arrived stays for
    /// the next read, and the count says how much that is. What has completed is not affected.
    pub fn cancel(&self) {
        Arc::clone(&self.operation).interrupt(ErrorKind::Canceled);
    }
}

impl fmt::Debug for Canceler {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Canceler")
            .field("completed", &self.operation.is_settled())
            .finish()
    }
}
