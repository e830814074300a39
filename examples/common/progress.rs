//! How far it is, for those who watch.

use std::io::{self, IsTerminal};

use indicatif::{ProgressBar, ProgressStyle};

/// On standard error, and only where somebody can watch it.
pub(crate) fn bar(total: Option<u64>) -> ProgressBar {
    if !io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::no_length();
    show_total(&bar, total);
    bar
}

/// For one that is known only now, or not at all.
pub(crate) fn show_total(bar: &ProgressBar, total: Option<u64>) {
    let template = match total {
        Some(_) => {
            "[{wide_bar}] {bytes} of {total_bytes}, {binary_bytes_per_sec}, {eta} left {msg}"
        }
        None => "{spinner} {bytes}, {binary_bytes_per_sec} {msg}",
    };
    let style = ProgressStyle::with_template(template);
    bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
    match total {
        Some(total) => bar.set_length(total),
        None => bar.unset_length(),
    }
}
