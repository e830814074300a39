//! Adding and removing.

use super::*;
use crate::server::routing::Accepts;

#[test]
fn names_may_differ_with_the_method() {
    let registrations = [(route("/{a}"), get("get")), (route("/{b}"), any("any"))];
    in_each_order(registrations, |router| {
        check(router, &[("GET /1", "get a=1"), ("PUT /1", "any b=1")]);
    });
}

#[test]
fn what_cannot_be_registered() {
    let mut router = router([(route("/"), get("root"))]);
    let connect = || on(Method::CONNECT, "connect");
    for (route, methods, said) in [
        (route("/a"), Methods::new(), "the route /a has no handler"),
        (
            route("/a"),
            get("1").get("2"),
            "the route /a has two handlers for GET",
        ),
        (
            route("/a"),
            any("1").get("2").any("3"),
            "the route /a has two handlers for any method",
        ),
        (
            route("/a"),
            connect(),
            "a handler for CONNECT is registered at /: its target has no path",
        ),
        (
            route("/{*rest}"),
            connect(),
            "a handler for CONNECT is registered at /: its target has no path",
        ),
        (
            route("/"),
            post("post").get("get"),
            "the route / for GET is there already, as /",
        ),
    ] {
        let error = router.add(&route, methods).unwrap_err();
        assert_eq!(error.detail().as_deref(), Some(said));
    }
    let expected = [
        ("GET /", "root"),
        ("GET /a", "404"),
        ("OPTIONS *", "options GET, HEAD, OPTIONS"),
    ];
    check(&router, &expected);
}

#[test]
fn removing_one_method() {
    let mut router = router([(route("/x/{a}"), get("get").post("post").any("any"))]);
    assert_eq!(router.remove(&route("/x/{b}"), Method::GET), Some("get"));
    assert_eq!(router.remove(&route("/x/{b}"), Method::GET), None);
    check(
        &router,
        &[("GET /x/1", "any a=1"), ("POST /x/1", "post a=1")],
    );
    assert_eq!(router.remove(&route("/x/{a}"), Accepts::Any), Some("any"));
    check(&router, &[("GET /x/1", "405 POST, OPTIONS")]);
    router.add(&route("/x/{c}"), get("again")).unwrap();
    check(&router, &[("GET /x/1", "again c=1")]);
}

#[test]
fn removing_what_is_not_there() {
    let mut router = router([(route("/a/b"), get("ab")), (tree("/a"), get("tree"))]);
    for other in [
        route("/a"),
        route("/a/"),
        route("/a/b/"),
        route("/a/{b}"),
        tree("/a/b"),
        tree("/"),
        route("/a/b").host("h").unwrap(),
    ] {
        assert_eq!(router.remove(&other, Method::GET), None, "{other:?}");
        assert!(router.remove_all(&other).is_none(), "{other:?}");
    }
    assert_eq!(router.remove(&route("/a/b"), Method::HEAD), None);
    assert_eq!(router.remove(&route("/a/b"), Accepts::Any), None);
    check(
        &router,
        &[("GET /a/b", "ab"), ("GET /a/c", r#"tree rest["c"]"#)],
    );
}

#[test]
fn removing_all_methods_on_a_host() {
    let own = route("/a").host("H").unwrap();
    let mut router = router([(own, get("get").on(Method::TRACE, "trace"))]);
    check(&router, &[("TRACE /a", "trace")]);
    let own = route("/a").host("h.").unwrap();
    let methods = router.remove_all(&own).unwrap();
    let expected = [
        ("GET /a", "404"),
        ("TRACE /a", "501"),
        ("OPTIONS *", "options OPTIONS"),
    ];
    check(&router, &expected);
    router.add(&route("/b"), methods).unwrap();
    check(&router, &[("GET /b", "get"), ("TRACE /b", "trace")]);
}

#[test]
fn a_clone_does_not_see_what_is_changed() {
    let mut router = router([(route("/a/b"), get("b")), (route("/a/{x}"), get("x"))]);
    let before = router.clone();
    router.remove(&route("/a/b"), Method::GET).unwrap();
    router.add(&route("/a/c"), get("c")).unwrap();
    check(&before, &[("GET /a/b", "b"), ("GET /a/c", "x x=c")]);
    check(&router, &[("GET /a/b", "x x=b"), ("GET /a/c", "c")]);
}

#[test]
fn parameters_by_name() {
    let router = router([(route("/{a}/{b}/{c}/{*d}"), get("h"))]);
    let target = Target::parse(&Method::GET, "/1/2/3/4/5").unwrap();
    let Found::Handler { params, .. } = router.find(&Method::GET, "h", &target) else {
        panic!("not found");
    };
    assert_eq!((params.get("a"), params.get("c")), (Some("1"), Some("3")));
    assert_eq!((params.get("d"), params.get("e")), (Some("4/5"), None));
    assert_eq!(params.iter().len(), 4);
}
