//! The last line and the exit status.

use std::fmt;
use std::process::ExitCode;

use http_aio::bytes::Bytes;
use http_aio::http::{Response, StatusCode};
use http_aio::{Error, ErrorKind, Reason};

use crate::source::plain;

/// Most of a server's reason phrase that is shown.
const MOST_REASON: usize = 100;

/// How much of the body went out, and how it ended.
pub(crate) struct Outcome {
    pub(crate) written: u64,
    pub(crate) total: u64,
    pub(crate) ending: Ending,
}

pub(crate) enum Ending {
    /// The exchange was completed, or cut short by the server's refusal.
    Answered(Status),
    Canceled,
    /// Why, and what the server said nevertheless.
    Failed(String, Option<Status>),
}

/// What a server thinks of a request.
pub(crate) struct Status {
    code: StatusCode,
    reason: String,
}

impl Outcome {
    /// Of an upload that did not begin.
    pub(crate) fn new(ending: Ending) -> Self {
        Self {
            written: 0,
            total: 0,
            ending,
        }
    }

    pub(crate) fn failed(why: impl Into<String>) -> Self {
        Self::new(Ending::Failed(why.into(), None))
    }

    pub(crate) fn is_ok(&self) -> bool {
        matches!(&self.ending, Ending::Answered(status) if status.is_success())
    }

    pub(crate) fn exit_code(&self) -> ExitCode {
        match &self.ending {
            Ending::Canceled => ExitCode::from(130), // As shells have it: 128 and SIGINT.
            _ if self.is_ok() => ExitCode::SUCCESS,
            _ => ExitCode::FAILURE,
        }
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let result = match &self.ending {
            Ending::Answered(status) if status.is_success() => format!("ok ({status})"),
            Ending::Answered(status) => format!("refused ({status})"),
            Ending::Canceled => "canceled".to_owned(),
            Ending::Failed(why, None) => why.clone(),
            Ending::Failed(why, Some(status)) => format!("{why} ({status})"),
        };
        // One line, whatever file names and servers have in them.
        let result = result.replace(|c: char| c.is_control(), "?");
        write!(
            f,
            "wrote {} of {} bytes: {result}",
            self.written, self.total
        )
    }
}

impl Status {
    pub(crate) fn is_success(&self) -> bool {
        self.code.is_success()
    }
}

impl From<&Response<Bytes>> for Status {
    fn from(response: &Response<Bytes>) -> Self {
        let code = response.status();
        let reason = match response.extensions().get::<Reason>() {
            Some(reason) => String::from_utf8_lossy(reason.as_bytes())
                .chars()
                .take(MOST_REASON)
                .collect(),
            None => code.canonical_reason().unwrap_or_default().to_owned(),
        };
        Self { code, reason }
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { code, reason } = self;
        let separator = if reason.is_empty() { "" } else { " " };
        write!(f, "{}{separator}{reason}", code.as_str())
    }
}

/// What is said about an operation that failed.
pub(crate) fn sentence(error: &Error) -> String {
    let text = match error.kind() {
        ErrorKind::TimedOut => "timed out",
        ErrorKind::Canceled => "canceled",
        ErrorKind::Closed => "closed",
        ErrorKind::Reset if error.is_end_of_stream() => "closed",
        ErrorKind::Reset => "reset by peer",
        ErrorKind::Refused => "connection refused",
        ErrorKind::Protocol => "the answer is not HTTP/1",
        ErrorKind::TooLarge => "the answer is too large",
        kind => {
            return match std::error::Error::source(error) {
                Some(source) => plain(source),
                None => kind.to_string(),
            };
        }
    };
    text.to_owned()
}
