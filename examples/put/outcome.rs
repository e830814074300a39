//! The last line.

use std::fmt;

use crate::common::ending::Ending;

/// How much of the body went out, and how it ended.
pub(crate) struct Outcome {
    pub(crate) written: u64,
    /// None while it is not known how much there is.
    pub(crate) total: Option<u64>,
    pub(crate) ending: Ending,
}

impl Outcome {
    /// Of an upload that did not begin.
    pub(crate) fn none(total: Option<u64>, ending: Ending) -> Self {
        Self {
            written: 0,
            total,
            ending,
        }
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "wrote {}", self.written)?;
        if let Some(total) = self.total {
            write!(f, " of {total}")?;
        }
        write!(f, " bytes: {}", self.ending)
    }
}
