//! What is in a folder. How that is shown is the matter of `page`.

use rustix::fs::Dir;
use rustix::io::Errno;

use super::entry::Entry;
use super::name::{below, is_hidden, is_name};
use super::order::Order;
use super::tree::{Hidden, Tree};

/// More entries of one folder are not shown, so that a request does not cost any amount of memory.
const MOST: usize = 10_000;

/// What is in a folder and can be asked for, in order.
#[derive(Debug, Default)]
pub(super) struct Listing {
    pub(super) entries: Vec<Entry>,
    /// There are more than are shown.
    pub(super) is_cut: bool,
}

impl Listing {
    /// Looks at each entry as a request for it would. So what is not found there is not here, such as a link that
    /// leads elsewhere, or a name that is not UTF-8.
    pub(super) fn read(tree: &Tree, folder: &str, order: Order) -> Result<Self, Errno> {
        let links = tree.options.links;
        let mut listing = Self::default();
        for entry in Dir::new(tree.root.folder(folder, links)?)? {
            let entry = entry?;
            let Ok(name) = entry.file_name().to_str() else {
                continue;
            };
            let is_shown = tree.options.hidden == Hidden::Served || !is_hidden(name);
            if !is_name(name) || !is_shown {
                continue;
            }
            if listing.entries.len() == MOST {
                listing.is_cut = true;
                break;
            }
            let opened = tree.root.look(&below(folder, name), links);
            listing.entries.extend(opened.ok().map(|opened| Entry {
                name: name.to_owned(),
                kind: opened.into(),
            }));
        }
        order.sort(&mut listing.entries);
        Ok(listing)
    }
}
