//! Everything at once, at random: operations of all kinds from several threads, under cancels,
//! deadlines, closures, polls, drops and closes. Each ends once, what was counted is what the peer
//! got, and no thread and no descriptor is left.
//!
//! `HTTP_AIO_STORM_SECONDS` says how long each storm lasts; `HTTP_AIO_SEED` repeats one, as far as the
//! threads allow.

mod calls;
mod messages;
mod raw;
#[cfg(feature = "tls")]
mod secure;
mod server;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender, unbounded};
use http_aio::{Aio, Canceler, Conn, Error, ErrorKind, InFlight};

use crate::support::*;

/// Rounds, as many as fit, in a process of their own; and afterwards nothing is left of them.
fn storm(test: &str, mut round: impl FnMut(&mut Dice)) {
    if !alone(test) {
        return;
    }
    let seconds = std::env::var("HTTP_AIO_STORM_SECONDS");
    let seconds = seconds.map_or(3, |seconds| seconds.parse().expect("a number"));
    let mut dice = Dice(seed() | 1);
    let (before, open) = (tasks(), descriptors());
    let until = Instant::now() + Duration::from_secs(seconds);
    let mut rounds = 0;
    while Instant::now() < until {
        round(&mut dice);
        rounds += 1;
    }
    println!("{rounds} rounds");
    wait_until("threads end, and descriptors close", || {
        tasks_since(&before).is_empty() && descriptors() <= open
    });
}

/// How a round ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    /// In the middle, by `close`.
    Close,
    /// All operations have deadlines; then the last handle goes.
    Drop,
    /// The peer resets.
    Reset,
}

impl End {
    fn of(dice: &mut Dice) -> Self {
        match dice.roll(5) {
            0 | 1 => Self::Close,
            2 | 3 => Self::Drop,
            _ => Self::Reset,
        }
    }
}

/// How rough it is.
#[derive(Clone, Copy)]
struct Weather {
    /// One operation of so many is canceled, and one of so many has little time.
    odds: u64,
    /// What the others have, where all have deadlines.
    patience: Duration,
}

const WILD: Weather = Weather {
    odds: 4,
    patience: Duration::from_millis(20),
};

/// After so many operations on a connection that is closed there is no use in more.
const ENOUGH: u64 = 30;

/// What is known of a round's operations.
#[derive(Debug, Default)]
struct Tally {
    submitted: AtomicU64,
    /// Those whose outcome was told, to a waiter or a closure, and those that were dropped.
    ended: AtomicU64,
    /// Bytes that writes have counted.
    counted: AtomicU64,
    /// Bytes at most of writes that were dropped.
    unheard: AtomicU64,
    /// Operations on a connection that was closed.
    closed: AtomicU64,
    /// One has failed halfway, before they were stopped.
    cut: AtomicBool,
    stopped: AtomicBool,
}

impl Tally {
    fn is_stopped(&self) -> bool {
        self.stopped.load(Ordering::SeqCst) || self.closed.load(Ordering::SeqCst) >= ENOUGH
    }

    fn stop(&self) {
        self.stopped.store(true, Ordering::SeqCst);
    }

    fn hears<T>(&self, result: &Result<T, Error>, count: fn(&Result<T, Error>) -> u64) {
        let closed = result.as_ref().err().map(Error::kind) == Some(ErrorKind::Closed);
        self.closed.fetch_add(closed.into(), Ordering::SeqCst);
        if result.as_ref().is_err_and(|error| error.count() > 0) && !self.is_stopped() {
            self.cut.store(true, Ordering::SeqCst);
        }
        self.told(count(result));
    }

    fn told(&self, bytes: u64) {
        self.counted.fetch_add(bytes, Ordering::SeqCst);
        self.ended.fetch_add(1, Ordering::SeqCst);
    }

    /// Every operation has ended, once.
    #[track_caller]
    fn assert_over(&self) {
        let of = |counter: &AtomicU64| counter.load(Ordering::SeqCst);
        wait_until("every operation ends", || {
            of(&self.ended) >= of(&self.submitted)
        });
        assert_eq!(of(&self.ended), of(&self.submitted));
    }

    /// The peer got what was counted; of what was dropped nobody knows more than its size.
    #[track_caller]
    fn assert_drained(&self, drained: u64, how: &str) {
        let counted = self.counted.load(Ordering::SeqCst);
        let most = counted + self.unheard.load(Ordering::SeqCst);
        assert!(
            (counted..=most).contains(&drained),
            "{how}: the peer drained {drained}, counted were {counted} to {most}"
        );
    }
}

