//! One direction's queue, and what its thread is doing. Pure bookkeeping: decides under its lock,
//! acts outside (`side` does the acting).
//!
//! Invariants:
//!
//! 1. The lock is held for bookkeeping only: no I/O, no user code, no dropping of jobs (their
//!    buffers may be user types) under it.
//! 2. A job is in the queue, with the thread, or finished. Whoever takes it out of the queue owns it.
//! 3. Once `ended` is set nothing enters the queue, and who has set it sees that it is emptied.
//! 4. One at a time works on the lane: its thread, or, while that has nothing to do, a *guest*: a
//!    caller who would otherwise wait for the thread. The guest leaves to the thread what it has not
//!    done itself.
//! 5. The thread parks only after it has seen, under the lock, that there is nothing to do, and is
//!    rung only when it is parked: no wake-up is lost and none is paid for twice.

mod guest;
#[cfg(all(test, loom))]
mod model;
mod worker;

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

pub(crate) use self::guest::Left;
use self::guest::{Deferral, Kick};

use crate::aio::{Call, Operation};
use crate::deadline::Deadline;
use crate::error::{Error, ErrorKind};
use crate::sync::{AtomicBool, Bell, Mutex, MutexGuard};

/// How long to look whether a thread has come back, where microseconds do unless the machine is busy.
const SETTLING: Duration = Duration::from_millis(50);

/// What a lane knows of a job.
pub(crate) trait Job: Send + 'static {
    fn id(&self) -> usize;
    fn deadline(&self) -> Deadline;

    /// Whether a part of it is out, so that the stream is cut if it fails.
    fn is_cut(&self) -> bool;

    /// Completes it without success; returns the closure that is to be told, if there is one. A
    /// cause that the caller has given goes before the error's kind.
    fn fail(self, error: Error) -> Option<Call>;
}

pub(crate) struct Lane<J> {
    state: Mutex<State<J>>,
    /// Something has come since the thread last found nothing to do. For spinning without the lock.
    ready: AtomicBool,
    bell: Bell,
}

struct State<J> {
    queue: VecDeque<J>,
    /// User code that is due and did not come up on the thread itself.
    calls: VecDeque<Call>,
    thread: Thread,
    /// The operation of the system call that may be blocking.
    current: Option<Arc<dyn Operation>>,
    /// The thread has jobs that are not finished.
    serving: bool,
    /// Why no job is accepted any more.
    ended: Option<ErrorKind>,
    /// No handle is left that could submit.
    draining: bool,
    /// Not later than the earliest deadline in the queue.
    earliest: Option<Instant>,
    /// When the timer will come.
    armed: Option<Instant>,
    /// A thread is running `calls` in place of the lane's.
    standing_in: bool,
    /// Somebody is working in place of the thread, which is here meanwhile.
    guest: Option<Thread>,
    deferral: Deferral,
}

/// What the lane's thread is doing, as far as others must know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Thread {
    Unstarted,
    /// Has found nothing to do and looks whether something comes.
    Idle,
    /// Will look at the queue soon without being told.
    Busy,
    /// Waits for the doorbell.
    Parked,
    /// In a system call or in user code: nobody knows for how long.
    Away,
    Gone,
}

/// What a submission asks of the submitter.
pub(crate) enum Submitted<J> {
    Accepted {
        start: bool,
        arm: Option<Instant>,
    },
    /// Left to whoever waits for it; the timer is to look after it.
    Deferred {
        watch: Option<Instant>,
    },
    Rejected(J, ErrorKind),
}

/// What an interruption found.
pub(crate) enum Found<J> {
    Queued(J),
    InCall,
    Elsewhere,
}

/// What the end of a lane found.
pub(crate) struct Ended<J> {
    /// Why it had ended before.
    pub(crate) before: Option<ErrorKind>,
    pub(crate) queue: VecDeque<J>,
}

/// What the thread is to do next.
pub(crate) enum Work {
    Jobs,
    Call(Call),
    Exit,
}

/// Who runs a posted call.
pub(crate) enum Runner {
    /// A thread that is there and will come to it.
    Present,
    StandIn,
}

