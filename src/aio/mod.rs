//! The handle the caller holds. It knows neither HTTP nor sockets.

mod cancel_token;
mod canceler;
mod completer;
mod future;
pub(crate) mod habit;
mod handle;
mod in_flight;
#[cfg(all(test, loom))]
mod model;
mod notice;
mod operation;
mod provider;
mod series;
mod slot;
mod state;
mod written;

use std::fmt;
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

pub use self::cancel_token::CancelToken;
use self::cancel_token::Registration;
pub use self::canceler::Canceler;
pub(crate) use self::completer::Completer;
use self::handle::Handle;
pub(crate) use self::notice::Notice;
pub(crate) use self::provider::{Operation, Provider, TakenBack};
pub(crate) use self::series::Series;
use self::slot::Slot;
pub(crate) use self::state::Interruption;
pub use self::written::Written;
use crate::bufs::Bufs;
use crate::deadline::Deadline;
#[cfg(doc)]
use crate::error::Error;
use crate::error::{Action, ErrorKind};

/// A handle for one operation at a time: yours while idle, lent to the connection while in flight.
///
/// An idle aio carries options. It is *moved* into an operation, which returns it as
/// `Aio<T, InFlight>`; from there it is waited for, called back, canceled or awaited, and it can be
/// had back for the next operation. So submitting twice, reading a result early, and waiting *and*
/// taking a callback do not compile.
///
/// `T` is what the operation yields, and is inferred.
///
/// It is not `Clone`, because one aio is one operation: [`another`](Self::another) makes one with the same
/// options, and [`options`](Aio::options) is where to begin for many operations.
///
/// # Dropping one in flight
///
/// A read that nobody can receive would take bytes that nobody gets. So dropping the aio of a
/// [`Conn`](crate::Conn)'s read, in flight, cancels it, in whatever way it is dropped: with its handle, with
/// the `Err` of a [`wait_timeout`](Self::wait_timeout), or as the branch of a `select` that has lost. It
/// takes nothing, and what arrives is for the next read. One that has completed has taken its bytes already:
/// ask [`is_done`](Self::is_done) before the drop if they matter, or keep the aio and wait for it later.
///
/// Everything else is *detached*: a write, an exchange, a connect, a `shutdown` goes on, because what it has
/// begun must not be left in the middle.
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
#[must_use = "an aio does nothing by itself; one in flight that is dropped cancels a read and detaches anything else"]
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
pub struct InFlight {
    /// The operation's place in the token of its aio.
    registration: Option<Registration>,
}

/// What stays with an aio from one operation to the next.
#[derive(Clone, Debug)]
pub(crate) struct Options {
    /// For each operation.
    pub(crate) timeout: Option<Duration>,
    pub(crate) deadline: Deadline,
    pub(crate) token: Option<CancelToken>,
}

impl Options {
    /// No bounds.
    pub(crate) const NONE: Self = Self {
        timeout: None,
        deadline: Deadline::Never,
        token: None,
    };

    /// Whether nothing can be done under them any more.
    pub(crate) fn are_over(&self) -> bool {
        let is_canceled = || self.token.as_ref().is_some_and(CancelToken::is_canceled);
        self.deadline.is_past() || is_canceled()
    }
}

impl Aio<()> {
    /// An aio for options alone: [`another`](Self::another) gives them to any number of operations, each of
    /// its own type.
    ///
    /// # Examples
    ///
    /// ```
    /// use http_aio::{Aio, Client};
    /// use std::time::Duration;
    ///
    /// let client = Client::new();
    /// let options = Aio::options().timeout(Duration::from_secs(30));
    /// let urls = ["http://192.0.2.1/a", "http://192.0.2.1/b"];
    /// let running = urls.map(|url| client.get(options.another(), url));
    /// # running.iter().for_each(Aio::cancel);
    /// ```
    pub fn options() -> Self {
        Self::new()
    }
}

