//! The last line.

use std::fmt;

use crate::common::ending::Ending;

/// How much was delivered, and how it ended.
pub(crate) struct Outcome {
    pub(crate) read: u64,
    pub(crate) ending: Ending,
}

impl Outcome {
    /// Of a download that did not begin.
    pub(crate) fn none(ending: Ending) -> Self {
        Self { read: 0, ending }
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "read {} bytes: {}", self.read, self.ending)
    }
}
