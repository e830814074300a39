//! The one global: a lazy thread that looks after times which no socket timeout guards.
//!
//! | who | what for | entries |
//! |---|---|---|
//! | a lane | the earliest deadline that is queued behind a call that blocks | one that is of use |
//! | a lane | a read that is left to whoever waits for it | one |
//! | an exchange | the wait for 100 (Continue) | one each |
//! | a connect, a handshake | its deadline | one each |
//! | the pool of a client | the oldest idle connection | one |
//!
//! It holds them weakly and runs no user code: what it settles, the connection tells. An entry stays
//! until its time comes; reads and writes that complete in time have none.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::io;
use std::sync::Weak;
use std::time::Instant;

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, unbounded};
use parking_lot::Mutex;

use crate::unwind::guard;

/// Something with deadlines. `expire` is called at or after the time that was asked for.
pub(crate) trait Expire: Send + Sync {
    fn expire(&self);
}

struct Entry {
    at: Instant,
    whom: Weak<dyn Expire>,
}

static FEED: Mutex<Option<Sender<Entry>>> = Mutex::new(None);

/// Has `whom` told at `at`.
///
/// # Errors
///
/// No thread is to be had for the timer.
pub(crate) fn arm(at: Instant, whom: Weak<dyn Expire>) -> io::Result<()> {
    feed()?.send(Entry { at, whom }).map_err(io::Error::other)
}

/// The way to the thread, which the first call starts: the only time that the lock is held for long.
fn feed() -> io::Result<Sender<Entry>> {
    let mut feed = FEED.lock();
    if let Some(sender) = &*feed {
        return Ok(sender.clone());
    }
    let (sender, receiver) = unbounded();
    std::thread::Builder::new()
        .name("http-aio:timer".into())
        .spawn(move || run(&receiver))?;
    *feed = Some(sender.clone());
    Ok(sender)
}

fn run(feed: &Receiver<Entry>) {
    let mut heap: BinaryHeap<Reverse<Entry>> = BinaryHeap::new();
    loop {
        let received = match heap.peek() {
            Some(Reverse(next)) => feed.recv_deadline(next.at),
            None => feed.recv().map_err(|_| RecvTimeoutError::Disconnected),
        };
        match received {
            Ok(entry) => heap.push(Reverse(entry)),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return,
        }
        let now = Instant::now();
        while heap.peek().is_some_and(|Reverse(next)| next.at <= now) {
            if let Some(whom) = heap.pop().and_then(|Reverse(entry)| entry.whom.upgrade()) {
                // It may be the last to let go of a connection, and of a transport of somebody's.
                guard(|| {
                    whom.expire();
                    drop(whom);
                });
            }
        }
    }
}

impl PartialEq for Entry {
    fn eq(&self, other: &Self) -> bool {
        self.at == other.at
    }
}

impl Eq for Entry {}

impl PartialOrd for Entry {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Entry {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.at.cmp(&other.at)
    }
}
