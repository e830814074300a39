//! Threads that wait some seconds for the next connection before they end.
//!
//! Invariants:
//!
//! 1. There are never fewer threads that wait, or are about to, than `idle` says and works are queued.
//! 2. A thread is idle before the place of its connection is free: whoever takes the place finds the thread.

use std::any::Any;
use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use crossbeam_channel::RecvTimeoutError;

use crate::sync::{AtomicUsize, Builder, Mutex, Receiver, Sender, unbounded};

/// How long a thread without work waits for some.
const PATIENCE: Duration = Duration::from_secs(5);

/// Serves a connection, and returns its place, which is free when that is dropped.
pub(super) type Work = Box<dyn FnOnce() -> Kept + Send>;

/// What is kept until the thread is idle.
pub(super) type Kept = Arc<dyn Any + Send + Sync>;

#[derive(Debug)]
pub(super) struct Spares {
    /// None: nobody is to wait any more.
    give: Mutex<Option<Sender<Work>>>,
    take: Receiver<Work>,
    threads: Arc<AtomicUsize>,
    /// Threads for which no work is queued.
    idle: Arc<AtomicUsize>,
}

impl Default for Spares {
    fn default() -> Self {
        let (give, take) = unbounded();
        Self {
            give: Mutex::new(Some(give)),
            take,
            threads: Arc::new(AtomicUsize::new(0)),
            idle: Arc::new(AtomicUsize::new(0)),
        }
    }
}

impl Spares {
    /// Has a thread do the work, one that waits or a new one.
    ///
    /// # Errors
    ///
    /// There is no thread to be had. The work is dropped.
    pub(super) fn run(&self, work: Work) -> io::Result<()> {
        let give = self.give.lock().clone();
        let work = match give {
            Some(give) if take_one(&self.idle) => match give.send(work) {
                Ok(()) => return Ok(()),
                Err(unsent) => unsent.into_inner(),
            },
            _ => work,
        };
        let (next, idle) = (self.take.clone(), Arc::clone(&self.idle));
        let counted = Counted::new(&self.threads);
        Builder::new()
            .name("http-aio:serve".into())
            .spawn(move || {
                let _counted = counted;
                run(work, &next, &idle);
            })
            .map(drop)
    }

    /// How many threads there are, and how many of them wait for work.
    pub(super) fn counts(&self) -> (usize, usize) {
        let idle = self.idle.load(Ordering::SeqCst);
        (self.threads.load(Ordering::SeqCst), idle)
    }

    /// Has the threads that wait end, and those that work when they are done.
    pub(super) fn end(&self) {
        let give = self.give.lock().take();
        drop(give);
    }
}

/// A thread, while there is one.
struct Counted(Arc<AtomicUsize>);

impl Counted {
    fn new(count: &Arc<AtomicUsize>) -> Self {
        count.fetch_add(1, Ordering::SeqCst);
        Self(Arc::clone(count))
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

/// A thread: one connection after the other.
fn run(first: Work, next: &Receiver<Work>, idle: &AtomicUsize) {
    let mut work = first;
    loop {
        let place = work();
        idle.fetch_add(1, Ordering::SeqCst);
        drop(place);
        work = loop {
            match next.recv_timeout(PATIENCE) {
                Ok(work) => break work,
                // Otherwise there is work for it on the way.
                Err(RecvTimeoutError::Timeout) if !take_one(idle) => {}
                Err(RecvTimeoutError::Timeout) => return,
                Err(RecvTimeoutError::Disconnected) => {
                    take_one(idle);
                    return;
                }
            }
        };
    }
}

fn take_one(count: &AtomicUsize) -> bool {
    let less = |count: usize| count.checked_sub(1);
    count
        .fetch_update(Ordering::SeqCst, Ordering::SeqCst, less)
        .is_ok()
}
