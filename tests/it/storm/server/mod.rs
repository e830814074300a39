//! A server whose handlers do all that handlers can do, and clients that do all that clients can do. Each answer
//! is that of its request, in its turn, and whole, unless the connection has ended in the middle of it; what the
//! server has counted is what its clients have got; and nothing is left of it.

mod acts;
mod answer;
mod asked;
mod hearing;
mod ledger;
mod visit;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64};
use std::thread;
use std::time::Duration;

use http_aio::{Addr, Aio, Server, ServerLimits, ServerStats};

use self::acts::Stage;
use self::ledger::{Ledger, Sum};
use self::visit::Guest;
use super::storm;
use crate::support::{Dice, PATIENCE, join, settle};

#[test]
fn a_server_and_its_clients() {
    let mut sum = Sum::default();
    storm("storm::server::a_server_and_its_clients", |dice| {
        round(dice, &mut sum);
    });
    println!("{sum:?}");
}

/// How a round ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stop {
    /// In order, when the clients have gone.
    Late,
    /// In order, in the middle.
    Drain,
    /// By dropping the server, in the middle.
    Drop,
    /// At once, in the middle.
    Close,
}

impl Stop {
    fn of(dice: &mut Dice) -> Self {
        match dice.roll(8) {
            0..3 => Self::Late,
            3..5 => Self::Drain,
            5 => Self::Drop,
            _ => Self::Close,
        }
    }
}

/// What clients must put up with, beside what they ask for themselves.
#[derive(Clone, Copy, Debug)]
struct Sky {
    stop: Stop,
    /// Bounds of time are so short that they pass.
    hasty: bool,
    /// There are fewer places than clients.
    crowded: bool,
}

impl Sky {
    fn of(dice: &mut Dice) -> Self {
        Self {
            stop: Stop::of(dice),
            hasty: dice.roll(6) == 0,
            crowded: dice.roll(6) == 0,
        }
    }

    /// An answer may be cut off that its handler would not have cut off.
    fn cuts(self) -> bool {
        self.hasty || self.stop == Stop::Close
    }

    /// A connection may end although the next request was on its way.
    fn ends(self) -> bool {
        self.hasty || self.crowded || self.stop != Stop::Late
    }

    fn limits(self, dice: &mut Dice) -> ServerLimits {
        let mut limits = ServerLimits::default().connections(64);
        if self.crowded {
            limits = limits.connections(1 + dice.roll(4) as usize);
        }
        if self.hasty {
            let mut short = || Duration::from_micros(200 + dice.roll(20_000));
            limits = limits.silence(short()).head(short()).idle(short());
            limits = limits.pace(short(), 1_000_000).stall(short());
        }
        if dice.roll(4) == 0 {
            limits = limits.requests(1 + dice.roll(5));
        }
        limits
    }
}

fn round(dice: &mut Dice, sum: &mut Sum) {
    let sky = Sky::of(dice);
    let ledger = Arc::<Ledger>::default();
    let (told, limits) = (Arc::clone(&ledger), sky.limits(dice));
    let builder = Server::builder().limits(limits).on_error(acts::page);
    let builder = builder.threads(crate::server::chosen_threads());
    let server = builder.observe(move |event| told.hear(event)).build();
    let stage = Stage::open(&server, &ledger, dice);
    let Addr::Ip(address) = server.bind("127.0.0.1:0").expect("a port") else {
        panic!("no address of TCP");
    };
    stage.is_at(address);
    let stopped = Arc::new(AtomicBool::new(false));
    let next = Arc::new(AtomicU64::new(1));
    let guests: Vec<_> = (0..2 + dice.roll(5))
        .map(|_| {
            let guest = Guest {
                address,
                sky,
                dice: Dice(dice.roll(u64::MAX) | 1),
                next: Arc::clone(&next),
                stopped: Arc::clone(&stopped),
                ledger: Arc::clone(&ledger),
            };
            thread::spawn(move || guest.come_and_go(8))
        })
        .collect();
    if sky.stop != Stop::Late {
        // The length of this round.
        thread::sleep(Duration::from_micros(dice.roll(40_000)));
    }
    let stats = end(sky, server, &ledger, || guests.into_iter().for_each(join));
    stage.close();
    ledger.check(sky, stats);
    ledger.add_to(sum);
}

/// Stops the server, and sees the guests off. Nothing of it is left afterwards but its numbers.
fn end(sky: Sky, server: Server, ledger: &Ledger, guests: impl FnOnce()) -> Option<ServerStats> {
    match sky.stop {
        Stop::Late => guests(),
        Stop::Drain => {
            let drain = server.drain(Aio::new().timeout(PATIENCE));
            guests();
            settle(drain).unwrap_or_else(|error| panic!("{sky:?}: {error}"));
        }
        Stop::Close => {
            server.close();
            guests();
        }
        Stop::Drop => {
            drop(server);
            guests();
            return None;
        }
    }
    Some(drained(&server, ledger))
}

fn drained(server: &Server, ledger: &Ledger) -> ServerStats {
    let drained = settle(server.drain(Aio::new().timeout(PATIENCE)));
    if let Err(error) = drained {
        panic!("{} connections are left: {error}", error.count());
    }
    assert_eq!(server.connections(), 0);
    // Those that were hijacked are not waited for, and are counted at their end.
    ledger.wait_for_end();
    server.stats()
}
