//! Why something failed: one plain sentence, and the exit status that goes with it.

use std::error::Error as StdError;
use std::io;
use std::path::Path;

use http_aio::{Error, ErrorKind, Peer};

use super::exit::Exit;

/// What comes before the number of an error of the operating system.
const NUMBER: &str = " (os error";

/// About `https:`, where the crate is without it.
pub(crate) const NO_TLS: &str = "this build has no TLS: build it with the feature `tls`";

#[derive(Clone, Debug)]
pub(crate) struct Failure {
    pub(crate) exit: Exit,
    pub(crate) why: String,
}

/// What was being done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    Connecting,
    /// Connecting, where that includes a TLS handshake.
    Securing,
    Sending,
    /// For the head of the answer.
    Waiting,
    /// The body of the answer.
    Receiving,
}

impl Failure {
    pub(crate) fn new(exit: Exit, why: impl Into<String>) -> Self {
        let why = why.into();
        Self { exit, why }
    }

    pub(crate) fn timed_out() -> Self {
        Self::new(Exit::TimedOut, "timed out")
    }

    pub(crate) fn interrupted() -> Self {
        Self::new(Exit::Interrupted, "canceled")
    }

    pub(crate) fn no_answer() -> Self {
        Self::new(Exit::NoAnswer, "no answer")
    }

    /// Of a thread that was to tell something.
    pub(crate) fn lost() -> Self {
        Self::new(Exit::Other, "a thread was lost")
    }

    pub(crate) fn no_tls() -> Self {
        Self::new(Exit::Other, NO_TLS)
    }

    /// About an operation that failed.
    pub(crate) fn of(error: &Error, phase: Phase) -> Self {
        let exit = exit(error, phase);
        Self::new(exit, sentence(error, phase))
    }

    /// About a file, or what is like one, that cannot be read.
    pub(crate) fn cannot_read(path: &Path, error: &io::Error) -> Self {
        let reason = match error.kind() {
            io::ErrorKind::NotFound => "there is no such file".to_owned(),
            io::ErrorKind::PermissionDenied => "permission denied".to_owned(),
            _ => plain(error),
        };
        Self::new(
            Exit::Read,
            format!("cannot read {}: {reason}", path.display()),
        )
    }

    /// About a file, or what is like one, that cannot be written.
    pub(crate) fn cannot_write(path: &Path, error: &io::Error) -> Self {
        let reason = match error.kind() {
            io::ErrorKind::NotFound => "there is no such directory".to_owned(),
            io::ErrorKind::PermissionDenied => "permission denied".to_owned(),
            _ => plain(error),
        };
        Self::new(
            Exit::Write,
            format!("cannot write {}: {reason}", path.display()),
        )
    }
}

fn exit(error: &Error, phase: Phase) -> Exit {
    let is_connecting = matches!(phase, Phase::Connecting | Phase::Securing);
    match error.kind() {
        ErrorKind::TimedOut => Exit::TimedOut,
        ErrorKind::Canceled => Exit::Interrupted,
        ErrorKind::Untrusted => Exit::Untrusted,
        ErrorKind::Tls => Exit::Tls,
        ErrorKind::NoMemory => Exit::Memory,
        ErrorKind::Resolve | ErrorKind::Unreachable | ErrorKind::Refused
            if is_about_proxy(error) =>
        {
            Exit::Proxy
        }
        _ if is_connecting && is_about_proxy(error) => Exit::Proxy,
        ErrorKind::Resolve => Exit::Resolve,
        ErrorKind::Unreachable | ErrorKind::Refused => Exit::Connect,
        ErrorKind::TooLarge if is_about_redirections(error) => Exit::Redirects,
        ErrorKind::Protocol | ErrorKind::TooLarge => Exit::Reply,
        ErrorKind::Reset if has_closed(error) && is_nothing(error, phase) => Exit::NoAnswer,
        ErrorKind::Reset | ErrorKind::Closed | ErrorKind::Io => match phase {
            Phase::Connecting => Exit::Connect,
            Phase::Securing => Exit::Tls,
            Phase::Sending => Exit::Send,
            Phase::Waiting | Phase::Receiving => Exit::Receive,
        },
        _ => Exit::Other,
    }
}

fn sentence(error: &Error, phase: Phase) -> String {
    let text = match (error.kind(), error.detail()) {
        (ErrorKind::TimedOut, _) => "timed out",
        (ErrorKind::Canceled, _) => "canceled",
        (ErrorKind::Reset, _) if error.is_reset() => "reset by peer",
        (ErrorKind::Reset | ErrorKind::Closed, _) => match phase {
            Phase::Sending | Phase::Receiving => "closed",
            Phase::Connecting | Phase::Securing | Phase::Waiting => "closed without an answer",
        },
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
        (ErrorKind::TooLarge, _) if is_about_redirections(error) => "too many redirections",
        (ErrorKind::TooLarge, _) => "the answer is too large",
        _ => {
            return match error.source() {
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

fn is_about_redirections(error: &Error) -> bool {
    error.limit() == Some("max_redirects")
}

/// Whether nothing came of what was waited for.
fn is_nothing(error: &Error, phase: Phase) -> bool {
    phase == Phase::Waiting && !error.is_incomplete_message()
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

/// An error as it describes itself, without its number.
pub(crate) fn plain(error: &dyn StdError) -> String {
    let text = error.to_string();
    match text.split_once(NUMBER) {
        Some((sentence, _)) => sentence.to_lowercase(),
        None => text,
    }
}
