//! A connection is put back by a thread that has lost its watch, while another waits.

use std::time::{Duration, Instant};

use super::world::{Conn, HOUR, World, check, quick};
use crate::blocking;
use crate::server::watch::{Phase, Seat, Summons};

const MINUTE: Duration = Duration::from_secs(60);

fn blocks(mut conn: Conn, _: Summons, seat: Seat<'_, Conn>) {
    if conn.read() {
        blocking::announce();
        conn.answer();
    }
    conn.waits_again(seat);
}

/// The head of the next request has begun a while ago.
fn begins(mut conn: Conn, _: Summons, seat: Seat<'_, Conn>) {
    blocking::announce();
    if conn.read() {
        conn.answer();
    }
    conn.put_back(seat, Phase::Head, Instant::now() - 30 * MINUTE);
}

#[test]
fn what_lies_in_its_buffer_is_served() {
    check(|| {
        let world = World::new();
        world.admit_with(0, 2, blocks);
        world.ends_after(2);
        assert_eq!(world.given(), 3);
    });
}

#[test]
fn what_has_come_meanwhile_is_served() {
    check(|| {
        let world = World::new();
        world.admit_with(0, 1, blocks);
        world.spawn(|world| world.arrive(0, 1));
        world.ends_after(2);
    });
}

#[test]
fn who_waits_learns_of_an_earlier_deadline() {
    check(|| {
        let world = World::new();
        world.admit_with(0, 1, begins);
        world.watch.set.until_waited_on(HOUR / 2);
        world.ends_after(1);
    });
}

/// The thread that puts it back looks who else is ready, and so sees that the waker was woken.
#[test]
fn who_waits_learns_of_it_although_another_looks_at_the_set() {
    check(|| {
        let world = World::new();
        world.admit_with(0, 1, quick);
        world.admit_with(1, 1, begins);
        world.watch.set.until_waited_on(HOUR / 2);
        world.ends_after(2);
    });
}
