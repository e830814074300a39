//! An entry of a folder.

use std::time::SystemTime;

use super::stored::Opened;

/// A name in a folder, and what has it.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) name: String,
    pub(super) kind: Kind,
}

#[derive(Debug)]
pub(super) enum Kind {
    Folder,
    File {
        size: u64,
        /// If there is such a time.
        modified: Option<SystemTime>,
    },
}

impl Kind {
    pub(super) fn is_file(&self) -> bool {
        matches!(self, Self::File { .. })
    }

    pub(super) fn size(&self) -> Option<u64> {
        match self {
            Self::Folder => None,
            Self::File { size, .. } => Some(*size),
        }
    }

    pub(super) fn modified(&self) -> Option<SystemTime> {
        match self {
            Self::Folder => None,
            Self::File { modified, .. } => *modified,
        }
    }
}

impl From<Opened> for Kind {
    fn from(opened: Opened) -> Self {
        match opened {
            Opened::Folder => Self::Folder,
            Opened::File(stored) => Self::File {
                size: stored.size,
                modified: stored.modified.time(),
            },
        }
    }
}
