//! The bookkeeping of a watch, against a plain model of it and by hand; and watches of connections that are none.

use std::collections::BTreeMap;
use std::io::Write;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender, unbounded};

use super::lists::*;
use super::phase::{Bounds, Phase};
use super::state::*;
use super::{Loss, Monitor, Seat, Watch, Watched};
use crate::blocking;

const BOUNDS: Bounds = Bounds {
    first: Duration::from_secs(30),
    next: Duration::from_secs(75),
    head: Duration::from_secs(20),
};

fn at(start: Instant, seconds: u64) -> Instant {
    start + Duration::from_secs(seconds)
}

#[test]
fn a_watch_has_one_holder_and_a_lost_token_is_worth_nothing() {
    let mut state = State::<&str, ()>::default();
    let first = state.claim().unwrap();
    assert_eq!(state.claim(), None);
    assert!(state.give_up(first));
    let second = state.claim().unwrap();
    assert!(!state.give_up(first));
    assert!(state.is_held_by(second) && !state.is_held_by(first));
    let key = state.admit(());
    state.enter_set(key);
    state.put_back(key, "a", Phase::First, Instant::now());
    state.summon(key, Summons::Ready);
    assert!(state.pop(first).is_none());
    assert_eq!(state.begin_wait(first), Lull::Lost);
    assert_eq!(state.begin_wait(second), Lull::Work);
    assert_eq!(
        state.pop(second).map(|(_, name, why)| (name, why)),
        Some(("a", Summons::Ready))
    );
}

#[test]
fn one_that_waits_is_not_seen_serving() {
    let mut state = State::<&str, ()>::default();
    let token = state.claim().unwrap();
    assert_eq!(state.serving(), Some(token));
    assert_eq!(state.begin_wait(token), Lull::Wait);
    assert_eq!(state.serving(), None);
    state.end_wait();
    assert_eq!(state.serving(), Some(token));
}

#[test]
fn what_is_reported_while_it_is_served_leaves_the_set_until_it_is_back() {
    let mut state = State::<&str, u8>::default();
    let token = state.claim().unwrap();
    let key = state.admit(7);
    assert_eq!(state.enter_set(key), Some(7));
    let now = Instant::now();
    state.put_back(key, "a", Phase::First, now);
    assert_eq!(state.report(key), None);
    assert!(state.pop(token).is_some());
    assert_eq!(state.report(key), Some(7));
    assert_eq!(state.report(key), None);
    assert_eq!(state.enter_set(key), Some(7));
    assert_eq!(state.enter_set(key), None);
    state.put_back(key, "a", Phase::Next, now);
    assert_eq!(state.report(key), None);
    assert!(state.pop(token).is_some());
    assert_eq!(state.remove(key), Some(7));
}

#[test]
fn a_key_dies_with_its_connection() {
    let mut state = State::<&str, ()>::default();
    let token = state.claim().unwrap();
    let old = state.admit(());
    state.enter_set(old);
    state.remove(old);
    let new = state.admit(());
    assert_eq!(old.index, new.index);
    assert_ne!(old, new);
    state.enter_set(new);
    state.put_back(new, "new", Phase::First, Instant::now());
    assert_eq!(state.report(old), None);
    state.summon(old, Summons::Asked);
    assert!(state.pop(token).is_none());
    assert_eq!(Key::from(u64::from(new)), new);
}

#[test]
fn who_is_asked_while_it_is_served_is_summoned_when_it_is_back() {
    let mut state = State::<&str, ()>::default();
    let token = state.claim().unwrap();
    let key = state.admit(());
    state.enter_set(key);
    state.ask_all();
    state.put_back(key, "a", Phase::First, Instant::now());
    let popped = state.pop(token).map(|(_, _, why)| why);
    assert_eq!(popped, Some(Summons::Asked));
}

#[test]
fn who_is_asked_stays_so_when_something_comes() {
    let mut state = State::<&str, ()>::default();
    let token = state.claim().unwrap();
    let key = state.admit(());
    state.enter_set(key);
    state.put_back(key, "a", Phase::Next, Instant::now());
    state.summon(key, Summons::Asked);
    assert_eq!(state.report(key), None);
    let popped = state.pop(token).map(|(_, _, why)| why);
    assert_eq!(popped, Some(Summons::Asked));
    assert!(state.pop(token).is_none());
}

