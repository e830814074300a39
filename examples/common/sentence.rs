//! What is said about errors: one plain sentence each.

use std::error::Error as StdError;
use std::io;
use std::path::Path;

use http_aio::{Error, ErrorKind};

/// About everything that had a deadline.
pub(crate) const TIMED_OUT: &str = "timed out";

/// About an operation that failed.
pub(crate) fn sentence(error: &Error) -> String {
    let text = match error.kind() {
        ErrorKind::TimedOut => TIMED_OUT,
        ErrorKind::Canceled => "canceled",
        ErrorKind::Closed => "closed",
        ErrorKind::Reset if error.is_end_of_stream() => "closed",
        ErrorKind::Reset => "reset by peer",
        ErrorKind::Refused => "connection refused",
        ErrorKind::Protocol => "the answer is not HTTP/1",
        ErrorKind::TooLarge => "the answer is too large",
        _ => {
            return match StdError::source(error) {
                Some(source) => plain(source),
                None => error.to_string(),
            };
        }
    };
    text.to_owned()
}

/// About a connect that failed.
pub(crate) fn cannot_connect(host: &str, error: &Error) -> String {
    match error.kind() {
        ErrorKind::Resolve => format!("cannot resolve {host}"),
        ErrorKind::Unreachable => format!("cannot reach {host}"),
        _ => sentence(error),
    }
}

/// About an answer of which not even the head came.
pub(crate) fn no_answer(error: &Error) -> String {
    if error.is_end_of_stream() {
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
    match text.split_once(" (os error") {
        Some((sentence, _)) => sentence.to_lowercase(),
        None => text,
    }
}
