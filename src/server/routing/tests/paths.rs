//! The canonical path.

use crate::error::ErrorKind;
use crate::server::routing::CanonicalPath;

/// The segments, and `/` if the path ends with a slash.
fn canonical(raw: &str) -> Vec<String> {
    let path = CanonicalPath::parse(raw).unwrap();
    let mut parts: Vec<_> = path.segments().map(String::from).collect();
    if path.as_str().ends_with('/') {
        parts.push("/".to_owned());
    }
    parts
}

#[test]
fn segments_in_one_form() {
    let cases: &[(&str, &[&str])] = &[
        ("/", &["/"]),
        ("//", &["/"]),
        ("/.", &["/"]),
        ("/a", &["a"]),
        ("/a/", &["a", "/"]),
        ("/a//", &["a", "/"]),
        ("//a///b", &["a", "b"]),
        ("/a/./b", &["a", "b"]),
        ("/a/.", &["a", "/"]),
        ("/a/b/..", &["a", "/"]),
        ("/a/..", &["/"]),
        ("/a//../b", &["b"]),
        ("/a/%2E/b/%2e%2E/c", &["a", "c"]),
        ("/a/.%2e/b", &["b"]),
        ("/...", &["..."]),
        ("/.well-known/x", &[".well-known", "x"]),
        ("/a../b", &["a..", "b"]),
        ("/%61", &["a"]),
        ("/a%2Fb/c", &["a/b", "c"]),
        ("/a%2f", &["a/"]),
        ("/a/b%2f../..", &["a", "/"]),
        ("/..%2fa", &["../a"]),
        ("/a%2Fb/../c", &["c"]),
        ("/%2e%2e%2fsecret", &["../secret"]),
        ("/%252F", &["%2F"]),
        ("/a+b;c=d", &["a+b;c=d"]),
        ("/..\\a", &["..\\a"]),
        ("/%C3%A9", &["\u{e9}"]),
    ];
    for (raw, segments) in cases {
        assert_eq!(canonical(raw), *segments, "{raw:?}");
    }
}

#[test]
fn paths_that_have_none() {
    for raw in [
        "",
        "a",
        "*",
        "/..",
        "/../a",
        "/a/../..",
        "/%2e%2e",
        "/.%2E/a",
        "/a//../../b",
        "/%",
        "/a%",
        "/%4",
        "/%4g",
        "/%zz/a",
        "/%00",
        "/a%00b",
        "/a\0",
        "/%2f%00",
        "/%ff",
        "/%C3",
        "/%C3/%A9",
        "/%ed%a0%80",
        "/%c0%af",
    ] {
        let error = CanonicalPath::parse(raw).expect_err(raw);
        assert_eq!(error.kind(), ErrorKind::Protocol, "{raw:?}");
    }
}

#[test]
fn a_plain_path_is_used_as_it_is() {
    for raw in ["/", "/a", "/a/b.c/d..e/", "/index.html"] {
        let path = CanonicalPath::parse(raw).unwrap();
        assert!(std::ptr::eq(path.as_str(), raw), "{raw:?}");
    }
}

#[test]
fn the_canonical_form_of_a_canonical_path_is_the_same() {
    for raw in ["/a/./b//c/", "/x/../y", "/%61/%2e/b"] {
        let once = CanonicalPath::parse(raw).unwrap();
        let twice = CanonicalPath::parse(once.as_str()).unwrap();
        assert_eq!(once, twice, "{raw:?}");
    }
}

#[test]
fn a_path_of_many_segments() {
    let long = "/a".repeat(100_000) + &"/..".repeat(99_999);
    assert_eq!(canonical(&long), ["a", "/"]);
}
