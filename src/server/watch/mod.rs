//! Watches: connections that wait for requests without a thread, and are served by whoever watches them.
//!
//! A watch is an epoll set and its connections. Whoever *holds* it waits on it, and serves what is ready, inline:
//! reads the head without blocking, runs the handler, sends the answer in one call. What takes longer has a thread
//! of its own: before it blocks in a call of ours, the thread gives the watch up to another (`blocking`), and if it
//! stays in one handler for about a millisecond, the monitor takes the watch away from it. It then has the
//! connection alone, serves it for as long as requests come closely, and puts it back.
//!
//! ```text
//! watch:       orphan (given to a spare thread) ──claims──▶ held: waits ◀──▶ serves
//!                 ▲──the holder gives it up, or the monitor takes it away───────┘
//! connection:  here ──the holder takes it──▶ busy ──put back──▶ here, or removed
//! ```
//!
//! Invariants, all under the lock of the watch, which is held for bookkeeping and for changes of the set only:
//!
//! 1. A watch without a holder has been given to exactly one spare thread, which is about to claim it.
//! 2. Only the holder takes connections or waits. One that waits is never deprived.
//! 3. A connection is here, or one thread has it.
//! 4. One that is here is in the set, and if a request lies in its buffer, it was summoned.
//! 5. A holder that waits has nothing summoned to do, and waits no longer than until the next deadline.
//!    Who breaks that, wakes it.
//! 6. A connection for which something is reported while somebody has it leaves the set, until it is put back.
//!
//! `model` checks them in every interleaving up to a bound, with a set that resembles epoll (`modelled`). It has no
//! clock: that deadlines are kept in order is tested by hand.

mod company;
mod lists;
#[cfg(all(test, loom))]
mod model;
#[cfg(loom)]
mod modelled;
mod monitor;
mod phase;
mod seat;
mod set;
mod state;
#[cfg(all(test, not(loom)))]
mod tests;

use std::io;
use std::os::fd::AsFd;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

pub(super) use self::monitor::Monitor;
pub(super) use self::phase::{Bounds, Phase};
pub(super) use self::seat::Seat;
use self::set::Set;
use self::state::{Holder, Lull, State, Token};
pub(super) use self::state::{Key, Summons};
use super::wait::Wait;
use crate::blocking;
use crate::sync::{AtomicU64, Mutex};
use crate::unwind::guard;

/// A connection, as a watch knows it.
pub(super) trait Watched: Send + Sized + 'static {
    /// By which others know it.
    fn place(&self) -> u64;

    /// Looks at the connection, and serves what has come. `seat` is where it is put back.
    fn serve(self, why: Summons, seat: Seat<'_, Self>);
}

/// How many connections are served before it is looked who else is ready: those that have sent many requests at
/// once would be served for ever.
#[cfg(not(loom))]
const TURNS: u32 = 64;
#[cfg(loom)]
const TURNS: u32 = 2;

/// What is polled for a connection.
pub(super) type Descriptor = Arc<dyn AsFd + Send + Sync>;

/// Finds a thread that holds a watch, which has lost its holder for this reason, if it has had one.
type Staff<C> = dyn Fn(Arc<Watch<C>>, Option<Loss>) -> io::Result<()> + Send + Sync;

/// Why a thread holds a watch no longer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Loss {
    /// It is about to block in a call of ours.
    Blocks,
    /// It has been in one handler for too long.
    Overdue,
    /// It is about to call a handler that takes its time.
    Slow,
}

pub(super) struct Watch<C: Watched> {
    set: Set,
    state: Mutex<State<C, Descriptor>>,
    bounds: Bounds,
    staff: Box<Staff<C>>,
    monitor: Arc<Monitor>,
    /// Who holds it, as it was a moment ago.
    holder: Arc<Holder>,
    /// It grows with each connection that is served. A hint for the monitor.
    beat: AtomicU64,
}

