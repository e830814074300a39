//! Hosts of routes and of requests.

use super::*;
use crate::error::ErrorKind;

#[test]
fn names_that_mean_all_hosts() {
    for host in ["", "*", "0.0.0.0", "::", "[::]"] {
        let router = router([(route("/a").host(host).unwrap(), get("a"))]);
        for asked in ["h", "", "[::1]:80"] {
            assert_eq!(ask_host(&router, asked, "GET /a"), "a", "{host:?}");
        }
    }
}

#[test]
fn names_that_no_request_has() {
    for host in ["a b", "h:80", "[::1]:80", "[::1", "*.h", "a/b", "h:", "::g"] {
        let error = route("/a").host(host).expect_err(host);
        assert_eq!(error.kind(), ErrorKind::InvalidInput, "{host}");
    }
}

#[test]
fn a_dot_at_the_end_and_capitals_say_nothing() {
    let mut router = router([(route("/a").host("Name.Example.").unwrap(), get("a"))]);
    assert_eq!(ask_host(&router, "name.example", "GET /a"), "a");
    let again = route("/a").host("name.EXAMPLE").unwrap();
    assert!(router.add(&again, get("again")).is_err());
}

#[test]
fn an_address_in_the_other_family_is_the_same() {
    let router = router([(route("/a").host("192.0.2.1").unwrap(), get("a"))]);
    assert_eq!(ask_host(&router, "192.0.2.1:80", "GET /a"), "a");
    assert_eq!(ask_host(&router, "[::ffff:192.0.2.1]", "GET /a"), "a");
}

#[test]
fn a_host_comes_before_the_path_and_the_method_before_the_host() {
    let own = tree("/").host("h").unwrap();
    let registrations = [
        (own, get("host's tree")),
        (route("/a"), get("generic leaf").post("generic leaf")),
    ];
    in_each_order(registrations, |router| {
        let expected = [
            ("GET /a", r#"host's tree rest["a"]"#),
            ("POST /a", "generic leaf"),
            ("PUT /a", "405 GET, HEAD, POST, OPTIONS"),
            ("PUT /b", "405 GET, HEAD, OPTIONS"),
        ];
        check(router, &expected);
        assert_eq!(ask_host(router, "other", "GET /a"), "generic leaf");
        assert_eq!(ask_host(router, "other", "GET /b"), "404");
    });
}
