//! The holder waits, or is about to, and somebody has something for it to do.

use super::world::{Conn, World, check, quick};
use crate::server::watch::{Seat, Summons, Watching};

/// Ends when it is asked to, after what has come.
fn obeys(mut conn: Conn, why: Summons, seat: Seat<'_, Conn>) {
    if conn.read() {
        conn.answer();
    }
    match why {
        Summons::Asked => conn.answer(),
        Summons::Ready | Summons::Due => conn.waits_again(seat),
    }
}

#[test]
fn connections_come_with_requests_in_their_buffers() {
    check(|| {
        let world = World::new();
        world.spawn(|world| {
            world.admit_with(0, 1, quick);
        });
        world.admit_with(1, 1, quick);
        world.ends_after(2);
    });
}

#[test]
fn requests_arrive() {
    check(|| {
        let world = World::new();
        world.admit(0, quick);
        world.spawn(|world| world.arrive(0, 1));
        world.arrive(0, 1);
        world.ends_after(2);
    });
}

#[test]
fn one_that_may_be_served_just_now_is_asked() {
    check(|| {
        let world = World::new();
        let key = world.admit(0, obeys);
        world.arrive(0, 1);
        world.watch.ask(key);
        world.ends_after(2);
    });
}

#[test]
fn all_are_asked() {
    check(|| {
        let world = World::new();
        world.admit_with(0, 1, obeys);
        world.admit(1, obeys);
        world.watch.ask_all();
        world.ends_after(3);
    });
}
