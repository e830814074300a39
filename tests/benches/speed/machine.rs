//! The state of the machine while something is measured.

use std::io::{self, Read};
use std::process::{Child, Command, Stdio};
use std::thread;

/// Whether processors sleep.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Machine {
    /// Whenever there is nothing to do.
    Quiet,
    /// Never: something that nobody has to wait for keeps them awake.
    Busy,
}

impl Machine {
    pub(crate) const ALL: [Self; 2] = [Self::Quiet, Self::Busy];
    pub(crate) const ROLE: &str = "awake";

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Quiet => "quiet",
            Self::Busy => "busy",
        }
    }

    /// Makes it so until the result is dropped.
    pub(crate) fn enter(self) -> io::Result<Load> {
        if self == Self::Quiet {
            return Ok(Load(None));
        }
        // The class that runs only where nothing else wants to.
        let child = Command::new("chrt")
            .args(["--idle", "0"])
            .arg(std::env::current_exe()?)
            .arg(format!("--role={}", Self::ROLE))
            .stdin(Stdio::piped())
            .spawn()
            .map_err(|error| io::Error::other(format!("chrt, for a busy machine: {error}")))?;
        Ok(Load(Some(child)))
    }

    /// Keeps all processors awake until the first process ends.
    pub(crate) fn be_awake() -> io::Result<()> {
        let processors = thread::available_parallelism()?.get();
        for _ in 0..processors {
            thread::spawn(|| {
                loop {
                    std::hint::spin_loop();
                }
            });
        }
        io::stdin().read_to_end(&mut Vec::new()).map(drop)
    }
}

/// What keeps processors awake, if anything does.
pub(crate) struct Load(Option<Child>);

impl Drop for Load {
    fn drop(&mut self) {
        if let Some(child) = &mut self.0 {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}
