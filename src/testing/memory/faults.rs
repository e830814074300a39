//! What goes wrong at one end of a stream.

use std::io;

/// How one end misbehaves. By default it does not.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Faults {
    /// How many bytes one call moves at most.
    pub call_bytes: usize,
    /// The write that fails, counted from 1 over those that may block and those that may not.
    pub fail_write: Option<(usize, Fault)>,
    /// The read that fails, counted from 1.
    pub fail_read: Option<(usize, Fault)>,
}

/// What a call does instead of its work.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Fault {
    /// Fails with an error of this kind.
    Error(io::ErrorKind),
    /// Panics, as a transport must not.
    Panic,
}

impl Faults {
    /// There are no faults.
    pub fn none() -> Self {
        Self {
            call_bytes: usize::MAX,
            fail_write: None,
            fail_read: None,
        }
    }
}

impl Default for Faults {
    fn default() -> Self {
        Self::none()
    }
}

impl Fault {
    pub(super) fn happen(self) -> io::Error {
        match self {
            Self::Error(kind) => kind.into(),
            Self::Panic => std::panic::panic_any("a fault in the transport"),
        }
    }
}
