//! The one place that knows which mutex, condvar, bell and atomics the completion slot and the queues use.
//!
//! They are those of `parking_lot`, `crossbeam` and `std`. Under `--cfg loom` they are the model checker's,
//! behind the same few methods, so that what is checked is what is shipped.

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
pub(crate) use self::model::{AtomicBool, AtomicU64, Bell, Condvar, Mutex, MutexGuard};
#[cfg(not(loom))]
pub(crate) use self::shipped::{AtomicBool, AtomicU64, Bell, Condvar, Mutex, MutexGuard};

#[cfg(not(loom))]
mod shipped {
    pub(crate) use parking_lot::{Condvar, Mutex, MutexGuard};
    use std::sync::OnceLock;
    pub(crate) use std::sync::atomic::{AtomicBool, AtomicU64};

    use crossbeam_channel::{Receiver, Sender, bounded};

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

#[cfg(loom)]
mod model {
    use std::ops::{Deref, DerefMut};
    use std::time::Instant;

    pub(crate) use loom::sync::atomic::{AtomicBool, AtomicU64};

    #[derive(Debug)]
    pub(crate) struct Mutex<T>(loom::sync::Mutex<T>);

    #[derive(Debug)]
    pub(crate) struct MutexGuard<'a, T>(Option<loom::sync::MutexGuard<'a, T>>);

    #[derive(Debug)]
    pub(crate) struct Condvar(loom::sync::Condvar);

    #[derive(Debug)]
    pub(crate) struct TimedOut;

    impl TimedOut {
        pub(crate) fn timed_out(&self) -> bool {
            false
        }
    }

    #[derive(Debug)]
    pub(crate) struct Bell {
        rung: Mutex<bool>,
        changed: Condvar,
    }

    impl Bell {
        pub(crate) fn new() -> Self {
            Self {
                rung: Mutex::new(false),
                changed: Condvar::new(),
            }
        }

        pub(crate) fn ring(&self) {
            *self.rung.lock() = true;
            self.changed.notify_all();
        }

        pub(crate) fn wait(&self) {
            let mut rung = self.rung.lock();
            while !std::mem::take(&mut *rung) {
                self.changed.wait(&mut rung);
            }
        }
    }

    impl<T> Mutex<T> {
        pub(crate) fn new(value: T) -> Self {
            Self(loom::sync::Mutex::new(value))
        }

        pub(crate) fn lock(&self) -> MutexGuard<'_, T> {
            MutexGuard(self.0.lock().ok())
        }

        pub(crate) fn get_mut(&mut self) -> &mut T {
            self.0
                .get_mut()
                .expect("the model does not panic under a lock")
        }
    }

    impl<T> Deref for MutexGuard<'_, T> {
        type Target = T;
        fn deref(&self) -> &T {
            self.0.as_ref().expect("held")
        }
    }

    impl<T> DerefMut for MutexGuard<'_, T> {
        fn deref_mut(&mut self) -> &mut T {
            self.0.as_mut().expect("held")
        }
    }

    impl Condvar {
        pub(crate) fn new() -> Self {
            Self(loom::sync::Condvar::new())
        }

        pub(crate) fn wait<T>(&self, guard: &mut MutexGuard<'_, T>) {
            let held = guard.0.take().expect("held");
            guard.0 = self.0.wait(held).ok();
        }

        /// The model has no clock: a timed wait is a wait.
        pub(crate) fn wait_until<T>(&self, guard: &mut MutexGuard<'_, T>, _: Instant) -> TimedOut {
            self.wait(guard);
            TimedOut
        }

        pub(crate) fn notify_all(&self) {
            self.0.notify_all();
        }
    }
}
