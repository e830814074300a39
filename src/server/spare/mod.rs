//! The threads that serve: they wait some seconds for more to do before they end.
//!
//! Invariants, under the lock:
//!
//! 1. Of the threads, `idle` wait, or are about to, without work in the channel that is for them: whoever takes one
//!    off that number sends work for it.
//! 2. Work is sent without a thread for it, and counted in `backlog`, only when there are as many threads as there
//!    may be. A thread that has done its work takes such work before it is idle.
//! 3. A thread is idle before the place of its connection is free: whoever takes the place finds the thread.

#[cfg(all(test, loom))]
mod model;

use std::any::Any;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use crossbeam_channel::RecvTimeoutError;

use crate::sync::{Builder, Mutex, Receiver, Sender, unbounded};
use crate::unwind::guard;

/// How long a thread without work waits for some.
const PATIENCE: Duration = Duration::from_secs(5);

/// Serves a connection, and returns its place, which is free when that is dropped.
pub(super) type Work = Box<dyn FnOnce() -> Kept + Send>;

/// What is kept until the thread is idle.
pub(super) type Kept = Arc<dyn Any + Send + Sync>;

#[derive(Debug)]
pub(super) struct Spares {
    pool: Arc<Pool>,
}

#[derive(Debug)]
struct Pool {
    state: Mutex<State>,
    take: Receiver<Work>,
}

#[derive(Debug)]
struct State {
    /// None: nobody is to wait any more.
    give: Option<Sender<Work>>,
    threads: usize,
    /// How many there may be.
    most: usize,
    idle: usize,
    /// How many are to be idle, so that who hands something over need not wait for a thread to begin.
    ready: usize,
    /// Threads that were asked of the system in order to be idle, and have not begun.
    coming: usize,
    backlog: usize,
}

/// When work is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Start {
    Now,
    /// When a thread has done its own.
    Later,
}

/// Who is to do some work.
enum Worker {
    Idle(Sender<Work>),
    New,
    /// There are as many threads as there may be.
    None(Sender<Work>),
    Ended,
}

impl Spares {
    pub(super) fn new(most: usize) -> Self {
        let (give, take) = unbounded();
        let state = State {
            give: Some(give),
            threads: 0,
            most,
            idle: 0,
            ready: 0,
            coming: 0,
            backlog: 0,
        };
        Self {
            pool: Arc::new(Pool {
                state: Mutex::new(state),
                take,
            }),
        }
    }

    /// Has a thread do the work, one that waits or a new one.
    ///
    /// # Errors
    ///
    /// There is no thread to be had. The work is dropped.
    pub(super) fn run(&self, work: Work) -> io::Result<()> {
        let worker = self.pool.state.lock().find_worker();
        self.assign(worker, work)
    }

    /// Has a thread do the work, or keeps it until one is done with its own if there are as many as there may be.
    ///
    /// # Errors
    ///
    /// There is no thread to be had. The work is dropped.
    pub(super) fn run_or_queue(&self, work: Work) -> io::Result<Start> {
        let mut state = self.pool.state.lock();
        let worker = state.find_worker();
        if let Worker::None(give) = worker {
            state.backlog += 1;
            drop(state);
            let _ = give.send(work); // The pool has the other end.
            return Ok(Start::Later);
        }
        drop(state);
        self.assign(worker, work).map(|()| Start::Now)
    }

    /// From now on, so many threads wait for work if there may be so many more. Without them, work waits for a
    /// thread to begin.
    pub(super) fn keep_ready(&self, count: usize) {
        self.pool.state.lock().ready = count;
        self.replenish();
    }

    fn assign(&self, worker: Worker, work: Work) -> io::Result<()> {
        match worker {
            Worker::Idle(give) => {
                let _ = give.send(work); // The pool has the other end.
                self.replenish();
                Ok(())
            }
            Worker::New => self.pool.spawn(Some(work)),
            Worker::None(_) => Err(full()),
            Worker::Ended => Err(io::ErrorKind::NotConnected.into()),
        }
    }

    fn replenish(&self) {
        let lacks = self.pool.state.lock().ask_for_ready();
        if lacks {
            let _ = self.pool.spawn(None); // Whoever needs one tries again.
        }
    }

    /// How many threads there are, and how many of them wait for work.
    pub(super) fn counts(&self) -> (usize, usize) {
        let state = self.pool.state.lock();
        (state.threads, state.idle)
    }

    /// Has the threads that wait end, and those that work when they are done.
    pub(super) fn end(&self) {
        let mut state = self.pool.state.lock();
        state.ready = 0;
        let give = state.give.take();
        drop(state);
        drop(give);
    }
}

impl Drop for Spares {
    fn drop(&mut self) {
        self.end();
    }
}

impl State {
    fn find_worker(&mut self) -> Worker {
        let Some(give) = &self.give else {
            return Worker::Ended;
        };
        if self.idle > 0 {
            self.idle -= 1;
            return Worker::Idle(give.clone());
        }
        if self.threads < self.most {
            self.threads += 1;
            return Worker::New;
        }
        Worker::None(give.clone())
    }

