//! Downloads with HTTP, as the crate's example of whole exchanges with bodies that do not fit into
//! memory.
//!
//! `main` speaks with the user. `wanted` is what is asked for, `download` the exchange, `sink` the
//! thread that writes what `download` reads, `output` where that goes. `resume` decides what the
//! answer means to a file that is there in part, `outcome` is the last line, `demo` a server for
//! those who have none. The rest is shared with the example `put`.

#[path = "../common/access.rs"]
mod access;
#[path = "../common/background.rs"]
mod background;
#[path = "../common/cancel.rs"]
mod cancel;
#[path = "../common/deadline.rs"]
mod deadline;
mod demo;
mod download;
#[path = "../common/ending.rs"]
mod ending;
#[path = "../common/loopback.rs"]
mod loopback;
mod outcome;
mod output;
#[path = "../common/pattern.rs"]
mod pattern;
#[path = "../common/progress.rs"]
mod progress;
mod resume;
#[path = "../common/sentence.rs"]
mod sentence;
mod sink;
#[path = "../common/target.rs"]
mod target;
#[path = "../common/trust.rs"]
mod trust;
mod wanted;

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use clap::error::ErrorKind;
use clap::{CommandFactory, Parser};
use http_aio::http::header::{self, HeaderName, HeaderValue};
use http_aio::http::{HeaderMap, Method};

use crate::access::Access;
use crate::cancel::CancelGroup;
use crate::deadline::seconds;
use crate::download::Options;
use crate::ending::Ending;
use crate::outcome::Outcome;
use crate::output::Output;
use crate::target::Target;
use crate::wanted::{Data, Wanted};

/// Download with HTTP
///
/// Without URL, downloads 256 MiB of generated data from a server in the same process and shows what
/// happened.
#[derive(Parser)]
#[command(name = "get", version, after_help = AFTER_HELP, max_term_width = 100)]
#[command(override_usage = "get [OPTIONS] URL\n       get [--timeout SECONDS]")]
struct Arguments {
    /// What: http[s]://HOST[:PORT][/PATH], with port 80 or 443 unless it says another
    url: Option<Target>,

    /// Write to this file instead of standard output
    #[arg(short, long, value_name = "FILE", requires = "url")]
    output: Option<PathBuf>,

    /// Continue the FILE of -o from its present size, or from the start if the server sends all of
    /// it; an answer that is an error leaves it as it is. Not with -d, -i, -X, --repeat or a Range
    /// header
    #[arg(short = 'C', long = "continue", requires = "output",
        conflicts_with_all = ["data", "method", "include", "repeat"])]
    resume: bool,

    /// Give up after this time, in total: resolving, connecting, and all exchanges; reading -d @-
    /// comes before it
    #[arg(long, value_name = "SECONDS", value_parser = seconds, allow_negative_numbers = true)]
    timeout: Option<Duration>,

    /// Add a header line; repeatable
    #[arg(short = 'H', long = "header", value_name = "NAME: VALUE", requires = "url",
        value_parser = wanted::header)]
    headers: Vec<(HeaderName, HeaderValue)>,

    /// Send this with POST; @FILE sends what is in a file, @- what comes from standard input; as
    /// application/x-www-form-urlencoded unless -H says another
    #[arg(short, long, requires = "url", allow_hyphen_values = true)]
    data: Option<Data>,

    /// Use this method instead of GET or POST
    #[arg(short = 'X', long, requires = "url", value_parser = wanted::method)]
    method: Option<Method>,

    /// Write the answer's head too, before its body
    #[arg(short, long, requires = "url")]
    include: bool,

    /// Do it N times, over one connection while the server keeps it open
    #[arg(long, value_name = "N", requires = "url", default_value_t = 1,
        value_parser = clap::value_parser!(u32).range(1..))]
    repeat: u32,

    /// Follow up to 10 redirections, without Authorization and Cookie from another server on
    #[arg(short = 'L', long, requires = "url")]
    location: bool,

    #[command(flatten)]
    access: Access,
}

/// How many redirections `-L` follows.
const REDIRECTIONS: u32 = 10;

const AFTER_HELP: &str = "\
The last line on standard error is

    read N bytes: RESULT

N counts the bytes of all bodies that were written to the output. RESULT is `ok (200 OK)` or
`refused (404 Not Found)` with the server's status, and refused is what is not 2xx: redirections too,
without -L. Their bodies are written too. With -C, 416 for a file that is complete is ok. Or it is `incomplete (N of M bytes)` for a body that was
cut, `timed out`, `canceled`, `reset by peer`, `closed`, `not trusted: REASON` or another reason.

https: needs the feature `tls` of the crate. There is no way not to check certificates.

Exit status: 0 ok, 1 not ok, 2 wrong usage, 130 after Ctrl-C.

Examples:
    get -o photo.jpg http://localhost:8080/photo.jpg
    get -C -o photo.jpg http://localhost:8080/photo.jpg
    get -H 'Content-Type: application/json' -d '{}' --timeout 2.5 http://[::1]:8080/
    get -L --cacert ca.pem --proxy http://localhost:3128 https://example.com/
";

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let stop = CancelGroup::new(download::READS);
    let interrupt = stop.clone();
    if ctrlc::set_handler(move || interrupt.cancel()).is_err() {
        note("Ctrl-C will end this program without a result");
    }
    let outcome = match arguments.url.clone() {
        Some(target) => get(arguments, target, &stop),
        None => demo::run(arguments.timeout, &stop),
    };
    // Whoever reads it may be gone; the exit status still tells.
    let _ = writeln!(io::stderr(), "{outcome}");
    outcome.ending.exit_code()
}

fn get(arguments: Arguments, target: Target, stop: &CancelGroup) -> Outcome {
    let headers: HeaderMap = arguments.headers.into_iter().collect();
    if arguments.resume && headers.contains_key(header::RANGE) {
        wrong_usage("-C asks for a range itself: it cannot be used with a Range header");
    }
    let options = Options {
        timeout: arguments.timeout,
        resume: arguments.resume,
        include: arguments.include,
        repeat: arguments.repeat,
        follow: arguments.location,
    };
    let redirections = if arguments.location { REDIRECTIONS } else { 0 };
    let prepared = || -> Result<_, String> {
        let client = arguments
            .access
            .client(&target, redirections, stop.bell())?;
        let (method, data) = (arguments.method, arguments.data);
        let wanted = Wanted::new(target, method, headers, data, stop.bell())?;
        Ok((client, wanted, output(arguments.output.as_deref())?))
    };
    match prepared() {
        Ok((client, wanted, output)) => download::run(&client, &wanted, output, &options, stop),
        Err(_) if stop.is_canceled() => Outcome::none(Ending::Canceled),
        Err(reason) => Outcome::none(Ending::failed(reason)),
    }
}

fn output(path: Option<&Path>) -> Result<Output, String> {
    match path {
        Some(path) if path != Path::new("-") => Output::open(path),
        _ => Output::stdout(),
    }
}

fn wrong_usage(sentence: &str) -> ! {
    Arguments::command()
        .error(ErrorKind::ArgumentConflict, sentence)
        .exit()
}

/// A sentence for the user, who may have closed standard error.
fn note(sentence: &str) {
    let _ = writeln!(io::stderr(), "get: {sentence}");
}
