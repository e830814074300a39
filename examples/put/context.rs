//! What all the requests of an upload have in common.

use std::path::PathBuf;

use http_aio::Client;
use http_aio::http::Method;

use crate::common::console::{Console, Progress};
use crate::common::task::Task;
use crate::source::Source;

#[derive(Clone, Copy)]
pub(crate) struct Context<'a> {
    pub(crate) client: &'a Client,
    pub(crate) source: &'a Source,
    pub(crate) options: &'a Options,
    pub(crate) task: &'a Task,
    pub(crate) console: &'a Console,
    pub(crate) progress: &'a Progress,
}

/// What the user may choose.
pub(crate) struct Options {
    pub(crate) method: Method,
    /// Size of the pieces.
    pub(crate) buffer: usize,
    /// Pieces in flight.
    pub(crate) depth: usize,
    pub(crate) chunked: bool,
    /// From where the server has the file.
    pub(crate) resume: bool,
    pub(crate) expect_continue: bool,
    /// The answer's head.
    pub(crate) include: bool,
    /// Without the body of an answer that refuses.
    pub(crate) fail: bool,
    pub(crate) redirections: u32,
    pub(crate) retry: u32,
    /// For the answer; none is standard output.
    pub(crate) output: Option<PathBuf>,
}
