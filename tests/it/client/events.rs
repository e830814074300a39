//! What a client tells of its work.

use std::sync::Arc;

use crossbeam_channel::{Receiver, unbounded};
use http_aio::{Aio, Client, ClientBuilder, ErrorKind, Event};

use super::redirecting;
use crate::site::*;
use crate::support::*;

/// A client that tells, and what it has told, without what differs from run to run.
fn observed(builder: ClientBuilder) -> (Client, Receiver<String>) {
    let (tell, told) = unbounded();
    let client = builder.observe(move |event| {
        let said = match event {
            Event::Connecting { host, .. } => format!("connecting to {host}"),
            Event::Connected { peer, .. } => {
                assert!(peer.ip().is_some());
                "connected".to_owned()
            }
            Event::ConnectFailed { error, .. } => format!("failed: {:?}", error.kind()),
            Event::Reused { peer, .. } => {
                assert!(peer.ip().is_some());
                "reused".to_owned()
            }
            Event::SentAgain { uri, error, .. } => {
                format!("again {} after {:?}", uri.path(), error.kind())
            }
            Event::Redirected {
                status, from, to, ..
            } => format!("{status} from {} to {}", from.path(), to.path()),
            other => panic!("an event that is not known here: {other:?}"),
        };
        tell.send(said).expect("the test listens");
    });
    (client.build(), told)
}

fn all(told: &Receiver<String>) -> Vec<String> {
    told.try_iter().collect()
}

#[test]
fn connects_and_connections_that_are_used_again() {
    let site = Site::serving();
    let (client, told) = observed(Client::builder());
    fetch(&client, site.get("/"));
    assert_eq!(all(&told), ["connecting to 127.0.0.1", "connected"]);
    fetch(&client, site.get("/"));
    assert_eq!(all(&told), ["reused"]);
}

#[test]
fn a_connect_that_fails() {
    let (_refusing, address) = refusing();
    let (client, told) = observed(Client::builder());
    let error = settle(client.get(Aio::new(), format!("http://{address}/"))).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Refused);
    assert_eq!(all(&told), ["connecting to 127.0.0.1", "failed: Refused"]);
}

#[test]
fn redirections_that_are_followed() {
    let site = redirecting(302);
    let (client, told) = observed(Client::builder().max_redirects(1));
    fetch(&client, site.get("/1"));
    let redirected = "302 Found from /1 to /0";
    assert_eq!(
        all(&told),
        ["connecting to 127.0.0.1", "connected", redirected, "reused"]
    );
    // The last is not followed.
    settle(client.transact(Aio::new(), site.get("/2"))).expect_err("two are too many");
    let redirected = "302 Found from /2 to /1";
    assert_eq!(all(&told), ["reused", redirected, "reused"]);
}

#[test]
fn a_request_that_is_sent_again() {
    // Each connection is good for one answer, and closes when it is asked for another.
    let site = Site::listen(|visit| {
        visit.serve_one();
        visit.asked();
    });
    let (client, told) = observed(Client::builder());
    fetch(&client, site.get("/first"));
    fetch(&client, site.get("/second"));
    let again = "again /second after Reset";
    let connect = ["connecting to 127.0.0.1", "connected"];
    let expected = [&connect[..], &["reused", again], &connect].concat();
    assert_eq!(all(&told), expected);
}

#[test]
fn an_observer_that_panics_harms_nobody() {
    let site = Site::serving();
    let client = Client::builder()
        .observe(|_| std::panic::resume_unwind(Box::new("from the observer")))
        .build();
    for _ in 0..2 {
        fetch(&client, site.get("/"));
    }
    assert_eq!(site.connections(), 1);
}

/// It may use the client whose events it is told, as long as it does not wait.
#[test]
fn an_observer_may_submit() {
    let site = Arc::new(Site::serving());
    let other = Client::new();
    let (tell, told) = unbounded();
    let theirs = Arc::clone(&site);
    let client = Client::builder()
        .observe(move |event| {
            if let Event::Connected { .. } = event {
                let aio = other.transact(Aio::new(), theirs.get("/from-the-observer"));
                let tell = tell.clone();
                aio.on_complete(move |result, _| drop(tell.send(result.map(drop))));
            }
        })
        .build();
    fetch(&client, site.get("/"));
    receive(&told).expect("it is answered");
    assert_eq!(site.connections(), 2);
}
