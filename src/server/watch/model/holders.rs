//! Who holds the watch: one at a time, and always somebody, or it was given to a thread.

use loom::thread;

use super::world::{Conn, HOUR, World, check, quick};
use crate::blocking;
use crate::server::watch::{Seat, Summons};

/// Looks twice, as the monitor does.
fn look(world: &World) {
    let seen = world.watch.look(None);
    world.watch.look(seen);
}

/// It is answered while another thread holds the watch.
fn blocks(mut conn: Conn, _: Summons, seat: Seat<'_, Conn>) {
    if conn.read() {
        blocking::announce();
        assert!(!seat.holds_watch());
        conn.answer();
    }
    conn.waits_again(seat);
}

/// It is answered by a thread that goes on holding the watch, because there is no other.
fn blocks_nevertheless(mut conn: Conn, _: Summons, seat: Seat<'_, Conn>) {
    if conn.read() {
        blocking::announce();
        assert!(seat.holds_watch());
        conn.answer();
    }
    conn.waits_again(seat);
}

/// It takes some time, without a word.
fn slow(mut conn: Conn, _: Summons, seat: Seat<'_, Conn>) {
    if conn.read() {
        thread::yield_now();
        thread::yield_now();
        conn.answer();
    }
    conn.waits_again(seat);
}

/// Two come to hold it: one of them leaves, until it is closed and after that.
#[test]
fn a_watch_that_is_held_is_not_claimed() {
    check(|| {
        let world = World::new();
        world.admit_with(0, 1, quick);
        world.spawn(|world| world.watch.hold());
        world.ends_after(1);
    });
}

#[test]
fn the_monitor_takes_the_watch_while_its_holder_serves() {
    check(|| {
        let world = World::new();
        world.admit_with(0, 2, quick);
        world.spawn(|world| look(world));
        world.ends_after(2);
    });
}

#[test]
fn one_that_is_about_to_block_gives_the_watch_to_one_thread() {
    check(|| {
        let world = World::new();
        world.admit_with(0, 1, blocks);
        world.ends_after(1);
        assert_eq!(world.given(), 2);
    });
}

#[test]
fn the_monitor_meets_one_that_is_about_to_block() {
    check(|| {
        let world = World::new();
        world.admit_with(0, 1, blocks);
        world.spawn(|world| look(world));
        world.ends_after(1);
    });
}

#[test]
fn one_for_which_there_is_no_other_thread_goes_on() {
    check(|| {
        let world = World::new();
        world.lack_threads(1);
        world.admit_with(0, 1, blocks_nevertheless);
        world.admit_with(1, 1, quick);
        world.ends_after(2);
        assert_eq!(world.given(), 1);
    });
}

/// There is no thread for a watch that was taken away, and the last one has left when that is known: another is
/// found later.
#[test]
fn one_that_has_left_is_not_taken_for_the_holder_for_long() {
    check(|| {
        let world = World::new();
        world.lack_threads(1);
        world.admit_with(0, 1, slow);
        world.admit_with(1, 1, quick);
        let mut seen = None;
        while !world.watch.set.is_waited_on(HOUR) {
            seen = world.watch.look(seen);
            thread::yield_now();
        }
        world.ends_after(2);
    });
}
