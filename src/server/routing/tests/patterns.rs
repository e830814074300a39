//! What a pattern fits.

use super::*;
use crate::error::ErrorKind;

#[test]
fn malformed_patterns() {
    for pattern in [
        "",
        "*",
        "a/",
        "x/{a}",
        "//",
        "/a//b",
        "/a//",
        "/.",
        "/a/../b",
        "/%2e/a",
        "/}",
        "/{a",
        "/a}",
        "/{a}}",
        "/{{a}",
        "/{a/b}",
        "/{a}{b}",
        "/{a}-{b}",
        "/{*}",
        "/{a*}",
        "/a{*r}",
        "/{*r}a",
        "/{*r}/",
        "/{id:int}",
        "/{a b}",
        "/{{{",
        "/%",
        "/%zz",
        "/{a}%",
        "/%ff",
        "/%00",
        "/a\0",
        "/{a}/{*a}",
        "/a?b",
        "/a#b",
        "/{a}?b={c}",
    ] {
        let error = Route::new(pattern).expect_err(pattern);
        assert_eq!(error.kind(), ErrorKind::InvalidInput, "{pattern}");
        let said = error.to_string();
        assert!(said.contains(&format!("{pattern:?}")), "{said}");
    }
    assert!(Route::tree("/a/{*rest}").is_err());
}

#[test]
fn text_around_a_parameter() {
    let router = router([
        (route("/img-{id}.png"), get("both")),
        (route("/img-{id}"), get("prefix")),
        (route("/i{id}"), get("shorter prefix")),
        (route("/{id}.png"), get("suffix")),
        (route("/{id}g"), get("shorter suffix")),
        (route("/img-0.png"), get("literal")),
    ]);
    let expected = [
        ("GET /img-0.png", "literal"),
        ("GET /img-1.png", "both id=1"),
        ("GET /img-.png", "prefix id=.png"),
        ("GET /img-1", "prefix id=1"),
        ("GET /img-", "shorter prefix id=mg-"),
        ("GET /a.png", "suffix id=a"),
        ("GET /.png", "shorter suffix id=.pn"),
        ("GET /i", "404"),
        ("GET /g", "404"),
        ("GET /a%2Fb.png", "suffix id=a/b"),
    ];
    check(&router, &expected);
}

#[test]
fn escapes_are_no_text() {
    let router = router([
        (route("/{x}F"), get("F")),
        (route("/{x}5"), get("5")),
        (route("/%2F{x}"), get("slash")),
    ]);
    let expected = [
        ("GET /a%2F", "404"),
        ("GET /a%25", "404"),
        ("GET /a%46", "F x=a"),
        ("GET /%2Fa", "slash x=a"),
        ("GET /%2F%2F", "slash x=/"),
        ("GET //a", "404"),
    ];
    check(&router, &expected);
}

#[test]
fn literals_are_written_decoded_or_not() {
    for pattern in ["/a b/\u{e9}", "/a%20b/%C3%A9", "/%61 b/%c3%a9"] {
        let router = router([(route(pattern), get("it"))]);
        check(&router, &[("GET /a%20b/%c3%A9", "it")]);
    }
    let router = router([
        (route("/{{id}}"), get("braces")),
        (route("/%7Bx%7d"), get("escaped braces")),
        (route("/{id}"), get("param")),
        (route("/a%2Fb"), get("inner slash")),
        (route("/a/b"), get("outer slash")),
        (route("/100%25"), get("percent")),
    ]);
    let expected = [
        ("GET /%7Bid%7D", "braces"),
        ("GET /%7bx%7d", "escaped braces"),
        ("GET /id", "param id=id"),
        ("GET /a%2fb", "inner slash"),
        ("GET /a/b", "outer slash"),
        ("GET /100%25", "percent"),
    ];
    check(&router, &expected);
}

#[test]
fn a_slash_at_the_end_is_another_path() {
    let registrations = [(route("/a/"), get("slash")), (tree("/a"), get("tree"))];
    in_each_order(registrations, |router| {
        check(router, &[("GET /a/", "slash"), ("GET /a", "tree rest[]")]);
    });
}

/// Each is to the left of the next in the rule, and they fit one path.
#[test]
fn all_kinds_beside_each_other() {
    let registrations = [
        (route("/a/b"), get("literal")),
        (route("/a/b{x}"), get("affixed")),
        (route("/a/{x}"), get("param")),
        (route("/a/{*x}"), get("rest")),
        (tree("/a"), get("tree")),
    ];
    in_each_order(registrations, |router| {
        let expected = [
            ("GET /a/b", "literal"),
            ("GET /a/bb", "affixed x=b"),
            ("GET /a/c", "param x=c"),
            ("GET /a/b/c", r#"rest x=b/c rest["b", "c"]"#),
            ("GET /a/", "tree rest[]/"),
        ];
        check(router, &expected);
    });
}

#[test]
fn the_left_decides_before_the_right() {
    let registrations = [
        (route("/a/{*rest}"), get("left")),
        (route("/{x}/b/c"), get("right")),
    ];
    in_each_order(registrations, |router| {
        let expected = [
            ("GET /a/b/c", r#"left rest=b/c rest["b", "c"]"#),
            ("GET /x/b/c", "right x=x"),
        ];
        check(router, &expected);
    });
}

/// Where other routers stop at the first segment that fits.
#[test]
fn a_lookup_turns_back_from_text_around_a_parameter() {
    let registrations = [
        (route("/{x}b/c"), get("c")),
        (route("/a{x}/d"), get("d")),
        (route("/{x}/e"), get("e")),
        (tree("/{x}"), get("tree")),
    ];
    in_each_order(registrations, |router| {
        let expected = [
            ("GET /ab/c", "c x=a"),
            ("GET /ab/d", "d x=b"),
            ("GET /ab/e", "e x=ab"),
            ("GET /ab/f", r#"tree x=ab rest["f"]"#),
        ];
        check(router, &expected);
    });
}
