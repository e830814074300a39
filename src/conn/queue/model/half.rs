//! The model of a half: its thread, its callers, and those who interrupt.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use loom::thread::{self, JoinHandle};

use super::read::Read;
use crate::aio::{Aio, InFlight, Interruption, Operation, Provider, TakenBack};
use crate::background::UserCode;
use crate::conn::queue::{EndReason, Found, Job, Next, Queue, Runner, Submitted};
use crate::error::{Action, Error, ErrorKind};
use crate::sync::{Condvar, Mutex};

/// What has arrived towards every read.
pub(super) const COUNT: u64 = 7;

/// What a half is, without a socket: what arrives is counted.
pub(super) struct Half {
    pub(super) queue: Queue<Read>,
    input: Mutex<Input>,
    changed: Condvar,
    /// Somebody is at work.
    pub(super) working: AtomicBool,
    starts: AtomicUsize,
    threads: std::sync::Mutex<Vec<JoinHandle<()>>>,
    this: Weak<Half>,
}

#[derive(Default)]
pub(super) struct Input {
    pub(super) there: u32,
    next: u32,
    woken: bool,
    ended: bool,
}

impl Half {
    pub(super) fn new(there: u32) -> Arc<Self> {
        let input = Input {
            there,
            ..Input::default()
        };
        Arc::new_cyclic(|this| Self {
            queue: Queue::new(),
            input: Mutex::new(input),
            changed: Condvar::new(),
            working: AtomicBool::new(false),
            starts: AtomicUsize::new(0),
            threads: std::sync::Mutex::new(Vec::new()),
            this: this.clone(),
        })
    }

    pub(super) fn job(&self) -> (Aio<u32, InFlight>, Read) {
        let provider: Weak<dyn Provider> = self.this.clone();
        let (aio, completer, _) = Aio::new().start(&provider, Interruption::Finishes, Action::Read);
        (aio, Read(completer))
    }

    /// As `Conn::read` for a thread that waits at once; true: the timer is to come.
    pub(super) fn hold_back(&self) -> (Aio<u32, InFlight>, bool) {
        let (aio, job) = self.job();
        let comes = match self.queue.hold_back(job, 9) {
            Submitted::Accepted { start, arm, .. } => {
                if start {
                    self.start();
                }
                arm.is_some()
            }
            Submitted::HeldBack { arm } => arm.is_some(),
            Submitted::Rejected(job, kind) => {
                assert!(job.fail(kind.into()).is_none());
                false
            }
        };
        (aio, comes)
    }

    pub(super) fn submit(&self) -> Aio<u32, InFlight> {
        let (aio, job) = self.job();
        match self.queue.submit(job, 9) {
            Submitted::Accepted { start: true, .. } => self.start(),
            Submitted::Accepted { .. } | Submitted::HeldBack { .. } => {}
            Submitted::Rejected(job, kind) => assert!(job.fail(kind.into()).is_none()),
        }
        aio
    }

    pub(super) fn start(&self) {
        assert_eq!(
            self.starts.fetch_add(1, Ordering::SeqCst),
            0,
            "a second thread"
        );
        let half = self.this.upgrade().expect("&self");
        let thread = thread::spawn(move || half.run());
        self.threads.lock().unwrap().push(thread);
    }

    fn run(&self) {
        let mut jobs = VecDeque::new();
        loop {
            match self.queue.next(&mut jobs, |_| false) {
                Next::Jobs => self.serve(jobs.pop_front().expect("a job")),
                Next::UserCode(code) => {
                    self.queue.enter_user_code();
                    code();
                }
                Next::Park => self.queue.park(),
                Next::Exit => return,
            }
        }
    }

    fn serve(&self, job: Read) {
        assert!(!self.working.swap(true, Ordering::SeqCst), "two at work");
        let outcome = self.read(&job);
        self.working.store(false, Ordering::SeqCst);
        self.queue.finished();
        if let Some(outcome) = outcome {
            job.0.finish(outcome).run();
        }
    }

