//! The jobs of a queue, each in a place: in order, to be taken out of the middle, and by deadline.
//!
//! Places only grow at the back and shrink at the front, so a job is found by its place with a binary
//! search. What is taken out of the middle leaves a gap; gaps at the front are closed at once, and all
//! others when there are more of them than jobs. Everything costs O(log n) or less, amortized.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::time::Instant;

use super::Job;

/// Gaps and stale deadlines that are not worth clearing away.
const SLACK: usize = 32;

/// The first place: far from both ends of the number range.
const MIDDLE: u64 = 1 << 63;

pub(super) struct Places<J> {
    entries: VecDeque<Entry<J>>,
    jobs: usize,
    front: u64,
    back: u64,
    /// Deadlines of jobs that are here, and of some that have left.
    deadlines: BinaryHeap<Reverse<(Instant, u64)>>,
}

struct Entry<J> {
    place: u64,
    /// `None` is a gap.
    job: Option<J>,
}

impl<J> Default for Places<J> {
    fn default() -> Self {
        Self {
            entries: VecDeque::new(),
            jobs: 0,
            front: MIDDLE,
            back: MIDDLE,
            deadlines: BinaryHeap::new(),
        }
    }
}

impl<J: Job> Places<J> {
    pub(super) fn len(&self) -> usize {
        self.jobs
    }

    pub(super) fn is_empty(&self) -> bool {
        self.jobs == 0
    }

    /// Returns its place.
    pub(super) fn push_back(&mut self, job: J) -> u64 {
        let place = self.back;
        self.back += 1;
        self.note(&job, place);
        let job = Some(job);
        self.entries.push_back(Entry { place, job });
        place
    }

    pub(super) fn push_front(&mut self, job: J) {
        self.front -= 1;
        let place = self.front;
        self.note(&job, place);
        let job = Some(job);
        self.entries.push_front(Entry { place, job });
    }

    fn note(&mut self, job: &J, place: u64) {
        self.jobs += 1;
        job.set_place(place);
        if let Some(at) = job.deadline().instant() {
            self.deadlines.push(Reverse((at, place)));
        }
    }

    pub(super) fn front(&self) -> Option<&J> {
        self.entries.front().and_then(|entry| entry.job.as_ref())
    }

