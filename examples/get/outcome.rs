//! The last line.

use std::fmt;

use crate::common::ending::Ending;
use crate::common::failure::Failure;
use crate::common::output::Column;

/// How much was delivered, and how it ended.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) read: u64,
    pub(crate) ending: Ending,
    /// Where the cursor of a terminal that shows the body is.
    pub(crate) column: Column,
}

impl Outcome {
    /// Of a download that did not begin.
    pub(crate) fn none(failure: Failure) -> Self {
        Self {
            read: 0,
            ending: failure.into(),
            column: Column::AtStart,
        }
    }

    /// Of several, one after the other. The first that is not ok is told, but nobody needs to be told that
    /// something was canceled because something else had failed.
    pub(crate) fn all(outcomes: Vec<Self>) -> Self {
        let read = outcomes.iter().map(|outcome| outcome.read).sum();
        let column = outcomes.last().map_or(Column::AtStart, |last| last.column);
        let rank = |outcome: &Self| match &outcome.ending {
            Ending::Ok(_) => 2,
            ending if ending.is_canceled() => 1,
            _ => 0,
        };
        // Of those that are ok, the last.
        let told = match outcomes.iter().all(|outcome| outcome.ending.is_ok()) {
            true => outcomes.into_iter().next_back(),
            false => outcomes.into_iter().min_by_key(rank),
        };
        Self {
            read,
            column,
            ending: told.map_or_else(Ending::canceled, |outcome| outcome.ending),
        }
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "read {} bytes: {}", self.read, self.ending)
    }
}
