//! A watch, its connections, and the threads that hold it.

use std::fs::File;
use std::io;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use loom::thread::{self, JoinHandle};

use crate::server::watch::monitor::Rounds;
use crate::server::watch::state::State;
use crate::server::watch::{
    Bounds, Descriptor, Key, Monitor, Phase, Seat, Summons, Watch, Watched, Watching,
};
use crate::sync::{Condvar, Mutex};
pub(super) use crate::sync::{check, check_up_to};

pub(super) const HOUR: Duration = Duration::from_secs(3600);

const BOUNDS: Bounds = Bounds {
    first: HOUR,
    next: HOUR,
    head: HOUR,
};

pub(super) struct World {
    pub(super) watch: Arc<Watch<Conn>>,
    rounds: std::sync::Mutex<Option<Rounds>>,
    staff: Arc<Staff>,
    tally: Tally,
}

/// The threads to which the watch is given.
#[derive(Default)]
struct Staff {
    given: AtomicU64,
    /// How often none is to be had.
    lacks: AtomicU32,
    threads: std::sync::Mutex<Vec<JoinHandle<()>>>,
}

/// How many requests were answered.
struct Tally {
    answered: Mutex<u32>,
    changed: Condvar,
}

/// A connection, whose requests have no content.
pub(super) struct Conn {
    pub(super) wire: usize,
    /// Requests that were read, but not answered.
    pub(super) buffer: u32,
    pub(super) handler: Handler,
    pub(super) world: Arc<World>,
}

pub(super) type Handler = fn(Conn, Summons, Seat<'_, Conn>);

impl World {
    /// A watch that is about to be held.
    pub(super) fn new() -> Arc<Self> {
        let (monitor, rounds) = Monitor::new();
        let staff = Arc::new(Staff::default());
        let giver = Arc::clone(&staff);
        let watch = Watch::start(BOUNDS, &monitor, move |watch, _| giver.give(watch));
        Arc::new(Self {
            watch: watch.expect("a thread"),
            rounds: std::sync::Mutex::new(Some(rounds)),
            staff,
            tally: Tally {
                answered: Mutex::new(0),
                changed: Condvar::new(),
            },
        })
    }

    /// Has the monitor begin.
    pub(super) fn monitor(self: &Arc<Self>) {
        let rounds = self.rounds.lock().unwrap().take().expect("once");
        let watches = [Arc::clone(&self.watch)];
        let started = rounds.start(&self.watch.monitor, &watches);
        started.expect("a thread");
    }

    /// There is no thread for the watch, so many times.
    pub(super) fn lack_threads(&self, times: u32) {
        self.staff.lacks.store(times, Ordering::SeqCst);
    }

    pub(super) fn admit(self: &Arc<Self>, wire: usize, handler: Handler) -> Key {
        self.admit_with(wire, 0, handler)
    }

    /// Has a connection watched, in whose buffer there are so many requests.
    pub(super) fn admit_with(self: &Arc<Self>, wire: usize, buffer: u32, handler: Handler) -> Key {
        let conn = Conn {
            wire,
            buffer,
            handler,
            world: Arc::clone(self),
        };
        let summons = (buffer > 0).then_some(Summons::Ready);
        let admitted = self.watch.admit(conn, descriptor(wire), summons);
        admitted.ok().expect("it can be polled")
    }

    pub(super) fn arrive(&self, wire: usize, count: u32) {
        let descriptor = descriptor(wire);
        self.watch.set.arrive((*descriptor).as_fd(), count);
    }

    /// Returns when so many requests have been answered, or more.
    pub(super) fn until_answered(&self, count: u32) {
        let mut answered = self.tally.answered.lock();
        while *answered < count {
            self.tally.changed.wait(&mut answered);
        }
    }

    pub(super) fn spawn(self: &Arc<Self>, run: impl FnOnce(&Arc<Self>) + Send + 'static) {
        let world = Arc::clone(self);
        let thread = thread::spawn(move || run(&world));
        self.staff.threads.lock().unwrap().push(thread);
    }

    /// After these requests the holder waits, and each thread that was given the watch has held it. Then it is
    /// closed, and all of them leave.
    pub(super) fn ends_after(&self, answered: u32) {
        self.until_answered(answered);
        self.watch.set.until_waited_on(HOUR);
        self.assert_claimed();
        self.closes();
        assert_eq!(*self.tally.answered.lock(), answered);
    }

    pub(super) fn assert_claimed(&self) {
        let claims = self.watch.state.lock().claims();
        assert_eq!(claims, self.given(), "given to more than one thread");
    }

    pub(super) fn closes(&self) {
        Watching::close(&*self.watch);
        loop {
            let thread = self.staff.threads.lock().unwrap().pop();
            let Some(thread) = thread else { break };
            thread.join().expect("no panic");
        }
        // Its connections know the world, which knows the watch.
        *self.watch.state.lock() = State::default();
    }

    /// How often the watch was given to a thread.
    pub(super) fn given(&self) -> u64 {
        self.staff.given.load(Ordering::SeqCst)
    }
}

impl Staff {
    fn give(&self, watch: Arc<Watch<Conn>>) -> io::Result<()> {
        let one_less = |lacks: u32| lacks.checked_sub(1);
        let lacks = &self.lacks;
        if lacks
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, one_less)
            .is_ok()
        {
            thread::yield_now(); // It takes some time to find that out.
            return Err(io::ErrorKind::WouldBlock.into());
        }
        self.given.fetch_add(1, Ordering::SeqCst);
        let thread = thread::spawn(move || watch.hold());
        self.threads.lock().unwrap().push(thread);
        Ok(())
    }
}

impl Watched for Conn {
    fn place(&self) -> u64 {
        self.wire as u64
    }

    fn serve(self, why: Summons, seat: Seat<'_, Self>) {
        (self.handler)(self, why, seat);
    }
}

impl Conn {
    /// Takes a request. False: there is none.
    pub(super) fn read(&mut self) -> bool {
        if self.buffer == 0 {
            let descriptor = descriptor(self.wire);
            self.buffer = self.world.watch.set.read((*descriptor).as_fd());
        }
        let is_there = self.buffer > 0;
        self.buffer -= u32::from(is_there);
        is_there
    }

    pub(super) fn answer(&self) {
        *self.world.tally.answered.lock() += 1;
        self.world.tally.changed.notify_all();
    }

    pub(super) fn put_back(self, seat: Seat<'_, Self>, phase: Phase, since: Instant) {
        let summons = (self.buffer > 0).then_some(Summons::Ready);
        let put_back = seat.put_back(self, phase, since, summons);
        assert!(put_back.is_ok(), "it can be polled");
    }

    pub(super) fn waits_again(self, seat: Seat<'_, Self>) {
        self.put_back(seat, Phase::Next, Instant::now());
    }
}

/// Answers a request at once.
pub(super) fn quick(mut conn: Conn, _: Summons, seat: Seat<'_, Conn>) {
    if conn.read() {
        conn.answer();
    }
    conn.waits_again(seat);
}

/// Nothing is read from it but what the model says.
fn descriptor(wire: usize) -> Descriptor {
    static WIRES: OnceLock<[Arc<File>; 3]> = OnceLock::new();
    let open = |_| Arc::new(File::open("/dev/null").expect("a descriptor"));
    let wires = WIRES.get_or_init(|| [0, 1, 2].map(open));
    Arc::<File>::clone(&wires[wire])
}
