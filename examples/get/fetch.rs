//! Several downloads, one after the other or at once.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use parking_lot::Mutex;

use crate::arguments::Arguments;
use crate::common::console::Console;
use crate::common::failure::Failure;
use crate::common::output::Output;
use crate::common::task::Task;
use crate::common::usage;
use crate::context::{Context, Job, Options, Then};
use crate::download;
use crate::outcome::Outcome;

/// Most downloads at once.
const AT_ONCE: usize = 16;

/// Downloads what the command line says.
pub(crate) fn run(arguments: &Arguments, task: &Task, console: &Console) -> Outcome {
    let plan = arguments
        .jobs()
        .and_then(|jobs| Ok((jobs, arguments.spec()?)));
    let (jobs, spec) = plan.unwrap_or_else(|sentence| usage::wrong::<Arguments>(&sentence));
    let prepared = arguments.access.client(task, console).and_then(|client| {
        let client = client.max_redirects(arguments.request.redirections());
        let client = client.idle_per_authority(AT_ONCE).build();
        Ok((client, spec.template(task)?))
    });
    let (client, template) = match prepared {
        Ok(prepared) => prepared,
        Err(failure) => return Outcome::none(failure),
    };
    let options = Options {
        resume: arguments.resume,
        include: arguments.request.include || arguments.head,
        fail: arguments.request.fail,
        follow: arguments.request.location,
        repeat: arguments.repeat,
        retry: arguments.request.retry,
    };
    let context = Context {
        client: &client,
        template: &template,
        options: &options,
        task: &task.within(arguments.timeout),
        console,
    };
    match arguments.parallel && jobs.len() > 1 {
        true => at_once(&context, &jobs),
        false => in_turn(&context, &jobs),
    }
}

fn in_turn(context: &Context<'_>, jobs: &[Job]) -> Outcome {
    let mut outcomes = Vec::new();
    for (number, job) in jobs.iter().enumerate() {
        let then = match number + 1 == jobs.len() {
            true => Then::Nothing,
            false => Then::More,
        };
        let outcome = download(context, job, then);
        if jobs.len() > 1 {
            tell(context, job, &outcome);
        }
        outcomes.push(outcome);
        if context.task.token().is_canceled() {
            break;
        }
    }
    all(outcomes, jobs)
}

fn at_once(context: &Context<'_>, jobs: &[Job]) -> Outcome {
    let next = AtomicUsize::new(0);
    let outcomes = Mutex::new(Vec::new());
    let work = || {
        while !context.task.token().is_canceled() {
            let Some(job) = jobs.get(next.fetch_add(1, Ordering::Relaxed)) else {
                return;
            };
            let outcome = download(context, job, Then::More);
            tell(context, job, &outcome);
            outcomes.lock().push(outcome);
        }
    };
    thread::scope(|scope| {
        for number in 1..jobs.len().min(AT_ONCE) {
            // Without a thread there is one fewer.
            let name = format!("get:{number}");
            let _ = thread::Builder::new().name(name).spawn_scoped(scope, work);
        }
        work();
    });
    all(outcomes.into_inner(), jobs)
}

/// What became of all of them. Those that were not begun are not ok.
fn all(mut outcomes: Vec<Outcome>, jobs: &[Job]) -> Outcome {
    if outcomes.len() < jobs.len() {
        outcomes.push(Outcome::none(Failure::interrupted()));
    }
    Outcome::all(outcomes)
}

fn download(context: &Context<'_>, job: &Job, then: Then) -> Outcome {
    let scheme = job.target.check_scheme();
    match scheme.and_then(|()| Output::to(job.file.as_deref())) {
        Ok(output) => download::run(context, &job.target, output, then),
        Err(failure) => Outcome::none(failure),
    }
}

/// One line of several.
fn tell(context: &Context<'_>, job: &Job, outcome: &Outcome) {
    context
        .console
        .line(&format!("{}: {outcome}", job.target.uri));
}
