//! Opening what lies below a folder, and nothing else, whatever names and links say.
//!
//! The kernel does it where it can (`openat2` of Linux 5.6): it resolves the whole path and refuses what would lead out
//! of the folder at any moment of that, so that nobody can put a link in place between a check and the use. Where it
//! cannot, the path is walked folder by folder, without following any link.

#[cfg(test)]
mod tests;

use std::fs::File;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;

use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;

use super::stored::Opened;
use super::trouble::ABSENT;

/// Which symbolic links below a [`Directory`](crate::Directory) are followed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SymbolicLinks {
    /// Those that stay within it: relative ones that never lead above it on their way. Where the system cannot
    /// guarantee that (it is not Linux, or older than 5.6), none.
    #[default]
    Inside,
    /// None: neither a file nor a folder on the way to it may be a link.
    Refused,
    /// All, wherever they lead. Whoever can make a link there can then show any file that this process may read.
    Followed,
}

/// For reading. A FIFO does not hang, and a terminal does not become that of this process.
const READ: OFlags = OFlags::RDONLY
    .union(OFlags::NONBLOCK)
    .union(OFlags::NOCTTY)
    .union(OFlags::CLOEXEC);

/// For writing, but not through a link.
const WRITE: OFlags = OFlags::RDWR
    .union(OFlags::NOFOLLOW)
    .union(OFlags::NONBLOCK)
    .union(OFlags::NOCTTY)
    .union(OFlags::CLOEXEC);

/// For looking below it, which needs no permission to read it.
const SEARCH: OFlags = LOOK.union(OFlags::DIRECTORY);

#[cfg(any(target_os = "linux", target_os = "android", target_os = "freebsd"))]
const LOOK: OFlags = OFlags::PATH.union(OFlags::CLOEXEC);
#[cfg(not(any(target_os = "linux", target_os = "android", target_os = "freebsd")))]
const LOOK: OFlags = READ;

/// Calls that were in the way of a rename are made again, so many times.
const TRIES: usize = 4;

/// A folder that is open for looking below it. It stays the same if another comes in its place.
#[derive(Debug)]
pub(super) struct Root(OwnedFd);

/// Opens a file wherever it is.
pub(super) fn open_anywhere(path: &Path) -> Result<Opened, Errno> {
    let opened = rustix::fs::open(path, READ, Mode::empty())?;
    Opened::new(File::from(opened))
}

impl Root {
    pub(super) fn open(path: &Path) -> Result<Self, Errno> {
        rustix::fs::open(path, SEARCH, Mode::empty()).map(Self)
    }

    /// Opens what is there. The path has no empty segments.
    pub(super) fn find(&self, path: &str, links: SymbolicLinks) -> Result<Opened, Errno> {
        match self.descend(path, READ, links) {
            Ok(opened) => Opened::new(File::from(opened)),
            // One that cannot be read may still have something below it.
            Err(Errno::ACCESS) => match self.descend(path, SEARCH, links) {
                Ok(opened) => Opened::new(File::from(opened)),
                Err(_) => Err(Errno::ACCESS),
            },
            Err(error) => Err(error),
        }
    }

    /// Opens a folder, to see what is in it.
    pub(super) fn folder(&self, path: &str, links: SymbolicLinks) -> Result<OwnedFd, Errno> {
        self.descend(path, READ.union(OFlags::DIRECTORY), links)
    }

    /// Opens a folder, to change what is in it. No link leads there.
    pub(super) fn folder_to_change(&self, path: &str) -> Result<OwnedFd, Errno> {
        self.descend(path, SEARCH, SymbolicLinks::Refused)
    }

    /// What is there, whether it can be read or not.
    pub(super) fn look(&self, path: &str, links: SymbolicLinks) -> Result<Opened, Errno> {
        Opened::new(File::from(self.descend(path, LOOK, links)?))
    }

