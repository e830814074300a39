//! The queue under the model checker: its thread, callers, the timer, and those who interrupt, in
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

use super::{Found, Job, Next, Queue, Runner, Submitted};
use crate::aio::{Aio, Completer, InFlight, Interruption, Operation, Provider, TakenBack};
use crate::background::UserCode;
use crate::deadline::Deadline;
use crate::error::{Error, ErrorKind};
use crate::sync::{Bell, Condvar, Mutex};

struct Read(Completer<u32>);

impl Job for Read {
    fn id(&self) -> usize {
        self.0.id()
    }

    fn deadline(&self) -> Deadline {
        Deadline::Never
    }

    fn set_place(&self, place: u64) {
        self.0.set_place(place);
    }

    fn set_held(&self, held: bool) {
        self.0.set_held(held);
    }

    fn is_wanted(&self) -> bool {
        self.0.is_wanted()
    }

    fn is_cut(&self) -> bool {
        false
    }

    fn fail(self, error: Error) -> Option<UserCode> {
        self.0.finish(Err(error)).into_call()
    }
}

/// What has arrived towards every read.
const COUNT: u64 = 7;

/// What a half is, without a socket: what arrives is counted.
struct Half {
    queue: Queue<Read>,
    input: Mutex<Input>,
    changed: Condvar,
    /// Somebody is at work.
    working: AtomicBool,
    starts: AtomicUsize,
    threads: std::sync::Mutex<Vec<JoinHandle<()>>>,
    this: Weak<Half>,
}

#[derive(Default)]
struct Input {
    there: u32,
    next: u32,
    woken: bool,
    ended: bool,
}

