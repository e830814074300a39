//! The tree of segments.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::Arc;

use smallvec::SmallVec;

use super::endpoint::Endpoint;
use super::pattern::{Affixes, End, Segment};

/// The values of parameters on the way down.
pub(super) type Values<'p> = SmallVec<[&'p str; 4]>;

/// A node: what can follow the segments that lead to it. Shared between clones, copied where it is changed.
#[derive(Clone)]
pub(super) struct Node<H> {
    literals: BTreeMap<Arc<str>, Arc<Self>>,
    /// The most specific first.
    params: Vec<(Affixes, Arc<Self>)>,
    nothing: Endpoint<H>,
    slash: Endpoint<H>,
    rest: Endpoint<H>,
    tree: Endpoint<H>,
}

/// Where a path fits.
pub(super) struct Fit<'n, 'p, 'v, H> {
    pub(super) endpoint: &'n Endpoint<H>,
    pub(super) values: &'v [&'p str],
    pub(super) rest: Option<&'p str>,
}

impl<'n, 'p, 'v, H> Fit<'n, 'p, 'v, H> {
    fn new(endpoint: &'n Endpoint<H>, values: &'v [&'p str], rest: Option<&'p str>) -> Self {
        Self {
            endpoint,
            values,
            rest,
        }
    }
}

impl<H> Default for Node<H> {
    fn default() -> Self {
        Self {
            literals: BTreeMap::new(),
            params: Vec::new(),
            nothing: Endpoint::new(),
            slash: Endpoint::new(),
            rest: Endpoint::new(),
            tree: Endpoint::new(),
        }
    }
}

impl<H> Node<H> {
    /// Shows every endpoint that fits what is left of a canonical path, the most specific first, until it
    /// is told to stop. The depth of the recursion is that of the patterns, not that of the path.
    pub(super) fn visit<'n, 'p, B>(
        &'n self,
        path: &'p str,
        values: &mut Values<'p>,
        see: &mut impl FnMut(Fit<'n, 'p, '_, H>) -> ControlFlow<B>,
    ) -> ControlFlow<B> {
        if let Some((segment, left)) = split(path) {
            if let Some(child) = self.literals.get(segment) {
                child.visit(left, values, see)?;
            }
            for (affixes, child) in &self.params {
                if let Some(value) = affixes.value(segment) {
                    values.push(value);
                    child.visit(left, values, see)?;
                    values.pop();
                }
            }
            values.push(&path[1..]);
            see(Fit::new(&self.rest, values, Some(path)))?;
            values.pop();
        } else {
            let exact = match path {
                "" => &self.nothing,
                _ => &self.slash,
            };
            see(Fit::new(exact, values, None))?;
        }
        see(Fit::new(&self.tree, values, Some(path)))
    }

    pub(super) fn endpoint(&self, segments: &[Segment], end: End) -> Option<&Endpoint<H>> {
        let Some((first, others)) = segments.split_first() else {
            return Some(match end {
                End::Nothing => &self.nothing,
                End::Slash => &self.slash,
                End::Rest => &self.rest,
                End::Tree => &self.tree,
            });
        };
        let child = match first {
            Segment::Literal(text) => self.literals.get(text)?,
            Segment::Param(affixes) => &self.params[self.search(affixes).ok()?].1,
        };
        child.endpoint(others, end)
    }

    pub(super) fn is_empty(&self) -> bool {
        let mut endpoints = [&self.nothing, &self.slash, &self.rest, &self.tree].into_iter();
        self.literals.is_empty() && self.params.is_empty() && endpoints.all(Endpoint::is_empty)
    }

    /// Shows every endpoint.
    pub(super) fn visit_all<'n>(&'n self, see: &mut impl FnMut(&'n Endpoint<H>)) {
        for endpoint in [&self.nothing, &self.slash, &self.rest, &self.tree] {
            see(endpoint);
        }
        let children = self.literals.values();
        let children = children.chain(self.params.iter().map(|(_, child)| child));
        children.for_each(|child| child.visit_all(see));
    }

    fn search(&self, affixes: &Affixes) -> Result<usize, usize> {
        let order = |affixes: &Affixes| {
            let Affixes { prefix, suffix } = affixes;
            (Reverse(prefix.len()), Reverse(suffix.len()))
        };
        let key = |affixes| (order(affixes), &affixes.prefix, &affixes.suffix);
        self.params
            .binary_search_by(|(own, _)| key(own).cmp(&key(affixes)))
    }
}

impl<H: Clone> Node<H> {
    /// Changes the endpoint at this place. Nodes that are missing are made, and those that are left empty go.
    pub(super) fn change<R>(
        &mut self,
        segments: &[Segment],
        end: End,
        change: impl FnOnce(&mut Endpoint<H>) -> R,
    ) -> R {
        let Some((first, others)) = segments.split_first() else {
            return change(match end {
                End::Nothing => &mut self.nothing,
                End::Slash => &mut self.slash,
                End::Rest => &mut self.rest,
                End::Tree => &mut self.tree,
            });
        };
        match first {
            Segment::Literal(text) => {
                let child = self.literals.entry(text.clone()).or_default();
                let child = Arc::make_mut(child);
                let result = child.change(others, end, change);
                if child.is_empty() {
                    self.literals.remove(text);
                }
                result
            }
            Segment::Param(affixes) => {
                let at = self.search(affixes).unwrap_or_else(|at| {
                    self.params.insert(at, (affixes.clone(), Arc::default()));
                    at
                });
                let child = Arc::make_mut(&mut self.params[at].1);
                let result = child.change(others, end, change);
                if child.is_empty() {
                    self.params.remove(at);
                }
                result
            }
        }
    }
}

/// The first segment, and what follows it. `None` if there is none.
fn split(path: &str) -> Option<(&str, &str)> {
    let path = path.strip_prefix('/').filter(|path| !path.is_empty())?;
    Some(path.split_at(path.find('/').unwrap_or(path.len())))
}