    fn descend(&self, path: &str, flags: OFlags, links: SymbolicLinks) -> Result<OwnedFd, Errno> {
        let path = match path {
            "" => ".",
            path if path.split('/').any(leads_elsewhere) => return Err(ABSENT),
            path => path,
        };
        resolve(self.0.as_fd(), path, flags, links)
    }
}

/// What has this name in a folder, whether it can be read or not. A link is no file.
pub(super) fn look_in(folder: BorrowedFd<'_>, name: &str) -> Result<Opened, Errno> {
    Opened::new(File::from(step(folder, name, LOOK)?))
}

/// Opens a file in a folder to write to it, or makes it.
pub(super) fn open_to_write(
    folder: BorrowedFd<'_>,
    name: &str,
    making: OFlags,
) -> Result<File, Errno> {
    let flags = WRITE.union(making);
    // What the umask of the process leaves of it.
    let mode = Mode::from_raw_mode(0o666);
    rustix::fs::openat(folder, name, flags, mode).map(File::from)
}

/// What cannot be the name of anything below. Who comes here has looked; this is for those who have forgotten to.
fn leads_elsewhere(segment: &str) -> bool {
    matches!(segment, "" | "..") || segment.contains('\0')
}

#[cfg(any(target_os = "linux", target_os = "android"))]
fn resolve(
    root: BorrowedFd<'_>,
    path: &str,
    flags: OFlags,
    links: SymbolicLinks,
) -> Result<OwnedFd, Errno> {
    use rustix::fs::{ResolveFlags, openat2};

    let beneath = ResolveFlags::BENEATH.union(ResolveFlags::NO_MAGICLINKS);
    let how = match links {
        SymbolicLinks::Inside => beneath,
        SymbolicLinks::Refused => beneath.union(ResolveFlags::NO_SYMLINKS),
        SymbolicLinks::Followed => ResolveFlags::NO_MAGICLINKS,
    };
    for _ in 0..TRIES {
        match openat2(root, path, flags, Mode::empty(), how) {
            // Something was renamed meanwhile, so that the kernel cannot be sure.
            Err(Errno::AGAIN | Errno::INTR) => {}
            // It does not know the call, or somebody has forbidden it, not knowing it.
            Err(Errno::NOSYS | Errno::PERM) => return resolve_slowly(root, path, flags, links),
            result => return result,
        }
    }
    Err(Errno::AGAIN)
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
use self::resolve_slowly as resolve;

fn resolve_slowly(
    root: BorrowedFd<'_>,
    path: &str,
    flags: OFlags,
    links: SymbolicLinks,
) -> Result<OwnedFd, Errno> {
    for _ in 0..TRIES {
        let found = match links {
            SymbolicLinks::Followed => rustix::fs::openat(root, path, flags, Mode::empty()),
            SymbolicLinks::Inside | SymbolicLinks::Refused => walk(root, path, flags),
        };
        match found {
            Err(Errno::INTR) => {}
            result => return result,
        }
    }
    Err(Errno::AGAIN)
}

/// Segment by segment, following no link.
fn walk(root: BorrowedFd<'_>, path: &str, flags: OFlags) -> Result<OwnedFd, Errno> {
    let (folders, name) = match path.rsplit_once('/') {
        Some((folders, name)) => (Some(folders), name),
        None => (None, path),
    };
    let mut last: Option<OwnedFd> = None;
    for folder in folders.into_iter().flat_map(|folders| folders.split('/')) {
        last = Some(step(
            last.as_ref().map_or(root, AsFd::as_fd),
            folder,
            SEARCH,
        )?);
    }
    step(last.as_ref().map_or(root, AsFd::as_fd), name, flags)
}

fn step(folder: BorrowedFd<'_>, name: &str, flags: OFlags) -> Result<OwnedFd, Errno> {
    // `openat` takes an absolute path for what it is.
    if name.is_empty() {
        return Err(ABSENT);
    }
    rustix::fs::openat(folder, name, flags.union(OFlags::NOFOLLOW), Mode::empty())
}
