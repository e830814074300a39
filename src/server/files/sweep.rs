//! Removing parts that nobody has continued.

use std::fs::File;
use std::os::fd::BorrowedFd;
use std::time::{Duration, SystemTime};

use rustix::fs::{Dir, OFlags};
use rustix::io::Errno;

use super::confine::open_to_write;
use super::destination::{Destination, remove_from};
use super::lock::{Locked, try_lock};
use super::name::is_part;
use super::part::is_named;
use super::uploads::Uploads;

/// Parts that are not older may be on their way between two calls of ours.
const YOUNG: Duration = Duration::from_secs(60);

/// Removes the parts in the folder of a destination that are older than they need to be, if it is time to look for
/// them. Nothing depends on that, so what fails is left for the next time.
pub(super) fn sweep(destination: &Destination, uploads: &Uploads) {
    if !uploads.is_time_to_sweep() {
        return;
    }
    let Ok(entries) = destination.reopened().and_then(Dir::new) else {
        return;
    };
    for entry in entries.flatten() {
        match entry.file_name().to_str() {
            Ok(name) if is_part(name) => drop(remove_if_old(destination, name, uploads.kept)),
            _ => {}
        }
    }
}

fn remove_if_old(destination: &Destination, name: &str, kept: Duration) -> Result<(), Errno> {
    let folder: BorrowedFd<'_> = destination.folder();
    let file = open_to_write(folder, name, OFlags::empty())?;
    // Those that are being written to are locked, and those that were just made are new.
    if is_old(&file, kept) && try_lock(&file)? == Locked::Yes && is_named(&file, folder, name)? {
        remove_from(folder, name)?;
    }
    Ok(())
}

fn is_old(file: &File, kept: Duration) -> bool {
    let metadata = file.metadata().ok().filter(std::fs::Metadata::is_file);
    let modified = metadata.and_then(|metadata| metadata.modified().ok());
    let age = modified.and_then(|modified| SystemTime::now().duration_since(modified).ok());
    age.is_some_and(|age| age > kept.max(YOUNG))
}
