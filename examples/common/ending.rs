//! How an exchange ended.

use std::fmt;
use std::process::ExitCode;

use http_aio::Reason;
use http_aio::http::{Response, StatusCode};

/// Most of a server's reason phrase that is shown.
const MOST_REASON: usize = 100;

pub(crate) enum Ending {
    Ok(Status),
    /// The server would not, or has something else to do.
    Refused(Status),
    Canceled,
    /// Why, and what the server said nevertheless.
    Failed(String, Option<Status>),
}

/// What a server thinks of a request.
pub(crate) struct Status {
    code: StatusCode,
    reason: String,
}

impl Ending {
    /// Of an exchange that came to its end. A redirection that is not followed is not what was asked
    /// for.
    pub(crate) fn answered(status: Status) -> Self {
        if status.is_success() {
            Self::Ok(status)
        } else {
            Self::Refused(status)
        }
    }

    pub(crate) fn failed(why: impl Into<String>) -> Self {
        Self::Failed(why.into(), None)
    }

    pub(crate) fn is_ok(&self) -> bool {
        matches!(self, Self::Ok(_))
    }

    pub(crate) fn exit_code(&self) -> ExitCode {
        match self {
            Self::Ok(_) => ExitCode::SUCCESS,
            Self::Canceled => ExitCode::from(130), // As shells have it: 128 and SIGINT.
            Self::Refused(_) | Self::Failed(..) => ExitCode::FAILURE,
        }
    }
}

impl fmt::Display for Ending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let result = match self {
            Self::Ok(status) => format!("ok ({status})"),
            Self::Refused(status) => format!("refused ({status})"),
            Self::Canceled => "canceled".to_owned(),
            Self::Failed(why, None) => why.clone(),
            Self::Failed(why, Some(status)) => format!("{why} ({status})"),
        };
        // One line, whatever file names and servers have in them.
        f.write_str(&result.replace(|c: char| c.is_control(), "?"))
    }
}

impl Status {
    pub(crate) fn is_success(&self) -> bool {
        self.code.is_success()
    }
}

impl<B> From<&Response<B>> for Status {
    fn from(response: &Response<B>) -> Self {
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
