//! Connections that wait for their next request.
//!
//! The lock is held for bookkeeping, none of which looks at more than one connection or host:
//! connections are looked at, and closed, outside of it.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use super::route::Key;
use crate::background;
use crate::conn::Conn;
use crate::timer::{self, Expire};

/// How many idle connections are kept, and for how long.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Retention {
    pub(crate) per_authority: usize,
    pub(crate) total: usize,
    pub(crate) age: Duration,
}

#[derive(Debug)]
pub(crate) struct Pool {
    retention: Retention,
    state: Mutex<State>,
    this: Weak<Self>,
}

#[derive(Debug, Default)]
struct State {
    /// Each list has the oldest first, and none is empty. To compare a few names costs less than to hash one.
    idle: BTreeMap<Arc<Key>, VecDeque<Idle>>,
    /// All idle connections, the oldest first.
    ages: BTreeMap<u64, Arc<Key>>,
    /// How many have come so far.
    last: u64,
    /// Whether the timer will come.
    armed: bool,
    alarm: Option<timer::Alarm>,
}

#[derive(Debug)]
struct Idle {
    conn: Conn,
    since: Instant,
    /// The place in `ages`.
    age: u64,
}

impl Pool {
    pub(crate) fn new(retention: Retention) -> Arc<Self> {
        Arc::new_cyclic(|this| Self {
            retention,
            state: Mutex::default(),
            this: Weak::clone(this),
        })
    }

    /// The connection that was used last and is not stale yet, as far as can be told.
    pub(crate) fn take(&self, key: &Key) -> Option<Conn> {
        loop {
            let idle = self.state.lock().take(key, VecDeque::pop_back)?;
            if idle.since.elapsed() < self.retention.age && idle.conn.is_reusable() {
                return Some(idle.conn);
            }
        }
    }

    /// Keeps a connection, if it can be used again and there is a place for it. It has `handles`, and
    /// those that are not given here are about to be dropped.
    pub(crate) fn put(&self, key: &Key, conn: Conn, handles: usize) {
        if self.retention.per_authority == 0
            || self.retention.total == 0
            || !conn.is_poolable(handles)
        {
            return;
        }
        let mut state = self.state.lock();
        let surplus = if state.count(key) >= self.retention.per_authority {
            state.take(key, VecDeque::pop_front)
        } else if state.ages.len() >= self.retention.total {
            state.take_oldest()
        } else {
            None
        };
        let since = Instant::now();
        state.add(key, conn, since);
        let arm = !std::mem::replace(&mut state.armed, true);
        drop(state);
        drop(surplus);
        if arm {
            self.arm(since.checked_add(self.retention.age));
        }
    }

    fn arm(&self, at: Option<Instant>) {
        let whom: Weak<dyn Expire> = self.this.clone();
        // The lock is held around the timer's, so that the alarm cannot fire before it is noted.
        let mut state = self.state.lock();
        let alarm = at.and_then(|at| timer::arm(at, whom).ok());
        state.armed = alarm.is_some(); // Without an alarm, old ones are found when they are asked for.
        let last = std::mem::replace(&mut state.alarm, alarm);
        drop(state);
        drop(last);
    }
}

impl State {
    fn count(&self, key: &Key) -> usize {
        self.idle.get(key).map_or(0, VecDeque::len)
    }

    fn add(&mut self, key: &Key, conn: Conn, since: Instant) {
        let known = self.idle.get_key_value(key);
        let key = known.map_or_else(|| Arc::new(key.clone()), |(key, _)| Arc::clone(key));
        self.last += 1;
        let age = self.last;
        self.ages.insert(age, Arc::clone(&key));
        let list = self.idle.entry(key).or_default();
        list.push_back(Idle { conn, since, age });
    }

    /// One end of a list; the list goes with its last connection.
    fn take(
        &mut self,
        key: &Key,
        end: impl FnOnce(&mut VecDeque<Idle>) -> Option<Idle>,
    ) -> Option<Idle> {
        let list = self.idle.get_mut(key)?;
        let idle = end(list);
        if list.is_empty() {
            self.idle.remove(key);
        }
        if let Some(idle) = &idle {
            self.ages.remove(&idle.age);
        }
        idle
    }

