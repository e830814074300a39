//! The descriptors of a watch, and a waker among them.

use std::io;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::time::Duration;

use rustix::buffer::spare_capacity;
use rustix::event::{Timespec, epoll};

use super::state::Key;
use crate::sys::waker::Waker;

/// Most events that are taken at a time.
const BATCH: usize = 64;

/// An epoll set, level-triggered.
#[derive(Debug)]
pub(super) struct Set {
    epoll: OwnedFd,
    waker: Waker,
}

/// The data of the waker, which no key has.
const WAKER: u64 = u64::MAX;

impl Set {
    /// # Errors
    ///
    /// There is no descriptor to be had.
    pub(super) fn new() -> io::Result<Self> {
        let epoll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
        let waker = Waker::new()?;
        let data = epoll::EventData::new_u64(WAKER);
        epoll::add(&epoll, &waker, data, epoll::EventFlags::IN)?;
        Ok(Self { epoll, waker })
    }

    /// # Errors
    ///
    /// There is no memory for it.
    pub(super) fn add(&self, key: Key, descriptor: BorrowedFd<'_>) -> io::Result<()> {
        let data = epoll::EventData::new_u64(key.into());
        let events = epoll::EventFlags::IN | epoll::EventFlags::RDHUP;
        Ok(epoll::add(&self.epoll, descriptor, data, events)?)
    }

    /// Fails only if it is not in the set.
    pub(super) fn remove(&self, descriptor: BorrowedFd<'_>) {
        let _ = epoll::delete(&self.epoll, descriptor);
    }

    /// Has whoever waits return.
    pub(super) fn wake(&self) {
        self.waker.wake();
    }

    /// Waits until something can be read, for so long at most, or until it is woken.
    pub(super) fn wait(&self, timeout: Duration, ready: &mut Vec<Key>) {
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
