//! One direction of a connection: its lane, its thread, and the acting on what the lane decides.
//!
//! Who owns what: a handle (`Conn`) owns both sides; a side's thread owns its side while it runs;
//! an exchange under way owns a handle; both sides own the link, and with the last of them the socket
//! closes. Operations know their side weakly. Locks: the lane's and the slot's, never both at once, and none while anything here calls
//! the transport, the timer, or user code.

use std::collections::VecDeque;
use std::io;
use std::net::Shutdown;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};
use std::time::Instant;

use super::lane::{Away, Found, Job, Lane, Left, Runner, Submitted};
use super::ledger::Ledger;
use super::thread::Owner;
use crate::aio::{Call, Provider};
use crate::error::{Error, ErrorKind};
use crate::timer::{self, Expire};
use crate::transport::Transport;
use crate::unwind::guard;

/// What both directions share.
#[derive(Debug)]
pub(crate) struct Link {
    pub(crate) owner: Owner,
    pub(crate) transport: Box<dyn Transport>,
    pub(crate) ledger: Ledger,
    /// The stream was given back: it is no longer ours to close.
    pub(crate) released: AtomicBool,
}

impl Drop for Link {
    fn drop(&mut self) {
        if !self.released.load(Ordering::Relaxed) {
            // Fails when the peer is gone already.
            let _ = self.transport.shutdown(Shutdown::Write);
            self.transport.linger();
        }
    }
}

/// What makes a side the writing or the reading one.
pub(crate) trait Direction: Sized + Send + Sync + 'static {
    type Job: Job;
    const ROLE: &'static str;
    const HOW: Shutdown;

    /// The thread.
    fn run(side: &Side<Self>);

    /// The caller is going to block for an operation.
    fn awaited(_side: &Side<Self>, _operation: usize) {}

    /// Nobody is going to block for an operation.
    fn detached(_side: &Side<Self>) {}

    /// The operation in a system call was interrupted.
    fn interrupt_call(side: &Side<Self>, operation: usize);
}

pub(crate) struct Side<D: Direction> {
    pub(crate) link: Arc<Link>,
    pub(crate) lane: Lane<D::Job>,
    pub(crate) direction: D,
    this: Weak<Self>,
}

impl<D: Direction> Side<D> {
    pub(crate) fn new(link: Arc<Link>, direction: D) -> Arc<Self> {
        let lane = Lane::new();
        Arc::new_cyclic(|this| Self {
            link,
            lane,
            direction,
            this: Weak::clone(this),
        })
    }

    pub(crate) fn provider(&self) -> Weak<dyn Provider> {
        self.this.clone()
    }

    /// Hands a job to the thread; starts it if it is the first.
    pub(crate) fn submit(&self, job: D::Job, limit: usize) {
        if job.deadline().is_past() {
            return self.fail(job, ErrorKind::TimedOut);
        }
        let id = job.id();
        self.see_to_submission(id, self.lane.submit(job, limit));
    }

    /// As `submit`, but leaves the job to whoever waits for it, if nobody is at work.
    pub(crate) fn defer(&self, job: D::Job, limit: usize) {
        if job.deadline().is_past() {
            return self.fail(job, ErrorKind::TimedOut);
        }
        let id = job.id();
        self.see_to_submission(id, self.lane.defer(job, limit));
    }

    /// What a submission asks for, once no lock is held.
    pub(crate) fn see_to_submission(&self, id: usize, submitted: Submitted<D::Job>) {
        match submitted {
            Submitted::Accepted { start, arm } => {
                if start {
                    self.start();
                }
                if !self.arm(arm) {
                    self.lane.not_armed();
                    if let Found::Queued(job) = self.lane.withdraw(id) {
                        self.fail(job, ErrorKind::NoMemory);
                    }
                }
            }
            Submitted::Deferred { watch } => self.watch(watch),
            Submitted::Rejected(job, kind) => self.fail(job, kind),
        }
    }

    /// Has the timer look after what is deferred. Without one, the thread gets it now.
    fn watch(&self, at: Option<Instant>) {
        if !self.arm(at) {
            self.lane.not_watched();
            self.undefer();
        }
    }

    /// Nobody is going to wait for what is deferred.
    pub(crate) fn undefer(&self) {
        if self.lane.undefer() {
            self.start();
        }
    }

    /// Has the caller, who was admitted to the lane, work in place of the thread.
    pub(crate) fn be_guest<T>(&self, work: impl FnOnce() -> T) -> Option<T> {
        let mut done = None;
        guard(|| done = Some(work()));
        if done.is_none() {
            guard(|| self.lose()); // A transport may panic; its caller must not.
        }
        match self.lane.guest_leaves() {
            Left::Nothing => {}
            Left::Start => self.start(),
        }
        done
    }

