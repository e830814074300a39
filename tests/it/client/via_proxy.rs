//! Calls through proxies and tunnels.

use http_aio::http::{Request, Uri};
use http_aio::{Aio, Client, ErrorKind, Proxies};

use super::{SOON, proxy, tunneling};
use crate::site::*;
use crate::support::*;

#[test]
fn a_proxy_is_asked_for_the_whole_uri() {
    let (site, proxy) = (Site::serving(), proxy());
    let proxies = Proxies::all(&format!("http://user:pass@{}", proxy.address)).unwrap();
    let client = Client::builder().proxies(proxies).max_redirects(2).build();
    for way in WAYS {
        let request = Request::post("http://me:too@nobody.invalid:81/a?b")
            .body("text")
            .unwrap();
        let response = way(client.transact(Aio::new(), request)).unwrap();
        assert_eq!(response.body(), "proxied http://nobody.invalid:81/a?b 4");
    }
    let response = fetch(&client, site.get("/moved"));
    assert_eq!(
        response.body(),
        &format!("proxied {} 0", site.url("/there"))
    );
    for head in proxy.heads() {
        assert_eq!(
            header(&head, "proxy-authorization"),
            Some("Basic dXNlcjpwYXNz"),
            "{head}"
        );
    }
    assert_eq!(header(&proxy.heads()[0], "host"), Some("nobody.invalid:81"));
    assert!(!proxy.heads()[0].contains("too"));
    assert_eq!(
        (proxy.connections(), site.connections()),
        (2, 0),
        "one for each server"
    );
    // Streaming, and an idle connection that has ended, as without.
    let response = stream(&client, site.get("/streamed"));
    assert!(read_to_end(&response).starts_with(b"proxied"));
}

#[test]
fn a_connection_of_ones_own_goes_through_a_tunnel() {
    let site = Site::serving();
    let uri: Uri = site.url("/").parse().unwrap();
    let client = |proxy: &Site| {
        let proxies = Proxies::all(&format!("http://user:pass@{}", proxy.address)).unwrap();
        let builder = Client::builder().proxies(proxies).connect_timeout(PATIENCE);
        builder.build()
    };
    for answered in [
        "HTTP/1.1 200 OK\r\n\r\n",
        "HTTP/1.0 200 Connection established\r\nX: y\r\n\r\n",
    ] {
        let proxy = tunneling(answered);
        let conn = settle(client(&proxy).connect(Aio::new(), &uri)).unwrap();
        let head = proxy.heads().remove(0);
        assert!(
            head.starts_with(&format!("CONNECT {} HTTP/1.1\r\n", site.address)),
            "{head}"
        );
        assert_eq!(
            header(&head, "proxy-authorization"),
            Some("Basic dXNlcjpwYXNz")
        );
        for _ in 0..2 {
            let response = settle(conn.transact(Aio::new(), site.get("/direct"))).unwrap();
            assert_eq!(response.body(), "/direct");
        }
        assert!(
            site.heads()
                .iter()
                .all(|head| header(head, "proxy-authorization").is_none())
        );
        drop(conn);
        proxy.wait_until_open(0);
        site.wait_until_open(0);
    }
}

#[test]
fn a_tunnel_that_is_not_opened_is_an_error() {
    let uri = Uri::from_static("http://somewhere.invalid:81");
    let cases = [
        (
            "HTTP/1.1 407 No\r\nContent-Length: 0\r\n\r\n",
            ErrorKind::Refused,
        ),
        (
            "HTTP/1.1 502 No\r\nContent-Length: 100\r\n\r\n",
            ErrorKind::Refused,
        ),
        ("HTTP/1.1 2", ErrorKind::TimedOut),
        ("", ErrorKind::TimedOut),
        ("what?\r\n\r\n", ErrorKind::Protocol),
    ];
    for (answered, kind) in cases {
        let proxy = Site::listen(move |visit| {
            visit.asked();
            visit.say(answered);
            visit.idle();
        });
        let waits = kind == ErrorKind::TimedOut;
        let after = if waits { 6 * SOON } else { PATIENCE };
        let proxies = Proxies::all(&proxy.address.to_string()).unwrap();
        let client = Client::builder()
            .proxies(proxies)
            .connect_timeout(after)
            .build();
        let error = settle(client.connect(Aio::new(), &uri)).unwrap_err();
        assert_eq!(error.kind(), kind, "{answered}: {error:?}");
        proxy.wait_until_open(0);
        if waits {
            let call = client.connect(Aio::new(), &uri);
            proxy.wait_until_asked(2);
            call.cancel();
            assert_eq!(failure(settle(call)).0, ErrorKind::Canceled);
            proxy.wait_until_open(0);
        }
    }
}

#[test]
fn a_host_may_be_excepted_from_the_proxy() {
    let (site, proxy) = (Site::serving(), proxy());
    let proxies = Proxies::all(&format!("http://user:pass@{}", proxy.address)).unwrap();
    let proxies = proxies.except(&format!("127.0.0.1:{}", site.address.port()));
    let client = Client::builder().proxies(proxies).max_redirects(2).build();
    assert_eq!(fetch(&client, site.get("/direct")).body(), "/direct");
    let head = site.heads().pop().unwrap();
    assert!(head.starts_with("GET /direct HTTP/1.1"), "{head}");
    assert_eq!(header(&head, "proxy-authorization"), None);
    assert_eq!(proxy.connections(), 0);
}

#[test]
fn the_credentials_of_a_proxy_do_not_go_past_it() {
    let site = Site::serving();
    let there = site.url("/there");
    let proxy = Site::listen(move |visit| {
        while visit.request().is_some() {
            visit.say(moved(302, &there));
        }
    });
    let proxies = Proxies::all(&format!("http://user:pass@{}", proxy.address)).unwrap();
    let client = Client::builder()
        .proxies(proxies.except("127.0.0.1"))
        .max_redirects(2)
        .build();
    let request = Request::get("http://somewhere.invalid/").body(()).unwrap();
    assert_eq!(fetch(&client, request).body(), "/there");
    assert_eq!(
        header(&proxy.heads()[0], "proxy-authorization"),
        Some("Basic dXNlcjpwYXNz")
    );
    assert_eq!(header(&site.heads()[0], "proxy-authorization"), None);
}

#[test]
fn a_proxy_that_is_not_there_is_an_error() {
    let (site, (_kept, address)) = (Site::serving(), refusing());
    let client = Client::builder()
        .proxies(Proxies::all(&address.to_string()).unwrap())
        .build();
    assert_eq!(
        failure(settle(client.transact(Aio::new(), site.get("/")))),
        (ErrorKind::Refused, 0)
    );
    assert_eq!(site.connections(), 0);
}

#[cfg(not(feature = "tls"))]
#[test]
fn https_is_not_supported_with_or_without_a_proxy() {
    let proxy = proxy();
    let proxied = Client::builder().proxies(Proxies::all(&proxy.address.to_string()).unwrap());
    for client in [Client::new(), proxied.build()] {
        let uri = Uri::from_static("https://127.0.0.1/");
        for way in WAYS {
            let request = Request::get(&uri).body(()).unwrap();
            let result = way(client.transact(Aio::new(), request));
            assert_eq!(failure(result), (ErrorKind::NotSupported, 0));
        }
        assert_eq!(
            failure(settle(client.connect(Aio::new(), &uri))),
            (ErrorKind::NotSupported, 0)
        );
    }
    assert_eq!(proxy.connections(), 0);
}
