//! The thread that writes the output, because a write to a pipe or a terminal cannot be canceled,
//! and a download can.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use crossbeam_channel::{Receiver, Sender, bounded, select};
use http_aio::bytes::{Buf, Bytes};

use crate::common::background::spawn;
use crate::common::exit::Exit;
use crate::common::failure::Failure;
use crate::common::output::{Column, Output};
use crate::common::task::Task;

/// How long the writing of what has arrived may take after everything else has ended.
const GRACE: Duration = Duration::from_millis(50);

/// What the output is given.
#[derive(Debug)]
pub(crate) enum Item {
    /// The place in a file where the rest goes, and how many bytes of bodies count as written there.
    Start {
        at: u64,
        written: u64,
    },
    Head(Bytes),
    Body(Bytes),
}

pub(crate) struct Sink {
    queue: Sender<Item>,
    progress: Arc<Progress>,
    end: Receiver<(Result<(), Failure>, Column)>,
}

/// What became of the output.
#[derive(Debug)]
pub(crate) struct Written {
    /// Bytes of bodies.
    pub(crate) count: u64,
    pub(crate) column: Column,
    pub(crate) result: Result<(), Unwritten>,
}

/// Why not all was written.
#[derive(Debug)]
pub(crate) enum Unwritten {
    Failed(Failure),
    /// The writing did not end before the task.
    Late(Failure),
}

#[derive(Default)]
struct Progress {
    /// Bytes of bodies.
    written: AtomicU64,
    /// Nobody waits any more: what is written now would not be counted.
    given_up: AtomicBool,
}

impl Sink {
    /// Calls `failed` when the output fails, for those who do not wait for the sink just then.
    pub(crate) fn start(
        mut output: Output,
        failed: impl FnOnce() + Send + 'static,
    ) -> Result<Self, Failure> {
        let (queue, items) = bounded(1);
        let (tell, end) = bounded(1);
        let progress = Arc::new(Progress::default());
        let shared = Arc::clone(&progress);
        spawn("sink", move || {
            let result = items
                .iter()
                .try_for_each(|item| shared.put(item, &mut output));
            let (has_failed, column) = (result.is_err(), output.column());
            drop((items, output));
            if has_failed {
                failed();
            }
            let _ = tell.send((result, column)); // Nobody waits for it any more, at worst.
        })?;
        Ok(Self {
            queue,
            progress,
            end,
        })
    }

    /// Waits until the item is accepted.
    ///
    /// # Errors
    ///
    /// The task has ended before. What has become of the output itself is told by [`end`](Self::end).
    pub(crate) fn give(&self, item: Item, task: &Task) -> Result<(), Failure> {
        select! {
            send(self.queue, item) -> sent => {
                sent.map_err(|_| Failure::new(Exit::Write, "the output has ended"))
            }
            recv(task.bell()) -> _ => Err(Failure::interrupted()),
            recv(task.passing()) -> _ => Err(Failure::timed_out()),
        }
    }

    /// How many bytes of bodies are written.
    pub(crate) fn written(&self) -> u64 {
        self.progress.written.load(Ordering::Acquire)
    }

    /// Waits until everything is written, or the task has ended.
    pub(crate) fn end(self, task: &Task) -> Written {
        let Self { queue, end, .. } = self;
        drop(queue);
        let (told, late) = select! {
            recv(end) -> told => (told.ok(), Failure::lost()),
            recv(task.bell()) -> _ => (None, Failure::interrupted()),
            recv(task.passing()) -> _ => (None, Failure::timed_out()),
        };
        let told = told.or_else(|| end.recv_timeout(GRACE).ok());
        self.progress.given_up.store(true, Ordering::Release);
        let count = self.progress.written.load(Ordering::Acquire);
        let (result, column) = match told {
            Some((result, column)) => (result.map_err(Unwritten::Failed), column),
            None => (Err(Unwritten::Late(late)), Column::InMiddle),
        };
        Written {
            count,
            column,
            result,
        }
    }
}

impl Progress {
    fn put(&self, item: Item, output: &mut Output) -> Result<(), Failure> {
        let (mut bytes, counts) = match item {
            Item::Start { at, written } => {
                self.written.store(written, Ordering::Release);
                return output.start_at(at);
            }
            Item::Head(bytes) => (bytes, false),
            Item::Body(bytes) => (bytes, true),
        };
        while !bytes.is_empty() && !self.given_up.load(Ordering::Acquire) {
            let count = output.write(&bytes)?;
            bytes.advance(count);
            if counts {
                self.written.fetch_add(count as u64, Ordering::Release);
            }
        }
        Ok(())
    }
}