impl<J: Job> Lane<J> {
    pub(crate) fn new() -> Self {
        let state = State {
            queue: VecDeque::new(),
            calls: VecDeque::new(),
            thread: Thread::Unstarted,
            current: None,
            serving: false,
            ended: None,
            draining: false,
            earliest: None,
            armed: None,
            standing_in: false,
            guest: None,
            deferral: Deferral::default(),
        };
        Self {
            state: Mutex::new(state),
            ready: AtomicBool::new(false),
            bell: Bell::new(),
        }
    }

    /// Queues a job. `start`: the lane needs its thread; `arm`: and the timer.
    pub(crate) fn submit(&self, job: J, limit: usize) -> Submitted<J> {
        let mut state = self.state.lock();
        if let Some(kind) = state.ended {
            return Submitted::Rejected(job, kind);
        }
        if state.queue.len() >= limit {
            return Submitted::Rejected(job, ErrorKind::NoMemory);
        }
        let mut arm = None;
        if let Deadline::At(at) = job.deadline() {
            state.earliest = Some(state.earliest.map_or(at, |earliest| earliest.min(at)));
            if state.thread == Thread::Away {
                arm = state.time_to_arm();
            }
        }
        state.queue.push_back(job);
        let start = self.rouse(state);
        Submitted::Accepted { start, arm }
    }

    /// Makes the thread look at the queue; one that is busy looks by itself. True if it has to be
    /// started for that.
    fn rouse(&self, mut state: MutexGuard<'_, State<J>>) -> bool {
        state.deferral.waits = false;
        let start = state.thread == Thread::Unstarted && !state.queue.is_empty();
        if start {
            state.thread = Thread::Busy;
        }
        self.wake(state);
        start
    }

    /// Makes a thread that is there look at everything.
    fn wake(&self, mut state: MutexGuard<'_, State<J>>) {
        self.ready.store(true, Ordering::Release);
        let parked = state.thread == Thread::Parked;
        if parked {
            state.thread = Thread::Busy;
        }
        drop(state);
        if parked {
            self.bell.ring();
        }
    }

    /// Takes a job back, or says where it is.
    pub(crate) fn withdraw(&self, id: usize) -> Found<J> {
        let mut state = self.state.lock();
        if state
            .current
            .as_ref()
            .is_some_and(|current| current.id() == id)
        {
            return Found::InCall;
        }
        // From both ends: whoever cancels many does so in order, or in the reverse.
        let queue = &state.queue;
        let last = queue.len().saturating_sub(1);
        let place = (0..queue.len().div_ceil(2))
            .flat_map(|i| [i, last - i])
            .find(|i| queue[*i].id() == id);
        match place.and_then(|i| state.queue.remove(i)) {
            Some(job) => Found::Queued(job),
            None => Found::Elsewhere,
        }
    }

    /// As `withdraw` for the operation in the system call, which ends the lane: the stream is
    /// corrupt. False when the call is over, or another's.
    pub(crate) fn end_in_call(&self, id: usize) -> bool {
        let mut state = self.state.lock();
        let found = state
            .current
            .as_ref()
            .is_some_and(|current| current.id() == id);
        if found && state.ended.is_none() {
            state.ended = Some(ErrorKind::Closed);
        }
        found
    }

    /// Accepts no more.
    pub(crate) fn end(&self) -> Ended<J> {
        let mut state = self.state.lock();
        let before = state.ended.replace(ErrorKind::Closed);
        let queue = std::mem::take(&mut state.queue);
        self.wake(state);
        Ended { before, queue }
    }

    /// No more submissions will come.
    pub(crate) fn drain(&self) {
        let mut state = self.state.lock();
        state.draining = true;
        self.wake(state);
    }

    /// Whether no operation is queued or in flight. Waits a little while the thread is between two
    /// calls, or on its way back from one: who has just been told that the last operation is complete
    /// must not be told that one is not. Not for ever: the caller may be what the thread is running.
    pub(crate) fn is_quiet(&self) -> bool {
        let mut until = None;
        loop {
            let state = self.state.lock();
            let returns = match &state.current {
                Some(current) => current.is_settled(),
                None => state.thread == Thread::Busy,
            };
            if !state.serving || !returns {
                return !state.serving && state.queue.is_empty();
            }
            drop(state);
            let now = Instant::now();
            if now >= *until.get_or_insert(now + SETTLING) {
                return false;
            }
            std::thread::yield_now();
        }
    }

