//! What a failure to accept means.

use std::io;

use rustix::io::Errno;

pub(super) enum Failure {
    /// That connection is gone, or a thing of the network: the next may be there.
    OfConnection,
    /// Descriptors or memory have run out.
    Shortage,
    /// There is nothing to accept from any more.
    OfListener,
}

impl Failure {
    pub(super) fn of(error: &io::Error) -> Self {
        match Errno::from_io_error(error) {
            Some(
                Errno::INTR
                | Errno::CONNABORTED
                | Errno::PROTO
                | Errno::PERM
                | Errno::NETDOWN
                | Errno::NOPROTOOPT
                | Errno::HOSTDOWN
                | Errno::HOSTUNREACH
                | Errno::OPNOTSUPP
                | Errno::NETUNREACH,
            ) => Self::OfConnection,
            #[cfg(any(target_os = "linux", target_os = "android"))]
            Some(Errno::NONET) => Self::OfConnection,
            Some(Errno::MFILE | Errno::NFILE | Errno::NOBUFS | Errno::NOMEM) => Self::Shortage,
            _ => Self::OfListener,
        }
    }
}
