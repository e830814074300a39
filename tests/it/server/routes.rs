//! Which handler answers, and what is answered where there is none (cases 200 to 219).

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use http_aio::{Exchange, any, delete, get, head, on, options, patch, post, put};

use super::*;

#[test]
fn a_method_that_has_no_handler_is_405_and_keeps_the_connection() {
    let host = Host::new(|server| {
        server.route("/a", get(|_| "a")).unwrap();
    });
    for family in FAMILIES {
        let mut visitor = host.visit_over(family);
        let reply = visitor.post("/a", "0123456789");
        assert_eq!(reply.status, 405);
        assert_eq!(reply.field("allow"), Some("GET, HEAD, OPTIONS"));
        assert!(!reply.closes());
        assert_eq!(visitor.get("/a").text(), "a");
        visitor.leave();
    }
    host.stop();
}

#[test]
fn methods_fall_through_to_less_specific_routes() {
    let host = Host::new(|server| {
        server.route("/a", get(|_| "leaf")).unwrap();
        server.tree("/", post(|_| "tree")).unwrap();
    });
    let mut visitor = host.visit();
    assert_eq!(visitor.post("/a", "").text(), "tree");
    assert_eq!(visitor.get("/a").text(), "leaf");
    let reply = visitor.ask("PUT", "/a").reply();
    assert_eq!(reply.status, 405);
    assert_eq!(reply.field("allow"), Some("GET, HEAD, POST, OPTIONS"));
    host.stop();
}

#[test]
fn head_is_the_leafs_and_an_own_handler_wins() {
    let host = Host::new(|server| {
        server.route("/a", get(|_| "leaf")).unwrap();
        server.tree("/", get(|_| "the whole tree")).unwrap();
    });
    let mut visitor = host.visit();
    let reply = visitor.ask("HEAD", "/a").reply_to_head();
    assert_eq!(
        (reply.status, reply.field("content-length")),
        (200, Some("4"))
    );
    let reply = visitor.ask("HEAD", "/b").reply_to_head();
    assert_eq!(reply.field("content-length"), Some("14"));

    host.server.remove_route("/a").unwrap();
    let own = get(|_| "leaf").head(|_| "a head of its own");
    host.server.route("/a", own).unwrap();
    let reply = visitor.ask("HEAD", "/a").reply_to_head();
    assert_eq!(reply.field("content-length"), Some("17"));
    assert_eq!(visitor.get("/a").text(), "leaf");
    host.stop();
}

#[test]
fn the_authority_of_an_absolute_target_is_the_host() {
    let host = Host::new(|server| {
        let show = |x: &mut Exchange| format!("other: {:?}", x.headers()["host"]);
        server.route("other/a", get(show)).unwrap();
        server.route("/a", get(|_| "any")).unwrap();
    });
    let mut visitor = host.visit();
    assert_eq!(visitor.get("/a").text(), "any");
    visitor.say("GET http://other/a HTTP/1.1\r\nHost: h\r\n\r\n");
    assert_eq!(visitor.reply().text(), "other: \"other\"");
    visitor.say("GET http://other/a HTTP/1.1\r\n\r\n");
    let reply = visitor.reply();
    assert_eq!(reply.status, 400);
    assert!(reply.closes());
    visitor.ends();
    host.stop();
}

#[test]
fn a_route_that_is_added_is_found_by_the_next_request() {
    let host = Host::new(|_| ());
    let mut visitor = host.visit();
    assert_eq!(visitor.get("/a").status, 404);
    host.server.route("/a", get(|_| "new")).unwrap();
    assert_eq!(visitor.get("/a").text(), "new");
    host.stop();
}

#[test]
fn a_route_that_is_removed_ends_after_its_last_request() {
    struct Counted(Arc<AtomicUsize>);
    impl Drop for Counted {
        fn drop(&mut self) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }
    let dropped = Arc::new(AtomicUsize::new(0));
    let (entered, enters) = gate();
    let (go, goes) = gate();
    let host = Host::new(|server| {
        let counted = Counted(Arc::clone(&dropped));
        let slow = move |_: &mut Exchange| {
            let _ = &counted;
            entered.send(()).unwrap();
            receive(&goes);
            "done"
        };
        server.route("/a", get(slow)).unwrap();
    });
    let mut visitor = host.visit();
    visitor.ask("GET", "/a");
    receive(&enters);
    assert!(host.server.remove_route("/a").unwrap());
    assert!(!host.server.remove_route("/a").unwrap());
    assert_eq!(dropped.load(Ordering::SeqCst), 0);
    go.send(()).unwrap();
    assert_eq!(visitor.reply().text(), "done");
    assert_eq!(visitor.get("/a").status, 404);
    assert_eq!(dropped.load(Ordering::SeqCst), 1);
    host.stop();
}

