//! Generated data, in which every slip shows.

use http_aio::bytes::Bytes;

/// Length after which it repeats: a prime, so that no buffer size hides a slip.
const PERIOD: u64 = 8191;

/// Pieces of it, which share their memory.
pub(crate) struct Pattern(Bytes);

impl Pattern {
    /// For pieces of up to `most` bytes; longer ones are made when they are asked for.
    pub(crate) fn new(most: usize) -> Self {
        Self(generate(PERIOD as usize + most))
    }

    /// The `len` bytes from `at` on.
    pub(crate) fn piece(&mut self, at: u64, len: usize) -> Bytes {
        let from = (at % PERIOD) as usize;
        if self.0.len() < from + len {
            self.0 = generate(from + len);
        }
        self.0.slice(from..from + len)
    }
}

fn generate(len: usize) -> Bytes {
    (0..len as u64)
        .map(|at| (at % PERIOD).wrapping_mul(2_654_435_761).to_le_bytes()[2])
        .collect()
}
