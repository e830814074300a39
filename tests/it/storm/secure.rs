//! Reads and writes on one connection over TLS after another; the peer is rustls itself.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use http_aio::rustls::version::{TLS12, TLS13};

use super::raw::submit;
use super::{Crew, End, WILD, end_by, storm};
use crate::support::{Dice, join, pattern, wait_until};
use crate::tls::{Raw, conn_and_raw};

/// The peer has fallen silent when the connection ends.
#[test]
fn reads_and_writes_over_tls() {
    storm("storm::secure::reads_and_writes_over_tls", |dice| {
        round(dice, 30_000)
    });
}

/// It goes on speaking to a connection that has ended.
#[test]
fn reads_and_writes_over_tls_with_a_peer_that_talks_on() {
    storm(
        "storm::secure::reads_and_writes_over_tls_with_a_peer_that_talks_on",
        |dice| {
            round(dice, usize::MAX);
        },
    );
}

/// The peer says so much, or goes on for ever.
fn round(dice: &mut Dice, most: usize) {
    let end = End::of(dice);
    let version = if dice.roll(2) == 0 { &TLS12 } else { &TLS13 };
    let (conn, peer) = conn_and_raw(version);
    let orders = Arc::new(Orders::default());
    let theirs = (Dice(dice.roll(u64::MAX) | 1), Arc::clone(&orders));
    let peer = thread::spawn(move || play(peer, theirs.0, most, &theirs.1));
    let mine = conn.clone();
    let crew = Crew::start(WILD, 3, dice, end, move |worker| submit(worker, &mine));
    let tally = crew.finish(dice, || {
        if most < usize::MAX {
            orders.hush();
        }
        end_by(end, &conn, || orders.reset.store(true, Ordering::SeqCst));
    });
    tally.assert_over();
    drop(conn);
    let drained = join(peer);
    if end != End::Reset {
        tally.assert_drained(drained, &format!("{end:?}"));
    }
}

/// What the peer is to do, and has done.
#[derive(Default)]
struct Orders {
    reset: AtomicBool,
    hush: AtomicBool,
    silent: AtomicBool,
}

impl Orders {
    fn hush(&self) {
        self.hush.store(true, Ordering::SeqCst);
        wait_until("the peer falls silent", || {
            self.silent.load(Ordering::SeqCst)
        });
    }
}

/// Says something now and then, and drains to the end; says how much that was.
fn play(mut peer: Raw<TcpStream>, mut dice: Dice, most: usize, orders: &Orders) -> u64 {
    let drained = talk_and_drain(&mut peer, &mut dice, most, orders);
    orders.silent.store(true, Ordering::SeqCst);
    drained
}

fn talk_and_drain(peer: &mut Raw<TcpStream>, dice: &mut Dice, most: usize, orders: &Orders) -> u64 {
    let _ = peer.sock.set_read_timeout(Some(Duration::from_millis(1)));
    let _ = peer.sock.set_write_timeout(Some(Duration::from_millis(1)));
    let mut buffer = vec![0; 64 << 10];
    let (mut drained, mut left) = (0, most);
    while !orders.reset.load(Ordering::SeqCst) {
        if orders.hush.load(Ordering::SeqCst) {
            left = 0;
        }
        if left > 0 && dice.roll(2) == 0 {
            let some = left.min(1 + dice.roll(2_000) as usize);
            // What does not go out stays with rustls.
            left -= peer.write(&pattern(0, some)).unwrap_or(0);
        }
        if left == 0 && !peer.conn.wants_write() {
            orders.silent.store(true, Ordering::SeqCst);
        }
        match peer.read(&mut buffer) {
            Ok(0) => return drained,
            Ok(count) => drained += count as u64,
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            Err(_) => return drained,
        }
        if dice.roll(20) == 0 {
            thread::sleep(Duration::from_micros(dice.roll(2_000)));
        }
    }
    let _ = socket2::SockRef::from(&peer.sock).set_linger(Some(Duration::ZERO));
    drained
}
