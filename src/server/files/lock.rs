//! Locks of files, between those who upload: also those of other processes.

use std::os::fd::AsFd;
use std::thread;
use std::time::{Duration, Instant};

use rustix::fs::FlockOperation;
use rustix::io::Errno;

use crate::blocking;

/// How long somebody else may have it. Who has broken off is noticed sooner, as a rule.
const PATIENCE: Duration = Duration::from_secs(2);

/// The first pause between two attempts; each is twice as long, up to the longest.
const PAUSE: Duration = Duration::from_millis(1);
const LONGEST_PAUSE: Duration = Duration::from_millis(50);

/// Whether a lock was had.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Locked {
    Yes,
    ByAnother,
}

/// Takes the lock of an open file, until that is closed. It tries again and again, because a call that waits could not
/// be ended.
pub(super) fn lock(file: impl AsFd) -> Result<Locked, Errno> {
    let until = Instant::now() + PATIENCE;
    let mut pause = PAUSE;
    loop {
        match try_lock(&file)? {
            Locked::Yes => return Ok(Locked::Yes),
            Locked::ByAnother if Instant::now() >= until => return Ok(Locked::ByAnother),
            Locked::ByAnother => {}
        }
        blocking::announce();
        thread::sleep(pause);
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

/// As `lock`, at once.
pub(super) fn try_lock(file: impl AsFd) -> Result<Locked, Errno> {
    loop {
        match rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => return Ok(Locked::Yes),
            Err(Errno::WOULDBLOCK) => return Ok(Locked::ByAnother),
            Err(Errno::INTR) => {}
            Err(errno) => return Err(errno),
        }
    }
}
