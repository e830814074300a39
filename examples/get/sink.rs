//! The thread that writes the output, because a write to a pipe or a terminal cannot be cancelled,
//! and a download can.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use crossbeam_channel::{Receiver, Sender, bounded, select};
use http_aio::bytes::{Buf, Bytes};

use crate::common::background::spawn;
use crate::common::cancel::CancelGroup;
use crate::common::deadline::Deadline;
use crate::common::ending::Ending;
use crate::common::sentence::TIMED_OUT;
use crate::output::Output;

/// How long the writing of what has arrived may take after everything else has ended.
const GRACE: Duration = Duration::from_millis(50);

/// What the output is given.
pub(crate) enum Item {
    /// The place in the file where the rest goes.
    Start(u64),
    Head(Bytes),
    Body(Bytes),
}

pub(crate) struct Sink {
    queue: Sender<Item>,
    progress: Arc<Progress>,
    end: Receiver<Result<(), String>>,
    stop: CancelGroup,
    deadline: Deadline,
}

#[derive(Default)]
struct Progress {
    /// Bytes of bodies.
    written: AtomicU64,
    /// Nobody waits any more: what is written now would not be counted.
    given_up: AtomicBool,
}

impl Sink {
    /// One that waits until the deadline and until `stop`, and stops the others when it fails.
    pub(crate) fn start(
        mut output: Output,
        stop: &CancelGroup,
        deadline: Deadline,
    ) -> Result<Self, String> {
        let (queue, items) = bounded(1);
        let (tell, end) = bounded(1);
        let progress = Arc::new(Progress::default());
        let (shared, group) = (Arc::clone(&progress), stop.clone());
        spawn("get:sink", move || {
            let result = items
                .iter()
                .try_for_each(|item| shared.put(item, &mut output));
            let failed = result.is_err();
            let _ = tell.send(result); // Nobody waits for it any more, at worst.
            if failed {
                group.cancel();
            }
        })?;
        Ok(Self {
            queue,
            progress,
            end,
            stop: stop.clone(),
            deadline,
        })
    }

    /// Waits until the item is accepted. A failure of the output itself is told by [`end`](Self::end).
    pub(crate) fn give(&self, item: Item) -> Result<(), Ending> {
        select! {
            send(self.queue, item) -> sent => sent.map_err(|_| Ending::Canceled),
            recv(self.stop.bell()) -> _ => Err(Ending::Canceled),
            recv(self.deadline.passing()) -> _ => Err(Ending::failed(TIMED_OUT)),
        }
    }

    /// How many bytes of bodies are written.
    pub(crate) fn written(&self) -> u64 {
        self.progress.written.load(Ordering::Acquire)
    }

    /// Waits until everything is written, and says how many bytes of bodies that were, and how it
    /// ended: as the exchanges did, unless the output failed, or did not end in time.
    pub(crate) fn end(self, ending: Ending) -> (u64, Ending) {
        let Self { queue, end, .. } = self;
        drop(queue);
        let (result, late) = select! {
            recv(end) -> result => (result.ok(), Ending::failed("the output was lost")),
            recv(self.stop.bell()) -> _ => (None, Ending::Canceled),
            recv(self.deadline.passing()) -> _ => (None, Ending::failed(TIMED_OUT)),
        };
        let result = result.or_else(|| end.recv_timeout(GRACE).ok());
        self.progress.given_up.store(true, Ordering::Release);
        let written = self.progress.written.load(Ordering::Acquire);
        let ending = match result {
            Some(Ok(())) => ending,
            Some(Err(reason)) => Ending::failed(reason),
            None if matches!(ending, Ending::Ok(_) | Ending::Refused(_)) => late,
            None => ending,
        };
        (written, ending)
    }
}

impl Progress {
    fn put(&self, item: Item, output: &mut Output) -> Result<(), String> {
        let (mut bytes, counts) = match item {
            Item::Start(at) => return output.start_at(at),
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