#[test]
fn paths_are_canonical_before_they_are_routed() {
    let host = Host::new(|server| {
        let show = |x: &mut Exchange| x.uri().path().to_owned();
        server.route("/home/index.html", get(show)).unwrap();
        let id = |x: &mut Exchange| x.param("id").to_owned();
        server.route("/x/{id}", get(id)).unwrap();
    });
    let mut visitor = host.visit();
    let strange = "/someplace/..////home/./%69ndex.html";
    assert_eq!(visitor.get(strange).text(), strange);
    assert_eq!(visitor.get("/x/a%2Fb?q=/").text(), "a/b");
    for malformed in [
        "/..",
        "/a/%2e%2e/%2E%2e/b",
        "/x/%zz",
        "/x/%",
        "/x/%00",
        "/x/%ff",
    ] {
        let reply = visitor.get(malformed);
        assert_eq!(reply.status, 400, "{malformed}");
        assert!(!reply.closes(), "its end was clear: {malformed}");
    }
    visitor.goes_on();
    host.stop();
}

#[test]
fn options_answers_for_the_server_and_for_a_path() {
    let host = Host::new(|server| {
        server.route("/a", get(|_| "a").put(|_| "put")).unwrap();
        server
            .route("/b", head(|_| "b").options(|_| "own"))
            .unwrap();
    });
    let mut visitor = host.visit();
    let reply = visitor.ask("OPTIONS", "*").reply();
    assert_eq!(
        (reply.status, reply.field("content-length")),
        (200, Some("0"))
    );
    let allow = reply.field("allow").expect("Allow");
    for method in ["GET", "HEAD", "PUT", "OPTIONS"] {
        assert!(allow.split(", ").any(|one| one == method), "{allow}");
    }
    let reply = visitor.ask("OPTIONS", "/a").reply();
    assert_eq!((reply.status, reply.field("content-length")), (204, None));
    let allow = reply.field("allow").expect("Allow");
    assert!(allow.starts_with("GET, HEAD, PUT"), "{allow}");
    assert_eq!(visitor.ask("OPTIONS", "/b").reply().text(), "own");
    assert_eq!(visitor.ask("OPTIONS", "/c").reply().status, 404);
    host.stop();
}

#[test]
fn unknown_methods_and_trace_are_501_and_reflect_nothing() {
    let host = Host::new(|server| {
        server
            .tree("/", any(|x: &mut Exchange| x.method().to_string()))
            .unwrap();
        server.route("/a", get(|_| "a")).unwrap();
    });
    let mut visitor = host.visit();
    // A handler for any method has them all, but for those that reflect or tunnel.
    assert_eq!(visitor.ask("FOO", "/a").reply().text(), "FOO");
    visitor.say("TRACE /a HTTP/1.1\r\nHost: h\r\nSecret: 42\r\n\r\n");
    let reply = visitor.reply();
    assert!(!reply.text().contains("42"));
    assert_eq!(
        reply.field("content-type"),
        Some("text/plain; charset=utf-8")
    );
    assert_eq!(reply.field("x-content-type-options"), Some("nosniff"));
    assert_eq!(reply.status, 501);

    host.server.remove_tree("/").unwrap();
    assert_eq!(visitor.ask("FOO", "/a").reply().status, 501);
    assert_eq!(visitor.ask("FOO", "/none").reply().status, 501);
    assert_eq!(visitor.ask("TRACE", "/a").reply().status, 501);
    visitor.goes_on();
    host.stop();
}

#[test]
fn a_target_that_is_none_is_400() {
    let host = Host::new(|server| {
        server.tree("/", get(|_| "all")).unwrap();
    });
    for target in [&b"/a#b"[..], b"/a b", b"/a\x80", b"*", b"a", b"http://h/#x"] {
        let mut visitor = host.visit();
        visitor
            .say(b"GET ")
            .say(target)
            .say(" HTTP/1.1\r\nHost: h\r\n\r\n");
        let reply = visitor.reply();
        let target = String::from_utf8_lossy(target);
        assert_eq!((reply.status, reply.closes()), (400, true), "{target}");
        visitor.ends();
    }
    host.stop();
}

