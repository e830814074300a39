//! The monitor: a thread that looks after the watches of a server, and takes one away from a holder that stays with
//! one connection.
//!
//! It looks every half millisecond while somebody serves, ever more seldom while nobody does, and then it sleeps
//! until somebody does again.
//!
//! It never sleeps while somebody serves: it says that it sleeps, and then looks at each watch under its lock. A holder
//! that begins to serve does so under that lock, and then looks whether the monitor sleeps. One of the two sees the
//! other.

use std::io;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Weak};
use std::time::Duration;

use crossbeam_channel::RecvTimeoutError;

use super::company::Company;
use super::{Look, Watch, Watched};
use crate::background;
use crate::sync::{AtomicBool, Builder, Receiver, Sender, bounded};

/// How often it looks: a holder loses its watch after one to two of these.
const TICK: Duration = Duration::from_micros(500);
const LONGEST_TICK: Duration = Duration::from_millis(4);

/// How often it looks in vain before it sleeps.
#[cfg(not(loom))]
const VAIN_LOOKS: u32 = 64;
#[cfg(loom)]
const VAIN_LOOKS: u32 = 1;

pub(in crate::server) struct Monitor {
    asleep: AtomicBool,
    /// There is nothing to look after any more.
    ended: AtomicBool,
    bell: Sender<()>,
    pub(super) company: Company,
}

/// What the thread of a monitor needs.
pub(in crate::server) struct Rounds {
    bell: Receiver<()>,
}

impl Monitor {
    pub(in crate::server) fn new() -> (Arc<Self>, Rounds) {
        let (ring, bell) = bounded(1);
        let monitor = Self {
            asleep: AtomicBool::new(false),
            ended: AtomicBool::new(false),
            bell: ring,
            company: Company::default(),
        };
        (Arc::new(monitor), Rounds { bell })
    }

    /// Has the thread end.
    pub(super) fn end(&self) {
        self.ended.store(true, Ordering::SeqCst);
        let _ = self.bell.try_send(()); // One that has been rung is rung.
    }

    #[cfg(all(test, not(loom)))]
    pub(super) fn is_asleep(&self) -> bool {
        self.asleep.load(Ordering::SeqCst)
    }

    /// Somebody serves.
    pub(super) fn wake_up(&self) {
        if self.asleep.load(Ordering::Relaxed) && self.asleep.swap(false, Ordering::SeqCst) {
            let _ = self.bell.try_send(()); // One that has been rung is rung.
        }
    }
}

impl Rounds {
    /// Has a thread look after the watches, for as long as there are any.
    ///
    /// # Errors
    ///
    /// There is no thread to be had.
    pub(in crate::server) fn start<C: Watched>(
        self,
        monitor: &Arc<Monitor>,
        watches: &[Arc<Watch<C>>],
    ) -> io::Result<()> {
        let monitor = Arc::downgrade(monitor);
        let watches = watches
            .iter()
            .map(|watch| (Arc::downgrade(watch), None))
            .collect();
        Builder::new()
            .name("http-aio:monitor".into())
            .spawn(move || self.run(&monitor, watches))
            .map(drop)
    }

    fn run<C: Watched>(
        &self,
        monitor: &Weak<Monitor>,
        mut watches: Vec<(Weak<Watch<C>>, Option<Look>)>,
    ) {
        background::forbid_user_code();
        let (mut tick, mut vain_looks) = (TICK, 0);
        loop {
            let rung = self.bell.recv_timeout(tick);
            if rung == Err(RecvTimeoutError::Disconnected) || has_ended(monitor) {
                return;
            }
            if look_at(&mut watches) {
                (tick, vain_looks) = (TICK, 0);
                continue;
            }
            vain_looks += 1;
            tick = (2 * tick).min(LONGEST_TICK);
            if vain_looks < VAIN_LOOKS {
                continue;
            }
            let Some(present) = monitor.upgrade() else {
                return;
            };
            present.asleep.store(true, Ordering::SeqCst);
            let sleeps = !look_at(&mut watches);
            if !sleeps {
                present.asleep.store(false, Ordering::SeqCst);
            }
            drop(present); // Its end ends the sleep, if nothing else does.
            if sleeps && (self.bell.recv().is_err() || has_ended(monitor)) {
                return;
            }
            (tick, vain_looks) = (TICK, 0);
        }
    }
}

fn has_ended(monitor: &Weak<Monitor>) -> bool {
    let monitor = monitor.upgrade();
    monitor.is_none_or(|monitor| monitor.ended.load(Ordering::SeqCst))
}

/// Whether somebody serves.
fn look_at<C: Watched>(watches: &mut [(Weak<Watch<C>>, Option<Look>)]) -> bool {
    let mut serves = false;
    for (watch, last) in watches {
        *last = watch.upgrade().and_then(|watch| watch.look(*last));
        serves |= last.is_some();
    }
    serves
}
