//! A line on the terminal that shows how it goes.

use std::io::{self, IsTerminal};
use std::thread;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, bounded};
use http_aio::Server;
use indicatif::{HumanBytes, HumanCount, ProgressBar, ProgressStyle};

const TICK: Duration = Duration::from_millis(500);

/// Shows it until it is dropped.
pub(crate) struct Gauge {
    stop: Option<Sender<()>>,
    thread: Option<thread::JoinHandle<()>>,
}

impl Gauge {
    /// Nothing is shown where nobody can watch it.
    pub(crate) fn show(server: &Server, is_quiet: bool) -> Self {
        let (stop, stopped) = bounded(0);
        let is_shown = !is_quiet && io::stderr().is_terminal();
        let server = server.clone();
        let thread = is_shown.then(|| thread::spawn(move || watch(&server, &stopped)));
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

fn watch(server: &Server, stopped: &Receiver<()>) {
    let bar = ProgressBar::no_length();
    if let Ok(style) = ProgressStyle::with_template("{msg}") {
        bar.set_style(style);
    }
    let (mut last, mut at) = (server.stats().written, Instant::now());
    while stopped.recv_timeout(TICK) == Err(RecvTimeoutError::Timeout) {
        let stats = server.stats();
        let rate = (stats.written - last) as f64 / at.elapsed().as_secs_f64();
        (last, at) = (stats.written, Instant::now());
        bar.set_message(format!(
            "{} connections, {} requests, {} sent, {}/s",
            HumanCount(stats.connections),
            HumanCount(stats.requests),
            HumanBytes(stats.written),
            HumanBytes(rate as u64),
        ));
    }
    bar.finish_and_clear();
}
