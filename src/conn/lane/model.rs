//! The lane under the model checker: its thread, guests, the timer, and those who interrupt, in
//! every interleaving up to a bound.
//!
//! ```text
//! RUSTFLAGS="--cfg loom" cargo test --lib --release model
//! ```

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use loom::thread::{self, JoinHandle};

use super::{Found, Job, Lane, Left, Runner, Submitted, Work};
use crate::aio::{Aio, Call, Completer, InFlight, Interruption, Provider};
use crate::deadline::Deadline;
use crate::error::{Error, ErrorKind};
use crate::sync::{Condvar, Mutex};

struct Read(Completer<u32>);

impl Job for Read {
    fn id(&self) -> usize {
        self.0.id()
    }

    fn deadline(&self) -> Deadline {
        Deadline::Never
    }

    fn is_cut(&self) -> bool {
        false
    }

    fn fail(self, error: Error) -> Option<Call> {
        self.0.finish(Err(error)).into_call()
    }
}

/// What a side is, without a socket: what arrives is counted.
struct Side {
    lane: Lane<Read>,
    input: Mutex<Input>,
    changed: Condvar,
    /// Somebody is at work.
    working: AtomicBool,
    starts: AtomicUsize,
    threads: std::sync::Mutex<Vec<JoinHandle<()>>>,
    this: Weak<Side>,
}

#[derive(Default)]
struct Input {
    there: u32,
    next: u32,
    woken: bool,
    ended: bool,
}

impl Side {
    fn new(there: u32) -> Arc<Self> {
        let input = Input {
            there,
            ..Input::default()
        };
        Arc::new_cyclic(|this| Self {
            lane: Lane::new(),
            input: Mutex::new(input),
            changed: Condvar::new(),
            working: AtomicBool::new(false),
            starts: AtomicUsize::new(0),
            threads: std::sync::Mutex::new(Vec::new()),
            this: this.clone(),
        })
    }

    fn job(&self) -> (Aio<u32, InFlight>, Read) {
        let provider: Weak<dyn Provider> = self.this.clone();
        let (aio, completer, _) = Aio::new().start(&provider, Interruption::Finishes);
        (aio, Read(completer))
    }

    /// As `Conn::read`; true: the timer is to come.
    fn defer(&self) -> (Aio<u32, InFlight>, bool) {
        let (aio, job) = self.job();
        let kick = match self.lane.defer(job, 9) {
            Submitted::Accepted { start, arm } => {
                if start {
                    self.start();
                }
                arm.is_some()
            }
            Submitted::Deferred { watch } => watch.is_some(),
            Submitted::Rejected(job, kind) => {
                assert!(job.fail(kind.into()).is_none());
                false
            }
        };
        (aio, kick)
    }

    fn submit(&self) -> Aio<u32, InFlight> {
        let (aio, job) = self.job();
        match self.lane.submit(job, 9) {
            Submitted::Accepted { start: true, .. } => self.start(),
            Submitted::Accepted { .. } | Submitted::Deferred { .. } => {}
            Submitted::Rejected(job, kind) => assert!(job.fail(kind.into()).is_none()),
        }
        aio
    }

    fn start(&self) {
        assert_eq!(
            self.starts.fetch_add(1, Ordering::SeqCst),
            0,
            "a second thread"
        );
        let side = self.this.upgrade().expect("&self");
        let thread = thread::spawn(move || side.run());
        self.threads.lock().unwrap().push(thread);
    }

    fn run(&self) {
        let mut jobs = VecDeque::new();
        loop {
            match self.lane.next(&mut jobs, |_| false) {
                Work::Jobs => self.serve(jobs.pop_front().expect("a job")),
                Work::Call(call) => {
                    self.lane.away();
                    call();
                }
                Work::Exit => return,
            }
        }
    }

    fn serve(&self, job: Read) {
        assert!(!self.working.swap(true, Ordering::SeqCst), "two at work");
        self.read(job);
        self.working.store(false, Ordering::SeqCst);
    }

    fn read(&self, job: Read) {
        loop {
            if job.0.is_settled() {
                return;
            }
            {
                let input = self.input.lock();
                if input.there > 0 {
                    drop(input);
                    if job.0.commit() {
                        let mut input = self.input.lock();
                        input.there -= 1;
                        input.next += 1;
                        let read = input.next;
                        drop(input);
                        job.0.finish(Ok(read)).run();
                    }
                    return;
                }
            }
            if let Err(kind) = self.lane.enter(job.0.operation().expect("not finished")) {
                job.0.finish(Err(kind.into())).run();
                return;
            }
            if job.0.is_settled() {
                self.lane.leave();
                return;
            }
            let mut input = self.input.lock();
            while input.there == 0 && !input.ended && !std::mem::take(&mut input.woken) {
                self.changed.wait(&mut input);
            }
            drop(input);
            if let Some(kind) = self.lane.leave() {
                job.0.finish(Err(kind.into())).run();
                return;
            }
        }
    }

