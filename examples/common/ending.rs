//! How an exchange ended.

use std::fmt;
use std::time::Duration;

use http_aio::Reason;
use http_aio::http::{Response, StatusCode, header};

use super::exit::Exit;
use super::failure::Failure;

/// Most of a server's reason phrase that is shown.
const MOST_REASON: usize = 100;

#[derive(Clone, Debug)]
pub(crate) enum Ending {
    Ok(Status),
    /// The server would not, or has something else to do.
    Refused(Status),
    /// Why, and what the server said nevertheless.
    Failed(Failure, Option<Status>),
}

/// What a server thinks of a request.
#[derive(Clone, Debug)]
pub(crate) struct Status {
    code: StatusCode,
    reason: String,
    /// When it may think otherwise.
    retry_after: Option<Duration>,
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

    pub(crate) fn canceled() -> Self {
        Self::Failed(Failure::interrupted(), None)
    }

    pub(crate) fn is_ok(&self) -> bool {
        matches!(self, Self::Ok(_))
    }

    pub(crate) fn is_canceled(&self) -> bool {
        self.exit() == Exit::Interrupted
    }

    pub(crate) fn exit(&self) -> Exit {
        match self {
            Self::Ok(_) => Exit::Ok,
            Self::Refused(_) => Exit::Refused,
            // Which of the two is noticed first is up to the kernel.
            Self::Failed(failure, Some(status))
                if failure.exit == Exit::Send && !status.is_success() =>
            {
                Exit::Refused
            }
            Self::Failed(failure, _) => failure.exit,
        }
    }

    /// Whether it may be different the next time.
    pub(crate) fn is_transient(&self) -> bool {
        match self {
            Self::Ok(_) => false,
            Self::Refused(status) | Self::Failed(_, Some(status)) if !status.is_success() => {
                status.is_transient()
            }
            Self::Refused(_) => false,
            Self::Failed(failure, _) => failure.exit.is_transient(),
        }
    }

    /// How long the server wants to be left alone.
    pub(crate) fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Ok(status) | Self::Refused(status) | Self::Failed(_, Some(status)) => {
                status.retry_after
            }
            Self::Failed(_, None) => None,
        }
    }
}

impl From<Failure> for Ending {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure, None)
    }
}

impl fmt::Display for Ending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let result = match self {
            Self::Ok(status) => format!("ok ({status})"),
            Self::Refused(status) => format!("refused ({status})"),
            Self::Failed(failure, Some(status)) if !self.is_canceled() => {
                format!("{} ({status})", failure.why)
            }
            Self::Failed(failure, _) => failure.why.clone(),
        };
        // One line, whatever file names and servers have in them.
        f.write_str(&result.replace(|c: char| c.is_control(), "?"))
    }
}

impl Status {
    pub(crate) fn is_success(&self) -> bool {
        self.code.is_success()
    }

    /// Whether the server, or somebody before it, could not do it now.
    pub(crate) fn is_transient(&self) -> bool {
        matches!(self.code.as_u16(), 408 | 423 | 429 | 500 | 502 | 503 | 504)
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
        let after = response.headers().get(header::RETRY_AFTER);
        let after = after.and_then(|after| after.to_str().ok()?.parse().ok());
        Self {
            code,
            reason,
            retry_after: after.map(Duration::from_secs),
        }
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { code, reason, .. } = self;
        let separator = if reason.is_empty() { "" } else { " " };
        write!(f, "{}{separator}{reason}", code.as_str())
    }
}
