//! Counting what a process of this program executes.

use std::ffi::OsString;
use std::fs;
use std::io;
use std::path::Path;
use std::process::Command;

use crate::{Piece, pieces, process};

/// How many operations, and then twice as many. What happens once in a while is spread over them.
const OPERATIONS: usize = 500;

/// Of how many processes the one counts that has executed the fewest. Time passes more quickly for a process that is so
/// slow: now and then an operation that waits for its caller falls due, and goes to another thread, which costs more.
const RUNS: usize = 8;

/// What `--version` says.
///
/// # Errors
///
/// If there is no valgrind.
pub(crate) fn version() -> io::Result<String> {
    let output = Command::new("valgrind").arg("--version").output();
    let output = output.map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => {
            io::Error::other("this benchmark needs valgrind, which is not installed")
        }
        _ => error,
    })?;
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// Instructions for one operation.
///
/// # Errors
///
/// If valgrind does not run, or the piece fails.
pub(crate) fn count(piece: &Piece) -> io::Result<u64> {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("instructions");
    fs::create_dir_all(&folder)?;
    let profile = folder.join(piece.name).with_extension("out");
    let (mut once, mut twice) = (u64::MAX, u64::MAX);
    for _ in 0..RUNS {
        once = once.min(run(piece, OPERATIONS, &profile)?);
        twice = twice.min(run(piece, 2 * OPERATIONS, &profile)?);
    }
    Ok(twice.saturating_sub(once) / OPERATIONS as u64)
}

/// Instructions of a process that does it so often.
fn run(piece: &Piece, operations: usize, profile: &Path) -> io::Result<u64> {
    let ended = Command::new("valgrind")
        .arg("--tool=callgrind")
        .arg(option("--callgrind-out-file=", profile))
        .arg(option("--log-file=", &profile.with_extension("log")))
        .arg(std::env::current_exe()?)
        .arg(process::as_role(piece.name))
        .arg(operations.to_string())
        .status()?;
    if !ended.success() {
        return Err(io::Error::other(format!("{} failed: {ended}", piece.name)));
    }
    let profile = fs::read_to_string(profile)?;
    let mut lines = profile.lines();
    let total = lines.find_map(|line| line.strip_prefix("totals: "));
    let total = total.and_then(|total| total.trim().parse().ok());
    total.ok_or_else(|| io::Error::other("the profile of callgrind has no total"))
}

fn option(name: &str, path: &Path) -> OsString {
    let mut option = OsString::from(name);
    option.push(path);
    option
}

/// Is the process that is counted.
pub(crate) fn be_counted(name: &str) -> io::Result<()> {
    let operations = std::env::args().next_back();
    let operations = operations.and_then(|operations| operations.parse().ok());
    let piece = pieces().find(|piece| piece.name == name);
    match (piece, operations) {
        (Some(piece), Some(operations)) => (piece.run)(operations),
        _ => Err(io::Error::other(
            "no such piece, or no number of operations",
        )),
    }
}
