//! A file in which an upload grows, until it is whole and takes its place.

use std::fs::{File, Permissions};
use std::hash::{BuildHasher, RandomState};
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::{FileExt, MetadataExt, PermissionsExt};
use std::time::SystemTime;

use rustix::fs::{AtFlags, OFlags};
use rustix::io::Errno;

use super::confine::open_to_write;
use super::destination::{Destination, remove_from};
use super::lock::{Locked, lock, try_lock};
use super::name::PART_PREFIX;
use super::stored::{Opened, StoredFile, errno_of};
use super::upload_tag::UploadTag;

/// The longest name of most file systems.
const LONGEST_NAME: usize = 255;

/// Others may remove a part, or finish it, while it is opened.
const TRIES: usize = 8;

/// The permissions of a file, without what makes it another's program.
const PERMISSIONS: u32 = 0o777;

/// Those to write and read, for its owner.
const OWNERS: u32 = 0o600;

/// A file in which an upload grows. Nobody else writes to it.
#[derive(Debug)]
pub(super) struct Part<'a> {
    destination: &'a Destination,
    name: String,
    file: File,
    /// The bytes that are there.
    pub(super) count: u64,
    end: End,
}

/// What becomes of it when it is dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Removed,
    /// For another request, if there is anything of it.
    Kept,
    /// It has its place.
    Placed,
}

/// What is in the place when a part gets there.
#[derive(Debug)]
pub(super) enum Before {
    /// This file, or perhaps nothing.
    Anything(Option<StoredFile>),
    /// Nothing, or the part does not go there.
    Nothing,
}

impl<'a> Part<'a> {
    /// One that goes with its request.
    pub(super) fn temporary(destination: &'a Destination) -> Result<Self, Errno> {
        let making = OFlags::CREATE.union(OFlags::EXCL);
        for _ in 0..TRIES {
            let name = format!("{PART_PREFIX}{:016x}", RandomState::new().hash_one(0));
            match open_to_write(destination.folder(), &name, making) {
                Err(Errno::EXIST | Errno::INTR) => {}
                Err(errno) => return Err(errno),
                Ok(file) => {
                    let _ = try_lock(&file); // Without locks, its age alone keeps it from being swept.
                    return Ok(Self {
                        destination,
                        name,
                        file,
                        count: 0,
                        end: End::Removed,
                    });
                }
            }
        }
        Err(Errno::AGAIN)
    }

    /// The one of this tag, which is made if there is none.
    ///
    /// # Errors
    ///
    /// `WOULDBLOCK`: another request writes to it.
    pub(super) fn tagged(destination: &'a Destination, tag: &UploadTag) -> Result<Self, Errno> {
        let part = Self::open(destination, tag, OFlags::CREATE)?;
        part.ok_or(Errno::AGAIN) // It was removed again and again.
    }

    /// The one of this tag.
    ///
    /// # Errors
    ///
    /// Those of `tagged`.
    pub(super) fn find(
        destination: &'a Destination,
        tag: &UploadTag,
    ) -> Result<Option<Self>, Errno> {
        match Self::open(destination, tag, OFlags::empty()) {
            Err(Errno::NOENT) => Ok(None),
            found => found,
        }
    }

    /// Whether the file system has names that are long enough.
    pub(super) fn can_be_tagged(destination: &Destination, tag: &UploadTag) -> bool {
        name_of(destination, tag).len() <= LONGEST_NAME
    }

    fn open(
        destination: &'a Destination,
        tag: &UploadTag,
        making: OFlags,
    ) -> Result<Option<Self>, Errno> {
        let name = name_of(destination, tag);
        for _ in 0..TRIES {
            let file = match open_to_write(destination.folder(), &name, making) {
                Err(Errno::INTR) => continue,
                opened => opened?,
            };
            let metadata = file.metadata().map_err(|error| errno_of(&error))?;
            if !metadata.is_file() || metadata.nlink() > 1 {
                return Err(Errno::EXIST); // It is something else.
            }
            if lock(&file)? == Locked::ByAnother {
                return Err(Errno::WOULDBLOCK);
            }
            // Whoever had the lock before may have finished it.
            if is_named(&file, destination.folder(), &name)? {
                let metadata = file.metadata().map_err(|error| errno_of(&error))?;
                return Ok(Some(Self {
                    destination,
                    name,
                    file,
                    count: metadata.len(),
                    end: End::Kept,
                }));
            }
        }
        Ok(None)
    }

