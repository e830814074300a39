//! The descriptors of a watch, and a waker among them.

#[cfg(all(not(loom), any(target_os = "linux", target_os = "android")))]
pub(super) use self::polled::Set;
#[cfg(not(any(loom, target_os = "linux", target_os = "android")))]
pub(super) use self::unsupported::Set;
#[cfg(loom)]
pub(super) use super::modelled::Set;

#[cfg(all(not(loom), any(target_os = "linux", target_os = "android")))]
mod polled {
    use std::io;
    use std::os::fd::{BorrowedFd, OwnedFd};
    use std::time::Duration;

    use rustix::buffer::spare_capacity;
    use rustix::event::{Timespec, epoll};

    use super::super::state::Key;
    use crate::sys::waker::Waker;

    /// Most events that are taken at a time.
    const BATCH: usize = 64;

    /// An epoll set, level-triggered.
    #[derive(Debug)]
    pub(in crate::server::watch) struct Set {
        epoll: OwnedFd,
        waker: Waker,
    }

    /// The data of the waker, which no key has.
    const WAKER: u64 = u64::MAX;

    impl Set {
        /// # Errors
        ///
        /// There is no descriptor to be had.
        pub(in crate::server::watch) fn new() -> io::Result<Self> {
            let epoll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
            let waker = Waker::new()?;
            let data = epoll::EventData::new_u64(WAKER);
            epoll::add(&epoll, &waker, data, epoll::EventFlags::IN)?;
            Ok(Self { epoll, waker })
        }

        /// # Errors
        ///
        /// There is no memory for it.
        pub(in crate::server::watch) fn add(
            &self,
            key: Key,
            descriptor: BorrowedFd<'_>,
        ) -> io::Result<()> {
            let data = epoll::EventData::new_u64(key.into());
            let events = epoll::EventFlags::IN | epoll::EventFlags::RDHUP;
            Ok(epoll::add(&self.epoll, descriptor, data, events)?)
        }

        /// Fails only if it is not in the set.
        pub(in crate::server::watch) fn remove(&self, descriptor: BorrowedFd<'_>) {
            let _ = epoll::delete(&self.epoll, descriptor);
        }

        /// Has whoever waits return.
        pub(in crate::server::watch) fn wake(&self) {
            self.waker.wake();
        }

        /// Waits until something can be read, for so long at most, or until it is woken.
        pub(in crate::server::watch) fn wait(&self, timeout: Duration, ready: &mut Vec<Key>) {
            ready.clear();
            let mut events = Vec::with_capacity(BATCH);
            // A timeout that is longer than the kernel can count is none.
            let timeout = Timespec::try_from(timeout).ok();
            // Interrupted is as good as woken, and nothing else can go wrong here.
            let _ = epoll::wait(&self.epoll, spare_capacity(&mut events), timeout.as_ref());
            for event in events {
                match event.data.u64() {
                    WAKER => self.waker.reset(),
                    key => ready.push(key.into()),
                }
            }
        }
    }
}

/// Where there is no epoll, no watch begins, and each connection has a thread.
#[cfg(not(any(loom, target_os = "linux", target_os = "android")))]
mod unsupported {
    use std::convert::Infallible;
    use std::io;
    use std::os::fd::BorrowedFd;
    use std::time::Duration;

    use super::super::state::Key;

    #[derive(Debug)]
    pub(in crate::server::watch) struct Set(Infallible);

    impl Set {
        pub(in crate::server::watch) fn new() -> io::Result<Self> {
            Err(io::ErrorKind::Unsupported.into())
        }

        pub(in crate::server::watch) fn add(&self, _: Key, _: BorrowedFd<'_>) -> io::Result<()> {
            match self.0 {}
        }

        pub(in crate::server::watch) fn remove(&self, _: BorrowedFd<'_>) {
            match self.0 {}
        }

        pub(in crate::server::watch) fn wake(&self) {
            match self.0 {}
        }

        pub(in crate::server::watch) fn wait(&self, _: Duration, _: &mut Vec<Key>) {
            match self.0 {}
        }
    }
}
