//! Everything at once: every closure runs once, and nothing is left.

use std::io::{Read, Write};
use std::thread;
use std::time::Duration;

use crossbeam_channel::{RecvTimeoutError, unbounded};
use http_aio::{Aio, Conn, InFlight};

use super::panic_quietly;
use crate::support::*;

/// Submits, cancels, expires, closes, drops and goes away at random, from several threads at once.
/// Every closure runs, once, and in the end nothing is left: no thread, no socket.
#[test]
fn whatever_happens_every_closure_runs_once_and_nothing_is_left() {
    if !alone("callback::storm::whatever_happens_every_closure_runs_once_and_nothing_is_left") {
        return;
    }
    for seed in 0..150 {
        storm(seed);
    }
    wait_until("the threads end", || threads_of_ours().is_empty());
    wait_until("the sockets close", || sockets() == 0);
}

#[track_caller]
fn storm(seed: u64) {
    const THREADS: u64 = 3;
    let (conn, mut peer) = pair(FAMILIES[seed as usize % 2]);
    let (sender, told) = unbounded();
    let submitters: Vec<_> = (0..THREADS)
        .map(|thread| {
            let (conn, told) = (conn.clone(), sender.clone());
            let dice = Dice::new(seed * THREADS + thread);
            thread::spawn(move || submit_at_random(conn, dice, &told))
        })
        .collect();
    drop((conn, sender));
    // The peer reads and says something at random, and then goes away.
    let mut dice = Dice::new(!seed);
    let patience = Duration::from_micros(300);
    match &peer {
        Peer::Tcp(stream) => stream.set_read_timeout(Some(patience)).unwrap(),
        Peer::Unix(stream) => stream.set_read_timeout(Some(patience)).unwrap(),
    }
    let mut buffer = vec![0; 64 << 10];
    for _ in 0..dice.roll(60) {
        if dice.roll(2) == 0 {
            let most = 1 + dice.roll(64 << 10) as usize;
            let _ = peer.read(&mut buffer[..most]);
        } else {
            let _ = peer.write(&buffer[..dice.roll(9) as usize]);
        }
    }
    drop(peer);
    let mut submitted: Vec<u64> = submitters.into_iter().flat_map(join).collect();
    let mut called = Vec::new();
    loop {
        match told.recv_timeout(PATIENCE) {
            Ok(ticket) => called.push(ticket),
            Err(RecvTimeoutError::Disconnected) => break,
            Err(RecvTimeoutError::Timeout) => panic!(
                "seed {seed}: {} of {} closures were called",
                called.len(),
                submitted.len()
            ),
        }
    }
    submitted.sort_unstable();
    called.sort_unstable();
    assert_eq!(called, submitted, "seed {seed}");
}

/// Returns the tickets of the closures that were attached.
fn submit_at_random(conn: Conn, mut dice: Dice, told: &crossbeam_channel::Sender<u64>) -> Vec<u64> {
    /// By turns with a time limit, and with the closure attached at once or a little later.
    fn submit<T: Send + 'static>(
        dice: &mut Dice,
        ticket: u64,
        told: &crossbeam_channel::Sender<u64>,
        start: impl FnOnce(Aio<T>) -> Aio<T, InFlight>,
    ) -> http_aio::Canceler {
        let aio = match dice.roll(4) {
            0 => Aio::new().timeout(Duration::from_micros(dice.roll(3000))),
            _ => Aio::new(),
        };
        let aio = start(aio);
        if dice.roll(3) == 0 {
            thread::sleep(Duration::from_micros(dice.roll(200)));
        }
        let told = told.clone();
        let panics = dice.roll(20) == 0;
        aio.on_complete(move |_, _| {
            let _ = told.send(ticket);
            if panics {
                panic_quietly();
            }
        })
    }
    let mut tickets = Vec::new();
    let mut cancelers = Vec::new();
    let closes = dice.roll(3) == 0;
    for turn in 0..40 {
        let ticket = dice.roll(u64::MAX);
        tickets.push(ticket);
        let len = [0, 5, 9_000, 200_000][dice.roll(4) as usize];
        let offset = dice.roll(1000);
        cancelers.push(match dice.roll(6) {
            0 | 1 => submit(&mut dice, ticket, told, |aio| {
                conn.write_all(aio.iov([pattern(offset, len)]))
            }),
            2 => submit(&mut dice, ticket, told, |aio| {
                conn.write(aio.iov([pattern(offset, len)]))
            }),
            3 => submit(&mut dice, ticket, told, |aio| conn.read(aio, 3)),
            4 => submit(&mut dice, ticket, told, |aio| conn.read_all(aio, 7)),
            _ => submit(&mut dice, ticket, told, |aio| conn.read_request(aio)),
        });
        if dice.roll(2) == 0 {
            let which = dice.roll(cancelers.len() as u64) as usize;
            cancelers[which].cancel();
        }
        if closes && turn == 30 {
            conn.close();
        }
    }
    tickets
}
