//! What a peer, or a caller, may ask of a connection.

use std::time::Duration;

/// Bounds that protect against a peer, or a producer, that asks for too much.
///
/// The defaults suit the open network and may be tightened in a later version.
///
/// # Examples
///
/// ```
/// use http_aio::Limits;
/// let limits = Limits::default().head_bytes(8 * 1024).headers(64);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    pub(crate) head_bytes: usize,
    pub(crate) headers: usize,
    pub(crate) interim: usize,
    pub(crate) body_bytes: u64,
    pub(crate) chunk_line: usize,
    pub(crate) chunk_extensions: usize,
    pub(crate) trailer_bytes: usize,
    pub(crate) continue_wait: Duration,
    pub(crate) queued: usize,
}

impl Limits {
    /// Size of a message head in bytes, start line and blank line included. Default 65,536.
    #[must_use]
    pub fn head_bytes(mut self, bytes: usize) -> Self {
        self.head_bytes = bytes;
        self
    }

    /// Number of header lines in a head, and of trailer lines after a body. Default 128.
    #[must_use]
    pub fn headers(mut self, count: usize) -> Self {
        self.headers = count;
        self
    }

    /// Number of interim responses (1xx) before the final one. Default 32.
    #[must_use]
    pub fn interim(mut self, count: usize) -> Self {
        self.interim = count;
        self
    }

    /// Size of a body that is collected whole, as [`transact`](crate::Conn::transact) does, in bytes.
    /// Reads that name their size are not bounded by it. Default 16 MiB.
    #[must_use]
    pub fn body_bytes(mut self, bytes: u64) -> Self {
        self.body_bytes = bytes;
        self
    }

    /// Size of the line before a chunk in bytes, extensions included. Default 4,096.
    #[must_use]
    pub fn chunk_line(mut self, bytes: usize) -> Self {
        self.chunk_line = bytes;
        self
    }

    /// Size of the extensions in one such line of a request in bytes: of what is between the size of
    /// the chunk and the end of the line. Default 256.
    #[must_use]
    pub fn chunk_extensions(mut self, bytes: usize) -> Self {
        self.chunk_extensions = bytes;
        self
    }

    /// Size of the trailers after a chunked body in bytes. Default 16,384.
    #[must_use]
    pub fn trailer_bytes(mut self, bytes: usize) -> Self {
        self.trailer_bytes = bytes;
        self
    }

    /// How long a [`transact`](crate::Conn::transact) with `Expect: 100-continue` waits for the
    /// server before it sends the body unasked (RFC 9110 section 10.1.1). Default 1 second.
    #[must_use]
    pub fn continue_wait(mut self, wait: Duration) -> Self {
        self.continue_wait = wait;
        self
    }

    /// Number of operations that wait in the queue of one direction; one more fails with
    /// [`NoMemory`](crate::ErrorKind::NoMemory). Default 65,536.
    #[must_use]
    pub fn queued(mut self, operations: usize) -> Self {
        self.queued = operations;
        self
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            head_bytes: 64 * 1024,
            headers: 128,
            interim: 32,
            body_bytes: 16 << 20,
            chunk_line: 4 * 1024,
            chunk_extensions: 256,
            trailer_bytes: 16 * 1024,
            continue_wait: Duration::from_secs(1),
            queued: 64 * 1024,
        }
    }
}
