//! What differs between operating systems, for everything that works on sockets.

pub(crate) mod waker;

/// The flag of a send that keeps a peer which is gone from raising SIGPIPE.
#[cfg(any(
    target_os = "linux",
    target_os = "android",
    target_os = "freebsd",
    target_os = "netbsd"
))]
pub(crate) const NO_SIGNAL: libc::c_int = libc::MSG_NOSIGNAL;
/// There is none here: `SO_NOSIGPIPE` is set on the socket.
#[cfg(not(any(
    target_os = "linux",
    target_os = "android",
    target_os = "freebsd",
    target_os = "netbsd"
)))]
pub(crate) const NO_SIGNAL: libc::c_int = 0;
