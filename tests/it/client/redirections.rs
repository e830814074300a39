//! Redirections: followed, limited, and what of the request they keep.

use http_aio::http::{HeaderValue, Method, StatusCode};
use http_aio::{Aio, Client, ErrorKind};

use super::redirecting;
use crate::site::*;
use crate::support::*;

#[test]
fn redirections_are_responses_unless_they_are_to_be_followed() {
    let site = Site::listen(|visit| {
        while visit.request().is_some() {
            visit.say(moved(302, "/next"));
        }
    });
    let client = Client::new();
    let response = fetch(&client, site.get("/"));
    assert_eq!(
        (response.status(), &response.body()[..]),
        (StatusCode::FOUND, &b"moved"[..])
    );
    assert_eq!(response.headers()["location"], "/next");
    assert_eq!(site.seen().len(), 1);
}

#[test]
fn redirections_are_followed_up_to_a_limit() {
    let site = redirecting(302);
    let client = Client::builder().max_redirects(3).build();
    for way in WAYS {
        for hops in 0..4 {
            let response = way(client.transact(Aio::new(), site.get(&format!("/{hops}")))).unwrap();
            assert_eq!(response.body(), "GET 0");
        }
        let before = site.seen().len();
        let error = way(client.transact(Aio::new(), site.get("/4"))).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::TooLarge);
        assert_eq!(site.seen().len() - before, 4);
        let error = way(client.transact(Aio::new(), site.get("/loop"))).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::TooLarge);
        assert_eq!(site.seen().len() - before, 8);
    }
    assert_eq!(fetch(&client, site.get("/nowhere")).body(), "lost");
    assert_eq!(
        failure(settle(client.transact(Aio::new(), site.get("/secure")))).0,
        if cfg!(feature = "tls") {
            ErrorKind::Refused
        } else {
            ErrorKind::NotSupported
        }
    );
    assert_eq!(
        failure(settle(client.transact(Aio::new(), site.get("/files")))).0,
        ErrorKind::Protocol
    );
    assert_eq!(fetch(&client, site.get("/0")).body(), "GET 0");
    assert!(
        site.connections() <= 3,
        "what led nowhere may cost its connection, nothing else"
    );
}

#[test]
fn a_redirection_keeps_or_drops_the_body() {
    let cases = [
        (301, Method::POST, "GET 0"),
        (302, Method::POST, "GET 0"),
        (303, Method::POST, "GET 0"),
        (303, Method::PUT, "GET 0"),
        (302, Method::PUT, "PUT 7"),
        (307, Method::POST, "POST 7"),
        (308, Method::POST, "POST 7"),
    ];
    for (status, method, expected) in cases {
        let (site, other) = (redirecting(status), redirecting(status));
        let client = Client::builder().max_redirects(5).build();
        let response = fetch(&client, site.ask(method.clone(), "/3", "content"));
        assert_eq!(response.body(), expected, "{status} {method}");
        let there = format!("/to?{}", other.url("/2"));
        let response = fetch(&client, site.ask(method.clone(), &there, "content"));
        assert_eq!(response.body(), expected, "{status} {method}");
        assert_eq!((site.connections(), other.connections()), (1, 1));
    }
    // A large one, whose answer comes early.
    let early = Site::listen(|visit| {
        while let Some(head) = visit.asked() {
            if path(&head) == "/here" {
                let content = visit.content(&head).unwrap_or_default();
                visit.say(answer(&content.len().to_string()));
            } else {
                visit.say(moved(307, "/here"));
                visit.idle();
            }
        }
    });
    let client = Client::builder().max_redirects(1).build();
    let large = early.ask(Method::PUT, "/", vec![b'x'; 16 << 20]);
    assert_eq!(
        fetch(&client, large).body(),
        (16 << 20).to_string().as_str()
    );
}

