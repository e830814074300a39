//! Telling that there is no thread for what has come.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};

use super::event::{Observer, ServerEvent};
use crate::background;

/// Whether threads have run out, which is told once each time.
pub(super) struct Shortage {
    observer: Observer,
    is_told: AtomicBool,
}

impl Shortage {
    pub(super) fn new(observer: Observer) -> Self {
        Self {
            observer,
            is_told: AtomicBool::new(false),
        }
    }

    /// No thread is to be had for this reason. The observer is told on a thread that nobody waits for: this one may
    /// be about to block in a handler, or look after others.
    pub(super) fn begins(&self, threads: usize, error: io::Error) {
        if self.observer.listens() && !self.is_told.swap(true, Ordering::Relaxed) {
            let observer = self.observer.clone();
            background::run(Box::new(move || {
                let error = &error;
                observer.tell(|| ServerEvent::OutOfThreads { threads, error });
            }));
        }
    }

    /// A thread was to be had.
    pub(super) fn ends(&self) {
        if self.is_told.load(Ordering::Relaxed) {
            self.is_told.store(false, Ordering::Relaxed);
        }
    }
}
