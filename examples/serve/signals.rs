//! Ctrl-C and SIGTERM: the first stops the server in order, the second at once.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use http_aio::{Aio, Server};

use crate::common::exit::Exit;
use crate::common::failure::Failure;
use crate::gauge::counted;
use crate::screen::Screen;

/// How long a stop may take before it is told that it takes its time.
const MOMENT: Duration = Duration::from_millis(300);

/// How often it was told to stop.
#[derive(Clone, Default)]
pub(crate) struct Signals(Arc<AtomicU32>);

impl Signals {
    /// Has signals stop the server from now on.
    pub(crate) fn watch(server: &Server, screen: &Screen) -> Result<Self, Failure> {
        let signals = Self::default();
        let (count, server, screen) = (Arc::clone(&signals.0), server.clone(), screen.clone());
        let handle = move || match count.fetch_add(1, Ordering::SeqCst) {
            0 => {
                let stopped = server.drain(Aio::new().timeout(MOMENT)).wait();
                if let Err(error) = stopped {
                    let left = counted(error.count(), "connection");
                    screen.say(&format!(
                        "finishing what was begun on {left}; once more ends it at once"
                    ));
                }
            }
            _ => server.close(),
        };
        ctrlc::set_handler(handle).map_err(|error| {
            let text = format!("cannot handle signals: {error}");
            Failure::new(Exit::Other, text)
        })?;
        Ok(signals)
    }

    pub(crate) fn exit(&self) -> Exit {
        match self.0.load(Ordering::SeqCst) {
            0 | 1 => Exit::Ok,
            _ => Exit::Interrupted,
        }
    }
}
