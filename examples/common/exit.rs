//! Exit statuses: those of curl, where it has one for the case.

use std::process::ExitCode;

/// What the exit status says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    Ok = 0,
    Other = 1,
    Usage = 2,
    Proxy = 5,
    Resolve = 6,
    Connect = 7,
    /// What came is not HTTP/1, or more of it than we take.
    Reply = 8,
    /// By the status of the answer.
    Refused = 22,
    /// A file of ours.
    Write = 23,
    /// A file of ours.
    Read = 26,
    Memory = 27,
    TimedOut = 28,
    Range = 33,
    Tls = 35,
    Redirects = 47,
    NoAnswer = 52,
    Send = 55,
    Receive = 56,
    Untrusted = 60,
    /// As shells have it: 128 and SIGINT.
    Interrupted = 130,
}

/// For the help of both tools.
pub(crate) const EXIT_STATUSES: &str = "\
Exit status, as with curl where it has one for the case:
     0  ok
     2  wrong usage
     5  the proxy cannot be resolved or reached, or makes no tunnel
     6  the host cannot be resolved
     7  no connection to the host
     8  the answer is not HTTP/1, or too large
    22  refused by the status of the answer
    23  a local file or standard output cannot be written
    26  a local file or standard input cannot be read
    27  no memory
    28  the deadline passed
    33  the server does not continue where it was asked to
    35  the TLS handshake failed
    47  too many redirections
    52  closed without an answer
    55  broken off while sending
    56  broken off while receiving
    60  the server's certificate is not trusted
   130  Ctrl-C
     1  anything else, such as https: in a build without TLS";

impl Exit {
    /// Whether it may be different the next time.
    pub(crate) fn is_transient(self) -> bool {
        matches!(
            self,
            Self::Proxy
                | Self::Resolve
                | Self::Connect
                | Self::TimedOut
                | Self::NoAnswer
                | Self::Send
                | Self::Receive
        )
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}
