//! What is said when a file cannot be had.

use http::StatusCode;
use http::header::{self, HeaderValue};
use rustix::io::Errno;

use crate::server::answer::Unfit;

/// There is no such file, or none that may be known of.
pub(super) const ABSENT: Errno = Errno::NOENT;

/// Whether nothing is to be found there: the name leads nowhere, elsewhere, or to what is no file.
pub(super) fn is_absent(errno: Errno) -> bool {
    matches!(
        errno,
        Errno::NOENT
            | Errno::NOTDIR
            | Errno::NAMETOOLONG
            | Errno::LOOP
            | Errno::MLINK // A link that is not followed, on FreeBSD.
            | Errno::XDEV
            | Errno::NXIO // A socket.
            | Errno::NODEV
            | Errno::OPNOTSUPP // A socket, on FreeBSD.
            | Errno::ILSEQ
            | Errno::INVAL // A name that the file system cannot have.
    )
}

/// What is said to a client of what could not be opened, or read.
pub(super) fn unfit(errno: Errno) -> Unfit {
    let (status, is_news) = match errno {
        _ if is_absent(errno) => (StatusCode::NOT_FOUND, false),
        Errno::ACCESS | Errno::PERM => (StatusCode::FORBIDDEN, false),
        // The last of them: what was looked for has been moved again and again.
        Errno::MFILE | Errno::NFILE | Errno::AGAIN => (StatusCode::SERVICE_UNAVAILABLE, true),
        _ => (StatusCode::INTERNAL_SERVER_ERROR, true),
    };
    let mut unfit = Unfit::from(status);
    if status == StatusCode::SERVICE_UNAVAILABLE {
        let soon = HeaderValue::from_static("1");
        unfit.fields.push((header::RETRY_AFTER, soon));
    }
    unfit.failure = is_news.then(|| format!("the file cannot be opened: {errno}"));
    unfit
}

/// As `unfit`, for a file that was opened.
pub(super) fn unreadable(error: &std::io::Error) -> Unfit {
    let mut unfit = Unfit::from(StatusCode::INTERNAL_SERVER_ERROR);
    unfit.failure = Some(format!("the file cannot be read: {error}"));
    unfit
}
