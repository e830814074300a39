//! Requests of a client, and proxies.

use std::time::Duration;

use http_aio::http::{Request, Uri};
use http_aio::{Aio, Client, ErrorKind, Proxies};

use super::{check_style, error, nobody, said};
use crate::client::tunneling;
use crate::site::*;

fn through(proxy: impl std::fmt::Display) -> Client {
    let proxies = Proxies::all(&proxy.to_string()).unwrap();
    Client::builder().proxies(proxies).build()
}

#[test]
fn urls_that_are_none() {
    let client = Client::new();
    for (url, whom, expected) in [
        (
            "http://a b/",
            None,
            "making a request: the URI is not valid: invalid uri character",
        ),
        (
            "ftp://h/",
            Some("h"),
            "making a request to h: the scheme of the URI is not http or https: `ftp`",
        ),
        (
            "/path",
            None,
            "making a request: the URI is not absolute, it has no scheme",
        ),
        (
            "http://h:x/",
            None,
            "making a request: the URI has no usable host, or no usable port",
        ),
    ] {
        let error = error(client.get(Aio::new(), url));
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        assert_eq!(error.peer().and_then(|peer| peer.host()), whom, "{url}");
        assert_eq!(error.to_string(), expected);
        check_style(expected);
    }
}

#[test]
fn calls_say_whom_they_ask() {
    let site = Site::listen(|visit| {
        visit.asked();
        visit.idle();
    });
    let there = site.address;
    let client = Client::builder()
        .head_timeout(Duration::from_millis(30))
        .build();
    let late = error(client.get(Aio::new(), site.url("/")));
    assert_eq!(late.limit(), Some("head_timeout"));
    assert_eq!(
        late.to_string(),
        format!(
            "reading a response from {there}: the head of the response took longer than the limit \
             `head_timeout` of 30ms, after {} bytes of the request were written",
            late.count()
        )
    );
    // Before anything is begun.
    assert_eq!(
        said(client.get(Aio::new().timeout(Duration::ZERO), "http://h/")),
        "making a request to h:80: the deadline passed"
    );
    let request = Request::put("http://h/").header("content-length", "5");
    assert_eq!(
        said(client.transact(Aio::new(), request.body(()).unwrap())),
        "making a request to h:80: the declared body is not attached: \
         to write it in pieces, use `Client::connect` and `Conn::write_request`"
    );
    #[cfg(not(feature = "tls"))]
    assert_eq!(
        said(client.get(Aio::new(), "https://h/")),
        "connecting to h:443: https needs the feature `tls` of http-aio"
    );
}

#[test]
fn redirections() {
    let site = Site::listen(|visit| {
        while let Some(head) = visit.asked() {
            let to = match path(&head) {
                "/nowhere" => "mailto:a@b",
                _ => "/again",
            };
            visit.say(format!(
                "HTTP/1.1 302 Found\r\nLocation: {to}\r\nContent-Length: 0\r\n\r\n"
            ));
        }
    });
    let there = site.address;
    let client = Client::builder().max_redirects(5).build();
    let around = error(client.get(Aio::new(), site.url("/")));
    assert_eq!(
        (around.kind(), around.limit()),
        (ErrorKind::TooLarge, Some("max_redirects"))
    );
    assert_eq!(
        around.to_string(),
        format!(
            "making a request to {there}: there are more redirections than the limit \
             `max_redirects` of 5"
        )
    );
    assert_eq!(
        said(client.get(Aio::new(), site.url("/nowhere"))),
        format!("making a request to {there}: Location is neither http nor https")
    );
}

#[test]
fn proxies() {
    let uri = Uri::from_static("http://somewhere.invalid:81");
    let refuses = tunneling("HTTP/1.1 407 No\r\nContent-Length: 0\r\n\r\n");
    let refused = error(through(refuses.address).connect(Aio::new(), &uri));
    assert!(refused.is_refused());
    assert!(refused.peer().unwrap().is_proxy());
    assert_eq!(refused.count(), 0, "nothing was for the server");
    assert_eq!(
        refused.to_string(),
        format!(
            "opening a tunnel through the proxy {}: the proxy answered 407 Proxy Authentication Required",
            refuses.address
        )
    );
    let silent = tunneling("");
    let late = error(
        through(silent.address).connect(Aio::new().timeout(Duration::from_millis(500)), &uri),
    );
    assert_eq!((late.kind(), late.count()), (ErrorKind::TimedOut, 0));
    assert_eq!(
        late.to_string(),
        format!(
            "opening a tunnel through the proxy {}: the deadline passed",
            silent.address
        )
    );

    let address = nobody();
    let client = through(format!("localhost:{}", address.port()));
    assert_eq!(
        said(client.get(Aio::new(), "http://somewhere.invalid/")),
        format!(
            "connecting to the proxy localhost:{}: nobody listens there",
            address.port()
        )
    );

    for (uri, expected) in [
        ("socks5://p", "proxies that speak SOCKS are not supported"),
        ("p:x", "the port of the proxy is not a number"),
        ("ftp://p", "the scheme of the proxy is not http"),
    ] {
        assert_eq!(Proxies::all(uri).unwrap_err().to_string(), expected);
    }
}

/// What comes through a tunnel is from the server, and over a plain proxy from the proxy.
#[test]
fn behind_a_proxy() {
    let site = Site::listen(|visit| drop(visit.asked()));
    let uri: Uri = site.url("/").parse().unwrap();
    let proxy = tunneling("HTTP/1.1 200 OK\r\n\r\n");
    let conn = crate::support::settle(through(proxy.address).connect(Aio::new(), &uri)).unwrap();
    let ended = error(conn.transact(Aio::new(), site.get("/")));
    assert_eq!(ended.peer().unwrap().port(), Some(site.address.port()));
    let ended = ended.to_string();
    let from = format!(
        "reading a response from {}: the peer ended its stream",
        site.address
    );
    assert!(ended.starts_with(&from), "{ended}");

    let proxy = Site::listen(|visit| drop(visit.asked()));
    let ended = said(through(proxy.address).get(Aio::new(), "http://somewhere.invalid/"));
    let from = format!("reading a response from the proxy {}: ", proxy.address);
    assert!(ended.starts_with(&from), "{ended}");
}
