use http::header::{HeaderName, LOCATION};
use http::{HeaderValue, Response};

use super::{next, request, response};
use crate::client::redirect::follow;
use crate::error::ErrorKind;

/// The table of browsers: a method, and what it becomes at 301, 302, 303, 307, 308.
#[test]
fn methods() {
    for (method, becomes) in [
        ("GET", ["GET", "GET", "GET", "GET", "GET"]),
        ("HEAD", ["HEAD", "HEAD", "HEAD", "HEAD", "HEAD"]),
        ("POST", ["GET", "GET", "GET", "POST", "POST"]),
        ("PUT", ["PUT", "PUT", "GET", "PUT", "PUT"]),
        ("PATCH", ["PATCH", "PATCH", "GET", "PATCH", "PATCH"]),
        ("DELETE", ["DELETE", "DELETE", "GET", "DELETE", "DELETE"]),
        (
            "OPTIONS",
            ["OPTIONS", "OPTIONS", "GET", "OPTIONS", "OPTIONS"],
        ),
        ("QUERY", ["QUERY", "QUERY", "GET", "QUERY", "QUERY"]),
        // Methods are case-sensitive.
        ("post", ["post", "post", "GET", "post", "post"]),
    ] {
        for (status, expected) in [301, 302, 303, 307, 308].into_iter().zip(becomes) {
            let asked = request(method, "http://a/", &[("content-type", "text/plain")]);
            let next = next(&asked, status, "/b");
            assert_eq!(next.method(), expected, "{method} {status}");
            let kept = method == expected;
            assert_eq!(next.body().is_empty(), !kept, "{method} {status}");
            let described = next.headers().contains_key("content-type");
            assert_eq!(described, kept, "{method} {status}");
        }
    }
}

#[test]
fn other_statuses_and_no_location_are_not_followed() {
    let asked = request("GET", "http://a/", &[]);
    for status in [200, 201, 300, 304, 305, 306, 400, 503] {
        let answer = response(status, b"/b");
        assert!(follow(&asked, &answer).unwrap().is_none(), "{status}");
    }
    for answer in [response(302, b""), response(302, b" \t")] {
        assert!(follow(&asked, &answer).unwrap().is_none());
    }
    let answer = Response::builder().status(302).body(()).unwrap();
    assert!(follow(&asked, &answer).unwrap().is_none());
    let tunnel = request("CONNECT", "http://a/", &[]);
    assert!(follow(&tunnel, &response(302, b"/b")).unwrap().is_none());
}

#[test]
fn several_locations_have_to_agree() {
    let mut answer = response(302, b"/b");
    answer
        .headers_mut()
        .append(LOCATION, HeaderValue::from_static("/b"));
    let asked = request("GET", "http://a/", &[]);
    let next = follow(&asked, &answer).unwrap().unwrap();
    assert_eq!(next.uri(), "http://a/b");
    answer
        .headers_mut()
        .append(LOCATION, HeaderValue::from_static("/c"));
    let error = follow(&asked, &answer).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Protocol);
}

#[test]
fn headers_of_a_body_go_with_it() {
    let about = [
        "content-digest",
        "content-disposition",
        "content-encoding",
        "content-language",
        "content-length",
        "content-location",
        "content-md5",
        "content-range",
        "content-type",
        "digest",
        "expect",
        "last-modified",
        "repr-digest",
        "trailer",
        "transfer-encoding",
    ];
    let others = ["accept", "accept-encoding", "te", "user-agent", "x-content"];
    let lines: Vec<_> = about.iter().chain(&others).map(|n| (*n, "x")).collect();
    let asked = request("POST", "http://a/", &lines);
    let lost = next(&asked, 303, "/b");
    let names: Vec<_> = lost.headers().keys().map(HeaderName::as_str).collect();
    assert_eq!(names.len(), others.len(), "{names:?}");
    assert!(others.iter().all(|name| names.contains(name)), "{names:?}");
    assert_eq!(next(&asked, 307, "/b").headers(), asked.headers());
}