/// One of the threads that submit.
struct Worker {
    dice: Dice,
    tally: Arc<Tally>,
    meddler: Sender<(Canceler, Duration)>,
    weather: Weather,
    /// All operations have a deadline.
    bounded: bool,
    /// Operations that write may be dropped.
    drops: bool,
}

impl Worker {
    fn aio<T>(&mut self) -> Aio<T> {
        let aio = Aio::new();
        if self.dice.roll(self.weather.odds) == 0 {
            aio.timeout(Duration::from_micros(1 + self.dice.roll(20_000)))
        } else if self.bounded {
            aio.timeout(self.weather.patience)
        } else {
            aio
        }
    }

    /// Sees an operation that writes at most `most` bytes to its end, in some way.
    fn end<T: Send + 'static>(
        &mut self,
        aio: Aio<T, InFlight>,
        most: u64,
        count: fn(&Result<T, Error>) -> u64,
    ) {
        self.tally.submitted.fetch_add(1, Ordering::SeqCst);
        if self.dice.roll(self.weather.odds) == 0 {
            let after = Duration::from_micros(self.dice.roll(500));
            let _ = self.meddler.send((aio.canceler(), after));
        }
        let tally = Arc::clone(&self.tally);
        match self.dice.roll(8) {
            0 if most == 0 || self.drops => {
                drop(aio);
                tally.unheard.fetch_add(most, Ordering::SeqCst);
                tally.told(0);
            }
            1 => match aio.wait_timeout(Duration::from_micros(self.dice.roll(500))) {
                Ok(result) => tally.hears(&result, count),
                Err(aio) => tally.hears(&aio.wait(), count),
            },
            2 => {
                while !aio.is_done() {
                    let _ = aio.count();
                    thread::yield_now();
                }
                tally.hears(&aio.wait(), count);
            }
            3 => tally.hears(&block_on(aio), count),
            4 | 5 => {
                aio.on_complete(move |result, _| tally.hears(&result, count));
            }
            _ => tally.hears(&aio.wait(), count),
        }
    }
}

/// Several threads that submit until they are stopped, and one that cancels.
struct Crew {
    tally: Arc<Tally>,
    threads: Vec<JoinHandle<()>>,
}

impl Crew {
    fn start(
        weather: Weather,
        size: usize,
        dice: &mut Dice,
        end: End,
        work: impl Fn(&mut Worker) + Clone + Send + 'static,
    ) -> Self {
        let tally = Arc::<Tally>::default();
        let (meddler, cancels) = unbounded();
        let drops = dice.roll(3) == 0;
        let workers = (0..size).map(|_| {
            let mut worker = Worker {
                dice: Dice(dice.roll(u64::MAX) | 1),
                tally: Arc::clone(&tally),
                meddler: meddler.clone(),
                weather,
                bounded: end == End::Drop,
                drops,
            };
            let work = work.clone();
            thread::spawn(move || {
                while !worker.tally.is_stopped() {
                    work(&mut worker);
                }
            })
        });
        let mut threads: Vec<_> = workers.collect();
        threads.push(thread::spawn(move || meddle(&cancels)));
        Self { tally, threads }
    }

    /// Lets them work for a while, ends the round, and waits until they have ended.
    fn finish(self, dice: &mut Dice, end: impl FnOnce()) -> Arc<Tally> {
        let until = Instant::now() + Duration::from_micros(dice.roll(30_000));
        while Instant::now() < until && !self.tally.is_stopped() {
            thread::sleep(Duration::from_micros(200)); // The length of this round.
        }
        self.tally.stop();
        end();
        self.threads.into_iter().for_each(join);
        self.tally
    }
}

fn meddle(cancels: &Receiver<(Canceler, Duration)>) {
    for (canceler, after) in cancels {
        thread::sleep(after);
        canceler.cancel();
    }
}

/// Over and closed, for whoever may still be waiting.
fn end_by(end: End, conn: &Conn, reset: impl FnOnce()) {
    match end {
        End::Close => conn.close(),
        End::Drop => {}
        End::Reset => {
            reset();
            // The reader is told of it, the writer perhaps never.
            conn.close();
        }
    }
}
