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
    Folder(Option<SystemTime>),
    File {
        size: u64,
        modified: Option<SystemTime>,
    },
}

impl Kind {
    pub(super) fn is_file(&self) -> bool {
        matches!(self, Self::File { .. })
    }

    pub(super) fn size(&self) -> Option<u64> {
        match self {
            Self::Folder(_) => None,
            Self::File { size, .. } => Some(*size),
        }
    }

    /// When it was changed, if this program's clock knows such a time.
    pub(super) fn modified(&self) -> Option<SystemTime> {
        match self {
            Self::Folder(modified) | Self::File { modified, .. } => *modified,
        }
    }
}

impl From<Opened> for Kind {
    fn from(opened: Opened) -> Self {
        match opened {
            Opened::Folder { modified } => Self::Folder(modified.time()),
            Opened::File(stored) => Self::File {
                size: stored.size,
                modified: stored.modified.time(),
            },
        }
    }
}
