//! The orderly end of a connection, as one operation.
//!
//! It is two operations of the connection, under one deadline: a write that ends the stream, behind
//! all that were submitted before; and a read that throws away what comes, to the peer's end. They
//! are submitted together, because a peer may read only when it has been read from. The caller's
//! operation completes when both have.
//!
//! After it nothing is accepted on the connection any more (`shutting_down`), so that nobody gets the rest
//! of a stream of which a part was thrown away.

use std::sync::{Arc, Weak};

use parking_lot::Mutex;

use super::queue::{EndReason, Half};
use super::read::{ReadJob, Reader, Want};
use super::write::{Parcel, WriteJob};
use super::{Conn, Handle, close};
use crate::aio::habit::{self, Handling, Kind};
use crate::aio::{Aio, Canceler, Completer, InFlight, Interruption, Operation, Provider, Written};
use crate::background::UserCode;
use crate::error::{Action, Error, ErrorKind, Peer};
use crate::proto::limits::Limits;

/// Ending.
impl Conn {
    /// Ends the write side behind what was submitted, and completes when the peer has ended its
    /// stream as well: the lingering close. So the peer has received all that was counted, or never
    /// will.
    ///
    /// The writes that were submitted before finish first; those that failed have ended the write
    /// side already. Over TLS the end is a `close_notify`, unless a write has failed; and the peer's
    /// is its `close_notify`, or the end of the stream below. What comes from the peer meanwhile,
    /// behind the reads that were submitted before, is read and thrown away. Whatever is submitted
    /// later completes with [`Closed`](ErrorKind::Closed), but for another `shutdown`.
    ///
    /// Give it a timeout: a peer may never end. What a `shutdown` has not ended when it fails, or when
    /// its aio is dropped, ends with [`close`](Self::close), or with the last handle.
    ///
    /// # Before a process exits
    ///
    /// A process that exits takes its sockets along, and nobody is left to read what peers still
    /// say: then the kernel resets the connection, and the reset destroys what the peer has not read
    /// yet, counted or not. The same is done in the background for connections that are dropped or
    /// closed while the process lives. So before it exits, wait for the writes, then for
    /// `shutdown`, on every connection whose peer must have all that was counted. An exchange that
    /// came to its end needs no such care: the answer has told what the peer has.
    ///
    /// # Errors
    ///
    /// [`TimedOut`](ErrorKind::TimedOut), [`Canceled`](ErrorKind::Canceled);
    /// [`Reset`](ErrorKind::Reset) if the peer has reset the connection;
    /// [`Closed`](ErrorKind::Closed) if it was closed on this side, or shut down already;
    /// [`NoMemory`](ErrorKind::NoMemory), [`Tls`](ErrorKind::Tls), [`Io`](ErrorKind::Io).
    ///
    /// # Cancellation
    ///
    /// At once. Writes that were submitted before go on.
    ///
    /// # Examples
    ///
    /// ```
    /// use http_aio::{Aio, Conn};
    /// use std::io::{Read, Write};
    /// use std::os::unix::net::UnixStream;
    /// use std::time::Duration;
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let (near, mut far) = UnixStream::pair()?;
    /// let peer = std::thread::spawn(move || {
    ///     far.write_all(b"I have something to say")?;
    ///     let mut received = Vec::new();
    ///     far.read_to_end(&mut received).map(|_| received)
    /// });
    ///
    /// let conn = Conn::from(near);
    /// let writing = conn.write_all(Aio::new().iov(["the last words"]));
    /// conn.shutdown(Aio::new().timeout(Duration::from_secs(5))).wait()?;
    /// assert_eq!(writing.wait()?.count(), 14);
    /// assert_eq!(peer.join().unwrap()?, b"the last words");
    /// # Ok(())
    /// # }
    /// ```
    #[doc(alias = "lingering close")]
    #[doc(alias = "SO_LINGER")]
    #[doc(alias = "close_gracefully")]
    pub fn shutdown(&self, aio: Aio<()>) -> Aio<(), InFlight> {
        submit(&self.handle, self.limits, aio)
    }

    /// Closes the connection in both directions, at once, for all its handles.
    ///
    /// Operations in flight and queued complete with [`Closed`](ErrorKind::Closed) and their exact
    /// count, and so do operations that are submitted later. What the kernel has accepted is still
    /// delivered: the stream ends behind it, and whatever the peer says meanwhile is thrown away, in
    /// the background, until it ends its stream, or is silent for a second, for 5 seconds at most.
    /// A process that exits does not wait for that: see [`shutdown`](Self::shutdown).
    #[doc(alias = "nng_http_conn_close")]
    #[doc(alias = "abort")]
    pub fn close(&self) {
        close(&self.handle.writer, &self.handle.reader, EndReason::Closed);
    }
}

struct Shutdown {
    reader: Arc<Half<Reader>>,
    state: Mutex<State>,
}

struct State {
    completer: Option<Completer<()>>,
    write: Part,
    read: Part,
}

/// One of the two operations.
enum Part {
    Running(Canceler),
    Done(Result<(), Error>),
}

