//! The handle the caller holds. It knows neither HTTP nor sockets.

mod canceller;
mod completer;
mod future;
pub(crate) mod habit;
mod handle;
#[cfg(all(test, loom))]
mod model;
mod notice;
mod operation;
mod provider;
mod slot;
mod state;

use std::fmt;
use std::future::IntoFuture;
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use bytes::Bytes;

pub use self::canceller::Canceller;
pub(crate) use self::completer::Completer;
pub use self::future::AioFuture;
use self::habit::{Handling, Kind};
use self::handle::Handle;
pub(crate) use self::notice::Notice;
pub(crate) use self::provider::{Operation, Provider, TakenBack};
use self::slot::Slot;
pub(crate) use self::state::Interruption;
use self::state::Whose;
use crate::bufs::Bufs;
use crate::deadline::Deadline;
use crate::error::{Error, ErrorKind};

/// A handle for one operation at a time: yours while idle, lent to the connection while in flight.
///
/// An idle aio carries options. It is *moved* into an operation, which returns it as
/// `Aio<T, InFlight>`; from there it is waited for, called back, cancelled or awaited, and it can be
/// had back for the next operation. So submitting twice, reading a result early, and waiting *and*
/// taking a callback do not compile.
///
/// `T` is what the operation yields, and is inferred.
///
/// # Examples
///
/// ```
/// use http_aio::{Aio, Conn};
/// use std::net::{TcpListener, TcpStream};
/// use std::time::Duration;
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let listener = TcpListener::bind("127.0.0.1:0")?;
/// # let address = listener.local_addr()?;
/// let conn = Conn::from(TcpStream::connect(address)?);
/// let aio = Aio::new().iov(["HTTP/1.1 200 OK\r\n\r\n", "body"]).timeout(Duration::from_secs(5));
/// let aio = conn.write_all(aio); // Returns at once.
/// // ... do something else ...
/// let (written, aio) = aio.reclaim();
/// assert_eq!(written?.count(), 23);
/// conn.write_all(aio.iov(["more"])).wait()?; // The same slot, the same timeout.
/// # Ok(())
/// # }
/// ```
#[must_use = "an aio does nothing by itself, and one in flight that is dropped is detached"]
pub struct Aio<T, S = Idle> {
    handle: Handle<T>,
    options: Options,
    state: S,
}

/// State of an [`Aio`] that is yours.
#[derive(Debug)]
pub struct Idle {
    /// The vector of the next write.
    iov: Option<Bufs>,
}

/// State of an [`Aio`] that is lent to a connection.
#[derive(Debug)]
pub struct InFlight(());

/// What a successful write says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Written {
    count: u64,
}

/// What stays with an aio from one operation to the next.
#[derive(Clone, Copy, Debug)]
struct Options {
    timeout: Option<Duration>,
    deadline: Deadline,
}

impl Written {
    pub(crate) fn new(count: u64) -> Self {
        Self { count }
    }

    /// Bytes that the kernel accepted: for [`write_all`](crate::Conn::write_all) the whole vector,
    /// without the framing of a chunk; for [`write_request`](crate::Conn::write_request), and in the
    /// extensions of the response of a [`transact`](crate::Conn::transact), head and body.
    pub fn count(&self) -> u64 {
        self.count
    }
}

impl<T> Aio<T> {
    /// An idle aio without options: no deadline, no vector.
    pub fn new() -> Self {
        let options = Options {
            timeout: None,
            deadline: Deadline::Never,
        };
        Self::idle(Handle::new(Arc::new(Slot::new())), options)
    }

    fn idle(handle: Handle<T>, options: Options) -> Self {
        Self {
            handle,
            options,
            state: Idle { iov: None },
        }
    }

    /// An idle aio with a deadline that was computed already.
    pub(crate) fn bounded(deadline: Deadline) -> Self {
        let options = Options {
            timeout: None,
            deadline,
        };
        Self::idle(Handle::new(Arc::new(Slot::new())), options)
    }

    /// Gives each operation this long in total, from its submission, time in the queue included.
    ///
    /// Stays for later operations. With a [`deadline`](Self::deadline) as well, the earlier counts.
    /// Zero expires at once: nothing is tried. A duration beyond the clock never passes.
    pub fn timeout(mut self, after: Duration) -> Self {
        self.options.timeout = Some(after);
        self
    }

