//! How many instructions pieces of this crate take, counted by callgrind: no clock is involved, so a regression is seen on
//! any machine, however busy.
//!
//! ```text
//! cargo bench --bench instructions --features test-util                  # all, in some three minutes
//! cargo bench --bench instructions --features test-util -- transact      # those whose names contain a word
//! cargo bench --bench instructions --features test-util -- --check       # fails if one has grown by more than 3 %
//! cargo bench --bench instructions --features test-util -- --keep        # puts all into the table that is kept
//! ```
//!
//! It needs valgrind. A piece runs in processes of its own, some with so many operations and some with twice as many; the
//! difference is what the operations take, without what comes before and after them. Counted is what all threads of a
//! process execute, and nothing of the kernel. The thread of a piece waits for each operation at once, so it does the work
//! itself, and its peer is a script that keeps nobody waiting. Only the client has a real peer, in another process.
//!
//! Printed are the instructions of one operation, those that are kept in `tests/benches/instructions.txt`, and the change.
//! Two runs of one build differ by less than 1 %. Another compiler, C library, processor or version of valgrind, or other
//! features of the crate, give other figures: measure both sides of a change in one place, and keep the table when a
//! figure is meant to change.
//!
//! Not all instructions cost the same. One that copies or fills memory repeatedly counts once for each byte, and one that
//! is atomic counts once. Where valgrind does not know `openat2`, as 3.19 does not, a directory is counted without it.
//!
//! The profile of the last process of each piece is left in `target/tmp/instructions/`, for `callgrind_annotate`.
//!
//! `callgrind` counts, `table` prints and keeps, `script` is the peer; each of the others has a few of the pieces.

mod bodies;
mod callgrind;
mod exchanges;
mod heads;
#[path = "../peers.rs"]
mod peers;
#[path = "../process.rs"]
mod process;
mod script;
mod served;
mod table;

use std::io;
use std::process::ExitCode;

use crate::peers::Peers;
use crate::table::Table;

/// Something that is counted.
pub(crate) struct Piece {
    pub(crate) name: &'static str,
    /// Does it so often.
    pub(crate) run: fn(usize) -> io::Result<()>,
}

fn pieces() -> impl Iterator<Item = &'static Piece> {
    let families = [
        heads::PIECES,
        bodies::PIECES,
        exchanges::PIECES,
        served::PIECES,
    ];
    families.into_iter().flatten()
}

fn main() -> ExitCode {
    let result = match process::role().as_deref() {
        None => count(),
        Some(Peers::ROLE) => Peers::be(),
        Some(name) => callgrind::be_counted(name),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("instructions: {error}");
            ExitCode::FAILURE
        }
    }
}

fn count() -> io::Result<()> {
    let mut table = Table::from_args()?;
    for piece in pieces() {
        if table.wants(piece.name) {
            table.add(piece.name, callgrind::count(piece)?);
        }
    }
    table.end()
}
