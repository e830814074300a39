//! The connections of a watch, and what is to be done about them next. Nothing here makes a system call.
//!
//! `C` is a connection, as whoever serves it needs it, and `D` its descriptor, which is polled.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use super::lists::{Lists, Node};
use super::phase::{Bounds, Phase};
use crate::sync::AtomicU64;

/// A connection of a watch: none that comes later in its place has the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::server) struct Key {
    pub(super) index: u32,
    generation: u32,
}

/// Who holds the watch. None that held it before has the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Token(u64);

/// Why a connection is to be looked at. Of several reasons the last of these counts: who is asked is not looked at
/// for something else alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::server) enum Summons {
    /// Something has come, or lies in its buffer.
    Ready,
    /// It has waited for as long as it may.
    Due,
    /// It is to make room, or the server stops.
    Asked,
}

/// What a holder without connections to serve is to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Lull {
    Wait,
    /// Somebody was summoned just now.
    Work,
    /// It is not the holder any more.
    Lost,
}

/// Who holds the watch: it changes under the lock, and is seen without.
#[derive(Debug)]
pub(super) struct Holder(AtomicU64);

impl Holder {
    /// No token is 0.
    const NOBODY: u64 = 0;

    pub(super) fn is(&self, token: Token) -> bool {
        self.0.load(Ordering::Relaxed) == token.0
    }

    fn get(&self) -> Option<Token> {
        let token = self.0.load(Ordering::Relaxed);
        (token != Self::NOBODY).then_some(Token(token))
    }

    fn set(&self, holder: Option<Token>) {
        let token = holder.map_or(Self::NOBODY, |Token(token)| token);
        self.0.store(token, Ordering::Relaxed);
    }
}

pub(super) struct State<C, D> {
    holder: Arc<Holder>,
    tokens: u64,
    /// Whether the holder waits for something to come.
    waits: bool,
    /// Whether nobody is to hold it any more.
    closed: bool,
    slots: Vec<Slot<C, D>>,
    vacant: Vec<u32>,
    /// How many connections are here.
    here: usize,
    /// Connections that were summoned, in the order in which they are served.
    batch: VecDeque<Key>,
    lists: Lists,
}

struct Slot<C, D> {
    generation: u32,
    /// What is in the set, or may be put there again.
    descriptor: Option<D>,
    in_set: bool,
    place: Place<C>,
}

enum Place<C> {
    Vacant,
    Here {
        content: C,
        node: Node,
        /// It is in the batch.
        summons: Option<Summons>,
    },
    /// Somebody serves it.
    Busy {
        /// It was to be asked meanwhile.
        asked: bool,
    },
}

impl<C, D> Default for State<C, D> {
    fn default() -> Self {
        Self {
            holder: Arc::new(Holder(AtomicU64::new(Holder::NOBODY))),
            tokens: 0,
            waits: false,
            closed: false,
            slots: Vec::new(),
            vacant: Vec::new(),
            here: 0,
            batch: VecDeque::new(),
            lists: Lists::default(),
        }
    }
}

/// Who holds the watch.
impl<C, D> State<C, D> {
    /// Makes the caller the holder. None: there is one, or there is to be none.
    pub(super) fn claim(&mut self) -> Option<Token> {
        if self.closed || self.holder.get().is_some() {
            return None;
        }
        self.tokens += 1;
        self.holder.set(Some(Token(self.tokens)));
        self.holder.get()
    }

    pub(super) fn holder(&self) -> &Arc<Holder> {
        &self.holder
    }

    /// How often it was claimed.
    #[cfg(all(test, loom))]
    pub(super) fn claims(&self) -> u64 {
        self.tokens
    }

    pub(super) fn is_held_by(&self, token: Token) -> bool {
        self.holder.is(token)
    }

    /// The holder gives the watch up. False: it has lost it before.
    pub(super) fn give_up(&mut self, token: Token) -> bool {
        let holds = self.is_held_by(token);
        if holds {
            self.holder.set(None);
        }
        holds
    }

    /// Gives the watch back to whoever has just lost it, because there is no other thread for it.
    pub(super) fn resume(&mut self, token: Token) {
        if self.holder.get().is_none() {
            self.holder.set(Some(token));
        }
    }

    /// Who holds the watch and serves, if anybody does.
    pub(super) fn serving(&self) -> Option<Token> {
        self.holder.get().filter(|_| !self.waits)
    }

    /// Nobody is to hold the watch any more.
    pub(super) fn close(&mut self) {
        self.closed = true;
    }

    /// The holder has nothing more to do.
    pub(super) fn begin_wait(&mut self, token: Token) -> Lull {
        if self.closed && self.is_held_by(token) {
            self.holder.set(None);
        }
        if !self.is_held_by(token) {
            return Lull::Lost;
        }
        self.waits = self.batch.is_empty();
        match self.waits {
            true => Lull::Wait,
            false => Lull::Work,
        }
    }

    pub(super) fn end_wait(&mut self) {
        self.waits = false;
    }

    /// Whether the holder waits.
    pub(super) fn waits(&self) -> bool {
        self.waits
    }

    /// Whether the holder waits, although there is something to do.
    pub(super) fn must_wake(&self) -> bool {
        self.waits && (self.closed || !self.batch.is_empty())
    }
}

/// The connections.
impl<C, D: Clone> State<C, D> {
    /// Makes a place for a connection, which the caller has, as one that is being served.
    pub(super) fn admit(&mut self, descriptor: D) -> Key {
        let index = self.vacant.pop().unwrap_or_else(|| {
            self.slots.push(Slot {
                generation: 0,
                descriptor: None,
                in_set: false,
                place: Place::Vacant,
            });
            self.lists.grow();
            (self.slots.len() - 1) as u32
        });
        let slot = &mut self.slots[index as usize];
        slot.descriptor = Some(descriptor);
        slot.place = Place::Busy { asked: false };
        Key {
            index,
            generation: slot.generation,
        }
    }

