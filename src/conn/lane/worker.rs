//! What the lane's own thread asks of it.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use super::{Away, Job, Lane, Runner, Thread, Work};
use crate::aio::Operation;
use crate::deadline::Deadline;
use crate::error::ErrorKind;
use crate::sync::spin_until;

/// How long calls wait for the thread to come back from user code.
const PATIENCE: Duration = Duration::from_millis(10);

impl<J: Job> Lane<J> {
    /// Waits for work. Jobs: the first, and those after it for which `joins` holds.
    pub(crate) fn next(&self, jobs: &mut VecDeque<J>, mut joins: impl FnMut(&J) -> bool) -> Work {
        let mut spun = false;
        loop {
            let mut state = self.state.lock();
            if let Some(home) = &mut state.guest {
                // Rung by the guest, if it leaves something to do.
                *home = Thread::Parked;
                drop(state);
                self.bell.wait();
                continue;
            }
            state.serving = false;
            state.thread = Thread::Busy;
            // One that stands in keeps them until it is done, so that they run in their order.
            if !state.standing_in {
                if let Some(call) = state.calls.pop_front() {
                    return Work::Call(call);
                }
            }
            let left_to_guest = state.leaves_to_guest();
            let first = if left_to_guest {
                None
            } else {
                state.queue.pop_front()
            };
            if let Some(first) = first {
                state.serving = true;
                let more = joins(&first);
                jobs.push_back(first);
                while more && state.queue.front().is_some_and(&mut joins) {
                    jobs.extend(state.queue.pop_front());
                }
                if state.queue.is_empty() {
                    state.earliest = None;
                }
                return Work::Jobs;
            }
            if !left_to_guest && (state.draining || state.ended.is_some()) {
                state.thread = Thread::Gone;
                return Work::Exit;
            }
            self.ready.store(false, Ordering::Relaxed);
            if spun {
                state.thread = Thread::Parked;
                drop(state);
                self.bell.wait();
            } else {
                spun = true;
                state.thread = Thread::Idle;
                drop(state);
                spin_until(|| self.ready.load(Ordering::Acquire));
            }
        }
    }

    /// Puts jobs back to the front, in their order. Rejected when the lane has ended meanwhile.
    pub(crate) fn give_back(&self, jobs: &mut VecDeque<J>) -> Result<(), ErrorKind> {
        let mut state = self.state.lock();
        if let Some(kind) = state.ended {
            return Err(kind);
        }
        state.deferral.waits = false;
        while let Some(job) = jobs.pop_back() {
            if let Deadline::At(at) = job.deadline() {
                state.earliest = Some(state.earliest.map_or(at, |earliest| earliest.min(at)));
            }
            state.queue.push_front(job);
        }
        Ok(())
    }

    /// Before a system call that may block. `Err`: the lane has ended, do not make it.
    pub(crate) fn enter(&self, current: Arc<dyn Operation>) -> Result<Away, ErrorKind> {
        let mut state = self.state.lock();
        if let Some(kind) = state.ended {
            return Err(kind);
        }
        state.current = Some(current);
        state.thread = Thread::Away;
        let stand_in = !state.calls.is_empty() && matches!(state.runner(), Runner::StandIn);
        Ok(Away {
            arm: state.time_to_arm(),
            stand_in,
        })
    }

    /// After it. The reason, if the lane has ended meanwhile.
    pub(crate) fn leave(&self) -> Option<ErrorKind> {
        let mut state = self.state.lock();
        state.thread = Thread::Busy;
        let current = state.current.take();
        let ended = state.ended;
        drop(state);
        drop(current);
        ended
    }

    /// Before user code: the thread has no job in hand. Calls that are due wait for it, so that they
    /// run in their order, but not for long.
    pub(crate) fn away(&self) -> Away {
        let mut state = self.state.lock();
        state.serving = false;
        state.thread = Thread::Away;
        let mut arm = state.time_to_arm();
        if !state.calls.is_empty() && !state.standing_in {
            let soon = Instant::now() + PATIENCE;
            if state.armed.is_none_or(|armed| armed > soon) {
                state.armed = Some(soon);
                arm = Some(soon);
            }
        }
        Away {
            arm,
            stand_in: false,
        }
    }

    /// The thread is lost. Returns what was queued, and whether calls are left that need a stand-in.
    pub(crate) fn lost(&self) -> (VecDeque<J>, bool) {
        let mut state = self.state.lock();
        state.thread = Thread::Gone;
        state.serving = false;
        state.ended.get_or_insert(ErrorKind::Closed);
        let queue = std::mem::take(&mut state.queue);
        let current = state.current.take();
        let parked = state.guest.take() == Some(Thread::Parked);
        let stand_in = !state.calls.is_empty() && matches!(state.runner(), Runner::StandIn);
        drop(state);
        drop(current);
        if parked {
            self.bell.ring(); // To find that it has ended.
        }
        (queue, stand_in)
    }
}