/// From, to, whether Host is kept, whether the credentials are.
#[test]
fn origins() {
    for (from, to, host, credentials) in [
        ("http://a/", "/b", true, true),
        ("http://a/", "http://a/b", true, true),
        ("http://a/", "HTTP://A/b", true, true),
        ("http://A/", "http://a/b", true, true),
        ("HTTPS://a/", "/b", true, true),
        ("http://a/", "http://a:80/b", true, true),
        ("http://a/", "http://a:/b", true, true),
        ("http://a:080/", "http://a/b", true, true),
        ("https://a:443/", "//a", true, true),
        ("http://a:81/", "http://a:0081/", true, true),
        ("http://u:p@a/", "http://a/b", true, true),
        ("http://[::1]/", "http://[::1]:80/", true, true),
        // The scheme changes.
        ("http://a/", "https://a/", true, false),
        ("https://a/", "http://a/", true, false),
        ("http://a:8080/", "https://a:8080/", true, false),
        ("http://a:443/", "https://a/", false, false),
        ("https://a/", "http://a:443/", false, false),
        // The host changes: a subdomain is another host.
        ("http://a/", "http://b/", false, false),
        ("http://a/", "//b/", false, false),
        ("http://a.example/", "http://x.a.example/", false, false),
        ("http://x.a.example/", "http://a.example/", false, false),
        ("http://a/", "http://a./", false, false),
        ("http://a/", "http://a@b/", false, false),
        // The port changes.
        ("http://a/", "http://a:81/", false, false),
        ("http://a:81/", "http://a/", false, false),
        ("http://a:81/", "http://a:82/", false, false),
    ] {
        let lines = [
            ("host", "virtual"),
            ("authorization", "Basic x"),
            ("cookie", "a=1"),
            ("cookie", "b=2"),
            ("proxy-authorization", "Basic y"),
            ("x-api-key", "secret"),
            ("accept", "*/*"),
        ];
        let mut asked = request("GET", from, &lines);
        let key = asked.headers_mut().get_mut("x-api-key").unwrap();
        key.set_sensitive(true);
        let next = next(&asked, 302, to);
        for (name, kept) in [
            ("host", host),
            ("authorization", credentials),
            ("cookie", credentials),
            ("proxy-authorization", credentials),
            ("x-api-key", credentials),
            ("accept", true),
        ] {
            let found = next.headers().get_all(name).iter().count();
            let asked = asked.headers().get_all(name).iter().count();
            let expected = if kept { asked } else { 0 };
            assert_eq!(found, expected, "{from} -> {to}: {name}");
        }
    }
}

/// Go CVE-2024-45336.
#[test]
fn credentials_do_not_come_back() {
    let lines = [
        ("authorization", "Basic x"),
        ("cookie", "a=1"),
        ("host", "v"),
    ];
    let mut hop = request("GET", "http://a/", &lines);
    for to in ["/b", "http://b/", "/c", "http://a/d", "/e"] {
        hop = next(&hop, 302, to);
    }
    assert_eq!(hop.uri(), "http://a/e");
    assert!(hop.headers().is_empty(), "{:?}", hop.headers());
}

#[test]
fn extensions_and_version_are_kept() {
    let mut asked = request("POST", "http://a/", &[]);
    asked.extensions_mut().insert(7_u32);
    *asked.version_mut() = http::Version::HTTP_10;
    let next = next(&asked, 303, "http://b/");
    assert_eq!(next.extensions().get(), Some(&7_u32));
    assert_eq!(next.version(), http::Version::HTTP_10);
}

#[test]
fn the_request_needs_an_absolute_uri() {
    for uri in ["/b", "*", "a:80"] {
        let asked = request("GET", uri, &[]);
        let error = follow(&asked, &response(302, b"/c")).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput, "{uri}");
    }
}
