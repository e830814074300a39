//! What a peer, or a caller, may ask of a connection.

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
    pub(crate) queued: usize,
}

impl Limits {
    /// Size of a message head in bytes, start line and blank line included. Default 65,536.
    #[must_use]
    pub fn head_bytes(mut self, bytes: usize) -> Self {
        self.head_bytes = bytes;
        self
    }

    /// Number of header lines in a head. Default 128.
    #[must_use]
    pub fn headers(mut self, count: usize) -> Self {
        self.headers = count;
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
            queued: 64 * 1024,
        }
    }
}
