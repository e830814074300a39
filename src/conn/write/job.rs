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

/// Learns how the write of a request gets on.
pub(crate) trait RequestObserver: Send + Sync {
    /// The request has this number, or none, because nothing of it is out.
    fn set_number(&self, number: Option<u64>);

    /// So much of the write is out.
    fn progress(&self, count: u64);
}

pub(crate) struct WriteJob {
    pub(crate) parcel: Parcel,
    pub(crate) deadline: Deadline,
    pub(crate) completer: Completer<Written>,
    observer: Option<Arc<dyn RequestObserver>>,
    /// Bounds how slow the peer may be, beside the deadline.
    meter: Option<Arc<Mutex<Meter>>>,
}

impl WriteJob {
    pub(crate) fn new(parcel: Parcel, deadline: Deadline, completer: Completer<Written>) -> Self {
        Self {
            parcel,
            deadline,
            completer,
            observer: None,
            meter: None,
        }
    }

    pub(crate) fn observed_by(mut self, observer: Arc<dyn RequestObserver>) -> Self {
        self.observer = Some(observer);
        self
    }

    pub(crate) fn metered_by(mut self, meter: Arc<Mutex<Meter>>) -> Self {
        meter.lock().passed(self.parcel.moved());
        self.meter = Some(meter);
        self
    }

    /// What is left for the next call that may block. None: no time is.
    pub(super) fn wait(&self) -> Option<Wait> {
        match &self.meter {
            None => self.deadline.wait(),
            Some(meter) => {
                let left = meter.lock().left();
                self.deadline.earlier(Deadline::after(left)).wait()
            }
        }
    }

    /// Makes a call that may block, and notes how long it took.
    pub(super) fn measure<T>(&self, call: impl FnOnce() -> T) -> T {
        let Some(meter) = &self.meter else {
            return call();
        };
        let start = Instant::now();
        let value = call();
        meter.lock().waited(start);
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
                observer.progress(counted);
            }
            if let Some(meter) = &self.meter {
                meter.lock().passed((count - left) as u64);
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

    pub(crate) fn succeed(self) -> Notice<Written> {
        let written = Written::new(self.parcel.counted());
        self.completer.finish(Ok(written))
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
