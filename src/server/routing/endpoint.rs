//! The handlers at one place of the tree.

use std::sync::Arc;

use http::Method;

use super::methods::Accepts;

/// The handlers at one place of the tree, each with what it accepts.
#[derive(Clone)]
pub(super) struct Endpoint<H> {
    entries: Vec<Entry<H>>,
}

#[derive(Clone)]
pub(super) struct Entry<H> {
    pub(super) accepts: Accepts,
    /// The pattern as it was written with this handler.
    pub(super) text: Arc<str>,
    /// Of the parameters, which may have others with another handler.
    pub(super) names: Arc<[Arc<str>]>,
    pub(super) handler: H,
}

impl<H> Endpoint<H> {
    pub(super) fn new() -> Self {
        Self {
            entries: Vec::new(),
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    pub(super) fn entries(&self) -> &[Entry<H>] {
        &self.entries
    }

    /// The entry that accepts exactly this.
    pub(super) fn entry(&self, accepts: &Accepts) -> Option<&Entry<H>> {
        self.entries.iter().find(|entry| entry.accepts == *accepts)
    }

    /// The entry that serves the method.
    pub(super) fn serving(&self, method: &Method) -> Option<&Entry<H>> {
        let exact =
            |entry: &&Entry<H>| matches!(&entry.accepts, Accepts::Only(own) if own == method);
        if let Some(entry) = self.entries.iter().find(exact) {
            return Some(entry);
        }
        let able = self.entries.iter().filter(|e| e.accepts.takes(method));
        able.min_by_key(|entry| match &entry.accepts {
            Accepts::Only(_) => 0,
            Accepts::Any => 1,
        })
    }

    pub(super) fn push(&mut self, entry: Entry<H>) {
        self.entries.push(entry);
    }

    /// Takes out the entry that accepts exactly this.
    #[cfg(test)]
    pub(super) fn take(&mut self, accepts: &Accepts) -> Option<Entry<H>> {
        let at = (self.entries.iter()).position(|entry| entry.accepts == *accepts)?;
        Some(self.entries.remove(at))
    }

    pub(super) fn take_all(&mut self) -> Vec<Entry<H>> {
        std::mem::take(&mut self.entries)
    }
}