    fn change(&self, change: impl FnOnce(&mut Input)) {
        change(&mut self.input.lock());
        self.changed.notify_all();
    }

    fn arrive(&self) {
        self.change(|input| input.there += 1);
    }

    /// The timer comes, and once more if it is asked to.
    fn kick(&self) {
        let mut due = self.lane.take_due(Instant::now() + Duration::from_secs(60));
        if due.again.is_some() {
            due.start |= self
                .lane
                .take_due(Instant::now() + Duration::from_secs(999))
                .start;
        }
        assert!(due.jobs.is_empty());
        if due.start {
            self.start();
        }
    }

    fn undefer(&self) {
        if self.lane.undefer() {
            self.start();
        }
    }

    /// The last handle goes.
    fn drop_handle(&self) {
        self.undefer();
        self.lane.drain();
    }

    fn close(&self) {
        let ended = self.lane.end();
        self.change(|input| input.ended = true);
        for job in ended.queue {
            assert!(job.fail(ErrorKind::Closed.into()).is_none());
        }
    }

    /// The thread, if there is one, must end; a lost wake-up is a deadlock here.
    fn end(&self) {
        self.drop_handle();
        self.ends();
    }

    /// As `end`, when the last handle has gone or it is closed.
    fn ends(&self) {
        loop {
            let thread = self.threads.lock().unwrap().pop();
            let Some(thread) = thread else { return };
            thread.join().expect("no panic");
        }
    }
}

impl Provider for Side {
    fn interrupted(&self, operation: usize) {
        match self.lane.withdraw(operation) {
            Found::Queued(job) => assert!(job.fail(ErrorKind::Canceled.into()).is_none()),
            Found::InCall => self.change(|input| input.woken = true),
            Found::Elsewhere => {}
        }
    }

    fn post(&self, call: Call) {
        assert!(
            matches!(self.lane.post(call), Runner::Present),
            "nobody stands in here"
        );
    }

    fn awaited(&self, operation: usize) {
        let Some(job) = self.lane.enter_for(operation) else {
            return;
        };
        self.serve(job);
        if let Left::Start = self.lane.guest_leaves() {
            self.start();
        }
    }

    fn detached(&self, _: usize) {
        self.undefer();
    }

    fn owns_current_thread(&self) -> bool {
        false
    }
}

fn check(model: impl Fn() + Send + Sync + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound.get_or_insert(2);
    builder.max_branches = 10_000;
    builder.check(model);
}

fn spawn(side: &Arc<Side>, run: impl FnOnce(&Side) + Send + 'static) -> JoinHandle<()> {
    let side = Arc::clone(side);
    thread::spawn(move || run(&side))
}

fn waits(aio: Aio<u32, InFlight>) -> JoinHandle<Result<u32, ErrorKind>> {
    thread::spawn(move || aio.wait().map_err(|error| error.kind()))
}

fn join<T>(thread: JoinHandle<T>) -> T {
    thread.join().expect("no panic")
}

#[test]
fn a_guest_and_the_timer_and_what_arrives() {
    check(|| {
        let side = Side::new(0);
        let (aio, kick) = side.defer();
        assert!(kick);
        let timer = spawn(&side, Side::kick);
        let peer = spawn(&side, Side::arrive);
        assert_eq!(aio.wait().unwrap(), 1);
        join(timer);
        join(peer);
        side.end();
    });
}

#[test]
fn nobody_waits_and_the_timer_comes() {
    check(|| {
        let side = Side::new(1);
        let (aio, kick) = side.defer();
        assert!(kick);
        let canceller = aio.canceller();
        drop(aio);
        let timer = spawn(&side, Side::kick);
        let cancels = thread::spawn(move || canceller.cancel());
        join(timer);
        join(cancels);
        side.end();
        assert!(!side.working.load(Ordering::SeqCst));
    });
}

#[test]
fn two_waiters_and_the_timer() {
    check(|| {
        let side = Side::new(2);
        let (first, _) = side.defer();
        let (second, _) = side.defer();
        let first = waits(first);
        let timer = spawn(&side, Side::kick);
        assert_eq!(second.wait().unwrap(), 2);
        assert_eq!(join(first), Ok(1));
        join(timer);
        side.end();
    });
}

/// The second comes while the first one's guest is at work, or before, or after.
#[test]
fn a_submission_meets_a_guest() {
    check(|| {
        let side = Side::new(1);
        let (first, _) = side.defer();
        let first = waits(first);
        let peer = spawn(&side, Side::arrive);
        let (second, _) = side.defer();
        let second = join(waits(second));
        assert_eq!((join(first), second), (Ok(1), Ok(2)));
        join(peer);
        side.end();
    });
}

/// The thread is there, idle or parked or about to be, when guests come and leave something to it.
#[test]
fn a_guest_takes_the_place_of_the_thread_and_gives_it_back() {
    check(|| {
        let side = Side::new(3);
        assert_eq!(join(waits(side.submit())), Ok(1));
        let (second, kick) = side.defer();
        let second = waits(second);
        let third = spawn(&side, move |side| {
            let _ = side.submit().wait();
        });
        if kick {
            side.kick();
        }
        assert!(matches!(join(second), Ok(2 | 3)));
        join(third);
        side.end();
    });
}

