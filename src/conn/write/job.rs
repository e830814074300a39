//! Everything that one write needs, in one value that travels: nothing of it is stored on the
//! connection, so operations cannot change one another.

use std::sync::Arc;
use std::time::Instant;

use parking_lot::Mutex;

use super::parcel::Parcel;
use crate::aio::{Completer, Notice, Written};
use crate::background::UserCode;
use crate::conn::queue::Job;
use crate::deadline::Deadline;
use crate::error::Error;
use crate::meter::Meter;
use crate::transport::Wait;

/// Learns how a write gets on, and may bound it.
pub(crate) trait WriteObserver: Send + Sync {
    /// The request that it is has this number, or none, because nothing of it is out.
    fn set_number(&self, _number: Option<u64>) {}

    /// So much of the write is out, by so many bytes more, those of its framing included.
    fn progress(&self, count: u64, bytes: usize);

    /// Until when the next call may block, besides the deadline of the write.
    fn call_deadline(&self) -> Deadline {
        Deadline::Never
    }

    /// A call that may have blocked, and began at `start`, is over.
    fn waited(&self, _start: Instant) {}
}

/// Bounds how slow the peer may be.
impl WriteObserver for Mutex<Meter> {
    fn progress(&self, _count: u64, bytes: usize) {
        self.lock().passed(bytes as u64);
    }

    fn call_deadline(&self) -> Deadline {
        Deadline::after(self.lock().left())
    }

    fn waited(&self, start: Instant) {
        self.lock().waited(start);
    }
}

pub(crate) struct WriteJob {
    pub(crate) parcel: Parcel,
    pub(crate) deadline: Deadline,
    pub(crate) completer: Completer<Written>,
    observer: Option<Arc<dyn WriteObserver>>,
}

impl WriteJob {
    pub(crate) fn new(parcel: Parcel, deadline: Deadline, completer: Completer<Written>) -> Self {
        Self {
            parcel,
            deadline,
            completer,
            observer: None,
        }
    }

    pub(crate) fn observed_by(mut self, observer: Arc<dyn WriteObserver>) -> Self {
        self.observer = Some(observer);
        self
    }

    /// Bounds how slow the peer may be; what is out already counts.
    pub(crate) fn metered_by(self, meter: Arc<Mutex<Meter>>) -> Self {
        meter.lock().passed(self.parcel.moved());
        self.observed_by(meter)
    }

    /// What is left for the next call that may block. None: no time is.
    pub(super) fn wait(&self) -> Option<Wait> {
        match &self.observer {
            None => self.deadline.wait(),
            Some(observer) => self.deadline.earlier(observer.call_deadline()).wait(),
        }
    }

    /// Makes a call that may block, and notes how long it took.
    pub(super) fn measure<T>(&self, call: impl FnOnce() -> T) -> T {
        let Some(observer) = &self.observer else {
            return call();
        };
        let start = Instant::now();
        let value = call();
        observer.waited(start);
        value
    }

    /// The request has this number, or none, because nothing of it is out.
    pub(crate) fn set_number(&self, number: Option<u64>) {
        if let Some(observer) = &self.observer {
            observer.set_number(number);
        }
    }

    /// Takes up to `count` bytes that the kernel has accepted off the front; returns the rest.
    pub(crate) fn accept(&mut self, count: usize) -> usize {
        let left = self.parcel.accept(count);
        if left < count {
            let counted = self.parcel.counted();
            self.completer.progress(counted);
            if let Some(observer) = &self.observer {
                observer.progress(counted, count - left);
            }
        }
        left
    }

    /// The write has not been offered, or nothing of it was taken: the request has no number yet.
    pub(crate) fn clear_number(&self) {
        if self.parcel.is_message() {
            self.set_number(None);
        }
    }

    /// Returns who is to be told, unless that is nobody or a waiter.
    pub(crate) fn succeed(self) -> Option<Notice<Written>> {
        let written = Written::new(self.parcel.counted());
        let notice = self.completer.finish(Ok(written));
        (!notice.is_none()).then_some(notice)
    }
}

impl Job for WriteJob {
    fn id(&self) -> usize {
        self.completer.id()
    }

    fn deadline(&self) -> Deadline {
        self.deadline
    }

    fn set_place(&self, place: u64) {
        self.completer.set_place(place);
    }

    fn set_held(&self, held: bool) {
        self.completer.set_held(held);
    }

    fn is_wanted(&self) -> bool {
        self.completer.is_wanted()
    }

    fn is_cut(&self) -> bool {
        self.parcel.is_begun()
    }

    fn fail(self, error: Error) -> Option<UserCode> {
        let error = error.with_count(self.parcel.counted());
        let notice = self.completer.finish_for_cause(Err(error));
        let (parcel, observer) = (self.parcel, self.observer);
        if notice.is_none() && parcel.is_empty() {
            return None;
        }
        // Users' buffers are dropped where users' closures run.
        Some(Box::new(move || {
            notice.run();
            drop((parcel, observer));
        }))
    }
}
