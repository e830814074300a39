//! Something to poll beside a socket: a descriptor that another thread can make readable.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};

#[cfg(any(target_os = "linux", target_os = "android"))]
pub(crate) use self::event::Waker;
#[cfg(not(any(target_os = "linux", target_os = "android")))]
pub(crate) use self::pair::Waker;

/// A waker of one descriptor.
#[cfg(any(target_os = "linux", target_os = "android"))]
mod event {
    use std::os::fd::OwnedFd;

    use rustix::event::{EventfdFlags, eventfd};

    use super::{AsFd, BorrowedFd, io};

    #[derive(Debug)]
    pub(crate) struct Waker(OwnedFd);

    impl Waker {
        pub(crate) fn new() -> io::Result<Self> {
            Ok(Self(eventfd(
                0,
                EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK,
            )?))
        }

        /// The write fails only when the counter is full, and then it is readable anyway.
        pub(crate) fn wake(&self) {
            let _ = rustix::io::write(&self.0, &1_u64.to_ne_bytes());
        }

        pub(crate) fn reset(&self) {
            let _ = rustix::io::read(&self.0, &mut [0; 8]);
        }
    }

    impl AsFd for Waker {
        fn as_fd(&self) -> BorrowedFd<'_> {
            self.0.as_fd()
        }
    }
}

/// A waker of two descriptors, for systems without eventfd.
#[cfg(not(any(target_os = "linux", target_os = "android")))]
mod pair {
    use std::io::{Read, Write};
    use std::os::unix::net::UnixStream;

    use super::{AsFd, BorrowedFd, io};

    #[derive(Debug)]
    pub(crate) struct Waker {
        reader: UnixStream,
        writer: UnixStream,
    }

    impl Waker {
        pub(crate) fn new() -> io::Result<Self> {
            let (reader, writer) = UnixStream::pair()?;
            reader.set_nonblocking(true)?;
            writer.set_nonblocking(true)?;
            Ok(Self { reader, writer })
        }

        /// The write fails only when the buffer is full, and then it is readable anyway.
        pub(crate) fn wake(&self) {
            let _ = (&self.writer).write(&[0]);
        }

        pub(crate) fn reset(&self) {
            let mut scrap = [0; 64];
            while let Ok(1..) = (&self.reader).read(&mut scrap) {}
        }
    }

    impl AsFd for Waker {
        fn as_fd(&self) -> BorrowedFd<'_> {
            self.reader.as_fd()
        }
    }
}
