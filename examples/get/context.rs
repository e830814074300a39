//! What all downloads have in common.

use std::path::PathBuf;

use http_aio::Client;

use crate::common::console::Console;
use crate::common::target::Target;
use crate::common::task::Task;
use crate::template::Template;

pub(crate) struct Context<'a> {
    pub(crate) client: &'a Client,
    pub(crate) template: &'a Template,
    pub(crate) options: &'a Options,
    pub(crate) task: &'a Task,
    pub(crate) console: &'a Console,
}

/// What the user may choose.
#[derive(Default)]
pub(crate) struct Options {
    pub(crate) resume: bool,
    pub(crate) include: bool,
    /// Without the body of an answer that refuses.
    pub(crate) fail: bool,
    /// Redirections.
    pub(crate) follow: bool,
    pub(crate) repeat: u32,
    pub(crate) retry: u32,
}

/// What comes behind a download over the same connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Then {
    More,
    Nothing,
}

/// What is to be downloaded, and whereto.
pub(crate) struct Job {
    pub(crate) target: Target,
    /// None is standard output.
    pub(crate) file: Option<PathBuf>,
}