impl<C: Watched> Watch<C> {
    /// A watch that is held from now on.
    ///
    /// # Errors
    ///
    /// There is no descriptor, or no thread, for it.
    pub(super) fn start(
        bounds: Bounds,
        monitor: &Arc<Monitor>,
        staff: impl Fn(Arc<Self>, Option<Loss>) -> io::Result<()> + Send + Sync + 'static,
    ) -> io::Result<Arc<Self>> {
        let state = State::default();
        let watch = Arc::new(Self {
            set: Set::new()?,
            holder: Arc::clone(state.holder()),
            state: Mutex::new(state),
            bounds,
            staff: Box::new(staff),
            monitor: Arc::clone(monitor),
            beat: AtomicU64::new(0),
        });
        (watch.staff)(Arc::clone(&watch), None)?;
        monitor.company.watch_begins();
        Ok(watch)
    }

    /// Has a connection wait here for its first request. `summons` has it looked at at once.
    ///
    /// # Errors
    ///
    /// The connection, if it cannot be polled.
    pub(super) fn admit(
        &self,
        connection: C,
        descriptor: Descriptor,
        summons: Option<Summons>,
    ) -> Result<Key, C> {
        let now = Instant::now();
        let mut state = self.state.lock();
        let key = state.admit(Arc::clone(&descriptor));
        state.enter_set(key);
        if self.set.add(key, (*descriptor).as_fd()).is_err() {
            state.remove(key);
            return Err(connection);
        }
        state.put_back(key, connection, Phase::First, now);
        if let Some(summons) = summons {
            state.summon(key, summons);
        }
        let must_wake = state.must_wake();
        drop(state);
        if must_wake {
            self.set.wake();
        }
        Ok(key)
    }

    /// Holds the watch, unless somebody does: returns when it is lost, or closed.
    pub(super) fn hold(self: &Arc<Self>) {
        let Some(token) = self.state.lock().claim() else {
            return;
        };
        // It may have fallen asleep while nobody held the watch.
        self.monitor.wake_up();
        let member = self.monitor.company.join();
        let watch = Arc::clone(self);
        let hook = blocking::before_blocking(Rc::new(move || {
            if watch.is_held_by(token) {
                watch.give_up(token, Loss::Blocks);
            }
        }));
        let (mut ready, mut turns) = (Vec::new(), 0);
        loop {
            let mut state = self.state.lock();
            if let Some((key, connection, why)) = state.pop(token) {
                drop(state);
                self.serve(token, key, connection, why);
                turns += 1;
                if turns == TURNS {
                    turns = 0;
                    self.poll(token, Duration::ZERO, &mut ready);
                }
                continue;
            }
            let next = match state.begin_wait(token) {
                Lull::Lost => break,
                Lull::Work => continue,
                Lull::Wait => state.next_deadline(&self.bounds),
            };
            drop(state);
            self.wait(token, next, &mut ready);
            turns = 0;
        }
        drop((hook, member));
    }

    fn serve(self: &Arc<Self>, token: Token, key: Key, connection: C, why: Summons) {
        self.beat.fetch_add(1, Ordering::Relaxed);
        let seat = Seat::new(self, key, token);
        guard(|| connection.serve(why, seat));
    }

    /// Waits until there is something to do, or until then.
    fn wait(&self, token: Token, next: Option<Instant>, ready: &mut Vec<Key>) {
        // What begins to wait meanwhile waits for longer than that.
        let most = self.bounds.least();
        let timeout = next.map_or(most, |at| at.saturating_duration_since(Instant::now()));
        if self.monitor.company.has_others() {
            // A holder that always finds something would keep a processor from those whose handlers have slept.
            std::thread::yield_now();
        }
        self.poll(token, timeout.min(most), ready);
        self.monitor.wake_up();
    }

