//! As many requests as it takes: redirections that are followed, and further attempts.

use http_aio::http::{HeaderMap, Response};

use crate::common::ending::{Ending, Status};
use crate::common::exit::Exit;
use crate::common::failure::Failure;
use crate::common::retry::Retry;
use crate::common::target::Target;
use crate::context::Context;
use crate::follow_up::FollowUp;
use crate::outcome::Outcome;
use crate::redirect;
use crate::resume::is_recount;
use crate::upload::{Attempt, Upload};

/// How often a server may be wrong about how much it has.
const RECOUNTS: u32 = 3;

pub(crate) fn run(context: &Context<'_>, target: Target, headers: HeaderMap) -> Outcome {
    let Context {
        source,
        options,
        task,
        console,
        ..
    } = context;
    let (mut target, mut headers) = (target, headers);
    let mut retry = Retry::new(options.retry);
    let mut hops = Some(options.redirections).filter(|most| *most > 0);
    let mut recounts = if options.resume { RECOUNTS } else { 0 };
    loop {
        let follow_up = FollowUp {
            method: &options.method,
            retry: &retry,
            hops,
            recounts,
            is_repeatable: source.is_repeatable(),
        };
        let upload = Upload {
            context,
            target: &target,
            headers: &headers,
            follow_up: &follow_up,
        };
        let mut attempt = upload.run();
        if let Some(head) = redirection(&attempt, &follow_up) {
            match hop(&mut hops).and_then(|()| redirect::follow(&target, head, &mut headers)) {
                Ok(there) => {
                    console.redirected(head.status(), &there.uri);
                    target = there;
                    continue;
                }
                Err(failure) => {
                    attempt.ending = Ending::Failed(failure, Some(Status::from(head)));
                }
            }
        }
        if let (true, Some(head)) = (options.resume, &attempt.head) {
            if follow_up.can_recount(head) {
                recounts -= 1;
                continue;
            }
            if is_recount(head) {
                let why = "the server does not continue where it was asked to";
                let failure = Failure::new(Exit::Range, why);
                attempt.ending = Ending::Failed(failure, Some(Status::from(head)));
            }
        }
        if follow_up.can_retry(&attempt.ending, attempt.reached) {
            if retry.wait(&attempt.ending, task, console) {
                continue;
            }
            if task.is_interrupted() {
                attempt.ending = Ending::canceled();
            }
        }
        return Outcome {
            written: attempt.written,
            total: attempt.total,
            ending: attempt.ending,
            column: attempt.column,
        };
    }
}

fn redirection<'a>(attempt: &'a Attempt, follow_up: &FollowUp<'_>) -> Option<&'a Response<()>> {
    let head = attempt.head.as_ref()?;
    let is_answer = matches!(attempt.ending, Ending::Refused(_));
    (is_answer && follow_up.can_redirect(head, attempt.reached)).then_some(head)
}

/// Counts one.
fn hop(left: &mut Option<u32>) -> Result<(), Failure> {
    match left {
        Some(more @ 1..) => {
            *more -= 1;
            Ok(())
        }
        _ => Err(Failure::new(Exit::Redirects, "too many redirections")),
    }
}