    /// Whether a system call may be blocking.
    pub(crate) fn is_in_call(&self) -> bool {
        self.state.lock().current.is_some()
    }

    /// Whether no job is accepted any more.
    pub(crate) fn has_ended(&self) -> bool {
        self.state.lock().ended.is_some()
    }

    /// What has fallen due while the thread is away.
    pub(crate) fn take_due(&self, now: Instant) -> Due<J> {
        let mut state = self.state.lock();
        state.armed = None;
        let is_due = |job: &J| job.deadline().instant().is_some_and(|at| at <= now);
        let mut jobs = Vec::new();
        if state.queue.iter().any(is_due) {
            let (taken, kept): (VecDeque<J>, VecDeque<J>) = std::mem::take(&mut state.queue)
                .into_iter()
                .partition(is_due);
            state.queue = kept;
            jobs = taken.into();
        }
        state.earliest = state
            .queue
            .iter()
            .filter_map(|job| job.deadline().instant())
            .min();
        let kick = state.kick(now);
        let waiting = state.thread == Thread::Away && !state.calls.is_empty();
        let stand_in = waiting && matches!(state.runner(), Runner::StandIn);
        let away = Away {
            arm: state.time_to_arm(),
            stand_in,
        };
        let (start, again) = match kick {
            Kick::Now => (self.rouse(state), None),
            Kick::At(at) => (false, Some(at)),
            Kick::No => (false, None),
        };
        Due {
            jobs,
            away,
            start,
            again,
        }
    }

    /// Leaves user code for the thread, or for one that is to stand in for it.
    pub(crate) fn post(&self, call: Call) -> Runner {
        let mut state = self.state.lock();
        state.calls.push_back(call);
        let runner = state.runner();
        match runner {
            Runner::Present => self.wake(state),
            Runner::StandIn => drop(state),
        }
        runner
    }

    /// The next call for a thread that stands in; after `None` it no longer does.
    pub(crate) fn next_call(&self) -> Option<Call> {
        let mut state = self.state.lock();
        let call = state.calls.pop_front();
        state.standing_in = call.is_some();
        call
    }

    /// There is no thread to stand in. True if there is no other that will run the calls.
    pub(crate) fn no_stand_in(&self) -> bool {
        let mut state = self.state.lock();
        state.standing_in = false;
        matches!(state.thread, Thread::Unstarted | Thread::Gone)
    }

    /// The timer is not to be had.
    pub(crate) fn not_armed(&self) {
        self.state.lock().armed = None;
    }

    /// There is no thread for the lane. Returns what was queued for it, and whether calls are left
    /// that need a stand-in.
    pub(crate) fn no_thread(&self) -> (VecDeque<J>, bool) {
        let mut state = self.state.lock();
        state.thread = Thread::Unstarted;
        let queue = std::mem::take(&mut state.queue);
        let stand_in = !state.calls.is_empty() && matches!(state.runner(), Runner::StandIn);
        (queue, stand_in)
    }
}

/// What the timer is to see to.
pub(crate) struct Due<J> {
    pub(crate) jobs: Vec<J>,
    pub(crate) away: Away,
    /// The lane needs its thread.
    pub(crate) start: bool,
    /// When to look again.
    pub(crate) again: Option<Instant>,
}

/// What there is to see to while the thread is away.
pub(crate) struct Away {
    pub(crate) arm: Option<Instant>,
    pub(crate) stand_in: bool,
}

impl<J> State<J> {
    /// When to arm the timer for the queue, unless it will come early enough.
    fn time_to_arm(&mut self) -> Option<Instant> {
        let at = self.earliest?;
        if self.thread != Thread::Away || self.armed.is_some_and(|armed| armed <= at) {
            return None;
        }
        self.armed = Some(at);
        Some(at)
    }

    fn runner(&mut self) -> Runner {
        let here = matches!(self.thread, Thread::Busy | Thread::Idle | Thread::Parked);
        if here || self.standing_in {
            return Runner::Present;
        }
        self.standing_in = true;
        Runner::StandIn
    }
}
