//! Downloads through proxies.

use std::ffi::OsStr;

use super::{HELLO, OK, answering, get, has_line, nobody};
use crate::examples::{Tool, proxy};

#[test]
fn a_proxy_passes_requests_on() {
    let proxy = proxy(HELLO);
    let uri = format!("http://user:secret@{}", proxy.address());
    let ended = get(["--proxy", &uri, "http://name.invalid/path"]);
    ended.expect_body(0, b"hello", OK);
    let request = proxy.outcome();
    let head = &request.head;
    let line = "GET http://name.invalid/path HTTP/1.1\r\n";
    assert!(head.starts_with(line), "{head}");
    let credentials = "proxy-authorization: Basic dXNlcjpzZWNyZXQ=";
    assert!(has_line(&request, credentials), "{head}");
}

#[test]
fn the_environment_names_proxies_only_if_asked() {
    let proxy = proxy(HELLO);
    let (address, nobody) = (proxy.address().to_owned(), nobody());
    let get_in = |http_proxy: &str, no_proxy: &str, arguments: &[&str]| {
        let variables = [
            ("http_proxy", OsStr::new(http_proxy)),
            ("no_proxy", OsStr::new(no_proxy)),
        ];
        Tool::start_in(&variables, "get", arguments).end()
    };
    get_in(&nobody, "", &[&answering(HELLO).url]).expect_body(0, b"hello", OK);
    let direct = answering(HELLO);
    get_in(&nobody, "127.0.0.0/8", &["--proxy-env", &direct.url]).expect_body(0, b"hello", OK);
    let ended = get_in(&address, "", &["--proxy-env", "http://name.invalid/"]);
    ended.expect_body(0, b"hello", OK);
    assert!(
        proxy
            .outcome()
            .head
            .starts_with("GET http://name.invalid/ ")
    );

    let ended = get_in("host:port", "", &["--proxy-env", &direct.url]);
    ended.expect_body(5, b"", "http_proxy: the port of the proxy is not a number");
    let ended = get_in("name.invalid", "", &["--proxy-env", "http://127.0.0.1:9/"]);
    ended.expect_body(5, b"", "cannot resolve the proxy name.invalid");
}

#[test]
fn a_proxy_that_is_none_is_told() {
    let url = "http://127.0.0.1:9/";
    let ended = get(["--proxy", &nobody(), url]);
    ended.expect_body(5, b"", "connection refused by the proxy");
    let ended = get(["--proxy", "name.invalid", url]);
    ended.expect_body(5, b"", "cannot resolve the proxy name.invalid");
    let ended = get(["--proxy", "http://user:secret@host:port", url]);
    assert_eq!(ended.code, Some(2));
    let error = "error: invalid value for '--proxy <URL>': the port of the proxy is not a number";
    assert!(ended.stderr.starts_with(error), "{}", ended.stderr);
    assert!(!ended.stderr.contains("secret"), "{}", ended.stderr);
}
