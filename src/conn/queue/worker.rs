//! Who works on a queue, and what its own thread asks of it.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use super::{Away, EndReason, Job, Phase, Queue};
use crate::aio::Operation;
use crate::background::UserCode;
use crate::blocking;

/// Who works on the queue, or would if there were something to do.
pub(super) enum Worker {
    Thread(Thread),
    /// A caller, in place of the thread, which keeps out until it leaves.
    Caller(Work, Waiting),
}

/// What the thread does, as far as others must know.
pub(super) enum Thread {
    Unstarted,
    /// It will look at the queue soon without being told.
    Coming,
    /// It has found nothing to do, and spins until something comes.
    Looking,
    /// It waits for the bell.
    Parked,
    Works(Work),
    /// It is in closures or destructors, for a time that nobody knows.
    UserCode,
    /// It has died.
    Gone,
}

/// What whoever has jobs does with them.
pub(super) enum Work {
    Working,
    /// It is in a system call that may block, for this operation.
    Blocked(Arc<dyn Operation>),
}

/// What the thread does while a caller works.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Waiting {
    Unstarted,
    Coming,
    Parked,
}

/// What the thread is to do next.
pub(crate) enum Next {
    Jobs,
    UserCode(UserCode),
    /// There is nothing: it is parked, and waits for the bell.
    Park,
    Exit,
}

impl Worker {
    /// Whether the thread has to be started for what is there.
    pub(super) fn starts(&self) -> bool {
        matches!(self, Self::Thread(Thread::Unstarted))
    }

    pub(super) fn has_thread(&self) -> bool {
        !matches!(
            self,
            Self::Thread(Thread::Unstarted | Thread::Gone) | Self::Caller(_, Waiting::Unstarted)
        )
    }

    /// Marks a parked thread as coming. True if it was parked, so that the bell must be rung.
    pub(super) fn unpark(&mut self) -> bool {
        match self {
            Self::Thread(thread @ Thread::Parked) => {
                *thread = Thread::Coming;
                true
            }
            _ => false,
        }
    }

    /// Whether nobody knows when it will look at the queue again.
    pub(super) fn is_away(&self) -> bool {
        matches!(
            self,
            Self::Thread(Thread::Works(Work::Blocked(_)) | Thread::UserCode)
                | Self::Caller(Work::Blocked(_), _)
        )
    }

    pub(super) fn is_in_user_code(&self) -> bool {
        matches!(self, Self::Thread(Thread::UserCode))
    }

    /// Whether it will come to the user code that is due. A caller leaves that to the thread.
    pub(super) fn comes_to_user_code(&self) -> bool {
        matches!(
            self,
            Self::Thread(
                Thread::Coming | Thread::Looking | Thread::Parked | Thread::Works(Work::Working)
            ) | Self::Caller(Work::Working, _)
        )
    }

    /// Whether somebody works, and is between two system calls.
    pub(super) fn is_working(&self) -> bool {
        matches!(
            self,
            Self::Thread(Thread::Works(Work::Working)) | Self::Caller(Work::Working, _)
        )
    }

    /// The operation whose system call may be blocking.
    pub(super) fn blocked_operation(&self) -> Option<&Arc<dyn Operation>> {
        match self {
            Self::Thread(Thread::Works(Work::Blocked(operation)))
            | Self::Caller(Work::Blocked(operation), _) => Some(operation),
            _ => None,
        }
    }

    pub(super) fn blocks_in(&self, id: usize) -> bool {
        self.blocked_operation()
            .is_some_and(|operation| operation.id() == id)
    }

    /// Notes what whoever works does now. Returns what it did before.
    fn set(&mut self, work: Work) -> Option<Work> {
        match self {
            Self::Caller(now, _) | Self::Thread(Thread::Works(now)) => {
                Some(std::mem::replace(now, work))
            }
            Self::Thread(_) => None,
        }
    }
}