/// The rule itself is tested where it is written; here, that the server follows it.
#[test]
fn routes_trees_and_hosts_are_found_by_the_rule() {
    let show = |name: &'static str| {
        move |x: &mut Exchange| {
            let rest: Vec<_> = x.rest().map(String::from).collect();
            format!("{name} {} {}", x.param("id"), rest.join("+"))
        }
    };
    let host = Host::new(|server| {
        server.route("/a", get(show("leaf"))).unwrap();
        server.route("/x/{id}", get(show("one"))).unwrap();
        server.route("/x/a", get(show("text"))).unwrap();
        server.tree("/x", get(show("tree"))).unwrap();
        server.route("/f/{*rest}", get(show("rest"))).unwrap();
        server.route("/m/{id}/c", get(show("middle"))).unwrap();
        server.route("/m/b/d", get(show("other"))).unwrap();
        server.route("h/a", get(show("host"))).unwrap();
        server.route("::1/a", get(show("address"))).unwrap();
        server.route("/any", any(show("any"))).unwrap();
        server.route("/any", get(show("get"))).unwrap();
    });
    let mut visitor = host.visit();
    for (name, path, text) in [
        ("g", "/a?x=1", "leaf  "),
        ("H.:80", "/a", "host  "),
        ("[::1]:8080", "/a", "address  "),
        ("g", "/x/42", "one 42 "),
        ("g", "/x/a%2Fb", "one a/b "),
        ("g", "/x/a", "text  "),
        ("g", "/x", "tree  "),
        ("g", "/x/b/c%2Fd", "tree  b+c/d"),
        ("g", "/f/a/b", "rest  a+b"),
        ("g", "/m/b/c", "middle b "),
        ("g", "/m/b/d", "other  "),
        ("g", "/any", "get  "),
    ] {
        visitor.say(format!("GET {path} HTTP/1.1\r\nHost: {name}\r\n\r\n"));
        assert_eq!(visitor.reply().text(), text, "{name} {path}");
    }
    assert_eq!(visitor.post("/any", "").text(), "any  ");
    for path in ["/a/", "/f/", "/xy", "/m/b", "/"] {
        assert_eq!(visitor.get(path).status, 404, "{path}");
    }
    drop(visitor);
    host.stop();
}

#[test]
fn what_cannot_be_registered_leaves_everything_as_it_was() {
    let host = Host::new(|server| {
        server.route("/x/{a}", get(|_| "first")).unwrap();
        server.tree("/t", get(|_| "first")).unwrap();
    });
    let refused = |result: Result<&Server, http_aio::Error>| {
        assert_eq!(result.unwrap_err().kind(), ErrorKind::InvalidInput);
    };
    refused(host.server.route("/x/{b}", get(|_| "second")));
    refused(
        host.server
            .route("/x/{a}", put(|_| "second").get(|_| "second")),
    );
    refused(host.server.tree("/t", get(|_| "second")));
    for path in [
        "a",
        "/x/{",
        "/x/{}",
        "/x/{a}/{a}",
        "/{*r}/x",
        "",
        "bad host/",
    ] {
        refused(host.server.route(path, get(|_| "second")));
    }
    let mut visitor = host.visit();
    for path in ["/x/1", "/t/1"] {
        assert_eq!(visitor.get(path).text(), "first");
    }
    assert_eq!(visitor.ask("PUT", "/x/1").reply().status, 405);
    drop(visitor);
    host.stop();
}

/// OPTIONS is among the methods, because the server answers it for every path that there is (RFC 9110
/// section 9.3.7).
#[test]
fn allow_lists_what_would_be_answered() {
    let host = Host::new(|server| {
        let all = put(|_| "put").delete(|_| "delete").patch(|_| "patch");
        server
            .route("/several", all.on("PURGE".parse().unwrap(), |_| "purge"))
            .unwrap();
        server.route("/head", head(|_| "head")).unwrap();
        server.route("/options", options(|_| "options")).unwrap();
        server.route("/patch", patch(|_| "patch")).unwrap();
        server.route("/delete", delete(|_| "delete")).unwrap();
        server
            .route("/purge", on("PURGE".parse().unwrap(), |_| "purge"))
            .unwrap();
    });
    let mut visitor = host.visit();
    for (path, allow) in [
        ("/several", "PUT, PATCH, DELETE, OPTIONS, PURGE"),
        ("/head", "HEAD, OPTIONS"),
        ("/options", "OPTIONS"),
        ("/patch", "PATCH, OPTIONS"),
        ("/delete", "DELETE, OPTIONS"),
        ("/purge", "OPTIONS, PURGE"),
    ] {
        let reply = visitor.get(path);
        assert_eq!((reply.status, reply.field("allow")), (405, Some(allow)));
        let reply = visitor.ask("OPTIONS", path).reply();
        if path != "/options" {
            assert_eq!((reply.status, reply.field("allow")), (204, Some(allow)));
        }
        for method in allow.split(", ") {
            let answered = visitor.ask(method, path);
            let reply = match method {
                "HEAD" => answered.reply_to_head(),
                _ => answered.reply(),
            };
            assert!(reply.status < 300, "{method} {path}");
        }
    }
    drop(visitor);
    host.stop();
}