    fn start(&self) {
        if self.spawn(D::ROLE, |side| side.work()).is_err() {
            let (queue, stand_in) = self.lane.no_thread();
            for job in queue {
                self.fail(job, ErrorKind::NoMemory);
            }
            if stand_in {
                self.stand_in();
            }
        }
    }

    /// Ends the side because who worked on it panicked: the job in hand is dropped, and so
    /// completes; the others complete here.
    fn lose(&self) {
        let (queue, stand_in) = self.lane.lost();
        guard(|| drop(self.link.transport.abort(D::HOW)));
        self.fail_queued(queue);
        if stand_in {
            self.stand_in();
        }
    }

    /// Fails a job. If a part of it is out, its direction ends with it: nothing can follow.
    pub(crate) fn fail(&self, job: D::Job, kind: ErrorKind) {
        if job.is_cut() {
            return self.end_with(job, kind.into());
        }
        self.tell(job.fail(kind.into()));
    }

    /// Fails a job in flight, and with it its direction: first the end of the stream, so that
    /// nothing follows what was counted, then those who are to be told.
    pub(crate) fn end_with(&self, job: D::Job, error: Error) {
        let ended = self.lane.end();
        // Fails when the peer is gone already, and then there is nobody to see it.
        let _ = self.link.transport.abort(D::HOW);
        // Closed meanwhile: that is the reason, whatever the call made of it.
        let error = match ended.before {
            Some(kind) => error.with_kind(kind),
            None => error,
        };
        self.tell(job.fail(error));
        self.fail_queued(ended.queue);
    }

    /// Fails what an ended lane had queued.
    pub(crate) fn fail_queued(&self, queue: VecDeque<D::Job>) {
        for job in queue {
            self.tell(job.fail(ErrorKind::Closed.into()));
        }
    }

    /// Fails a job that must not be started. The direction is untouched.
    pub(crate) fn refuse(&self, job: D::Job, error: Error) {
        self.tell(job.fail(error));
    }

    pub(crate) fn tell(&self, call: Option<Call>) {
        if let Some(call) = call {
            self.post(call);
        }
    }

    /// Sees to what others must do while the thread is away.
    pub(crate) fn see_to(&self, away: &Away) {
        if !self.arm(away.arm) {
            self.lane.not_armed();
        }
        if away.stand_in {
            self.stand_in();
        }
    }

    /// Runs user code on the side's own thread, between jobs.
    pub(crate) fn run(&self, user_code: impl FnOnce()) {
        let away = self.lane.away();
        self.see_to(&away);
        user_code();
    }

    fn arm(&self, at: Option<Instant>) -> bool {
        at.is_none_or(|at| timer::arm(at, Weak::<Self>::clone(&self.this)).is_ok())
    }

    fn spawn(&self, role: &str, run: fn(&Self)) -> io::Result<()> {
        let Some(side) = self.this.upgrade() else {
            return Ok(());
        };
        let name = format!("http-aio:{role}:{}", self.link.transport.peer_addr());
        self.link.owner.spawn(name, move || run(&side))
    }

    fn work(&self) {
        let _lost = Lost(self);
        D::run(self);
    }

    /// Has the calls run by a thread that stands in for the one that is away, then ends.
    fn stand_in(&self) {
        let spawned = self.spawn("call", |side| {
            while let Some(call) = side.lane.next_call() {
                call();
            }
        });
        if spawned.is_err() && self.lane.no_stand_in() {
            // Nobody else is left to do it, and it must not be lost.
            while let Some(call) = self.lane.next_call() {
                call();
            }
        }
    }
}

impl<D: Direction> Provider for Side<D> {
    fn interrupted(&self, operation: usize) {
        match self.lane.withdraw(operation) {
            Found::Queued(job) => self.fail(job, ErrorKind::Canceled),
            Found::InCall => D::interrupt_call(self, operation),
            Found::Elsewhere => {}
        }
    }

    fn post(&self, call: Call) {
        if matches!(self.lane.post(call), Runner::StandIn) {
            self.stand_in();
        }
    }

    fn awaited(&self, operation: usize) {
        D::awaited(self, operation);
    }

    fn detached(&self, _: usize) {
        D::detached(self);
    }

    fn owns_current_thread(&self) -> bool {
        self.link.owner.owns_current_thread()
    }
}

impl<D: Direction> Expire for Side<D> {
    fn expire(&self) {
        let due = self.lane.take_due(Instant::now());
        for job in due.jobs {
            self.fail(job, ErrorKind::TimedOut);
        }
        self.see_to(&due.away);
        if due.start {
            self.start();
        }
        self.watch(due.again);
    }
}

/// Ends the side when its thread panics, which a transport may make it do.
struct Lost<'a, D: Direction>(&'a Side<D>);

impl<D: Direction> Drop for Lost<'_, D> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.lose();
        }
    }
}
