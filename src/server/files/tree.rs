//! A folder, what is below it, and how that is found and sent.

use std::collections::HashMap;
use std::sync::Arc;

use http::header::{self, HeaderMap, HeaderValue};

use super::confine::{Root, SymbolicLinks};
use super::media_type;
use super::uploads::Uploads;

#[derive(Clone)]
pub(super) struct Tree {
    pub(super) root: Arc<Root>,
    pub(super) options: Arc<Options>,
}

/// How files are found and sent.
#[derive(Clone, Debug)]
pub(super) struct Options {
    pub(super) index: Vec<String>,
    pub(super) slash: Slash,
    pub(super) without_index: WithoutIndex,
    pub(super) hidden: Hidden,
    pub(super) links: SymbolicLinks,
    pub(super) variants: Variants,
    pub(super) types: HashMap<String, HeaderValue>,
    pub(super) headers: HeaderMap,
    pub(super) uploads: Option<Uploads>,
}

/// What becomes of a folder that is asked for without its slash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Slash {
    Added,
    Ignored,
}

/// What becomes of a folder that has no index.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum WithoutIndex {
    NotFound,
    Listed,
}

/// What becomes of names that begin with a dot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Hidden {
    NotFound,
    Served,
}

/// Whether compressed files beside others are sent in their place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Variants {
    Ignored,
    Sent,
}

impl Options {
    /// The fields that go with a file of this name.
    pub(super) fn describe(&self, name: &str) -> HeaderMap {
        let mut headers = self.headers.clone();
        let suffix = media_type::suffix(name);
        let own = self.types.get(&suffix).cloned();
        let kind = own.unwrap_or_else(|| HeaderValue::from_static(media_type::of_suffix(&suffix)));
        headers.entry(header::CONTENT_TYPE).or_insert(kind);
        headers
    }
}

impl Default for Options {
    fn default() -> Self {
        Self {
            index: ["index.html", "index.htm"].map(String::from).into(),
            slash: Slash::Added,
            without_index: WithoutIndex::NotFound,
            hidden: Hidden::NotFound,
            links: SymbolicLinks::default(),
            variants: Variants::Ignored,
            types: HashMap::new(),
            headers: HeaderMap::new(),
            uploads: None,
        }
    }
}
