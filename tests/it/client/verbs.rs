//! Requests in one expression.

use std::time::Duration;

use http_aio::bytes::Bytes;
use http_aio::http::{Method, Uri};
use http_aio::{Aio, CancelToken, Client, ErrorKind, ResponseExt};

use super::redirecting;
use crate::site::*;
use crate::support::*;

#[test]
fn each_verb_sends_its_method_and_its_body() {
    let site = Site::serving();
    let client = Client::new();
    for way in WAYS {
        let before = site.seen().len();
        let url = site.url("/echo");
        let got = way(client.get(Aio::new(), &url)).unwrap();
        assert_eq!(got.body(), "");
        let head = way(client.head(Aio::new(), &url)).unwrap();
        assert!(head.body().is_empty());
        let deleted = way(client.delete(Aio::new(), &url)).unwrap();
        assert!(deleted.status().is_success());
        let posted = way(client.post(Aio::new(), &url, "posted")).unwrap();
        assert_eq!(posted.text().unwrap(), "posted");
        let put = way(client.put(Aio::new(), &url, vec![b'p'; 3])).unwrap();
        assert_eq!(put.text().unwrap(), "ppp");
        let nothing = way(client.post(Aio::new(), &url, ())).unwrap();
        assert_eq!(nothing.text().unwrap(), "");

        let heads = site.heads().split_off(before);
        let sent: Vec<_> = heads
            .iter()
            .map(|head| {
                (
                    head.split(' ').next().unwrap(),
                    header(head, "content-length"),
                )
            })
            .collect();
        let expected = [
            ("GET", None),
            ("HEAD", None),
            ("DELETE", None),
            ("POST", Some("6")),
            ("PUT", Some("3")),
            ("POST", Some("0")),
        ];
        assert_eq!(sent, expected);
        assert!(
            heads
                .iter()
                .all(|head| header(head, "content-type").is_none())
        );
    }
    assert_eq!(site.connections(), 1);
}

#[test]
fn a_url_is_whatever_becomes_one() {
    let site = Site::serving();
    let client = Client::new();
    let url = site.url("/echo?a=b");
    let uri: Uri = url.parse().unwrap();
    let fetched = [
        client.get(Aio::new(), url.as_str()),
        client.get(Aio::new(), &url),
        client.get(Aio::new(), url.clone()),
        client.get(Aio::new(), &uri),
        client.get(Aio::new(), url.as_bytes()),
        client.get(Aio::new(), uri),
    ];
    let count = fetched.len();
    for call in fetched {
        settle(call).unwrap();
    }
    assert_eq!(site.asked(), vec!["GET /echo?a=b"; count]);
    // Without a path, and with what is not for the server.
    let (host, before) = (site.address, site.seen().len());
    for url in [
        format!("http://{host}"),
        format!("HTTP://{host}/"),
        format!("http://{host}/#fragment"),
        format!("http://user:password@{host}/"),
    ] {
        settle(client.get(Aio::new(), &url)).unwrap();
    }
    assert_eq!(site.asked().split_off(before), ["GET /"; 4]);
    assert!(site.heads().iter().all(|head| !head.contains("password")));
}

/// A URL that is none is told as any failure is, in every way to learn of it, and asks nobody.
#[test]
fn a_bad_url_is_told_through_the_aio() {
    let site = Site::serving();
    let client = Client::new();
    let bad = [
        "",
        "/path",
        "http://",
        "http:///path",
        "http://a b/",
        "http://h/a b",
        "http://h:port/",
        "http://h:99999/",
        "http://127.0.0.1:0/",
        "http://127.0.0.1:+80/",
        "http://user@127.0.0.1:80x/",
        "http://[::1]x/",
        "http://\u{e9}/",
        "example.com:80",
        "example.com",
        "*",
        "ftp://h/",
        "mailto:someone@example.com",
    ];
    for url in bad {
        for way in WAYS {
            let calls = [
                client.get(Aio::new(), url),
                client.head(Aio::new(), url.to_owned()),
                client.delete(Aio::new(), url),
                client.post(Aio::new(), url, "body"),
                client.put(Aio::new(), url, Bytes::from_static(b"body")),
            ];
            for call in calls {
                let error = way(call).unwrap_err();
                let told = (error.kind(), error.count());
                assert_eq!(told, (ErrorKind::InvalidInput, 0), "{url:?}: {error:?}");
                assert!(error.detail().is_some(), "{url:?} is not said to be wrong");
            }
        }
    }
    assert_eq!(site.connections(), 0);
}

/// What fails before it begins is like what fails later: the aio is good again, and its closure is called on
/// a thread of the library.
#[test]
fn a_bad_url_leaves_a_good_aio() {
    let site = Site::serving();
    let client = Client::new();
    let token = CancelToken::new();
    let aio = Aio::new().timeout(PATIENCE).cancel_token(&token);
    let (result, aio) = settle_and_reclaim(client.get(aio, "not a URL"));
    assert_eq!(failure(result), (ErrorKind::InvalidInput, 0));
    let (result, aio) = settle_and_reclaim(client.get(aio, site.url("/text")));
    assert_eq!(result.unwrap().body(), "/text");
    let told = once(&tell(client.get(aio, "not a URL")).0);
    assert!(is_ours(&told.thread), "on {}", told.thread);
    assert_eq!(failure(told.result), (ErrorKind::InvalidInput, 0));
    // And to be given up, or let go of, at any time.
    let call = client.get(Aio::new(), "not a URL");
    call.cancel();
    assert_eq!(failure(settle(call)).0, ErrorKind::InvalidInput);
    drop(client.get(Aio::new(), "not a URL"));
    token.cancel();
    let call = client.get(Aio::new().cancel_token(&token), site.url("/text"));
    assert_eq!(failure(settle(call)), (ErrorKind::Canceled, 0));
    let late = client.get(Aio::new().timeout(Duration::ZERO), site.url("/text"));
    assert_eq!(failure(settle(late)), (ErrorKind::TimedOut, 0));
    assert_eq!(site.connections(), 1);
}

/// The verbs are calls like any other: redirections, deadlines, and what is sent again.
#[test]
fn a_verb_is_a_call_like_any_other() {
    let site = redirecting(307);
    let client = Client::builder().max_redirects(5).build();
    let response = settle(client.put(Aio::new(), site.url("/2"), "content")).unwrap();
    assert_eq!(response.body(), "PUT 7");
    assert_eq!(response.redirected_to().unwrap().path(), "/0");
    let response = settle(client.get(Aio::new(), site.url("/0"))).unwrap();
    assert_eq!(response.body(), "GET 0");
    assert!(response.redirected_to().is_none());

    let silent = Site::serving();
    let call = client.get(Aio::new().timeout(super::SOON), silent.url("/never"));
    assert_eq!(failure(settle(call)).0, ErrorKind::TimedOut);
    // An error is a response.
    let refusing = Site::listen(|visit| {
        while visit.request().is_some() {
            visit.say("HTTP/1.1 404 Not Found\r\nContent-Length: 4\r\n\r\nlost");
        }
    });
    let response = settle(client.delete(Aio::new(), refusing.url("/"))).unwrap();
    assert_eq!(response.status(), 404);
    assert_eq!(response.text().unwrap(), "lost");
    // A request of one's own says what these do not.
    let request = refusing.ask(Method::PATCH, "/", "patch");
    assert_eq!(fetch(&client, request).status(), 404);
}