    fn oldest(&self) -> Option<&Idle> {
        let (_, key) = self.ages.first_key_value()?;
        self.idle.get(key)?.front()
    }

    fn take_oldest(&mut self) -> Option<Idle> {
        let (_, key) = self.ages.first_key_value()?;
        let key = Arc::clone(key);
        self.take(&key, VecDeque::pop_front)
    }
}

/// Closes what has waited too long.
impl Expire for Pool {
    fn expire(&self) {
        let now = Instant::now();
        let is_old = |idle: &Idle| now.duration_since(idle.since) >= self.retention.age;
        let mut old = Vec::new();
        let mut state = self.state.lock();
        while state.oldest().is_some_and(is_old) {
            old.extend(state.take_oldest());
        }
        let next = state.oldest().map(|idle| idle.since);
        state.armed = next.is_some();
        drop(state);
        if !old.is_empty() {
            // Closing takes system calls, and other deadlines wait for the timer's thread.
            background::run(Box::new(move || drop(old)));
        }
        if let Some(since) = next {
            self.arm(since.checked_add(self.retention.age));
        }
    }

    fn release(self: Arc<Self>) {
        background::release(self);
    }
}

#[cfg(test)]
mod tests {
    use http::Uri;

    use super::super::proxies::Proxies;
    use super::super::route::Route;
    use super::*;
    use crate::testing::memory::{self, Faults, MemoryStream};

    const LONG: Duration = Duration::from_secs(3600);

    fn pool(per_authority: usize, total: usize, age: Duration) -> Arc<Pool> {
        Pool::new(Retention {
            per_authority,
            total,
            age,
        })
    }

    fn key(n: usize) -> Key {
        let uri = Uri::try_from(format!("http://h{n}.test")).unwrap();
        Route::to(&uri, &Proxies::none()).unwrap().key
    }

    /// Its other end, so that it stays open.
    fn put(pool: &Pool, n: usize) -> MemoryStream {
        let (near, far) = memory::pair(1, Faults::none());
        pool.put(&key(n), Conn::new(near), 1);
        far
    }

    fn assert_sizes(pool: &Pool, hosts: usize, conns: usize) {
        let state = pool.state.lock();
        let listed: usize = state.idle.values().map(|list| list.len()).sum();
        assert_eq!((state.idle.len(), listed), (hosts, conns));
    }

    #[test]
    fn a_host_goes_with_its_last_connection() {
        let pool = pool(2, 4, LONG);
        let _open: Vec<_> = [0, 0, 1, 2].map(|n| put(&pool, n)).into();
        assert_sizes(&pool, 3, 4);
        assert!(pool.take(&key(0)).is_some());
        assert_sizes(&pool, 3, 3);
        assert!(pool.take(&key(0)).is_some());
        assert_sizes(&pool, 2, 2);
        assert!(pool.take(&key(0)).is_none());
        assert!(pool.take(&key(2)).is_some());
        assert!(pool.take(&key(1)).is_some());
        assert_sizes(&pool, 0, 0);
    }

    #[test]
    fn the_oldest_of_all_makes_room() {
        let pool = pool(2, 3, LONG);
        let _open: Vec<_> = [0, 1, 0, 2].map(|n| put(&pool, n)).into();
        assert_sizes(&pool, 3, 3);
        let _next = put(&pool, 2);
        // The older one of the first host, then the only one of the second.
        assert_sizes(&pool, 2, 3);
        assert!(pool.take(&key(1)).is_none());
        let _third_of_one = put(&pool, 2);
        assert_sizes(&pool, 2, 3);
        assert!(pool.take(&key(0)).is_some());
        assert!(pool.take(&key(0)).is_none());
    }

    #[test]
    fn what_is_old_goes_and_nothing_else() {
        let age = Duration::from_millis(200);
        let pool = pool(2, 8, age);
        // Not the timer: this looks itself.
        pool.state.lock().armed = true;
        let _old: Vec<_> = [0, 1, 1].map(|n| put(&pool, n)).into();
        let since = Instant::now();
        while since.elapsed() < age {
            std::thread::yield_now();
        }
        let _young: Vec<_> = [1, 2].map(|n| put(&pool, n)).into();
        pool.expire();
        if since.elapsed() < 2 * age {
            assert_sizes(&pool, 2, 2);
            assert!(pool.state.lock().armed);
        }
    }
}
