//! Uploads a file with HTTP `PUT`, as the crate's main example.
//!
//! `main` speaks with the user. `upload` is the exchange, with its two directions at once: the body
//! goes out piece by piece, and `answer` reads what the server says meanwhile; `permission` is what it
//! may be asked for before. `source` is where the body comes from, `control` what ends everything,
//! `outcome` the last line, `demo` a server for those who have none. The rest is shared with the
//! example `get`.

#[path = "../common/access.rs"]
mod access;
mod answer;
#[path = "../common/background.rs"]
mod background;
#[path = "../common/cancel.rs"]
mod cancel;
mod control;
#[path = "../common/deadline.rs"]
mod deadline;
mod demo;
#[path = "../common/ending.rs"]
mod ending;
#[path = "../common/loopback.rs"]
mod loopback;
mod outcome;
#[path = "../common/pattern.rs"]
mod pattern;
mod permission;
#[path = "../common/progress.rs"]
mod progress;
#[path = "../common/sentence.rs"]
mod sentence;
mod source;
#[path = "../common/target.rs"]
mod target;
#[path = "../common/trust.rs"]
mod trust;
mod upload;

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;

use crate::access::Access;
use crate::control::Control;
use crate::deadline::seconds;
use crate::ending::Ending;
use crate::outcome::Outcome;
use crate::sentence::plain;
use crate::source::Source;
use crate::target::Target;
use crate::upload::Options;

/// Upload a file with HTTP PUT
///
/// Without FILE and URL, uploads 256 MiB of generated data to a server in the same process and
/// shows what happened.
#[derive(Parser)]
#[command(name = "put", version, after_help = AFTER_HELP, max_term_width = 100)]
#[command(override_usage = "put [OPTIONS] FILE URL\n       put [OPTIONS]")]
struct Arguments {
    /// File to upload; `-` reads standard input, to its end first, into memory, unless --chunked
    #[arg(requires = "url")]
    file: Option<PathBuf>,

    /// Where to: http[s]://HOST[:PORT][/PATH], with port 80 or 443 unless it says another
    url: Option<Target>,

    /// Give up after this time, in total: resolving, connecting, upload and answer; opening a pipe, and
    /// reading standard input without --chunked, come before it, and up to 1 s for the server to take
    /// what was sent comes after it
    #[arg(long, value_name = "SECONDS", value_parser = seconds, allow_negative_numbers = true)]
    timeout: Option<Duration>,

    /// Size of the pieces that the file is read in; each is one write_all
    #[arg(long, value_name = "BYTES", default_value_t = 256 << 10, value_parser = at_least_one)]
    buffer: usize,

    /// Number of pieces that are in flight at once, up to 4096
    #[arg(long, value_name = "N", default_value_t = 4,
        value_parser = clap::value_parser!(u16).range(1..=4096))]
    depth: u16,

    /// Send it as it is read, without saying how much there is: a pipe, standard input, any file
    #[arg(long)]
    chunked: bool,

    /// Let the server refuse before the body goes out: wait up to 1 s for its `100 Continue`
    #[arg(long)]
    expect_continue: bool,

    #[command(flatten)]
    access: Access,
}

const AFTER_HELP: &str = "\
The last line, and the only one on standard output, is

    wrote N of M bytes: RESULT

N counts the bytes of the body that the kernel accepted, for https: before they were encrypted, M
those there are, 0 if FILE was not looked at; with --chunked, where nobody knows M, it is
`wrote N bytes: RESULT`. RESULT is
`ok (201 Created)` or `refused (404 Not Found)` with the server's status; `timed out`, `canceled`,
`reset by peer`, `closed`, `not trusted: REASON` or another reason, followed by the status if the
server gave one.

An upload that is cut short stays for up to 1 s, so that the server gets the N bytes: a process that
exits while the server has something to say would make the kernel take back what was not read yet.

https: needs the feature `tls` of the crate. There is no way not to check certificates. A proxy is
asked for a tunnel, for http: too. Redirections are refusals: when one comes, FILE has been sent, and
what comes from a pipe cannot be read a second time.

Exit status: 0 ok, 1 not ok, 2 wrong usage, 130 after Ctrl-C.

Examples:
    put photo.jpg http://localhost:8080/photo.jpg
    tar c src | put --timeout 2.5 - http://[::1]:8080/src.tar
    pg_dump shop | put --chunked --expect-continue - http://localhost:8080/shop.sql
    put --cacert ca.pem --proxy http://localhost:3128 photo.jpg https://example.com/photo.jpg
";

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let options = Options {
        timeout: arguments.timeout,
        buffer: arguments.buffer,
        depth: usize::from(arguments.depth),
        chunked: arguments.chunked,
        expect_continue: arguments.expect_continue,
    };
    let control = Control::new(options.depth);
    let interrupt = control.clone();
    if ctrlc::set_handler(move || interrupt.interrupt()).is_err() {
        note("Ctrl-C will end this program without a result");
    }
    let outcome = match (arguments.file, arguments.url) {
        (Some(file), Some(target)) => put(&file, &target, &arguments.access, &options, &control),
        _ => demo::run(&options, &control),
    };
    match writeln!(io::stdout(), "{outcome}") {
        // Whoever reads it may be gone; the exit status still tells.
        Ok(()) => outcome.ending.exit_code(),
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => outcome.ending.exit_code(),
        Err(error) => {
            note(&format!("cannot write the result: {}", plain(&error)));
            ExitCode::FAILURE
        }
    }
}

fn put(
    file: &Path,
    target: &Target,
    access: &Access,
    options: &Options,
    control: &Control,
) -> Outcome {
    let bell = control.exchange.bell();
    // Redirections are none of a connection's.
    let prepared = access.client(target, 0, bell).and_then(|client| {
        let source = if options.chunked {
            Source::stream(file, bell)
        } else if file == Path::new("-") {
            Source::stdin(bell)
        } else {
            Source::open(file)
        };
        Ok((client, source?))
    });
    let total = if options.chunked { None } else { Some(0) };
    let (client, source) = match prepared {
        Ok(prepared) => prepared,
        Err(_) if control.is_interrupted() => return Outcome::none(total, Ending::Canceled),
        Err(reason) => return Outcome::none(total, Ending::failed(reason)),
    };
    let outcome = upload::run(&client, target, source, options, control);
    if let (true, Some(total)) = (outcome.ending.is_ok(), outcome.total) {
        if fs::metadata(file).is_ok_and(|now| now.len() > total) {
            note("the file grew during the upload; what came later was not sent");
        }
    }
    outcome
}

/// A sentence for the user, who may have closed standard error.
fn note(sentence: &str) {
    let _ = writeln!(io::stderr(), "put: {sentence}");
}

fn at_least_one(argument: &str) -> Result<usize, String> {
    match argument.parse() {
        Ok(0) => Err("must be at least 1".to_owned()),
        Ok(number) => Ok(number),
        Err(error) => Err(error.to_string()),
    }
}
