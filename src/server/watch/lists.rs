//! How long the connections of a watch have waited, by what they wait for.
//!
//! Those that wait for a request come and go with each, and begin to wait in the order of time: they are in lists,
//! where that costs no more than a few words. Those of whose head a part has come keep the time at which it began,
//! and are rare: they are in a tree.

use std::collections::BTreeSet;
use std::time::Instant;

use super::phase::{Bounds, Phase};

/// Where a connection is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Node {
    phase: Phase,
    since: Instant,
    /// It is nowhere, because its time is up.
    is_aside: bool,
}

#[derive(Default)]
pub(super) struct Lists {
    links: Vec<Links>,
    first: List,
    next: List,
    heads: BTreeSet<(Instant, u32)>,
}

/// The neighbors of a connection in its list.
#[derive(Clone, Copy, Default)]
struct Links {
    before: Option<u32>,
    behind: Option<u32>,
    since: Option<Instant>,
}

#[derive(Clone, Copy, Default)]
struct List {
    front: Option<u32>,
    back: Option<u32>,
}

impl Lists {
    /// There is a place for one more.
    pub(super) fn grow(&mut self) {
        self.links.push(Links::default());
    }

    pub(super) fn insert(&mut self, index: u32, phase: Phase, since: Instant) -> Node {
        let list = match phase {
            Phase::First => &mut self.first,
            Phase::Next => &mut self.next,
            Phase::Head => {
                self.heads.insert((since, index));
                return Node::new(phase, since);
            }
        };
        let before = list.back.replace(index);
        match before {
            Some(before) => self.links[before as usize].behind = Some(index),
            None => list.front = Some(index),
        }
        self.links[index as usize] = Links {
            before,
            behind: None,
            since: Some(since),
        };
        Node::new(phase, since)
    }

    pub(super) fn remove(&mut self, index: u32, node: Node) {
        if node.is_aside {
            return;
        }
        let list = match node.phase {
            Phase::First => &mut self.first,
            Phase::Next => &mut self.next,
            Phase::Head => {
                self.heads.remove(&(node.since, index));
                return;
            }
        };
        let Links { before, behind, .. } = std::mem::take(&mut self.links[index as usize]);
        match before {
            Some(before) => self.links[before as usize].behind = behind,
            None => list.front = behind,
        }
        match behind {
            Some(behind) => self.links[behind as usize].before = before,
            None => list.back = before,
        }
    }

    /// Takes out a connection whose time is up.
    pub(super) fn set_aside(&mut self, index: u32, node: Node) -> Node {
        self.remove(index, node);
        Node {
            is_aside: true,
            ..node
        }
    }

    /// A connection whose time is up.
    pub(super) fn next_due(&self, now: Instant, bounds: &Bounds) -> Option<u32> {
        let due = |(at, index): (Instant, u32)| (at <= now).then_some(index);
        self.deadlines(bounds).into_iter().flatten().find_map(due)
    }

    /// When the next one's will be.
    pub(super) fn earliest(&self, bounds: &Bounds) -> Option<Instant> {
        let deadlines = self.deadlines(bounds).into_iter().flatten();
        deadlines.map(|(at, _)| at).min()
    }

    fn deadlines(&self, bounds: &Bounds) -> [Option<(Instant, u32)>; 3] {
        // A bound beyond the clock never comes.
        let front = |list: List, bound| {
            let index = list.front?;
            Some((self.since(index)?.checked_add(bound)?, index))
        };
        let head = self.heads.first();
        let head = head.and_then(|(since, index)| Some((since.checked_add(bounds.head)?, *index)));
        [
            front(self.first, bounds.first),
            front(self.next, bounds.next),
            head,
        ]
    }

    fn since(&self, index: u32) -> Option<Instant> {
        self.links[index as usize].since
    }
}

impl Node {
    pub(super) fn phase(self) -> Phase {
        self.phase
    }

    pub(super) fn since(self) -> Instant {
        self.since
    }

    fn new(phase: Phase, since: Instant) -> Self {
        Self {
            phase,
            since,
            is_aside: false,
        }
    }
}
