//! One direction of a connection: its queue, its thread, and the acting on what the queue decides.
//!
//! A handle (`Conn`) owns both halves, and so does an exchange under way; a half's thread owns its half
//! while it runs. Both halves own the link, and with the last of them the socket closes. Operations know
//! their half weakly.
//!
//! No two locks are held at once, except for the timer's within that of the alarm. None is held while
//! anything here calls the transport or user code.

use std::io;
use std::net::Shutdown;
use std::sync::{Arc, Weak};

use parking_lot::Mutex;

use super::{Away, Found, Job, Queue, Runner, Submitted};
use crate::aio::habit::{Handling, Hold};
use crate::aio::{Operation, Provider, TakenBack};
use crate::background::{self, UserCode};
use crate::conn::link::Link;
use crate::error::{Error, ErrorKind, Peer};
use crate::timer::Alarm;
use crate::unwind::guard;

/// What makes a half the writing or the reading one.
pub(crate) trait Direction: Sized + Send + Sync + 'static {
    type Job: Job;
    /// The role in the names of its threads.
    const ROLE: &'static str;
    const HOW: Shutdown;

    /// What the thread does until it ends.
    fn run(half: &Half<Self>);

    /// Lets a caller that is going to block for an operation serve it. True if it has.
    fn awaited(half: &Half<Self>, operation: &dyn Operation) -> bool;

    /// Bytes that have moved for a job that nobody has begun.
    fn moved(_half: &Half<Self>, _job: &Self::Job) -> u64 {
        0
    }

    /// Operations that are to end because nobody can learn of their outcome.
    fn unwanted(_half: &Half<Self>) -> Vec<Arc<dyn Operation>> {
        Vec::new()
    }

    /// Ends the system call of an operation that was interrupted.
    fn interrupt_blocked(half: &Half<Self>, operation: &dyn Operation);
}

pub(crate) struct Half<D: Direction> {
    pub(crate) link: Arc<Link>,
    pub(crate) queue: Queue<D::Job>,
    pub(crate) direction: D,
    /// The one entry of this half in the timer.
    pub(super) alarm: Mutex<Option<Alarm>>,
    pub(super) this: Weak<Self>,
}

impl<D: Direction> Half<D> {
    pub(crate) fn new(link: Arc<Link>, direction: D) -> Arc<Self> {
        let queue = Queue::new();
        Arc::new_cyclic(|this| Self {
            link,
            queue,
            direction,
            alarm: Mutex::new(None),
            this: Weak::clone(this),
        })
    }

    pub(crate) fn provider(&self) -> Weak<dyn Provider> {
        self.this.clone()
    }

    /// Hands a job to the thread, which is started if it is the first; or holds it back for its waiter.
    pub(crate) fn submit(&self, job: D::Job, limit: usize, hold: Hold) -> Handling {
        if job.deadline().is_past() {
            self.reject(job, ErrorKind::TimedOut);
            return Handling::HandedOver;
        }
        let submitted = match hold {
            Hold::Allowed => self.queue.hold_back(job, limit),
            Hold::Never => self.queue.submit(job, limit),
        };
        self.after_submission(submitted)
    }

    /// Does what a submission asks for, once no lock is held.
    pub(crate) fn after_submission(&self, submitted: Submitted<D::Job>) -> Handling {
        match submitted {
            Submitted::Accepted {
                accepted,
                start,
                arm,
            } => {
                if start {
                    self.start();
                }
                if !self.arm(arm) {
                    self.queue.not_armed();
                    if let Some(job) = self.queue.take_back(accepted) {
                        self.fail(job, Error::no_thread());
                    }
                }
            }
            Submitted::HeldBack { arm } => {
                if self.arm(arm) {
                    return Handling::HeldBack;
                }
                self.queue.not_armed();
                self.hand_over();
            }
            Submitted::Rejected(job, refusal) => self.reject(job, refusal),
        }
        Handling::HandedOver
    }

    /// Hands what is held back to the thread: nobody is going to wait for it.
    pub(crate) fn hand_over(&self) {
        if self.queue.hand_over() {
            self.start();
        }
    }

    /// No more submissions will come.
    pub(crate) fn drain(&self) {
        self.hand_over(); // Nothing keeps the half alive for a waiter that would serve it.
        self.queue.drain();
        self.end_unwanted();
    }

