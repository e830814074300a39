//! `std::io` for code that only wants to block.

use std::io::{self, IoSlice, Read, Write};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::BytesMut;

use super::Conn;
use crate::aio::{Aio, CancelToken, Options};
use crate::deadline::Deadline;
use crate::error::{Action, Error, ErrorKind};

/// Most bytes that one `write` copies.
const MOST: usize = 256 << 10;

/// A connection as [`Read`] and [`Write`], blocking; made by [`Conn::io`].
///
/// Reading and writing mean what they mean on the connection: after a head, the content of its body.
/// `Ok(0)` is the end of the body, or, where no message was read, of the peer's stream. It holds nothing
/// back: what it has not returned is there for the next reader, and what was written is with the kernel.
/// Each call is an operation of the connection; a [`BufReader`](io::BufReader) or a
/// [`BufWriter`](io::BufWriter) around it, or large buffers, make for few of them.
///
/// What is written is copied, at most 256 KiB a call; [`Conn::write_all`] does not copy.
///
/// # Errors
///
/// Those of [`Conn::read`] and [`Conn::write`], as [`io::Error`], among them `UnexpectedEof` if the stream
/// ends in the middle of a body; [`Error::from`](crate::Error) gives the whole error back, with its count.
///
/// # Examples
///
/// ```
/// use http_aio::Conn;
/// use std::io::{Read, Write};
/// use std::os::unix::net::UnixStream;
/// use std::time::Duration;
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let (near, far) = UnixStream::pair()?;
/// let (near, far) = (Conn::from(near), Conn::from(far));
/// write!(near.io(), "{} times", 42)?;
/// drop(near);
/// let mut text = String::new();
/// far.io().timeout(Duration::from_secs(5)).read_to_string(&mut text)?;
/// assert_eq!(text, "42 times");
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Io {
    conn: Conn,
    options: Options,
}

impl Conn {
    /// The connection for code that takes [`Read`] or [`Write`], and blocks.
    #[doc(alias = "Read")]
    #[doc(alias = "Write")]
    #[doc(alias = "as_stream")]
    pub fn io(&self) -> Io {
        Io {
            conn: self.clone(),
            options: Options::NONE,
        }
    }

    pub(super) fn read_into(&self, options: &Options, buffer: &mut [u8]) -> io::Result<usize> {
        self.may_wait(Action::Read)?;
        match self.read(Aio::with(options.clone()), buffer.len()).wait() {
            Ok(bytes) => {
                buffer[..bytes.len()].copy_from_slice(&bytes);
                Ok(bytes.len())
            }
            Err(error) if error.is_end_of_stream() && !error.is_incomplete_message() => Ok(0),
            Err(error) => Err(error.into()),
        }
    }

    /// What cannot be waited for must not be started: an error of `std::io` says that nothing moved.
    fn may_wait(&self, action: Action) -> io::Result<()> {
        if self.handle.link.owner.owns_current_thread() {
            let error = Error::new(ErrorKind::WouldDeadlock).during(action);
            return Err(error.with_peer(|| Some(Arc::clone(self.peer()))).into());
        }
        Ok(())
    }
}

impl Io {
    /// Bounds all the calls together, from now on. Without it they wait as long as it takes.
    #[must_use]
    pub fn timeout(mut self, after: Duration) -> Self {
        self.options.deadline = Deadline::after(after);
        self
    }

    /// Bounds all the calls.
    #[must_use]
    pub fn deadline(mut self, at: Instant) -> Self {
        self.options.deadline = Deadline::At(at);
        self
    }

    /// Bounds each call, so that a peer that falls silent is given up although there is time left. A copy of
    /// any length may go on for as long as something moves.
    #[must_use]
    pub fn idle_timeout(mut self, after: Duration) -> Self {
        self.options.timeout = Some(after);
        self
    }

    /// Has a call fail with [`Canceled`](ErrorKind::Canceled) when the token is canceled, and each after it.
    #[must_use]
    pub fn cancel_token(mut self, token: &CancelToken) -> Self {
        self.options.token = Some(token.clone());
        self
    }
}

impl Read for Io {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.conn.read_into(&self.options, buffer)
    }
}

impl Write for Io {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        self.write_vectored(&[IoSlice::new(buffer)])
    }

    fn write_vectored(&mut self, buffers: &[IoSlice<'_>]) -> io::Result<usize> {
        self.conn.may_wait(Action::Write)?;
        let mut copy = BytesMut::new();
        for buffer in buffers {
            let room = MOST - copy.len();
            copy.extend_from_slice(&buffer[..buffer.len().min(room)]);
        }
        let aio = Aio::with(self.options.clone()).bytes(copy.freeze());
        let written = self.conn.write(aio).wait()?;
        Ok(usize::try_from(written.count()).unwrap_or(usize::MAX))
    }

    /// Nothing is held back: what was written is with the kernel.
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
