//! One direction of a connection: its queue, its thread, and the acting on what the queue decides.
//!
//! Who owns what: a handle (`Conn`) owns both halves; a half's thread owns its half while it runs; an
//! exchange under way owns both; both halves own the link, and with the last of them the socket closes.
//! Operations know their half weakly. Locks: the queue's, the slot's and the alarm's, never two at once
//! but for the timer's within the alarm's, and none while anything here calls the transport or user code.

use std::collections::VecDeque;
use std::io;
use std::net::Shutdown;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};
use std::time::Instant;

use parking_lot::Mutex;

use super::{Away, Found, Job, Left, Queue, Runner, Submitted};
use crate::aio::habit::{Handling, Hold};
use crate::aio::{Operation, Provider, TakenBack};
use crate::background::{self, Call};
use crate::conn::ledger::{Exchanges, Ledger};
use crate::conn::thread::Owner;
use crate::error::{Error, ErrorKind};
use crate::timer::{self, Alarm, Expire};
use crate::transport::Transport;
use crate::unwind::guard;

/// What both directions share.
#[derive(Debug)]
pub(crate) struct Link {
    pub(crate) owner: Owner,
    pub(crate) transport: Box<dyn Transport>,
    pub(crate) ledger: Ledger,
    pub(crate) exchanges: Exchanges,
    /// Held while the two operations of an exchange are submitted.
    pub(crate) pairing: Mutex<()>,
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

/// What makes a half the writing or the reading one.
pub(crate) trait Direction: Sized + Send + Sync + 'static {
    type Job: Job;
    /// In the names of its threads.
    const ROLE: &'static str;
    const HOW: Shutdown;

    /// The thread.
    fn run(half: &Half<Self>);

    /// The caller is going to block for an operation. True if it has served it.
    fn awaited(half: &Half<Self>, operation: &dyn Operation) -> bool;

    /// Bytes that have moved for a job that nobody has begun.
    fn moved(_half: &Half<Self>, _job: &Self::Job) -> u64 {
        0
    }

    /// Operations that are to end because nobody can learn of their outcome.
    fn unwanted(_half: &Half<Self>) -> Vec<Arc<dyn Operation>> {
        Vec::new()
    }

    /// The operation in a system call was interrupted.
    fn interrupt_call(half: &Half<Self>, operation: &dyn Operation);
}

