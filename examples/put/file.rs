//! A file and a URL, as the command line names them.

use std::fs;
use std::path::Path;

use http_aio::Client;

use crate::arguments::Arguments;
use crate::attempts;
use crate::common::console::Console;
use crate::common::failure::Failure;
use crate::common::target::Target;
use crate::common::task::Task;
use crate::common::usage;
use crate::context::Context;
use crate::outcome::Outcome;
use crate::source::Source;

pub(crate) fn put(file: &Path, arguments: &Arguments, task: &Task, console: &Console) -> Outcome {
    let plan = arguments
        .target(file)
        .and_then(|target| Ok((target, arguments.headers()?)));
    let (target, headers) = plan.unwrap_or_else(|sentence| usage::wrong::<Arguments>(&sentence));
    let (client, source) = match prepare(file, &target, arguments, task, console) {
        Ok(prepared) => prepared,
        Err(failure) => {
            let total = if arguments.chunked { None } else { Some(0) };
            return Outcome::none(total, failure);
        }
    };
    let context = Context {
        client: &client,
        source: &source,
        options: &arguments.options(),
        task: &task.within(arguments.timeout),
        console,
        progress: &console.progress("", source.len),
    };
    let outcome = attempts::run(&context, target, headers);
    if let (true, Some(total)) = (outcome.ending.is_ok(), source.len) {
        if fs::metadata(file).is_ok_and(|now| now.len() > total) {
            console.note("the file grew during the upload; what came later was not sent");
        }
    }
    outcome
}

fn prepare(
    file: &Path,
    target: &Target,
    arguments: &Arguments,
    task: &Task,
    console: &Console,
) -> Result<(Client, Source), Failure> {
    target.check_scheme()?;
    // Redirections are none of a connection's: `attempts` follows them.
    let client = arguments.access.client(task, console)?.build();
    let source = if arguments.chunked {
        Source::stream(file, arguments.options().buffer, task)
    } else if file == Path::new("-") {
        Source::stdin(task)
    } else {
        Source::open(file)
    };
    Ok((client, source?))
}
