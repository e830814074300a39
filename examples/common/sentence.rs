//! What is said about errors: one plain sentence each.

use std::error::Error as StdError;
use std::io;
use std::path::Path;

use http_aio::{Error, ErrorKind};

/// What comes before the number of an error of the operating system.
const NUMBER: &str = " (os error";

/// About everything that had a deadline.
pub(crate) const TIMED_OUT: &str = "timed out";

/// About `https:`, where the crate is without it.
pub(crate) const NO_TLS: &str = "this build has no TLS: build it with the feature `tls`";

/// About an operation that failed.
pub(crate) fn sentence(error: &Error) -> String {
    let text = match (error.kind(), error.detail()) {
        (ErrorKind::TimedOut, _) => TIMED_OUT,
        (ErrorKind::Canceled, _) => "canceled",
        (ErrorKind::Closed, _) => "closed",
        (ErrorKind::Reset, _) if has_closed(error) => "closed",
        (ErrorKind::Reset, _) => "reset by peer",
        (ErrorKind::NotSupported, _) if !cfg!(feature = "tls") => NO_TLS,
        (ErrorKind::Untrusted, Some(why)) => return format!("not trusted: {why}"),
        (ErrorKind::Tls, Some(why)) => return format!("TLS failed: {why}"),
        (ErrorKind::Protocol, Some(why)) => return format!("the answer cannot be used: {why}"),
        (ErrorKind::Protocol, None) => "the answer is not HTTP/1",
        (ErrorKind::Refused, whom) if StdError::source(error).is_some() => {
            if whom.is_some_and(|whom| whom.starts_with("the proxy")) {
                "connection refused by the proxy"
            } else {
                "connection refused"
            }
        }
        (ErrorKind::TooLarge, _) => "the answer is too large",
        (ErrorKind::Refused | ErrorKind::InvalidInput, Some(why)) => why,
        _ => {
            return match StdError::source(error) {
                Some(source) => plain(source),
                None => error.to_string(),
            };
        }
    };
    text.to_owned()
}

/// Whether the peer's stream has ended, for TLS in order or not, rather than been reset.
pub(crate) fn has_closed(error: &Error) -> bool {
    let is_reset = |source: &dyn StdError| source.to_string().contains(NUMBER);
    error.kind() == ErrorKind::Reset && !StdError::source(error).is_some_and(is_reset)
}

/// About an answer of which not even the head came.
pub(crate) fn no_answer(error: &Error) -> String {
    if has_closed(error) {
        "closed without an answer".to_owned()
    } else {
        sentence(error)
    }
}

/// About a file, or what is like one, that cannot be read.
pub(crate) fn cannot_read(path: &Path, error: &io::Error) -> String {
    let reason = match error.kind() {
        io::ErrorKind::NotFound => "there is no such file".to_owned(),
        io::ErrorKind::PermissionDenied => "permission denied".to_owned(),
        _ => plain(error),
    };
    format!("cannot read {}: {reason}", path.display())
}

/// An error as it describes itself, without its number.
pub(crate) fn plain(error: &dyn StdError) -> String {
    let text = error.to_string();
    match text.split_once(NUMBER) {
        Some((sentence, _)) => sentence.to_lowercase(),
        None => text,
    }
}
