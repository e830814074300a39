//! A descriptor that is kept for the day when there is no other: to tell a client that there is none.

use crate::sys::waker::Waker;

#[derive(Debug)]
pub(super) struct Reserve(Option<Waker>);

impl Reserve {
    pub(super) fn new() -> Self {
        Self(Waker::new().ok())
    }

    /// Does something with the descriptor's place. None if there is none: somebody else has taken it.
    pub(super) fn lend<T>(&mut self, work: impl FnOnce() -> T) -> Option<T> {
        let done = self.0.take().map(|descriptor| {
            drop(descriptor);
            work()
        });
        self.0 = Waker::new().ok();
        done
    }
}
