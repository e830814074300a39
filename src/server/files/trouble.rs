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

/// What is said to a client that would change what cannot be changed.
pub(super) fn unchangeable(errno: Errno) -> Unfit {
    let status = match errno {
        // A name that the file system cannot have.
        Errno::NAMETOOLONG | Errno::ILSEQ | Errno::INVAL => StatusCode::BAD_REQUEST,
        Errno::EXIST | Errno::ISDIR | Errno::NOTEMPTY => StatusCode::CONFLICT,
        _ if is_absent(errno) => StatusCode::CONFLICT,
        Errno::ROFS | Errno::TXTBSY => StatusCode::FORBIDDEN,
        Errno::NOSPC | Errno::DQUOT | Errno::FBIG => StatusCode::INSUFFICIENT_STORAGE,
        _ => return unfit(errno),
    };
    let mut unfit = Unfit::from(status);
    if status == StatusCode::INSUFFICIENT_STORAGE {
        unfit.failure = Some(format!("the upload cannot be stored: {errno}"));
    }
    unfit
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stands_in_the_way_of_a_change_is_told() {
        for (errno, status, is_told) in [
            (Errno::NOENT, 409, false),
            (Errno::NOTDIR, 409, false),
            (Errno::LOOP, 409, false),
            (Errno::XDEV, 409, false),
            (Errno::ISDIR, 409, false),
            (Errno::EXIST, 409, false),
            (Errno::NAMETOOLONG, 400, false),
            (Errno::ACCESS, 403, false),
            (Errno::PERM, 403, false),
            (Errno::ROFS, 403, false),
            (Errno::NOSPC, 507, true),
            (Errno::DQUOT, 507, true),
            (Errno::FBIG, 507, true),
            (Errno::MFILE, 503, true),
            (Errno::IO, 500, true),
        ] {
            let unfit = unchangeable(errno);
            assert_eq!(unfit.status.as_u16(), status, "{errno}");
            assert_eq!(unfit.failure.is_some(), is_told, "{errno}");
        }
    }
}