#[test]
fn a_guest_whose_read_is_cancelled_and_the_read_behind_it() {
    check(|| {
        let side = Side::new(0);
        let (first, _) = side.defer();
        let canceller = first.canceller();
        let cancels = thread::spawn(move || canceller.cancel());
        let first = waits(first);
        let second = side.submit();
        side.change(|input| input.there += 2);
        let second = second.wait().map_err(|error| error.kind());
        let expected = match join(first) {
            Ok(read) => read + 1,
            Err(_) => 1,
        };
        assert_eq!(second, Ok(expected));
        join(cancels);
        side.end();
    });
}

#[test]
fn the_last_handle_goes_while_a_guest_comes() {
    check(|| {
        let side = Side::new(0);
        let (aio, kick) = side.defer();
        let drops = spawn(&side, Side::drop_handle);
        let peer = spawn(&side, Side::arrive);
        assert_eq!(join(waits(aio)), Ok(1));
        if kick {
            side.kick();
        }
        join(drops);
        join(peer);
        side.end();
    });
}

#[test]
fn a_close_meets_a_guest_and_the_timer() {
    check(|| {
        let side = Side::new(0);
        let (aio, _) = side.defer();
        let closes = spawn(&side, Side::close);
        let timer = spawn(&side, Side::kick);
        assert_eq!(aio.wait().unwrap_err().kind(), ErrorKind::Closed);
        join(closes);
        join(timer);
        side.end();
    });
}

/// As `write_as_guest` does: one that was never queued, part of which is left to the thread.
#[test]
fn a_guest_leaves_a_job_to_the_thread() {
    check(|| {
        let side = Side::new(2);
        let (first, job) = side.job();
        let job = side
            .lane
            .enter_with(job)
            .unwrap_or_else(|_| panic!("vacant"));
        let second = spawn(&side, |side| assert_eq!(side.submit().wait().unwrap(), 2));
        let mut rest = VecDeque::from([job]);
        assert!(side.lane.give_back(&mut rest).is_ok());
        if let Left::Start = side.lane.guest_leaves() {
            side.start();
        }
        assert_eq!(first.wait().unwrap(), 1);
        join(second);
        side.end();
    });
}

/// A closure that is posted while a guest is between two calls finds the thread, or has it started.
#[test]
fn a_call_that_is_posted_to_a_guest_runs() {
    check(|| {
        let side = Side::new(0);
        let (_first, job) = side.job();
        let job = side
            .lane
            .enter_with(job)
            .unwrap_or_else(|_| panic!("vacant"));
        let ran = Arc::new(AtomicUsize::new(0));
        let runs = Arc::clone(&ran);
        let posts = spawn(&side, move |side| {
            let call = Box::new(move || {
                runs.fetch_add(1, Ordering::SeqCst);
            });
            if let Runner::StandIn = side.lane.post(call) {
                while let Some(call) = side.lane.next_call() {
                    call();
                }
            }
        });
        drop(job);
        if let Left::Start = side.lane.guest_leaves() {
            side.start();
        }
        join(posts);
        side.end();
        assert_eq!(ran.load(Ordering::SeqCst), 1);
    });
}

/// As after a panic.
#[test]
fn a_guest_that_is_lost_ends_the_lane() {
    check(|| {
        let side = Side::new(1);
        assert_eq!(join(waits(side.submit())), Ok(1));
        let (second, job) = side.job();
        match side.lane.enter_with(job) {
            Ok(job) => {
                let third = spawn(&side, |side| {
                    let kind = side.submit().wait().unwrap_err().kind();
                    assert_eq!(kind, ErrorKind::Closed);
                });
                drop(job);
                let (queue, stand_in) = side.lane.lost();
                assert!(!stand_in);
                for job in queue {
                    assert!(job.fail(ErrorKind::Closed.into()).is_none());
                }
                assert!(matches!(side.lane.guest_leaves(), Left::Nothing));
                assert_eq!(second.wait().unwrap_err().kind(), ErrorKind::Abandoned);
                join(third);
            }
            Err(job) => {
                drop(job);
                side.close();
            }
        }
        side.end();
    });
}

/// The thread waits for the guest to leave, and must not wait for more.
#[test]
fn the_end_comes_while_a_guest_works_in_place_of_the_thread() {
    for end in [Side::drop_handle, Side::close] {
        check(move || {
            let side = Side::new(2);
            assert_eq!(join(waits(side.submit())), Ok(1));
            let (second, _) = side.defer();
            let ends = spawn(&side, end);
            let kind = second.wait().map_err(|error| error.kind());
            assert!(matches!(kind, Ok(2) | Err(ErrorKind::Closed)));
            join(ends);
            side.ends();
        });
    }
}