/// Row 46 of the checklist: also on later hops, and back.
#[test]
fn credentials_stay_with_their_origin() {
    let (here, there) = (redirecting(307), redirecting(307));
    let client = Client::builder().max_redirects(5).build();
    let back = format!("/to?{}", here.url("/0"));
    let away = format!("/to?{}", there.url(&back));
    let mut request = here.get(&format!("/to?{away}"));
    let mut secret = HeaderValue::from_static("secret");
    for name in ["authorization", "cookie", "proxy-authorization"] {
        request.headers_mut().insert(name, secret.clone());
    }
    secret.set_sensitive(true);
    request.headers_mut().insert("x-token", secret);
    request
        .headers_mut()
        .insert("x-plain", HeaderValue::from_static("plain"));
    for way in WAYS {
        let before = (here.seen().len(), there.seen().len());
        way(client.transact(Aio::new(), request.clone())).unwrap();
        let (ours, theirs) = (
            here.heads().split_off(before.0),
            there.heads().split_off(before.1),
        );
        assert_eq!((ours.len(), theirs.len()), (3, 1));
        for (head, knows) in [
            (&ours[0], true),
            (&ours[1], true),
            (&theirs[0], false),
            (&ours[2], false),
        ] {
            for name in ["authorization", "cookie", "x-token"] {
                assert_eq!(header(head, name).is_some(), knows, "{name}: {head}");
            }
            // That is for a proxy, and there is none.
            assert_eq!(header(head, "proxy-authorization"), None);
            assert_eq!(header(head, "x-plain"), Some("plain"));
        }
        let host = |head| header(head, "host").unwrap().to_owned();
        assert_eq!(host(&theirs[0]), there.address.to_string());
        assert_eq!(host(&ours[2]), here.address.to_string());
    }
    // To and fro over what was kept.
    assert_eq!((here.connections(), there.connections()), (1, 1));
}

#[test]
fn a_streaming_call_follows_redirections_too() {
    let (here, there) = (redirecting(303), redirecting(303));
    let client = Client::builder().max_redirects(3).build();
    let request = here.ask(Method::POST, &format!("/to?{}", there.url("/2")), "content");
    let response = stream(&client, request);
    assert_eq!(read_to_end(&response), b"GET 0");
    drop(response);
    here.wait_until_open(0); // The body of a redirection that nobody read.
    there.wait_until_open(1);
    // Without a body it costs nothing.
    let before = there.connections();
    drop(stream(&client, there.get("/empty")));
    assert_eq!(there.connections(), before);
    let request = here.get("/loop");
    let error = settle(client.transact_streaming(Aio::new(), request)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TooLarge);
}

/// A count of 0 would say that nobody has seen it.
#[test]
fn a_call_that_fails_after_a_redirection_counts_what_a_server_has_got() {
    let (_nobody, address) = refusing();
    let nowhere = format!("http://{address}/");
    for (status, location, kind) in [
        (303, &nowhere[..], ErrorKind::Refused),
        (307, &nowhere, ErrorKind::Refused),
        (307, "ftp://h/", ErrorKind::Protocol),
        (307, "/again", ErrorKind::TooLarge),
    ] {
        let to = location.to_owned();
        let site = Site::listen(move |visit| {
            while visit.request().is_some() {
                visit.say(moved(status, &to));
            }
        });
        let client = Client::builder().max_redirects(2).build();
        for way in WAYS {
            let request = site.ask(Method::POST, "/", "content");
            let least = "POST / HTTP/1.1\r\n\r\ncontent".len() as u64;
            let error = way(client.transact(Aio::new(), request)).unwrap_err();
            assert_eq!(error.kind(), kind, "{status} {location}");
            assert!(error.count() >= least, "{status} {location}: {error:?}");
        }
    }
    let client = Client::builder().max_redirects(2).build();
    let refused = settle(client.get(Aio::new(), &nowhere));
    assert_eq!(failure(refused), (ErrorKind::Refused, 0));
}