#[test]
fn each_phase_has_its_bound() {
    let start = Instant::now();
    let mut state = State::<&str, ()>::default();
    let token = state.claim().unwrap();
    for (name, phase, since) in [
        ("next", Phase::Next, 0),
        ("first", Phase::First, 1),
        ("late head", Phase::Head, 9),
        ("head", Phase::Head, 3),
    ] {
        let key = state.admit(());
        state.enter_set(key);
        state.put_back(key, name, phase, at(start, since));
    }
    let mut due = Vec::new();
    for second in 0..100 {
        state.expire(at(start, second), &BOUNDS);
        while let Some((key, name, why)) = state.pop(token) {
            assert_eq!(why, Summons::Due);
            due.push((second, name));
            state.remove(key);
        }
    }
    let expected = [(23, "head"), (29, "late head"), (31, "first"), (75, "next")];
    assert_eq!(due, expected);
    assert_eq!(state.next_deadline(&BOUNDS), None);
}

#[test]
fn one_that_is_served_is_not_due() {
    let start = Instant::now();
    let mut state = State::<&str, ()>::default();
    let token = state.claim().unwrap();
    let key = state.admit(());
    state.enter_set(key);
    for phase in [Phase::First, Phase::Head, Phase::Next] {
        state.put_back(key, "a", phase, start);
        state.summon(key, Summons::Ready);
        assert!(state.next_deadline(&BOUNDS).is_some());
        assert!(state.pop(token).is_some());
        assert_eq!(state.next_deadline(&BOUNDS), None);
    }
}

/// What comes is no request, such as blank lines: it goes on waiting since the same time.
#[test]
fn one_that_goes_on_waiting_is_due_no_later() {
    let start = Instant::now();
    let mut state = State::<&str, ()>::default();
    let token = state.claim().unwrap();
    let first = state.admit(());
    let second = state.admit(());
    for (key, name, since) in [(first, "first", 0), (second, "second", 30)] {
        state.enter_set(key);
        state.put_back(key, name, Phase::Next, at(start, since));
    }
    state.summon(first, Summons::Ready);
    assert!(state.pop(token).is_some());
    state.put_back(first, "first", Phase::Next, start);
    assert_eq!(state.next_deadline(&BOUNDS), Some(at(start, 75)));
    state.expire(at(start, 75), &BOUNDS);
    let due = state.pop(token).map(|(_, name, why)| (name, why));
    assert_eq!(due, Some(("first", Summons::Due)));
}

/// Against a map from each connection to its phase and time.
#[test]
fn the_lists_agree_with_a_map() {
    let start = Instant::now();
    let mut lists = Lists::default();
    let mut model: BTreeMap<u32, (Node, Phase, Instant)> = BTreeMap::new();
    let mut random = 0x2545_F491_4F6C_DD1D_u64;
    let mut roll = |below: u64| {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        random % below
    };
    (0..8).for_each(|_| lists.grow());
    for step in 0..20_000_u64 {
        let now = start + Duration::from_millis(10 * step);
        let index = roll(8) as u32;
        if let Some((node, ..)) = model.remove(&index) {
            lists.remove(index, node);
        } else {
            let phase = [Phase::First, Phase::Next, Phase::Head][roll(3) as usize];
            // It may go on waiting since an earlier time.
            let since = now - Duration::from_millis(roll(2) * roll(1000));
            model.insert(index, (lists.insert(index, phase, since), phase, since));
        }
        let bound = |phase| match phase {
            Phase::First => BOUNDS.first,
            Phase::Next => BOUNDS.next,
            Phase::Head => BOUNDS.head,
        };
        let deadlines = model
            .values()
            .map(|(_, phase, since)| *since + bound(*phase));
        assert_eq!(lists.earliest(&BOUNDS), deadlines.min());
    }
}

