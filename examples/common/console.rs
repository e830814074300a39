//! What is said on standard error: notes, heads of messages, and how far it is.

use std::io::{self, IsTerminal, Write};
use std::time::Duration;

use http_aio::http::{Request, Response, StatusCode, Uri};
use http_aio::{Event, ResponseExt};
use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::head;

/// How often a bar moves that nobody moves.
const TICK: Duration = Duration::from_millis(100);

// No doc comment: clap would show it as what the tool is for.
#[derive(clap::Args, Clone, Copy, Debug)]
pub(crate) struct Verbosity {
    /// Say nothing: no progress, no notes, no last line
    ///
    /// The exit status tells how it ended. Wrong usage is told nevertheless, and -v shows what it shows.
    #[arg(short, long)]
    silent: bool,

    /// Show the heads of requests (>) and answers (<) on standard error
    ///
    /// And connects and redirections (*). Credentials are hidden.
    #[arg(short, long, requires = "url")]
    verbose: bool,
}

/// Where to say it.
#[derive(Clone, Debug)]
pub(crate) struct Console {
    tool: &'static str,
    verbosity: Verbosity,
    bars: MultiProgress,
}

impl Verbosity {
    pub(crate) fn is_silent(self) -> bool {
        self.silent
    }
}

impl Console {
    pub(crate) fn new(tool: &'static str, verbosity: Verbosity) -> Self {
        let bars = MultiProgress::new();
        Self {
            tool,
            verbosity,
            bars,
        }
    }

    /// A sentence for the user.
    pub(crate) fn note(&self, sentence: &str) {
        self.line(&format!("{}: {sentence}", self.tool));
    }

    pub(crate) fn line(&self, line: &str) {
        if !self.verbosity.silent {
            self.write(&format!("{line}\n"));
        }
    }

    pub(crate) fn request<B>(&self, request: &Request<B>) {
        if self.verbosity.verbose {
            self.write(&head::marked('>', &head::request(request)));
        }
    }

    /// Also the interim responses that came before it.
    pub(crate) fn response<B>(&self, response: &Response<B>) {
        if !self.verbosity.verbose {
            return;
        }
        for interim in response.interim() {
            self.write(&head::marked('<', &head::response(interim)));
        }
        self.write(&head::marked('<', &head::response(response)));
    }

    /// What the client does behind a request.
    pub(crate) fn event(&self, event: &Event<'_>) {
        let line = match event {
            Event::Connecting { host, port, .. } => format!("connecting to {host}, port {port}"),
            Event::Connected { peer, after, .. } => {
                format!(
                    "connected to {peer} after {:.1} ms",
                    after.as_secs_f64() * 1e3
                )
            }
            Event::Reused { peer, .. } => format!("over the connection to {peer} again"),
            Event::SentAgain { .. } => "sent again, because that connection was closed".to_owned(),
            Event::Redirected { status, to, .. } => return self.redirected(*status, to),
            _ => return,
        };
        self.remark(&line);
    }

    pub(crate) fn redirected(&self, status: StatusCode, to: &Uri) {
        self.remark(&format!("{status}: redirected to {to}"));
    }

    fn remark(&self, line: &str) {
        if self.verbosity.verbose {
            self.write(&format!("* {line}\n"));
        }
    }

    /// A bar for what is called so, where somebody can watch it, until it is dropped.
    pub(crate) fn progress(&self, name: &str, total: Option<u64>) -> Progress {
        if self.verbosity.silent || !io::stderr().is_terminal() {
            return Progress(ProgressBar::hidden());
        }
        let bar = ProgressBar::no_length().with_prefix(name.to_owned());
        let progress = Progress(self.bars.add(bar));
        progress.expect(total);
        progress.0.enable_steady_tick(TICK);
        progress
    }

    /// In one call, not across a bar. Standard error may be closed.
    fn write(&self, text: &str) {
        self.bars.suspend(|| {
            let _ = io::stderr().write_all(text.as_bytes());
        });
    }
}

/// How far it is.
pub(crate) struct Progress(ProgressBar);

impl Progress {
    /// One that is not shown.
    pub(crate) fn hidden() -> Self {
        Self(ProgressBar::hidden())
    }

    /// For a total that is known only now, or not at all.
    pub(crate) fn expect(&self, total: Option<u64>) {
        let template = match total {
            Some(_) => {
                "{prefix}[{wide_bar}] {bytes} of {total_bytes}, {binary_bytes_per_sec}, {eta} left {msg}"
            }
            None => "{prefix}{spinner} {bytes}, {binary_bytes_per_sec} {msg}",
        };
        let style = ProgressStyle::with_template(template);
        let style = style.unwrap_or_else(|_| ProgressStyle::default_bar());
        self.0.set_style(style);
        match total {
            Some(total) => self.0.set_length(total),
            None => self.0.unset_length(),
        }
    }

    pub(crate) fn set(&self, position: u64) {
        self.0.set_position(position);
    }

    pub(crate) fn say(&self, what: &'static str) {
        self.0.set_message(what);
    }

    /// Makes room for what comes to the same terminal.
    pub(crate) fn hide(&self) {
        self.0.finish_and_clear();
        self.0.set_draw_target(ProgressDrawTarget::hidden());
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}
