//! A line on the terminal that shows how it goes.

use std::thread;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, bounded};
use http_aio::Server;
use indicatif::{HumanBytes, HumanCount, ProgressBar};

use crate::screen::Screen;

const TICK: Duration = Duration::from_millis(500);

/// Shows it until it is dropped.
pub(crate) struct Gauge {
    stop: Option<Sender<()>>,
    thread: Option<thread::JoinHandle<()>>,
}

impl Gauge {
    /// Nothing is shown where nobody can watch it.
    pub(crate) fn show(server: &Server, screen: &Screen) -> Self {
        let (stop, stopped) = bounded(0);
        let server = server.clone();
        let line = screen.line();
        let thread = line.map(|line| thread::spawn(move || watch(&server, &line, &stopped)));
        Self {
            stop: Some(stop),
            thread,
        }
    }
}

impl Drop for Gauge {
    fn drop(&mut self) {
        self.stop.take();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn watch(server: &Server, line: &ProgressBar, stopped: &Receiver<()>) {
    let (mut last, mut at) = (server.stats().written, Instant::now());
    while stopped.recv_timeout(TICK) == Err(RecvTimeoutError::Timeout) {
        let stats = server.stats();
        let rate = (stats.written - last) as f64 / at.elapsed().as_secs_f64();
        (last, at) = (stats.written, Instant::now());
        line.set_message(format!(
            "{}, {}, {} sent, {}/s",
            counted(stats.connections, "connection"),
            counted(stats.requests, "request"),
            HumanBytes(stats.written),
            HumanBytes(rate as u64),
        ));
    }
    line.finish_and_clear();
}

/// `1 request`, `1,234 requests`.
pub(crate) fn counted(count: u64, one: &str) -> String {
    let ending = if count == 1 { "" } else { "s" };
    format!("{} {one}{ending}", HumanCount(count))
}
