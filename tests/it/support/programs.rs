//! Programs that others wrote, and tests that are skipped where there are none.

use std::fmt;
use std::fs::OpenOptions;
use std::io::{self, Write};
use std::process::{Child, Command, Stdio};

use super::thread_name;

/// Starts a program whose standard output can be read; its standard input is closed with this process.
/// None if it is not installed.
pub(crate) fn spawn(command: &mut Command) -> Option<Child> {
    let spawned = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn();
    match spawned {
        Ok(child) => Some(child),
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        Err(error) => panic!("{:?}: {error}", command.get_program()),
    }
}

/// Says that the calling test is skipped. The harness hides what a test that passes has printed, so
/// the line also goes to the end of the file that `HTTP_AIO_SKIPPED` names, where `.ci/run` counts it.
pub(crate) fn skip(why: impl fmt::Display) {
    // The harness names the thread of a test after it.
    let line = format!("skipped: {}: {why}", thread_name()).replace('\n', " ");
    eprintln!("{line}");
    if let Some(path) = std::env::var_os("HTTP_AIO_SKIPPED") {
        let file = OpenOptions::new().create(true).append(true).open(path);
        // One call, because other tests may write at the same moment.
        let written = file.and_then(|mut file| file.write_all(format!("{line}\n").as_bytes()));
        written.expect("the file of HTTP_AIO_SKIPPED can be written");
    }
}
