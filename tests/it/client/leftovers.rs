//! Nothing is left of calls, whatever servers do and however they are given up.

use std::collections::HashMap;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use http_aio::http::Method;
use http_aio::{Aio, Client, ErrorKind};

use super::SOON;
use crate::site::*;
use crate::support::*;

/// Answers, closes, resets, and stops in the middle, at random.
fn capricious(seed: u64) -> Site {
    Site::listen(move |visit| {
        let mut dice = Dice::new(seed + visit.nth as u64 * 7919);
        loop {
            let caprice = dice.roll(40);
            if caprice == 0 {
                return; // As soon as it has answered, or at once.
            }
            let Some((head, _)) = visit.request() else {
                return;
            };
            match caprice {
                1 => return,
                2 => return visit.reset(),
                3 => {
                    visit.say("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nsome");
                    return;
                }
                4 => {
                    visit.say("HTTP/1.1 200 O");
                    return visit.reset();
                }
                5 => {
                    visit.say(format!(
                        "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{}",
                        path(&head).len(),
                        path(&head)
                    ));
                    return;
                }
                6 => {
                    visit.say(answer(path(&head)));
                    return visit.reset();
                }
                _ => {
                    if !visit.say(answer(path(&head))) {
                        return;
                    }
                }
            }
        }
    })
}

/// Eight threads over one client, against servers that close at any moment. Each call has one
/// outcome, which is its own; nothing but what is idempotent is seen twice; nothing is left.
#[test]
fn whatever_servers_do_each_call_ends_once_and_nothing_is_left() {
    if !alone("client::leftovers::whatever_servers_do_each_call_ends_once_and_nothing_is_left") {
        return;
    }
    const CALLS: usize = 5000;
    let sites: Arc<Vec<_>> = Arc::new((1..4).map(capricious).collect());
    let client = Client::builder()
        .idle_per_authority(4)
        .idle_total(9)
        .build();
    let threads: Vec<_> = (0..8)
        .map(|thread| {
            let (client, sites) = (client.clone(), Arc::clone(&sites));
            thread::spawn(move || {
                let mut dice = Dice::new(1000 + thread);
                let mut answered = Vec::new();
                for nth in 0..CALLS {
                    let path = format!("/{thread}/{nth}");
                    let method =
                        [Method::GET, Method::PUT, Method::POST][dice.roll(3) as usize].clone();
                    let site = &sites[dice.roll(3) as usize];
                    let body = if method == Method::GET { "" } else { "content" };
                    let call = client
                        .transact(Aio::new().timeout(PATIENCE), site.ask(method, &path, body));
                    let canceled = dice.roll(50) == 0;
                    if canceled {
                        call.cancel();
                    }
                    match WAYS[dice.roll(4) as usize](call) {
                        Ok(response) => {
                            assert_eq!(response.body(), path.as_str());
                            answered.push(path);
                        }
                        Err(error) => {
                            let expected = [ErrorKind::Reset, ErrorKind::Canceled];
                            assert!(expected.contains(&error.kind()), "{error:?}");
                            assert!(canceled || error.kind() == ErrorKind::Reset, "{error:?}");
                        }
                    }
                }
                answered
            })
        })
        .collect();
    let answered: Vec<_> = threads.into_iter().flat_map(join).collect();
    let mut seen = HashMap::<String, u32>::new();
    for site in sites.iter() {
        for asked in site.asked() {
            *seen.entry(asked).or_default() += 1;
        }
    }
    for (asked, times) in &seen {
        let most = if asked.starts_with("POST") { 1 } else { 2 };
        assert!(*times <= most, "{asked} was seen {times} times");
    }
    assert!(
        answered.len() > 8 * CALLS / 2,
        "only {} answers",
        answered.len()
    );
    let retried = seen.values().filter(|times| **times == 2).count();
    let connections: usize = sites.iter().map(Site::connections).sum();
    println!(
        "{} answered, {retried} sent again, {connections} connections",
        answered.len()
    );
    drop(client);
    for site in sites.iter() {
        site.wait_until_open(0);
    }
    drop(sites);
    wait_until("the threads end", || threads_of_ours().is_empty());
    wait_until("the sockets close", || sockets() == 0);
}

/// Calls that are given up in all phases leave nothing behind, while the client lives on.
#[test]
fn what_is_given_up_leaves_nothing() {
    if !alone("client::leftovers::what_is_given_up_leaves_nothing") {
        return;
    }
    let hole = BlackHole::open();
    let site = Site::serving();
    let client = Client::builder()
        .idle_per_authority(0)
        .max_redirects(3)
        .build();
    let before = sockets();
    for round in 0..60 {
        let path = ["/never", "/text", "/until-end"][round % 3];
        let calls = [
            site.get(path),
            site.ask(Method::PUT, path, vec![b'x'; 1 << 20]),
        ];
        for request in calls {
            let call = client.transact(Aio::new(), request.clone());
            thread::sleep(Duration::from_micros(round as u64 * 50));
            call.cancel();
            drop(call);
            let call = client.transact_streaming(Aio::new().timeout(SOON / 8), request);
            call.on_complete(|_, _| {});
        }
        if let Some(hole) = hole.as_ref() {
            drop(client.transact(Aio::new().timeout(SOON / 4), hole.get()));
        }
    }
    site.wait_until_open(0);
    wait_until("the threads end", || threads_of_ours().is_empty());
    wait_until("the sockets close", || sockets() == before);
}