    pub(super) fn write(&mut self, piece: &[u8]) -> io::Result<()> {
        self.file.write_all_at(piece, self.count)?;
        self.count += piece.len() as u64;
        Ok(())
    }

    /// Throws away what is behind `count`, which is not more than there is.
    pub(super) fn cut(&mut self, count: u64) -> io::Result<()> {
        self.file.set_len(count)?;
        self.count = count;
        Ok(())
    }

    /// Gives it the time of now, which no other upload has: the kernel's own times are coarse.
    pub(super) fn date(&self) {
        // Otherwise it has the time of the last write.
        let _ = self.file.set_modified(SystemTime::now());
    }

    pub(super) fn sync(&self) -> io::Result<()> {
        self.file.sync_all()
    }

    /// Has it take its place, with the permissions of what was there.
    ///
    /// # Errors
    ///
    /// `EXIST`: nothing was to be there, but something is.
    pub(super) fn place(mut self, before: &Before) -> Result<StoredFile, Errno> {
        let (folder, name) = (self.destination.folder(), &self.destination.name);
        match before {
            Before::Nothing => rename_beside(folder, &self.name, name)?,
            Before::Anything(before) => {
                if let Some(before) = before {
                    self.take_permissions(before, 0);
                }
                rustix::fs::renameat(folder, &self.name, folder, name)?;
            }
        }
        self.end = End::Placed;
        match Opened::new(self.file.try_clone().map_err(|error| errno_of(&error))?)? {
            Opened::File(stored) => Ok(stored),
            Opened::Folder { .. } => Err(Errno::ISDIR), // It was made as a file.
        }
    }

    /// Lets nobody read it who may not read the file that it replaces.
    pub(super) fn shut_like(&self, before: &StoredFile) {
        self.take_permissions(before, OWNERS); // It may have to be opened again.
    }

    fn take_permissions(&self, before: &StoredFile, more: u32) {
        let Ok(metadata) = before.file.metadata() else {
            return;
        };
        let mode = (metadata.mode() & PERMISSIONS) | more;
        let permissions = Permissions::from_mode(mode);
        // Otherwise it has those of a new file.
        let _ = self.file.set_permissions(permissions);
    }
}

impl Drop for Part<'_> {
    fn drop(&mut self) {
        let is_worth_it = self.end == End::Kept && self.count > 0;
        if self.end != End::Placed && !is_worth_it {
            // It is swept later.
            let _ = remove_from(self.destination.folder(), &self.name);
        }
    }
}

fn name_of(destination: &Destination, tag: &UploadTag) -> String {
    format!("{PART_PREFIX}{}.{}", tag.as_str(), destination.name)
}

/// Whether an open file is still the one of this name.
pub(super) fn is_named(file: impl AsFd, folder: BorrowedFd<'_>, name: &str) -> Result<bool, Errno> {
    let own = rustix::fs::fstat(file)?;
    match rustix::fs::statat(folder, name, AtFlags::SYMLINK_NOFOLLOW) {
        Ok(named) => Ok((own.st_dev, own.st_ino) == (named.st_dev, named.st_ino)),
        Err(Errno::NOENT) => Ok(false),
        Err(errno) => Err(errno),
    }
}

/// Renames a file, but not over another.
#[cfg(any(target_os = "linux", target_os = "android"))]
fn rename_beside(folder: BorrowedFd<'_>, from: &str, to: &str) -> Result<(), Errno> {
    use rustix::fs::{RenameFlags, renameat_with};

    match renameat_with(folder, from, folder, to, RenameFlags::NOREPLACE) {
        // Not every file system can do it.
        Err(Errno::INVAL | Errno::NOSYS) => rustix::fs::renameat(folder, from, folder, to),
        renamed => renamed,
    }
}

/// The name was free a moment ago, and other uploads have no part in it.
#[cfg(not(any(target_os = "linux", target_os = "android")))]
fn rename_beside(folder: BorrowedFd<'_>, from: &str, to: &str) -> Result<(), Errno> {
    rustix::fs::renameat(folder, from, folder, to)
}
