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
        let detail = error.detail();
        let detail = detail.as_deref();
        let (exit, why) = match error.kind() {
            ErrorKind::TimedOut => return Self::timed_out(),
            ErrorKind::Canceled => return Self::interrupted(),
            ErrorKind::Resolve => return Self::at_peer(error, Exit::Resolve, "cannot resolve"),
            ErrorKind::Unreachable => return Self::at_peer(error, Exit::Connect, "cannot reach"),
            ErrorKind::Refused => return Self::refused(error),
            ErrorKind::Reset | ErrorKind::Closed => return Self::broken(error, phase),
            ErrorKind::NotSupported if !cfg!(feature = "tls") => return Self::no_tls(),
            ErrorKind::Untrusted => (Exit::Untrusted, said("not trusted", detail)),
            ErrorKind::Tls => (Exit::Tls, said("TLS failed", detail)),
            ErrorKind::Protocol => match detail {
                None => (Exit::Reply, "the answer is not HTTP/1".to_owned()),
                why => (Exit::Reply, said("the answer cannot be used", why)),
            },
            ErrorKind::TooLarge if error.limit() == Some("max_redirects") => {
                (Exit::Redirects, "too many redirections".to_owned())
            }
            ErrorKind::TooLarge => (Exit::Reply, "the answer is too large".to_owned()),
            ErrorKind::NoMemory => (Exit::Memory, cause(error)),
            ErrorKind::Io => (phase.exit(), cause(error)),
            ErrorKind::InvalidInput => (
                Exit::Other,
                detail.map_or_else(|| cause(error), str::to_owned),
            ),
            _ => (Exit::Other, cause(error)),
        };
        Self { exit, why }
    }

    fn at_peer(error: &Error, exit: Exit, what: &str) -> Self {
        let Some(peer) = error.peer() else {
            return Self::new(exit, format!("{what} the host"));
        };
        let host = peer
            .host()
            .map_or_else(|| peer.addr().to_string(), str::to_owned);
        match peer.is_proxy() {
            true => Self::new(Exit::Proxy, format!("{what} the proxy {host}")),
            false => Self::new(exit, format!("{what} {host}")),
        }
    }

    /// By nobody who listens, or by a proxy that will not make a tunnel.
    fn refused(error: &Error) -> Self {
        match error.detail() {
            Some(why) => Self::new(Exit::Proxy, why),
            None if is_about_proxy(error) => {
                Self::new(Exit::Proxy, "connection refused by the proxy")
            }
            None => Self::new(Exit::Connect, "connection refused"),
        }
    }

    /// About a connection that is gone.
    fn broken(error: &Error, phase: Phase) -> Self {
        let why = match phase {
            _ if !has_closed(error) => "reset by peer",
            Phase::Sending | Phase::Receiving => "closed",
            Phase::Connecting | Phase::Securing | Phase::Waiting => "closed without an answer",
        };
        let exit = match phase {
            Phase::Waiting if has_closed(error) && !error.is_incomplete_message() => Exit::NoAnswer,
            phase => phase.exit(),
        };
        Self::new(exit, why)
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

impl Phase {
    fn exit(self) -> Exit {
        match self {
            Self::Connecting => Exit::Connect,
            Self::Securing => Exit::Tls,
            Self::Sending => Exit::Send,
            Self::Waiting | Self::Receiving => Exit::Receive,
        }
    }
}

/// What a connect was doing when it failed. A proxy is asked for a tunnel before any TLS.
pub(crate) fn phase_of_connect(error: &Error, is_secure: bool) -> Phase {
    match is_secure {
        true if is_about_proxy(error) => Phase::Waiting,
        true => Phase::Securing,
        false => Phase::Connecting,
    }
}

/// Whether the peer's stream has ended, for TLS in order or not, rather than been reset.
pub(crate) fn has_closed(error: &Error) -> bool {
    !error.is_reset()
}

fn is_about_proxy(error: &Error) -> bool {
    error.peer().is_some_and(Peer::is_proxy)
}

fn said(what: &str, why: Option<&str>) -> String {
    match why {
        Some(why) => format!("{what}: {why}"),
        None => what.to_owned(),
    }
}

fn cause(error: &Error) -> String {
    match error.source() {
        Some(source) => plain(source),
        None => error.to_string(),
    }
}

/// An error as it describes itself, without its number.
pub(crate) fn plain(error: &dyn StdError) -> String {
    let text = error.to_string();
    match text.split_once(NUMBER) {
        Some((sentence, _)) => sentence.to_lowercase(),
        None => text,
    }
}
