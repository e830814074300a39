//! The last line.

use std::fmt;
use std::io::{self, Write};
use std::path::Path;

use crate::common::console::Console;
use crate::common::ending::Ending;
use crate::common::exit::Exit;
use crate::common::failure::Failure;
use crate::common::output::Column;

/// How much of the body went out, and how it ended.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) written: u64,
    /// None while it is not known how much there is.
    pub(crate) total: Option<u64>,
    pub(crate) ending: Ending,
    /// Where the answer has left standard output.
    pub(crate) column: Column,
}

impl Outcome {
    /// Of an upload that did not begin.
    pub(crate) fn none(total: Option<u64>, ending: impl Into<Ending>) -> Self {
        Self {
            written: 0,
            total,
            ending: ending.into(),
            column: Column::AtStart,
        }
    }

    /// Prints it on a line of its own, behind the answer, and says how the process ends.
    pub(crate) fn print(&self, console: &Console) -> Exit {
        let begin = match self.column {
            Column::AtStart => "",
            Column::InMiddle => "\n",
        };
        match writeln!(io::stdout(), "{begin}{self}") {
            // Whoever reads it may be gone; the exit status still tells.
            Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
                let failure = Failure::cannot_write(Path::new("standard output"), &error);
                console.note(&failure.why);
                failure.exit
            }
            _ => self.ending.exit(),
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
