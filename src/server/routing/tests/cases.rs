//! The acceptance cases of routing, by their numbers, as far as they are not about a connection.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::*;
use crate::error::ErrorKind;

#[test]
fn case_200_the_query_is_not_matched() {
    let router = router([(route("/a"), get("a"))]);
    check(&router, &[("GET /a?x=1", "a"), ("GET /a", "a")]);
}

#[test]
fn case_201_a_leaf_has_no_slash_and_a_tree_has_all_below() {
    let leaf = router([(route("/a"), get("leaf"))]);
    check(&leaf, &[("GET /a", "leaf"), ("GET /a/", "404")]);
    for root in ["/a", "/a/"] {
        let tree = router([(tree(root), get("tree"))]);
        check(
            &tree,
            &[
                ("GET /a", "tree rest[]"),
                ("GET /a/", "tree rest[]/"),
                ("GET /a/b/c", r#"tree rest["b", "c"]"#),
                ("GET /a/b/", r#"tree rest["b"]/"#),
                ("GET /ab", "404"),
                ("GET /", "404"),
            ],
        );
    }
}

#[test]
fn case_202_a_parameter_is_one_segment() {
    let router = router([(route("/x/{id}"), get("x"))]);
    check(
        &router,
        &[
            ("GET /x/42", "x id=42"),
            ("GET /x", "404"),
            ("GET /x/", "404"),
            ("GET /x/1/2", "404"),
            ("GET /x/1/", "404"),
        ],
    );
}

#[test]
fn case_203_parameters_are_decoded() {
    let router = router([(route("/x/{id}"), get("x"))]);
    check(
        &router,
        &[
            ("GET /x/a%2Fb", "x id=a/b"),
            ("GET /x/a%2fb%25%7Bc%7D%C3%A9%20", "x id=a/b%{c}\u{e9} "),
            ("GET /x/%252F", "x id=%2F"),
            ("GET /x/..%2F%7C%01", "x id=../|\u{1}"),
            ("GET /x/%zz", "400"),
            ("GET /x/%", "400"),
            ("GET /x/%00", "400"),
            ("GET /x/%ff", "400"),
        ],
    );
}

#[test]
fn case_204_a_rest_is_not_empty() {
    let router = router([(route("/f/{*rest}"), get("f"))]);
    check(
        &router,
        &[
            ("GET /f/a/b", r#"f rest=a/b rest["a", "b"]"#),
            ("GET /f/a%2Fb/c/", r#"f rest=a/b/c/ rest["a/b", "c"]/"#),
            ("GET /f/", "404"),
            ("GET /f", "404"),
        ],
    );
}

#[test]
fn case_205_the_more_specific_path_whatever_the_order() {
    let registrations = [
        (route("/x/a"), get("literal")),
        (route("/x/{id}"), get("param")),
        (tree("/x"), get("tree")),
    ];
    in_each_order(registrations, |router| {
        let expected = [
            ("GET /x/a", "literal"),
            ("GET /x/b", "param id=b"),
            ("GET /x/b/c", r#"tree rest["b", "c"]"#),
            ("GET /x", "tree rest[]"),
        ];
        check(router, &expected);
    });
}

#[test]
fn case_206_a_lookup_turns_back() {
    let registrations = [
        (route("/a/{x}/c"), get("first")),
        (route("/a/b/d"), get("second")),
    ];
    in_each_order(registrations, |router| {
        check(
            router,
            &[("GET /a/b/c", "first x=b"), ("GET /a/b/d", "second")],
        );
    });
}

#[test]
fn case_207_a_method_that_the_path_does_not_have() {
    let router = router([(route("/a"), get("a"))]);
    let expected = [
        ("POST /a", "405 GET, HEAD, OPTIONS"),
        ("GET /a", "a"),
        ("POST /b", "404"),
    ];
    check(&router, &expected);
}

#[test]
fn case_208_the_right_method_before_the_more_specific_path() {
    let registrations = [(route("/a"), get("leaf")), (tree("/"), post("tree"))];
    in_each_order(registrations, |router| {
        let expected = [
            ("GET /a", "leaf"),
            ("POST /a", r#"tree rest["a"]"#),
            ("PUT /a", "405 GET, HEAD, POST, OPTIONS"),
            ("PUT /b", "405 POST, OPTIONS"),
        ];
        check(router, &expected);
    });
}

#[test]
fn case_209_head_takes_the_most_specific() {
    let registrations = [(route("/a"), get("leaf")), (tree("/"), get("tree"))];
    in_each_order(registrations.clone(), |router| {
        check(router, &[("HEAD /a", "leaf without body")]);
    });
    let [leaf, tree] = registrations;
    let own = (route("/a"), Methods::new().head("own"));
    in_each_order([leaf, tree, own], |router| {
        let expected = [
            ("HEAD /a", "own"),
            ("GET /a", "leaf"),
            ("HEAD /b", r#"tree rest["b"] without body"#),
        ];
        check(router, &expected);
    });
}

#[test]
fn case_210_one_method_before_any() {
    let registrations = [(route("/a"), any("any")), (route("/a"), get("get"))];
    in_each_order(registrations, |router| {
        let expected = [
            ("GET /a", "get"),
            ("HEAD /a", "get without body"),
            ("POST /a", "any"),
            ("FOO /a", "any"),
            ("OPTIONS /a", "any"),
            ("TRACE /a", "501"),
        ];
        check(router, &expected);
    });
}

#[test]
fn case_211_a_host_before_all_hosts() {
    let on_host = route("/a").host("h").unwrap();
    let registrations = [(route("/a"), get("generic")), (on_host, get("own"))];
    in_each_order(registrations, |router| {
        for host in ["H.:80", "h", "H", "h.", "h:"] {
            assert_eq!(ask_host(router, host, "GET /a"), "own", "{host:?}");
        }
        for host in ["other", "h.h", "", ":80", "127.0.0.1", "h..", "not a host"] {
            assert_eq!(ask_host(router, host, "GET /a"), "generic", "{host:?}");
        }
    });
}

#[test]
fn case_212_addresses_are_compared_as_addresses() {
    let renamed = route("/a").host("127.0.0.1").unwrap().host("name").unwrap();
    let one = router([(renamed, get("a"))]);
    assert_eq!(ask_host(&one, "name", "GET /a"), "a");
    assert_eq!(ask_host(&one, "127.0.0.1", "GET /a"), "404");
    for written in ["::1", "[::1]", "0:0::0001"] {
        let six = router([(route("/a").host(written).unwrap(), get("a"))]);
        assert_eq!(ask_host(&six, "[::1]:8080", "GET /a"), "a", "{written}");
        assert_eq!(ask_host(&six, "[0:0::1]", "GET /a"), "a", "{written}");
        assert_eq!(ask_host(&six, "[::2]", "GET /a"), "404", "{written}");
    }
}

#[test]
fn case_213_the_authority_of_the_target_is_the_host() {
    let here = |host| route("/a").host(host).unwrap();
    let registrations = [(here("h"), get("h")), (here("other"), get("other"))];
    in_each_order(registrations, |router| {
        let expected = [
            ("GET http://other/a", "other"),
            ("GET http://OTHER:80/a", "other"),
            ("GET /a", "h"),
        ];
        check(router, &expected);
    });
}

#[test]
fn case_214_what_is_there_already_is_refused() {
    let mut router = router([(route("/x/{a}"), get("first")), (route("/y"), any("y"))]);
    let second = [
        (route("/x/{a}"), get("second")),
        (route("/x/{b}"), get("second")),
        (route("/x/{b}"), post("second").get("second")),
        (route("/y"), any("second")),
    ];
    for (route, methods) in second {
        let error = router.add(&route, methods).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
    }
    let expected = [
        ("GET /x/1", "first a=1"),
        ("POST /x/1", "405 GET, HEAD, OPTIONS"),
        ("GET /y", "y"),
    ];
    check(&router, &expected);
}

#[test]
fn case_215_malformed_patterns_are_refused() {
    for pattern in ["a", "/x/{", "/x/{}", "/x/{a}/{a}", "/{*r}/x"] {
        for parsed in [Route::new(pattern), Route::tree(pattern)] {
            let error = parsed.expect_err(pattern);
            assert_eq!(error.kind(), ErrorKind::InvalidInput, "{pattern}");
        }
    }
}

#[test]
fn case_216_removed_while_a_request_runs() {
    struct Counted(Arc<AtomicUsize>);
    impl Drop for Counted {
        fn drop(&mut self) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }
    let drops = Arc::new(AtomicUsize::new(0));
    let dropped = || drops.load(Ordering::Relaxed);
    let target = Target::parse(&Method::GET, "/a").unwrap();
    let mut router = Router::new();
    let find = |router: &Router<_>| router.find(&Method::GET, "h", &target);
    assert!(matches!(find(&router), Found::NotFound));

    let handler = Arc::new(Counted(drops.clone()));
    let methods = Methods::new().get(handler);
    router.add(&route("/a"), methods).unwrap();
    let running = find(&router);
    assert!(matches!(running, Found::Handler { .. }));
    drop(router.remove(&route("/a"), Method::GET));
    assert!(matches!(find(&router), Found::NotFound));
    assert_eq!(dropped(), 0);
    drop(running);
    assert_eq!(dropped(), 1);
}

#[test]
fn case_217_paths_are_made_canonical() {
    let router = router([(route("/home/index.html"), get("home"))]);
    let expected = [
        ("GET /someplace/..////home/./%69ndex.html", "home"),
        ("GET /..", "400"),
        ("GET /a/%2e%2e/%2E%2e/b", "400"),
    ];
    check(&router, &expected);
}

#[test]
fn case_218_options_and_unknown_methods() {
    let registrations = [
        (route("/a"), get("a")),
        (route("/b").host("other").unwrap(), post("b")),
    ];
    in_each_order(registrations, |router| {
        let expected = [
            ("OPTIONS *", "options GET, HEAD, POST, OPTIONS"),
            ("GET *", "400"),
            ("OPTIONS /a", "options GET, HEAD, OPTIONS"),
            ("OPTIONS /c", "404"),
            ("FOO /a", "501"),
            ("FOO /c", "501"),
            ("get /a", "501"),
            ("TRACE /a", "501"),
            ("CONNECT h:80", "501"),
        ];
        check(router, &expected);
    });
}

#[test]
fn trace_and_connect_for_their_own_handlers_only() {
    let registrations = [
        (route("/t"), on(Method::TRACE, "trace")),
        (route("/"), any("any").on(Method::CONNECT, "connect")),
    ];
    in_each_order(registrations, |router| {
        let all = "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS";
        check(
            router,
            &[
                ("TRACE /t", "trace"),
                ("TRACE /", &format!("405 {all}")),
                ("TRACE /c", "404"),
                ("GET /t", "405 OPTIONS, TRACE"),
                ("CONNECT h:80", "connect"),
                ("GET /", "any"),
                ("OPTIONS *", &format!("options {all}, CONNECT, TRACE")),
                // The server knows the method, by its handler for any.
                ("FOO /t", "405 OPTIONS, TRACE"),
            ],
        );
    });
    let root = tree("/").host("h").unwrap();
    let tunnels = router([(root, on(Method::CONNECT, "tree")), (route("/"), get("/"))]);
    let expected = [
        ("CONNECT h:80", "tree rest[]/"),
        ("CONNECT other:80", "404"),
        ("POST /", "405 GET, HEAD, OPTIONS"),
        ("GET /a", "404"),
    ];
    check(&tunnels, &expected);
}