    /// Fails each operation that has not completed at this moment.
    ///
    /// Stays for later operations, so one deadline can bound a whole exchange.
    pub fn deadline(mut self, at: Instant) -> Self {
        self.options.deadline = Deadline::At(at);
        self
    }
}

impl Aio<Written> {
    /// Sets the scatter/gather vector of the next write (`nng_aio_set_iov`).
    ///
    /// Any number of buffers, empty ones included; they are owned or reference-counted, never
    /// borrowed, so they outlive the operation by themselves. The operation uses the vector up: a
    /// write that is submitted without one fails with [`InvalidInput`](ErrorKind::InvalidInput).
    pub fn iov<I>(mut self, buffers: I) -> Self
    where
        I: IntoIterator,
        I::Item: Into<Bytes>,
    {
        self.state.iov = Some(buffers.into_iter().map(Into::into).collect());
        self
    }

    pub(crate) fn take_iov(&mut self) -> Option<Bufs> {
        self.state.iov.take()
    }
}

impl<T: Send + 'static> Aio<T> {
    /// Lends the aio to `provider`: the handle for the caller, the completer for the job.
    pub(crate) fn start(
        mut self,
        provider: &Weak<dyn Provider>,
        interruption: Interruption,
    ) -> (Aio<T, InFlight>, Completer<T>, Deadline) {
        let deadline = match self.options.timeout {
            Some(after) => Deadline::after(after).earlier(self.options.deadline),
            None => self.options.deadline,
        };
        Slot::start(self.handle.slot_mut(), provider, interruption);
        let completer = Completer::new(Arc::clone(self.handle.slot()));
        let lent = Aio {
            handle: self.handle,
            options: self.options,
            state: InFlight(()),
        };
        (lent, completer, deadline)
    }
}

