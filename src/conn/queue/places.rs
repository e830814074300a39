//! The jobs of a queue, each in a place: in order, to be taken out of the middle, and by deadline.
//!
//! Places are numbered without a break, so a job is found by its number at once. What is taken out of
//! the middle leaves a gap; gaps at the front are closed at once, and all others when there are more of
//! them than jobs, which get new numbers then. Everything costs O(log n) or less, amortized.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::time::Instant;

use super::Job;

/// Gaps and stale deadlines that are not worth clearing away.
const SLACK: usize = 32;

/// The first place: far from both ends of the number range.
const MIDDLE: u64 = 1 << 63;

pub(super) struct Places<J> {
    /// `None` is a gap. The first entry is no gap.
    entries: VecDeque<Option<J>>,
    /// The number of the first entry.
    front: u64,
    jobs: usize,
    /// Deadlines of jobs that are here, and of some that have left.
    deadlines: BinaryHeap<Reverse<(Instant, u64)>>,
}

impl<J> Default for Places<J> {
    fn default() -> Self {
        Self {
            entries: VecDeque::new(),
            front: MIDDLE,
            jobs: 0,
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
    #[inline]
    pub(super) fn push_back(&mut self, job: J) -> u64 {
        let place = self.front + self.entries.len() as u64;
        self.note(&job, place);
        self.entries.push_back(Some(job));
        place
    }

    pub(super) fn push_front(&mut self, job: J) {
        self.front -= 1;
        self.note(&job, self.front);
        self.entries.push_front(Some(job));
    }

    fn note(&mut self, job: &J, place: u64) {
        self.jobs += 1;
        job.set_place(place);
        if let Some(at) = job.deadline().instant() {
            self.deadlines.push(Reverse((at, place)));
        }
    }

    pub(super) fn front(&self) -> Option<&J> {
        self.entries.front().and_then(Option::as_ref)
    }

    #[inline]
    pub(super) fn pop_front(&mut self) -> Option<J> {
        let job = self.entries.pop_front()?;
        self.front += 1;
        self.left();
        job
    }

    /// Moves the first job behind `jobs`, in one move: jobs are large. False if there is none.
    pub(super) fn move_front(&mut self, jobs: &mut VecDeque<J>) -> bool {
        let Some(first) = self.entries.pop_front() else {
            return false;
        };
        jobs.extend(first);
        self.front += 1;
        self.left();
        true
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &J> {
        self.entries.iter().flatten()
    }

    /// Takes the job out of this place, if it is the one with this id.
    pub(super) fn remove(&mut self, place: u64, id: usize) -> Option<J> {
        let index = self.index(place)?;
        let job = self.entries[index].take_if(|job| job.id() == id)?;
        self.left();
        Some(job)
    }

    /// Takes all jobs out, in their order.
    pub(super) fn take_all(&mut self) -> VecDeque<J> {
        let taken = std::mem::take(self);
        self.front = taken.front + taken.entries.len() as u64;
        taken.entries.into_iter().flatten().collect()
    }

    /// The earliest deadline.
    pub(super) fn earliest(&mut self) -> Option<Instant> {
        while let Some(Reverse((at, place))) = self.deadlines.peek() {
            if self.is_due_at(*place, *at) {
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
            due.extend(index.and_then(|index| self.entries[index].take()));
            self.left();
        }
        due
    }

    fn index(&self, place: u64) -> Option<usize> {
        let index = usize::try_from(place.checked_sub(self.front)?).ok()?;
        (index < self.entries.len()).then_some(index)
    }

    /// Whether the job in this place has this deadline. A number at the front may have been another's,
    /// which has left.
    fn is_due_at(&self, place: u64, at: Instant) -> bool {
        let job = self
            .index(place)
            .and_then(|index| self.entries[index].as_ref());
        job.is_some_and(|job| job.deadline().instant() == Some(at))
    }

    /// A job has left: clears away what it has left behind.
    fn left(&mut self) {
        self.jobs -= 1;
        if self.jobs == 0 {
            self.front += self.entries.len() as u64;
            // The usual case has nothing to clear.
            if !(self.entries.is_empty() && self.deadlines.is_empty()) {
                self.entries.clear();
                self.deadlines.clear();
            }
            return;
        }
        while self.entries.front().is_some_and(Option::is_none) {
            self.entries.pop_front();
            self.front += 1;
        }
        if self.entries.len() > 2 * self.jobs + SLACK {
            self.close_gaps();
        } else if self.deadlines.len() > 2 * self.jobs + SLACK {
            self.renew_deadlines();
        }
    }

    fn close_gaps(&mut self) {
        self.front += self.entries.len() as u64;
        self.entries.retain(Option::is_some);
        for (place, job) in (self.front..).zip(self.entries.iter().flatten()) {
            job.set_place(place);
        }
        self.renew_deadlines();
    }

    fn renew_deadlines(&mut self) {
        let places = (self.front..).zip(&self.entries);
        let deadlines = places.filter_map(|(place, job)| {
            let at = job.as_ref()?.deadline().instant()?;
            Some(Reverse((at, place)))
        });
        self.deadlines = deadlines.collect();
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
                let place = place_of(&places, last);
                assert!(places.remove(place, last).is_some());
            }
        }
        assert!(places.entries.len() <= 2 * 2 + SLACK);
        assert!(places.deadlines.len() <= 2 * 2 + SLACK + 1);
    }
}