/// What serves as a connection.
enum Fake {
    /// There is always another request in its buffer, until it is told to stop.
    Endless(Arc<AtomicBool>),
    /// Says that it is served, and ends.
    Probe(Sender<&'static str>),
    /// Blocks in a call of ours, after it has said so, until it is let go.
    Blocking(Sender<&'static str>, Receiver<()>),
    /// Blocks without a word.
    Stuck(Sender<&'static str>, Receiver<()>),
}

impl Watched for Fake {
    fn place(&self) -> u64 {
        0
    }

    fn serve(self, _: Summons, seat: Seat<'_, Self>) {
        match &self {
            Self::Endless(stop) => {
                let again = (!stop.load(Ordering::SeqCst)).then_some(Summons::Ready);
                let _ = seat.put_back(self, Phase::Next, Instant::now(), again);
            }
            Self::Probe(told) => told.send("served").unwrap(),
            Self::Blocking(told, go) => {
                assert!(seat.holds_watch());
                blocking::announce();
                assert!(!seat.holds_watch());
                told.send("blocks").unwrap();
                go.recv().unwrap();
            }
            Self::Stuck(told, go) => {
                told.send("blocks").unwrap();
                go.recv().unwrap();
                told.send(if seat.holds_watch() { "holds" } else { "lost" })
                    .unwrap();
            }
        }
    }
}

fn watch() -> Arc<Watch<Fake>> {
    monitored(&Monitor::new().0)
}

fn monitored(monitor: &Arc<Monitor>) -> Arc<Watch<Fake>> {
    let hold = |watch: Arc<Watch<Fake>>, _: Option<Loss>| {
        let thread = thread::Builder::new().spawn(move || watch.hold());
        thread.map(drop)
    };
    Watch::start(BOUNDS, monitor, hold).expect("a thread")
}

/// Has a connection watched; what is written to what is returned wakes it.
fn admit(watch: &Watch<Fake>, fake: Fake, summons: Option<Summons>) -> UnixStream {
    let (near, far) = UnixStream::pair().expect("two sockets");
    let admitted = watch.admit(fake, Arc::new(near), summons);
    assert!(admitted.is_ok(), "it can be polled");
    far
}

const PATIENCE: Duration = Duration::from_secs(30);

#[test]
fn one_that_always_has_something_to_do_starves_nobody() {
    let (watch, stop) = (watch(), Arc::new(AtomicBool::new(false)));
    let endless = Fake::Endless(Arc::clone(&stop));
    let _endless = admit(&watch, endless, Some(Summons::Ready));
    let (tell, told) = unbounded();
    let mut probe = admit(&watch, Fake::Probe(tell), None);
    probe.write_all(b"x").unwrap();
    assert_eq!(told.recv_timeout(PATIENCE), Ok("served"));
    stop.store(true, Ordering::SeqCst);
    watch.change(State::close);
}

#[test]
fn one_that_blocks_has_given_the_watch_to_another_thread() {
    let watch = watch();
    let (tell, told) = unbounded();
    let (go, goes) = unbounded();
    let mut blocking = admit(&watch, Fake::Blocking(tell.clone(), goes), None);
    blocking.write_all(b"x").unwrap();
    assert_eq!(told.recv_timeout(PATIENCE), Ok("blocks"));
    let mut probe = admit(&watch, Fake::Probe(tell), None);
    probe.write_all(b"x").unwrap();
    assert_eq!(told.recv_timeout(PATIENCE), Ok("served"));
    go.send(()).unwrap();
    watch.change(State::close);
}

/// It sleeps before the connection blocks, and is woken for that.
#[test]
fn the_monitor_takes_a_watch_from_one_that_is_stuck() {
    let (monitor, rounds) = Monitor::new();
    let watch = monitored(&monitor);
    rounds
        .start(&monitor, &[Arc::clone(&watch)])
        .expect("a thread");
    while !monitor.is_asleep() {
        thread::yield_now();
    }
    let (tell, told) = unbounded();
    let (go, goes) = unbounded();
    let mut stuck = admit(&watch, Fake::Stuck(tell.clone(), goes), None);
    stuck.write_all(b"x").unwrap();
    assert_eq!(told.recv_timeout(PATIENCE), Ok("blocks"));
    let mut probe = admit(&watch, Fake::Probe(tell), None);
    probe.write_all(b"x").unwrap();
    assert_eq!(told.recv_timeout(PATIENCE), Ok("served"));
    go.send(()).unwrap();
    assert_eq!(told.recv_timeout(PATIENCE), Ok("lost"));
    watch.change(State::close);
    monitor.end();
}