fn submit(handle: &Handle, limits: Limits, aio: Aio<()>) -> Aio<(), InFlight> {
    let hold = habit::before(Kind::Read);
    let shutdown = Action::Shutdown;
    let (write, write_completer, _) =
        Aio::new().start(&handle.writes, Interruption::Recorded, shutdown);
    let (read, read_completer, _) =
        Aio::new().start(&handle.reads, Interruption::Finishes, shutdown);
    let shutdown = Arc::new(Shutdown {
        reader: Arc::clone(&handle.reader),
        state: Mutex::new(State {
            completer: None,
            write: Part::Running(write.canceler()),
            read: Part::Running(read.canceler()),
        }),
    });
    let provider: Weak<dyn Provider> = Arc::<Shutdown>::downgrade(&shutdown);
    let (aio, completer, deadline) = aio.start(&provider, Interruption::Recorded, Action::Shutdown);
    if deadline.is_past() {
        completer.refuse(ErrorKind::TimedOut.into());
        return aio;
    }
    shutdown.state.lock().completer = Some(completer);
    let theirs = Arc::clone(&shutdown);
    write.then(move |result: Result<Written, Error>| theirs.written(result.map(drop)));
    let this = Arc::clone(&shutdown);
    read.then(move |result| shutdown.read(result));

    handle.link.ledger.shutting_down.set(true);
    let write = WriteJob::new(Parcel::end(), deadline, write_completer);
    handle.writer.submit_some(write, usize::MAX);
    let read = ReadJob {
        want: Want::Rest(read_completer),
        limits,
        deadline,
    };
    let handling = handle.reader.submit(read, usize::MAX, hold);
    if handling == Handling::HeldBack {
        this.mark_held_back();
    }
    aio.submitted(Kind::Read, handling)
}

impl Shutdown {
    /// The read is held back for the caller that waits for the whole.
    fn mark_held_back(&self) {
        if let Some(completer) = &self.state.lock().completer {
            completer.set_held(true);
        }
    }

    fn reading(&self) -> Option<Canceler> {
        match &self.state.lock().read {
            Part::Running(read) => Some(read.clone()),
            Part::Done(_) => None,
        }
    }

    fn written(&self, result: Result<(), Error>) {
        self.done(|state| state.write = Part::Done(result));
    }

    fn read(&self, result: Result<(), Error>) {
        let result = result.or_else(|error| self.unless_ended(error));
        let mut write = None;
        if result.is_ok() {
            let reason = EndReason::ShutDown;
            let ended = self.reader.queue.end(reason);
            self.reader.fail_queued(ended.jobs, reason);
        } else if let Part::Running(canceler) = &self.state.lock().write {
            write = Some(canceler.clone());
        }
        self.done(|state| state.read = Part::Done(result));
        if let Some(write) = write {
            write.cancel();
        }
    }

    /// Over TLS, a stream that was cut has ended, too.
    fn unless_ended(&self, error: Error) -> Result<(), Error> {
        let transport = &self.reader.link.transport;
        if error.kind() == ErrorKind::Reset && matches!(transport.peek(), Ok(0)) {
            return Ok(());
        }
        Err(error)
    }

    fn done(&self, set: impl FnOnce(&mut State)) {
        let mut state = self.state.lock();
        set(&mut state);
        let Some(outcome) = state.outcome() else {
            return;
        };
        let Some(completer) = state.completer.take() else {
            return;
        };
        drop(state);
        completer.finish_for_cause(outcome).run_or_post(self);
    }
}

impl State {
    /// None while one of the two is under way.
    fn outcome(&mut self) -> Option<Result<(), Error>> {
        let (Part::Done(write), Part::Done(read)) = (&mut self.write, &mut self.read) else {
            return None;
        };
        let (write, read) = (
            std::mem::replace(write, Ok(())),
            std::mem::replace(read, Ok(())),
        );
        Some(read.and_then(|()| match write {
            // It has ended already, with a write that failed; or the peer has gone.
            Err(error) if matches!(error.kind(), ErrorKind::Closed | ErrorKind::Io) => Ok(()),
            result => result,
        }))
    }
}

impl Provider for Shutdown {
    fn interrupted(&self, _: &dyn Operation) {
        let state = self.state.lock();
        let running = [&state.write, &state.read].map(|part| match part {
            Part::Running(canceler) => Some(canceler.clone()),
            Part::Done(_) => None,
        });
        drop(state);
        running.iter().flatten().for_each(Canceler::cancel);
    }

    fn post(&self, call: UserCode) {
        self.reader.post(call);
    }

    fn awaited(&self, _: &dyn Operation) -> bool {
        let read = self.reading();
        read.is_some_and(|read| self.reader.serve_inline(read.operation()))
    }

    fn detached(&self) {
        self.reader.hand_over();
    }

    /// With the last handle, the connection is seen off in the background.
    fn forsaken(&self) {
        if let Some(read) = self.reading() {
            read.operation().give_up();
            self.reader.end_unwanted();
        }
    }

    fn peer(&self) -> Option<Arc<Peer>> {
        Provider::peer(&*self.reader)
    }

    fn owns_current_thread(&self) -> bool {
        self.reader.owns_current_thread()
    }
}
