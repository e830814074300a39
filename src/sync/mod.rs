//! The one place that knows which mutex, condvar, bell, channels and atomics the completion slot, the queues, and
//! the watches and threads of a server use.
//!
//! They are those of `parking_lot`, `crossbeam` and `std`. Under `--cfg loom` they are the model checker's,
//! behind the same few methods, so that what is checked is what is shipped.

#[cfg(loom)]
mod channel;
#[cfg(loom)]
mod model;
#[cfg(not(loom))]
mod spin;

#[cfg(loom)]
pub(crate) use self::channel::{Receiver, Sender, bounded, unbounded};
#[cfg(loom)]
pub(crate) use self::model::{
    AtomicBool, AtomicU64, Bell, Builder, Condvar, Mutex, MutexGuard, Spin, thread_local,
};
#[cfg(all(test, loom))]
pub(crate) use self::model::{check, check_up_to};
#[cfg(not(loom))]
pub(crate) use self::shipped::{
    AtomicBool, AtomicU64, Bell, Builder, Condvar, Mutex, MutexGuard, Receiver, Sender, bounded,
    thread_local, unbounded,
};

#[cfg(not(loom))]
pub(crate) use self::spin::Spin;

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
