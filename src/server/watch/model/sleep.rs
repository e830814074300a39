//! The monitor does not sleep while somebody serves: a holder that is stuck loses its watch, whenever it began.

use super::world::{Conn, World, check, check_up_to, quick};
use crate::blocking;
use crate::server::watch::{Seat, Summons};

/// Its answer waits for another.
fn stuck(mut conn: Conn, _: Summons, seat: Seat<'_, Conn>) {
    if conn.read() {
        conn.world.until_answered(1);
        conn.answer();
    }
    conn.waits_again(seat);
}

/// So does this one's, and it says so.
fn blocks(conn: Conn, why: Summons, seat: Seat<'_, Conn>) {
    blocking::announce();
    stuck(conn, why, seat);
}

#[test]
fn a_holder_that_begins_to_serve_while_the_monitor_falls_asleep() {
    check(|| {
        let world = World::new();
        world.admit(0, stuck);
        world.admit(1, quick);
        world.monitor();
        world.arrive(0, 1);
        world.arrive(1, 1);
        world.ends_after(2);
    });
}

/// The thread that is to hold the watch takes its time, in which nobody serves.
#[test]
fn a_holder_that_comes_late_and_finds_something_to_do() {
    check(|| {
        let world = World::new();
        world.admit_with(0, 1, stuck);
        world.admit_with(1, 1, quick);
        world.monitor();
        world.ends_after(2);
    });
}

/// Nobody holds the watch while another thread is looked for in vain. One preemption shows it, and two take long.
#[test]
fn a_holder_that_goes_on_because_there_is_no_other_thread() {
    check_up_to(1, || {
        let world = World::new();
        world.lack_threads(1);
        world.admit_with(0, 1, blocks);
        world.admit_with(1, 1, quick);
        world.monitor();
        world.ends_after(2);
    });
}
