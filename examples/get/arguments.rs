//! The command line of `get`.

use std::path::PathBuf;
use std::time::Duration;

use clap::{ArgGroup, Parser};
use http_aio::http::Method;
use http_aio::http::header::RANGE;

use crate::common::access::Access;
use crate::common::console::Verbosity;
use crate::common::exit::EXIT_STATUSES;
use crate::common::request::RequestOptions;
use crate::common::target::Target;
use crate::common::task::seconds;
use crate::common::usage::{Confidential, number};
use crate::context::Job;
use crate::template::{Data, Spec};

/// Download with HTTP
///
/// Without URL, downloads 256 MiB of generated data from a server in the same process and shows what
/// happened.
#[derive(Parser)]
#[command(name = "get", version, verbatim_doc_comment)]
#[command(after_help = MORE, after_long_help = details())]
#[command(override_usage = "get [OPTIONS] URL...\n       get [--timeout SECONDS]")]
#[command(group = ArgGroup::new("file").args(["output", "remote_name"]))]
pub(crate) struct Arguments {
    /// What: [http[s]://]HOST[:PORT][/PATH]
    ///
    /// Without a scheme, http:. The port is 80 or 443 unless it says another. Several are downloaded one
    /// after the other, over connections that are kept, or with -Z at once.
    #[arg(value_parser = Confidential(Target::parse), verbatim_doc_comment)]
    pub(crate) url: Vec<Target>,

    /// Write to this file instead of standard output; one for each URL
    #[arg(short, long, value_name = "FILE", requires = "url")]
    output: Vec<PathBuf>,

    /// Write to a file that is named like the end of the URL's path
    #[arg(short = 'O', long, requires = "url")]
    remote_name: bool,

    /// Continue the file of -o or -O from its present size
    ///
    /// Or from the start if the server sends all of it. An answer that is an error leaves it as it is.
    /// Not with -d, -i, -I, -X, --repeat or a Range header.
    #[arg(short = 'C', long = "continue", requires = "file",
        conflicts_with_all = ["data", "method", "include", "head", "repeat"],
        verbatim_doc_comment)]
    pub(crate) resume: bool,

    /// Give up after this time, in total
    ///
    /// Resolving, connecting, and all exchanges, retries and pauses included. Reading -d @- comes before
    /// it.
    #[arg(short = 'm', long, visible_alias = "max-time", value_name = "SECONDS",
        value_parser = seconds, allow_negative_numbers = true, verbatim_doc_comment)]
    pub(crate) timeout: Option<Duration>,

    /// Send this with POST; @FILE sends a file, @- standard input
    ///
    /// As application/x-www-form-urlencoded unless -H says another.
    #[arg(short, long, requires = "url", allow_hyphen_values = true)]
    data: Option<Data>,

    /// Ask for the head alone, with HEAD, and write it
    #[arg(short = 'I', long, requires = "url", conflicts_with_all = ["data", "method"])]
    pub(crate) head: bool,

    /// Do it N times, over one connection while the server keeps it open
    #[arg(long, value_name = "N", requires = "url", default_value_t = 1, hide_default_value = true,
        value_parser = |argument: &str| number::<u32>(argument, 1, u32::MAX), allow_negative_numbers = true)]
    pub(crate) repeat: u32,

    /// Download several URLs at once, up to 16
    ///
    /// Each into a file of its own: with -O, or one -o for each.
    #[arg(short = 'Z', long, requires = "url")]
    pub(crate) parallel: bool,

    #[command(flatten)]
    pub(crate) request: RequestOptions,

    #[command(flatten)]
    pub(crate) access: Access,

    #[command(flatten)]
    pub(crate) verbosity: Verbosity,
}

const MORE: &str = "--help tells more, and what the exit statuses mean.";

const DETAILS: &str = "\
The last line on standard error is

    read N bytes: RESULT

N counts the bytes of all bodies that were written to the output. RESULT is `ok (200 OK)` or
`refused (404 Not Found)` with the server's status, and refused is what is not 2xx:
redirections too, without -L. Their bodies are written too, without -f. With -C, 416 for a
file that is complete is ok. Or it is `incomplete (N of M bytes)` for a body that was cut,
`timed out`, `canceled`, `reset by peer`, `closed`, `not trusted: REASON` or another reason.
With several URLs there is a line for each, and the last line has the sum, and the first
RESULT that is not ok.

With --retry, a download that breaks off is continued where it was cut, if it goes to a file
and the server has said how to tell that it is still the same (ETag, Last-Modified);
otherwise a file is begun again, and what went elsewhere is left as it is. What cannot be
written ends everything.

https: needs the feature `tls` of the crate.
";

const EXAMPLES: &str = "\
Examples:
    get localhost:8080/
    get -O http://localhost:8080/photo.jpg
    get -C -O --retry 5 http://localhost:8080/large.iso
    get -Z -O localhost:8080/1.jpg localhost:8080/2.jpg localhost:8080/3.jpg
    get -H 'Content-Type: application/json' -d '{}' --timeout 2.5 http://[::1]:8080/
    get -L -u me:secret -x http://localhost:3128 https://example.com/
";

fn details() -> String {
    format!("{DETAILS}\n{EXIT_STATUSES}\n\n{EXAMPLES}")
}

impl Arguments {
    /// What is asked of each URL, without what must be read first.
    ///
    /// # Errors
    ///
    /// A sentence about wrong usage.
    pub(crate) fn spec(&self) -> Result<Spec, String> {
        let headers = self.request.headers()?;
        if self.resume && headers.contains_key(RANGE) {
            return Err("leave out the Range header: -C asks for a range itself".to_owned());
        }
        Ok(Spec {
            method: self.method(),
            headers,
            data: self.data.clone(),
        })
    }

    fn method(&self) -> Option<Method> {
        if self.head {
            return Some(Method::HEAD);
        }
        self.request.method.clone()
    }

    /// Each URL with its file.
    ///
    /// # Errors
    ///
    /// A sentence about wrong usage.
    pub(crate) fn jobs(&self) -> Result<Vec<Job>, String> {
        let mut files = self.files()?;
        if self.parallel && files.len() > 1 && files.contains(&None) {
            return Err("with -Z each URL needs a file: give -O, or one -o for each".to_owned());
        }
        let jobs = self.url.iter().cloned().zip(files.drain(..));
        Ok(jobs.map(|(target, file)| Job { target, file }).collect())
    }

    fn files(&self) -> Result<Vec<Option<PathBuf>>, String> {
        let mut files: Vec<Option<PathBuf>> = Vec::new();
        for (number, target) in self.url.iter().enumerate() {
            let file = match self.output.get(number) {
                _ if self.remote_name => Some(remote_name(target)?),
                Some(file) if file.as_os_str() == "-" => None,
                Some(file) => Some(file.clone()),
                None => None,
            };
            if let Some(file) = file.as_ref().filter(|_| files.contains(&file)) {
                let name = file.display();
                return Err(format!(
                    "two URLs go to the file {name}: give one -o for each"
                ));
            }
            files.push(file);
        }
        match self.output.len() {
            0 => Ok(files),
            count if count == files.len() => Ok(files),
            _ => Err("give one -o for each URL, or -O for all of them".to_owned()),
        }
    }
}

fn remote_name(target: &Target) -> Result<PathBuf, String> {
    let name = target.file_name().map(PathBuf::from);
    name.ok_or_else(|| format!("{} does not end in a name: give -o FILE", target.uri))
}