    /// Counts a thread in that is to be ready. It has no work before it begins: it may never. False: there are enough.
    fn ask_for_ready(&mut self) -> bool {
        let is_short = self.idle + self.coming < self.ready;
        let lacks = self.give.is_some() && is_short && self.threads < self.most;
        if lacks {
            self.threads += 1;
            self.coming += 1;
        }
        lacks
    }

    /// A thread has done its work. If there is more in the channel that has no thread, it is not idle.
    fn rest(&mut self) {
        match self.backlog {
            0 => self.idle += 1,
            _ => self.backlog -= 1,
        }
    }

    /// A thread has waited for long enough. False: work is on its way to it, or it is to be ready.
    fn leave(&mut self) -> bool {
        let leaves = self.idle > self.ready;
        if leaves {
            self.idle -= 1;
            self.threads -= 1;
        }
        leaves
    }
}

impl Pool {
    /// Begins a thread that was counted in, with its first work or as one that is idle.
    fn spawn(self: &Arc<Self>, first: Option<Work>) -> io::Result<()> {
        let is_ready = first.is_none();
        let pool = Arc::clone(self);
        let spawned = Builder::new()
            .name("http-aio:serve".into())
            .spawn(move || pool.run(first));
        spawned.map(drop).inspect_err(|_| {
            let mut state = self.state.lock();
            state.threads -= 1;
            if is_ready {
                state.coming -= 1;
            }
        })
    }

    /// A thread: one piece of work after the other.
    fn run(&self, first: Option<Work>) {
        if first.is_none() {
            let mut state = self.state.lock();
            state.coming -= 1;
            state.rest();
        }
        let mut next = first;
        while let Some(work) = next.take().or_else(|| self.await_work()) {
            let mut place = None;
            guard(|| place = Some(work()));
            self.state.lock().rest();
            guard(|| drop(place)); // Handlers of the user's may go with it.
        }
    }

    /// None: the thread is to end, and is counted no longer.
    fn await_work(&self) -> Option<Work> {
        loop {
            match self.take.recv_timeout(PATIENCE) {
                Ok(work) => return Some(work),
                Err(RecvTimeoutError::Timeout) if !self.state.lock().leave() => {}
                Err(RecvTimeoutError::Timeout) => return None,
                Err(RecvTimeoutError::Disconnected) => {
                    self.state.lock().leave();
                    return None;
                }
            }
        }
    }
}

/// Why there is no thread, and none is asked of the system.
pub(super) fn full() -> io::Error {
    let text = "there are as many threads as there may be";
    io::Error::new(io::ErrorKind::WouldBlock, text)
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    use crossbeam_channel::bounded;

    fn work(gate: &Receiver<()>, done: &Sender<u32>, number: u32) -> Work {
        let (gate, done) = (gate.clone(), done.clone());
        Box::new(move || {
            let _ = gate.recv();
            done.send(number).unwrap();
            Arc::new(())
        })
    }

    #[test]
    fn work_beyond_the_most_is_refused_or_waits_for_a_thread() {
        let spares = Spares::new(1);
        let ((open, gate), (done, results)) = (bounded(0), unbounded());
        spares.run(work(&gate, &done, 1)).unwrap();
        let refused = spares.run(work(&gate, &done, 2)).unwrap_err();
        assert_eq!(refused.kind(), io::ErrorKind::WouldBlock);
        for number in [3, 4] {
            let start = spares.run_or_queue(work(&gate, &done, number)).unwrap();
            assert_eq!(start, Start::Later);
        }
        assert_eq!(spares.counts(), (1, 0));
        spares.end(); // What was taken on is done all the same.
        assert!(spares.run(work(&gate, &done, 5)).is_err());
        drop(open);
        drop(done);
        assert_eq!(results.iter().collect::<Vec<_>>(), [1, 3, 4]);
    }

    #[test]
    fn one_is_ready_before_it_is_needed_as_long_as_there_may_be_more() {
        let spares = Spares::new(3);
        spares.keep_ready(1);
        let is = |counts| {
            while spares.counts() != counts {
                std::thread::yield_now();
            }
        };
        is((1, 1));
        let ((open, gate), (done, results)) = (bounded(0), unbounded());
        for (number, counts) in [(1, (2, 1)), (2, (3, 1)), (3, (3, 0))] {
            spares.run(work(&gate, &done, number)).unwrap();
            is(counts);
        }
        drop((open, done));
        assert_eq!(results.iter().count(), 3);
    }

    #[test]
    fn a_thread_whose_work_panics_goes_on() {
        let spares = Spares::new(1);
        let ((open, gate), (done, results)) = (bounded(0), unbounded());
        let (waits, goes_on) = (gate.clone(), work(&gate, &done, 2));
        let panics = move || -> Kept {
            let _ = waits.recv();
            panic!("a test panics on purpose")
        };
        spares.run(Box::new(panics)).unwrap();
        assert_eq!(spares.run_or_queue(goes_on).unwrap(), Start::Later);
        drop((open, done));
        assert_eq!(results.iter().collect::<Vec<_>>(), [2]);
    }
}