    /// Finds out what is ready, and whose time is up, waiting for so long at most. A thread that does not wait may
    /// have lost the watch, and tells what it has found to the one that holds it.
    fn poll(&self, token: Token, timeout: Duration, ready: &mut Vec<Key>) {
        self.set.wait(timeout, ready);
        let now = Instant::now();
        let mut state = self.state.lock();
        let is_holder = state.is_held_by(token);
        if is_holder {
            state.end_wait();
        }
        for key in ready.drain(..) {
            if let Some(descriptor) = state.report(key) {
                self.set.remove((*descriptor).as_fd());
            }
        }
        state.expire(now, &self.bounds);
        // Somebody else may have been woken, and not have noticed, because it was seen here.
        let must_wake = state.must_wake() || (!is_holder && state.waits());
        drop(state);
        if must_wake {
            self.set.wake();
        }
    }

    /// Whether this is the holder, or was a moment ago. Only those who act on it need the lock.
    fn is_held_by(&self, token: Token) -> bool {
        self.holder.is(token)
    }

    /// Another thread is to hold the watch.
    fn give_up(self: &Arc<Self>, token: Token, why: Loss) {
        let holds = self.state.lock().give_up(token);
        if holds {
            self.find_holder(token, why);
        }
    }

    /// Finds a thread for a watch that has just lost its holder, who has it again if there is none: false.
    fn find_holder(self: &Arc<Self>, last: Token, why: Loss) -> bool {
        let is_found = (self.staff)(Arc::clone(self), Some(why)).is_ok();
        if !is_found {
            self.state.lock().resume(last);
            self.monitor.wake_up(); // As when it was claimed.
        }
        is_found
    }

    /// Takes the watch away from whoever serves since `before`, with nothing else begun. Returns what there is
    /// to compare with the next time.
    fn look(self: &Arc<Self>, before: Option<Look>) -> Option<Look> {
        let beat = self.beat.load(Ordering::Relaxed);
        let mut state = self.state.lock();
        let token = state.serving()?;
        let look = Look { token, beat };
        if before != Some(look) {
            return Some(look);
        }
        state.give_up(token);
        drop(state);
        let is_found = self.find_holder(token, Loss::Overdue);
        (!is_found).then_some(look) // Otherwise it is tried again.
    }

    fn change(&self, change: impl FnOnce(&mut State<C, Descriptor>)) {
        let mut state = self.state.lock();
        change(&mut state);
        let must_wake = state.must_wake();
        drop(state);
        if must_wake {
            self.set.wake();
        }
    }
}

/// What a server asks of its watches, whatever they watch.
pub(super) trait Watching: Send + Sync {
    /// Has all connections looked at, because the server stops.
    fn ask_all(&self);

    /// Nobody is to hold the watch any more. It has no connections.
    fn close(&self);

    /// Has a connection looked at that is to make room.
    fn ask(&self, key: Key);

    /// The connections that wait for a request.
    fn show(self: Arc<Self>) -> Vec<Shown>;

    /// How many there are.
    fn waiting(&self) -> usize;
}

/// A connection that waits for a request.
#[derive(Clone, Copy, Debug)]
pub(super) struct Shown {
    pub(super) key: Key,
    pub(super) place: u64,
    pub(super) wait: Wait,
    pub(super) since: Instant,
}

impl<C: Watched> Watching for Watch<C> {
    fn ask_all(&self) {
        self.change(State::ask_all);
    }

    fn close(&self) {
        self.change(State::close);
        self.monitor.end();
    }

    fn ask(&self, key: Key) {
        self.change(|state| state.summon(key, Summons::Asked));
    }

    fn show(self: Arc<Self>) -> Vec<Shown> {
        let state = self.state.lock();
        let waiting = state
            .waiting()
            .filter_map(|(key, connection, phase, since)| {
                let wait = phase.wait()?; // What has begun is not asked to end.
                let place = connection.place();
                Some(Shown {
                    key,
                    place,
                    wait,
                    since,
                })
            });
        waiting.collect()
    }

    fn waiting(&self) -> usize {
        self.state.lock().waiting_count()
    }
}

/// Whom the monitor has seen serving, and which connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Look {
    token: Token,
    beat: u64,
}
