//! What is said about errors: one plain sentence each.

use std::error::Error as StdError;
use std::io;
use std::path::Path;

use http_aio::{Error, ErrorKind, Peer};

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
        (ErrorKind::Reset, _) if error.is_reset() => "reset by peer",
        (ErrorKind::Reset, _) => "closed",
        (ErrorKind::NotSupported, _) if !cfg!(feature = "tls") => NO_TLS,
        (ErrorKind::Untrusted, Some(why)) => return format!("not trusted: {why}"),
        (ErrorKind::Tls, Some(why)) => return format!("TLS failed: {why}"),
        (ErrorKind::Protocol, Some(why)) => return format!("the answer cannot be used: {why}"),
        (ErrorKind::Protocol, None) => "the answer is not HTTP/1",
        (ErrorKind::Refused | ErrorKind::InvalidInput, Some(why)) => return why.into_owned(),
        (ErrorKind::Refused, None) if is_about_proxy(error) => "connection refused by the proxy",
        (ErrorKind::Refused, None) => "connection refused",
        (ErrorKind::Resolve, _) => return format!("cannot resolve {}", host(error)),
        (ErrorKind::Unreachable, _) => return format!("cannot reach {}", host(error)),
        (ErrorKind::TooLarge, _) if error.limit() == Some("max_redirects") => {
            "too many redirections"
        }
        (ErrorKind::TooLarge, _) => "the answer is too large",
        _ => {
            return match StdError::source(error) {
                Some(source) => plain(source),
                None => error.to_string(),
            };
        }
    };
    text.to_owned()
}

fn is_about_proxy(error: &Error) -> bool {
    error.peer().is_some_and(Peer::is_proxy)
}

/// Whom it is about, without the port.
fn host(error: &Error) -> String {
    let Some(peer) = error.peer() else {
        return "the server".to_owned();
    };
    let host = match peer.host() {
        Some(host) => host.to_owned(),
        None => peer.addr().to_string(),
    };
    match peer.is_proxy() {
        true => format!("the proxy {host}"),
        false => host,
    }
}

/// Whether the peer's stream has ended, for TLS in order or not, rather than been reset.
pub(crate) fn has_closed(error: &Error) -> bool {
    error.kind() == ErrorKind::Reset && !error.is_reset()
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
