//! Downloads with HTTP, as the crate's example of whole exchanges with bodies that do not fit into
//! memory.
//!
//! `arguments` is the command line: URLs, and the `template` of the requests. `fetch` runs them, one after the
//! other or at once; `download` makes the exchanges of one: it asks for an `answer`, and gives its body to
//! the `sink`, the thread that writes it. `part` is a body on its way, and `resume` decides what an answer
//! means to one that is there in part. `context` is what all downloads have in common, `outcome` the last
//! line, `demo` a server for those who have none. The rest is shared with the example `put`.

mod answer;
mod arguments;
#[path = "../common/mod.rs"]
mod common;
mod context;
mod demo;
mod download;
mod fetch;
mod outcome;
mod part;
mod resume;
mod sink;
mod template;

use std::process::ExitCode;

use crate::arguments::Arguments;
use crate::common::console::Console;
use crate::common::output::Column;
use crate::common::task::Task;
use crate::common::usage;

fn main() -> ExitCode {
    let arguments: Arguments = usage::parse();
    let console = Console::new("get", arguments.verbosity);
    let task = Task::new();
    let outcome = match arguments.url.is_empty() {
        true => demo::run(arguments.timeout, &task, &console),
        false => fetch::run(&arguments, &task, &console),
    };
    // The body may end in the middle of a line of the terminal.
    let begin = match outcome.column {
        Column::AtStart => "",
        Column::InMiddle => "\n",
    };
    console.line(&format!("{begin}{outcome}"));
    outcome.ending.exit().into()
}
