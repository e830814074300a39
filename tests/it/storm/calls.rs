//! A client that several threads share, and a server that closes when it likes.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use http_aio::http::{Method, Response};
use http_aio::{Body, Client, Error};

use super::messages::sent;
use super::{Crew, End, WILD, Worker, storm};
use crate::site::{Site, Visit, answer};
use crate::support::{Dice, pattern};

#[test]
fn calls_of_a_client() {
    storm("storm::calls::calls_of_a_client", round);
}

fn round(dice: &mut Dice) {
    let luck = Arc::new(AtomicU64::new(dice.roll(u64::MAX)));
    let site = Site::listen(move |visit| {
        let luck = luck.fetch_add(0x9e37_79b9_7f4a_7c15, Ordering::SeqCst);
        let mut dice = Dice(luck | 1);
        while visit_once(visit, &mut dice) {}
    });
    let site = Arc::new(site);
    let client = Client::builder()
        .idle_per_authority(1 + dice.roll(4) as usize)
        .idle_timeout(Duration::from_millis(1 + dice.roll(50)))
        .build();
    let (mine, theirs) = (client.clone(), Arc::clone(&site));
    // Nobody can close what is the client's, so every call has a deadline.
    let crew = Crew::start(WILD, 4, dice, End::Drop, move |worker| {
        submit(worker, &mine, &theirs);
    });
    let tally = crew.finish(dice, || drop(client));
    tally.assert_over();
    // What the client has left behind is closed.
    site.wait_until_open(0);
}

fn submit(worker: &mut Worker, client: &Client, site: &Site) {
    let dice = &mut worker.dice;
    let (method, size) = match dice.roll(4) {
        0 => (Method::POST, dice.roll(1_000)),
        1 => (Method::PUT, dice.roll(100_000)),
        _ => (Method::GET, 0),
    };
    let request = site.ask(method, "/", pattern(0, size as usize));
    if dice.roll(4) > 0 {
        let call = client.transact(worker.aio(), request);
        return worker.end(call, u64::MAX >> 32, sent);
    }
    let call = client.transact_streaming(worker.aio(), request);
    let read_some = |result: &Result<Response<Body>, Error>| {
        if let Ok(response) = result {
            // And what is not read closes its connection.
            drop(response.body().read_some(http_aio::Aio::new(), 10));
        }
        0
    };
    worker.end(call, 0, read_some);
}

/// Whether the connection can go on.
fn visit_once(visit: &mut Visit, dice: &mut Dice) -> bool {
    let luck = dice.roll(30);
    if luck == 0 {
        return false; // Without a request, perhaps.
    }
    let Some(head) = visit.asked() else {
        return false;
    };
    if luck == 1 {
        return false;
    }
    if visit.content(&head).is_none() {
        return false;
    }
    match luck {
        2 => false,
        3 => {
            visit.reset();
            false
        }
        4 => {
            visit.say("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nnot all of it");
            false
        }
        5 => {
            visit.say("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok");
            false
        }
        6 => {
            visit.say(answer("and then it ends"));
            false
        }
        7 => {
            thread::sleep(Duration::from_micros(dice.roll(5_000)));
            visit.say(answer("late"))
        }
        8 => visit
            .say("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"),
        _ => visit.say(answer("hello")),
    }
}