pub(crate) struct Half<D: Direction> {
    pub(crate) link: Arc<Link>,
    pub(crate) queue: Queue<D::Job>,
    pub(crate) direction: D,
    /// The one entry of this half in the timer.
    alarm: Mutex<Option<Alarm>>,
    this: Weak<Self>,
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
        self.see_to_submission(submitted)
    }

    /// What a submission asks for, once no lock is held.
    pub(crate) fn see_to_submission(&self, submitted: Submitted<D::Job>) -> Handling {
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
                        self.fail(job, ErrorKind::NoMemory);
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
            Submitted::Rejected(job, kind) => self.reject(job, kind),
        }
        Handling::HandedOver
    }

    /// Nobody is going to wait for what is held back.
    pub(crate) fn hand_over(&self) {
        if self.queue.hand_over() {
            self.start();
        }
    }

    /// No more submissions will come.
    pub(crate) fn drain(&self) {
        self.hand_over(); // Who would have waited for it has nothing to do it on any more.
        self.queue.drain();
        self.end_unwanted();
    }

    /// Ends operations whose outcome nobody can learn of, once no more submissions can come.
    pub(crate) fn end_unwanted(&self) {
        for operation in D::unwanted(self) {
            operation.interrupt(ErrorKind::Canceled);
        }
    }

    /// Has the caller, who has claimed the queue, work in place of the thread.
    pub(crate) fn run_inline<T>(&self, work: impl FnOnce() -> T) -> Option<T> {
        let mut done = None;
        // What users' destructors wait for in there is answered as on the thread.
        let owned = self.link.owner.enter();
        guard(|| done = Some(work()));
        if done.is_none() {
            guard(|| self.worker_died()); // A transport may panic; its caller must not.
        }
        drop(owned);
        match self.queue.caller_leaves() {
            Left::Nothing => {}
            Left::Start => self.start(),
        }
        done
    }

    fn start(&self) {
        if self.spawn(D::ROLE, |half| half.work()).is_err() {
            let (jobs, stand_in) = self.queue.no_thread();
            for job in jobs {
                self.fail(job, ErrorKind::NoMemory);
            }
            if stand_in {
                self.stand_in();
            }
        }
    }

    /// Ends the half because who worked on it panicked: the job in hand is dropped, and so
    /// completes; the others complete here.
    fn worker_died(&self) {
        let (jobs, stand_in) = self.queue.worker_died();
        guard(|| drop(self.link.transport.abort(D::HOW)));
        self.fail_queued(jobs);
        if stand_in {
            self.stand_in();
        }
    }

    /// Fails a job. If a part of it is out, its direction ends with it: nothing can follow.
    pub(crate) fn fail(&self, job: D::Job, kind: ErrorKind) {
        self.fail_with(job, kind.into());
    }

    /// Fails a job that was interrupted, or has expired, in the queue.
    fn fail_in_queue(&self, job: D::Job, kind: ErrorKind) {
        let moved = D::moved(self, &job);
        self.fail_with(job, Error::new(kind).with_count(moved));
    }

    fn fail_with(&self, job: D::Job, error: Error) {
        if job.is_cut() {
            self.end_with(job, error);
        } else {
            self.refuse(job, error);
        }
    }

    /// Fails a job in flight, and with it its direction: first the end of the stream, so that
    /// nothing follows what was counted, then those who are to be told.
    pub(crate) fn end_with(&self, job: D::Job, error: Error) {
        let ended = self.queue.end();
        // Fails when the peer is gone already, and then there is nobody to see it.
        let _ = self.link.transport.abort(D::HOW);
        // Closed meanwhile: that is the reason, whatever the call made of it.
        let error = match ended.before {
            Some(kind) => error.with_kind(kind),
            None => error,
        };
        self.refuse(job, error);
        self.fail_queued(ended.jobs);
    }

    /// Fails what an ended queue had.
    pub(crate) fn fail_queued(&self, jobs: VecDeque<D::Job>) {
        for job in jobs {
            self.refuse(job, ErrorKind::Closed.into());
        }
    }

    /// Fails a job that was not accepted.
    pub(crate) fn reject(&self, job: D::Job, kind: ErrorKind) {
        self.tell(job.fail(kind.into()));
    }

    /// Fails a job. The direction is untouched.
    pub(crate) fn refuse(&self, job: D::Job, error: Error) {
        self.queue.finished();
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
            self.queue.not_armed();
        }
        if away.stand_in {
            self.stand_in();
        }
    }

    /// Runs user code on the half's own thread, between jobs.
    pub(crate) fn run(&self, user_code: impl FnOnce()) {
        let away = self.queue.enter_user_code();
        self.see_to(&away);
        guard(user_code);
    }

    /// Has the timer come at this time, if there is one.
    fn arm(&self, at: Option<Instant>) -> bool {
        let Some(at) = at else { return true };
        // Held around the timer's lock, so that `expire` finds every alarm that has fired in here: one
        // that it did not take out would be taken for one that is still to come.
        let mut armed = self.alarm.lock();
        // What comes earlier looks at everything.
        if armed.as_ref().is_some_and(|alarm| alarm.at() <= at) {
            return true;
        }
        let Ok(alarm) = timer::arm(at, Weak::<Self>::clone(&self.this)) else {
            return false;
        };
        let later = armed.replace(alarm);
        drop(armed);
        drop(later);
        true
    }

    fn disarm(&self) {
        let alarm = self.alarm.lock().take();
        drop(alarm);
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

    /// The thread has nothing to do.
    pub(crate) fn park(&self) {
        self.queue.park();
    }

    /// Has the calls run by a thread that stands in for the one that is away, then ends.
    fn stand_in(&self) {
        let spawned = self.spawn("cb", |half| {
            while let Some(call) = half.queue.next_call() {
                guard(call);
            }
        });
        if spawned.is_err() && self.queue.no_stand_in() {
            // Nobody else is left to do it, and it must not be lost.
            while let Some(call) = self.queue.next_call() {
                background::run(call);
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
            Found::InCall | Found::Elsewhere => TakenBack::Not,
        }
    }

    fn interrupted(&self, operation: &dyn Operation) {
        match self.queue.withdraw(operation) {
            Found::Queued(job) => self.fail_in_queue(job, ErrorKind::Canceled),
            Found::InCall => D::interrupt_call(self, operation),
            Found::InHands | Found::Elsewhere => {}
        }
    }

    fn post(&self, call: Call) {
        match self.queue.post(call) {
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

    fn forsaken(&self) {
        self.end_unwanted();
    }

    fn owns_current_thread(&self) -> bool {
        self.link.owner.owns_current_thread()
    }
}

impl<D: Direction> Expire for Half<D> {
    fn expire(&self) {
        // What has fired is gone; what follows is armed anew.
        self.disarm();
        let due = self.queue.take_due(Instant::now());
        for job in due.jobs {
            self.fail_in_queue(job, ErrorKind::TimedOut);
        }
        self.see_to(&due.away);
        if due.start {
            self.start();
        }
    }

    fn release(self: Arc<Self>) {
        background::release(self);
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