    /// Ends operations whose outcome nobody can learn of, once no more submissions can come.
    pub(crate) fn end_unwanted(&self) {
        for operation in D::unwanted(self) {
            operation.interrupt(ErrorKind::Canceled);
        }
    }

    /// Has a caller that has claimed the queue work in place of the thread.
    pub(crate) fn run_inline<T>(&self, work: impl FnOnce() -> T) -> Option<T> {
        let mut done = None;
        // A user's destructor that waits in there is refused, as on the thread.
        let owned = self.link.owner.enter();
        guard(|| done = Some(work()));
        if done.is_none() {
            guard(|| self.worker_died()); // A transport may panic; its caller must not.
        }
        drop(owned);
        if self.queue.caller_leaves() {
            self.start();
        }
        done
    }

    pub(super) fn start(&self) {
        if self.spawn(D::ROLE, |half| half.work()).is_err() {
            let (jobs, stand_in) = self.queue.no_thread();
            for job in jobs {
                self.fail(job, Error::no_thread());
            }
            if stand_in {
                self.stand_in();
            }
        }
    }

    /// Arranges what others must do while the thread is away.
    pub(crate) fn arrange(&self, away: &Away) {
        if !self.arm(away.arm) {
            self.queue.not_armed();
        }
        if away.stand_in {
            self.stand_in();
        }
    }

    /// Runs user code on the half's own thread, between jobs.
    pub(crate) fn run_user_code(&self, user_code: impl FnOnce()) {
        let away = self.queue.enter_user_code();
        self.arrange(&away);
        guard(user_code);
    }

    fn spawn(&self, role: &str, run: fn(&Self)) -> io::Result<()> {
        let Some(half) = self.this.upgrade() else {
            return Ok(());
        };
        let peer = self.link.transport.peer_addr();
        self.link.owner.spawn(role, &peer, move || run(&half))
    }

    fn work(&self) {
        let _died = Died(self);
        D::run(self);
    }

    /// Blocks the thread until there is something to do.
    pub(crate) fn park(&self) {
        self.queue.park();
    }

    /// Has a thread that stands in for the one that is away run what was posted.
    pub(super) fn stand_in(&self) {
        let spawned = self.spawn("cb", |half| {
            while let Some(code) = half.queue.next_posted() {
                guard(code);
            }
        });
        if spawned.is_err() && self.queue.no_stand_in() {
            // No other thread is left to run it, and it must not be lost.
            while let Some(code) = self.queue.next_posted() {
                background::run(code);
            }
        }
    }
}

impl<D: Direction> Provider for Half<D> {
    fn take_back(&self, operation: &dyn Operation, kind: ErrorKind) -> TakenBack {
        match self.queue.withdraw(operation) {
            Found::Queued(job) => {
                self.fail_in_queue(job, kind);
                TakenBack::Settled
            }
            Found::InHands => TakenBack::Begun,
            Found::Blocked | Found::Elsewhere => TakenBack::Not,
        }
    }

    fn interrupted(&self, operation: &dyn Operation) {
        match self.queue.withdraw(operation) {
            Found::Queued(job) => self.fail_in_queue(job, ErrorKind::Canceled),
            Found::Blocked => D::interrupt_blocked(self, operation),
            Found::InHands | Found::Elsewhere => {}
        }
    }

    fn post(&self, code: UserCode) {
        match self.queue.post(code) {
            Runner::Present => {}
            Runner::Later(at) => {
                if !self.arm(at) {
                    self.queue.not_armed();
                }
            }
            Runner::StandIn => self.stand_in(),
        }
    }

    fn awaited(&self, operation: &dyn Operation) -> bool {
        D::awaited(self, operation)
    }

    fn detached(&self) {
        self.hand_over();
    }

    fn peer(&self) -> Option<Arc<Peer>> {
        Some(Arc::clone(&self.link.peer))
    }

    fn owns_current_thread(&self) -> bool {
        self.link.owner.owns_current_thread()
    }
}

/// Ends the half when its thread panics, which a transport may make it do.
struct Died<'a, D: Direction>(&'a Half<D>);

impl<D: Direction> Drop for Died<'_, D> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.worker_died();
        }
    }
}
