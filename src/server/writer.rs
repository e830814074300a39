//! An answer that its handler writes in pieces.

use std::io::{self, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::{BufMut, Bytes, BytesMut};
use http::HeaderMap;
use parking_lot::Mutex;

use super::answer::Answered;
use super::stats::Counters;
use crate::aio::{Aio, InFlight, Options, Written};
use crate::bufs::Bufs;
use crate::conn::Conn;
use crate::error::Error;
use crate::meter::Meter;

/// Writes the content of an answer; from [`Exchange::stream`](crate::Exchange::stream).
///
/// Without [`finish`](Self::finish) the answer is not whole: the connection then ends in the middle of it, so
/// that the client does not take it for more than it is.
///
/// To a HEAD request nothing of the content is sent, and writing it succeeds: a handler that writes without an end must
/// look at the [method](crate::Exchange::method), and [`finish`](Self::finish) at once.
#[derive(Debug)]
#[must_use = "an answer that is not finished is given up"]
pub struct ResponseWriter {
    conn: Conn,
    meter: Arc<Mutex<Meter>>,
    is_finished: Arc<AtomicBool>,
    /// The client has asked for the head alone.
    is_head: bool,
    /// Bounds of each write.
    options: Options,
    counters: Arc<Counters>,
}

impl ResponseWriter {
    pub(super) fn new(
        conn: Conn,
        meter: Arc<Mutex<Meter>>,
        is_finished: Arc<AtomicBool>,
        is_head: bool,
        options: Options,
        counters: Arc<Counters>,
    ) -> Self {
        Self {
            conn,
            meter,
            is_finished,
            is_head,
            options,
            counters,
        }
    }

    /// Writes a vector of content, completely, blocking.
    ///
    /// # Errors
    ///
    /// Those of [`Conn::write_all`]; [`TimedOut`](crate::ErrorKind::TimedOut) if the client is slower than
    /// [`ServerLimits::pace`](crate::ServerLimits::pace) allows.
    pub fn write_all<I>(&mut self, content: I) -> Result<Written, Error>
    where
        I: IntoIterator,
        I::Item: Into<Bytes>,
    {
        let content: Bufs = content.into_iter().map(Into::into).collect();
        if self.is_head {
            return Ok(Written::new(content.remaining()));
        }
        let written = self
            .conn
            .write_content_inline(content, &self.options, &self.meter);
        // Whoever watches the numbers does not wait for the end.
        let uncounted = self.meter.lock().uncounted();
        self.counters.written.add(uncounted);
        written
    }

    /// Submits a vector of content, and returns at once: [`Conn::write_all`], under the aio's own deadline,
    /// and the pace that is asked of the client.
    ///
    /// # Errors
    ///
    /// Those of [`Conn::write_all`], through the aio.
    pub fn submit(&mut self, aio: Aio<Written>) -> Aio<Written, InFlight> {
        match self.is_head {
            true => self.conn.write_all(aio.iov::<[Bytes; 0]>([])),
            false => self.conn.submit_content(aio, &self.meter),
        }
    }

    /// Ends the answer.
    ///
    /// # Errors
    ///
    /// Those of [`Conn::finish`], among them [`InvalidInput`](crate::ErrorKind::InvalidInput) if less was
    /// written than the head has declared.
    pub fn finish(self) -> Result<Answered, Error> {
        self.finish_with_trailers(&HeaderMap::new())
    }

    /// Ends the answer with trailers.
    ///
    /// # Errors
    ///
    /// Those of [`Conn::finish_with_trailers`].
    pub fn finish_with_trailers(self, trailers: &HeaderMap) -> Result<Answered, Error> {
        if !self.is_head {
            self.conn
                .finish_inline(trailers, &self.options, &self.meter)?;
        }
        self.is_finished.store(true, Ordering::Release);
        Ok(Answered(()))
    }
}

/// Each call is a piece of its own: a [`BufWriter`](io::BufWriter) around it makes for fewer.
impl Write for ResponseWriter {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        let mut copy = BytesMut::with_capacity(buffer.len());
        copy.put_slice(buffer);
        let written = Self::write_all(self, [copy.freeze()])?;
        Ok(usize::try_from(written.count()).unwrap_or(usize::MAX))
    }

    /// Nothing is held back: what was written is with the kernel.
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
