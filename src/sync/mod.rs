//! The one place that knows which mutex, condvar, bell, channels and atomics the completion slot, the queues, and
//! the watches and threads of a server use.
//!
//! They are those of `parking_lot`, `crossbeam` and `std`. Under `--cfg loom` they are the model checker's,
//! behind the same few methods, so that what is checked is what is shipped.

#[cfg(loom)]
mod channel;
#[cfg(loom)]
mod model;

/// How often a thread looks again before it parks. Waking a parked thread costs tens of microseconds, and
/// a write of a kilobyte costs four: a short spin at both ends of a hand-over makes submit-and-wait fast.
#[cfg(not(loom))]
const SPIN_TURNS: u32 = 2_000;
#[cfg(loom)]
const SPIN_TURNS: u32 = 0;

/// Looks at `ready` a bounded number of times. A single processor never spins, because the thread that it
/// would wait for cannot be running.
pub(crate) fn spin_until(ready: impl Fn() -> bool) {
    if ready() {
        return;
    }
    for _ in 0..spin_turns() {
        if ready() {
            return;
        }
        std::hint::spin_loop();
    }
}

fn spin_turns() -> u32 {
    static TURNS: std::sync::OnceLock<u32> = std::sync::OnceLock::new();
    *TURNS.get_or_init(|| match std::thread::available_parallelism() {
        Ok(n) if n.get() > 1 => SPIN_TURNS,
        _ => 0,
    })
}

#[cfg(loom)]
pub(crate) use self::channel::{Receiver, Sender, bounded, unbounded};
#[cfg(loom)]
pub(crate) use self::model::{
    AtomicBool, AtomicU64, Bell, Builder, Condvar, Mutex, MutexGuard, thread_local,
};
#[cfg(all(test, loom))]
pub(crate) use self::model::{check, check_up_to};
#[cfg(not(loom))]
pub(crate) use self::shipped::{
    AtomicBool, AtomicU64, Bell, Builder, Condvar, Mutex, MutexGuard, Receiver, Sender, bounded,
    thread_local, unbounded,
};

#[cfg(not(loom))]
mod shipped {
    pub(crate) use crossbeam_channel::{Receiver, Sender, bounded, unbounded};
    pub(crate) use parking_lot::{Condvar, Mutex, MutexGuard};
    use std::sync::OnceLock;
    pub(crate) use std::sync::atomic::{AtomicBool, AtomicU64};
    pub(crate) use std::thread::Builder;
    pub(crate) use std::thread_local;

    /// Wakes one thread that parks. Ringing it twice is the same as once. It takes no memory until somebody parks
    /// or rings.
    #[derive(Debug)]
    pub(crate) struct Bell(OnceLock<(Sender<()>, Receiver<()>)>);

    impl Bell {
        pub(crate) fn new() -> Self {
            Self(OnceLock::new())
        }

        fn channel(&self) -> &(Sender<()>, Receiver<()>) {
            self.0.get_or_init(|| bounded(1))
        }

        pub(crate) fn ring(&self) {
            let (ring, _) = self.channel();
            let _ = ring.try_send(()); // If it is full, it has been rung.
        }

        /// Parks until it rings.
        pub(crate) fn wait(&self) {
            let (_, doorbell) = self.channel();
            let _ = doorbell.recv(); // This fails only without a sender, which is here.
        }
    }
}
