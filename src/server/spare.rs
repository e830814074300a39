//! Threads that wait some seconds for the next connection before they end.

use std::io;
use std::thread::Builder;
use std::time::Duration;

use crossbeam_channel::{Receiver, Sender, TrySendError, bounded};

/// How long a thread without work waits for some.
const PATIENCE: Duration = Duration::from_secs(5);

type Work = Box<dyn FnOnce() + Send>;

/// A channel without room: who sends finds a thread that waits, or none.
#[derive(Debug)]
pub(super) struct Spares {
    give: Sender<Work>,
    take: Receiver<Work>,
}

impl Default for Spares {
    fn default() -> Self {
        let (give, take) = bounded(0);
        Self { give, take }
    }
}

impl Spares {
    /// Has a thread do the work, one that waits or a new one.
    ///
    /// # Errors
    ///
    /// There is no thread to be had. The work is dropped.
    pub(super) fn run(&self, work: Work) -> io::Result<()> {
        let work = match self.give.try_send(work) {
            Ok(()) => return Ok(()),
            Err(TrySendError::Full(work) | TrySendError::Disconnected(work)) => work,
        };
        let next = self.take.clone();
        Builder::new()
            .name("http-aio:serve".into())
            .spawn(move || {
                work();
                while let Ok(work) = next.recv_timeout(PATIENCE) {
                    work();
                }
            })
            .map(drop)
    }
}
