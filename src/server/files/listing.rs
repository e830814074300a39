//! What is in a folder. How that is shown is the matter of `page`.

use std::time::SystemTime;

use rustix::fs::Dir;
use rustix::io::Errno;

use super::directory::{Directory, Hidden};
use super::lookup::{below, is_hidden, is_name};
use super::order::Order;
use super::stored::Opened;

/// More entries of one folder are not shown, so that a request does not cost any amount of memory.
const MOST: usize = 10_000;

/// What is in a folder and can be asked for, in order.
#[derive(Debug, Default)]
pub(super) struct Listing {
    pub(super) entries: Vec<Entry>,
    /// There are more than are shown.
    pub(super) is_cut: bool,
}

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

impl Listing {
    /// Looks at each entry as a request for it would. So what is not found there is not here, such as a link that
    /// leads elsewhere, or a name that is not UTF-8.
    pub(super) fn read(directory: &Directory, folder: &str, order: Order) -> Result<Self, Errno> {
        let links = directory.options.links;
        let mut listing = Self::default();
        for entry in Dir::new(directory.root.folder(folder, links)?)? {
            let entry = entry?;
            let Ok(name) = entry.file_name().to_str() else {
                continue;
            };
            let is_shown = directory.options.hidden == Hidden::Served || !is_hidden(name);
            if !is_name(name) || !is_shown {
                continue;
            }
            if listing.entries.len() == MOST {
                listing.is_cut = true;
                break;
            }
            let opened = directory.root.look(&below(folder, name), links);
            listing.entries.extend(opened.ok().map(|opened| Entry {
                name: name.to_owned(),
                kind: opened.into(),
            }));
        }
        order.sort(&mut listing.entries);
        Ok(listing)
    }
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