impl<J: Job> Queue<J> {
    /// Says what the thread is to do. If that is jobs, `jobs` gets the first, and those after it for which
    /// `joins` holds.
    pub(crate) fn next(&self, jobs: &mut VecDeque<J>, mut joins: impl FnMut(&J) -> bool) -> Next {
        let mut spun = false;
        loop {
            let mut state = self.state.lock();
            if let Worker::Caller(_, waiting) = &mut state.worker {
                // The caller rings, if it leaves something to do.
                *waiting = Waiting::Parked;
                return Next::Park;
            }
            state.worker = Worker::Thread(Thread::Coming);
            if let Some(code) = state.posted.next_for_thread() {
                // No caller may take its place before it is back.
                state.worker = Worker::Thread(Thread::Works(Work::Working));
                return Next::UserCode(code);
            }
            let is_held = state.is_held_back();
            if !is_held && state.places.move_front(jobs) {
                state.worker = Worker::Thread(Thread::Works(Work::Working));
                if jobs.back().is_some_and(&mut joins) {
                    while state.places.front().is_some_and(&mut joins) {
                        state.places.move_front(jobs);
                    }
                }
                return Next::Jobs;
            }
            if !is_held && state.phase != Phase::Open {
                // An exchange that goes on may have more to write: then it is started anew.
                state.worker = Worker::Thread(Thread::Unstarted);
                return Next::Exit;
            }
            self.ready.store(false, Ordering::Relaxed);
            if spun || !self.spin.pays() {
                state.worker = Worker::Thread(Thread::Parked);
                return Next::Park;
            }
            spun = true;
            state.worker = Worker::Thread(Thread::Looking);
            drop(state);
            self.spin.until(|| self.ready.load(Ordering::Acquire));
        }
    }

    /// Blocks, after `Next::Park`, until there is something to do.
    pub(crate) fn park(&self) {
        let since = Instant::now();
        self.bell.wait();
        self.spin.slept(since);
    }

    /// Puts jobs back to the front, in their order. Rejected when the queue has ended meanwhile.
    pub(crate) fn give_back(&self, jobs: &mut VecDeque<J>) -> Result<(), EndReason> {
        let mut state = self.state.lock();
        if let Some(reason) = state.ended() {
            return Err(reason);
        }
        state.hand_over(&self.holds);
        while let Some(job) = jobs.pop_back() {
            state.places.push_front(job);
        }
        Ok(())
    }

    /// Comes before a system call that may block. The error is why the queue has ended, if it has: the
    /// call must not be made then.
    pub(crate) fn enter(&self, operation: Arc<dyn Operation>) -> Result<Away, EndReason> {
        blocking::announce();
        let mut state = self.state.lock();
        if let Some(reason) = state.ended() {
            return Err(reason);
        }
        let last = state.worker.set(Work::Blocked(operation));
        let stand_in = state.must_stand_in();
        let arm = state.time_to_arm();
        drop(state);
        drop(last);
        Ok(Away { arm, stand_in })
    }

    /// Comes after it. Returns the reason if the queue has ended meanwhile.
    pub(crate) fn leave(&self) -> Option<EndReason> {
        let mut state = self.state.lock();
        let last = state.worker.set(Work::Working);
        let ended = state.ended();
        drop(state);
        drop(last);
        ended
    }

    /// Comes before user code; the thread has no job in hand.
    pub(crate) fn enter_user_code(&self) -> Away {
        let mut state = self.state.lock();
        state.worker = Worker::Thread(Thread::UserCode);
        state.posted.thread_is_in_user_code();
        Away {
            arm: state.time_to_arm(),
            stand_in: false,
        }
    }

    /// Notes that there is no thread for the queue. Returns what was queued for it, and whether user code
    /// is left for which a thread must stand in.
    pub(crate) fn no_thread(&self) -> (VecDeque<J>, bool) {
        let mut state = self.state.lock();
        state.hand_over(&self.holds);
        match &mut state.worker {
            Worker::Caller(_, waiting) => *waiting = Waiting::Unstarted,
            Worker::Thread(thread) => *thread = Thread::Unstarted,
        }
        let jobs = state.places.take_all();
        let stand_in = state.must_stand_in();
        (jobs, stand_in)
    }

    /// Ends the queue because whoever worked has panicked. Returns what was queued, and whether user code
    /// is left for which a thread must stand in.
    pub(crate) fn worker_died(&self) -> (VecDeque<J>, bool) {
        let mut state = self.state.lock();
        let gone = Worker::Thread(Thread::Gone);
        let last = std::mem::replace(&mut state.worker, gone);
        let parked = matches!(last, Worker::Caller(_, Waiting::Parked));
        if state.ended().is_none() {
            state.phase = Phase::Ended(EndReason::Lost);
        }
        state.hand_over(&self.holds);
        let jobs = state.places.take_all();
        let stand_in = state.must_stand_in();
        drop(state);
        drop(last);
        if parked {
            self.bell.ring(); // The thread then finds that the queue has ended.
        }
        (jobs, stand_in)
    }
}