impl<T> Default for Aio<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T: Send + 'static> Aio<T, InFlight> {
    /// Blocks until the operation has completed.
    ///
    /// A thread that waits for a read, a write, an exchange or a `shutdown` does the work: if nobody has
    /// begun the operation, and it is next in its queue, this thread serves it, with the same
    /// deadline, cancellation and count.
    ///
    /// # Errors
    ///
    /// Whatever the operation failed with; [`Error::count`] says how far it got.
    /// [`WouldDeadlock`](ErrorKind::WouldDeadlock) inside a closure of the same connection, when the
    /// operation has not completed yet: a write or an exchange goes on, detached; a read is cancelled,
    /// so that it takes nothing. An operation of a [`Client`](crate::Client) may need any connection:
    /// it cannot be waited for inside a closure of any [`Conn`](crate::Conn), and goes on, detached.
    pub fn wait(self) -> Result<T, Error> {
        self.reclaim().0
    }

    /// As [`wait`](Self::wait), and gives the aio back for the next operation, options and all.
    pub fn reclaim(self) -> (Result<T, Error>, Aio<T>) {
        let slot = self.handle.slot();
        let provider = self.unsettled();
        let result = match self.would_deadlock(provider.as_deref()) {
            Some(error) => Err(error),
            None => {
                habit::wait(slot.id(), || match &provider {
                    Some(provider) => provider.awaited(&**slot),
                    None => false,
                });
                drop(provider);
                let result = slot.wait(None);
                result.unwrap_or_else(|| Err(ErrorKind::Abandoned.into()))
            }
        };
        (result, Aio::idle(self.handle, self.options))
    }

    /// Blocks until the operation has completed, but no longer than `patience`. A thread of the
    /// connection serves it meanwhile.
    ///
    /// # Errors
    ///
    /// `Err` is the handle itself: the operation is still running, nothing was cancelled. The
    /// operation's own outcome is the inner result, with the errors of [`wait`](Self::wait).
    pub fn wait_timeout(self, patience: Duration) -> Result<Result<T, Error>, Self> {
        let provider = self.unsettled();
        if let Some(error) = self.would_deadlock(provider.as_deref()) {
            return Ok(Err(error));
        }
        self.handle.hand_over();
        let until = Deadline::after(patience).instant();
        self.handle.slot().wait(until).ok_or(self)
    }

    /// Has `f` called with the outcome and the aio, idle again, ready to be submitted once more.
    ///
    /// It runs once, on the connection's thread, outside every lock; never on the caller's, unless
    /// the system has no thread to give. It may submit, cancel, close, and drop the last
    /// [`Conn`](crate::Conn); it may panic without harm to others. It should not block for long: the
    /// connection's next operation in that direction waits for it. If the thread is stuck in another
    /// operation when this one is cancelled or expires, another thread of the same connection,
    /// `cb:PORT HOST`, runs the closure in its place. The closures of connects and of a
    /// [`Client`](crate::Client)'s operations run on a thread of their own.
    pub fn on_complete<F>(mut self, f: F) -> Canceller
    where
        F: FnOnce(Result<T, Error>, Aio<T>) + Send + 'static,
    {
        let options = self.options;
        let closure =
            Box::new(move |result, slot| f(result, Aio::idle(Handle::new(slot), options)));
        let notice = self.handle.attach(Whose::User, closure);
        if notice.is_none() {
            self.handle.hand_over();
        } else {
            notice.post(self.handle.slot().provider().as_deref());
        }
        self.canceller()
    }

    /// As `on_complete`, for code of ours: it may run on any thread, also here and now, and somebody
    /// may still work on the operation while that thread waits for what becomes of it.
    pub(crate) fn then<F>(mut self, f: F)
    where
        F: FnOnce(Result<T, Error>) + Send + 'static,
    {
        let closure = Box::new(move |result, _| f(result));
        self.handle.attach(Whose::Ours, closure).run();
    }

    /// Tells what was done with the submission, which the current thread has just made.
    pub(crate) fn submitted(self, kind: Kind, handling: Handling) -> Self {
        let slot = self.handle.slot();
        habit::after(kind, handling, slot.id(), || {
            Arc::downgrade(slot) as Weak<dyn Operation>
        });
        self
    }

    /// A handle that can cancel this operation, and only this one, from anywhere.
    pub fn canceller(&self) -> Canceller {
        Canceller::new(Arc::clone(self.handle.slot()) as Arc<dyn Operation>)
    }

    /// Cancels the operation; see [`Canceller::cancel`] for what that means when.
    pub fn cancel(&self) {
        Arc::clone(self.handle.slot()).interrupt(ErrorKind::Canceled);
    }

    /// Whether the operation has completed, so that [`wait`](Self::wait) returns at once.
    pub fn is_done(&self) -> bool {
        self.handle.hand_over();
        self.handle.slot().is_settled()
    }

    /// How far the operation has got, in bytes, while it runs.
    ///
    /// A write: what the kernel has accepted, renewed after each system call, of which none moves
    /// more than 1 MiB. A read: what has arrived towards it.
    pub fn count(&self) -> u64 {
        self.handle.hand_over();
        self.handle.slot().moved()
    }

    /// Who works on it, if it is not settled.
    fn unsettled(&self) -> Option<Arc<dyn Provider>> {
        let slot = self.handle.slot();
        if slot.is_settled() {
            return None;
        }
        slot.provider()
    }

    fn would_deadlock(&self, provider: Option<&dyn Provider>) -> Option<Error> {
        if !provider?.owns_current_thread() {
            return None;
        }
        let slot = self.handle.slot();
        match slot.interruption() {
            Some(Interruption::Recorded) => Some(ErrorKind::WouldDeadlock.into()),
            Some(Interruption::Finishes) => {
                // What it reads would go to nobody.
                Arc::clone(slot).interrupt(ErrorKind::WouldDeadlock);
                None
            }
            // It completes by itself.
            Some(Interruption::Committed) | None => None,
        }
    }
}

/// For `.await`, in any executor; see [`AioFuture`].
impl<T: Send + 'static> IntoFuture for Aio<T, InFlight> {
    type Output = Result<T, Error>;
    type IntoFuture = AioFuture<T>;

    fn into_future(self) -> AioFuture<T> {
        self.handle.hand_over();
        AioFuture::new(self.handle)
    }
}

impl<T, S> fmt::Debug for Aio<T, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Aio")
            .field("completed", &self.handle.slot().is_settled())
            .field("count", &self.handle.slot().moved())
            .field("options", &self.options)
            .finish_non_exhaustive()
    }
}
