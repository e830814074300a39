//! Shares a folder over HTTP, as one would leave it running.
//!
//! `arguments` is the command line; `certificate` reads or makes what TLS needs, `journal` writes the access log and what
//! goes wrong, `gauge` shows how it goes on the line that `screen` has on a terminal, `signals` stop it, and `share` puts
//! them together.

mod arguments;
#[cfg(feature = "tls")]
mod certificate;
#[path = "../common/mod.rs"]
mod common;
mod gauge;
mod journal;
mod screen;
mod share;
mod signals;

use std::io::{self, Write};
use std::process::ExitCode;

use crate::arguments::Arguments;
use crate::common::usage;

fn main() -> ExitCode {
    let arguments: Arguments = usage::parse();
    match share::run(&arguments) {
        Ok(exit) => exit.into(),
        Err(failure) => {
            // Whoever reads it may be gone; the exit status still tells.
            let _ = writeln!(io::stderr(), "error: {}", failure.why);
            failure.exit.into()
        }
    }
}
