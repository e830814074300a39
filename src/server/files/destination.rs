//! Where an upload goes: a name in a folder that is open.

use std::fs::File;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::SystemTime;

use http::{HeaderMap, Method, StatusCode, header};
use rustix::fs::{AtFlags, FileType, Mode, OFlags};
use rustix::io::Errno;

use super::confine::look_in;
use super::lock::{Locked, lock};
use super::name::path_of;
use super::stored::{FRESH, Opened, StoredFile};
use super::tree::Tree;
use super::trouble::{ABSENT, unchangeable};
use crate::proto::conditions::{Validators, allows_change};
use crate::server::answer::Unfit;
use crate::server::routing::Rest;

/// Others may make a file, or remove it, while it is looked at.
const TRIES: usize = 8;

/// A name that a file may have, in a folder that no link has led to.
#[derive(Debug)]
pub(super) struct Destination {
    folder: OwnedFd,
    pub(super) name: String,
}

impl Destination {
    /// # Errors
    ///
    /// 403 for what would not be served, 409 where no file can be.
    pub(super) fn new(tree: &Tree, rest: Option<&Rest>) -> Result<Self, Unfit> {
        let Some(path) = path_of(rest, tree.options.hidden) else {
            return Err(StatusCode::FORBIDDEN.into());
        };
        if path.is_empty() || rest.is_none_or(Rest::ends_with_slash) {
            return Err(StatusCode::CONFLICT.into()); // It is a folder's.
        }
        let (folder, name) = path.rsplit_once('/').unwrap_or(("", &path));
        let folder = tree.root.folder_to_change(folder);
        Ok(Self {
            folder: folder.map_err(unchangeable)?,
            name: name.to_owned(),
        })
    }

    pub(super) fn folder(&self) -> BorrowedFd<'_> {
        self.folder.as_fd()
    }

    /// The file that is there.
    ///
    /// # Errors
    ///
    /// 409 if something else is.
    pub(super) fn find(&self) -> Result<Option<StoredFile>, Unfit> {
        for _ in 0..TRIES {
            match look_in(self.folder(), &self.name) {
                Ok(Opened::File(stored)) => return Ok(Some(stored)),
                Ok(Opened::Folder { .. }) => return Err(StatusCode::CONFLICT.into()),
                Err(ABSENT) => {}
                Err(errno) => return Err(unchangeable(errno)),
            }
            match self.kind() {
                None => return Ok(None),
                Some(FileType::RegularFile) => {} // It has come between the two looks.
                // What is no file is as good as absent to those who read.
                Some(_) => break,
            }
        }
        Err(unchangeable(ABSENT))
    }

    /// What has the name, if anything has.
    fn kind(&self) -> Option<FileType> {
        let stat = rustix::fs::statat(self.folder(), &self.name, AtFlags::SYMLINK_NOFOLLOW);
        stat.ok().map(|stat| FileType::from_raw_mode(stat.st_mode))
    }

    /// The file that is there, if the conditions of a request for `method` allow to change it.
    ///
    /// # Errors
    ///
    /// 412, and those of `find`.
    pub(super) fn find_for(
        &self,
        method: &Method,
        headers: &HeaderMap,
    ) -> Result<Option<StoredFile>, Unfit> {
        let found = self.find()?;
        let validators = found.as_ref().map(validators_to_come);
        match allows_change(method, headers, validators.as_ref()) {
            true => Ok(found),
            false => Err(StatusCode::PRECONDITION_FAILED.into()),
        }
    }

    /// Keeps others who have conditions from changing the folder meanwhile. Where that cannot be had, as in a folder
    /// that cannot be read, what is looked at may change before the change.
    ///
    /// # Errors
    ///
    /// 503: others do not come to an end.
    pub(super) fn reserve(&self, headers: &HeaderMap) -> Result<Option<File>, Unfit> {
        const CONDITIONS: [header::HeaderName; 3] = [
            header::IF_MATCH,
            header::IF_NONE_MATCH,
            header::IF_UNMODIFIED_SINCE,
        ];
        if !CONDITIONS.iter().any(|name| headers.contains_key(name)) {
            return Ok(None);
        }
        let Ok(folder) = self.reopened() else {
            return Ok(None);
        };
        match lock(&folder) {
            Ok(Locked::Yes) => Ok(Some(folder)),
            Ok(Locked::ByAnother) => Err(unchangeable(Errno::AGAIN)),
            Err(_) => Ok(None),
        }
    }

    /// Waits until the disk has the names in the folder.
    pub(super) fn sync(&self) -> Result<(), Errno> {
        rustix::fs::fsync(self.reopened()?)
    }

    /// The folder, for more than looking below it.
    pub(super) fn reopened(&self) -> Result<File, Errno> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        rustix::fs::openat(self.folder(), ".", flags, Mode::empty()).map(File::from)
    }

    pub(super) fn remove(&self) -> Result<(), Errno> {
        remove_from(self.folder(), &self.name)
    }
}

/// Removes a file, or what is like one.
pub(super) fn remove_from(folder: BorrowedFd<'_>, name: &str) -> Result<(), Errno> {
    rustix::fs::unlinkat(folder, name, AtFlags::empty())
}

/// What tells this state from others in a while. Until then those who read get a weak tag, because the file may be
/// written to and look the same. Uploads are not written to, and each has a time of its own.
pub(super) fn validators_to_come(stored: &StoredFile) -> Validators {
    stored.validators(SystemTime::now() + FRESH, None)
}