    /// `None`: it is settled already.
    fn read(&self, job: &Read) -> Option<Result<u32, Error>> {
        loop {
            if job.0.is_settled() {
                return None;
            }
            if self.input.lock().there > 0 {
                if !job.0.commit() {
                    return None;
                }
                let mut input = self.input.lock();
                input.there -= 1;
                input.next += 1;
                return Some(Ok(input.next));
            }
            job.0.progress(COUNT);
            match self.queue.enter(job.0.operation().expect("not finished")) {
                Ok(away) if away.stand_in => self.stand_in(),
                Ok(_) => {}
                Err(kind) => return Some(Err(kind.into())),
            }
            if job.0.is_settled() {
                self.queue.leave();
                return None;
            }
            if let Some(cause) = job.0.cause() {
                self.queue.leave();
                return Some(Err(Error::new(cause).with_count(COUNT)));
            }
            let mut input = self.input.lock();
            while input.there == 0 && !input.ended && !std::mem::take(&mut input.woken) {
                self.changed.wait(&mut input);
            }
            drop(input);
            if let Some(kind) = self.queue.leave() {
                return Some(Err(kind.into()));
            }
        }
    }

    /// Fails a job that nobody has begun, or that was not accepted.
    fn fail(&self, job: Read, kind: ErrorKind) {
        self.queue.finished();
        assert!(job.fail(Error::new(kind).with_count(COUNT)).is_none());
    }

    pub(super) fn stand_in(&self) {
        while let Some(code) = self.queue.next_posted() {
            code();
        }
    }

    pub(super) fn change(&self, change: impl FnOnce(&mut Input)) {
        change(&mut self.input.lock());
        self.changed.notify_all();
    }

    pub(super) fn arrive(&self) {
        self.change(|input| input.there += 1);
    }

    /// The timer comes, and once more if it is asked to.
    pub(super) fn kick(&self) {
        let mut due = self
            .queue
            .take_due(Instant::now() + Duration::from_secs(60));
        if due.away.arm.is_some() {
            let later = Instant::now() + Duration::from_secs(999);
            due.start |= self.queue.take_due(later).start;
        }
        assert!(due.jobs.is_empty());
        if due.start {
            self.start();
        }
    }

    pub(super) fn hand_over(&self) {
        if self.queue.hand_over() {
            self.start();
        }
    }

    /// The last handle goes.
    pub(super) fn drop_handle(&self) {
        self.hand_over();
        self.queue.drain();
    }

    pub(super) fn close(&self) {
        let ended = self.queue.end(EndReason::Closed);
        self.change(|input| input.ended = true);
        for job in ended.jobs {
            self.fail(job, ErrorKind::Closed);
        }
    }

    /// The thread, if there is one, must end; a lost wake-up is a deadlock here.
    pub(super) fn end(&self) {
        self.drop_handle();
        self.ends();
    }

    /// As `end`, when the last handle has gone or it is closed.
    pub(super) fn ends(&self) {
        loop {
            let thread = self.threads.lock().unwrap().pop();
            let Some(thread) = thread else { return };
            thread.join().expect("no panic");
        }
    }
}

impl Provider for Half {
    fn take_back(&self, operation: &dyn Operation, kind: ErrorKind) -> TakenBack {
        match self.queue.withdraw(operation) {
            Found::Queued(job) => {
                self.fail(job, kind);
                TakenBack::Settled
            }
            Found::InHands => TakenBack::Begun,
            Found::Blocked | Found::Elsewhere => TakenBack::Not,
        }
    }

    fn interrupted(&self, operation: &dyn Operation) {
        match self.queue.withdraw(operation) {
            Found::Queued(job) => self.fail(job, ErrorKind::Canceled),
            Found::Blocked => self.change(|input| input.woken = true),
            Found::InHands | Found::Elsewhere => {}
        }
    }

    fn post(&self, code: UserCode) {
        if let Runner::StandIn = self.queue.post(code) {
            self.stand_in();
        }
    }

    fn awaited(&self, operation: &dyn Operation) -> bool {
        let Some(job) = self.queue.claim(operation) else {
            return false;
        };
        self.serve(job);
        if self.queue.caller_leaves() {
            self.start();
        }
        true
    }

    fn detached(&self) {
        self.hand_over();
    }

    fn owns_current_thread(&self) -> bool {
        false
    }
}
