//! How long the connections of a watch have waited, by what they wait for.
//!
//! They come and go with each request, and most begin to wait in the order of time: they are in lists, where that
//! costs no more than a few words. Those that go on waiting since an earlier time, because what has come was not a
//! whole request, are rare, and in trees.

use std::collections::BTreeSet;
use std::time::Instant;

use super::phase::{Bounds, Phase};

/// Where a connection is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Node {
    phase: Phase,
    since: Instant,
    spot: Spot,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Spot {
    List,
    Tree,
    /// Nowhere, because its time is up.
    Aside,
}

#[derive(Default)]
pub(super) struct Lists {
    links: Vec<Links>,
    first: Queue,
    next: Queue,
    head: Queue,
}

/// Those of one phase.
#[derive(Default)]
struct Queue {
    list: List,
    /// Those that began to wait before the last in the list.
    tree: BTreeSet<(Instant, u32)>,
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
        let back = self.queue(phase).list.back;
        let is_last = back.is_none_or(|back| self.since(back) <= Some(since));
        let spot = if is_last {
            self.push_back(index, phase, since);
            Spot::List
        } else {
            self.queue(phase).tree.insert((since, index));
            Spot::Tree
        };
        Node { phase, since, spot }
    }

    pub(super) fn remove(&mut self, index: u32, node: Node) {
        match node.spot {
            Spot::List => self.unlink(index, node.phase),
            Spot::Tree => {
                self.queue(node.phase).tree.remove(&(node.since, index));
            }
            Spot::Aside => {}
        }
    }

    fn push_back(&mut self, index: u32, phase: Phase, since: Instant) {
        let list = &mut self.queue(phase).list;
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
    }

    fn unlink(&mut self, index: u32, phase: Phase) {
        let Links { before, behind, .. } = std::mem::take(&mut self.links[index as usize]);
        match before {
            Some(before) => self.links[before as usize].behind = behind,
            None => self.queue(phase).list.front = behind,
        }
        match behind {
            Some(behind) => self.links[behind as usize].before = before,
            None => self.queue(phase).list.back = before,
        }
    }

    /// Takes out a connection whose time is up.
    pub(super) fn set_aside(&mut self, index: u32, node: Node) -> Node {
        self.remove(index, node);
        Node {
            spot: Spot::Aside,
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

    fn deadlines(&self, bounds: &Bounds) -> [Option<(Instant, u32)>; 6] {
        // A bound beyond the clock never comes.
        let front = |queue: &Queue, bound| {
            let index = queue.list.front?;
            Some((self.since(index)?.checked_add(bound)?, index))
        };
        let least = |queue: &Queue, bound| {
            let (since, index) = queue.tree.first()?;
            Some((since.checked_add(bound)?, *index))
        };
        [
            front(&self.first, bounds.first),
            least(&self.first, bounds.first),
            front(&self.next, bounds.next),
            least(&self.next, bounds.next),
            front(&self.head, bounds.head),
            least(&self.head, bounds.head),
        ]
    }

    fn queue(&mut self, phase: Phase) -> &mut Queue {
        match phase {
            Phase::First => &mut self.first,
            Phase::Next => &mut self.next,
            Phase::Head => &mut self.head,
        }
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
}
