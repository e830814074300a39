//! Uploads a file with HTTP `PUT`, as the crate's main example.
//!
//! `arguments` is the command line, and `file` what it says about a file and a URL. `attempts` makes as many
//! requests as it takes, one of which is an `upload`, with its two directions at once: `pump` sends the body
//! piece by piece, from the `source`, and `answer` hears what the server says meanwhile, which `delivery`
//! writes to the output. `follow_up` decides whether an answer is the last word, `redirect` where it leads,
//! `resume` what is left to be sent.
//! `context` is what all of them need, `outcome` the last line, `demo` a server for those who have none. The
//! rest is shared with the example `get`.

mod answer;
mod arguments;
mod attempts;
#[path = "../common/mod.rs"]
mod common;
mod context;
mod delivery;
mod demo;
mod file;
mod follow_up;
mod outcome;
mod pump;
mod redirect;
mod resume;
mod source;
mod upload;

use std::process::ExitCode;

use crate::arguments::Arguments;
use crate::common::console::Console;
use crate::common::task::Task;
use crate::common::usage;

fn main() -> ExitCode {
    let arguments: Arguments = usage::parse();
    let console = Console::new("put", arguments.verbosity);
    let task = Task::new();
    let outcome = match &arguments.file {
        Some(file) => file::put(file, &arguments, &task, &console),
        None => demo::run(&arguments, &task, &console),
    };
    match arguments.verbosity.is_silent() {
        true => outcome.ending.exit().into(),
        false => outcome.print(&console).into(),
    }
}