    /// The next connection that was summoned, and why. None: there is none, or the caller is not the holder.
    pub(super) fn pop(&mut self, token: Token) -> Option<(Key, C, Summons)> {
        if !self.is_held_by(token) {
            return None;
        }
        while let Some(key) = self.batch.pop_front() {
            let Some(slot) = self.slot(key) else { continue };
            let busy = Place::Busy { asked: false };
            match std::mem::replace(&mut slot.place, busy) {
                Place::Here {
                    content,
                    node,
                    summons: Some(summons),
                } => {
                    self.lists.remove(key.index, node);
                    self.here -= 1;
                    return Some((key, content, summons));
                }
                other => slot.place = other,
            }
        }
        None
    }

    /// The descriptor of a connection that is not in the set, and is in it from now on.
    pub(super) fn enter_set(&mut self, key: Key) -> Option<D> {
        let slot = self.slot(key)?;
        match std::mem::replace(&mut slot.in_set, true) {
            true => None,
            false => slot.descriptor.clone(),
        }
    }

    /// Takes a connection back that was served, is in the set, and waits from then on.
    pub(super) fn put_back(&mut self, key: Key, content: C, phase: Phase, since: Instant) {
        let Some(slot) = self.slot(key) else { return };
        let asked = matches!(slot.place, Place::Busy { asked: true });
        let node = self.lists.insert(key.index, phase, since);
        if let Some(slot) = self.slot(key) {
            slot.place = Place::Here {
                content,
                node,
                summons: None,
            };
            self.here += 1;
        }
        if asked {
            self.summon(key, Summons::Asked);
        }
    }

    /// Has a connection looked at by the holder. One that is being served is asked when it comes back.
    pub(super) fn summon(&mut self, key: Key, why: Summons) {
        let Some(slot) = self.slot(key) else { return };
        match &mut slot.place {
            Place::Here { summons, .. } => {
                let last = *summons;
                *summons = last.max(Some(why));
                if last.is_none() {
                    self.batch.push_back(key);
                }
            }
            Place::Busy { asked } => *asked |= why == Summons::Asked,
            Place::Vacant => {}
        }
    }

    /// Something has come for a connection. If somebody serves it, the set is to know its descriptor, which is
    /// returned, no longer.
    pub(super) fn report(&mut self, key: Key) -> Option<D> {
        let slot = self.slot(key)?;
        match slot.place {
            Place::Busy { .. } => slot.leave_set(),
            Place::Here { .. } => {
                self.summon(key, Summons::Ready);
                None
            }
            Place::Vacant => None,
        }
    }

    /// Summons all that have waited for as long as they may.
    pub(super) fn expire(&mut self, now: Instant, bounds: &Bounds) {
        while let Some(index) = self.lists.next_due(now, bounds) {
            let slot = &mut self.slots[index as usize];
            let key = Key {
                index,
                generation: slot.generation,
            };
            if let Place::Here { node, .. } = &mut slot.place {
                let due = self.lists.set_aside(index, *node);
                *node = due;
            }
            self.summon(key, Summons::Due);
        }
    }

    /// When the next of them will have.
    pub(super) fn next_deadline(&self, bounds: &Bounds) -> Option<Instant> {
        self.lists.earliest(bounds)
    }

    /// Summons every connection, those that are being served included.
    pub(super) fn ask_all(&mut self) {
        for index in 0..self.slots.len() as u32 {
            let generation = self.slots[index as usize].generation;
            self.summon(Key { index, generation }, Summons::Asked);
        }
    }

    /// The connection, which somebody serves, is no longer the watch's. If it is in the set, its descriptor is
    /// returned, which has to leave it.
    pub(super) fn remove(&mut self, key: Key) -> Option<D> {
        let slot = self.slot(key)?;
        slot.place = Place::Vacant;
        slot.generation = slot.generation.wrapping_add(1);
        let leaves = slot.leave_set();
        slot.descriptor = None;
        self.vacant.push(key.index);
        leaves
    }

    /// The connections that wait here, what for, and since when.
    pub(super) fn waiting(&self) -> impl Iterator<Item = (Key, &C, Phase, Instant)> {
        let slots = self.slots.iter().enumerate();
        slots.filter_map(|(index, slot)| match &slot.place {
            Place::Here { content, node, .. } => {
                let key = Key {
                    index: index as u32,
                    generation: slot.generation,
                };
                Some((key, content, node.phase(), node.since()))
            }
            Place::Vacant | Place::Busy { .. } => None,
        })
    }

    /// How many connections wait here.
    pub(super) fn waiting_count(&self) -> usize {
        self.here
    }

    fn slot(&mut self, key: Key) -> Option<&mut Slot<C, D>> {
        let slot = self.slots.get_mut(key.index as usize)?;
        (slot.generation == key.generation && !matches!(slot.place, Place::Vacant)).then_some(slot)
    }
}

impl<C, D: Clone> Slot<C, D> {
    fn leave_set(&mut self) -> Option<D> {
        let was_in = std::mem::take(&mut self.in_set);
        self.descriptor.clone().filter(|_| was_in)
    }
}

impl From<Key> for u64 {
    fn from(key: Key) -> Self {
        Self::from(key.generation) << 32 | Self::from(key.index)
    }
}

impl From<u64> for Key {
    fn from(data: u64) -> Self {
        Self {
            index: data as u32,
            generation: (data >> 32) as u32,
        }
    }
}
