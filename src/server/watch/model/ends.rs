//! A connection ends, and another has its place; and the watch itself.

use super::world::{Conn, World, check, check_up_to};
use crate::blocking;
use crate::server::watch::{Seat, Summons, Watching};

/// It ends while another thread holds the watch, and the next connection has its place.
fn is_followed(mut conn: Conn, _: Summons, seat: Seat<'_, Conn>) {
    blocking::announce();
    if conn.read() {
        conn.answer();
    }
    drop(seat);
    conn.world.admit(1, silent);
}

fn silent(_: Conn, why: Summons, _: Seat<'_, Conn>) {
    panic!("nothing has come, but it is looked at: {why:?}");
}

fn blocks(mut conn: Conn, _: Summons, seat: Seat<'_, Conn>) {
    if conn.read() {
        blocking::announce();
        conn.answer();
    }
    conn.waits_again(seat);
}

#[test]
fn what_came_for_one_that_has_ended_is_not_reported_to_the_next() {
    check(|| {
        let world = World::new();
        world.admit_with(0, 1, is_followed);
        world.spawn(|world| world.arrive(0, 1));
        world.ends_after(1);
    });
}

#[test]
fn who_asks_for_one_that_has_ended_does_not_ask_the_next() {
    check(|| {
        let world = World::new();
        let key = world.admit_with(0, 1, is_followed);
        world.until_answered(1);
        world.watch.set.until_replaced(key);
        world.watch.ask(key);
        world.ends_after(1);
    });
}

#[test]
fn a_watch_is_closed_while_its_holder_begins_to_wait() {
    check_up_to(4, || World::new().closes());
}

#[test]
fn a_watch_is_closed_while_it_is_given_to_another_thread() {
    check(|| {
        let world = World::new();
        world.admit_with(0, 1, blocks);
        world.closes();
    });
}
