//! The timer: one lazy thread that looks after times which no timeout of a system call guards.
//!
//! | who | what for | entries |
//! |---|---|---|
//! | a direction of a connection | the earliest deadline that is queued behind a system call that blocks or behind user code; user code that waits for other user code; an operation that is held back for its waiter | one |
//! | an exchange | the wait for 100 (Continue) | one |
//! | a connect | its deadline while its addresses are looked up | one |
//! | the pool of a client | the oldest idle connection | one |
//!
//! Invariants:
//!
//! 1. An entry lives as long as its [`Alarm`]: what is over has none.
//! 2. The thread knows its targets weakly, runs no user code, and drops no value of a user's: the last
//!    reference to a target is let go of elsewhere ([`Expire::release`]).
//! 3. The lock is held for a search in a tree, and while the thread is started.
//! 4. Entries belong to a process: a child that comes from `fork` starts a thread of its own and
//!    forgets its parent's entries.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Weak};
use std::thread::Thread;
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use crate::background;
use crate::unwind::guard;

/// How soon user code that could not get a thread is tried again.
const RETRY: Duration = Duration::from_millis(100);

/// Entries that are taken out in one go, so that the lock is never held for long.
const BATCH: usize = 64;

/// Something with deadlines.
pub(crate) trait Expire: Send + Sync {
    /// Called at or after the time that was asked for.
    fn expire(&self);

    /// Lets go of the reference that the timer held during `expire`: `background::release`.
    fn release(self: Arc<Self>);
}

/// An entry of the timer. Dropping it takes the entry back.
#[derive(Debug)]
pub(crate) struct Alarm {
    key: Key,
}

/// Entries of one time are told apart by a number.
type Key = (Instant, u64);

struct Timer {
    process: u32,
    thread: Option<Thread>,
    /// When the thread wakes up by itself.
    wakes: Wakes,
    entries: BTreeMap<Key, Weak<dyn Expire>>,
    next: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wakes {
    /// It is awake and will look at the entries before it sleeps.
    Now,
    At(Instant),
    Never,
}

static TIMER: Mutex<Timer> = Mutex::new(Timer {
    process: 0,
    thread: None,
    wakes: Wakes::Never,
    entries: BTreeMap::new(),
    next: 0,
});

/// Has `target` told at `at`, as long as the alarm lives.
///
/// # Errors
///
/// No thread is to be had for the timer.
pub(crate) fn arm(at: Instant, target: Weak<dyn Expire>) -> io::Result<Alarm> {
    let mut timer = TIMER.lock();
    let orphans = timer.adopt();
    timer.start()?;
    let key = (at, timer.next);
    timer.next += 1;
    timer.entries.insert(key, target);
    let sleeper = match timer.wakes {
        Wakes::Now => None,
        Wakes::At(wakes) if wakes <= at => None,
        Wakes::At(_) | Wakes::Never => {
            timer.wakes = Wakes::Now;
            timer.thread.clone()
        }
    };
    drop(timer);
    drop(orphans);
    if let Some(thread) = sleeper {
        thread.unpark();
    }
    Ok(Alarm { key })
}

impl Alarm {
    pub(crate) fn at(&self) -> Instant {
        self.key.0
    }
}

impl Drop for Alarm {
    fn drop(&mut self) {
        let entry = TIMER.lock().entries.remove(&self.key);
        drop(entry);
    }
}

impl Timer {
    /// In a process that was forked: forgets the entries of the parent, which are returned, and its
    /// thread, which does not exist here.
    fn adopt(&mut self) -> BTreeMap<Key, Weak<dyn Expire>> {
        let process = std::process::id();
        if self.process == process {
            return BTreeMap::new();
        }
        self.process = process;
        self.thread = None;
        std::mem::take(&mut self.entries)
    }

    fn start(&mut self) -> io::Result<()> {
        if self.thread.is_none() {
            let thread = std::thread::Builder::new()
                .name("http-aio:timer".into())
                .spawn(run)?;
            self.thread = Some(thread.thread().clone());
            self.wakes = Wakes::Now;
        }
        Ok(())
    }

