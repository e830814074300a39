//! The command line of `put`.

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Parser;
use http_aio::http::Method;
use http_aio::http::header::{HeaderMap, PROXY_AUTHORIZATION};

use crate::common::access::Access;
use crate::common::console::Verbosity;
use crate::common::exit::EXIT_STATUSES;
use crate::common::request::RequestOptions;
use crate::common::target::Target;
use crate::common::task::seconds;
use crate::common::usage::{Confidential, number};
use crate::context::Options;

/// Upload a file with HTTP PUT
///
/// Without FILE and URL, uploads 256 MiB of generated data to a server in the same process and
/// shows what happened.
#[derive(Parser)]
#[command(name = "put", version, verbatim_doc_comment)]
#[command(after_help = MORE, after_long_help = details())]
#[command(override_usage = "put [OPTIONS] FILE URL\n       put [OPTIONS]")]
pub(crate) struct Arguments {
    /// File to upload; `-` is standard input
    ///
    /// Standard input is read to its end first, into memory, unless --chunked.
    #[arg(requires = "url")]
    pub(crate) file: Option<PathBuf>,

    /// Where to: [http[s]://]HOST[:PORT][/PATH]
    ///
    /// Without a scheme, http:. The port is 80 or 443 unless it says another. Where the path ends in a
    /// slash, the name of FILE is put behind it.
    #[arg(value_parser = Confidential(Target::parse), verbatim_doc_comment)]
    url: Option<Target>,

    /// Give up after this time, in total
    ///
    /// Resolving, connecting, upload and answer, retries and pauses included. Opening a pipe, and reading
    /// standard input without --chunked, come before it, and up to 1 s for the server to take what was
    /// sent comes after it.
    #[arg(short = 'm', long, visible_alias = "max-time", value_name = "SECONDS",
        value_parser = seconds, allow_negative_numbers = true, verbatim_doc_comment)]
    pub(crate) timeout: Option<Duration>,

    /// Read the file in pieces of this size; each is one write_all
    #[arg(long, value_name = "BYTES", default_value_t = 256 << 10,
        value_parser = |argument: &str| number::<usize>(argument, 1, MOST), allow_negative_numbers = true)]
    buffer: usize,

    /// Keep so many pieces in flight at once, up to 4096
    #[arg(long, value_name = "N", default_value_t = 4,
        value_parser = |argument: &str| number::<usize>(argument, 1, 4096), allow_negative_numbers = true)]
    depth: usize,

    /// Send it as it is read, without saying how much there is
    ///
    /// A pipe, standard input, or any file.
    #[arg(long)]
    pub(crate) chunked: bool,

    /// Continue an upload that was broken off
    ///
    /// Asks the server how much of FILE it has, and sends the rest; or all of it, if the server cannot tell,
    /// or if FILE was changed. Not with --chunked, -X or standard input.
    #[arg(short = 'C', long = "continue", requires = "url", conflicts_with_all = ["chunked", "method"],
        verbatim_doc_comment)]
    resume: bool,

    /// Let the server refuse before the body goes out
    ///
    /// Waits up to 1 s for its `100 Continue`.
    #[arg(long)]
    expect_continue: bool,

    /// Write the answer to this file instead of standard output
    #[arg(short, long, value_name = "FILE", requires = "url")]
    output: Option<PathBuf>,

    #[command(flatten)]
    pub(crate) request: RequestOptions,

    #[command(flatten)]
    pub(crate) access: Access,

    #[command(flatten)]
    pub(crate) verbosity: Verbosity,
}

/// The largest piece, in bytes.
const MOST: usize = 1 << 30;

const MORE: &str = "--help tells more, and what the exit statuses mean.";

const DETAILS: &str = "\
Standard output is the body of the answer, if it has one, and then the last line,

    wrote N of M bytes: RESULT

which is left out with -s. N counts the bytes of the body that the kernel accepted, for
https: before they were encrypted, M those there are, 0 if FILE was not looked at; with
--chunked, where nobody knows M, it is `wrote N bytes: RESULT`. After redirections and
retries they are about the last request. RESULT is `ok (201 Created)` or `refused (404 Not
Found)` with the server's status; `timed out`, `canceled`, `reset by peer`, `closed`, `not
trusted: REASON` or another reason, followed by the status if the server gave one.

An upload that is cut short stays for up to 1 s, so that the server gets the N bytes: a
process that exits while the server has something to say would make the kernel take back
what was not read yet.

With --retry and -L, FILE is sent again from its beginning. What comes from a pipe with
--chunked cannot be read a second time: then there is another request only if nothing of it
was sent, as with --expect-continue. The redirections that -L follows are those that keep
the method: 301, 302, 307, 308.

With --continue, only the rest is sent, and N and M are about that, if the server keeps what
has arrived, as a Directory of http-aio does that takes uploads. It knows FILE by its size,
inode and time of change, so parts of two states of it are never mixed.

https: needs the feature `tls` of the crate. A proxy is asked for a tunnel, for http: too.
";

const EXAMPLES: &str = "\
Examples:
    put photo.jpg localhost:8080/
    put --retry 3 photo.jpg http://localhost:8080/photo.jpg
    put -C --retry 5 large.iso http://localhost:8080/large.iso
    tar c src | put --timeout 2.5 - http://[::1]:8080/src.tar
    pg_dump shop | put --chunked --expect-continue - http://localhost:8080/shop.sql
    put -s -X POST -H 'Content-Type: application/json' order.json http://localhost:8080/orders
    put -u me:secret --cacert ca.pem -x http://localhost:3128 photo.jpg https://example.com/
";

fn details() -> String {
    format!("{DETAILS}\n{EXIT_STATUSES}\n\n{EXAMPLES}")
}

impl Arguments {
    /// Where the file goes.
    ///
    /// # Errors
    ///
    /// A sentence about wrong usage.
    pub(crate) fn target(&self, file: &Path) -> Result<Target, String> {
        let name = file.to_string_lossy();
        let is_url = name.starts_with("http://") || name.starts_with("https://");
        match &self.url {
            Some(_) if is_url && !file.exists() => Err("FILE comes before URL".to_owned()),
            Some(_) if self.resume && file == Path::new("-") => {
                Err("give a FILE to --continue: standard input is gone once it was read".to_owned())
            }
            Some(url) if file == Path::new("-") => Ok(url.clone()),
            Some(url) => Ok(url.for_file(file)),
            None => Err("give URL too".to_owned()),
        }
    }

    pub(crate) fn options(&self) -> Options {
        Options {
            method: self.request.method.clone().unwrap_or(Method::PUT),
            buffer: self.buffer,
            depth: self.depth,
            chunked: self.chunked,
            resume: self.resume,
            expect_continue: self.expect_continue,
            include: self.request.include,
            fail: self.request.fail,
            redirections: self.request.redirections(),
            retry: self.request.retry,
            output: self.output.clone(),
        }
    }

    /// # Errors
    ///
    /// A sentence about wrong usage.
    pub(crate) fn headers(&self) -> Result<HeaderMap, String> {
        let headers = self.request.headers()?;
        // Inside the tunnel, the server would get it.
        if headers.contains_key(PROXY_AUTHORIZATION) {
            return Err(
                "give the proxy's credentials with -x http://USER:PASSWORD@HOST".to_owned(),
            );
        }
        Ok(headers)
    }
}
