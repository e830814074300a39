//! How many sockets linger at a time, and for how long.

use std::time::Duration;

#[derive(Clone, Copy, Debug)]
pub(super) struct Bounds {
    /// Sockets at a time, and no more than a quarter of the descriptors that the process may have.
    /// As many may have arrived that the thread has not taken over yet.
    pub(super) sockets: usize,
    /// How long a peer that does not read is waited for, if there is something left to send.
    pub(super) sending: Duration,
    /// How long a peer may be silent once our direction has ended.
    pub(super) silence: Duration,
    /// How long it may take in all from then on.
    pub(super) total: Duration,
    /// How long the thread stays with nothing to do.
    pub(super) idle: Duration,
}

impl Bounds {
    pub(super) const USUAL: Self = Self {
        sockets: 1024,
        sending: Duration::from_secs(30),
        silence: Duration::from_secs(1),
        total: Duration::from_secs(5),
        idle: Duration::from_secs(1),
    };
}