    pub(super) fn pop_front(&mut self) -> Option<J> {
        let job = self.entries.pop_front()?.job;
        self.left();
        job
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &J> {
        self.entries.iter().filter_map(|entry| entry.job.as_ref())
    }

    /// Takes the job out of this place, if it is the one with this id.
    pub(super) fn remove(&mut self, place: u64, id: usize) -> Option<J> {
        let index = self.index(place)?;
        let job = self.entries[index].job.take_if(|job| job.id() == id)?;
        self.left();
        Some(job)
    }

    /// Takes all jobs out, in their order.
    pub(super) fn take_all(&mut self) -> VecDeque<J> {
        let taken = std::mem::take(self);
        (self.front, self.back) = (taken.front, taken.back);
        taken.entries.into_iter().filter_map(|e| e.job).collect()
    }

    /// The earliest deadline.
    pub(super) fn earliest(&mut self) -> Option<Instant> {
        while let Some(Reverse((at, place))) = self.deadlines.peek() {
            if self.holds(*place) {
                return Some(*at);
            }
            self.deadlines.pop();
        }
        None
    }

    /// Takes out what is due, the earliest deadline first.
    pub(super) fn take_due(&mut self, now: Instant) -> Vec<J> {
        let mut due = Vec::new();
        while self.earliest().is_some_and(|at| at <= now) {
            let Some(Reverse((_, place))) = self.deadlines.pop() else {
                break;
            };
            let index = self.index(place);
            due.extend(index.and_then(|index| self.entries[index].job.take()));
            self.left();
        }
        due
    }

    fn index(&self, place: u64) -> Option<usize> {
        self.entries
            .binary_search_by_key(&place, |entry| entry.place)
            .ok()
    }

    fn holds(&self, place: u64) -> bool {
        self.index(place)
            .is_some_and(|index| self.entries[index].job.is_some())
    }

    /// A job has left: clears away what it has left behind.
    fn left(&mut self) {
        self.jobs -= 1;
        if self.jobs == 0 {
            self.entries.clear();
            self.deadlines.clear();
            return;
        }
        while self.entries.front().is_some_and(|e| e.job.is_none()) {
            self.entries.pop_front();
        }
        if self.entries.len() > 2 * self.jobs + SLACK {
            self.entries.retain(|entry| entry.job.is_some());
        }
        if self.deadlines.len() > 2 * self.jobs + SLACK {
            let deadlines = std::mem::take(&mut self.deadlines);
            let live = |Reverse((_, place)): &Reverse<(Instant, u64)>| self.holds(*place);
            self.deadlines = deadlines.into_iter().filter(live).collect();
        }
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use std::cell::Cell;
    use std::time::Duration;

    use super::*;
    use crate::background::UserCode;
    use crate::deadline::Deadline;
    use crate::error::Error;

    struct Numbered {
        id: usize,
        place: Cell<u64>,
        deadline: Deadline,
    }

    impl Job for Numbered {
        fn id(&self) -> usize {
            self.id
        }

        fn deadline(&self) -> Deadline {
            self.deadline
        }

        fn set_place(&self, place: u64) {
            self.place.set(place);
        }

        fn set_held(&self, _: bool) {}

        fn is_wanted(&self) -> bool {
            true
        }

        fn is_cut(&self) -> bool {
            false
        }

        fn fail(self, _: Error) -> Option<UserCode> {
            None
        }
    }

    fn job(id: usize, deadline: Deadline) -> Numbered {
        Numbered {
            id,
            place: Cell::new(0),
            deadline,
        }
    }

    fn ids(places: &Places<Numbered>) -> Vec<usize> {
        places.iter().map(|job| job.id).collect()
    }

    fn place_of(places: &Places<Numbered>, id: usize) -> u64 {
        let job = places.iter().find(|job| job.id == id);
        job.expect("it is there").place.get()
    }

    /// Against a plain list, with random calls.
    #[test]
    fn the_order_is_that_of_a_list() {
        let begun = Instant::now();
        let mut random = 7_u64;
        let mut next = move |below: u64| {
            random = random
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            (random >> 33) % below
        };
        let mut places = Places::default();
        let mut list: VecDeque<(usize, Deadline)> = VecDeque::new();
        for id in 0..20_000 {
            let deadline = match next(3) {
                0 => Deadline::Never,
                _ => Deadline::At(begun + Duration::from_millis(next(1_000))),
            };
            match next(8) {
                0 => {
                    places.push_front(job(id, deadline));
                    list.push_front((id, deadline));
                }
                1..=4 => {
                    places.push_back(job(id, deadline));
                    list.push_back((id, deadline));
                }
                5 => {
                    let popped = places.pop_front().map(|job| job.id);
                    assert_eq!(popped, list.pop_front().map(|(id, _)| id));
                }
                6 if !list.is_empty() => {
                    let at = next(list.len() as u64) as usize;
                    let (id, _) = list.remove(at).expect("in range");
                    let place = place_of(&places, id);
                    assert!(places.remove(place, id + 1).is_none(), "another's place");
                    assert_eq!(places.remove(place, id).map(|job| job.id), Some(id));
                    assert!(places.remove(place, id).is_none(), "twice");
                }
                _ if id % 50 == 0 => {
                    let now = begun + Duration::from_millis(next(300));
                    let is_due = |d: &Deadline| d.instant().is_some_and(|at| at <= now);
                    let mut due: Vec<_> = places.take_due(now).iter().map(|j| j.id).collect();
                    let mut expected: Vec<_> = list.iter().filter(|(_, d)| is_due(d)).collect();
                    expected.sort_by_key(|(id, _)| *id);
                    due.sort_unstable();
                    assert_eq!(due, expected.iter().map(|(id, _)| *id).collect::<Vec<_>>());
                    list.retain(|(_, d)| !is_due(d));
                }
                _ => {}
            }
            assert_eq!(places.len(), list.len());
            let earliest = list.iter().filter_map(|(_, d)| d.instant()).min();
            assert_eq!(places.earliest(), earliest);
        }
        assert_eq!(
            ids(&places),
            list.iter().map(|(id, _)| *id).collect::<Vec<_>>()
        );
        let all: Vec<_> = places.take_all().iter().map(|job| job.id).collect();
        assert_eq!(all.len(), list.len());
        assert!(places.is_empty());
    }

    #[test]
    fn gaps_and_stale_deadlines_do_not_pile_up() {
        let mut places = Places::default();
        let late = Deadline::after(Duration::from_secs(3_600));
        places.push_back(job(0, late));
        for id in 1..100_000 {
            places.push_back(job(id, late));
            let last = id - 1;
            if last > 0 {
                let place = places.back - 2;
                assert!(places.remove(place, last).is_some());
            }
        }
        assert!(places.entries.len() <= 2 * 2 + SLACK);
        assert!(places.deadlines.len() <= 2 * 2 + SLACK + 1);
    }
}