impl<T> Aio<T> {
    /// An idle aio without options: no deadline, no token, no vector.
    #[doc(alias = "nng_aio_alloc")]
    pub fn new() -> Self {
        Self::with(Options::NONE)
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
        Self::with(Options {
            deadline,
            ..Options::NONE
        })
    }

    pub(crate) fn with(options: Options) -> Self {
        Self::idle(Handle::new(Arc::new(Slot::new())), options)
    }

    /// Gives each operation this long in total, from its submission, time in the queue included.
    ///
    /// Stays for later operations. With a [`deadline`](Self::deadline) as well, the earlier counts.
    /// Zero expires at once: nothing is tried. A duration beyond the clock never passes.
    #[doc(alias = "nng_aio_set_timeout")]
    pub fn timeout(mut self, after: Duration) -> Self {
        self.options.timeout = Some(after);
        self
    }

    /// Fails each operation that has not completed at this moment.
    ///
    /// Stays for later operations, so one deadline can bound a whole exchange.
    #[doc(alias = "nng_aio_set_expire")]
    pub fn deadline(mut self, at: Instant) -> Self {
        self.options.deadline = Deadline::At(at);
        self
    }

    /// Has each operation canceled when the token is. A token that is canceled already fails it with
    /// [`Canceled`](ErrorKind::Canceled), and nothing of it is done.
    ///
    /// Stays for later operations, in place of a token that was given before.
    pub fn cancel_token(mut self, token: &CancelToken) -> Self {
        self.options.token = Some(token.clone());
        self
    }
}

impl<T, S> Aio<T, S> {
    /// A new idle aio with the options of this one, for an operation of any type: its timeout, its
    /// deadline and its cancel token. A vector stays where it is.
    ///
    /// # Examples
    ///
    /// One set of options bounds all the steps of a task:
    ///
    /// ```
    /// use http_aio::http::Request;
    /// use http_aio::{Aio, CancelToken, Conn};
    /// use std::net::TcpListener;
    /// use std::time::{Duration, Instant};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let listener = TcpListener::bind("127.0.0.1:0")?;
    /// # let address = listener.local_addr()?;
    /// let token = CancelToken::new();
    /// let at = Instant::now() + Duration::from_secs(10);
    /// let options = Aio::options().deadline(at).cancel_token(&token);
    ///
    /// let conn = Conn::connect(options.another(), address).wait()?;
    /// conn.write_all(options.another().iov(["hello"])).wait()?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn another<U>(&self) -> Aio<U> {
        Aio::with(self.options.clone())
    }
}

impl<T: Send + 'static> Aio<T> {
    /// Lends the aio to `provider`, for `action`: the handle for the caller, the completer for the job.
    pub(crate) fn start(
        mut self,
        provider: &Weak<dyn Provider>,
        interruption: Interruption,
        action: Action,
    ) -> (Aio<T, InFlight>, Completer<T>, Deadline) {
        let mut deadline = match self.options.timeout {
            Some(after) => Deadline::after(after).earlier(self.options.deadline),
            None => self.options.deadline,
        };
        Slot::start(self.handle.slot_mut(), provider, interruption, action);
        self.handle.cancel_when_dropped(None);
        let token = self.options.token.as_ref();
        if token.is_some_and(CancelToken::is_canceled) {
            // Nobody knows the operation yet. It is refused as one whose time is over, for this cause.
            let peer = || provider.upgrade()?.peer();
            let _ = Slot::interrupt(self.handle.slot(), ErrorKind::Canceled, false, peer);
            deadline = Deadline::At(Instant::now());
        }
        let completer = Completer::new(Arc::clone(self.handle.slot()));
        let lent = Aio {
            handle: self.handle,
            options: self.options,
            state: InFlight { registration: None },
        };
        (lent, completer, deadline)
    }
}

impl<T> Default for Aio<T> {
    fn default() -> Self {
        Self::new()
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
