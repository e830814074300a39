//! `std::io` for code that only wants to block.

use std::io::{self, IoSlice, Read, Write};

use bytes::{Bytes, BytesMut};

use super::Conn;
use crate::aio::Aio;
use crate::error::{Error, ErrorKind};

/// Most bytes that one `write` copies.
const MOST: usize = 256 << 10;

/// Blocking reads, without a deadline: [`Conn::body`] has one. `Ok(0)` is the end of the body, or,
/// where no message was read, of the peer's stream.
///
/// # Errors
///
/// Those of [`Conn::read`], as [`io::Error`]; [`Error::from`](crate::Error) gives the count back.
impl Read for &Conn {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.read_into(Aio::new(), buffer)
    }
}

/// Blocking writes, without a deadline. What is written is copied, at most 256 KiB a call;
/// [`Conn::write_all`] does not copy.
///
/// # Errors
///
/// Those of [`Conn::write`], as [`io::Error`]; [`Error::from`](crate::Error) gives the count back.
impl Write for &Conn {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        self.write_vectored(&[IoSlice::new(buffer)])
    }

    fn write_vectored(&mut self, buffers: &[IoSlice<'_>]) -> io::Result<usize> {
        self.may_wait()?;
        let mut copy = BytesMut::new();
        for buffer in buffers {
            let room = MOST - copy.len();
            copy.extend_from_slice(&buffer[..buffer.len().min(room)]);
        }
        let aio = Aio::new().iov::<[Bytes; 1]>([copy.freeze()]);
        let written = Conn::write(self, aio).wait()?;
        Ok(usize::try_from(written.count()).unwrap_or(usize::MAX))
    }

    /// Nothing is held back: what was written is with the kernel.
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Conn {
    pub(super) fn read_into(&self, aio: Aio<Bytes>, buffer: &mut [u8]) -> io::Result<usize> {
        self.may_wait()?;
        match self.read(aio, buffer.len()).wait() {
            Ok(bytes) => {
                buffer[..bytes.len()].copy_from_slice(&bytes);
                Ok(bytes.len())
            }
            Err(error) if error.is_end_of_stream() && !error.is_incomplete_message() => Ok(0),
            Err(error) => Err(error.into()),
        }
    }

    /// What cannot be waited for must not be started: an error of `std::io` says that nothing moved.
    fn may_wait(&self) -> io::Result<()> {
        if self.handle.link.owner.owns_current_thread() {
            return Err(Error::new(ErrorKind::WouldDeadlock).into());
        }
        Ok(())
    }
}

impl Read for Conn {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        Read::read(&mut &*self, buffer)
    }
}

impl Write for Conn {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        Write::write(&mut &*self, buffer)
    }

    fn write_vectored(&mut self, buffers: &[IoSlice<'_>]) -> io::Result<usize> {
        Write::write_vectored(&mut &*self, buffers)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
