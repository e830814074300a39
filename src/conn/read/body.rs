//! A body as a `std::io::Read`.

use std::io::{self, Read};
use std::time::{Duration, Instant};

use crate::aio::Aio;
use crate::conn::Conn;
use crate::deadline::Deadline;
#[cfg(doc)]
use crate::error::Error;

/// Reads the body of the message whose head was read last, blocking; made by [`Conn::body`].
///
/// The end of the body is `Ok(0)`. It holds nothing back: what it has not returned is there for the
/// next reader, so it can be dropped anywhere. Each call is an operation of the connection; a
/// [`BufReader`](io::BufReader) around it, or a large buffer, makes for few of them.
///
/// On a connection where no message was read it reads until the end of the stream.
///
/// # Errors
///
/// Those of [`Conn::read`], as [`io::Error`], among them `UnexpectedEof` if the stream ends in the
/// middle of the body; [`Error::from`](crate::Error) gives the whole error back.
///
/// # Examples
///
/// ```
/// use http_aio::http::Response;
/// use http_aio::{Aio, Conn};
/// use std::io::Read;
/// use std::os::unix::net::UnixStream;
/// use std::time::Duration;
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let (client, server) = UnixStream::pair()?;
/// let (client, server) = (Conn::from(client), Conn::from(server));
/// server.write_response(Aio::new(), Response::new("hello".into())).wait()?;
///
/// client.read_response(Aio::new()).wait()?;
/// let mut body = String::new();
/// client.body().timeout(Duration::from_secs(5)).read_to_string(&mut body)?;
/// assert_eq!(body, "hello");
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct BodyReader {
    conn: Conn,
    deadline: Deadline,
}

impl Conn {
    /// The body of the message whose head was read last, for blocking code.
    pub fn body(&self) -> BodyReader {
        BodyReader {
            conn: self.clone(),
            deadline: Deadline::Never,
        }
    }
}

impl BodyReader {
    /// Bounds the whole of reading, from now on, in total.
    #[must_use]
    pub fn timeout(mut self, after: Duration) -> Self {
        self.deadline = Deadline::after(after);
        self
    }

    /// Bounds the whole of reading.
    #[must_use]
    pub fn deadline(mut self, at: Instant) -> Self {
        self.deadline = Deadline::At(at);
        self
    }
}

impl Read for BodyReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.conn.read_into(Aio::bounded(self.deadline), buffer)
    }
}