    /// Takes out what is due. With nothing due, says until when to sleep.
    fn take_due(&mut self, now: Instant, due: &mut Vec<Weak<dyn Expire>>) {
        while due.len() < BATCH {
            match self.entries.first_entry() {
                Some(first) if first.key().0 <= now => due.push(first.remove()),
                _ => break,
            }
        }
        self.wakes = match self.entries.first_key_value() {
            _ if !due.is_empty() => Wakes::Now,
            Some((key, _)) => Wakes::At(key.0),
            None => Wakes::Never,
        };
    }
}

fn run() {
    background::forbid_user_code();
    let mut due = Vec::new();
    loop {
        let now = Instant::now();
        let mut timer = TIMER.lock();
        timer.take_due(now, &mut due);
        let wakes = timer.wakes;
        drop(timer);
        for target in due.drain(..) {
            if let Some(target) = target.upgrade() {
                guard(|| target.expire());
                target.release();
            }
        }
        let is_left = background::retry();
        match wakes {
            Wakes::Now => {}
            Wakes::At(at) if is_left => std::thread::park_timeout((at - now).min(RETRY)),
            Wakes::Never if is_left => std::thread::park_timeout(RETRY),
            Wakes::At(at) => {
                std::thread::park_timeout(at.saturating_duration_since(Instant::now()))
            }
            Wakes::Never => std::thread::park(),
        }
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use crossbeam_channel::{Sender, bounded};

    struct Target(Sender<Instant>);

    impl Expire for Target {
        fn expire(&self) {
            let _ = self.0.try_send(Instant::now());
        }

        fn release(self: Arc<Self>) {
            background::release(self);
        }
    }

    fn target() -> (
        Arc<Target>,
        Weak<dyn Expire>,
        crossbeam_channel::Receiver<Instant>,
    ) {
        let (sender, receiver) = bounded(8);
        let target = Arc::new(Target(sender));
        let weak: Weak<dyn Expire> = Arc::downgrade(&target) as Weak<dyn Expire>;
        (target, weak, receiver)
    }

    fn holds(alarm_at: Instant) -> bool {
        TIMER.lock().entries.keys().any(|key| key.0 == alarm_at)
    }

    #[test]
    fn an_alarm_fires_at_its_time_and_not_before_an_earlier_one() {
        let (_owner, weak, fired) = target();
        let begun = Instant::now();
        let _late = arm(begun + Duration::from_secs(600), Weak::clone(&weak)).expect("a thread");
        let _soon = arm(begun + Duration::from_millis(20), weak).expect("a thread");
        let at = fired.recv_timeout(Duration::from_secs(30)).expect("fires");
        assert!(at >= begun + Duration::from_millis(20));
    }

    #[test]
    fn a_dropped_alarm_leaves_no_entry() {
        let (_owner, weak, _fired) = target();
        let at = Instant::now() + Duration::from_secs(3_600);
        let alarm = arm(at, weak).expect("a thread");
        assert!(holds(alarm.at()));
        drop(alarm);
        assert!(!holds(at));
    }

    #[test]
    fn a_fired_alarm_leaves_no_entry() {
        let (_owner, weak, fired) = target();
        let at = Instant::now();
        let _alarm = arm(at, weak).expect("a thread");
        fired.recv_timeout(Duration::from_secs(30)).expect("fires");
        assert!(!holds(at));
    }

    /// However many of its operations have deadlines, and none when it is gone.
    #[test]
    fn a_direction_of_a_connection_has_one_entry_at_most() {
        use crate::testing::memory::{Faults, pair};
        use crate::transport::{Transport, Wait};
        use crate::{Aio, Conn};

        const FAR: Duration = Duration::from_secs(400_000);
        let far = Instant::now() + FAR;
        let entries = || {
            TIMER
                .lock()
                .entries
                .keys()
                .filter(|key| key.0 >= far)
                .count()
        };
        let (near, peer) = pair(1 << 10, Faults::none());
        let conn = Conn::new(near);
        let aio = |nth: u64| Aio::new().timeout(FAR + Duration::from_secs(1_000 - nth));
        let asked: Vec<_> = (0..1_000)
            .map(|nth| {
                let request = http::Request::get("http://h/").body(bytes::Bytes::new());
                conn.transact(aio(nth), request.expect("it is one"))
            })
            .collect();
        asked.iter().for_each(|aio| assert!(!aio.is_done()));
        for _ in 0..1_000 {
            let mut scrap = [0; 27];
            let mut there = 0;
            while there < scrap.len() {
                there += peer
                    .read(&mut scrap[there..], Wait::Forever)
                    .expect("a request");
            }
            let answer = io::IoSlice::new(b"HTTP/1.1 204 Fine\r\n\r\n");
            peer.write(&[answer], Wait::Forever).expect("it is read");
            assert!(entries() <= 2, "{}", entries());
        }
        for aio in asked {
            assert_eq!(aio.wait().expect("an answer").status(), 204);
        }
        assert!(entries() <= 2, "{}", entries());
        drop(conn);
        let patience = Instant::now() + Duration::from_secs(30);
        while entries() > 0 {
            assert!(Instant::now() < patience, "{} are left", entries());
            std::thread::yield_now();
        }
    }

    /// Its destructor runs on another thread, though the timer is the last to know it.
    #[test]
    fn the_last_reference_is_let_go_of_elsewhere() {
        struct Last {
            this: Mutex<Option<Arc<Self>>>,
            dropped: Sender<Option<String>>,
        }
        impl Expire for Last {
            fn expire(&self) {
                let owner = self.this.lock().take();
                drop(owner);
            }
            fn release(self: Arc<Self>) {
                background::release(self);
            }
        }
        impl Drop for Last {
            fn drop(&mut self) {
                let name = std::thread::current().name().map(str::to_owned);
                let _ = self.dropped.try_send(name);
            }
        }
        let (dropped, receiver) = bounded(1);
        let last = Arc::new(Last {
            this: Mutex::new(None),
            dropped,
        });
        *last.this.lock() = Some(Arc::clone(&last));
        let weak: Weak<dyn Expire> = Arc::downgrade(&last) as Weak<dyn Expire>;
        drop(last);
        let _alarm = arm(Instant::now(), weak).expect("a thread");
        let name = receiver.recv_timeout(Duration::from_secs(30));
        assert_eq!(name, Ok(Some("http-aio:call".to_owned())));
    }
}