impl Half {
    fn new(there: u32) -> Arc<Self> {
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

    fn job(&self) -> (Aio<u32, InFlight>, Read) {
        let provider: Weak<dyn Provider> = self.this.clone();
        let (aio, completer, _) = Aio::new().start(&provider, Interruption::Finishes);
        (aio, Read(completer))
    }

    /// As `Conn::read` for a thread that waits at once; true: the timer is to come.
    fn hold_back(&self) -> (Aio<u32, InFlight>, bool) {
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

    fn submit(&self) -> Aio<u32, InFlight> {
        let (aio, job) = self.job();
        match self.queue.submit(job, 9) {
            Submitted::Accepted { start: true, .. } => self.start(),
            Submitted::Accepted { .. } | Submitted::HeldBack { .. } => {}
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

    fn stand_in(&self) {
        while let Some(code) = self.queue.next_posted() {
            code();
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

    fn hand_over(&self) {
        if self.queue.hand_over() {
            self.start();
        }
    }

    /// The last handle goes.
    fn drop_handle(&self) {
        self.hand_over();
        self.queue.drain();
    }

    fn close(&self) {
        let ended = self.queue.end();
        self.change(|input| input.ended = true);
        for job in ended.jobs {
            self.fail(job, ErrorKind::Closed);
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

fn check(model: impl Fn() + Send + Sync + 'static) {
    check_up_to(2, model);
}

fn check_up_to(preemptions: usize, model: impl Fn() + Send + Sync + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound.get_or_insert(preemptions);
    builder.max_branches = 10_000;
    builder.check(model);
}

fn spawn(half: &Arc<Half>, run: impl FnOnce(&Half) + Send + 'static) -> JoinHandle<()> {
    let half = Arc::clone(half);
    thread::spawn(move || run(&half))
}

fn waits(aio: Aio<u32, InFlight>) -> JoinHandle<Result<u32, ErrorKind>> {
    thread::spawn(move || aio.wait().map_err(|error| error.kind()))
}

fn join<T>(thread: JoinHandle<T>) -> T {
    thread.join().expect("no panic")
}

#[test]
fn a_caller_and_the_timer_and_what_arrives() {
    check(|| {
        let half = Half::new(0);
        let (aio, kick) = half.hold_back();
        assert!(kick);
        let timer = spawn(&half, Half::kick);
        let peer = spawn(&half, Half::arrive);
        assert_eq!(aio.wait().unwrap(), 1);
        join(timer);
        join(peer);
        half.end();
    });
}

#[test]
fn nobody_waits_and_the_timer_comes() {
    check(|| {
        let half = Half::new(1);
        let (aio, kick) = half.hold_back();
        assert!(kick);
        let canceller = aio.canceller();
        drop(aio);
        let timer = spawn(&half, Half::kick);
        let cancels = thread::spawn(move || canceller.cancel());
        join(timer);
        join(cancels);
        half.end();
        assert!(!half.working.load(Ordering::SeqCst));
    });
}

#[test]
fn two_waiters_and_the_timer() {
    check(|| {
        let half = Half::new(2);
        let (first, _) = half.hold_back();
        let (second, _) = half.hold_back();
        let first = waits(first);
        let timer = spawn(&half, Half::kick);
        assert_eq!(second.wait().unwrap(), 2);
        assert_eq!(join(first), Ok(1));
        join(timer);
        half.end();
    });
}

/// The second comes while the first one's caller is at work, or before, or after.
#[test]
fn a_submission_meets_a_caller() {
    check(|| {
        let half = Half::new(1);
        let (first, _) = half.hold_back();
        let first = waits(first);
        let peer = spawn(&half, Half::arrive);
        let (second, _) = half.hold_back();
        let second = join(waits(second));
        assert_eq!((join(first), second), (Ok(1), Ok(2)));
        join(peer);
        half.end();
    });
}

/// The thread is there, idle or parked or about to be, when callers come and leave something to it.
#[test]
fn a_caller_takes_the_place_of_the_thread_and_gives_it_back() {
    check(|| {
        let half = Half::new(3);
        assert_eq!(join(waits(half.submit())), Ok(1));
        let (second, kick) = half.hold_back();
        let second = waits(second);
        let third = spawn(&half, move |half| {
            let _ = half.submit().wait();
        });
        if kick {
            half.kick();
        }
        assert!(matches!(join(second), Ok(2 | 3)));
        join(third);
        half.end();
    });
}

#[test]
fn a_caller_whose_read_is_cancelled_and_the_read_behind_it() {
    check(|| {
        let half = Half::new(0);
        let (first, _) = half.hold_back();
        let canceller = first.canceller();
        let cancels = thread::spawn(move || canceller.cancel());
        let first = waits(first);
        let second = half.submit();
        half.change(|input| input.there += 2);
        let second = second.wait().map_err(|error| error.kind());
        let expected = match join(first) {
            Ok(read) => read + 1,
            Err(_) => 1,
        };
        assert_eq!(second, Ok(expected));
        join(cancels);
        half.end();
    });
}

#[test]
fn the_last_handle_goes_while_a_caller_comes() {
    check(|| {
        let half = Half::new(0);
        let (aio, kick) = half.hold_back();
        let drops = spawn(&half, Half::drop_handle);
        let peer = spawn(&half, Half::arrive);
        assert_eq!(join(waits(aio)), Ok(1));
        if kick {
            half.kick();
        }
        join(drops);
        join(peer);
        half.end();
    });
}

#[test]
fn a_close_meets_a_caller_and_the_timer() {
    check(|| {
        let half = Half::new(0);
        let (aio, _) = half.hold_back();
        let closes = spawn(&half, Half::close);
        let timer = spawn(&half, Half::kick);
        assert_eq!(aio.wait().unwrap_err().kind(), ErrorKind::Closed);
        join(closes);
        join(timer);
        half.end();
    });
}

/// As `write_some_inline` does: one that was never queued, part of which is left to the thread.
#[test]
fn a_caller_leaves_a_job_to_the_thread() {
    check(|| {
        let half = Half::new(2);
        let (first, job) = half.job();
        let job = half
            .queue
            .claim_with(job)
            .unwrap_or_else(|_| panic!("vacant"));
        let second = spawn(&half, |half| assert_eq!(half.submit().wait().unwrap(), 2));
        let mut rest = VecDeque::from([job]);
        assert!(half.queue.give_back(&mut rest).is_ok());
        if half.queue.caller_leaves() {
            half.start();
        }
        assert_eq!(first.wait().unwrap(), 1);
        join(second);
        half.end();
    });
}

/// A closure that is posted while a caller works finds the thread, or has it started.
#[test]
fn a_closure_that_is_posted_while_a_caller_works_runs() {
    check(|| {
        let half = Half::new(0);
        let (_first, job) = half.job();
        let job = half
            .queue
            .claim_with(job)
            .unwrap_or_else(|_| panic!("vacant"));
        let ran = Arc::new(AtomicUsize::new(0));
        let runs = Arc::clone(&ran);
        let posts = spawn(&half, move |half| {
            let code = Box::new(move || {
                runs.fetch_add(1, Ordering::SeqCst);
            });
            if let Runner::StandIn = half.queue.post(code) {
                while let Some(code) = half.queue.next_posted() {
                    code();
                }
            }
        });
        drop(job);
        if half.queue.caller_leaves() {
            half.start();
        }
        join(posts);
        half.end();
        assert_eq!(ran.load(Ordering::SeqCst), 1);
    });
}

/// As after a panic.
#[test]
fn a_caller_that_dies_ends_the_queue() {
    check(|| {
        let half = Half::new(1);
        assert_eq!(join(waits(half.submit())), Ok(1));
        let (second, job) = half.job();
        match half.queue.claim_with(job) {
            Ok(job) => {
                let third = spawn(&half, |half| {
                    let kind = half.submit().wait().unwrap_err().kind();
                    assert_eq!(kind, ErrorKind::Closed);
                });
                drop(job);
                let (queue, stand_in) = half.queue.worker_died();
                assert!(!stand_in);
                for job in queue {
                    assert!(job.fail(ErrorKind::Closed.into()).is_none());
                }
                assert!(!half.queue.caller_leaves());
                assert_eq!(second.wait().unwrap_err().kind(), ErrorKind::Abandoned);
                join(third);
            }
            Err(job) => {
                drop(job);
                half.close();
            }
        }
        half.end();
    });
}

/// The thread waits for the caller to leave, and must not wait for more.
#[test]
fn the_end_comes_while_a_caller_works_in_place_of_the_thread() {
    for end in [Half::drop_handle, Half::close] {
        check(move || {
            let half = Half::new(2);
            assert_eq!(join(waits(half.submit())), Ok(1));
            let (second, _) = half.hold_back();
            let ends = spawn(&half, end);
            let kind = second.wait().map_err(|error| error.kind());
            assert!(matches!(kind, Ok(2) | Err(ErrorKind::Closed)));
            join(ends);
            half.ends();
        });
    }
}

/// The thread has been rung for it, and comes while the waiter takes it back; then the next.
#[test]
fn a_waiter_takes_back_what_was_handed_over() {
    check(|| {
        let half = Half::new(2);
        assert_eq!(half.submit().wait().unwrap(), 1);
        assert_eq!(half.submit().wait().unwrap(), 2);
        half.end();
    });
}

/// The job lies in the queue, or the thread has it or is blocked for it: whoever knows its count settles it.
#[test]
fn what_is_cancelled_says_its_count() {
    check(|| {
        let half = Half::new(0);
        let first = half.submit();
        first.cancel();
        let error = first.wait().unwrap_err();
        assert_eq!((error.kind(), error.count()), (ErrorKind::Canceled, COUNT));
        half.end();
    });
}

/// The job lies in the queue, or the waiter or the thread has it, or is blocked for it.
#[test]
fn what_a_waiter_takes_back_is_cancelled() {
    check(|| {
        let half = Half::new(0);
        let first = half.submit();
        let canceller = first.canceller();
        let cancels = thread::spawn(move || canceller.cancel());
        assert_eq!(first.wait().unwrap_err().kind(), ErrorKind::Canceled);
        join(cancels);
        half.arrive();
        assert_eq!(half.submit().wait().unwrap(), 1);
        half.end();
    });
}

/// Anything that happens on the connection hands over what is held back, once.
#[test]
fn what_is_held_back_is_handed_over_by_two() {
    check(|| {
        let half = Half::new(1);
        let (held, _) = half.hold_back();
        let first = spawn(&half, Half::hand_over);
        let second = spawn(&half, Half::kick);
        assert_eq!(join(waits(held)), Ok(1));
        join(first);
        join(second);
        half.end();
    });
}

/// Whoever is told of the last operation finds the queue quiet.
#[test]
fn the_queue_is_quiet_when_the_last_is_told() {
    check(|| {
        let half = Half::new(1);
        let aio = half.submit();
        assert!(!half.queue.is_quiet() || aio.is_done());
        assert_eq!(aio.wait().unwrap(), 1);
        assert!(half.queue.is_quiet());
        half.end();
    });
}

/// The thread has taken user code and is about to run it: nobody takes its place then.
#[test]
fn a_caller_meets_a_thread_that_runs_user_code() {
    check_up_to(3, || {
        let half = Half::new(2);
        let first = half.submit();
        half.post(Box::new(|| ()));
        let second = spawn(&half, |half| {
            let _ = half.submit().wait();
        });
        assert!(first.wait().is_ok());
        join(second);
        half.end();
    });
}

/// No thread is to be had that stands in, and the queue's own comes back meanwhile.
#[test]
fn user_code_without_a_stand_in_is_left_to_the_thread() {
    check(|| {
        let half = Half::new(0);
        let first = half.submit();
        let ran = Arc::new(Bell::new());
        let runs = Arc::clone(&ran);
        let posts = spawn(&half, move |half| {
            let code = Box::new(move || runs.ring());
            if let Runner::StandIn = half.queue.post(code) {
                if half.queue.no_stand_in() {
                    half.stand_in();
                }
            }
        });
        half.arrive();
        assert!(first.wait().is_ok());
        join(posts);
        ran.wait();
        half.end();
    });
}
