//! Uploads through proxies.

use std::ffi::OsStr;
use std::net::TcpListener;

use super::{CREATED, answering, put};
use crate::examples::{Ended, Scratch, Tool, noise, proxy};

fn put_via(proxy: &str, file: &Scratch, url: &str) -> Ended {
    let via = [OsStr::new("--proxy"), OsStr::new(proxy)];
    put(via.into_iter().chain([file.as_ref(), OsStr::new(url)]))
}

#[test]
fn a_proxy_makes_a_tunnel() {
    let content = noise(300_000);
    let file = Scratch::new(&content);
    let (peer, proxy) = (answering(CREATED), proxy(""));
    let ended = put_via(proxy.address(), &file, &peer.url);
    ended.expect(0, 300_000, 300_000, "ok (201 Created)");
    let line = format!("CONNECT {} HTTP/1.1\r\n", peer.address());
    let request = peer.outcome();
    assert!(request.head.starts_with("PUT /dir/file?a=b "));
    assert!(request.body == content);
    let head = proxy.outcome().head;
    assert!(head.starts_with(&line), "{head}");
}

#[test]
fn the_environment_names_proxies_only_if_asked() {
    let file = Scratch::new(b"hello");
    let (peer, proxy) = (answering(CREATED), proxy(""));
    for (address, asked, peer) in [
        ("name.invalid", None, answering(CREATED)),
        (proxy.address(), Some("--proxy-env"), peer),
    ] {
        let variables = [
            ("http_proxy", OsStr::new(address)),
            ("no_proxy", OsStr::new("")),
        ];
        let url = OsStr::new(&peer.url);
        let arguments = asked.map(OsStr::new).into_iter();
        let arguments = arguments.chain([file.as_ref(), url]);
        let ended = Tool::start_in(&variables, "put", arguments).end();
        ended.expect(0, 5, 5, "ok (201 Created)");
    }
    assert!(proxy.outcome().head.starts_with("CONNECT "));
}

#[test]
fn a_proxy_that_refuses_is_told() {
    let file = Scratch::new(b"hello");
    let proxy = answering("HTTP/1.1 407 Who are you\r\nContent-Length: 0\r\n\r\n");
    let ended = put_via(proxy.address(), &file, "http://name.invalid/");
    let result = "the proxy answered 407 Proxy Authentication Required";
    ended.expect(5, 0, 5, result);
    let listener = TcpListener::bind("127.0.0.1:0").expect("there is a loopback");
    let address = listener.local_addr().expect("it has one").to_string();
    drop(listener); // Nobody listens there now.
    let ended = put_via(&address, &file, "http://name.invalid/");
    ended.expect(5, 0, 5, "connection refused by the proxy");
    let ended = put_via("name.invalid", &file, "http://127.0.0.1:9/");
    ended.expect(5, 0, 5, "cannot resolve the proxy name.invalid");
}
