//! What is said on standard error, and the line there that shows how it goes.

use std::io::{self, IsTerminal, Write};

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

/// Where sentences are written, but not across the line.
#[derive(Clone)]
pub(crate) struct Screen {
    lines: MultiProgress,
    is_quiet: bool,
}

impl Screen {
    pub(crate) fn new(is_quiet: bool) -> Self {
        let lines = MultiProgress::new();
        Self { lines, is_quiet }
    }

    /// Says a sentence, in one call, unless nothing is to be said. Whoever reads it may be gone.
    pub(crate) fn say(&self, sentence: &str) {
        if self.is_quiet {
            return;
        }
        let text = format!("{sentence}\n");
        self.lines.suspend(|| {
            let _ = io::stderr().write_all(text.as_bytes());
        });
    }

    /// Standard output, which may be on the same terminal.
    pub(crate) fn stdout(&self) -> Box<dyn Write + Send> {
        match io::stdout().is_terminal() {
            true => Box::new(Beside(self.clone())),
            false => Box::new(io::stdout()),
        }
    }

    /// The line, where somebody can watch it.
    pub(crate) fn line(&self) -> Option<ProgressBar> {
        if self.is_quiet || !io::stderr().is_terminal() {
            return None;
        }
        let line = self.lines.add(ProgressBar::no_length());
        line.set_style(ProgressStyle::with_template("{msg}").ok()?);
        Some(line)
    }
}

/// Standard output, beside the line.
struct Beside(Screen);

impl Write for Beside {
    fn write(&mut self, text: &[u8]) -> io::Result<usize> {
        self.0.lines.suspend(|| io::stdout().write(text))
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.lines.suspend(|| io::stdout().flush())
    }
}
